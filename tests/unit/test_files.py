"""Files are put in place whole or not at all, and a file system's refusal comes with its cure."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from strava_stats.errors import ConfigurationError, DiskFull
from strava_stats.files import disk_errors, explain_os_error, make_folder, move_into_place, write_atomic
from strava_stats.lake.shards import new_shard


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o444])
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_mode_is_as_asked(tmp_path: Path, mode: int, mask: int) -> None:
    """A new file and a replaced one have the mode asked for, whatever the umask and whatever the old one had."""
    old_mask = os.umask(mask)
    try:
        path = tmp_path / "file"
        write_atomic(path, b"one", mode)
        assert (path.read_bytes(), mode_of(path)) == (b"one", mode)
        path.chmod(0o666)
        write_atomic(path, b"two", mode)
        assert (path.read_bytes(), mode_of(path)) == (b"two", mode)
    finally:
        os.umask(old_mask)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("failing", ["fsync", "replace", "fchmod"])
def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    """When the disk is full at any step, the old bytes stay and no half-made file is left."""
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def refuse(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    owner = "pathlib.Path" if failing == "replace" else "strava_stats.files.os"
    monkeypatch.setattr(f"{owner}.{failing}", refuse)
    with pytest.raises(DiskFull):
        write_atomic(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_kill_between_write_and_rename_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was to be renamed is never the file itself: readers see the old bytes until the rename."""
    path = tmp_path / "file"
    write_atomic(path, b"old")
    seen = []

    def look(self: Path, target: Path) -> None:
        seen.append((self.read_bytes(), Path(target).read_bytes(), self != target))
        self.rename(target)

    monkeypatch.setattr(Path, "replace", look)
    write_atomic(path, b"new")
    assert seen == [(b"new", b"old", True)]
    assert path.read_bytes() == b"new"


def test_bytes_are_durable_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is fsynced before it is renamed, and its folder afterwards."""
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(descriptor: int) -> None:
        order.append("fsync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync file")
        fsync(descriptor)

    def note_replace(self: Path, target: Path) -> Path:
        order.append("rename")
        return replace(self, target)

    monkeypatch.setattr("strava_stats.files.os.fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    write_atomic(tmp_path / "one", b"x")
    (tmp_path / "two.tmp").write_bytes(b"x")
    move_into_place(tmp_path / "two.tmp", tmp_path / "two")
    assert order == ["fsync file", "rename", "fsync folder"] * 2


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EFBIG, DiskFull),
        (errno.EACCES, ConfigurationError),
        (errno.EPERM, ConfigurationError),
        (errno.EROFS, ConfigurationError),
        (errno.ENOTDIR, ConfigurationError),
        (errno.EISDIR, ConfigurationError),
        (errno.EIO, ConfigurationError),
        (errno.ESTALE, ConfigurationError),
    ],
)
def test_refusals_have_a_cure(tmp_path: Path, number: int, kind: type[Exception]) -> None:
    """Each refusal that a user can mend names the path and what to do."""
    with pytest.raises(kind, match=tmp_path.name) as raised, disk_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert " — " in str(raised.value)


def test_other_refusals_pass(tmp_path: Path) -> None:
    """An error that no user can mend is not dressed up."""
    with pytest.raises(OSError, match="too many") as raised, disk_errors(tmp_path):
        raise OSError(errno.EMFILE, "too many files")
    assert explain_os_error(raised.value, tmp_path) is None
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        (tmp_path / "missing").read_bytes()


def test_a_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    """A file where a folder belongs is named."""
    (tmp_path / "data").write_bytes(b"")
    for folder in (tmp_path / "data", tmp_path / "data" / "state"):
        with pytest.raises(ConfigurationError, match="in the way"):
            make_folder(folder)
    with pytest.raises(ConfigurationError):
        write_atomic(tmp_path / "data" / "file", b"x")


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """Writing into a folder that is not there is not silently nothing."""
    with pytest.raises(OSError, match="No such file"):
        write_atomic(tmp_path / "missing" / "file", b"x")


def test_make_folder_makes_parents_with_a_mode(tmp_path: Path) -> None:
    """Parents are made too, the last folder has the mode asked for, and a second call changes nothing."""
    folder = tmp_path / "a" / "b"
    make_folder(folder, mode=0o700)
    assert mode_of(folder) == 0o700
    make_folder(folder)
    assert mode_of(folder) == 0o700


def test_a_shard_is_in_place_whole_or_not_at_all(tmp_path: Path) -> None:
    """A shard appears when its block ends, not when the block fails, and not when nothing was written."""
    final, scratch = tmp_path / "activities" / "run.parquet", tmp_path / "tmp"
    with new_shard(final, scratch):
        pass
    assert not final.exists()
    with pytest.raises(RuntimeError), new_shard(final, scratch) as target:  # noqa: PT012
        target.write_bytes(b"half")
        raise RuntimeError
    assert not final.exists()
    with new_shard(final, scratch) as target:
        target.write_bytes(b"whole")
        assert not final.exists()
    assert final.read_bytes() == b"whole"
    assert list(scratch.iterdir()) == []

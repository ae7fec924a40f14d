"""What a backup holds, and what is refused of a file that only looks like one."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_stats.care.archive import TOKENS
from strava_stats.care.backup import back_up, backup_path
from strava_stats.care.restore import open_backup
from strava_stats.care.tokens import seal, unseal
from strava_stats.errors import ConfigurationError, CorruptData, UsageError
from strava_stats.lake.layout import Layout
from strava_stats.narration import Silent
from strava_stats.sync.state import State

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
Content = dict[str, Any]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A data folder with a file of each kind."""
    layout = Layout(tmp_path / "a home" / "data")
    files = {
        "bronze/activities/20260101T000000000000Z-7.jsonl.gz": b"one",
        "bronze/export/abc.zip": b"archive",
        "bronze/floor.json": b"{}",
        "bronze/.gitkeep": b"",
        "activities/20260101T000000000000Z-7.parquet": b"shard",
        "warehouse/other.duckdb": b"warehouse",
        "sql/ünïcode view.sql": b"select 1",
        "state/listings.json": b"{}",
        "state/budget.json": b"{}",
        "state/writer.lock": b"",
    }
    for name, content in files.items():
        path = layout.data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return layout


def write(layout: Layout, path: Path, tokens: bytes | None = None) -> Path:
    return back_up(layout, State(layout.state), Silent(), path, NOW, encrypted_tokens=tokens).path


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path, "r:") as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


def test_what_a_backup_holds(layout: Layout, tmp_path: Path) -> None:
    """All of bronze, the user's views, what state saves calls; neither shards, warehouse, locks nor counts of calls."""
    path = write(layout, tmp_path / "b.tar", b"sealed")
    found = members(path)
    assert set(found) == {
        "manifest.json",
        "secrets/strava_token.json.age",
        "data/bronze/activities/20260101T000000000000Z-7.jsonl.gz",
        "data/bronze/export/abc.zip",
        "data/bronze/floor.json",
        "data/sql/ünïcode view.sql",
        "data/state/listings.json",
    }
    manifest = json.loads(found.pop("manifest.json"))
    assert (manifest["format"], manifest["version"], manifest["athletes"]) == ("strava-stats-backup", 1, [7])
    assert datetime.fromisoformat(manifest["created_at"]) == NOW
    assert manifest["files"] == {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in found.items()
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_unpacks_to_the_same_bytes(layout: Layout, tmp_path: Path) -> None:
    """What is unpacked below data is what was there."""
    with open_backup(write(layout, tmp_path / "b.tar")) as backup:
        backup.unpack(tmp_path / "out", Silent())
    for name in ("bronze/export/abc.zip", "sql/ünïcode view.sql", "state/listings.json"):
        assert (tmp_path / "out" / "data" / name).read_bytes() == (layout.data_dir / name).read_bytes()


def test_names_of_backups(tmp_path: Path) -> None:
    """A folder gets a name with the time in UTC, a name that ends in .tar is taken as it is."""
    named = tmp_path / "strava-stats-20261123T120000Z.tar"
    assert backup_path(tmp_path, NOW) == named
    assert backup_path(tmp_path / "new folder", NOW) == tmp_path / "new folder" / named.name
    assert backup_path(tmp_path / "mine.tar", NOW) == tmp_path / "mine.tar"


def test_a_backup_replaces_none(layout: Layout, tmp_path: Path) -> None:
    """A file that is there stays as it is."""
    (tmp_path / "b.tar").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        write(layout, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_text() == "mine"


def test_a_failed_backup_leaves_nothing(layout: Layout, tmp_path: Path) -> None:
    """A file that cannot be read ends it, names that file, and leaves no half backup."""
    (tmp_path / "folder").mkdir()
    real = Path.open

    def refuse(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == "abc.zip":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(ConfigurationError, match=r"abc\.zip cannot be read"):
            write(layout, tmp_path / "folder" / "b.tar")
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_place_that_is_in_the_way(layout: Layout, tmp_path: Path) -> None:
    """Where no folder can be made the cure is to name another one."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigurationError, match="backup PATH"):
        write(layout, tmp_path / "file" / "b.tar")


def test_left_overs_of_a_killed_backup_go(layout: Layout, tmp_path: Path) -> None:
    """The half file of a killed process is gone after the next backup of that name."""
    (tmp_path / ".b.tar.4711.tmp").write_bytes(b"half")
    write(layout, tmp_path / "b.tar")
    assert list(tmp_path.glob(".*.tmp")) == []


def made(path: Path, change: Callable[[Content], None] | None = None, *extra: tarfile.TarInfo) -> Path:
    """A backup made by hand, with a manifest that agrees with what is in it."""
    content: Content = {"data/bronze/activities/x.jsonl.gz": b"one", "data/sql/v.sql": b"two"}
    files = {name: {"size": len(one), "sha256": hashlib.sha256(one).hexdigest()} for name, one in content.items()} | {
        one.name: {"size": one.size, "sha256": hashlib.sha256(bytes(one.size)).hexdigest()} for one in extra
    }
    manifest: Content = {
        "format": "strava-stats-backup",
        "version": 1,
        "created_at": "2026",
        "made_by": "me",
        "athletes": [],
        "files": files,
    }
    if change:
        change(manifest)
    with tarfile.open(path, "w") as tar:
        for name, one in content.items():
            tar.addfile(_member(name, len(one)), io.BytesIO(one))
        for one in extra:
            tar.addfile(one, io.BytesIO(bytes(one.size)))
        text = json.dumps(manifest).encode()
        tar.addfile(_member("manifest.json", len(text)), io.BytesIO(text))
    return path


def _member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = size, kind, link
    return member


def unpacked(path: Path, folder: Path) -> list[str]:
    with open_backup(path) as backup:
        backup.unpack(folder, Silent())
    return sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())


def test_one_made_by_hand(tmp_path: Path) -> None:
    """What the next tests change is taken as it is."""
    assert unpacked(made(tmp_path / "b.tar"), tmp_path / "out") == [
        "data/bronze/activities/x.jsonl.gz",
        "data/sql/v.sql",
    ]


@pytest.mark.parametrize(
    "member",
    [
        _member("../escaped"),
        _member("data/bronze/../../../escaped"),
        _member("/tmp/escaped"),  # noqa: S108 - a name that has to be refused
        _member("data/bronze//x"),
        _member("data/bronze/./x"),
        _member("data/sql/..\\x"),
        _member("data/sql/link", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        _member("data/sql/link", kind=tarfile.LNKTYPE, link="data/sql/v.sql"),
        _member("data/sql/device", kind=tarfile.CHRTYPE),
        _member("data/sql/device", kind=tarfile.BLKTYPE),
        _member("data/sql/pipe", kind=tarfile.FIFOTYPE),
        _member("data/sql/folder", kind=tarfile.DIRTYPE),
        _member("data/sql/v.sql", 3),
        _member("data/sql"),
        _member("data/state/writer.lock"),
        _member("data/state/budget.json"),
        _member("data/warehouse/strava.duckdb"),
        _member("secrets/strava_token.json"),
        _member("other"),
        _member(".env"),
    ],
    ids=lambda one: f"{one.name} {one.type!r}",
)
def test_members_that_are_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    """Names that lead elsewhere or nowhere, links, devices and doubles end it before anything is written."""
    path = made(tmp_path / "b.tar", None, member)
    with pytest.raises(CorruptData):
        unpacked(path, tmp_path / "out")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b.tar"]


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.clear(),
        lambda manifest: manifest.update(format="other"),
        lambda manifest: manifest.update(version=2),
        lambda manifest: manifest.update(files=[]),
        lambda manifest: manifest.update(athletes=["x"]),
        lambda manifest: manifest["files"].popitem(),
        lambda manifest: manifest["files"].update({"data/sql/w.sql": {"size": 1, "sha256": ""}}),
        lambda manifest: manifest["files"]["data/sql/v.sql"].update(size=-1),
        lambda manifest: manifest["files"]["data/sql/v.sql"].update(size=4),
        lambda manifest: manifest["files"]["data/sql/v.sql"].update(sha256="0" * 64),
    ],
)
def test_manifests_that_are_refused(tmp_path: Path, change: Callable[[Content], None]) -> None:
    """A manifest of another kind, or one that does not agree with what is there."""
    with pytest.raises(CorruptData):
        unpacked(made(tmp_path / "b.tar", change), tmp_path / "out")


def test_names_that_cannot_stand_side_by_side(tmp_path: Path) -> None:
    """A file where another one's folder has to be is no backup of ours."""
    with pytest.raises(CorruptData):
        unpacked(made(tmp_path / "b.tar", None, _member("data/sql/v.sql/w.sql")), tmp_path / "out")
    with pytest.raises(CorruptData):
        unpacked(made(tmp_path / "c.tar", None, _member(f"data/sql/{'x' * 300}")), tmp_path / "out2")


def test_any_damaged_byte_is_noticed(layout: Layout, tmp_path: Path) -> None:
    """Cut off anywhere, or with a byte of any file changed, it is refused."""
    whole = write(layout, tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "b.tar") as tar:
        places = [one.offset_data for one in tar if one.size] + [one.offset + 1 for one in tar]
    for number, place in enumerate(places):
        damaged = tmp_path / f"{number}.tar"
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(CorruptData):
            unpacked(damaged, tmp_path / f"out {number}")
    end = whole.rindex(b"}") - 1
    for number, size in enumerate(range(0, end, 512)):
        cut = tmp_path / f"cut {number}.tar"
        cut.write_bytes(whole[:size])
        with pytest.raises(CorruptData):
            unpacked(cut, tmp_path / f"cut {number}")


@pytest.mark.parametrize("content", [b"", b"garbage" * 300, b"\0" * 10_240, b"PK\x03\x04" + bytes(2_000)])
def test_garbage(tmp_path: Path, content: bytes) -> None:
    """What is no tar is called so."""
    (tmp_path / "b.tar").write_bytes(content)
    with pytest.raises(CorruptData), open_backup(tmp_path / "b.tar"):
        pass


def test_tokens_are_sealed(layout: Layout, tmp_path: Path) -> None:
    """The tokens are in the format of age, and open with the passphrase alone."""
    sealed = seal(b"tokens of all", "correct horse")
    assert sealed.startswith(b"age-encryption.org/v1\n-> scrypt ")
    path = write(layout, tmp_path / "b.tar", sealed)
    assert b"tokens of all" not in path.read_bytes()
    with open_backup(path) as backup:
        stored = backup.read(TOKENS)
    assert unseal(stored, "correct horse") == b"tokens of all"
    for wrong, content in (("wrong", stored), ("correct horse", b"")):
        with pytest.raises(UsageError, match="does not open"):
            unseal(content, wrong)

"""Bring a backup back into an empty data folder.

Everything is unpacked into the scratch folder and checked there. Bronze then appears by one rename: a kill before it
leaves a folder without activities, a kill after it one with all of them, and the same command goes on in either.
"""

from __future__ import annotations

import errno
import hashlib
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from strava_stats.care.archive import (
    BLOCK,
    CURE,
    LARGEST_MANIFEST,
    MANIFEST,
    RUN_RECORDS,
    STATE_FILES,
    Entry,
    Manifest,
    read_manifest,
    why_refused,
)
from strava_stats.care.backup import NOT_DATA
from strava_stats.errors import CorruptData, UsageError
from strava_stats.files import disk_errors, fsync_file, fsync_folder, make_folder
from strava_stats.lake.layout import Layout
from strava_stats.narration import Narrator
from strava_stats.sync.compact import Calendar, Compacted, compact
from strava_stats.sync.state import State

NO_NAME_HERE = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EEXIST, errno.EISDIR, errno.ENOTDIR})
BRONZE, SQL, STATE = "data/bronze/", "data/sql/", "data/state/"
TASK = "Unpacking files"


@dataclass(frozen=True)
class Backup:
    """An opened backup whose names and manifest agree; what the files hold is checked by `unpack`."""

    path: Path
    manifest: Manifest
    _tar: tarfile.TarFile
    _members: dict[str, tarfile.TarInfo]

    def below(self, folder: str) -> dict[str, Entry]:
        """The files whose names begin so, without that beginning."""
        files = self.manifest.files.items()
        return {name.removeprefix(folder): one for name, one in files if name.startswith(folder)}

    def read(self, name: str) -> bytes:
        """A small member, checked."""
        with _reading(self.path):
            content = _opened(self._tar, self._members[name]).read()
        self._check(name, len(content), hashlib.sha256(content).hexdigest())
        return content

    def unpack(self, folder: Path, narrator: Narrator) -> None:
        """All files below data, durable in `folder` and as the manifest says. Raises CorruptData."""
        names = [name for name in self.manifest.files if name.startswith("data/")]
        for done, name in enumerate(names):
            narrator.progress(TASK, done, len(names))
            target = folder / name
            with disk_errors(target), _reading(self.path):
                target.parent.mkdir(parents=True, exist_ok=True)
                size, digest = _copy(_opened(self._tar, self._members[name]), target)
            self._check(name, size, digest)
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir():
                fsync_folder(path)
        narrator.progress(TASK, len(names), len(names))

    def _check(self, name: str, size: int, digest: str) -> None:
        if Entry(size, digest) != self.manifest.files[name]:
            raise CorruptData(f"{self.path}: {name} is not what its manifest says", CURE)


@contextmanager
def open_backup(path: Path) -> Iterator[Backup]:
    """Open and look at every name; nothing is unpacked yet. Raises UsageError or CorruptData."""
    if not path.is_file():
        raise UsageError(f"There is no backup at {path}", "give the file that `strava-stats backup` wrote")
    with ExitStack() as stack:
        with _reading(path):
            backup = _look_into(path, stack.enter_context(_tar(stack.enter_context(path.open("rb")))))
        yield backup


def _look_into(path: Path, tar: tarfile.TarFile) -> Backup:
    members: dict[str, tarfile.TarInfo] = {}
    for member in tar:
        reason = "a name that was there before" if member.name in members else why_refused(member)
        if reason:
            raise CorruptData(f"{path} has {reason}: {member.name[:100]!r}", "do not restore it: no backup is so")
        members[member.name] = member
    manifest = members.pop(MANIFEST, None)
    if manifest is None:
        raise CorruptData(f"{path} is no whole backup: it has no manifest at its end", CURE)
    if manifest.size > LARGEST_MANIFEST:
        raise CorruptData(f"{path} has a manifest of {manifest.size:,} bytes", CURE)
    found = read_manifest(_opened(tar, manifest).read(), path)
    if odd := found.files.keys() ^ members.keys():
        raise CorruptData(f"{path} and its manifest disagree about {min(odd)[:100]!r}", CURE)
    return Backup(path, found, tar, members)


def _tar(file: IO[bytes]) -> tarfile.TarFile:
    return tarfile.open(fileobj=file, mode="r:")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError) as error:
        raise CorruptData(f"{path} is no whole backup ({type(error).__name__})", CURE) from error
    except OSError as error:
        # tarfile says so, without a number, of a member that ends early.
        if error.errno is not None and error.errno not in NO_NAME_HERE:
            raise
        raise CorruptData(f"{path} cannot be unpacked here ({type(error).__name__})", CURE) from error


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(member)
    assert file is not None  # a plain file, as `why_refused` has seen
    return file


def _copy(source: IO[bytes], target: Path) -> tuple[int, str]:
    """Size and SHA-256 of what was written; the target must not be there."""
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as file:
        while block := source.read(BLOCK):
            file.write(block)
            digest.update(block)
            size += len(block)
    fsync_file(target)
    return size, digest.hexdigest()


def restore(layout: Layout, state: State, narrator: Narrator, calendar: Calendar, *, backup: Backup) -> Compacted:
    """Under the writer's lock: unpack, check, move into place, make shards and warehouse. Safe to be done again."""
    has_bronze = require_room(layout, backup)
    unpacked = layout.scratch / "restore"
    backup.unpack(unpacked, narrator)
    put_in_place(layout, unpacked, has_bronze=has_bronze)
    return compact(layout, state, narrator, calendar, rebuild=True)


def require_room(layout: Layout, backup: Backup) -> bool:
    """True when bronze is there already, file by file as in the backup: then only the rest is left to do.

    Raises UsageError when anything else is there: data of two lives are never mixed.
    """
    present = _present(layout.data_dir / "bronze")
    is_there = bool(present) and _are_the_same(present, backup.below(BRONZE))
    made_anew = (layout.shards, layout.streams, layout.device_files, layout.warehouse.parent)
    derived = [] if is_there else [path for folder in made_anew for path in _present(folder).values()]
    views = _present(layout.user_sql)
    known = backup.below(SQL)
    others = [path for name, path in views.items() if not _is(path, known.get(name))]
    in_the_way = [*([] if is_there else present.values()), *derived, *others]
    if in_the_way:
        raise UsageError(
            f"The data folder is not empty: there is {in_the_way[0]}",
            "restore into an empty one (--data-dir), or move that away first",
        )
    return is_there


def _present(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    paths = (path for path in sorted(folder.rglob("*")) if not path.is_dir() and path.name not in NOT_DATA)
    return {path.relative_to(folder).as_posix(): path for path in paths}


def _are_the_same(present: dict[str, Path], files: dict[str, Entry]) -> bool:
    return present.keys() == files.keys() and all(_is(path, files[name]) for name, path in present.items())


def _is(path: Path, entry: Entry | None) -> bool:
    if entry is None or not path.is_file() or path.stat().st_size != entry.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256


def put_in_place(layout: Layout, unpacked: Path, *, has_bronze: bool) -> None:
    """Move what was unpacked to where it belongs. State comes last: without it a run only makes more calls."""
    state = {name: unpacked / STATE / name for name in (*STATE_FILES, RUN_RECORDS)}
    with disk_errors(layout.data_dir):
        for name in (*state, layout.published.name):
            (layout.state / name).unlink(missing_ok=True)
        fsync_folder(layout.state)
        for name, path in _present(unpacked / SQL).items():
            _move(path, layout.user_sql / name)
        bronze = layout.data_dir / "bronze"
        if not has_bronze and (unpacked / BRONZE).is_dir():
            _clear(bronze)
            (unpacked / BRONZE).rename(bronze)
            fsync_folder(layout.data_dir)
        for name, path in state.items():
            if path.exists():
                _move(path, layout.state / name)


def _move(path: Path, final: Path) -> None:
    make_folder(final.parent)
    path.replace(final)
    fsync_folder(final.parent)


def _clear(folder: Path) -> None:
    """Remove a tree of empty folders."""
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()  # one of NOT_DATA: anything else would have been in the way
    with suppress(FileNotFoundError):
        folder.rmdir()

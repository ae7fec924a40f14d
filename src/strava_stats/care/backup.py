"""Write a backup: one tar of what cannot be made anew. Files are streamed; none is held in memory."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from strava_stats import __version__
from strava_stats.care.archive import MANIFEST, RUN_RECORDS, STATE_FILES, TOKENS, Entry, Manifest
from strava_stats.care.purge import athletes_in_bronze
from strava_stats.errors import ConfigurationError, StravaStatsError, TryAgainLater, UsageError
from strava_stats.files import disk_errors, make_folder, new_file
from strava_stats.lake.layout import Layout
from strava_stats.narration import Narrator
from strava_stats.sync.state import State
from strava_stats.warehouse.query import Warehouse

ENDING = ".tar"
PRIVATE = 0o600
FOLDER_MODE = 0o700
TASK = "Backing up files"
NOT_DATA = frozenset({".DS_Store", ".gitkeep"})


@dataclass(frozen=True)
class BackedUp:
    """What was written."""

    path: Path
    files: int
    bytes: int
    has_secrets: bool


def backup_path(wanted: Path, now: datetime) -> Path:
    """Where the backup goes: `wanted` itself when it ends in .tar, else a file named after the time below it."""
    if wanted.suffix == ENDING and not wanted.is_dir():
        return wanted
    return wanted / f"strava-stats-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}{ENDING}"


def back_up(
    layout: Layout, state: State, narrator: Narrator, path: Path, now: datetime, *, encrypted_tokens: bytes | None
) -> BackedUp:
    """Under the writer's lock, with all journals closed. Raises UsageError rather than replace a file."""
    if path.exists():
        raise UsageError(f"{path} is there already", "give another name: a backup never replaces one")
    files = [*_data_files(layout)]
    if not any(name.startswith("data/bronze/") for name, _ in files):
        raise ConfigurationError(f"There is nothing to back up in {layout.data_dir}", "check DATA_DIR or --data-dir")
    _make_place(path.parent)
    entries: dict[str, Entry] = {}
    with new_file(path, PRIVATE) as target, tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        if encrypted_tokens is not None:
            _add_bytes(tar, entries, TOKENS, encrypted_tokens, now)
        for done, (name, source) in enumerate(files):
            narrator.progress(TASK, done, len(files))
            _add_file(tar, entries, name, source)
        narrator.progress(TASK, len(files), len(files))
        if records := run_records(layout, state):
            content = b"".join(json.dumps(record).encode() + b"\n" for record in records)
            _add_bytes(tar, entries, f"data/state/{RUN_RECORDS}", content, now)
        manifest = Manifest(now.isoformat(), f"strava-stats {__version__}", _athletes(layout), entries)
        _add_bytes(tar, {}, MANIFEST, manifest.as_json(), now)
    return BackedUp(path, len(entries), path.stat().st_size, encrypted_tokens is not None)


def _make_place(folder: Path) -> None:
    """The folder that backups go to; where it cannot be written another one has to be named."""
    cure = "give a folder that can be written: `strava-stats backup PATH`"
    try:
        make_folder(folder, FOLDER_MODE)
    except ConfigurationError as error:
        raise ConfigurationError(error.message, cure) from error
    if not os.access(folder, os.W_OK):
        raise ConfigurationError(f"Cannot write in {folder}", cure)


def run_records(layout: Layout, state: State) -> list[dict[str, Any]]:
    """Every run that is known of, in order: bronze does not hold them, so they are all that the warehouse has alone."""
    records: list[dict[str, Any]] = []
    if layout.warehouse.exists():
        with suppress(StravaStatsError), Warehouse(layout.warehouse) as warehouse:  # a damaged file is made anew
            records = [{name: _as_text(value) for name, value in one.items()} for one in warehouse.run_records()]
    known = {record["run_id"]: record for record in [*records, *state.pending_runs()]}
    return [known[run_id] for run_id in sorted(known)]


def _athletes(layout: Layout) -> tuple[int, ...]:
    return tuple(sorted(athletes_in_bronze(layout)))


def _as_text(value: Any) -> Any:
    """Instants of the warehouse as the state has them."""
    return value.isoformat() if isinstance(value, datetime) else value


def _data_files(layout: Layout) -> Iterator[tuple[str, Path]]:
    """Name in the backup → file. Links are followed: what they lead to is what would be missed."""
    for folder in (layout.data_dir / "bronze", layout.user_sql):
        for path in _files_below(folder):
            yield f"data/{path.relative_to(layout.data_dir).as_posix()}", path
    for name in STATE_FILES:
        if (layout.state / name).is_file():
            yield f"data/state/{name}", layout.state / name


def _files_below(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    with disk_errors(folder):
        entries = sorted(folder.iterdir())
    for path in entries:
        if path.is_dir():
            yield from _files_below(path)
        elif path.is_file() and path.name not in NOT_DATA and not path.name.endswith(".tmp"):
            yield path


def _add_file(tar: tarfile.TarFile, entries: dict[str, Entry], name: str, source: Path) -> None:
    with _opened(source) as file:
        member = tarfile.TarInfo(name)
        member.size, member.mtime = _size(file), int(source.stat().st_mtime)
        digest = hashlib.sha256()
        try:
            tar.addfile(member, _Hashed(file, digest))
        except OSError as error:
            if error.errno is not None:
                raise
            raise TryAgainLater(
                f"{source} became shorter while it was read", "run the same command again when nobody edits it"
            ) from error
        entries[name] = Entry(member.size, digest.hexdigest())


def _opened(source: Path) -> IO[bytes]:
    try:
        return source.open("rb")
    except OSError as error:
        raise ConfigurationError(
            f"{source} cannot be read ({type(error).__name__})", "make it readable for this user; no backup was made"
        ) from error


def _size(file: IO[bytes]) -> int:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size


def _add_bytes(tar: tarfile.TarFile, entries: dict[str, Entry], name: str, content: bytes, now: datetime) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(content), int(now.timestamp()), PRIVATE
    tar.addfile(member, io.BytesIO(content))
    entries[name] = Entry(len(content), hashlib.sha256(content).hexdigest())


class _Hashed(io.RawIOBase):
    """A file that hashes what is read from it."""

    def __init__(self, file: IO[bytes], digest: Any) -> None:
        self._file = file
        self._digest = digest

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        block = self._file.read(size)
        self._digest.update(block)
        return block

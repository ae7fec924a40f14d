"""The bulk-export archive, a ZIP or a folder, read in place.

Names are relative to where activities.csv lies, so that an archive packed with its outer folder reads the same. A
member with a name that leads elsewhere, or that cannot be read safely, is no member: it is listed in `refused`.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, NoReturn, Self

from strava_stats.errors import CorruptData, UsageError
from strava_stats.export.archive_source import (
    BLOCK,
    GET_ONE,
    Entry,
    crc_of,
    entries_of_folder,
    entries_of_zip,
    open_plain,
    source_errors,
)
from strava_stats.export.keeping import FIXED_DATE, Date, copy_zip, keep, pack_folder

LIST = "activities.csv"
STRAVA_BEGAN = 2009
AGAIN = "download the archive again"


class Member:
    """One file of an archive: `name` with forward slashes, `size` in bytes unpacked, `crc` (CRC-32) of its content.

    In a folder `crc` is worked out when it is first asked for, by reading the file.
    """

    def __init__(self, name: str, size: int, checksum: Callable[[], int]) -> None:
        self.name = name
        self.size = size
        self._checksum = checksum

    @cached_property
    def crc(self) -> int:
        """CRC-32 as a ZIP has it."""
        return self._checksum()

    def __repr__(self) -> str:
        return f"Member({self.name!r}, {self.size})"


class Archive:
    """An open archive; `open_archive` makes it. `members` are the harmless files by name, `refused` (name, reason)."""

    def __init__(self, path: Path, file: zipfile.ZipFile | None) -> None:
        self.path = path
        self._zip = file
        entries = list(entries_of_zip(file) if file else entries_of_folder(path))
        base = _base(entries, path)
        self.refused: list[tuple[str, str]] = []
        self._where: dict[str, zipfile.ZipInfo | Path] = {}
        members: dict[str, Member] = {}
        for entry in entries:
            name = entry.name.removeprefix(base)
            why = entry.why_refused
            if not why and not entry.name.startswith(base):
                why = f"outside the folder of {LIST}"
            if not why and name in members:
                why = "a second file of this name"
            if why:
                self.refused.append((name, why))
                continue
            self._where[name] = entry.where
            members[name] = Member(name, entry.size, self._checksum_of(entry.where))
        self.members: Mapping[str, Member] = members

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._zip is not None:
            self._zip.close()

    @property
    def made_at(self) -> datetime | None:
        """When activities.csv was written: its date in the ZIP (taken as UTC), or its mtime in a folder.

        None when a ZIP gives no date that can be: DOS dates begin in 1980, Strava in 2009.
        """
        where = self._where[LIST]
        if isinstance(where, Path):
            with source_errors(where):
                return datetime.fromtimestamp(where.lstat().st_mtime, UTC)
        try:
            made = datetime(*where.date_time, tzinfo=UTC)
        except ValueError:
            return None
        return made if made.year >= STRAVA_BEGAN else None

    def read(self, name: str, limit: int) -> bytes:
        """The content of a member; CorruptData when it is damaged or longer than `limit` bytes."""
        member = self.members[name]
        if member.size > limit:
            _too_long(name, limit)
        with self._reading(name), self._open(self._where[name]) as file:
            content = file.read(limit + 1)
            if len(content) > limit:
                _too_long(name, limit)
            if len(content) != member.size:
                raise CorruptData(f"{name} in {self.path} is not as long as the archive says", AGAIN)
            return content

    def blocks(self, name: str) -> Iterator[bytes]:
        """The content of a member in pieces; CorruptData when it is damaged."""
        with self._reading(name), self._open(self._where[name]) as file:
            while block := file.read(BLOCK):
                yield block

    def date_of(self, name: str) -> Date:
        """The date that a ZIP gives a member; one and the same for all files of a folder."""
        where = self._where[name]
        return FIXED_DATE if isinstance(where, Path) else where.date_time

    def keep(self, folder: Path, scratch: Path) -> str:
        """Keep the archive as `<sha256>.zip` in `folder`; returns the SHA-256. One that is there is not written again.

        A ZIP is copied byte by byte. A folder is packed the same way each time (names sorted, dates fixed, no modes),
        so that it gives the same name again; with another zlib it might be kept twice. What is packed already is
        stored, the rest deflated. Its `media/` stays out: nothing reads the pictures, and they are most of the bytes.
        Refused files stay out too. Raises DiskFull.
        """
        if self._zip is not None:
            size = self.path.stat().st_size
            return keep(lambda sink: copy_zip(self.path, sink), size, folder, scratch)
        files = [
            (name, where)
            for name, where in self._where.items()
            if isinstance(where, Path) and not name.startswith("media/")
        ]
        return keep(lambda sink: pack_folder(files, sink), None, folder, scratch)

    def _open(self, where: zipfile.ZipInfo | Path) -> IO[bytes]:
        if isinstance(where, Path):
            return open_plain(where)
        assert self._zip is not None
        return self._zip.open(where)

    def _checksum_of(self, where: zipfile.ZipInfo | Path) -> Callable[[], int]:
        if isinstance(where, zipfile.ZipInfo):
            return lambda: where.CRC
        return lambda: crc_of(where)

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            with source_errors(self.path):
                yield
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise CorruptData(f"{name} in {self.path} is damaged ({type(error).__name__})", AGAIN) from error


def open_archive(path: Path) -> Archive:
    """Open the ZIP or folder at `path`; a context manager.

    Raises UsageError when it is no archive of Strava's, CorruptData when it is a damaged one.
    """
    with source_errors(path):
        kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        return Archive(path, None)
    if not stat.S_ISREG(kind):
        raise UsageError(f"{path} is neither a ZIP nor a folder", GET_ONE)
    try:
        with source_errors(path):
            file = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        with path.open("rb") as start:
            if start.read(4) == b"PK\x03\x04":
                raise CorruptData(f"{path} is damaged or was not downloaded to its end", AGAIN) from error
        raise UsageError(f"{path} is no ZIP", GET_ONE) from error
    try:
        return Archive(path, file)
    except BaseException:
        file.close()
        raise


def _base(entries: list[Entry], path: Path) -> str:
    """The folder of the activities.csv that lies highest, with its slash; raises when there is none, or more."""
    found = [entry for entry in entries if entry.name == LIST or entry.name.endswith(f"/{LIST}")]
    usable = [entry for entry in found if not entry.why_refused]
    if not usable:
        if found:
            raise CorruptData(f"{LIST} in {path} cannot be read: {found[0].why_refused}", AGAIN)
        raise UsageError(f"{path} has no {LIST}, so it is no archive of Strava's", GET_ONE)
    highest = min(entry.name.count("/") for entry in usable)
    bases = {entry.name.removesuffix(LIST) for entry in usable if entry.name.count("/") == highest}
    if len(bases) > 1:
        raise UsageError(f"{path} holds {len(bases)} archives side by side", "give one of them")
    return bases.pop()


def _too_long(name: str, limit: int) -> NoReturn:
    raise CorruptData(f"{name} is longer than the {limit >> 20} MB that are read of it", AGAIN)

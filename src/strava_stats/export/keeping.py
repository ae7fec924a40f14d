"""An archive is kept whole, under the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from strava_stats.export.archive_source import blocks_of
from strava_stats.files import disk_errors, make_folder, move_into_place

Date = tuple[int, int, int, int, int, int]
FIXED_DATE: Date = (1980, 1, 1, 0, 0, 0)
PACKED_ALREADY = (".gz", ".zip", ".jpg", ".jpeg", ".png", ".mp4", ".mov")


class Sink:
    """Takes bytes in order, hashes them, and writes them to `file` where there is one."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, block: Any) -> int:
        """Take the next bytes."""
        self._hash.update(block)
        if self._file is not None:
            self._file.write(block)
        return len(block)

    def flush(self) -> None:
        """For the writer of ZIPs, which asks for it."""

    def close(self) -> None:
        """The same; the file is its opener's."""

    @property
    def sha256(self) -> str:
        """Of all bytes so far, in hexadecimal."""
        return self._hash.hexdigest()


def copy_zip(path: Path, sink: Sink) -> None:
    """The bytes of a ZIP; the user's own link to it is followed."""
    for block in blocks_of(path.resolve()):
        sink.write(block)


def pack_folder(files: Iterable[tuple[str, Path]], sink: Sink) -> None:
    """A ZIP of these files that depends on their names and contents alone."""
    pack([(name, FIXED_DATE, blocks_of(path)) for name, path in sorted(files)], sink)


def pack(members: Iterable[tuple[str, Date, Iterable[bytes]]], sink: Sink) -> None:
    """A ZIP of these members (name, date, content in pieces) in their order."""
    with zipfile.ZipFile(sink, "w") as packed:
        for name, date, blocks in members:
            info = zipfile.ZipInfo(name, date)
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            is_packed = name.lower().endswith(PACKED_ALREADY)
            info.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
            with packed.open(info, "w", force_zip64=True) as member:
                for block in blocks:
                    member.write(block)


def keep(write_to: Callable[[Sink], None], size: int | None, folder: Path, scratch: Path) -> str:
    """Keep what `write_to` writes as `<sha256>.zip` in `folder`; returns the SHA-256.

    `size` is how many bytes that will be, where it is known. Nothing is written when they are there already.
    """
    if _may_be_there(size, folder):
        hashed = Sink()
        write_to(hashed)
        if (folder / f"{hashed.sha256}.zip").exists():
            return hashed.sha256
    make_folder(folder)
    make_folder(scratch)
    temporary = scratch / f"archive.{os.getpid()}.zip"
    try:
        with disk_errors(folder):
            with temporary.open("wb") as file:
                sink = Sink(file)
                write_to(sink)
            move_into_place(temporary, folder / f"{sink.sha256}.zip")
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    return sink.sha256


def _may_be_there(size: int | None, folder: Path) -> bool:
    """False when hashing beforehand would be in vain."""
    kept = folder.glob("*.zip") if folder.is_dir() else ()
    return any(size is None or one.stat().st_size == size for one in kept)

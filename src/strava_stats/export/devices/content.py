"""The bytes of one member of an archive or folder, never more than allowed."""

from __future__ import annotations

import stat
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from strava_stats.export.devices.recording import Unreadable

GZIP = b"\x1f\x8b"
MOST_LAYERS = 3
"""Some files are compressed twice."""
BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
"""What zipfile raises for damage, for an unknown compression, for a password, for absurd offsets, for a bad disk."""


@dataclass(frozen=True)
class Content:
    """A member, inflated; `size` and `crc` are those of the member as it lies in the archive."""

    data: bytes
    size: int
    crc: int
    note: str | None = None


def read_member(source: Path, member: str, limit: int) -> Content:
    """The member of a ZIP, or the file of a folder, of at most `limit` bytes inflated; raises Unreadable."""
    packed, size, crc = _from_folder(source, member, limit) if source.is_dir() else _from_zip(source, member, limit)
    data, note = inflate(packed, limit)
    return Content(data, size, crc, note)


def inflate(packed: bytes, limit: int) -> tuple[bytes, str | None]:
    """What gzip holds, whatever its name says, and a note when it is damaged; other bytes as they are."""
    note = None
    for _ in range(MOST_LAYERS):
        if not packed.startswith(GZIP):
            break
        packed, note = _gunzip(packed, limit)
    return packed, note


def _gunzip(packed: bytes, limit: int) -> tuple[bytes, str | None]:
    parts: list[bytes] = []
    left, rest, note = limit, packed, None
    while rest.startswith(GZIP):
        engine = zlib.decompressobj(wbits=31)
        try:
            part = engine.decompress(rest, left + 1)
        except zlib.error:
            part, note = _until_damage(rest, left + 1), "the compressed file is damaged"
        left -= len(part)
        if left < 0:
            raise Unreadable(_too_large(limit))
        parts.append(part)
        if note:
            break
        if not engine.eof:
            note = "the compressed file is cut off"
            break
        rest = engine.unused_data
    data = b"".join(parts)
    if not data:
        raise Unreadable(note or "the compressed file is empty")
    return data, note


def _until_damage(packed: bytes, limit: int) -> bytes:
    """What comes out before the decompressor stumbles, to within one small piece."""
    engine, parts, size = zlib.decompressobj(wbits=31), list[bytes](), 0
    for start in range(0, len(packed), 256):
        try:
            part = engine.decompress(packed[start : start + 256], limit - size)
        except zlib.error:
            break
        parts.append(part)
        size += len(part)
        if size >= limit:
            break
    return b"".join(parts)


@lru_cache(maxsize=2)
def _open(source: Path, changed: int, size: int) -> zipfile.ZipFile:  # noqa: ARG001 - a replaced archive is another one
    return zipfile.ZipFile(source)


def _from_zip(source: Path, member: str, limit: int) -> tuple[bytes, int, int]:
    try:
        status = source.stat()
        archive = _open(source, status.st_mtime_ns, status.st_size)
        info = archive.getinfo(member)
        if info.file_size > limit:
            raise Unreadable(_too_large(limit))
        with archive.open(info) as file:
            data = file.read(limit + 1)
    except KeyError:
        raise Unreadable("the archive has no such file") from None
    except BAD_ZIP:
        raise Unreadable("the archive cannot give it: damaged, locked, or packed in an unknown way") from None
    if len(data) > limit:
        raise Unreadable(_too_large(limit))
    return data, info.file_size, info.CRC


def _from_folder(source: Path, member: str, limit: int) -> tuple[bytes, int, int]:
    try:
        path = (source / member).resolve()
        if not path.is_relative_to(source.resolve()):
            raise Unreadable("the name leads out of the folder")
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("no regular file")
        if status.st_size > limit:
            raise Unreadable(_too_large(limit))
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise Unreadable("the folder has no such file") from None
    except (OSError, ValueError):  # ValueError: a NUL in the name
        raise Unreadable("the file cannot be read") from None
    if len(data) > limit:
        raise Unreadable(_too_large(limit))
    return data, len(data), zlib.crc32(data)


def _too_large(limit: int) -> str:
    return f"more than {limit:,} bytes inflated"

"""What lies in an archive, before it is believed: the entries of a ZIP or a folder, and why some are not taken."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from strava_stats.errors import CorruptData, UsageError
from strava_stats.files import BROKEN

BLOCK = 1 << 20
LONGEST_NAME = 1024
UTF8_NAME = 0x800
ENCRYPTED = 0x1
LEFT_BY_SYSTEMS = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
GET_ONE = "ask Strava for it under Settings → My Account → Download or Delete Your Account, and give that ZIP or folder"


@dataclass(frozen=True)
class Entry:
    """What was found in the ZIP's directory or in the folder, before its name is trusted."""

    name: str
    size: int
    where: zipfile.ZipInfo | Path
    why_refused: str


def entries_of_zip(file: zipfile.ZipFile) -> Iterator[Entry]:
    """The files in a ZIP's directory."""
    for info in file.infolist():
        if not info.is_dir():
            name = _name_of(info)
            yield Entry(name.removeprefix("./"), info.file_size, info, _why_unreadable(info) or _why_refused(name))


def _name_of(info: zipfile.ZipInfo) -> str:
    """The name; one without the UTF-8 mark may be UTF-8 all the same, as macOS writes it."""
    if info.flag_bits & UTF8_NAME:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.orig_filename


def _why_unreadable(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:
        return "no plain file"
    if info.flag_bits & ENCRYPTED:
        return "encrypted"
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return f"packed by a method that is not read ({info.compress_type})"
    return "" if info.file_size else "empty"


def _why_refused(name: str) -> str:
    """Why a name is not taken; "" when it is harmless."""
    plain = name.removeprefix("./")
    parts = plain.split("/")
    if "\\" in plain or ":" in parts[0] or any(part in {"", ".", ".."} for part in parts):
        return "a name that leads elsewhere"
    if len(plain) > LONGEST_NAME or not plain.isprintable():
        return "a name that is no text"
    if any(part in LEFT_BY_SYSTEMS or part.startswith("._") for part in parts) or plain.startswith(LEFT_BY_SYSTEMS):
        return "not part of an archive"
    return ""


def entries_of_folder(folder: Path) -> Iterator[Entry]:
    """The files below a folder. Links are not followed, and what is no plain file is never opened."""
    with source_errors(folder):
        for place, folders, files in os.walk(folder, onerror=_raise):
            folders.sort()
            for name in sorted([*files, *(one for one in folders if Path(place, one).is_symlink())]):
                path = Path(place, name)
                found = path.lstat()
                shown = path.relative_to(folder).as_posix()
                why = "" if stat.S_ISREG(found.st_mode) else "no plain file"
                yield Entry(
                    shown, found.st_size, path, why or _why_refused(shown) or ("" if found.st_size else "empty")
                )


def _raise(error: OSError) -> NoReturn:
    raise error


def blocks_of(path: Path) -> Iterator[bytes]:
    """The content of a plain file. As a generator it turns its own errors into ours, and not those of the writer."""
    with source_errors(path), open_plain(path) as file:
        while block := file.read(BLOCK):
            yield block


def open_plain(path: Path) -> IO[bytes]:
    """Open a plain file and no link that has taken its place meanwhile."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def crc_of(path: Path) -> int:
    """CRC-32 of a file's content."""
    checksum = 0
    for block in blocks_of(path):
        checksum = zlib.crc32(block, checksum)
    return checksum


@contextmanager
def source_errors(path: Path) -> Iterator[None]:
    """Turn what the system says about reading the user's own archive into one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise UsageError(f"There is no {path}", GET_ONE) from error
    except OSError as error:
        if error.errno in BROKEN:
            raise CorruptData(f"{path} cannot be read: {error.strerror}", "check the disk it lies on") from error
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", "check the path, and that this user may read it"
        ) from error

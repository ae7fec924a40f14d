"""The one way files are put in place: temp → fsync → rename → fsync folder.

Also the only place that turns an `OSError` of the file system into an error with a cure.
"""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from strava_stats.errors import ConfigurationError, DiskFull, StravaStatsError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
BROKEN = frozenset({errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE})


def explain_os_error(error: OSError, path: Path) -> StravaStatsError | None:
    """The error with its cure for `error` at `path`, or None when it is not one a user can mend."""
    if error.errno in NO_ROOM:
        return DiskFull(
            f"No space left on the disk that holds {path}",
            "free some room and run the same command again; nothing that was fetched is lost",
        )
    if error.errno in NOT_ALLOWED:
        return ConfigurationError(
            f"Cannot write {path}: permission denied or read-only file system",
            "make the folder writable for this user, or set DATA_DIR, SECRETS_DIR or LOGS_DIR to another one",
        )
    if error.errno in BROKEN:
        return ConfigurationError(
            f"The disk that holds {path} does not work: {os.strerror(error.errno)}",
            "check the disk and how it is mounted, or set DATA_DIR, SECRETS_DIR or LOGS_DIR to a folder on another "
            "one, and run the same command again",
        )
    if error.errno in {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}:
        return ConfigurationError(
            f"{path} is in the way: a file stands where a folder belongs, or the other way round",
            "move it away, or set DATA_DIR, SECRETS_DIR or LOGS_DIR to another folder",
        )
    return None


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn file-system errors at `path` into DiskFull or ConfigurationError; others pass."""
    try:
        yield
    except OSError as error:
        explained = explain_os_error(error, path)
        if explained is None:
            raise
        raise explained from error


def make_folder(path: Path, mode: int = 0o755) -> None:
    """Create `path` and its parents; raises ConfigurationError when that is not allowed."""
    try:
        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True, mode=mode)
    except FileNotFoundError as error:  # as in /proc, where nothing can be made
        raise ConfigurationError(
            f"The folder {path} cannot be made", "set DATA_DIR, SECRETS_DIR or LOGS_DIR to another folder"
        ) from error


def fsync_folder(path: Path) -> None:
    """Make renames and unlinks in `path` durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_file(path: Path) -> None:
    """Make the content of `path` durable, whoever wrote it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_into_place(temporary: Path, final: Path) -> None:
    """Rename a finished, closed file to its final name; durable when this returns."""
    fsync_file(temporary)
    temporary.replace(final)
    fsync_folder(final.parent)


@contextmanager
def new_file(path: Path, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """A file to write piece by piece; it is at `path`, whole and durable, when the block ends, or nowhere.

    What a killed process left of an earlier one goes first.
    """
    for left_over in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        left_over.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            fsync_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


@contextmanager
def finished_file(path: Path) -> Iterator[Path]:
    """A name beside `path` for a library to write to; what is there is at `path` when the block ends, or nowhere.

    What a killed process left of an earlier one goes first.
    """
    for left_over in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        left_over.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with disk_errors(path):  # what the library says of a folder that cannot be written is another matter
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
        yield temporary
        with disk_errors(path):
            move_into_place(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_atomic(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace `path` by `content`: readers see the old bytes or the new ones, also after a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            fsync_folder(path.parent)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise

"""What DuckDB says when a disk is full or a file is damaged, as errors with a cure."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from types import TracebackType

from strava_stats.errors import CorruptData, DiskFull
from strava_stats.files import explain_os_error

INTERRUPTED = "Query interrupted"
"""What DuckDB makes of Ctrl-C in the middle of a statement."""


class duckdb_errors:  # noqa: N801 - reads like the context managers of files.py
    """Turn DuckDB's I/O errors into errors with a cure; programming errors pass."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        import duckdb  # noqa: PLC0415

        if isinstance(error, RuntimeError) and str(error) == INTERRUPTED:
            raise KeyboardInterrupt from error
        if not isinstance(error, duckdb.Error):
            return
        text = str(error)
        if "Input/output error" in text or "fsync failed" in text:
            broken = explain_os_error(OSError(errno.EIO, ""), self.path)
            assert broken is not None
            raise broken from error
        if "No space left" in text or "Disk quota" in text or "File too large" in text:
            raise DiskFull(
                f"No space left on the disk that holds {self.path.parent}",
                "free some room and run the same command again; nothing that was fetched is lost",
            ) from error
        if isinstance(error, duckdb.InvalidInputException | duckdb.IOException) and (
            "alformed JSON" in text or "gzip" in text.lower() or "JSON transform" in text
        ):
            named = re.search(r"[^\s\"']+\.jsonl(?:\.gz)?", text)
            raise CorruptData(
                f"The journal {named[0] if named else ''} is damaged: {text.splitlines()[0][:200]}",
                "bring that file back from a backup, or move it away and run `strava-stats compact --rebuild`",
            ) from error

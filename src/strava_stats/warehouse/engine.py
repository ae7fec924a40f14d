"""DuckDB as this product uses it: no network, UTC, bounded memory; and the SQL files that shape everything."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

MAX_THREADS = 4
LONGEST_LINE = 4 << 20  # bytes; DuckDB keeps buffers of twice this per thread
MEMORY_LIMIT = "1GB"


def thread_count() -> int:
    """Threads of a connection: more than four gain little on data of this size and cost memory."""
    return min(MAX_THREADS, os.cpu_count() or 1)


def connect(
    database: str = ":memory:", *, read_only: bool = False, scratch: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection with UTC as its zone, nothing loaded from the network, and `scratch` to spill to."""
    import duckdb  # noqa: PLC0415 - 100 ms that `--help` does not pay

    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": thread_count(),
        "memory_limit": MEMORY_LIMIT,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
    }
    if scratch is not None:
        config["temp_directory"] = str(scratch / "duckdb")
    connection = duckdb.connect(database, read_only=read_only, config=config)
    connection.execute("set TimeZone = 'UTC'")
    return connection


def sql_folder(name: str) -> list[Traversable]:
    """The SQL files of one folder, in the order of their names."""
    folder = files("strava_stats.warehouse") / "sql" / name
    return sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)


@cache
def sql(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (files("strava_stats.warehouse") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


@cache
def tables_fingerprint() -> str:
    """Hash of all SQL that shapes rows; another one means: build the file anew."""
    texts = [sql("macros")]
    texts += [
        entry.read_text(encoding="utf-8") for folder in ("tables", "load", "derive") for entry in sql_folder(folder)
    ]
    return _digest(texts)


def fingerprint_of(name: str, *more: str) -> str:
    """Hash of one SQL file and what goes with it."""
    return _digest([sql("macros"), sql(name), *more])


def views_fingerprint(*more: str) -> str:
    """Hash of the gold views, the user's views and the settings they use."""
    return _digest([entry.read_text(encoding="utf-8") for entry in sql_folder("views")] + list(more))


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def glob_of(path: str) -> str:
    """A pattern that matches this path alone: DuckDB takes every file name for a pattern."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in path)


def quoted(text: str) -> str:
    """As an SQL string."""
    return "'" + text.replace("'", "''") + "'"

"""Typed Parquet shards: a file is in place whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from strava_stats.files import disk_errors, make_folder, move_into_place


@contextmanager
def new_shard(final: Path, scratch: Path) -> Iterator[Path]:
    """A path to write a shard to; renamed to `final` when the block ends, unless nothing was written."""
    make_folder(final.parent)
    make_folder(scratch)
    temporary = scratch / f"{final.name}.{os.getpid()}"
    try:
        yield temporary
        if temporary.exists():
            with disk_errors(final):
                move_into_place(temporary, final)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()

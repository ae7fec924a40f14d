"""Know the published file again: rows that a client with write access put into it must not reach the next one.

What was published is noted in a small file of state; without that note the warehouse is made anew from bronze.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from strava_stats.files import fsync_folder, make_folder, write_atomic

BLOCK = 1 << 20


def note_published(private: Path, published: Path, note: Path) -> None:
    """Before `private` is renamed to `published`: remember its content. The file there now stays known as well."""
    known = [entry for entry in _entries(note) if published.exists() and _looks_like(published, entry)]
    entry = {**_look(private), "digest": _digest(private)}
    make_folder(note.parent)
    write_atomic(note, json.dumps([entry, *known[:1]]).encode() + b"\n")


def is_as_published(published: Path, note: Path) -> bool:
    """True when the file is, byte for byte, what was published; a copied or restored one is read through."""
    entries = _entries(note)
    if any(_looks_like(published, entry) for entry in entries):
        return True
    digests = [entry.get("digest") for entry in entries]
    return bool(digests) and _digest(published) in digests


def discard_stray_log(published: Path) -> None:
    """Remove the write-ahead log of a client that had opened the file for writing: the next reader would replay it."""
    with suppress(FileNotFoundError):
        _log_of(published).unlink()
        fsync_folder(published.parent)


def private_copy(published: Path) -> Path:
    """Where the next file is made."""
    return published.with_name(f".{published.name}.edit")


def discard_private_copy(published: Path) -> None:
    """Remove what a killed edit left."""
    private = private_copy(published)
    for path in (private, _log_of(private)):
        path.unlink(missing_ok=True)


def _log_of(published: Path) -> Path:
    return published.with_name(f"{published.name}.wal")


def _entries(note: Path) -> list[dict[str, Any]]:
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(note.read_bytes())
        if isinstance(found, list):
            return [entry for entry in found if isinstance(entry, dict)]
    return []


def _look(path: Path) -> dict[str, Any]:
    found = path.stat()
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "inode": found.st_ino}


def _looks_like(path: Path, entry: dict[str, Any]) -> bool:
    return _look(path).items() <= entry.items()


def _digest(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()

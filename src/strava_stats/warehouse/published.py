"""Know the published file again: rows that a client with write access put into it must not reach the next one."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from strava_stats.files import fsync_folder, write_atomic

BLOCK = 1 << 20


def note_published(private: Path, published: Path) -> None:
    """Before `private` is renamed to `published`: remember its content. The file there now stays known as well."""
    known = [entry for entry in _entries(published) if published.exists() and _looks_like(published, entry)]
    entry = {**_look(private), "digest": _digest(private)}
    write_atomic(_note_of(published), json.dumps([entry, *known[:1]]).encode() + b"\n")


def is_as_published(published: Path) -> bool:
    """True when the file is, byte for byte, what was published; a copied or restored one is read through."""
    entries = _entries(published)
    if any(_looks_like(published, entry) for entry in entries):
        return True
    digests = {entry.get("digest") for entry in entries}
    return bool(digests) and _digest(published) in digests


def discard_stray_log(published: Path) -> None:
    """Remove the write-ahead log of a client that had opened the file for writing: the next reader would replay it."""
    with suppress(FileNotFoundError):
        _log_of(published).unlink()
        fsync_folder(published.parent)


def _log_of(published: Path) -> Path:
    return published.with_name(f"{published.name}.wal")


def _note_of(published: Path) -> Path:
    return published.with_name(f".{published.name}.published")


def _entries(published: Path) -> list[dict[str, Any]]:
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(_note_of(published).read_bytes())
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

"""What a backup is: a plain tar, with a manifest as its last member.

    secrets/strava_token.json.age   only on demand: the token file, encrypted with a passphrase (age format)
    data/bronze/…  data/sql/…       as they lie below the data folder
    data/state/…                    what saves calls; run records, which bronze does not hold
    manifest.json                   format, version, date, and for each file its size and SHA-256

Journals are packed already, so the tar is not. `tar -x` opens it without this program, `age -d` the tokens.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from strava_stats.errors import CorruptData

FORMAT = "strava-stats-backup"
VERSION = 1
MANIFEST = "manifest.json"
LARGEST_MANIFEST = 256 << 20
TOKENS = "secrets/strava_token.json.age"
BLOCK = 1 << 20
STATE_FILES = ("listings.json", "missing.json", "late.json", "gear.json", "quarantine.json")
"""Copied as they are. The rest of the folder belongs to one machine: calls made there, its lock, its published file."""
RUN_RECORDS = "runs.jsonl"
CURE = "use another backup, or copy this one again from where it came"


@dataclass(frozen=True)
class Entry:
    """One file of a backup."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself."""

    created_at: str
    made_by: str
    athletes: tuple[int, ...]
    files: Mapping[str, Entry]

    def as_json(self) -> bytes:
        """The member's bytes."""
        files = {name: {"size": one.size, "sha256": one.sha256} for name, one in self.files.items()}
        content = {
            "format": FORMAT,
            "version": VERSION,
            "created_at": self.created_at,
            "made_by": self.made_by,
            "athletes": self.athletes,
            "files": files,
        }
        return json.dumps(content, indent=1).encode() + b"\n"


def read_manifest(content: bytes, path: object) -> Manifest:
    """The manifest in a member; CorruptData for anything else."""
    try:
        found = json.loads(content)
        if found["format"] != FORMAT or found["version"] != VERSION:
            raise CorruptData(
                f"{path} is a backup of version {str(found['version'])[:20]}, this program reads {VERSION}",
                "restore it with the version that made it",
            )
        files = {
            str(name): Entry(_whole(one["size"]), str(one["sha256"])) for name, one in dict(found["files"]).items()
        }
        athletes = tuple(_whole(one) for one in found["athletes"])
        return Manifest(str(found["created_at"]), str(found["made_by"]), athletes, files)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptData(f"{path} has a manifest that makes no sense ({type(error).__name__})", CURE) from error


def _whole(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise ValueError("number")
    return number


def why_refused(member: tarfile.TarInfo) -> str:
    """Why a member is not one that `backup` makes; "" when it may be."""
    if not member.isreg() or member.issparse():
        return "no plain file"
    name = member.name
    parts = PurePosixPath(name).parts
    if name != "/".join(parts) or "\\" in name or "\0" in name or any(part in {"..", "/"} for part in parts):
        return "a name that leads elsewhere"
    return "" if _is_expected(name, parts) else "a name that no backup has"


def _is_expected(name: str, parts: tuple[str, ...]) -> bool:
    match parts:
        case ("data", "bronze" | "sql", _, *_):
            return True
        case ("data", "state", file):
            return file in {*STATE_FILES, RUN_RECORDS}
    return name in {MANIFEST, TOKENS}

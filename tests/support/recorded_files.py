"""The recorded Strava answers outside this repository: lines and bodies as bytes, numbers as decimals."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

FOLDER = Path(os.environ.get("STRAVA_SHARED", Path(__file__).parents[2].parent / "shared" / "strava"))
WHY_NOT = f"the recorded Strava answers are not in {FOLDER}; set STRAVA_SHARED to their folder"

needs_recorded = pytest.mark.skipif(not FOLDER.is_dir(), reason=WHY_NOT)


def lines(name: str) -> list[bytes]:
    """The lines of a JSON Lines file, without their line ends."""
    return [line for line in (FOLDER / name).read_bytes().split(b"\n") if line.strip()]


def exact(text: bytes | str) -> Any:
    """JSON with every number as the Decimal of its own text."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer; `body` is what went over the wire."""

    name: str
    method: str
    path: str
    query: dict[str, str]
    status: int
    headers: dict[str, str]
    body: bytes


@cache
def exchanges() -> dict[str, Exchange]:
    """All recorded and documented exchanges by file name; empty where the folder is absent."""
    folder = FOLDER / "responses"
    paths = [*sorted(folder.glob("*.json")), *sorted((folder / "documented").glob("*.json"))]
    return {found.name: found for found in map(_read, paths)}


def _read(path: Path) -> Exchange:
    raw = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    request = json.loads(bytes(raw["request"]))
    body = bytes(raw["body"])
    value = json.loads(body)
    return Exchange(
        path.relative_to(FOLDER / "responses").as_posix().removesuffix(".json"),
        request["method"],
        request["path"],
        request["query"],
        json.loads(bytes(raw["status"])),
        json.loads(bytes(raw["headers"])),
        value.encode() if isinstance(value, str) else body,
    )

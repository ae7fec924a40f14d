"""Whether a journal holds what was written to it: lines whole and numbered, bodies as their hashes say.

Unlike `bronze`, which refuses a damaged journal, this reads on and says what is wrong with it. The memory it takes
is two hashes an entity.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from strava_stats.lake.bronze import body_hash
from strava_stats.lake.layout import ACTIVITIES, STREAMS

LINE_KINDS = frozenset({"body", "same", "listing", "absent", "purged", "archive"})
BODY = b'"body":'
NO_LINE = "is no journal line"
UNREADABLE = (OSError, EOFError, zlib.error)


class Line(msgspec.Struct, gc=False):
    """A line of a journal; what it carries is looked at as bytes."""

    seq: int
    kind: str
    id: int | str | None = None
    hash: str | None = None
    base64: str | None = None
    lines: int = 1


LINE = msgspec.json.Decoder(Line)


@dataclass
class Reading:
    """What the way through one journal showed; `defect` is the first one, in words that follow "line N"."""

    path: Path
    lines: int = 0
    defective: int = 0
    defect: str = ""
    is_torn: bool = False
    has_news: bool = False
    unreadable: str = ""

    @property
    def is_whole(self) -> bool:
        """Nothing is wrong with it."""
        return not (self.defective or self.is_torn or self.unreadable)

    def blame(self, number: int, defect: str, lines: int = 1) -> None:
        """Note a defect of `lines` lines, the first of which has this number."""
        if not self.defective:
            self.defect = f"line {number} {defect}"
        self.defective += lines


@dataclass
class Chain:
    """What was stored last of each entity of one kind, along its journals in the order of their runs.

    `loose` has the entities of which something else, or nothing, is stored than what Strava sent last, with the
    journal that noted it: a note that a later body has overtaken harms nobody.
    """

    loose: dict[int | str, Path] = field(default_factory=dict)
    _clean: dict[int | str, str] = field(default_factory=dict)
    _garbled: dict[int | str, str] = field(default_factory=dict)

    def follow(self, line: Line, path: Path) -> None:
        """Take the next line."""
        if line.id is None:
            return
        if line.kind == "same" and line.hash not in {self._clean.get(line.id), self._garbled.get(line.id)}:
            self.loose[line.id] = path
            return
        self.loose.pop(line.id, None)
        if line.kind == "body" and line.hash is not None:
            self._clean[line.id] = line.hash
        elif line.kind == "body" and line.base64 is not None:
            self._garbled[line.id] = body_hash(_decoded(line.base64) or b"")


def read_journal(kind: str, path: Path, chain: Chain) -> Reading:
    """Go through one journal. Raises FileNotFoundError when its run has just packed it."""
    reading = Reading(path)
    try:
        with path.open("rb") as file:
            _read_lines(kind, _unpacked(file, path), reading, chain)
    except FileNotFoundError:
        raise
    except UNREADABLE as error:
        reading.unreadable = type(error).__name__
    return reading


def _unpacked(file: IO[bytes], path: Path) -> Iterator[bytes]:
    if path.suffix != ".gz":
        return iter(file)
    if not file.peek(1):  # type: ignore[attr-defined]
        raise EOFError
    return iter(gzip.GzipFile(fileobj=file))


def _read_lines(kind: str, lines: Iterator[bytes], reading: Reading, chain: Chain) -> None:
    previous = broken = 0
    for content in lines:
        reading.lines += 1
        line = _parse(content)
        if line is None:
            broken += 1
            continue
        if broken:
            reading.blame(reading.lines - broken, NO_LINE, broken)
            broken = 0
        if defect := _defect(line, content, previous):
            reading.blame(reading.lines, defect)
        previous = line.seq
        reading.has_news = reading.has_news or _is_news(kind, line)
        chain.follow(line, reading.path)
    if broken and reading.path.suffix == ".gz":
        reading.blame(reading.lines - broken + 1, NO_LINE, broken)
    else:
        # What stands at the end of an open journal was cut off by a kill, and `recover` cuts off the rest.
        reading.is_torn = broken > 0 or (reading.lines == 0 and reading.path.suffix != ".gz")
        reading.lines -= broken


def _parse(content: bytes) -> Line | None:
    if not content.endswith(b"\n"):
        return None
    try:
        return LINE.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _defect(line: Line, content: bytes, previous: int) -> str:
    if line.seq != previous + line.lines:
        return f"has the number {line.seq} where {previous + line.lines} was to come"
    if line.kind not in LINE_KINDS:
        return "is of an unknown kind"
    if line.kind == "same" and line.hash is None:
        return "refers to no body"
    if line.kind == "body" and not _is_its_body(line, content):
        return "holds another body than its hash says"
    return ""


def _is_its_body(line: Line, content: bytes) -> bool:
    """A body stands between its key and the brace that ends the line, with the very bytes that were hashed."""
    if line.base64 is not None:
        return _decoded(line.base64) is not None
    start = content.find(BODY)
    return start > 0 and body_hash(content[start + len(BODY) : -2]) == line.hash


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _is_news(kind: str, line: Line) -> bool:
    """Whether a line changes the warehouse: of summaries, bodies and absences; of others, also what came again.

    Of streams it is all of these.
    """
    if kind == ACTIVITIES:
        return line.kind == "absent" or (line.kind == "body" and line.id is not None and line.base64 is None)
    return line.kind in {"body", "same"} or (kind == STREAMS and line.kind == "absent")

"""Take lines out of a closed journal, or name another archive in it: the one way in which bronze is ever changed.

The name of the file and the numbers of the lines that stay are kept, because they are the order of things. Where
lines went there is one of kind `purged` with the number of the last and how many they were ("lines"), so that a
number that is lacking still means damage.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from strava_stats.errors import CorruptData
from strava_stats.files import disk_errors, make_folder, move_into_place
from strava_stats.lake.bronze import BLOCK, GZIP_LEVEL, Start
from strava_stats.lake.summaries import parse_start

DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class NotedLine(msgspec.Struct, gc=False):
    """What a journal line says beside its body."""

    seq: int
    kind: str
    athlete_id: int
    id: int | str | None = None
    fetched_at: Any = None
    body: Start | None = None
    ids: list[int] | None = None
    lines: int = 1

    @property
    def start(self) -> Any:
        """When the activity began, as its body has it: an aware instant or None."""
        return parse_start(self.body.start_date) if self.body else None


LINE = msgspec.json.Decoder(NotedLine)
Wanted = Callable[[NotedLine], bool]


@dataclass(frozen=True)
class Cut:
    """What stays: lines for which `is_wanted` holds; of the ids in the note of a listing those not in `gone`."""

    is_wanted: Wanted
    gone: frozenset[int] = frozenset()

    def touches(self, line: NotedLine) -> bool:
        """Whether the line does not stay as it is."""
        return line.kind != "purged" and (not self.is_wanted(line) or not self.gone.isdisjoint(line.ids or ()))


def noted_lines(journal: Path) -> Iterator[tuple[NotedLine, bytes]]:
    """The lines of a closed journal in order, each with its bytes; its checksum is checked at the end.

    Raises CorruptData.
    """
    with disk_errors(journal):
        try:
            if journal.stat().st_size == 0:  # it would unpack to nothing without complaint
                raise EOFError
            with gzip.open(journal) as lines:
                for content in lines:
                    yield LINE.decode(content), content
        except DAMAGED as error:
            raise CorruptData(
                f"The journal {journal} is damaged ({type(error).__name__})",
                "run `strava-stats verify`, which says what can be done",
            ) from error


def cut_journal(journal: Path, cut: Cut, scratch: Path) -> int:
    """Rewrite a closed journal without what is cut; returns how many lines went. Whole or not at all."""
    if not any(cut.touches(line) for line, _ in noted_lines(journal)):
        return 0
    return _rewrite(journal, _what_stays(journal, cut), scratch)


def rename_archive(journal: Path, old: str, new: str, scratch: Path) -> None:
    """Let an import's line name another archive (both by their SHA-256). Whole or not at all."""
    named, renamed = (b'"sha256":"%s"' % one.encode() for one in (old, new))
    lines = ((content.replace(named, renamed), 0) for _, content in noted_lines(journal))
    _rewrite(journal, lines, scratch)


def _rewrite(journal: Path, lines: Iterable[tuple[bytes, int]], scratch: Path) -> int:
    """Put these lines in the journal's place; each comes with a number, of which the sum is returned."""
    make_folder(scratch)
    temporary = scratch / journal.name
    count = checksum = size = 0
    with disk_errors(journal):
        with gzip.GzipFile(temporary, "wb", compresslevel=GZIP_LEVEL, mtime=0) as packed:
            for content, went in lines:
                packed.write(content)
                checksum, size, count = zlib.crc32(content, checksum), size + len(content), count + went
        if _read_back(temporary) != (checksum, size):
            raise CorruptData(
                f"{temporary} did not read back as it was written", "check the disk; the journal itself is untouched"
            )
        move_into_place(temporary, journal)
    return count


def _what_stays(journal: Path, cut: Cut) -> Iterator[tuple[bytes, int]]:
    """Lines to write, each with the number of lines that went with it."""
    last: NotedLine | None = None
    covered = went = 0
    for line, content in noted_lines(journal):
        if line.kind == "purged" or not cut.is_wanted(line):
            last, covered, went = line, covered + line.lines, went + (line.kind != "purged")
            continue
        if last is not None:
            yield _purged(last, covered), went
            last, covered, went = None, 0, 0
        yield (content if cut.gone.isdisjoint(line.ids or ()) else _without(content, cut.gone)), 0
    if last is not None:
        yield _purged(last, covered), went


def _purged(last: NotedLine, lines: int) -> bytes:
    text = b'{"seq":%d,"kind":"purged","athlete_id":0,"fetched_at":null,"id":null,"lines":%d}\n'
    return text % (last.seq, lines)


def _without(content: bytes, gone: frozenset[int]) -> bytes:
    listing = msgspec.json.decode(content)
    return msgspec.json.encode({**listing, "ids": [one for one in listing["ids"] if one not in gone]}) + b"\n"


def _read_back(path: Path) -> tuple[int, int]:
    checksum = size = 0
    with gzip.open(path, "rb") as packed:
        while block := packed.read(BLOCK):
            checksum, size = zlib.crc32(block, checksum), size + len(block)
    return checksum, size

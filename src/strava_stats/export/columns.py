"""Which column of an activities.csv is which: by its name, else by its place, else unknown."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from strava_stats.export.column_names import (
    COLUMNS,
    ENGLISH_VARIANTS,
    FORMATTED,
    LANGUAGES,
    OTHER_WAY_ROUND,
    SAME_PLACE,
    SHORT_FORM,
    WIDTHS,
)

NOT_TRANSLATED = re.compile(r"translation missing: [^\"<>]*?\.(\w+)(?=[\"<>]|$)")
SECOND = re.compile(r"[._]1$")
"""How data-frame libraries mark the second column of a name when they save the table again."""
APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
SHORT = "en_2018"
MOST_SHOWN = 5
DUTCH_WIDTH = 72


@dataclass(frozen=True)
class Columns:
    """What is known of a header: `keys` holds a key of `column_names` a cell, None where a cell is unknown.

    `headers` are the cells as they stand in `extra`: each once. `language` is None when no known one has this header.
    """

    headers: tuple[str, ...]
    keys: tuple[str | None, ...]
    language: str | None
    by_position: tuple[str, ...]

    @property
    def width(self) -> int:
        """Number of cells of the header."""
        return len(self.headers)

    @property
    def by_name(self) -> int:
        """How many cells are known by their names."""
        return sum(key is not None for key in self.keys) - len(self.by_position)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The headers of cells that are not known; what they hold goes to `extra`."""
        return tuple(header for header, key in zip(self.headers, self.keys, strict=True) if key is None)

    def __str__(self) -> str:
        """One line about how the columns were recognised."""
        placed = f", {len(self.by_position)} by place ({_some(self.by_position)})" if self.by_position else ""
        unknown = f", {len(self.unknown)} not known ({_some(self.unknown)})" if self.unknown else ""
        language = self.language or "unknown language"
        return f"{self.width} columns ({language}): {self.by_name} known by name{placed}{unknown}"


def recognise(header: Sequence[str]) -> Columns:
    """Tell what each cell of a header row is.

    A name that stands twice (Distance, Elapsed Time …) is the formatted value up to Filename and the raw one behind
    it; the occurrence decides where there is no Filename. A cell is known by its place when the header is as wide as
    one that is known, and everything that has a known name stands where it stands there.
    """
    folded = [fold(cell) for cell in header]
    language = _language(folded)
    names = _names(language) if language else {}
    missing = [_missing_translation(cell) for cell in header]
    found = [
        _second(names, one) or names.get(one) or _of_missing(key) for one, key in zip(folded, missing, strict=True)
    ]
    if language != SHORT:
        found = _tell_blocks_apart(found)
    keys = _without_repetition(found)
    placed = _by_position(keys)
    return Columns(
        headers=tuple(_distinct(header)),
        keys=tuple(placed.get(place, key) for place, key in enumerate(keys)),
        language=language,
        by_position=tuple(placed.values()),
    )


def layout(width: int) -> tuple[str, ...]:
    """The keys of the known header of this width, in order; () when none is known."""
    if width == len(SHORT_FORM):
        return tuple(SHORT_FORM.values())
    return tuple(column.key for column in COLUMNS if column.since <= width) if width in WIDTHS else ()


def fold(cell: str) -> str:
    """A header without what differs from one archive to another: case, blanks, apostrophes, composed accents."""
    text = unicodedata.normalize("NFKC", html.unescape(cell)).replace("\ufeff", "").replace(APOSTROPHE, "'")
    return " ".join(text.casefold().split())


@cache
def _names(language: str) -> Mapping[str, str]:
    """Folded name → key, the formatted one where a name stands twice."""
    if language == SHORT:
        return {fold(name): key for name, key in SHORT_FORM.items()}
    names = {fold(name): key for name, key in ENGLISH_VARIANTS.items()} if language == "en" else {}
    for column in COLUMNS:
        name = getattr(column, language)
        if name is not None:
            names.setdefault(fold(name), column.key)
    return names


def _language(folded: Sequence[str]) -> str | None:
    """The language that knows most cells, the activity's id among them: a single word may be that of several."""
    known = {
        language: sum(cell in _names(language) or SECOND.sub("", cell) in _names(language) for cell in folded)
        for language in (SHORT, *LANGUAGES)
        if any(_names(language).get(cell) == "activity_id" for cell in folded)
    }
    return max(known, key=lambda language: known[language]) if known else None


def _missing_translation(cell: str) -> str | None:
    """`jump_count` of a header that Strava failed to translate, as plain text or as HTML."""
    found = NOT_TRANSLATED.search(cell)
    return found[1] if found else None


def _of_missing(name: str | None) -> str | None:
    return _names("en").get(fold(name.replace("_", " "))) if name else None


def _second(names: Mapping[str, str], folded: str) -> str | None:
    """The raw column that a data-frame library renamed to `distance.1`."""
    if folded in names or not SECOND.search(folded):
        return None
    key = names.get(SECOND.sub("", folded))
    return key.removeprefix(FORMATTED) if key and key.startswith(FORMATTED) else None


def _tell_blocks_apart(found: Sequence[str | None]) -> list[str | None]:
    """Formatted → raw for those behind Filename, or for the second ones where there is no Filename."""
    border = found.index("filename") if "filename" in found else None
    told: list[str | None] = []
    for place, key in enumerate(found):
        is_raw = key in told if border is None else place > border
        told.append(key.removeprefix(FORMATTED) if key is not None and is_raw else key)
    return told


def _without_repetition(keys: Sequence[str | None]) -> list[str | None]:
    """The first cell of a key keeps it; what stands in another one would replace it."""
    return [None if key in keys[:place] else key for place, key in enumerate(keys)]


def _by_position(keys: Sequence[str | None]) -> dict[int, str]:
    """Place → key of unnamed cells, when the header is a known one as far as it has names."""
    known = layout(len(keys))
    pairs = [(place, key, SAME_PLACE.get(key or "", key)) for place, key in enumerate(keys)]
    if not known or any(
        one is not None and one not in OTHER_WAY_ROUND and known[place] != one for place, _, one in pairs
    ):
        return {}
    taken = {one for _, _, one in pairs}
    return {
        place: known[place]
        for place, key, _ in pairs
        if key is None
        and known[place] not in taken
        and not (len(keys) == DUTCH_WIDTH and known[place] in OTHER_WAY_ROUND)
    }


def _distinct(header: Sequence[str]) -> list[str]:
    """Each header once: blank ones get their number, repeated ones a count."""
    distinct: list[str] = []
    for number, cell in enumerate(header, 1):
        name = plain = " ".join(cell.replace("\ufeff", "").split()) or f"column {number}"
        repeated = 2
        while name in distinct:
            name, repeated = f"{plain} ({repeated})", repeated + 1
        distinct.append(name)
    return distinct


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return ", ".join(name[:40] for name in names[:MOST_SHOWN]) + more

"""Which archives were imported, when and for whom, and which of them is the newest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from strava_stats.lake.bronze import read_lines
from strava_stats.lake.layout import IMPORTS, Layout

SURELY_OLDER = timedelta(days=1)  # a ZIP's dates have no zone


class Line(msgspec.Struct):
    """The line of an import in its journal."""

    kind: str
    athlete_id: int
    fetched_at: datetime
    sha256: str = ""
    made: datetime | None = None


LINE = msgspec.json.Decoder(Line)


@dataclass(frozen=True)
class Import:
    """One import of an archive; `made` is when the archive was made, when it tells."""

    run_id: str
    athlete_id: int
    imported_at: datetime
    sha256: str
    made: datetime | None


def read_imports(layout: Layout) -> list[Import]:
    """All imports, in the order in which they were made. Raises CorruptData when a journal is damaged."""
    return [
        Import(run_id, line.athlete_id, line.fetched_at, line.sha256, line.made)
        for run_id, journal in layout.journals(IMPORTS).items()
        for line in read_lines(journal, LINE)
        if line.kind == "archive"
    ]


def counting(imports: Iterable[Import]) -> list[Import]:
    """Without what says the same again: an archive counts once for an athlete, and for the last one it was given to."""
    found: dict[str, Import] = {}
    for one in imports:
        if one.sha256 not in found or found[one.sha256].athlete_id != one.athlete_id:
            found[one.sha256] = one
    return sorted(found.values(), key=lambda one: one.run_id)


def oldest_first(imports: Iterable[Import], newest: Mapping[str, datetime | None]) -> list[Import]:
    """The order in which archives overrule one another: as they were imported, but for those that are provably older.

    `newest` is the start of the newest activity in each, by run.
    """

    def is_older(one: Import, other: Import) -> bool:
        """Both the date of the archive and its newest activity lie before those of the other one."""
        ours, theirs = newest.get(one.run_id), newest.get(other.run_id)
        return (
            one.athlete_id == other.athlete_id
            and one.made is not None
            and other.made is not None
            and ours is not None
            and theirs is not None
            and one.made + SURELY_OLDER < other.made
            and ours < theirs
        )

    order: list[Import] = []
    for one in imports:
        place = next((at for at, other in enumerate(order) if is_older(one, other)), len(order))
        order.insert(place, one)
    return order

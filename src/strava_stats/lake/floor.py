"""The floor: the day before which `purge` removed what started, by athlete.

It lies in bronze, because neither a rebuild nor the loss of data/state may bring back what was purged. While journals
are rewritten it also has the activities that are to go: of one whose lines are half gone nobody could tell any more
when it began.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from strava_stats.errors import CorruptData
from strava_stats.files import make_folder, write_atomic
from strava_stats.lake.layout import Layout

VERSION = 1


@dataclass(frozen=True)
class Floor:
    """What started before `day` (UTC) is not wanted."""

    day: date
    purging: frozenset[int] | None = None
    """Activities that a purge is taking out; after a kill the next one goes on. None: all is done."""

    @property
    def start(self) -> datetime:
        """The first instant that is wanted."""
        return datetime.combine(self.day, time(), UTC)


def read_floors(layout: Layout) -> dict[int, Floor]:
    """Athlete → floor. Raises CorruptData: taken for "none", a broken file would let everything in again."""
    try:
        return _read(json.loads(layout.floor.read_bytes()))
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptData(
            f"{layout.floor} is not as it was written ({type(error).__name__})",
            "bring it back from a backup, or delete it and run the last `strava-stats purge --older-than …` again",
        ) from error


def _read(content: Any) -> dict[int, Floor]:
    if content["version"] != VERSION:
        raise ValueError("version")
    return {
        int(athlete): Floor(
            date.fromisoformat(one["before"]), frozenset(map(int, one["purging"])) if "purging" in one else None
        )
        for athlete, one in content["athletes"].items()
    }


def write_floors(layout: Layout, floors: Mapping[int, Floor]) -> None:
    """Replace all floors; durable when this returns."""
    if not floors:
        layout.floor.unlink(missing_ok=True)
        return
    shown = {str(athlete): _shown(floor) for athlete, floor in floors.items()}
    make_folder(layout.floor.parent)
    write_atomic(layout.floor, json.dumps({"version": VERSION, "athletes": shown}, indent=1).encode() + b"\n")


def _shown(floor: Floor) -> dict[str, object]:
    purging = {} if floor.purging is None else {"purging": sorted(floor.purging)}
    return {"before": floor.day.isoformat(), **purging}


def floor_of(layout: Layout, athlete_id: int) -> datetime | None:
    """The first instant of an athlete that is wanted; None when nothing was purged."""
    floor = read_floors(layout).get(athlete_id)
    return floor.start if floor else None

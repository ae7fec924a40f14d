"""Strava's own totals against the warehouse: a sign of what no listing has brought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from strava_stats.errors import StravaStatsError, UsageError
from strava_stats.lake.floor import read_floors
from strava_stats.strava.client import Answer
from strava_stats.sync.verify.findings import Look, Survey, counted, reading
from strava_stats.warehouse.engine import sql

CURE = "run `strava-stats pull --all`, then `strava-stats compact`"
NO_STATS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Total(msgspec.Struct):
    """One sport's totals; the count may come as a float."""

    count: float = 0


class Stats(msgspec.Struct):
    """The part of ActivityStats that is compared: public activities of all time."""

    all_ride_totals: Total | None = None
    all_run_totals: Total | None = None
    all_swim_totals: Total | None = None

    def counts(self) -> dict[str, int]:
        """Activities by sport, as the SQL names them."""
        totals = {"ride": self.all_ride_totals, "run": self.all_run_totals, "swim": self.all_swim_totals}
        return {sport: round(total.count) for sport, total in totals.items() if total is not None}


@dataclass(frozen=True)
class Asker:
    """How to ask for one athlete's totals; one call."""

    athlete_id: int
    ask: Callable[[], Answer]


def check_counts(survey: Survey, find_askers: Callable[[], Sequence[Asker]] | None) -> Look:
    """One call an athlete. What cannot be had is no finding, and neither is that we hold more than Strava counts."""
    look = Look("counts", verdict="Strava counts no more than is here")
    if survey.warehouse is None or survey.waiting:
        look.skipped = "only a warehouse with everything in it can be counted: run `strava-stats compact`"
        return look
    try:
        askers = find_askers() if find_askers else ()
    except UsageError:
        raise
    except StravaStatsError as error:
        look.skipped = error.message
        return look
    floors = read_floors(survey.layout)
    for asker in askers:
        if asker.athlete_id in floors:
            look.notes.append(f"athlete {asker.athlete_id}: Strava's totals also count what was purged: not compared")
    seen = [_check_athlete(survey, look, asker) for asker in askers if asker.athlete_id not in floors]
    look.looked_at = "; ".join(filter(None, seen))
    if not look.looked_at:
        look.skipped = "Strava's totals could not be had"
    return look


def _check_athlete(survey: Survey, look: Look, asker: Asker) -> str:
    try:
        answer = asker.ask()
        look.calls += 1
    except StravaStatsError as error:
        look.notes.append(f"no totals of athlete {asker.athlete_id}: {error.message}")
        return ""
    counts = _read(answer)
    if counts is None:
        look.notes.append(f"no totals of athlete {asker.athlete_id}: status {answer.status}")
        return ""
    held = _held(survey, asker.athlete_id)
    for sport, count in counts.items():
        if count > held[sport]:
            message = f"Strava counts {counted(count, f'public {sport}')}, the warehouse has {held[sport]:,} of them"
            look.find(f"athlete {asker.athlete_id}", message, CURE, passing=True)
    return f"athlete {asker.athlete_id}: " + ", ".join(counted(count, sport) for sport, count in counts.items())


def _read(answer: Answer) -> dict[str, int] | None:
    if answer.status != HTTPStatus.OK:
        return None
    try:
        return msgspec.json.decode(answer.body, type=Stats).counts()
    except NO_STATS:
        return None


def _held(survey: Survey, athlete_id: int) -> dict[str, int]:
    """Public live activities by sport. Whatever could be of a sport counts, and so does each one in quarantine."""
    assert survey.warehouse is not None
    with reading(survey.layout.warehouse):
        return dict(survey.warehouse.rows(sql("verify/sport_counts"), {"athlete_id": athlete_id}))

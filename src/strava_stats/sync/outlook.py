"""What the next runs would cost, from what is on disk and the shared budget; spends no call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from strava_stats.lake.floor import floor_of
from strava_stats.lake.layout import STREAMS, Layout
from strava_stats.strava.budget_file import BudgetKeeper
from strava_stats.sync.enrich import candidates_of, profile_calls, stream_candidates_of
from strava_stats.sync.plan import (
    EnrichOptions,
    choose_details,
    choose_streams,
    count_by_why,
    finish_time,
    first_request,
    listing_calls,
)
from strava_stats.sync.state import State


@dataclass(frozen=True)
class Outlook:
    """Calls by kind, and when they would be done."""

    athlete_id: int
    calls: dict[str, int]
    left_15min: int
    left_day: int
    per_15min: int
    per_day: int
    finished_at: datetime
    activities: int
    per_page: int

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.calls.values())

    @property
    def today(self) -> int:
        """Calls that what is left of the day's budget covers."""
        return min(self.total, self.left_day)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "athlete_id": self.athlete_id,
            "calls": self.calls,
            "total": self.total,
            "today": self.today,
            "budget": {
                "left_15min": self.left_15min,
                "left_day": self.left_day,
                "per_15min": self.per_15min,
                "per_day": self.per_day,
            },
            "finished_at": self.finished_at,
        }

    def sentence(self) -> str:
        """For people."""
        if not self.activities:
            return (
                f"Athlete {self.athlete_id}: nothing is listed yet, so the cost is not known; a first listing takes a "
                f"call for every {self.per_page} activities, details one each"
            )
        return (
            f"Athlete {self.athlete_id}: {self.total:,} calls, of which today's budget covers {self.today:,}. Left "
            f"now: {self.left_15min:,} of {self.per_15min:,} in this quarter hour, {self.left_day:,} of "
            f"{self.per_day:,} today. All of it can be done by {self.finished_at:%Y-%m-%d %H:%M} UTC"
        )


def outlook(
    layout: Layout,
    state: State,
    keeper: BudgetKeeper,
    now: datetime,
    *,
    athlete_id: int,
    options: EnrichOptions,
    per_page: int,
    full_sweep_days: int,
) -> Outlook:
    """Calls of the next flow and of the whole backlog, by kind."""
    candidates = candidates_of(layout, athlete_id)
    remembered = state.listing(athlete_id)
    request = first_request(
        now,
        remembered.watermark,
        remembered.swept_at,
        mode="default",
        days=options.since_days,
        full_sweep_days=full_sweep_days,
        floor=floor_of(layout, athlete_id),
    )
    in_bounds = [one for one in candidates if one.start is not None and one.start.timestamp() >= request.after]
    skip = state.held_back(now)
    next_flow = choose_details(candidates, options, now, skip=skip, late=state.late(athlete_id))
    missing = choose_details(candidates, replace(options, all_missing=True), now, skip=skip)
    counts = dict(count_by_why(next_flow))
    chosen = {choice.id for choice in next_flow}
    counts["backlog"] = sum(choice.id not in chosen for choice in missing)
    counts["streams"] = 0
    if options.streams:  # of the next flow and of the backlog alike
        every, skip = replace(options, all_missing=True), state.held_back(now, kind=STREAMS)
        counts["streams"] = len(choose_streams(stream_candidates_of(layout, athlete_id), every, now, skip=skip))
    profile = profile_calls(layout, state, athlete_id, now)
    unasked = sum(asked is None for asked in state.missing(athlete_id).values())
    calls = {"list": listing_calls(len(in_bounds), per_page), "confirm": unasked, **counts, "athlete and gear": profile}
    left_15min, left_day = keeper.remaining()
    budget = keeper.budget()
    per_15min = min(budget.overall_15min.limit, budget.read_15min.limit)
    per_day = min(budget.overall_day.limit, budget.read_day.limit)
    return Outlook(
        athlete_id,
        calls,
        left_15min,
        left_day,
        per_15min,
        per_day,
        finish_time(now, sum(calls.values()), (left_15min, left_day), (per_15min, per_day)),
        len(candidates),
        per_page,
    )

"""The API budget, pure: headers and clock → Budget; (Budget, now) → Go | Wait | Stop.

Limits are per application, shared by all its athletes and processes. Windows reset at :00/:15/:30/:45, the day at
00:00 UTC; every GET counts to the overall and to the read limit, 429s too (API.md §3). Every `now` is the machine's
own clock, an aware UTC datetime; times inside a `Budget` are Strava's, `clock_offset` seconds later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from strava_stats.strava.rate_headers import Pair, RateHeaders, read_rate_headers

QUARTER = timedelta(minutes=15)
TOLERATED_SECONDS = 5.0
"""A `Date` header has whole seconds and takes time to arrive: smaller differences say nothing about the clock."""


@dataclass(frozen=True, slots=True)
class Window:
    """Calls allowed and calls made in one period."""

    limit: int
    used: int = 0

    @property
    def left(self) -> int:
        """Calls still to be made, never negative."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Budget:
    """Counts of the quarter hour that begins at `window_start` and of `day`, both by Strava's clock.

    `learned` is False as long as the limits are our guess. `clock_offset` is Strava's clock minus ours in seconds,
    0 while they agree within 5 s.
    """

    overall_15min: Window
    overall_day: Window
    read_15min: Window
    read_day: Window
    window_start: datetime
    day: date
    clock_offset: float = 0.0
    learned: bool = False

    @classmethod
    def new(cls) -> Budget:
        """Nothing used, and the limits of a new application (API.md §3) until the first answer corrects them."""
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return cls(Window(200), Window(2000), Window(100), Window(1000), epoch, epoch.date())


@dataclass(frozen=True, slots=True)
class Go:
    """A call may be made now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The quarter hour is used up; the next begins at `until`, by the machine's own clock."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """The day is used up; the next begins at `until`, by the machine's own clock."""

    until: datetime


Decision = Go | Wait | Stop


def roll(budget: Budget, now: datetime) -> Budget:
    """The budget at `now`: a window or day that has ended since is empty again."""
    return _roll_to(budget, _strava_time(budget, now))


def spend(budget: Budget, now: datetime) -> Budget:
    """Count one GET attempt; called before it is sent, because its answer may never come."""
    budget = roll(budget, now)
    return replace(
        budget,
        overall_15min=_one_more(budget.overall_15min),
        overall_day=_one_more(budget.overall_day),
        read_15min=_one_more(budget.read_15min),
        read_day=_one_more(budget.read_day),
    )


def learn(budget: Budget, headers: Mapping[str, str], now: datetime) -> Budget:
    """Take limits, usage and clock from an answer's headers, of any letter case; missing or malformed: ignored.

    Within a window the larger of our figure and the header's wins: headers may be absent, and calls in flight are
    counted by us alone. The `Date` of the answer says which window its usage belongs to.
    """
    return _learn(budget, read_rate_headers(headers), now)


def exhaust(budget: Budget, headers: Mapping[str, str], now: datetime) -> Budget:
    """The budget after a 429: what its headers show as used up, else the quarter hour."""
    rates = read_rate_headers(headers)
    budget = _learn(budget, rates, now)
    served = rates.served_at
    if served is not None and quarter_of(served) < budget.window_start:
        # Our clock entered the next window seconds before Strava's: it is the old one that is used up.
        offset = (served - now).total_seconds()
        budget = replace(budget, window_start=quarter_of(served), day=served.date(), clock_offset=offset)
    elif not isinstance(decide(budget, now), Go):
        return budget
    return replace(budget, overall_15min=_all_used(budget.overall_15min), read_15min=_all_used(budget.read_15min))


def decide(budget: Budget, now: datetime, cushion_15min: int = 0, cushion_daily: int = 0) -> Decision:
    """Whether a call may be made at `now` so that the cushions (calls left unused) stay."""
    budget = roll(budget, now)
    if not budget.learned:
        # Limits are a guess until a call has been answered, so a cushion as large as the guess must not forbid it.
        cushion_15min = min(cushion_15min, min(budget.overall_15min.limit, budget.read_15min.limit) - 1)
        cushion_daily = min(cushion_daily, min(budget.overall_day.limit, budget.read_day.limit) - 1)
    offset = timedelta(seconds=budget.clock_offset)
    if _left_day(budget) <= cushion_daily:
        midnight = datetime(budget.day.year, budget.day.month, budget.day.day, tzinfo=UTC) + timedelta(days=1)
        return Stop(midnight - offset)
    if _left_15min(budget) <= cushion_15min:
        return Wait(budget.window_start + QUARTER - offset)
    return Go()


def remaining(budget: Budget, now: datetime) -> tuple[int, int]:
    """Calls left at `now` in the quarter hour and in the day, cushions not deducted."""
    budget = roll(budget, now)
    return _left_15min(budget), _left_day(budget)


def quarter_of(moment: datetime) -> datetime:
    """The start of the quarter hour that `moment` (UTC) lies in."""
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)


def _strava_time(budget: Budget, now: datetime) -> datetime:
    return now + timedelta(seconds=budget.clock_offset) if budget.clock_offset else now


def _roll_to(budget: Budget, moment: datetime) -> Budget:
    start = quarter_of(moment)
    if budget.window_start - QUARTER <= start < budget.window_start:
        # Two clocks that differ by seconds must not open a window twice; a clock set back further must not wait.
        return budget
    if start != budget.window_start:
        budget = replace(
            budget,
            overall_15min=Window(budget.overall_15min.limit),
            read_15min=Window(budget.read_15min.limit),
            window_start=start,
        )
    if moment.date() != budget.day:
        budget = replace(
            budget,
            overall_day=Window(budget.overall_day.limit),
            read_day=Window(budget.read_day.limit),
            day=moment.date(),
        )
    return budget


def _learn(budget: Budget, rates: RateHeaders, now: datetime) -> Budget:
    if rates.served_at is not None:
        difference = (rates.served_at - now).total_seconds()
        budget = replace(budget, clock_offset=difference if abs(difference) > TOLERATED_SECONDS else 0.0)
    moment = rates.served_at or _strava_time(budget, now)
    budget = _roll_to(roll(budget, now), moment)
    # An answer from before our own roll tells of a window that is over.
    current = (quarter_of(moment) == budget.window_start, moment.date() == budget.day)
    overall = _limited(budget.overall_15min, budget.overall_day, rates.overall_limit)
    read = _limited(budget.read_15min, budget.read_day, rates.read_limit)
    overall_usage, read_usage = rates.overall_usage or (0, 0), rates.read_usage or (0, 0)
    return replace(
        budget,
        overall_15min=_used(overall[0], overall_usage[0] if current[0] else 0),
        overall_day=_used(overall[1], overall_usage[1] if current[1] else 0),
        read_15min=_used(read[0], read_usage[0] if current[0] else 0),
        read_day=_used(read[1], read_usage[1] if current[1] else 0),
        learned=budget.learned or rates.read_limit is not None,
    )


def _limited(quarter: Window, day: Window, limits: Pair | None) -> tuple[Window, Window]:
    if limits is None:
        return quarter, day
    return Window(limits[0], quarter.used), Window(limits[1], day.used)


def _used(window: Window, used: int) -> Window:
    return Window(window.limit, used) if used > window.used else window


def _left_15min(budget: Budget) -> int:
    return min(budget.overall_15min.left, budget.read_15min.left)


def _left_day(budget: Budget) -> int:
    return min(budget.overall_day.left, budget.read_day.left)


def _one_more(window: Window) -> Window:
    return Window(window.limit, window.used + 1)


def _all_used(window: Window) -> Window:
    return _used(window, window.limit)

"""The API budget, pure: headers and clock → Budget; (Budget, now) → Go | Wait | Stop.

Limits are per application, shared by all its athletes and processes. Windows reset at :00/:15/:30/:45, the day at
00:00 UTC; every GET counts to the overall and to the read limit, 429s too (API.md §3). Every `now` is the machine's
own clock, an aware UTC datetime; times inside a `Budget` are Strava's, `clock_offset` seconds later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from strava_stats.strava.rate_headers import Pair, RateHeaders, read_rate_headers

QUARTER = timedelta(minutes=15)
CLOSE = timedelta(seconds=60)
"""What others do between two answers so close in time they may do before our next call. No answer travels longer."""
TOLERATED_SECONDS = 5.0
"""A `Date` header has whole seconds and takes time to arrive: smaller differences say nothing about the clock."""


@dataclass(frozen=True, slots=True)
class Window:
    """Calls allowed and calls made in one period; `foreign`: most calls of others between two answers close in time."""

    limit: int
    used: int = 0
    foreign: int = 0

    @property
    def left(self) -> int:
        """Calls still to be made, never negative."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Budget:
    """Counts of the quarter hour that begins at `window_start` and of `day`, both by Strava's clock.

    `learned` is False as long as the limits are our guess. `clock_offset` is Strava's clock minus ours in seconds,
    0 while they agree within 5 s. Of this quarter hour alone: `seen_at`, when the last answer with a usage was given,
    and `in_flight`, the calls that have no answer yet.
    """

    overall_15min: Window
    overall_day: Window
    read_15min: Window
    read_day: Window
    window_start: datetime
    day: date
    clock_offset: float = 0.0
    learned: bool = False
    seen_at: datetime | None = None
    in_flight: int = 0

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
        in_flight=budget.in_flight + 1,
    )


def learn(budget: Budget, headers: Mapping[str, str], now: datetime) -> Budget:
    """Take limits, usage and clock from an answer's headers, of any letter case; missing or malformed: ignored.

    Within a window the larger of our figure and the header's wins: headers may be absent, and calls in flight are
    counted by us alone. What the header has more than all our calls was made by others. The `Date` of the answer says
    which window its usage belongs to.
    """
    budget = _learn(budget, read_rate_headers(headers), now)
    return replace(budget, in_flight=max(0, budget.in_flight - 1))


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
    """Whether a call may be made at `now` so that the cushions (calls left unused) stay and no 429 is foreseen."""
    quarter, day = remaining(budget := roll(budget, now), now, cushion_15min, cushion_daily)
    offset = timedelta(seconds=budget.clock_offset)
    if not day:
        midnight = datetime(budget.day.year, budget.day.month, budget.day.day, tzinfo=UTC) + timedelta(days=1)
        return Stop(midnight - offset)
    if not quarter:
        return Wait(budget.window_start + QUARTER - offset)
    return Go()


def remaining(budget: Budget, now: datetime, cushion_15min: int = 0, cushion_daily: int = 0) -> tuple[int, int]:
    """Calls that may still be made at `now` in the quarter hour and in the day; never negative.

    The larger of the cushion and of what others are expected to take before the next call arrives stays unused.
    """
    budget = roll(budget, now)
    quarter, day = (budget.overall_15min, budget.read_15min), (budget.overall_day, budget.read_day)
    if not budget.learned:
        # Limits are a guess until a call has been answered, so a cushion as large as the guess must not forbid it.
        cushion_15min = min(cushion_15min, min(window.limit for window in quarter) - 1)
        cushion_daily = min(cushion_daily, min(window.limit for window in day) - 1)
    return _usable(quarter, cushion_15min, budget.in_flight), _usable(day, cushion_daily, budget.in_flight)


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
            # One burst must not cost the day's end as many calls: what the last quarter hour had is expected again.
            overall_day=replace(budget.overall_day, foreign=budget.overall_15min.foreign),
            read_day=replace(budget.read_day, foreign=budget.read_15min.foreign),
            window_start=start,
            seen_at=None,
            in_flight=0,
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
        budget = _set_clock(budget, rates.served_at, now)
    moment = rates.served_at or _strava_time(budget, now)
    budget = _roll_to(roll(budget, now), moment)
    # An answer from before our own roll tells of a window that is over.
    current = (quarter_of(moment) == budget.window_start, moment.date() == budget.day)
    overall = _limited(budget.overall_15min, budget.overall_day, rates.overall_limit)
    read = _limited(budget.read_15min, budget.read_day, rates.read_limit)
    overall_usage, read_usage = rates.overall_usage or (0, 0), rates.read_usage or (0, 0)
    is_close = budget.seen_at is not None and abs(moment - budget.seen_at) <= CLOSE
    is_sighting = current[0] and (rates.overall_usage or rates.read_usage) is not None
    return replace(
        budget,
        overall_15min=_seen(overall[0], overall_usage[0] if current[0] else 0, is_close=is_close),
        overall_day=_seen(overall[1], overall_usage[1] if current[1] else 0, is_close=is_close),
        read_15min=_seen(read[0], read_usage[0] if current[0] else 0, is_close=is_close),
        read_day=_seen(read[1], read_usage[1] if current[1] else 0, is_close=is_close),
        learned=budget.learned or rates.read_limit is not None,
        seen_at=moment if is_sighting else budget.seen_at,
    )


def _set_clock(budget: Budget, served_at: datetime, now: datetime) -> Budget:
    difference = (served_at - now).total_seconds()
    offset = difference if abs(difference) > TOLERATED_SECONDS else 0.0
    # Our clock was wrong when it opened the next window, and what it counted there was made in Strava's.
    was_wrong = abs(offset - budget.clock_offset) > CLOSE.total_seconds()
    if was_wrong and quarter_of(served_at) == budget.window_start - QUARTER:
        budget = replace(budget, window_start=quarter_of(served_at), day=served_at.date())
    return replace(budget, clock_offset=offset)


def _limited(quarter: Window, day: Window, limits: Pair | None) -> tuple[Window, Window]:
    if limits is None:
        return quarter, day
    return replace(quarter, limit=limits[0]), replace(day, limit=limits[1])


def _seen(window: Window, used: int, *, is_close: bool) -> Window:
    if used <= window.used:
        return window
    return Window(window.limit, used, max(window.foreign, used - window.used) if is_close else window.foreign)


def _usable(windows: Iterable[Window], cushion: int, in_flight: int) -> int:
    return max(0, min(window.left - max(cushion, _expected(window, in_flight)) for window in windows))


def _expected(window: Window, in_flight: int) -> int:
    """Calls that may come before our next one; beside others, ours in flight may be missing in a usage that we saw."""
    return window.foreign + in_flight * (window.foreign + 1) if window.foreign else 0


def _one_more(window: Window) -> Window:
    return replace(window, used=window.used + 1)


def _all_used(window: Window) -> Window:
    return replace(window, used=max(window.used, window.limit))

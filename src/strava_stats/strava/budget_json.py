"""The budget as JSON values, pure."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Any

from strava_stats.strava.budget import Budget, Window, quarter_of
from strava_stats.strava.rate_headers import YEARS

WINDOWS = ("overall_15min", "overall_day", "read_15min", "read_day")
LARGEST = 999_999_999
LARGEST_OFFSET = timedelta(days=366 * 200).total_seconds()


def to_dict(budget: Budget) -> dict[str, Any]:
    """The budget as plain JSON values."""
    windows = [getattr(budget, name) for name in WINDOWS]
    return {
        "version": 1,
        **{name: [window.limit, window.used] for name, window in zip(WINDOWS, windows, strict=True)},
        "window_start": budget.window_start.isoformat(),
        "day": budget.day.isoformat(),
        "clock_offset": budget.clock_offset,
        "learned": budget.learned,
        "foreign": [window.foreign for window in windows],
        "seen_at": budget.seen_at.isoformat() if budget.seen_at else None,
        "in_flight": budget.in_flight,
    }


def from_dict(value: object) -> Budget:
    """The budget that `to_dict` wrote; anything else is `Budget.new()`: losing it costs calls, never data.

    A file of a version that did not look for others has no `foreign`, `seen_at` and `in_flight`.
    """
    try:
        return _budget_of(value)
    except (TypeError, ValueError, KeyError, OverflowError):
        return Budget.new()


def _budget_of(value: Any) -> Budget:
    start = datetime.fromisoformat(value["window_start"])
    day = date.fromisoformat(value["day"])
    offset = float(value["clock_offset"])
    sound = (
        value["version"] == 1
        and start.utcoffset() == timedelta(0)
        and start == quarter_of(start)
        and start.year in YEARS
        and day.year in YEARS
        and math.isfinite(offset)
        and abs(offset) < LARGEST_OFFSET
        and isinstance(value["learned"], bool)
    )
    if not sound:
        raise ValueError("not a budget")
    overall_15min, overall_day, read_15min, read_day = (
        _window_of(value[name], foreign)
        for name, foreign in zip(WINDOWS, value.get("foreign", [0, 0, 0, 0]), strict=True)
    )
    return Budget(
        overall_15min=overall_15min,
        overall_day=overall_day,
        read_15min=read_15min,
        read_day=read_day,
        window_start=start,
        day=day,
        clock_offset=offset,
        learned=value["learned"],
        seen_at=_instant_of(value.get("seen_at")),
        in_flight=_count_of(value.get("in_flight", 0)),
    )


def _window_of(value: Any, foreign: Any) -> Window:
    limit, used = value
    if type(limit) is not int or not 1 <= limit <= LARGEST:
        raise ValueError("not a window")
    return Window(limit, _count_of(used), _count_of(foreign))


def _count_of(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 2 * LARGEST:
        raise ValueError("not a number of calls")
    return value


def _instant_of(value: Any) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(value)
    if moment.utcoffset() != timedelta(0) or moment.year not in YEARS:
        raise ValueError("not an instant")
    return moment

"""The budget as JSON values, pure."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Any

from strava_stats.strava.budget import Budget, Window, quarter_of
from strava_stats.strava.rate_headers import YEARS

LARGEST = 999_999_999
LARGEST_OFFSET = timedelta(days=366 * 200).total_seconds()


def to_dict(budget: Budget) -> dict[str, Any]:
    """The budget as plain JSON values."""
    return {
        "version": 1,
        "overall_15min": [budget.overall_15min.limit, budget.overall_15min.used],
        "overall_day": [budget.overall_day.limit, budget.overall_day.used],
        "read_15min": [budget.read_15min.limit, budget.read_15min.used],
        "read_day": [budget.read_day.limit, budget.read_day.used],
        "window_start": budget.window_start.isoformat(),
        "day": budget.day.isoformat(),
        "clock_offset": budget.clock_offset,
        "learned": budget.learned,
    }


def from_dict(value: object) -> Budget:
    """The budget that `to_dict` wrote; anything else is `Budget.new()`: losing it costs calls, never data."""
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
    return Budget(
        overall_15min=_window_of(value["overall_15min"]),
        overall_day=_window_of(value["overall_day"]),
        read_15min=_window_of(value["read_15min"]),
        read_day=_window_of(value["read_day"]),
        window_start=start,
        day=day,
        clock_offset=offset,
        learned=value["learned"],
    )


def _window_of(value: Any) -> Window:
    limit, used = value
    if type(limit) is not int or type(used) is not int or not 1 <= limit <= LARGEST or not 0 <= used <= 2 * LARGEST:
        raise ValueError("not a window")
    return Window(limit, used)

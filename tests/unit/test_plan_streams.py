"""Which streams to fetch: those of the window, and what was asked for beside it; nothing twice without a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from strava_stats.sync.plan import EnrichOptions, StreamCandidate, choose_streams

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WINDOW = EnrichOptions(21, streams=True)
ALL = replace(WINDOW, all_missing=True)


def one(number: int, *, days: int = 1, state: str = "new") -> StreamCandidate:
    """An activity that began so many days ago; its state is new, stored, edited, export, manual or refreshed."""
    start = NOW - timedelta(days=days)
    return StreamCandidate(
        number,
        start,
        start.date(),
        manual=state == "manual",
        from_export="export" in state,
        answered=state in {"stored", "edited"},
        changed=state != "stored",
    )


HISTORY = [
    one(1, days=900),
    one(2, days=800, state="edited"),
    one(3, days=700, state="stored"),
    one(4, days=600, state="export"),
    one(5, days=500, state="manual"),
    one(6, days=400),
    one(7, days=5, state="stored"),
    one(8, days=4, state="manual"),
    one(9, days=3, state="export"),
    one(10, days=2),
    one(11, days=1, state="edited"),
]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (WINDOW, [11, 10, 2]),
        (replace(WINDOW, backlog=1), [11, 10, 2, 6]),
        (replace(WINDOW, backlog=9), [11, 10, 2, 6, 1]),
        (ALL, [11, 10, 6, 2, 1]),
        (replace(WINDOW, refresh_streams=True), [11, 10, 9, 7, 2]),
        (replace(ALL, refresh_streams=True), [11, 10, 9, 7, 6, 4, 3, 2, 1]),
        (replace(WINDOW, ids=(3, 6, 8, 9, 2, 99)), [6, 2]),
        (replace(WINDOW, ids=(3, 8, 9), refresh_streams=True), [3, 9]),
        (replace(WINDOW, from_day=(NOW - timedelta(days=450)).date(), to_day=NOW.date()), [11, 10, 6]),
    ],
)
def test_choice(options: EnrichOptions, wanted: list[int]) -> None:
    """Newest first; typed-in ones never; what is stored, absent or from an archive only when there is a reason."""
    assert choose_streams(HISTORY, options, NOW) == wanted


def test_late_ones_are_as_recent_and_what_is_held_back_waits() -> None:
    """As with details."""
    assert choose_streams(HISTORY, WINDOW, NOW, late=frozenset({1, 3})) == [11, 10, 1, 2]
    assert choose_streams(HISTORY, ALL, NOW, skip=frozenset({10, 2})) == [11, 6, 1]

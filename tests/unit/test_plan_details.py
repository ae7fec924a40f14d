"""Which details are fetched, in which order, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_stats.sync.plan import Candidate, Choice, EnrichOptions, choose_details, count_by_why

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def one(number: int, days_ago: float | None, *, details: bool = False, changed: bool = False) -> Candidate:
    start = None if days_ago is None else NOW - timedelta(days=days_ago)
    fetched = NOW - timedelta(days=number) if details else None
    return Candidate(number, start, start.date() if start else None, details, changed, fetched)


HISTORY = [
    one(1, 0.5),
    one(2, 2, details=True),
    one(3, 3, details=True, changed=True),
    one(4, 20.99),
    one(5, 21.01),
    one(6, 400, details=True),
    one(7, 500, details=True, changed=True),
    one(8, 600),
    one(9, None),
]
WINDOW = EnrichOptions(since_days=21)


def ids(choices: list[Choice]) -> list[int]:
    return [choice.id for choice in choices]


def test_the_window_newest_first() -> None:
    """The default takes the recent ones, newest first, also those that have details; then older ones edited since."""
    assert choose_details(HISTORY, WINDOW, NOW) == [
        Choice(1, "new"),
        Choice(2, "refresh"),
        Choice(3, "edited"),
        Choice(4, "new"),
        Choice(7, "edited"),
    ]


def test_only_changed_leaves_out_what_is_up_to_date() -> None:
    """With only-changed, details that belong to the present summary are not fetched again."""
    assert ids(choose_details(HISTORY, replace(WINDOW, only_changed=True), NOW)) == [1, 3, 4, 7]


def test_all_missing_is_every_activity_without_details() -> None:
    """All takes what has no details or was edited, newest first, those without a start last, and nothing else."""
    choices = choose_details(HISTORY, replace(WINDOW, all_missing=True), NOW)
    assert ids(choices) == [1, 3, 4, 5, 7, 8, 9]
    assert {choice.id for choice in choices if choice.why == "edited"} == {3, 7}


def test_a_backlog_stands_beside_the_window() -> None:
    """A backlog adds the newest of the missing outside the window, behind the window."""
    assert ids(choose_details(HISTORY, replace(WINDOW, backlog=2), NOW)) == [1, 2, 3, 4, 7, 5, 8]
    assert ids(choose_details(HISTORY, replace(WINDOW, backlog=100), NOW)) == [1, 2, 3, 4, 7, 5, 8, 9]


def test_refresh_old_takes_the_stalest() -> None:
    """Details fetched longest ago come again, no more than asked, and none twice."""
    assert choose_details(HISTORY, replace(WINDOW, refresh_old=1), NOW)[5:] == [Choice(6, "refresh")]
    assert ids(choose_details(HISTORY, replace(WINDOW, refresh_old=9), NOW)) == [1, 2, 3, 4, 7, 6]


def test_ids_are_taken_as_given() -> None:
    """Ids asked for by name come in their order, once each, whatever else is set, known or not."""
    options = EnrichOptions(since_days=0, ids=(8, 2, 8, 77), only_changed=True, backlog=5)
    assert choose_details(HISTORY, options, NOW, skip=frozenset({8})) == [
        Choice(8, "new"),
        Choice(2, "refresh"),
        Choice(77, "new"),
    ]


@pytest.mark.parametrize(
    ("from_day", "to_day", "wanted"),
    [
        (date(2026, 11, 20), None, [1, 2, 3]),
        (None, date(2026, 11, 2), [4, 5, 6, 7, 8]),
        (date(2026, 11, 2), date(2026, 11, 20), [3, 4, 5]),
        (date(2026, 11, 21), date(2026, 11, 21), [2]),
        (date(2027, 1, 1), None, []),
    ],
)
def test_days_are_local_and_inclusive(from_day: date | None, to_day: date | None, wanted: list[int]) -> None:
    """From and to are days of the athlete's own calendar, both ends taken in; the window of days does not count."""
    options = EnrichOptions(since_days=0, from_day=from_day, to_day=to_day)
    assert ids(choose_details(HISTORY, options, NOW)) == wanted


def test_skipped_ones_are_left_out_everywhere() -> None:
    """What waits in quarantine is neither in the window nor in the backlog nor refreshed."""
    skip = frozenset({1, 3, 5, 7})
    options = replace(WINDOW, backlog=9, refresh_old=9)
    assert ids(choose_details(HISTORY, options, NOW, skip=skip)) == [2, 4, 8, 9, 6]
    assert ids(choose_details(HISTORY, replace(WINDOW, all_missing=True), NOW, skip=skip)) == [4, 8, 9]


def test_counts_by_kind() -> None:
    """Each kind is counted, also with none."""
    assert count_by_why(choose_details(HISTORY, replace(WINDOW, backlog=2), NOW)) == {
        "new": 2,
        "edited": 2,
        "refresh": 1,
        "backlog": 2,
    }
    assert set(count_by_why([]).values()) == {0}


CANDIDATES = st.lists(
    st.builds(
        lambda number, days, details, changed: one(number, days, details=details, changed=changed),
        st.integers(1, 60),
        st.none() | st.floats(-5, 800),
        st.booleans(),
        st.booleans(),
    ),
    unique_by=lambda candidate: candidate.id,
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(
    candidates=CANDIDATES,
    since_days=st.integers(0, 900),
    only_changed=st.booleans(),
    backlog=st.integers(0, 50),
    refresh_old=st.integers(0, 50),
    skip=st.frozensets(st.integers(1, 60)),
)
def test_no_choice_twice_and_none_skipped(  # noqa: PLR0917 - hypothesis names them
    candidates: list[Candidate],
    since_days: int,
    only_changed: bool,
    backlog: int,
    refresh_old: int,
    skip: frozenset[int],
) -> None:
    """However the options are mixed, each detail is fetched at most once, and the reasons given are true."""
    options = EnrichOptions(since_days, only_changed=only_changed, backlog=backlog, refresh_old=refresh_old)
    choices = choose_details(candidates, options, NOW, skip=skip)
    known = {candidate.id: candidate for candidate in candidates}
    assert len(set(ids(choices))) == len(choices)
    assert not skip & set(ids(choices))
    assert sum(choice.why == "backlog" for choice in choices) <= backlog
    for choice in choices:
        assert known[choice.id].has_details is (choice.why in {"edited", "refresh"})
    recent = {
        candidate.id
        for candidate in candidates
        if candidate.start and candidate.start >= NOW - timedelta(days=since_days) and not candidate.has_details
    }
    assert recent - skip <= set(ids(choices))


def test_a_late_upload_is_as_good_as_recent() -> None:
    """What turned up in a listing although it starts before the window gets its details, unless days were asked for."""
    late = frozenset({5, 8})
    assert ids(choose_details(HISTORY, WINDOW, NOW, late=late)) == [1, 2, 3, 4, 5, 8, 7]
    by_day = EnrichOptions(since_days=0, from_day=date(2026, 11, 20))
    assert ids(choose_details(HISTORY, by_day, NOW, late=late)) == [1, 2, 3]

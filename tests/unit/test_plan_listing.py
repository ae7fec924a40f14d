"""What a pull asks for first, what it asks for next, and when it is done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from strava_stats.sync.plan import (
    DAY,
    FAR_FUTURE,
    ListingRequest,
    Mode,
    finish_time,
    first_request,
    listing_calls,
    next_request,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
EVERYTHING = ListingRequest(0, FAR_FUTURE)


def first(
    watermark: datetime | None, swept_at: datetime | None, mode: Mode = "default", days: int = 21, sweep: int = 7
) -> ListingRequest:
    return first_request(NOW, watermark, swept_at, mode=mode, days=days, full_sweep_days=sweep)


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


@pytest.mark.parametrize("mode", ["default", "lite", "all"])
def test_nothing_listed_yet_means_everything(mode: Mode) -> None:
    """Without a watermark every mode lists everything."""
    assert first(None, None, mode) == EVERYTHING
    assert first(None, YESTERDAY, mode) == EVERYTHING


def test_look_back_from_the_watermark() -> None:
    """The default goes back from the watermark, not from today, by as many days as asked."""
    old = NOW - timedelta(days=300)
    assert first(old, YESTERDAY) == ListingRequest(seconds(old - timedelta(days=21)) - 1, FAR_FUTURE)
    assert first(old, YESTERDAY, days=0) == ListingRequest(seconds(old) - 1, FAR_FUTURE)


def test_lite_has_no_look_back_and_no_sweep() -> None:
    """Lite starts at the watermark, even when a sweep is long due or never was."""
    for swept_at in (None, NOW - timedelta(days=400), YESTERDAY):
        assert first(YESTERDAY, swept_at, "lite") == ListingRequest(seconds(YESTERDAY) - 1, FAR_FUTURE)


@pytest.mark.parametrize(
    ("swept_ago", "sweep", "full"),
    [
        (timedelta(days=7), 7, True),
        (timedelta(days=7) - timedelta(seconds=1), 7, False),
        (timedelta(days=8), 0, False),
        (None, 7, True),
        (None, 0, False),
        (timedelta(0), 1, False),
    ],
)
def test_a_sweep_is_due(swept_ago: timedelta | None, sweep: int, full: bool) -> None:
    """A sweep is due once the last one is as old as FULL_SWEEP_DAYS; with 0 it never is."""
    swept_at = None if swept_ago is None else NOW - swept_ago
    request = first(YESTERDAY, swept_at, sweep=sweep)
    assert request.full is full
    assert (request == EVERYTHING) is full


def test_all_sweeps_in_any_case() -> None:
    """All lists everything, also right after a sweep."""
    assert first(YESTERDAY, NOW, "all", sweep=0) == EVERYTHING


def test_a_watermark_in_the_future_is_no_start() -> None:
    """An activity with a wrong clock does not move the start beyond the present."""
    future = NOW + timedelta(days=500)
    an_hour_ago = NOW - timedelta(hours=1)
    assert first(future, YESTERDAY) == ListingRequest(seconds(an_hour_ago - timedelta(days=21)) - 1, FAR_FUTURE)
    assert first(future, YESTERDAY, "lite").after < seconds(an_hour_ago)


def test_a_watermark_at_the_beginning_of_time() -> None:
    """The start is never negative."""
    assert first(datetime(1970, 1, 5, tzinfo=UTC), YESTERDAY).after == 0


def test_an_empty_page_is_the_end() -> None:
    """Only an empty page ends a listing."""
    assert next_request(EVERYTHING, [], 0, 200) is None
    assert next_request(ListingRequest(5, 9, page=4), [], 0, 200) is None


def test_a_short_page_is_not_the_end() -> None:
    """After a short page something else is asked for."""
    following = next_request(EVERYTHING, [900, 800], 2, 200)
    assert following is not None
    assert following != EVERYTHING


def test_full_pages_are_followed_by_time() -> None:
    """A full page that descends is followed by its oldest start plus a day at most, from the first page on."""
    starts = [10 * DAY - number * DAY // 2 for number in range(10)]
    following = next_request(ListingRequest(7, FAR_FUTURE, page=3), starts, 10, 10)
    assert following is not None
    assert (following.after, following.page) == (7, 1)
    assert starts[-1] < following.before <= starts[-1] + DAY


def test_the_overlap_of_a_sparse_history_is_a_day() -> None:
    """Where a page covers months, a whole day of it is asked for again."""
    starts = [1_000 * DAY - number * DAY * 3 for number in range(200)]
    following = next_request(EVERYTHING, starts, 200, 200)
    assert following == ListingRequest(0, starts[-1] + DAY)


def test_the_overlap_of_a_dense_history_is_a_share_of_the_page() -> None:
    """Where a page covers an hour, no more than a twentieth of it is asked for again."""
    starts = [1_000 * DAY - number * 18 for number in range(200)]
    following = next_request(EVERYTHING, starts, 200, 200)
    assert following is not None
    again = [start for start in starts if start < following.before]
    assert 1 <= len(again) <= 11


def test_a_page_of_one_second_is_followed_by_number() -> None:
    """Time cannot lead on within one second, so the next page is asked for."""
    request = ListingRequest(0, 1_001)
    assert next_request(request, [1_000] * 10, 10, 10) == ListingRequest(0, 1_001, page=2)


def test_ascending_pages_are_followed_by_number() -> None:
    """A listing in the other order is followed page by page."""
    assert next_request(EVERYTHING, [100, 200, 300], 3, 3) == ListingRequest(0, FAR_FUTURE, page=2)


def test_an_unreadable_start_is_followed_by_number() -> None:
    """A page with a start that cannot be read says nothing about time."""
    assert next_request(EVERYTHING, [300, None, 100], 3, 3) == ListingRequest(0, FAR_FUTURE, page=2)


def test_a_repeated_page_is_followed_by_number() -> None:
    """A page without any new id does not move the time on."""
    assert next_request(ListingRequest(0, 1_000), [900, 800], 0, 2) == ListingRequest(0, 1_000, page=2)


@pytest.mark.parametrize(("activities", "calls"), [(0, 1), (1, 2), (200, 2), (201, 3), (1132, 7)])
def test_listing_calls(activities: int, calls: int) -> None:
    """A listing takes its pages and the empty one."""
    assert listing_calls(activities, 200) == calls


def test_what_fits_now_is_done_now() -> None:
    """Calls that fit in what is left take no waiting."""
    assert finish_time(NOW, 0, (0, 0), (100, 1000)) == NOW
    assert finish_time(NOW, 100, (100, 1000), (100, 1000)) == NOW


def test_the_rest_waits_for_the_next_quarter_hour() -> None:
    """One call too many is made when the quarter hour turns."""
    moment = datetime(2026, 11, 23, 12, 7, 30, tzinfo=UTC)
    assert finish_time(moment, 101, (100, 1000), (100, 1000)) == datetime(2026, 11, 23, 12, 15, tzinfo=UTC)
    assert finish_time(moment, 301, (100, 1000), (100, 1000)) == datetime(2026, 11, 23, 12, 45, tzinfo=UTC)


def test_a_used_up_day_ends_at_midnight_utc() -> None:
    """When the day's calls are gone, the next one is made at 00:00 UTC."""
    assert finish_time(NOW, 1, (100, 0), (100, 1000)) == datetime(2026, 11, 24, tzinfo=UTC)
    assert finish_time(NOW, 1001, (100, 1000), (100, 1000)) == datetime(2026, 11, 24, tzinfo=UTC)


def test_the_last_quarter_hour_of_a_day() -> None:
    """Beyond the last quarter hour of a day both windows begin anew."""
    moment = datetime(2026, 11, 23, 23, 50, tzinfo=UTC)
    assert finish_time(moment, 150, (50, 1000), (100, 1000)) == datetime(2026, 11, 24, tzinfo=UTC)


def test_a_backfill_of_days() -> None:
    """2,500 calls at 1,000 a day and 100 a quarter hour end on the second day after, at 01:00."""
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    assert finish_time(midnight, 2500, (100, 1000), (100, 1000)) == datetime(2026, 11, 25, 1, 0, tzinfo=UTC)


def test_limits_of_zero_do_not_wait_for_ever() -> None:
    """Where no call is ever allowed there is no finish, and no endless loop."""
    assert finish_time(NOW, 5, (0, 0), (0, 0)) == NOW

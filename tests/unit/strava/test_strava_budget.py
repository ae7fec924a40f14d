from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from tests.unit.strava.far_end import rates

from strava_stats.strava.budget import Budget, Decision, Go, Stop, Wait, decide, exhaust, learn, remaining, roll, spend
from strava_stats.strava.budget_json import from_dict, to_dict

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
QUARTER_PAST = NOON + timedelta(minutes=15)
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)


def learned(quarter: int, day: int = 0, now: datetime = NOON) -> Budget:
    return learn(Budget.new(), rates(quarter, day), now)


def dated(quarter: int, day: int, served: datetime) -> dict[str, str]:
    return {**rates(quarter, day), "Date": format_datetime(served, usegmt=True)}


def beside_others(rise: int, quarter: int = 50, day: int = 500, now: datetime = NOON) -> Budget:
    """Two answers on end, between which others made `rise` calls; the second shows this usage."""
    budget = learn(spend(Budget.new(), now), rates(quarter - 1 - rise, day - 1 - rise), now)
    return learn(spend(budget, now), rates(quarter, day), now)


@pytest.mark.parametrize(
    ("quarter", "day", "cushion_15min", "cushion_daily", "expected"),
    [
        (0, 0, 0, 0, Go()),
        (99, 99, 0, 0, Go()),
        (100, 100, 0, 0, Wait(QUARTER_PAST)),
        (130, 130, 0, 0, Wait(QUARTER_PAST)),
        (89, 89, 10, 0, Go()),
        (90, 90, 10, 0, Wait(QUARTER_PAST)),
        (1, 999, 0, 0, Go()),
        (1, 1000, 0, 0, Stop(MIDNIGHT)),
        (100, 1000, 0, 0, Stop(MIDNIGHT)),
        (1, 949, 0, 50, Go()),
        (1, 950, 0, 50, Stop(MIDNIGHT)),
    ],
)
def test_decision(quarter: int, day: int, cushion_15min: int, cushion_daily: int, expected: Decision) -> None:
    """Both windows are used to the last call above the cushion, and the day outranks the quarter hour."""
    assert decide(learned(quarter, day), NOON, cushion_15min, cushion_daily) == expected


def test_overall_limit_counts_too() -> None:
    """The overall limit stops calls although the read limit has room."""
    headers = {"X-RateLimit-Limit": "200,2000", "X-RateLimit-Usage": "200,300", "X-ReadRateLimit-Usage": "1,1"}
    assert decide(learn(Budget.new(), headers, NOON), NOON) == Wait(QUARTER_PAST)


def test_spend_counts_without_any_header() -> None:
    """A hundred calls without rate headers end at the limit of a new application."""
    budget = Budget.new()
    for _ in range(100):
        assert decide(budget, NOON) == Go()
        budget = spend(budget, NOON)
    assert decide(budget, NOON) == Wait(QUARTER_PAST)
    assert remaining(budget, NOON) == (0, 900)


@pytest.mark.parametrize(
    ("later", "left"), [(0, (0, 900)), (899, (0, 900)), (900, (100, 900)), (3600, (100, 900)), (43_200, (100, 1000))]
)
def test_roll(later: int, left: tuple[int, int]) -> None:
    """A window is empty again at the quarter hour, the day at midnight UTC."""
    assert remaining(learned(100), NOON + timedelta(seconds=later)) == left


def test_clock_set_back_does_not_wait_for_it() -> None:
    """A window stored by a clock that ran hours ahead is dropped; one ahead by seconds is kept."""
    ahead = learned(100, now=NOON)
    assert remaining(ahead, NOON - timedelta(hours=3))[0] == 100
    assert remaining(ahead, NOON - timedelta(seconds=3))[0] == 0


@pytest.mark.parametrize("case", [str, str.lower, str.upper, str.title])
def test_header_case(case: Any) -> None:
    """Header names are read in any letter case."""
    headers = {case(name): value for name, value in rates(42, 420, "300,3000").items()}
    assert remaining(learn(Budget.new(), headers, NOON), NOON) == (158, 1580)


@pytest.mark.parametrize("value", [",", "", "a,b", "5", "1,2,3", "-1,5", "1.5,2", "99999999999999999999,1", "٣,٤"])
def test_malformed_headers_change_nothing(value: str) -> None:
    """What is no pair of whole numbers is ignored; the call is answered all the same."""
    before = spend(Budget.new(), NOON)
    assert learn(before, dict.fromkeys(rates(1), value), NOON) == replace(before, in_flight=0)


def test_zero_limit_is_ignored() -> None:
    """A limit of 0 would stop the product for ever."""
    assert remaining(learn(Budget.new(), rates(0, 0, "0,0"), NOON), NOON) == (100, 1000)


def test_larger_figure_wins_within_a_window() -> None:
    """Other consumers are seen through the headers, our calls in flight through our own count."""
    mine = Budget.new()
    for _ in range(7):
        mine = spend(mine, NOON)
    assert remaining(learn(mine, rates(50), NOON), NOON)[0] == 50
    assert remaining(learn(mine, rates(3), NOON), NOON)[0] == 93


@pytest.mark.parametrize("rise", [0, 1, 2, 30])
def test_what_others_took_between_two_answers_stays_free(rise: int) -> None:
    """The rise that no call of ours explains is kept unused in both windows, and nothing when there is none."""
    assert remaining(beside_others(rise), NOON) == (50 - rise, 500 - rise)


@pytest.mark.parametrize(("free", "expected"), [(3, Go()), (2, Wait(QUARTER_PAST))])
def test_the_margin_of_the_quarter_hour_is_waited_out(free: int, expected: Decision) -> None:
    """With two calls of others between answers the last two calls of a quarter hour are left to them."""
    assert decide(beside_others(rise=2, quarter=100 - free), NOON) == expected


@pytest.mark.parametrize(("free", "expected"), [(3, Go()), (2, Stop(MIDNIGHT))])
def test_the_margin_of_the_day_stops(free: int, expected: Decision) -> None:
    """The same at the end of the day."""
    assert decide(beside_others(rise=2, day=1000 - free), NOON) == expected


def test_the_largest_rise_counts() -> None:
    """A smaller rise after it does not make the margin smaller."""
    budget = beside_others(rise=4)
    budget = learn(spend(budget, NOON), rates(52, 502), NOON)
    assert remaining(budget, NOON) == (44, 494)


@pytest.mark.parametrize(("cushion", "left"), [(0, 47), (2, 47), (10, 40)])
def test_a_cushion_serves_others_too(cushion: int, left: int) -> None:
    """Margin and cushion do not add up: the larger one stays unused."""
    assert remaining(beside_others(rise=3), NOON, cushion)[0] == left


def test_the_first_answer_in_a_quarter_hour_makes_no_margin() -> None:
    """What was used before we looked tells nothing about the rate of others."""
    assert remaining(learn(spend(Budget.new(), NOON), rates(60, 600), NOON), NOON) == (40, 400)


@pytest.mark.parametrize(("seconds", "left"), [(0, 28), (60, 28), (61, 40)])
def test_a_rise_over_a_long_time_is_no_margin(seconds: int, left: int) -> None:
    """Answers more than a minute apart, by Strava's clock, do not show how much others call between two of ours."""
    first = learn(spend(Budget.new(), NOON), dated(47, 47, NOON), NOON)
    later = NOON + timedelta(seconds=seconds)
    assert remaining(learn(spend(first, later), dated(60, 60, later), later), later)[0] == left


def test_the_margin_of_the_day_outlives_its_quarter_hour_once() -> None:
    """The next quarter hour begins without a margin; the day keeps the one of the quarter hour before, no older."""
    budget = beside_others(rise=5)
    assert remaining(budget, QUARTER_PAST) == (100, 495)
    budget = learn(spend(budget, QUARTER_PAST), rates(1, 501), QUARTER_PAST)
    assert remaining(budget, QUARTER_PAST + timedelta(minutes=15)) == (100, 499)


def test_calls_in_flight_of_another_process_are_not_foreign() -> None:
    """Every process counts before it sends: what comes back in another order is no rise."""
    budget = learned(10)
    for _ in range(4):
        budget = spend(budget, NOON)
    for usage in (13, 11, 14, 12):
        budget = learn(budget, rates(usage), NOON)
    assert remaining(budget, NOON)[0] == 86


def test_beside_others_calls_in_flight_may_be_missing_in_the_usage() -> None:
    """Each call in flight, and a rise before it, may come on top of the usage that an answer showed."""
    budget = beside_others(rise=2)
    assert remaining(budget, NOON)[0] == 48
    assert remaining(spend(budget, NOON), NOON)[0] == 100 - 51 - 2 - 3


def test_a_lost_answer_is_forgotten_with_its_quarter_hour() -> None:
    """A call whose process was killed counts as in flight until the window ends."""
    budget = spend(beside_others(rise=2), NOON)
    assert roll(budget, QUARTER_PAST).in_flight == 0
    assert learn(roll(budget, QUARTER_PAST), {}, QUARTER_PAST).in_flight == 0


def test_new_window_starts_from_the_header() -> None:
    """An answer dated in the next window opens it, although our clock is two seconds behind."""
    now = QUARTER_PAST - timedelta(seconds=2)
    budget = learn(learned(100), {**rates(1, 101), "Date": format_datetime(QUARTER_PAST, usegmt=True)}, now)
    assert remaining(budget, now) == (99, 899)


def test_late_answer_of_the_old_window_does_not_fill_the_new_one() -> None:
    """Usage of an answer dated before the reset is not counted to the window after it; the day's is."""
    now = QUARTER_PAST + timedelta(seconds=1)
    late = {**rates(100, 500), "Date": format_datetime(QUARTER_PAST - timedelta(seconds=1), usegmt=True)}
    assert remaining(learn(learned(90), late, now), now) == (100, 500)


@pytest.mark.parametrize(
    ("now", "left"), [(NOON + timedelta(minutes=2), (55, 955)), (MIDNIGHT + timedelta(minutes=2), (55, 355))]
)
def test_a_window_that_only_our_clock_had_begun(now: datetime, left: tuple[int, int]) -> None:
    """A clock found ten minutes ahead counted to the next window, or day, what was made in Strava's present one."""
    budget = learn(spend(Budget.new(), now), dated(45, 1_000 - left[1], now - timedelta(minutes=10)), now)
    assert remaining(budget, now) == left
    assert remaining(budget, now + timedelta(minutes=8)) == (100, 1_000 if now > MIDNIGHT else left[1])


@pytest.mark.parametrize("offset", [-7200.0, -6.0, 6.0, 7200.0])
def test_clock_offset(offset: float) -> None:
    """With a wrong clock the wait ends when Strava's quarter hour does, told in the time of the wrong clock."""
    served = NOON + timedelta(minutes=5)
    mine = served - timedelta(seconds=offset)
    budget = learn(Budget.new(), {**rates(100), "Date": format_datetime(served, usegmt=True)}, mine)
    assert budget.clock_offset == offset
    assert decide(budget, mine) == Wait(QUARTER_PAST - timedelta(seconds=offset))


def test_small_clock_difference_is_none() -> None:
    """Five seconds or less are the journey of the answer."""
    budget = learn(Budget.new(), {"Date": format_datetime(NOON - timedelta(seconds=5), usegmt=True)}, NOON)
    assert budget.clock_offset == 0


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 99 Nov 2026 12:00:00 GMT"])
def test_nonsense_date(date: str) -> None:
    """A Date header that is none is ignored."""
    assert learn(Budget.new(), {"Date": date}, NOON).clock_offset == 0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Wait(QUARTER_PAST)),
        (rates(101, 101), Wait(QUARTER_PAST)),
        (rates(3, 1001), Stop(MIDNIGHT)),
        ({"X-RateLimit-Limit": ",", "X-RateLimit-Usage": ","}, Wait(QUARTER_PAST)),
        ({"X-Ratelimit-Limit": "600,30000", "X-Ratelimit-Usage": "12,30000"}, Stop(MIDNIGHT)),
    ],
)
def test_429(headers: dict[str, str], expected: Decision) -> None:
    """After a 429 the window that its headers show is used up, without a sign the quarter hour."""
    assert decide(exhaust(spend(Budget.new(), NOON), headers, NOON), NOON) == expected


def test_429_just_after_our_reset_waits_for_stravas() -> None:
    """A clock four seconds ahead costs four seconds, not a quarter of an hour."""
    now = QUARTER_PAST + timedelta(seconds=2)
    served = QUARTER_PAST - timedelta(seconds=2)
    budget = spend(learned(100), now)
    budget = exhaust(budget, {**rates(101), "Date": format_datetime(served, usegmt=True)}, now)
    assert decide(budget, now) == Wait(QUARTER_PAST + timedelta(seconds=4))
    assert decide(budget, now + timedelta(seconds=3)) == Go()


def test_cushion_as_large_as_a_guessed_limit_lets_one_call_learn_it() -> None:
    """Before any answer the limits are a guess, which a cushion must not turn into a standstill."""
    assert decide(Budget.new(), NOON, 150, 1500) == Go()
    assert decide(learn(Budget.new(), rates(1, 1, "200,2000"), NOON), NOON, 150, 1500) == Go()


def test_json_round_trip() -> None:
    """A budget survives its JSON form."""
    budget = replace(spend(beside_others(rise=3), NOON), clock_offset=-7.5)
    assert from_dict(to_dict(budget)) == budget


def test_a_file_of_a_version_that_did_not_look_for_others() -> None:
    """It is read as it is, without a margin."""
    written = to_dict(learned(5, 50))
    old = {name: value for name, value in written.items() if name not in {"foreign", "seen_at", "in_flight"}}
    assert from_dict(old) == replace(learned(5, 50), seen_at=None)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"overall_day": [1]},
        {"read_15min": [0, 0]},
        {"read_day": ["1", 2]},
        {"read_day": [100, -1]},
        {"window_start": "2026-11-23T12:03:00+00:00"},
        {"window_start": "2026-11-23T12:00:00"},
        {"window_start": "9999-12-31T23:45:00+00:00"},
        {"day": "yesterday"},
        {"clock_offset": "nan"},
        {"clock_offset": 1e300},
        {"learned": 1},
        {"day": None},
        {"foreign": [1, 2, 3]},
        {"foreign": [0, 0, 0, -1]},
        {"foreign": None},
        {"seen_at": 5},
        {"seen_at": "2026-11-23T12:03:00"},
        {"in_flight": True},
        {"in_flight": -1},
    ],
)
def test_garbage_is_a_fresh_budget(change: dict[str, Any]) -> None:
    """A file that is not what was written there is a fresh budget."""
    assert from_dict(to_dict(learned(5)) | change) == Budget.new()


@pytest.mark.parametrize("value", [None, [], {}, "x", 3])
def test_other_json_is_a_fresh_budget(value: object) -> None:
    """So is JSON of another shape."""
    assert from_dict(value) == Budget.new()


def test_roll_is_idempotent() -> None:
    """Rolling twice is rolling once."""
    later = NOON + timedelta(hours=1)
    once = roll(learned(7), later)
    assert roll(once, later) == once

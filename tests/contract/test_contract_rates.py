"""Both rate windows against the simulator's counters: used to the last call, never beyond, also beside others."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.in_process import Connection, connection

from strava_stats.strava.budget_file import BudgetExhausted

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def connected(folder: Path, **options: Any) -> Connection:
    strava = connection(folder, **options)
    strava.clock.set(NOON + timedelta(minutes=1))
    strava.authorise()
    strava.simulator.calls.clear()
    return strava


def per_window(strava: Connection) -> list[int]:
    """Calls a quarter hour, by Strava's clock."""
    counts = Counter(int(call["t"] // 900) for call in strava.simulator.calls if "/oauth/" not in call["path"])
    return [counts[window] for window in sorted(counts)]


def test_the_quarter_hours_are_used_to_the_last_call(tmp_path: Path) -> None:
    """250 calls at 100 a quarter hour take two waits and the arithmetic minimum of time; none is refused."""
    strava = connected(tmp_path)
    client = strava.client()
    for _ in range(250):
        client.athlete()
    assert per_window(strava) == [100, 100, 50]
    assert set(strava.statuses()) == {200}
    assert NOON + timedelta(minutes=30) < strava.clock.now() <= NOON + timedelta(minutes=30, seconds=10)


def test_the_overall_limit_counts_too(tmp_path: Path) -> None:
    """Where the overall limit is the smaller one it is kept to."""
    strava = connected(tmp_path, overall=(40, 500))
    client = strava.client()
    for _ in range(100):
        client.athlete()
    assert per_window(strava) == [40, 40, 20]
    assert set(strava.statuses()) == {200}


def test_the_day_ends_and_the_next_begins(tmp_path: Path) -> None:
    """After the last call of the day the run stops, told until when; at midnight UTC it goes on."""
    strava = connected(tmp_path)
    client = strava.client()
    for _ in range(1_000):
        client.athlete()
    with pytest.raises(BudgetExhausted) as stopped:
        client.athlete()
    assert (stopped.value.reason, stopped.value.until) == ("day", datetime(2026, 11, 24, tzinfo=UTC))
    assert strava.statuses() == [200] * 1_000
    assert max(per_window(strava)) == 100
    strava.clock.set(datetime(2026, 11, 24, 0, 0, 2, tzinfo=UTC))
    assert client.athlete().status == 200


def test_a_quarter_hour_over_midnight(tmp_path: Path) -> None:
    """A day that is used up to its end does not take the next one's calls."""
    strava = connected(tmp_path, read=(100, 150))
    strava.clock.set(datetime(2026, 11, 23, 23, 50, tzinfo=UTC))
    client = strava.client()
    for _ in range(200):
        client.athlete()
    assert per_window(strava) == [100, 100]
    assert set(strava.statuses()) == {200}


@pytest.mark.parametrize("case", ["wire", "documented", "lower"])
def test_header_names_in_any_case(tmp_path: Path, case: str) -> None:
    """Limits are learnt from the headers however they are spelt."""
    strava = connected(tmp_path, overall=(30, 300), read=(20, 200))
    strava.simulator.modes.rate_header_case = case  # type: ignore[assignment]
    client = strava.client()
    for _ in range(50):
        client.athlete()
    assert per_window(strava) == [20, 20, 10]


@pytest.mark.parametrize("style", ["missing", "malformed"])
def test_without_usable_headers_our_count_holds(tmp_path: Path, style: str) -> None:
    """Without headers, or with `,` for them, a new application's limits are kept to by our own count."""
    strava = connected(tmp_path, overall=(100_000, 1_000_000), read=(100_000, 1_000_000))
    strava.simulator.modes.rate_headers = style  # type: ignore[assignment]
    client = strava.client()
    for _ in range(120):
        client.athlete()
    assert per_window(strava) == [100, 20]


def test_headers_that_fail_now_and_then(tmp_path: Path) -> None:
    """What was learnt stays known while headers are missing for a while."""
    strava = connected(tmp_path, overall=(60, 600), read=(30, 300))
    client = strava.client()
    for number in range(70):
        strava.simulator.modes.rate_headers = "normal" if number % 7 == 0 else "missing"
        client.athlete()
    assert per_window(strava) == [30, 30, 10]
    assert set(strava.statuses()) == {200}


def test_the_overall_headers_alone(tmp_path: Path) -> None:
    """With the two overall headers only, the read limit of a new application is assumed."""
    strava = connected(tmp_path, overall=(400, 4_000), read=(100, 1_000))
    strava.simulator.modes.rate_headers = "overall_only"
    client = strava.client()
    for _ in range(150):
        client.athlete()
    assert per_window(strava) == [100, 50]


@given(others=st.lists(st.integers(0, 12), min_size=40, max_size=40), limit=st.integers(8, 40))
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_another_consumer_is_seen(tmp_path_factory: pytest.TempPathFactory, others: list[int], limit: int) -> None:
    """As long as another consumer leaves a call, ours are never refused: its usage is read from our answers."""
    strava = connected(tmp_path_factory.mktemp("other"), overall=(limit * 2, 100_000), read=(limit, 50_000))
    client = strava.client()
    for more in others:
        client.athlete()
        read = strava.simulator.limits.snapshot(strava.simulator.now())["read"]
        left = read["limit"][0] - read["usage"][0]
        # What comes after our last answer cannot be seen: the other one leaves us that call.
        strava.simulator.limits.count(strava.simulator.now(), read=True, calls=max(0, min(more, left - 1)))
    assert set(strava.statuses()) == {200}


def test_a_refused_call_is_the_only_one(tmp_path: Path) -> None:
    """When another consumer takes the whole window unseen one call is refused, and no second one tried."""
    strava = connected(tmp_path)
    client = strava.client()
    for _ in range(10):
        client.athlete()
    strava.simulator.limits.count(strava.simulator.now(), read=True, calls=90)
    for _ in range(20):
        client.athlete()
    assert strava.statuses().count(429) == 1
    assert NOON + timedelta(minutes=15) < strava.clock.now() <= NOON + timedelta(minutes=15, seconds=10)


def test_a_day_used_up_by_another(tmp_path: Path) -> None:
    """When another consumer takes the whole day unseen one call is refused, and the run stops."""
    strava = connected(tmp_path)
    strava.simulator.limits.count(strava.simulator.now(), read=True, calls=1_000)
    for _ in range(3):
        with pytest.raises(BudgetExhausted):
            strava.client().athlete()
    assert strava.statuses() == [429]


def test_two_athletes_share_one_budget(tmp_path: Path) -> None:
    """Clients of two athletes, and of two processes, count together."""
    strava = connected(tmp_path, athletes=2)
    first, second = strava.simulator.world.athletes
    strava.authorise(second)
    clients = [strava.client(first), strava.client(second)]
    for number in range(150):
        clients[number % 2].athlete()
    assert per_window(strava) == [100, 50]
    assert set(strava.statuses()) == {200}


@pytest.mark.parametrize("seconds", [-86_400, -7_200, -420, -20, -3, 3, 20, 420, 7_200, 86_400])
def test_a_clock_that_is_wrong(tmp_path: Path, seconds: int) -> None:
    """Whether our clock is ahead or behind, no call is refused and no window left half used."""
    strava = connected(tmp_path)
    strava.simulator.advance(seconds)
    strava.authorise()
    client = strava.client()
    for _ in range(250):
        client.athlete()
    assert set(strava.statuses()) == {200}
    assert len(per_window(strava)) <= 4
    assert sum(per_window(strava)) == 250


def test_outages_count_as_calls(tmp_path: Path) -> None:
    """Attempts that were answered with 503 by Strava itself are counted: no window is overdrawn."""
    strava = connected(tmp_path)
    client = strava.client()
    strava.simulator.add_fault("status", status=503, skip=20, times=4, counted=True)
    strava.simulator.add_fault("drop", skip=60, times=3, processed=True)
    for _ in range(150):
        client.athlete()
    assert 429 not in strava.statuses()
    assert max(per_window(strava)) == 100


@pytest.mark.parametrize(("cushion_15min", "cushion_daily"), [(10, 0), (0, 950), (99, 0)])
def test_cushions_are_left(tmp_path: Path, cushion_15min: int, cushion_daily: int) -> None:
    """That many calls stay unused in each quarter hour and in the day."""
    strava = connected(tmp_path)
    client = strava.client(cushion_15min=cushion_15min, cushion_daily=cushion_daily)
    allowed = min(120, 1_000 - cushion_daily)
    for _ in range(allowed):
        client.athlete()
    if allowed < 120:
        with pytest.raises(BudgetExhausted):
            client.athlete()
    assert max(per_window(strava)) <= 100 - cushion_15min
    assert strava.statuses() == [200] * allowed


def test_oauth_calls_do_not_count(tmp_path: Path) -> None:
    """Refreshing tokens leaves the budget as it is."""
    strava = connected(tmp_path)
    keeper = strava.keeper()
    before = keeper.remaining()
    strava.oauth().refresh(strava.store.load()[strava.simulator.world.default.id].refresh_token)
    assert keeper.remaining() == before

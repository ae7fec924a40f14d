"""Rate limits: counters, windows, headers."""

from __future__ import annotations

import pytest

from strava_stats.simulator import Request, Simulator, build_simulator

from .conftest import NOON, Call, Standing, caller, control


@pytest.fixture
def tight(clock: Standing) -> Simulator:
    """Three reads a quarter of an hour, five a day."""
    return build_simulator(activities=20, years=0.2, until=NOON, now=clock, overall=(4, 9), read=(3, 5))


def test_headers_are_spelt_as_on_the_wire_and_include_the_call(simulator: Simulator, get: Call) -> None:
    """The four headers carry "15min,daily", the current call counted."""
    get("/api/v3/athlete")
    headers = dict(get("/api/v3/athlete").headers)
    assert headers["X-Ratelimit-Usage"] == headers["X-Readratelimit-Usage"] == "2,2"
    assert headers["X-Ratelimit-Limit"] == headers["X-Readratelimit-Limit"] == "10000,100000"


def test_the_read_limit_answers_429_without_retry_after(tight: Simulator) -> None:
    """The call beyond the limit is refused, counted, and says nothing about when to come back."""
    get = caller(tight)
    assert [get("/athlete").status for _ in range(4)] == [200, 200, 200, 429]
    refused = get("/athlete")
    assert refused.json()["errors"][0] == {
        "resource": "Application",
        "field": "overall rate limit",
        "code": "exceeded",
    }
    assert refused.header("X-RateLimit-Usage") == "5,5"
    assert refused.header("Retry-After") is None


def test_the_window_turns_at_the_quarter_and_refusals_count_toward_the_day(tight: Simulator, clock: Standing) -> None:
    """At :15 the short counter is empty, while the day remembers the refused calls too."""
    get = caller(tight)
    for _ in range(5):
        get("/athlete")
    clock.time += 14 * 60 - 1
    assert get("/athlete").header("X-RateLimit-Usage") == "6,6"
    clock.time += 1
    assert get("/athlete").header("X-ReadRateLimit-Usage") == "1,7"
    clock.time += 12 * 3600
    assert get("/athlete").status == 401  # a new day, but the token has died
    assert caller(tight)("/athlete").header("X-ReadRateLimit-Usage") == "2,2"


def test_another_consumer_is_seen_in_the_headers(simulator: Simulator, get: Call) -> None:
    """Calls of somebody else of the same application appear in our usage."""
    control(simulator, "POST", "/consume", calls=40)
    assert get("/athlete").header("x-ratelimit-usage") == "41,41"
    control(simulator, "PATCH", "/modes", other_calls=9)
    get("/athlete")
    assert get("/athlete").header("x-ratelimit-usage") == "52,52"


@pytest.mark.parametrize(("style", "values"), [("missing", []), ("malformed", [","] * 4)])
def test_headers_can_be_missing_or_malformed(simulator: Simulator, get: Call, style: str, values: list[str]) -> None:
    """The modes of API.md §3 that break the headers."""
    control(simulator, "PATCH", "/modes", rate_headers=style)
    headers = get("/athlete").headers
    assert [value for name, value in headers if "limit" in name.lower()] == values


def test_oauth_is_neither_counted_nor_labelled(simulator: Simulator, get: Call) -> None:
    """OAuth answers carry no rate headers and cost nothing."""
    answer = simulator.handle(Request("POST", "/oauth/token"))
    assert not [name for name, _ in answer.headers if "limit" in name.lower()]
    assert get("/athlete").header("X-RateLimit-Usage") == "1,1"


def test_a_bad_token_is_counted(simulator: Simulator, get: Call) -> None:
    """A 401 costs a call and carries the headers."""
    refused = simulator.handle(Request("GET", "/athlete", (), {"Authorization": "Bearer nobody"}))
    assert refused.status == 401
    assert refused.header("X-RateLimit-Usage") == "1,1"

"""Every recorded response of an endpoint that the client asks: its bytes are landed, or the right error is raised."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from tests.support.clock import VirtualClock
from tests.support.compare_json import differences
from tests.support.flow_bench import API, OAUTH, FlowBench
from tests.support.recorded_files import Exchange, exact, exchanges, needs_recorded
from tests.support.recorded_replay import Choose, Replay, in_turn

from strava_stats.errors import (
    ApplicationInactive,
    ConfigurationError,
    NotAuthorised,
    ScopeMissing,
    StravaStatsError,
)
from strava_stats.lake.summaries import read_body, split_page
from strava_stats.simulator import build_simulator
from strava_stats.strava.auth import DeadRefreshToken, OAuth
from strava_stats.strava.budget_file import BudgetExhausted, BudgetKeeper
from strava_stats.strava.client import Answer, Client
from strava_stats.strava.token_store import Token
from strava_stats.sync.plan import EnrichOptions

pytestmark = needs_recorded

NOON = datetime(2026, 11, 23, 12, 1, tzinfo=UTC)
RATE = (("x-ratelimit-limit", "x-ratelimit-usage"), ("x-readratelimit-limit", "x-readratelimit-usage"))


class Tokens:
    def __init__(self) -> None:
        self.rejected: list[str] = []

    def access_token(self) -> str:
        return "token-1"

    def refresh_rejected(self, token: str) -> str:
        self.rejected.append(token)
        return "token-2"


class Bench:
    def __init__(self, choose: Choose) -> None:
        self.clock = VirtualClock(NOON)
        self.replay = Replay(choose)
        self.tokens = Tokens()
        self.keeper = BudgetKeeper(None, self.clock)
        session = self.replay.session(API)
        self.client = Client(API, self.tokens, self.keeper, self.clock, session, rng=random.Random(1))  # noqa: S311
        self.oauth = OAuth(OAUTH, "12345", "secret-1", session, self.clock, rng=random.Random(1))  # noqa: S311


def method_for(client: Client, exchange: Exchange) -> Callable[[], Answer] | None:
    """The client's call that leads to a recorded request, or None."""
    match exchange.method, exchange.path.removeprefix("/api/v3").strip("/").split("/"):
        case "GET", ["athlete", "activities"]:
            query = {name: int(value) for name, value in exchange.query.items()}
            return lambda: client.list_activities(
                query.get("after"), query.get("before"), query.get("page", 1), query.get("per_page", 30)
            )
        case "GET", ["activities", activity_id]:
            return lambda: client.activity(int(activity_id))
        case "GET", ["athlete"]:
            return client.athlete
        case "GET", ["gear", gear_id]:
            return lambda: client.gear(gear_id)
        case "GET", ["athletes", athlete_id, "stats"]:
            return lambda: client.athlete_stats(int(athlete_id))
    return None


PROBE = Bench(in_turn()).client
ASKED = {name: exchange for name, exchange in exchanges().items() if method_for(PROBE, exchange)}
GIVEN = sorted(name for name, exchange in ASKED.items() if exchange.status == 200)


def call(bench: Bench, exchange: Exchange) -> Answer:
    method = method_for(bench.client, exchange)
    assert method is not None
    return method()


def test_there_are_responses_for_each_endpoint() -> None:
    """The recorded answers cover every endpoint that the client has, so that the tests below test something."""
    assert len(GIVEN) >= 13
    assert {"athlete", "athlete_stats", "gear_bike", "gear_shoe", "activity_detail", "activities_page_1"} <= set(GIVEN)


@pytest.mark.parametrize("name", GIVEN)
def test_a_recorded_answer_is_given_out_verbatim(name: str) -> None:
    """The client hands out status and body as recorded, and asks for the very path that was recorded."""
    exchange = ASKED[name]
    bench = Bench(in_turn(exchange))
    answer = call(bench, exchange)
    assert (answer.status, answer.body) == (200, exchange.body)
    (request,) = bench.replay.requests
    assert urlsplit(str(request.url)).path == exchange.path
    assert bench.clock.sleeps == []


@pytest.mark.parametrize("name", [name for name in GIVEN if "X-Readratelimit-Usage" in exchanges()[name].headers])
def test_the_budget_learns_from_recorded_headers(name: str) -> None:
    """What is left afterwards is what the recorded headers say, whichever of the two rates has less."""
    exchange = ASKED[name]
    bench = Bench(in_turn(exchange))
    call(bench, exchange)
    headers = {key.lower(): value.split(",") for key, value in exchange.headers.items()}
    left = [
        [int(limit) - int(used) for limit, used in zip(headers[first], headers[second], strict=True)]
        for first, second in RATE
    ]
    assert bench.keeper.remaining() == (min(one[0] for one in left), min(one[1] for one in left))


@pytest.mark.parametrize("name", [name for name in GIVEN if name.startswith("activities_")])
def test_a_recorded_page_is_landed(name: str) -> None:
    """Each element of a recorded page is a clean body with the bytes of the page."""
    exchange = ASKED[name]
    bodies = split_page(exchange.body)
    assert [exact(body.content) for body in bodies] == exact(exchange.body)
    assert all(body.error is None for body in bodies)
    assert all(body.content in exchange.body for body in bodies)


@pytest.mark.parametrize("name", [name for name in GIVEN if name.startswith("activity_detail")])
def test_a_recorded_detail_is_landed(name: str) -> None:
    """A recorded detail is one clean body; an id of thirty digits is told apart from a usable one."""
    exchange = ASKED[name]
    body = read_body(exchange.body)
    if "oversized" in name:
        assert (body.id, body.error) == (None, "the id is no 64-bit integer")
        assert body.shown_id == str(int(exact(exchange.body)["id"]))
    else:
        assert (body.id, body.error) == (int(exact(exchange.body)["id"]), None)
    assert exact(body.content) == exact(exchange.body)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("documented/error_400_after_in_future", ConfigurationError),
        ("documented/error_401_scope_missing", ScopeMissing),
        ("documented/error_403_application_inactive", ApplicationInactive),
        ("error_401_application", NotAuthorised),
    ],
)
def test_a_recorded_refusal_is_its_error(name: str, error: type[StravaStatsError]) -> None:
    """A refusal that no retry mends is raised at once, without a pause or a second call."""
    bench = Bench(in_turn(exchanges()[name]))
    with pytest.raises(error) as raised:
        call(bench, exchanges()[name])
    assert type(raised.value) is error
    assert len(bench.replay.requests) == 1
    assert bench.clock.sleeps == []


def test_a_recorded_rejected_token() -> None:
    """The recorded 401 of an access token is answered with one refresh, and a second one ends the call."""
    rejection = exchanges()["documented/error_401_access_token"]
    bench = Bench(in_turn(rejection, exchanges()["athlete"]))
    assert bench.client.athlete().body == exchanges()["athlete"].body
    assert bench.tokens.rejected == ["token-1"]
    with pytest.raises(NotAuthorised):
        Bench(in_turn(rejection)).client.athlete()


@pytest.mark.parametrize("name", ["error_404_empty_body", "documented/error_404_not_found"])
def test_a_recorded_404_is_an_answer(name: str) -> None:
    """Both recorded forms of a 404 say that one activity is gone, and are no error."""
    bench = Bench(in_turn(exchanges()[name]))
    assert bench.client.activity(82316634946).status == 404
    assert len(bench.replay.requests) == 1


def test_the_recorded_402_is_an_answer() -> None:
    """Payment Required is handed out, because one resource being for subscribers ends no run."""
    assert Bench(in_turn(exchanges()["documented/error_402_payment_required"])).client.activity(5).status == 402


def test_the_recorded_500_is_that_activitys_own() -> None:
    """A 500 that comes twice for one activity is handed out, so that the run can go on without it."""
    bench = Bench(in_turn(exchanges()["documented/error_500_message_only"]))
    assert bench.client.activity(5).status == 500
    assert len(bench.replay.requests) == 2


def test_the_recorded_429_waits_for_the_next_quarter_hour() -> None:
    """A 429 with the quarter hour overdrawn waits until it is over, then goes on."""
    limited = exchanges()["documented/error_429_overall"]
    bench = Bench(in_turn(limited, exchanges()["activities_per_page_1"]))
    assert call(bench, limited).body == exchanges()["activities_per_page_1"].body
    assert len(bench.replay.requests) == 2
    assert bench.clock.now() >= NOON + timedelta(minutes=14)


def test_the_recorded_429_of_a_used_up_day_stops() -> None:
    """A 429 whose headers show the day as used up, with a string for `errors`, ends the run instead of waiting."""
    bench = Bench(in_turn(exchanges()["error_429_2018"]))
    with pytest.raises(BudgetExhausted) as raised:
        bench.client.activity(82316634946)
    assert raised.value.exit_code == 75
    assert len(bench.replay.requests) == 1
    assert bench.clock.sleeps == []


@pytest.mark.parametrize("name", ["oauth_token_exchange", "documented/oauth_token_exchange"])
def test_a_recorded_token_exchange(name: str) -> None:
    """A recorded exchange gives the athlete's token with the fields that were sent."""
    sent: dict[str, Any] = exact(exchanges()[name].body)
    token = Bench(in_turn(exchanges()[name])).oauth.exchange("fresh-code", ("read",))
    assert token.athlete_id == sent["athlete"]["id"]
    assert (token.access_token, token.refresh_token) == (sent["access_token"], sent["refresh_token"])
    assert token.expires_at == sent["expires_at"]
    assert token.scopes == ("read",)


@pytest.mark.parametrize(
    "name",
    [
        "oauth_token_refresh_unexpired",
        "documented/oauth_token_refresh",
        "documented/oauth_token_refresh_with_scope_2026",
    ],
)
def test_a_recorded_refresh(name: str) -> None:
    """A recorded refresh gives the new tokens; the scopes only where the answer has them, separated by blanks."""
    sent: dict[str, Any] = exact(exchanges()[name].body)
    fresh = Bench(in_turn(exchanges()[name])).oauth.refresh("old")
    assert (fresh.access_token, fresh.refresh_token) == (sent["access_token"], sent["refresh_token"])
    assert (fresh.expires_at, fresh.expires_in) == (sent["expires_at"], sent["expires_in"])
    assert fresh.scopes == (tuple(sent["scope"].split()) if "scope" in sent else None)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("error_400_token_client", NotAuthorised),
        ("error_400_token_code_2018", NotAuthorised),
        ("documented/error_400_authorization_code", NotAuthorised),
        ("documented/error_401_client_secret", NotAuthorised),
        ("documented/error_400_refresh_token", DeadRefreshToken),
    ],
)
def test_a_recorded_oauth_refusal_is_its_error(name: str, error: type[NotAuthorised]) -> None:
    """A recorded refusal of OAuth means exit 77, and shows neither code nor secret."""
    bench = Bench(in_turn(exchanges()[name]))
    ask = bench.oauth.refresh if error is DeadRefreshToken else bench.oauth.exchange
    with pytest.raises(error) as raised:
        ask("old-refresh-token")
    assert raised.value.exit_code == 77
    for secret in ("secret-1", "old-refresh-token"):
        assert secret not in str(raised.value)


class RecordedAccount(FlowBench):
    """A flow whose far end is nothing but recorded answers."""

    pages = 0

    def session(self, base_url: str) -> requests.Session:
        return Replay(self._choose).session(base_url)

    def _choose(self, path: str, query: dict[str, str]) -> Exchange:
        known = exchanges()
        last = path.rsplit("/", 1)[1]
        if path.endswith("/athlete/activities"):
            self.pages += 1
            return known["activities_after_before" if self.pages == 1 else "activities_page_39_empty"]
        if "/gear/" in path:
            return known["gear_shoe"] if last == "g913225338" else known["documented/error_404_not_found"]
        return known["athlete"] if last == "athlete" else known["activity_detail"]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> RecordedAccount:
    bench = RecordedAccount(
        tmp_path_factory.mktemp("account"), VirtualClock(NOON), build_simulator(activities=1, now=NOON.timestamp)
    )
    token = Token(4242424242, "a" * 40, "b" * 40, 2_000_000_000, None, "12345", int(NOON.timestamp()))
    bench.store.save(token)
    bench.flow(token, enrich=EnrichOptions(since_days=0, ids=(82316634946,)))
    return bench


def test_the_recorded_athlete_is_a_row(account: RecordedAccount) -> None:
    """Every key of the recorded profile is in its column or in extra; bikes and shoes have a table of their own."""
    body: dict[str, Any] = exact(exchanges()["athlete"].body)
    (row,) = account.table("athletes", "id")
    sent = {key: value for key, value in body.items() if key not in {"resource_state", "bikes", "shoes"}}
    own = {"athlete_id", "extra", "source", "fetched_at", "run_id", "body_hash"}
    assert differences(row, sent, frozenset(row) - own) == {}


def test_the_recorded_gear_is_rows(account: RecordedAccount) -> None:
    """Bikes and shoes of the profile are rows, and the one asked for by id has brand and model."""
    profile: dict[str, Any] = exact(exchanges()["athlete"].body)
    rows = {row["id"]: row for row in account.table("gear", "id")}
    own = {"athlete_id", "extra", "source", "fetched_at", "run_id", "body_hash", "brand_name", "model_name"}
    own |= {"frame_type", "weight", "description", "notification_distance"}
    for gear in [*profile["bikes"], *profile["shoes"]]:
        sent = {key: value for key, value in gear.items() if key != "resource_state"}
        assert differences(rows[gear["id"]], sent, frozenset(rows[gear["id"]]) - own) == {}
    shoe: dict[str, Any] = exact(exchanges()["gear_shoe"].body)
    row = rows[shoe.pop("id")]
    assert shoe.pop("resource_state") == 3
    assert differences(row, shoe, frozenset(shoe)) == {}


def test_the_recorded_page_and_detail_are_rows(account: RecordedAccount) -> None:
    """The activities of the page and the marathon's details are there."""
    ids = sorted(int(body["id"]) for body in exact(exchanges()["activities_after_before"].body))
    assert [row[0] for row in account.rows("select id from activities order by id")] == ids
    assert account.rows("select count(*) from activity_segment_efforts") == [(53,)]

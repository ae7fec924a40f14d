from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from tests.support.clock import VirtualClock
from tests.unit.strava.far_end import OAUTH_URL, FarEnd, Reply, refusal

from strava_stats.errors import NotAuthorised, RateLimited, StravaStatsError, StravaUnreachable, UsageError
from strava_stats.strava.auth import DeadRefreshToken, OAuth, authorize_url, parse_redirect

SECRET = "cl1ent-s3cret"
BAD_CODE = refusal(400, "AuthorizationCode", "code", "invalid")
PAIR = {
    "token_type": "Bearer",
    "expires_at": 1_800_000_000,
    "expires_in": 21_600,
    "refresh_token": "r1",
    "access_token": "a1",
}
ATHLETE = {"id": 42, "firstname": "Jamie", "lastname": "Sample"}
CODE = "fa4e0003fa4e0003fa4e0003"


def answer(**changes: Any) -> Reply:
    value = {name: item for name, item in (PAIR | changes).items() if item is not ...}
    return Reply(200, json.dumps(value).encode())


class Bench:
    def __init__(self, *script: Reply | Exception) -> None:
        self.clock = VirtualClock()
        self.far_end = FarEnd(*script)
        self.oauth = OAuth(OAUTH_URL + "/", "123", SECRET, self.far_end.session(), self.clock)

    def form(self, number: int = 0) -> dict[str, list[str]]:
        return parse_qs(str(self.far_end.requests[number].body))


def test_authorize_url() -> None:
    """The address asks for a code with our scopes, state and redirect."""
    url = authorize_url(
        OAUTH_URL, "123", "http://localhost/exchange_token", ("read", "activity:read_all"), "st", force=True
    )
    assert urlsplit(url).path == "/oauth/authorize"
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["123"],
        "redirect_uri": ["http://localhost/exchange_token"],
        "response_type": ["code"],
        "approval_prompt": ["force"],
        "scope": ["read,activity:read_all"],
        "state": ["st"],
    }


@pytest.mark.parametrize(
    ("text", "state", "scopes"),
    [
        (CODE, None, None),
        (f"  '{CODE}'\n", None, None),
        (
            f"http://localhost/exchange_token?state=&code={CODE}&scope=read,activity:read_all",
            None,
            ("read", "activity:read_all"),
        ),
        (
            f'"http://localhost:8765/x?state=st&code={CODE}&scope=read%2Cactivity%3Aread"',
            "st",
            ("read", "activity:read"),
        ),
        (f"localhost/exchange_token?code={CODE}#_=_", None, None),
        (f"<?state=st&code={CODE}&scope=>", "st", None),
        (f"code={CODE}&state=st", "st", None),
    ],
)
def test_parse_redirect(text: str, state: str | None, scopes: tuple[str, ...] | None) -> None:
    """A redirect address, its query or a bare code are read, whatever is wrapped around them."""
    redirect = parse_redirect(text)
    assert (redirect.code, redirect.state, redirect.scopes) == (CODE, state, scopes)
    assert CODE not in repr(redirect)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "no", "hello world", "http://localhost/exchange_token", "http://localhost/?code=", "code=a b", "x=1",
     "https://www.strava.com/oauth/authorize?client_id=1&response_type=code", "http://x/?code=" + "a" * 10_000],
)  # fmt: skip
def test_parse_redirect_refuses(text: str) -> None:
    """A line that is none of these is a usage error that says what to paste."""
    with pytest.raises(UsageError, match="paste"):
        parse_redirect(text)


@pytest.mark.parametrize("error", ["access_denied", "server_error"])
def test_refused_by_the_athlete(error: str) -> None:
    """A denial is 77 with the cure."""
    with pytest.raises(NotAuthorised, match="auth"):
        parse_redirect(f"http://localhost/exchange_token?state=st&error={error}")


def test_exchange() -> None:
    """A code becomes the athlete's token; the scopes of the answer outrank those of the redirect."""
    bench = Bench(answer(athlete=ATHLETE, scope="read activity:read"))
    token = bench.oauth.exchange(CODE, ("read",))
    assert (token.athlete_id, token.name, token.client_id) == (42, "Jamie Sample", "123")
    assert (token.access_token, token.refresh_token, token.expires_at) == ("a1", "r1", 1_800_000_000)
    assert token.scopes == ("read", "activity:read")
    assert bench.form() == {
        "client_id": ["123"],
        "client_secret": [SECRET],
        "grant_type": ["authorization_code"],
        "code": [CODE],
    }


def test_scopes_without_the_key() -> None:
    """Without `scope` in the answer the redirect's set counts; without either it is not known."""
    assert Bench(answer(athlete=ATHLETE)).oauth.exchange(CODE, ("read",)).scopes == ("read",)
    assert Bench(answer(athlete=ATHLETE)).oauth.exchange(CODE).scopes is None


@pytest.mark.parametrize("resource", ["AuthorizationCode", "RequestToken"])
def test_fresh_code_is_tried_again(resource: str) -> None:
    """A code that is rejected for two seconds is accepted then."""
    bad = refusal(400, resource, "code", "invalid")
    bench = Bench(bad, bad, answer(athlete=ATHLETE))
    assert bench.oauth.exchange(CODE).athlete_id == 42
    assert sum(bench.clock.sleeps) >= 2


def test_bad_code() -> None:
    """A code that stays rejected for five seconds is 77."""
    bench = Bench(BAD_CODE)
    with pytest.raises(NotAuthorised, match="code"):
        bench.oauth.exchange(CODE)
    assert sum(bench.clock.sleeps) == pytest.approx(5)
    assert len(bench.far_end.requests) == 4


@pytest.mark.parametrize(
    ("reply", "error", "named"),
    [
        (refusal(400, "Application", "client_id", "invalid"), NotAuthorised, "STRAVA_CLIENT_ID"),
        (refusal(401, "Application", "", "invalid"), NotAuthorised, "STRAVA_CLIENT_SECRET"),
        (refusal(400, "RefreshToken", "refresh_token", "invalid"), DeadRefreshToken, "strava-stats auth"),
        (refusal(403, "Application", "Limit of connected athletes", "exceeded"), NotAuthorised, "athlete"),
        (Reply(429, b""), RateLimited, "429"),
        (Reply(404, b"<html>"), StravaUnreachable, "STRAVA_OAUTH_BASE_URL"),
        (Reply(302, b"", {"Location": "/login"}), StravaUnreachable, "STRAVA_OAUTH_BASE_URL"),
        (Reply(400, b'{"errors":"x"}'), StravaUnreachable, "400"),
    ],
)
def test_refusals(reply: Reply, error: type[StravaStatsError], named: str) -> None:
    """Each refusal of the catalogue is one call and one line that names the cure, without the secret."""
    bench = Bench(reply)
    with pytest.raises(error, match=named) as caught:
        bench.oauth.refresh("r0-secret")
    assert type(caught.value) is error
    assert len(bench.far_end.requests) == 1
    assert SECRET not in str(caught.value)
    assert "r0-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        answer(access_token=...),
        answer(access_token=""),
        answer(access_token="a\nb"),
        answer(access_token=5),
        answer(expires_at=..., expires_in=...),
        answer(expires_at=True, expires_in="x"),
        answer(expires_at=-5),
        answer(refresh_token=7),
        answer(refresh_token=...),
        answer(athlete=None),
        answer(athlete={"id": "42"}),
        answer(athlete={"id": True}),
        Reply(200, b"[]"),
        Reply(200, b'{"access_token":"a1"'),
    ],
)
def test_odd_token_answers(reply: Reply) -> None:
    """A token answer that lacks what is needed is named as such."""
    if b"athlete" not in reply.body and reply.body.endswith(b"}"):
        reply = Reply(200, reply.body[:-1] + b', "athlete": {"id": 42}}')
    with pytest.raises(StravaUnreachable, match="lacks"):
        Bench(reply).oauth.exchange(CODE)


def test_refresh() -> None:
    """A refresh gives the new pair; a missing refresh token means that the old one lives on."""
    bench = Bench(answer(scope="read"), answer(refresh_token=..., expires_at=...))
    fresh = bench.oauth.refresh("r0")
    assert (fresh.access_token, fresh.refresh_token, fresh.expires_in, fresh.scopes) == ("a1", "r1", 21_600, ("read",))
    kept = bench.oauth.refresh("r0")
    assert (kept.refresh_token, kept.scopes) == ("r0", None)
    assert kept.expires_at == int(bench.clock.now().timestamp()) + 21_600
    assert bench.form()["grant_type"] == ["refresh_token"]


def test_lost_answer_and_dead_token() -> None:
    """A refresh whose answer is lost is tried again; when the token turns out rotated that is said."""
    lost = requests.exceptions.ConnectionError("reset")
    with pytest.raises(DeadRefreshToken):
        Bench(lost, refusal(400, "RefreshToken", "refresh_token", "invalid")).oauth.refresh("r0")
    assert Bench(lost, answer()).oauth.refresh("r0").access_token == "a1"


@pytest.mark.parametrize(
    "reply", [Reply(503), Reply(597, b""), Reply(200, b"<html>"), requests.exceptions.ReadTimeout("x")], ids=repr
)
def test_outage(reply: Reply | Exception) -> None:
    """An outage is tried six times, then is exit 69."""
    bench = Bench(reply)
    with pytest.raises(StravaUnreachable):
        bench.oauth.refresh("r0")
    assert len(bench.far_end.requests) == 6


def test_revoke() -> None:
    """Revoking sends the token with HTTP Basic and takes an empty 200, after a 503 too."""
    bench = Bench(Reply(503, b""), Reply(200, b""))
    bench.oauth.revoke("r1")
    request = bench.far_end.requests[1]
    assert (request.url, bench.form(1)) == (f"{OAUTH_URL}/revoke", {"token": ["r1"]})
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(f"123:{SECRET}".encode()).decode()


def test_revoke_with_a_wrong_secret() -> None:
    """401 without a list of problems is a wrong secret here."""
    with pytest.raises(NotAuthorised, match="STRAVA_CLIENT_SECRET"):
        Bench(Reply(401, b'{"message":"Authorization Error","errors":[]}')).oauth.revoke("r1")


def test_repr_shows_no_secret() -> None:
    """The repr names the application only."""
    assert SECRET not in repr(Bench(Reply()).oauth)

from __future__ import annotations

import gzip
import random
import socket
import threading
from pathlib import Path
from typing import Self

import pytest
import requests
from tests.support.clock import VirtualClock
from tests.unit.strava.far_end import BASE_URL, FarEnd, Reply, rates, refusal
from urllib3.exceptions import ProtocolError

from strava_stats.errors import (
    ApplicationInactive,
    ConfigurationError,
    NotAuthorised,
    ScopeMissing,
    StravaStatsError,
    StravaUnreachable,
)
from strava_stats.strava.budget_file import BudgetExhausted, BudgetKeeper
from strava_stats.strava.client import STREAM_TYPES, Client, build_session

HTML = b"<html>We'll be right back</html>"
REJECTED = refusal(401, "Athlete", "access_token", "invalid")


class Tokens:
    def __init__(self) -> None:
        self.token = "old-token"
        self.rejected: list[str] = []

    def access_token(self) -> str:
        return self.token

    def refresh_rejected(self, token: str) -> str:
        self.rejected.append(token)
        self.token = "new-token"
        return self.token


class Bench:
    """A client at a scripted far end."""

    def __init__(self, *script: Reply | Exception, max_calls: int | None = None) -> None:
        self.clock = VirtualClock()
        self.far_end = FarEnd(*script)
        self.tokens = Tokens()
        self.keeper = BudgetKeeper(None, self.clock, max_calls=max_calls)
        self.retries: list[tuple[int, str, float]] = []
        self.client = Client(
            BASE_URL + "/",
            self.tokens,
            self.keeper,
            self.clock,
            self.far_end.session(),
            rng=random.Random(1),  # noqa: S311
            on_retry=lambda *told: self.retries.append(told),
        )

    @property
    def calls(self) -> int:
        return len(self.far_end.requests)


def test_requests() -> None:
    """Each method asks for its address, with the bearer and a User-Agent that names us."""
    bench = Bench(Reply())
    bench.client.list_activities(after=1, before=None, page=2, per_page=200)
    bench.client.list_activities(None, None, 1, 30)
    bench.client.activity(16_000_000_001, include_all_efforts=True)
    bench.client.activity(5, include_all_efforts=False)
    bench.client.streams(5)
    bench.client.athlete()
    bench.client.gear("b123/../x")
    bench.client.athlete_stats(42)
    urls = [(request.url or "").removeprefix(BASE_URL) for request in bench.far_end.requests]
    assert urls == [
        "/athlete/activities?after=1&page=2&per_page=200",
        "/athlete/activities?page=1&per_page=30",
        "/activities/16000000001?include_all_efforts=true",
        "/activities/5?include_all_efforts=false",
        f"/activities/5/streams?keys={','.join(STREAM_TYPES)}&key_by_type=true",
        "/athlete",
        "/gear/b123%2F..%2Fx",
        "/athletes/42/stats",
    ]
    headers = bench.far_end.requests[0].headers
    assert headers["Authorization"] == "Bearer old-token"
    assert headers["User-Agent"].startswith("strava-stats-msrvc/")
    assert bench.keeper.calls == 8


@pytest.mark.parametrize("body", [b'{"a": 1.50, "b":"\\u00e9"}', b" \r\n\t[1]", b'[{"broken further in', b"{\xff\xfe}"])
def test_body_is_verbatim(body: bytes) -> None:
    """A body that begins as JSON is handed out byte for byte, broken or not."""
    answer = Bench(Reply(200, body, {"X-Test": "1"})).client.athlete()
    assert (answer.status, answer.body, answer.headers["x-test"]) == (200, body, "1")


def test_gzip_is_undone() -> None:
    """A compressed body comes out as it was before compression."""
    packed = gzip.compress(b'{"a":1}', mtime=0)
    reply = Reply(200, packed, {"Content-Encoding": "gzip", "Content-Length": str(len(packed))})
    assert Bench(reply).client.athlete().body == b'{"a":1}'


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"[1", {"Content-Length": "3"}),
        Reply(200, gzip.compress(b"[1,2,3]", mtime=0)[:-9], {"Content-Encoding": "gzip"}),
        Reply(200, gzip.compress(b"[1,2,3]", mtime=0)[:-3], {"Content-Encoding": "gzip"}),
        Reply(200, b"[1]", {"Content-Encoding": "br"}),
        Reply(200, HTML),
        Reply(200, b""),
        Reply(200, b"null"),
        Reply(500, b'{"message":"error"}'),
        Reply(502, HTML),
        Reply(503, b""),
        Reply(504, b"[]"),
        Reply(597, b"\xff"),
        Reply(599, b"{}"),
        Reply(408),
        requests.exceptions.ConnectionError("refused"),
        requests.exceptions.ReadTimeout("x"),
        requests.exceptions.ConnectTimeout("x"),
        requests.exceptions.ChunkedEncodingError("x"),
        requests.exceptions.ProxyError("x"),
        requests.exceptions.SSLError("EOF occurred"),
        ProtocolError("x"),
        ConnectionResetError(104, "reset"),
    ],
    ids=repr,
)
def test_outage(reply: Reply | Exception) -> None:
    """An outage is tried six times with growing pauses, every attempt counted, and then is exit 69."""
    bench = Bench(reply)
    with pytest.raises(StravaUnreachable) as caught:
        bench.client.list_activities(None, None, 1, 200)
    assert caught.value.exit_code == 69
    assert bench.calls == bench.keeper.calls == 6
    assert [told[0] for told in bench.retries] == [1, 2, 3, 4, 5]
    assert all(0 <= pause <= 2**n for n, pause in enumerate(bench.clock.sleeps))
    assert "\n" not in str(caught.value)


def test_outage_that_passes() -> None:
    """An answer after some failures is the answer."""
    bench = Bench(Reply(503), ConnectionResetError(104, "reset"), Reply(200, HTML), Reply(200, b"[1]"))
    assert bench.client.athlete().body == b"[1]"
    assert len(bench.clock.sleeps) == 3


@pytest.mark.parametrize("body", [b"", b'{"message":"Resource Not Found","errors":[]}', b'["error"]'])
def test_absent(body: bytes) -> None:
    """404 of one resource is an answer, at once."""
    bench = Bench(Reply(404, body))
    for answer in (bench.client.activity(1), bench.client.gear("b1"), bench.client.athlete_stats(1)):
        assert (answer.status, answer.body) == (404, body)
    assert bench.calls == 3


def test_web_page_404_is_no_absence() -> None:
    """The 404 page of a proxy or of a wrong base URL does not make an activity look deleted."""
    with pytest.raises(StravaUnreachable, match="STRAVA_API_BASE_URL"):
        Bench(Reply(404, HTML)).client.activity(1)


def test_listing_404_is_a_wrong_address() -> None:
    """The listing and the athlete always exist: their 404 is a wrong base URL."""
    with pytest.raises(StravaUnreachable, match="STRAVA_API_BASE_URL"):
        Bench(Reply(404, b"{}")).client.list_activities(None, None, 1, 1)


def test_payment_required() -> None:
    """402 is an answer of a subscriber-only resource."""
    assert Bench(Reply(402, b"{}")).client.activity(1).status == 402


def test_permanent_500_of_one_activity() -> None:
    """A 500 that comes twice for one activity is handed out, so that the caller isolates the id."""
    bench = Bench(Reply(500, b'{"message":"error"}'))
    assert bench.client.activity(1).status == 500
    assert bench.calls == 2
    assert len(bench.clock.sleeps) == 1


def test_passing_500_of_one_activity() -> None:
    """A single 500 is tried again."""
    assert Bench(Reply(500), Reply(200, b"{}")).client.activity(1).status == 200


@pytest.mark.parametrize("reply", [REJECTED, Reply(401, b""), Reply(401, HTML), Reply(401, b'{"errors":"x"}')])
def test_rejected_token_is_refreshed_once(reply: Reply) -> None:
    """A rejected access token is replaced and the call repeated."""
    bench = Bench(reply, Reply(200, b"{}"))
    assert bench.client.athlete().status == 200
    assert bench.tokens.rejected == ["old-token"]
    assert [request.headers["Authorization"] for request in bench.far_end.requests] == [
        "Bearer old-token",
        "Bearer new-token",
    ]


def test_token_rejected_twice() -> None:
    """A fresh token that is rejected too ends in 77."""
    bench = Bench(REJECTED)
    with pytest.raises(NotAuthorised, match="auth"):
        bench.client.athlete()
    assert bench.calls == 2


@pytest.mark.parametrize(
    ("reply", "error", "named"),
    [
        (refusal(401, "AccessToken", "activity:read_permission", "missing"), ScopeMissing, "activity:read"),
        (refusal(401, "AccessToken", "<b>44.1,8.2</b>", "missing"), ScopeMissing, "scope"),
        (refusal(401, "Application", "", "invalid"), NotAuthorised, "STRAVA_CLIENT_SECRET"),
        (refusal(403, "Application", "Status", "Inactive"), ApplicationInactive, "strava.com/settings/api"),
        (refusal(403, "Activity", "x", "y"), NotAuthorised, "403"),
        (Reply(403, HTML), StravaUnreachable, "proxy"),
        (refusal(400, "Application", "after", "future"), ConfigurationError, "clock"),
        (refusal(400, "Application", "client_id", "invalid"), NotAuthorised, "STRAVA_CLIENT_ID"),
        (Reply(400, b'{"errors":[null,3,{"field":4}]}'), StravaUnreachable, "400"),
        (Reply(301, b"", {"Location": "http://elsewhere.test/"}), StravaUnreachable, "STRAVA_API_BASE_URL"),
        (Reply(302, HTML, {"Location": "/login"}), StravaUnreachable, "STRAVA_API_BASE_URL"),
        (Reply(204, b""), StravaUnreachable, "204"),
        (Reply(418, b"{}"), StravaUnreachable, "418"),
    ],
)
def test_refusals(reply: Reply, error: type[StravaStatsError], named: str) -> None:
    """A refusal that no retry mends is one call, one class, one line that names the cure."""
    bench = Bench(reply)
    with pytest.raises(error, match=named) as caught:
        bench.client.activity(1)
    assert type(caught.value) is error
    assert bench.calls == 1
    assert "44.1" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b'{"errors":"Rate Limit Exceeded","status":429,"message":"Too Many Requests"}', b"", HTML, b"[1]"]
)
def test_429_waits_for_the_next_quarter(body: bytes) -> None:
    """A 429 with whatever body waits for the quarter hour and goes on."""
    bench = Bench(Reply(429, body), Reply(200, b"{}"))
    assert bench.client.athlete().status == 200
    assert 900 < bench.clock.sleeps[0] <= 905
    assert bench.keeper.calls == 2


def test_429_of_the_day_stops() -> None:
    """A 429 whose headers show the day used up raises BudgetExhausted without another call."""
    bench = Bench(Reply(429, b"{}", rates(5, 1001)))
    with pytest.raises(BudgetExhausted):
        bench.client.athlete()
    assert bench.calls == 1


def test_every_answer_teaches_the_budget() -> None:
    """Headers of failures count too."""
    bench = Bench(Reply(404, b"", rates(77)))
    bench.client.activity(1)
    assert bench.keeper.remaining()[0] == 23


def test_max_calls_bounds_retries() -> None:
    """An outage cannot spend more calls than allowed."""
    bench = Bench(Reply(503), max_calls=2)
    with pytest.raises(BudgetExhausted):
        bench.client.athlete()
    assert bench.calls == 2


def test_no_call_is_counted_without_a_token() -> None:
    """A missing token is found out before the budget is asked."""
    bench = Bench(Reply())

    def no_token() -> str:
        raise NotAuthorised("no", "auth")

    bench.tokens.access_token = no_token  # type: ignore[method-assign]
    with pytest.raises(NotAuthorised):
        bench.client.athlete()
    assert bench.keeper.calls == bench.keeper.budget().read_15min.used == 0


def test_token_is_asked_for_after_a_wait() -> None:
    """The token used after a quarter hour's wait is the one that is good then."""
    bench = Bench(Reply())
    bench.keeper.after_call(rates(100))
    slept = bench.clock.sleep

    def sleep(seconds: float) -> None:
        slept(seconds)
        bench.tokens.token = "later-token"

    bench.clock.sleep = sleep  # type: ignore[method-assign]
    bench.client.athlete()
    assert bench.far_end.requests[0].headers["Authorization"] == "Bearer later-token"


def test_netrc_does_not_replace_the_bearer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ~/.netrc entry for the host changes nothing."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine strava.test login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    bench = Bench(Reply())
    bench.client.athlete()
    assert bench.far_end.requests[0].headers["Authorization"] == "Bearer old-token"


def test_no_cookie_is_kept() -> None:
    """What Strava sets as a cookie is not sent back."""
    far_end = FarEnd(Reply(200, b"{}", {"Set-Cookie": "session=1; Path=/"}))
    session = far_end.session()
    client = Client(BASE_URL, Tokens(), BudgetKeeper(None, VirtualClock()), VirtualClock(), session)
    client.athlete()
    client.athlete()
    assert len(session.cookies) == 0
    assert "Cookie" not in far_end.requests[1].headers


def test_message_of_a_failure_holds_no_secret() -> None:
    """Neither error nor repr of what takes part shows the token."""
    bench = Bench(Reply(503, b"old-token"))
    with pytest.raises(StravaUnreachable) as caught:
        bench.client.athlete()
    assert "old-token" not in str(caught.value) + repr(bench.client) + repr(bench.far_end.requests[0])


@pytest.mark.parametrize("content", [None, b"", b"not a certificate", b"\x00\xff"])
def test_ca_bundle_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    """A CA bundle that is missing or no PEM file is named; exit 78."""
    path = tmp_path / "corp-root.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"corp-root\.pem"):
        build_session(path, "https://www.strava.com/api/v3")


def test_certificate_failure_is_told_at_once() -> None:
    """A certificate that does not verify is not tried again; the hint names the setting."""
    error = requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    bench = Bench(error)
    with pytest.raises(StravaUnreachable, match="REQUESTS_CA_BUNDLE"):
        bench.client.athlete()
    assert bench.calls == 1


def test_proxies_are_resolved_once_and_never_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy settings of the environment hold for Strava, not for a simulator on this machine."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert build_session(None, "https://www.strava.com/api/v3").proxies["https"] == "http://proxy.test:3128"
    assert build_session(None, "http://127.0.0.1:8080").proxies == {}


@pytest.mark.parametrize("url", ["http://", "http://.test", "http://[::1"])
def test_address_that_is_none(url: str) -> None:
    """A base URL that cannot be asked names its setting."""
    with pytest.raises(ConfigurationError, match="STRAVA_API_BASE_URL"):
        Client(url, Tokens(), BudgetKeeper(None, VirtualClock()), VirtualClock(), requests.Session())


class Server:
    """A real socket that answers every request with the same bytes and then, if asked, hangs up."""

    def __init__(self, answer: bytes, *, hang_up: bool) -> None:
        self.answer, self.hang_up = answer, hang_up
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                while connection.recv(65_536):
                    connection.sendall(self.answer)
                    if self.hang_up:
                        break

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


def client_of(server: Server, clock: VirtualClock) -> Client:
    return Client(server.url, Tokens(), BudgetKeeper(None, clock), clock)


def test_connection_is_kept() -> None:
    """Calls in a row use one connection."""
    with Server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", hang_up=False) as server:
        client = client_of(server, VirtualClock())
        for _ in range(5):
            assert client.athlete().body == b"{}"
        assert server.connections == 1
        client.close()


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 9\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\n", b"Content-Encoding: gzip\r\n\r\n"],
)
def test_connection_cut_in_the_body(head: bytes) -> None:
    """A body cut short on a real socket is a dropped connection, never a short body."""
    part = gzip.compress(b"[1,2,3]", mtime=0)[:12] if b"gzip" in head else b"[1,"
    with Server(b"HTTP/1.1 200 OK\r\n" + head + part, hang_up=True) as server:
        clock = VirtualClock()
        client = client_of(server, clock)
        with pytest.raises(StravaUnreachable, match="dropped"):
            client.athlete()
        assert len(clock.sleeps) == 5
        client.close()


def test_nobody_listens() -> None:
    """A refused connection is an outage that says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    client = Client(url, Tokens(), BudgetKeeper(None, VirtualClock()), VirtualClock())
    with pytest.raises(StravaUnreachable, match="no connection"):
        client.athlete()

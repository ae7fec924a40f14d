"""Whatever Strava answers, nothing of it is quoted: an answer may hold tokens, names and coordinates."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import VirtualClock
from tests.support.flow_bench import MANY, FlowBench
from tests.support.in_process import Connection, connection

from strava_stats.errors import StravaStatsError
from strava_stats.flow import PullOptions, Run, Steps
from strava_stats.simulator import build_simulator
from strava_stats.strava.token_store import Token
from strava_stats.sync.plan import EnrichOptions

PRIVATE = ("47.37125", "8.54321", "Zurichbergstrasse", "5ecre7-t0ken")
"""Neither message nor note may hold any of these."""
LATITUDE, LONGITUDE, STREET, TOKEN = PRIVATE
ERROR = {"resource": STREET, "field": f"{TOKEN} {LATITUDE}", "code": STREET}
BODIES = {
    "problems": json.dumps({"message": STREET, "errors": [ERROR], "access_token": TOKEN}).encode(),
    "text for problems": json.dumps({"message": STREET, "errors": f"{LATITUDE},{LONGITUDE}"}).encode(),
    "web page": f"<html>{STREET} {LATITUDE},{LONGITUDE} {TOKEN}</html>".encode(),
    "broken": f'{{"access_token":"{TOKEN}","start_latlng":[{LATITUDE},{LONGITUDE}'.encode(),
    "token answer": json.dumps({"access_token": TOKEN, "refresh_token": "", "expires_at": STREET}).encode(),
    "list": json.dumps([STREET, TOKEN, [float(LATITUDE)]]).encode(),
}
CALLS: dict[str, Callable[[Connection], Any]] = {
    "listing": lambda strava: strava.client().list_activities(None, None, 1, 30),
    "details": lambda strava: strava.client().activity(strava.simulator.ids()[-1]),
    "gear": lambda strava: strava.client().gear("b1"),
    "refresh": lambda strava: strava.oauth().refresh(TOKEN),
    "exchange": lambda strava: strava.oauth().exchange(TOKEN),
    "revoke": lambda strava: strava.oauth().revoke(TOKEN),
}


def is_discreet(text: str) -> bool:
    return not any(word in text for word in PRIVATE)


def error_of(act: Callable[[], Any]) -> str:
    """What the caller is told when it fails."""
    try:
        act()
    except StravaStatsError as error:
        return f"{error} {error!r}"
    return ""


@pytest.mark.parametrize("call", CALLS)
def test_an_error_quotes_nothing(tmp_path: Path, call: str) -> None:
    """Whatever the status and the body, the error that the caller gets holds nothing of the body or the request."""
    strava = connection(tmp_path)
    strava.authorise()
    for status, (name, body) in product((200, 302, 400, 401, 403, 404, 418, 500, 503), BODIES.items()):
        strava.simulator.faults.clear()
        strava.simulator.add_fault("status", status=status, body=body, times=None)
        told = error_of(lambda: CALLS[call](strava))
        assert is_discreet(told), (status, name, told)


def test_a_token_that_is_rejected_for_good(tmp_path: Path) -> None:
    """Neither the token that Strava rejects nor its successor is shown, nor what they were got with."""
    strava = connection(tmp_path)
    before = strava.authorise()
    strava.simulator.add_fault("status", path="/athlete/activities", status=401, times=None)
    told = error_of(lambda: CALLS["listing"](strava))
    (after,) = strava.store.load().values()
    secrets = [strava.simulator.app.client_secret, before.access_token, before.refresh_token]
    secrets += [after.access_token, after.refresh_token]
    assert told
    assert not any(secret in told for secret in secrets)


SPOILT: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "broken UTF-8": lambda body: json.dumps(body).encode()[:-1] + b',"x":"\xff"}',
    "a lone surrogate": lambda body: json.dumps(body).encode()[:-1] + b',"x":"\\ud800"}',
    "a position as text": lambda body: json.dumps({**body, "start_latlng": f"{LATITUDE},{LONGITUDE}"}).encode(),
    "a street for a number": lambda body: json.dumps({**body, "distance": STREET, "kudos_count": TOKEN}).encode(),
    "an id beyond 64 bits": lambda body: json.dumps({**body, "id": 2**70}).encode(),
    "no object": lambda _body: BODIES["list"],
    "no JSON": lambda _body: BODIES["web page"],
}
ANSWERS = [(404, "problems"), (500, "web page"), (200, "broken"), (200, "list")]
SWEEP = Steps(pull=PullOptions(mode="all"), compact=True, enrich=EnrichOptions(since_days=36_500))


class Bench(FlowBench):
    def __init__(self, folder: Path) -> None:
        clock = VirtualClock()
        simulator = build_simulator(activities=6, years=1, now=lambda: clock.now().timestamp(), overall=MANY, read=MANY)
        super().__init__(folder, clock, simulator)
        self.token: Token = self.authorise()

    @property
    def newest(self) -> int:
        return self.simulator.ids()[-1]

    def told(self, run: Run) -> str:
        """Everything that a run tells: to its listener, in notes, error and record, and of what is set aside."""
        lines: list[Any] = [*self.heard.lines, *run.notes, run.error]
        lines += [run.record(self.clock.now()), self.state.quarantine()]
        if self.layout.warehouse.exists():
            lines += [self.rows("from runs"), self.rows("from quarantine")]
        return "\n".join(map(str, lines))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_run_quotes_nothing_of_a_spoilt_activity(bench: Bench, spoilt: str) -> None:
    """A summary and details that are set aside, or whose values fit no column, are told without what is in them."""
    athlete, now = bench.simulator.world.default, bench.simulator.now()
    bodies = [json.loads(body(bench.newest, now)) for body in (athlete.summary, athlete.detail)]
    private = {"name": STREET, "start_latlng": [float(LATITUDE), float(LONGITUDE)], "embed_token": TOKEN}
    summary, detail = (SPOILT[spoilt]({**body, **private}) for body in bodies)
    bench.simulator.set_raw(bench.newest, summary=summary)
    run = bench.run(bench.token, SWEEP)
    assert run.notes
    assert is_discreet(bench.told(run))
    bench.simulator.set_raw(bench.newest, detail=detail)
    assert is_discreet(bench.told(bench.run(bench.token, SWEEP)))


@pytest.mark.parametrize("path", ["/athlete/activities", "/activities/*", "/athlete"])
def test_a_run_quotes_nothing_of_an_answer(bench: Bench, path: str) -> None:
    """Whichever endpoint answers with an error or with nonsense, the run tells its status at most."""
    for status, body in ANSWERS:
        bench.simulator.faults.clear()
        bench.simulator.add_fault("status", path=path, status=status, body=BODIES[body], times=None)
        told = bench.told(bench.run(bench.token, SWEEP))
        assert is_discreet(told), (status, body, told)

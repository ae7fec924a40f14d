"""The served simulator: real sockets, keep-alive, cut connections; and the in-process transport beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from tests.support.simulator_adapter import SimulatorAdapter

from strava_stats.simulator import ServedSimulator, Simulator

from .conftest import control


@pytest.fixture(params=["socket", "in-process"])
def session(request: pytest.FixtureRequest, simulator: Simulator) -> Iterator[tuple[requests.Session, str]]:
    """A session with a bearer, and the API's base URL, over either transport."""
    token = simulator.grant()["access_token"]
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {token}"
        if request.param == "in-process":
            session.mount("http://", SimulatorAdapter(simulator))
            yield session, "http://strava.invalid/api/v3"
        else:
            with ServedSimulator(simulator) as served:
                yield session, served.api_base_url


def test_answers_over_both_transports(session: tuple[requests.Session, str]) -> None:
    """Status, headers and body arrive."""
    client, base = session
    first = client.get(f"{base}/athlete/activities", params={"per_page": 3})
    second = client.get(f"{base}/athlete")
    assert (first.status_code, len(first.json())) == (200, 3)
    assert second.headers["x-ratelimit-usage"] == "2,2"
    assert int(second.headers["Content-Length"]) == len(second.content)


def test_a_dropped_connection_is_an_error(session: tuple[requests.Session, str], simulator: Simulator) -> None:
    """The caller sees a connection error, and the next call works."""
    client, base = session
    control(simulator, "POST", "/faults", action="drop")
    with pytest.raises(requests.ConnectionError):
        client.get(f"{base}/athlete", timeout=5)
    assert client.get(f"{base}/athlete", timeout=5).status_code == 200


def test_a_drop_in_mid_body_is_an_error(session: tuple[requests.Session, str], simulator: Simulator) -> None:
    """Half a body never passes for a whole one."""
    client, base = session
    control(simulator, "POST", "/faults", action="drop_mid_body")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.get(f"{base}/athlete/activities", params={"per_page": 200}, timeout=5)
    assert client.get(f"{base}/athlete", timeout=5).status_code == 200


def test_a_hang_is_a_time_out(session: tuple[requests.Session, str], simulator: Simulator) -> None:
    """The caller's own time-out ends it."""
    client, base = session
    control(simulator, "POST", "/faults", action="hang")
    with pytest.raises(requests.ReadTimeout):
        client.get(f"{base}/athlete", timeout=(5, 0.05))


def test_control_works_over_http(simulator: Simulator) -> None:
    """A script can drive the simulator from outside."""
    with ServedSimulator(simulator) as served:
        new = requests.post(f"{served.base_url}/_control/activities", json={"name": "From outside"}, timeout=5).json()
        assert new["id"] == simulator.ids()[-1]
        state = requests.get(f"{served.base_url}/_control/state", timeout=5).json()
        assert state["athletes"]["4242424242"] == 301

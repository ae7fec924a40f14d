"""Fault rules: which call, and what happens to it."""

from __future__ import annotations

import base64

import pytest

from strava_stats.simulator import DroppedConnection, HangingConnection, Simulator

from .conftest import Call, control


def test_a_rule_skips_then_hits_so_many_times(simulator: Simulator, get: Call) -> None:
    """Second and third matching call fail, others pass; other paths are untouched."""
    control(simulator, "POST", "/faults", action="status", status=503, kind="html", path="/athlete", skip=1, times=2)
    assert get("/athlete/zones").status == 200
    assert [get("/api/v3/athlete").status for _ in range(5)] == [200, 503, 503, 200, 200]


@pytest.mark.parametrize(
    ("kind", "body"), [("empty", b""), ("non_object", b'["error"]'), ("json", b'{"message":"error"}')]
)
def test_bodies_by_kind(simulator: Simulator, get: Call, kind: str, body: bytes) -> None:
    """The body of a failing answer may be anything."""
    control(simulator, "POST", "/faults", action="status", status=500, kind=kind)
    assert get("/athlete").body == body


def test_a_forced_429_has_the_catalogue_s_body(simulator: Simulator, get: Call) -> None:
    """Without a body of its own, a fault answers what Strava would."""
    control(simulator, "POST", "/faults", action="status", status=429)
    assert get("/athlete").json()["errors"][0]["code"] == "exceeded"


def test_an_outage_is_not_counted_but_a_500_is(simulator: Simulator, get: Call) -> None:
    """597 comes from the edge, 500 from the application."""
    for status in (597, 500):
        control(simulator, "POST", "/faults", action="status", status=status)
    assert get("/athlete").header("X-RateLimit-Usage") is None
    assert get("/athlete").header("X-RateLimit-Usage") == "1,1"


def test_a_page_can_be_replaced(simulator: Simulator, get: Call) -> None:
    """A body for page 2 only, for ever, as bytes."""
    raw = base64.b64encode(b"[\xff]").decode()
    path = "/athlete/activities"
    control(simulator, "POST", "/faults", action="body", body_base64=raw, path=path, query={"page": "2"}, times=None)
    assert [get(path, page=2).body for _ in range(2)] == [b"[\xff]"] * 2
    assert get(path, page=1).body != b"[\xff]"


def test_drops_and_hangs_raise(simulator: Simulator, get: Call) -> None:
    """Before the first byte, in mid-body, never."""
    for action in ("drop", "drop_mid_body", "hang"):
        control(simulator, "POST", "/faults", action=action)
    with pytest.raises(DroppedConnection) as before:
        get("/athlete")
    with pytest.raises(DroppedConnection) as middle:
        get("/athlete")
    with pytest.raises(HangingConnection):
        get("/athlete")
    assert before.value.partial is None
    assert middle.value.partial is not None
    assert int(middle.value.partial.header("Content-Length") or 0) > len(middle.value.partial.body) > 0
    assert [call["status"] for call in simulator.calls] == [None, None, None]


def test_truncated_and_slow_answers(simulator: Simulator, get: Call) -> None:
    """A truncated body agrees with its Content-Length; a slow one says how long it takes."""
    control(simulator, "POST", "/faults", action="truncate", keep=0.9)
    cut = get("/athlete")
    assert int(cut.header("Content-Length") or 0) == len(cut.body)
    assert not cut.body.endswith(b"}")
    control(simulator, "POST", "/faults", action="slow", delay=9.5)
    assert get("/athlete").delay == 9.5


def test_faults_can_be_lifted(simulator: Simulator, get: Call) -> None:
    """One by id, or all."""
    first = control(simulator, "POST", "/faults", action="status", times=None)["id"]
    control(simulator, "POST", "/faults", action="status", status=429, times=None)
    control(simulator, "DELETE", f"/faults/{first}")
    assert get("/athlete").status == 429
    control(simulator, "DELETE", "/faults")
    assert get("/athlete").status == 200

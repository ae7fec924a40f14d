"""What happens on the far side, and the control API."""

from __future__ import annotations

import json

import pytest

from strava_stats.simulator import Request, Simulator

from .conftest import Call, Standing, control

LIST = "/athlete/activities"


def test_created_activities_are_listed_and_have_a_detail(simulator: Simulator, get: Call) -> None:
    """An upload appears at its start date, also far back."""
    new = control(simulator, "POST", "/activities", name="Now", distance=1234.5)["id"]
    old = control(simulator, "POST", "/activities", start=1_760_000_000, sport_type="TrailRun")["id"]
    assert get(LIST).json()[0]["id"] == new
    row = get(LIST, after=1_759_999_999).json()[0]
    assert (row["id"], row["type"]) == (old, "Run")
    assert get(f"/activities/{new}").json()["distance"] == 1234.5


def test_a_copy_keeps_the_body_but_not_the_identity(simulator: Simulator, get: Call) -> None:
    """`like` uploads an existing activity once more."""
    first = get(LIST).json()[3]
    copy = simulator.create(like=first["id"], start_date=first["start_date"])
    body = next(row for row in get(LIST).json() if row["id"] == copy)
    assert list(body) == list(first)
    assert body["map"]["summary_polyline"] == first["map"]["summary_polyline"]


def test_edits_show_in_listing_and_detail(simulator: Simulator, get: Call) -> None:
    """Edited keys change in both bodies; others stay."""
    before = get(LIST).json()[5]
    control(simulator, "PATCH", f"/activities/{before['id']}", name="Neu & <schön>", description="d", gear_id=None)
    after = get(LIST).json()[5]
    detail = get(f"/activities/{before['id']}").json()
    assert after == before | {"name": "Neu & <schön>", "gear_id": None}
    assert (detail["name"], detail["description"]) == ("Neu & <schön>", "d")
    assert b"Neu \\u0026 \\u003csch\xc3\xb6n\\u003e" in get(LIST).body


def test_what_only_the_detail_has_leaves_the_listing_alone(simulator: Simulator, get: Call) -> None:
    """An edited description changes no byte of the listing."""
    before = get(LIST).body
    simulator.edit(simulator.ids()[-1], description="new")
    assert get(LIST).body == before
    assert get(f"/activities/{simulator.ids()[-1]}").json()["description"] == "new"


def test_kudos_add_up(simulator: Simulator, get: Call) -> None:
    """Kudos count in listing and detail alike."""
    row = get(LIST).json()[9]
    for _ in range(2):
        control(simulator, "POST", f"/activities/{row['id']}/kudos", count=3)
    assert get(LIST).json()[9]["kudos_count"] == row["kudos_count"] + 6
    assert get(f"/activities/{row['id']}").json()["kudos_count"] == row["kudos_count"] + 6


def test_deleted_activities_are_gone_until_restored(simulator: Simulator, get: Call) -> None:
    """A deleted activity is not listed and 404; restored, it has the same bytes as before."""
    row = get(LIST).json()[0]
    bytes_before = get(LIST).body
    control(simulator, "DELETE", f"/activities/{row['id']}")
    assert row["id"] not in [item["id"] for item in get(LIST).json()]
    assert get(f"/activities/{row['id']}").json() == {"message": "Resource Not Found", "errors": []}
    control(simulator, "PATCH", "/modes", not_found="empty")
    gone = get(f"/activities/{row['id']}")
    assert (gone.status, gone.body) == (404, b"")
    control(simulator, "POST", f"/activities/{row['id']}/restore")
    assert get(LIST).body == bytes_before


def test_a_moved_start_moves_in_the_listing(simulator: Simulator, get: Call) -> None:
    """Editing start_date changes the order and takes the local time along."""
    row = get(LIST).json()[0]
    simulator.edit(row["id"], start_date="2025-03-01T10:00:00Z")
    moved = get(LIST, after=1_740_823_199, before=1_740_823_201).json()
    assert [item["id"] for item in moved] == [row["id"]]
    assert moved[0]["start_date_local"] != row["start_date_local"]


def test_a_poisoned_activity_is_500_for_ever(simulator: Simulator, get: Call) -> None:
    """Its listing element stays; every fetch of the detail fails."""
    row = get(LIST).json()[2]
    control(simulator, "POST", f"/activities/{row['id']}/poison")
    answers = [get(f"/activities/{row['id']}") for _ in range(3)]
    assert [(answer.status, answer.json()) for answer in answers] == [(500, {"message": "error"})] * 3
    assert row in get(LIST).json()


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id":1.5}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":"x\ny"}',
        b'{\n "id": 9999999999999999999999\n}',
        b"NaN",
    ],
)
def test_raw_bytes_replace_one_element_and_one_detail(simulator: Simulator, get: Call, raw: bytes) -> None:
    """Arbitrary bytes can stand for one activity, in the listing and as its detail."""
    row = get(LIST).json()[1]
    simulator.set_raw(row["id"], raw, raw)
    assert b"," + raw + b"," in get(LIST).body
    assert get(f"/activities/{row['id']}").body == raw


def test_the_call_log_knows_calls_and_can_be_reset(simulator: Simulator, get: Call) -> None:
    """Control calls are not in it."""
    get("/api/v3/athlete/activities", page=2)
    calls = control(simulator, "GET", "/calls")["calls"]
    assert calls == [
        {
            "t": simulator.now(),
            "method": "GET",
            "path": "/api/v3/athlete/activities",
            "query": {"page": "2"},
            "status": 200,
            "fault": None,
        }
    ]
    control(simulator, "DELETE", "/calls")
    assert control(simulator, "GET", "/calls") == {"calls": []}


def test_the_clock_can_be_set_and_advanced(simulator: Simulator, get: Call, clock: Standing) -> None:
    """The Date header follows the simulator's clock."""
    control(simulator, "POST", "/clock", set=1_800_000_000)
    control(simulator, "POST", "/clock", advance=60)
    clock.time += 1
    assert control(simulator, "GET", "/clock")["now"] == 1_800_000_061
    assert get("/nothing").header("Date") == "Fri, 15 Jan 2027 08:01:01 GMT"


def test_control_names_its_errors(simulator: Simulator) -> None:
    """Unknown modes, routes and activities are refused, and nothing changes."""
    bad = simulator.handle(Request("PATCH", "/_control/modes", body=json.dumps({"deny": True, "x": 1}).encode()))
    assert (bad.status, simulator.modes.deny) == (400, False)
    assert simulator.handle(Request("PATCH", "/_control/modes", body=b'{"bounds":"odd"}')).status == 400
    assert simulator.handle(Request("DELETE", "/_control/activities/1")).status == 404
    assert simulator.handle(Request("GET", "/_control/nothing")).status == 404


def test_state_tells_application_and_limits(simulator: Simulator) -> None:
    """What a script needs to begin."""
    state = control(simulator, "GET", "/state")
    assert state["application"]["client_id"] == "12345"
    assert state["athletes"] == {"4242424242": 300}
    assert state["limits"]["read"] == {"limit": [10_000, 100_000], "usage": [0, 0]}

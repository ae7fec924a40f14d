"""What Strava and the way to it can answer, seen from the command line: exit code, one line, a cure, nothing lost."""
# ruff: noqa: S608 - the names and ids in the queries are the test's own

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from tests.support.cli import Cli
from tests.support.served import Strava, settled_simulator
from tests.system.conftest import Serve, connect

HTML = b"<html><body>Sign in to the hotel's network</body></html>"


def expired(cli: Cli) -> None:
    """Let every stored access token look expired."""
    content = json.loads(cli.token_file.read_text())
    for token in content["athletes"].values():
        token["expires_at"] = 1
    cli.token_file.write_text(json.dumps(content))


def refresh_tokens(cli: Cli) -> list[str]:
    return [token["refresh_token"] for token in json.loads(cli.token_file.read_text())["athletes"].values()]


@pytest.mark.parametrize(("name", "value"), [("STRAVA_CLIENT_ID", "99999"), ("STRAVA_CLIENT_SECRET", "wrong-secret")])
def test_wrong_credentials(connected: Cli, strava: Strava, name: str, value: str) -> None:
    """A wrong id or secret is 77 at the first refresh and names the setting; the token file is untouched."""
    strava.simulator.oauth.expire()
    expired(connected)
    before = refresh_tokens(connected)
    connected.env[name] = value
    connected("flow").failed(77, name)
    assert refresh_tokens(connected) == before
    assert strava.listings() == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), [("STRAVA_CLIENT_ID", "99999"), ("STRAVA_CLIENT_SECRET", "wrong-secret")])
def test_wrong_credentials_at_auth(cli: Cli, strava: Strava, name: str, value: str) -> None:
    """A wrong id or secret is 77 when the code is exchanged; nothing is stored."""
    code = strava.simulator.oauth.issue_code(strava.simulator.world.default.id, ("read",), 0)
    cli.env[name] = value
    cli("auth", "--code", code).failed(77, name)
    assert not cli.token_file.exists()


def test_a_dead_refresh_token(connected: Cli, strava: Strava) -> None:
    """A revoked grant is 77 and says to authorise again."""
    strava.simulator.oauth.forget(strava.simulator.world.default.id)
    expired(connected)
    outcome = connected("flow", "--json").failed(77, "dead", "strava-stats auth")
    assert outcome.json["error"]["kind"] == "not_authorised"
    assert outcome.json["status"] == "failed"


def test_a_token_that_ended_is_refreshed(connected: Cli, strava: Strava) -> None:
    """An access token that Strava ended early is replaced once, its rotated refresh token stored."""
    before = refresh_tokens(connected)
    strava.simulator.oauth.expire()
    connected("flow").done()
    assert len(strava.calls("oauth")) == 1
    assert [call["status"] for call in strava.calls("list")].count(401) == 1
    assert refresh_tokens(connected) != before
    connected("flow").done()
    assert len(strava.calls("oauth")) == 1


def test_a_refresh_whose_answer_is_lost(connected: Cli, strava: Strava) -> None:
    """A refresh that took effect although its answer was lost is told as such: 77 with the cure."""
    strava.simulator.oauth.expire()
    expired(connected)
    strava.simulator.add_fault("drop", path="/oauth/token", processed=True)
    connected("flow").failed(77, "strava-stats auth")
    assert strava.listings() == []


def test_an_inactive_application(flowed: Cli, strava: Strava) -> None:
    """403 Inactive is 77 with what to do about it, after one call; the data stay as they were."""
    strava.simulator.modes.app_active = False
    outcome = flowed("flow", "--json").failed(77, "subscri", "settings/api", "export")
    assert outcome.json["error"]["kind"] == "application_inactive"
    assert len(strava.simulator.calls) == 1
    assert flowed.one("select count(*) from activities") == 60


@pytest.mark.slow
def test_inactive_in_the_middle_of_enrich(connected: Cli, strava: Strava) -> None:
    """What was fetched before the application was deactivated is published."""
    strava.simulator.add_fault("status", path="/activities/*", skip=4, status=403, times=None)
    connected("flow", "--backfill").failed(77, "settings/api")
    assert connected.one("select count(*) from activity_details") == 4


@pytest.mark.slow
def test_a_refused_day(connected: Cli, strava: Strava) -> None:
    """A 429 whose headers show the day used up ends a pull with progress as partial, exit 0, at once."""
    strava.simulator.limits.set_limits((1_000, 2), (1_000, 2))
    outcome = connected("pull", "--per-page", "20", "--json").done()
    assert (outcome.json["status"], len(strava.simulator.calls)) == ("partial", 2)
    connected("compact").done()
    assert connected.one("select count(*) from activities") == 39


PASSING: list[dict[str, Any]] = [
    {"action": "body", "body": HTML, "content_type": "text/html"},
    {"action": "body", "body": b""},
    {"action": "status", "status": 503, "kind": "html"},
    {"action": "status", "status": 597, "kind": "empty"},
    {"action": "drop"},
    {"action": "drop_mid_body"},
]


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/athlete/activities", "/activities/*"])
def test_passing_faults(connected: Cli, strava: Strava, path: str) -> None:
    """HTML, nothing, 503, 597 and dropped connections, each once, are asked for again: everything lands, exit 0."""
    faults = [strava.simulator.add_fault(**fault, path=path, skip=skip) for skip, fault in enumerate(PASSING)]
    outcome = connected("flow", "--per-page", "10", "--since-days", "60", "--json").done()
    assert [fault.hits for fault in faults] == [1] * len(PASSING)
    assert outcome.json["status"] == "ok"
    assert connected.one("select count(*) from activities") == 60
    since = connected.one("select count(*) from activities where start_date >= now() - interval 60 day")
    assert connected.one("select count(*) from activity_details") == since
    assert connected.rows("select 1 from quarantine") == []


def test_a_page_cut_short_unnoticed(connected: Cli, strava: Strava) -> None:
    """A page that ends in the middle although its length is right is asked for again."""
    strava.simulator.add_fault("truncate", path="/athlete/activities")
    assert connected("pull", "--json").done().json["status"] == "ok"
    assert len(landed_ids(connected)) == 60


def landed_ids(cli: Cli) -> set[int]:
    cli("compact").done()
    return {row[0] for row in cli.rows("select id from activities")}


@pytest.mark.slow
def test_details_cut_short_unnoticed(connected: Cli, strava: Strava) -> None:
    """Details that end in the middle although their length is right never pass for whole ones; the others come."""
    connected("pull").done()
    strava.simulator.add_fault("truncate", path=f"/activities/{strava.ids[1]}", times=None)
    outcome = connected("enrich", "--ids", ",".join(map(str, strava.ids[:3])), "--json").done()
    assert outcome.json["status"] == "partial"
    assert any(str(strava.ids[1]) in note for note in outcome.json["notes"])
    strava.simulator.faults.clear()
    connected("enrich", "--ids", strava.ids[1]).done()
    assert connected.one("select count(*) from activity_details") == 3
    assert connected.rows("select 1 from quarantine") == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["html", "drop", "truncate", "503"])
def test_a_lasting_fault(connected: Cli, strava: Strava, kind: str) -> None:
    """Six tries in vain end with 69 and one line; bronze keeps what had come before."""
    fault = {
        "html": {"action": "body", "body": HTML},
        "drop": {"action": "drop"},
        "truncate": {"action": "truncate"},
        "503": {"action": "status", "status": 503, "kind": "html"},
    }[kind]
    strava.simulator.add_fault(**fault, path="/athlete/activities", skip=1, times=None)  # type: ignore[arg-type]
    outcome = connected("flow", "--per-page", "30", "--json").failed(69)
    assert outcome.json["error"]["kind"] == "unreachable"
    assert connected.one("select count(*) from activities") == 30
    strava.simulator.faults.clear()
    connected("flow", "--per-page", "30").done()
    assert connected.one("select count(*) from activities") == 60


@pytest.mark.slow
def test_an_outage_in_the_middle_of_enrich(connected: Cli, strava: Strava) -> None:
    """Details that had come are published before 69 is told, and not asked for again."""
    strava.simulator.add_fault("drop", path="/activities/*", skip=5, times=None)
    connected("flow", "--backfill").failed(69)
    assert connected.one("select count(*) from activity_details") == 5
    strava.simulator.faults.clear()
    strava.forget_calls()
    connected("flow", "--backfill").done()
    assert strava.details() == strava.ids[5:]


@pytest.mark.slow
def test_three_broken_details_in_a_row_do_not_block_the_others(flowed: Cli, strava: Strava) -> None:
    """While Strava still lists, three bad activities are three bad activities: set aside, the fourth is fetched."""
    new = [strava.simulator.create(start=strava.simulator.now() - day * 86_400) for day in (5, 6, 7, 8)]
    for one in new[:3]:
        strava.simulator.poison(one)
    outcome = flowed("flow", "--only-changed", "--json").done()
    assert outcome.json["status"] == "partial"
    assert flowed.one("select count(*) from quarantine") == 3
    assert flowed.one(f"select count(*) from activity_details where activity_id = {new[3]}") == 1


@pytest.mark.slow
def test_no_detail_at_all_is_an_outage(flowed: Cli, strava: Strava) -> None:
    """500 for ten details in a row is an outage, also while Strava lists: 69, and nothing is set aside."""
    new = [strava.simulator.create(start=strava.simulator.now() - day * 43_200) for day in range(10, 21)]
    strava.simulator.add_fault("status", path="/activities/*", status=500, times=None)
    flowed("flow", "--only-changed").failed(69, "outage")
    assert flowed.rows("select 1 from quarantine") == []
    strava.simulator.faults.clear()
    flowed("flow", "--only-changed").done()
    assert flowed.one(f"select count(*) from activity_details where activity_id in {tuple(new)}") == len(new)


@pytest.mark.slow
def test_nobody_listens(flowed: Cli) -> None:
    """A port where nothing listens is 69 and says so; sql works on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        flowed.env["STRAVA_API_BASE_URL"] = f"http://127.0.0.1:{free.getsockname()[1]}"
        flowed("flow").failed(69, "connection")
    flowed("sql", "select 1").done()


def test_a_wrong_base_url(connected: Cli, strava: Strava) -> None:
    """A base URL that leads nowhere deletes nothing and is 69 with the setting's name."""
    connected.env["STRAVA_API_BASE_URL"] = strava.served.base_url + "/api/v4"
    connected("flow").failed(69, "STRAVA_API_BASE_URL")
    assert len(strava.simulator.calls) == 1


def test_a_listing_that_is_an_object(connected: Cli, strava: Strava) -> None:
    """A 200 that is JSON but no array is asked for twice and then 69, never an empty listing."""
    strava.simulator.add_fault("body", path="/athlete/activities", body=b'{"message":"ok"}', times=None)
    connected("flow").failed(69, "array")
    assert len(strava.listings()) == 2


@pytest.mark.slow
def test_an_account_without_activities(cli: Cli, serve: Serve) -> None:
    """A new account is no failure: one empty page, exit 0, and queries on empty tables work."""
    strava = serve(settled_simulator(activities=0))
    cli.env.update(strava.env)
    connect(cli, strava)
    for _ in range(2):
        assert cli("flow", "--json").done().json["status"] == "ok"
    assert len(strava.listings()) == 2
    assert "0" in cli("sql", "select count(*) from activities").done().stdout
    cli("status").done()
    cli("compact", "--rebuild").done()
    cli("sql", "select * from gold_weekly").done()


@pytest.mark.slow
def test_short_pages_are_not_the_end(cli: Cli, serve: Serve) -> None:
    """Pages that Strava filtered after paging do not end the listing."""
    strava = serve(settled_simulator())
    strava.simulator.modes.short_pages = 3
    hidden = [one for one in strava.ids if one % 3 == 0]
    cli.env.update(strava.env)
    connect(cli, strava)
    cli("flow", "--per-page", "10").done()
    assert cli.one("select count(*) from activities") == 60 - len(hidden)
    assert hidden


@pytest.mark.slow
@pytest.mark.parametrize("bounds", ["exclusive", "inclusive"])
def test_many_activities_in_one_second(cli: Cli, serve: Serve, bounds: str) -> None:
    """Hidden start times put many activities in one second: none is skipped, whatever the bounds mean."""
    strava = serve(settled_simulator(activities=10))
    strava.simulator.modes.bounds = bounds  # type: ignore[assignment]
    for day in (10, 20):
        start = (int(strava.simulator.now()) // 86_400 - day) * 86_400 + 1
        for _ in range(25):
            strava.simulator.create(start=start)
    cli.env.update(strava.env)
    connect(cli, strava)
    cli("flow", "--per-page", "10", "--since-days", "0").done()
    assert {row[0] for row in cli.rows("select id from activities")} == set(strava.ids)


def test_changes_during_a_sweep_are_healed(connected: Cli, strava: Strava) -> None:
    """Inserts and deletes between two pages skip nothing that was there all the time."""
    steady = set(strava.ids[10:-10])
    fault = strava.simulator.add_fault("slow", path="/athlete/activities", skip=1, times=1)
    original = strava.simulator.faults.take

    def disturb(*given: Any) -> Any:
        taken = original(*given)
        if taken is fault:
            for one in strava.ids[:5]:
                strava.simulator.delete(one)
            strava.simulator.create(start=strava.simulator.now() - 3_600)
        return taken

    strava.simulator.faults.take = disturb  # type: ignore[method-assign, assignment]
    connected("flow", "--all", "--per-page", "15").done()
    assert fault.hits == 1
    assert steady <= {row[0] for row in connected.rows("select id from activities")}


@pytest.mark.slow
def test_a_future_activity_does_not_block(connected: Cli, strava: Strava) -> None:
    """An activity with a date in the future is listed, and the next pull still asks for the past."""
    future = strava.simulator.create(name="Wrong clock", start=strava.simulator.now() + 400 * 86_400)
    connected("flow").done()
    strava.simulator.create(name="Today", start=strava.simulator.now() - 3_600)
    connected("flow").done()
    assert connected.one("select count(*) from activities") == 62
    assert connected.rows(f"select name from activities where id = {future}") == [("Wrong clock",)]
    assert {call["status"] for call in strava.calls("list")} == {200}

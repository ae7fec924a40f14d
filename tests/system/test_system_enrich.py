"""Targeted enrich, budgets and poison, as a process."""
# ruff: noqa: S608 - the names and ids in the queries are the test's own

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.cli import Cli
from tests.support.served import UNLIMITED, Strava, settled_simulator
from tests.system.conftest import Serve, connect


def start_of(strava: Strava, activity_id: int) -> datetime:
    return datetime.fromisoformat(strava.summary(activity_id)["start_date_local"]).replace(tzinfo=UTC)


def test_ids(pulled: Cli, strava: Strava) -> None:
    """--ids fetches these, in this order, once each, whatever their age."""
    wanted = [strava.ids[-1], strava.ids[0], strava.ids[30]]
    pulled("enrich", "--ids", f"{wanted[0]},{wanted[1]} {wanted[2]},{wanted[0]}").done()
    assert strava.details() == wanted
    assert {row[0] for row in pulled.rows("select activity_id from activity_details")} == set(wanted)


def test_from_and_to(pulled: Cli, strava: Strava) -> None:
    """--from and --to are local days, both included."""
    first, last = start_of(strava, strava.ids[20]), start_of(strava, strava.ids[10])
    pulled("enrich", "--from", f"{first:%Y-%m-%d}", "--to", f"{last:%Y-%m-%d}").done()
    wanted = [one for one in strava.ids if first.date() <= start_of(strava, one).date() <= last.date()]
    assert strava.details() == wanted
    assert len(wanted) >= 11


@pytest.mark.slow
def test_from_alone(pulled: Cli, strava: Strava) -> None:
    """--from without --to reaches to the present."""
    first = start_of(strava, strava.ids[3])
    pulled("enrich", "--from", f"{first:%Y-%m-%d}").done()
    assert strava.details()[:4] == strava.ids[:4]


def test_backlog(pulled: Cli, strava: Strava) -> None:
    """--backlog N adds N activities without details beside the window, newest first."""
    pulled("enrich", "--since-days", "0", "--backlog", "4").done()
    assert strava.details() == strava.ids[:4]
    strava.forget_calls()
    pulled("enrich", "--since-days", "0", "--backlog", "2").done()
    assert strava.details() == strava.ids[4:6]


@pytest.mark.slow
def test_refresh_old(pulled: Cli, strava: Strava) -> None:
    """--refresh-old N fetches the details again that were fetched longest ago, and sees a new description."""
    old, older = strava.ids[0], strava.ids[1]
    for one in (older, old):
        pulled("enrich", "--ids", one).done()
    strava.simulator.edit(older, description="Changed without a trace")
    strava.forget_calls()
    pulled("enrich", "--since-days", "0", "--refresh-old", "1").done()
    assert strava.details() == [older]
    assert pulled.rows(f"select description from activity_details where activity_id = {older}") == [
        ("Changed without a trace",)
    ]


@pytest.mark.slow
def test_a_refresh_that_brings_the_same_body_counts(pulled: Cli, strava: Strava) -> None:
    """What was refreshed without a change goes to the end of the queue."""
    for one in strava.ids[:3]:
        pulled("enrich", "--ids", one).done()
    strava.forget_calls()
    for _ in range(3):
        pulled("enrich", "--since-days", "0", "--refresh-old", "1").done()
    assert strava.details() == strava.ids[:3]


@pytest.mark.slow
def test_all(pulled: Cli, strava: Strava) -> None:
    """--all fetches every activity without details once, newest first, and then nothing."""
    pulled("enrich", "--ids", strava.ids[5]).done()
    strava.forget_calls()
    pulled("enrich", "--all").done()
    assert strava.details() == [one for one in strava.ids if one != strava.ids[5]]
    strava.forget_calls()
    pulled("enrich", "--all").done()
    assert strava.details() == []


@pytest.mark.slow
def test_efforts(pulled: Cli, strava: Strava) -> None:
    """All segment efforts are asked for by default, and not with --no-include-efforts."""
    pulled("enrich", "--ids", strava.ids[0]).done()
    pulled("enrich", "--ids", strava.ids[0], "--no-include-efforts").done()
    asked = [call["query"]["include_all_efforts"] for call in strava.calls("detail")]
    assert asked == ["true", "false"]


@pytest.mark.slow
def test_a_window_of_days(pulled: Cli, strava: Strava) -> None:
    """--since-days N fetches what started in the last N days, new or not."""
    pulled("enrich", "--since-days", "30").done()
    since = datetime.now(UTC) - timedelta(days=30)
    wanted = [one for one in strava.ids if datetime.fromisoformat(strava.summary(one)["start_date"]) >= since]
    assert strava.details() == wanted
    strava.forget_calls()
    pulled("enrich", "--since-days", "30").done()
    assert strava.details() == wanted


def test_only_changed(pulled: Cli, strava: Strava) -> None:
    """--only-changed skips details that are up to date, also when only kudos moved."""
    pulled("enrich", "--since-days", "60").done()
    strava.simulator.edit(strava.ids[2], name="Edited")
    strava.simulator.add_kudos(strava.ids[3], 2)
    pulled("pull", "--days", "60").done()
    strava.forget_calls()
    pulled("enrich", "--since-days", "60", "--only-changed").done()
    assert strava.details() == [strava.ids[2]]
    assert pulled.rows("select 1 from activities a join activity_details d on d.activity_id = a.id "
                       "where d.kudos_count < a.kudos_count") == []  # fmt: skip


def test_max_calls(pulled: Cli, strava: Strava) -> None:
    """--max-calls N stops after N calls with what was fetched kept: exit 0, status partial."""
    outcome = pulled("enrich", "--all", "--max-calls", "7", "--json").done()
    assert outcome.json["status"] == "partial"
    assert strava.details() == strava.ids[:7]
    assert pulled.one("select count(*) from activity_details") == 7
    assert pulled.one("select arg_max(status, run_id) from runs where command = 'enrich'") == "partial"


def test_max_calls_before_any_progress(pulled: Cli, strava: Strava) -> None:
    """Without a single call allowed nothing was done: 75."""
    outcome = pulled("enrich", "--all", "--max-calls", "0", "--json").failed(75)
    assert outcome.json["error"]["kind"] == "rate_limited"
    assert strava.simulator.calls == []


def test_max_calls_of_a_flow(connected: Cli, strava: Strava) -> None:
    """A flow's --max-calls bounds pull and enrich together."""
    outcome = connected("flow", "--backfill", "--max-calls", "10", "--json").done()
    assert outcome.json["status"] == "partial"
    assert len(strava.simulator.calls) == 10
    assert connected.one("select count(*) from activities") == 60
    assert connected.one("select count(*) from activity_details") == 8


@pytest.mark.slow
def test_a_pull_cut_short_is_taken_up(connected: Cli, strava: Strava) -> None:
    """A listing that stopped at its budget is no complete one: the next pull lists everything."""
    outcome = connected("pull", "--per-page", "20", "--json", "-q")
    assert outcome.done().json["status"] == "ok"
    strava.forget_calls()
    cut = connected("flow", "--all", "--per-page", "20", "--max-calls", "2", "--json").done()
    assert cut.json["status"] == "partial"
    assert cut.stage("pull")["complete"] is False
    assert len(strava.simulator.calls) == 2
    assert connected.one("select count(*) from activities") == 60


def test_a_first_pull_cut_short_goes_on_as_a_full_one(connected: Cli, strava: Strava) -> None:
    """Nothing is taken for complete that was not: the second flow lists what the first did not get to."""
    assert connected("flow", "--per-page", "20", "--max-calls", "2", "--json").done().json["status"] == "partial"
    assert connected.one("select count(*) from activities") < 60
    connected("flow", "--per-page", "20").done()
    assert connected.one("select count(*) from activities") == 60


@pytest.fixture
def limited(cli: Cli, serve: Serve) -> tuple[Cli, Strava]:
    """An application with 20 calls a day."""
    strava = serve(settled_simulator(overall=(500, 500), read=(500, 20)))
    cli.env.update(strava.env)
    connect(cli, strava)
    return cli, strava


def test_the_day_ends_with_progress(limited: tuple[Cli, Strava]) -> None:
    """A used-up day with progress is exit 0 and partial; all 20 calls are used and none is refused."""
    cli, strava = limited
    outcome = cli("flow", "--backfill", "--json").done()
    assert outcome.json["status"] == "partial"
    assert "UTC" in " ".join(outcome.json["notes"])
    assert [call["status"] for call in strava.simulator.calls] == [200] * 20
    assert cli.one("select count(*) from activity_details") == 18


@pytest.mark.slow
def test_the_day_ends_before_any_progress(limited: tuple[Cli, Strava]) -> None:
    """A used-up day without progress is 75, says when it goes on, and makes no call in vain."""
    cli, strava = limited
    cli("flow", "--backfill", "-q").done()
    strava.forget_calls()
    for command in ("pull", "flow", "enrich"):
        cli(command, "--json").failed(75, "UTC")
    assert strava.simulator.calls == []


def test_another_consumer_is_seen(limited: tuple[Cli, Strava]) -> None:
    """Calls that somebody else makes between ours are seen through the headers: with a cushion for them no 429."""
    cli, strava = limited
    strava.simulator.modes.other_calls = 3
    assert cli("flow", "--backfill", "--cushion-daily", "3", "--json").done().json["status"] == "partial"
    assert [call["status"] for call in strava.simulator.calls] == [200] * 5


def test_the_day_was_used_up_by_another(limited: tuple[Cli, Strava]) -> None:
    """A day that somebody else has used up costs one refused call, not one a run."""
    cli, strava = limited
    strava.simulator.limits.count(strava.simulator.now(), read=True, calls=20)
    for _ in range(2):
        cli("flow", "--json").failed(75)
    assert [call["status"] for call in strava.simulator.calls] == [429]


def test_cushions(limited: tuple[Cli, Strava]) -> None:
    """--cushion-daily leaves that many calls unused."""
    cli, strava = limited
    outcome = cli("flow", "--backfill", "--cushion-daily", "5", "--json").done()
    assert outcome.json["status"] == "partial"
    assert len(strava.simulator.calls) == 15
    assert cli("plan", "--json").done().json["athletes"][0]["budget"]["left_day"] == 5


@pytest.mark.slow
def test_a_cushion_as_large_as_the_limit_is_a_usage_error(pulled: Cli, strava: Strava) -> None:
    """A quarter-hour cushion that leaves nothing is refused instead of waited for."""
    strava.simulator.limits.set_limits((200, 2_000), (100, 1_000))
    pulled("enrich", "--max-calls", "1", "--ids", strava.ids[0]).done()
    pulled("enrich", "--cushion-15min", "100").failed(2, "--cushion-15min")


def test_poison(flowed: Cli, strava: Strava) -> None:
    """An activity whose details fail for ever is named and set aside; all others come, and it is left alone."""
    bad = strava.simulator.create(name="Poison", start=strava.simulator.now() - 5 * 86_400)
    good = strava.simulator.create(name="Good", start=strava.simulator.now() - 6 * 86_400)
    strava.simulator.poison(bad)
    outcome = flowed("flow", "--only-changed", "--json").done()
    assert outcome.json["status"] == "partial"
    assert any(str(bad) in note for note in outcome.json["notes"])
    assert str(bad) in outcome.stderr
    assert flowed.rows(f"select activity_id from activity_details where activity_id in ({good}, {bad})") == [(good,)]
    assert flowed.rows("select kind, id, attempts from quarantine") == [("activity_details", str(bad), 1)]
    strava.forget_calls()
    again = flowed("flow", "--json").done()
    assert (again.json["status"], bad in strava.details()) == ("ok", False)
    assert flowed("status", "--json").json["athletes"][0]["quarantined"] == 1


@pytest.mark.slow
def test_poison_is_asked_for_by_name_or_when_due(flowed: Cli, strava: Strava) -> None:
    """--ids asks for it at once; otherwise its next try is waited for; a success takes it out of quarantine."""
    bad = strava.simulator.create(start=strava.simulator.now() - 5 * 86_400)
    strava.simulator.poison(bad)
    flowed("flow", "--only-changed").done()
    flowed("enrich", "--ids", bad).done()
    state = flowed.layout.state / "quarantine.json"
    records = json.loads(state.read_text())
    assert records["records"][0]["attempts"] == 2
    strava.simulator.poison(bad, poisoned=False)
    records["records"][0]["next_try_at"] = "2026-01-01T00:00:00+00:00"
    state.write_text(json.dumps(records))
    outcome = flowed("flow", "--only-changed", "--json").done()
    assert outcome.json["status"] == "ok"
    assert flowed.rows("select 1 from quarantine") == []
    assert flowed.rows(f"select count(*) from activity_details where activity_id = {bad}") == [(1,)]


@pytest.mark.slow
def test_a_vanished_activity_is_one_bad_thing(flowed: Cli, strava: Strava) -> None:
    """A 404 for details of an activity that is listed is named, and the others come."""
    gone = strava.ids[0]
    strava.simulator.add_fault("status", path=f"/activities/{gone}", status=404, times=None)
    outcome = flowed("enrich", "--json").done()
    assert outcome.json["status"] == "partial"
    assert any(str(gone) in note for note in outcome.json["notes"])
    assert flowed.one("select count(*) from activities") == 60
    assert len(strava.details()) == len(set(strava.details())) > 1


@pytest.mark.slow
def test_no_limits_at_all(connected: Cli, strava: Strava) -> None:
    """Without rate headers the limits of a new application are kept to, counted here."""
    assert strava.simulator.limits.overall.limit_text == f"{UNLIMITED[0]},{UNLIMITED[1]}"
    strava.simulator.modes.rate_headers = "missing"
    connected("flow").done()
    budget = connected("plan", "--json").done().json["athletes"][0]["budget"]
    assert budget["left_day"] == 1_000 - len(strava.simulator.calls)

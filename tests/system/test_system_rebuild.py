"""The warehouse is a pure function of bronze: made anew offline, it holds the same rows as years of runs."""
# ruff: noqa: S608 - the names and ids in the queries are the test's own

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import Cli
from tests.support.served import Strava, settled_simulator
from tests.system.conftest import connect

from strava_stats.simulator import ServedSimulator

NOT_COMPARED = {"runs", "quarantine"}
OFFLINE = {"STRAVA_API_BASE_URL": "http://127.0.0.1:9", "STRAVA_OAUTH_BASE_URL": "http://127.0.0.1:9/oauth"}
DAY = 86_400


def contents(cli: Cli) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables and views, without fetched_at."""
    names = cli.rows("select table_name from information_schema.tables where table_schema = 'main' order by all")
    return {
        name: cli.rows(f"select columns(lambda c: c <> 'fetched_at') from {name} order by all")
        for (name,) in names
        if name not in NOT_COMPARED
    }


def assert_same(one: dict[str, list[tuple[Any, ...]]], other: dict[str, list[tuple[Any, ...]]]) -> None:
    assert one.keys() == other.keys()
    for name, rows in one.items():
        assert rows == other[name], f"{name} differs"


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cli, Strava]]:
    """A warehouse after edits, kudos up and down, new and back-dated activities, refreshed and vanished details."""
    home = tmp_path_factory.mktemp("history") / "home"
    home.mkdir()
    with ServedSimulator(settled_simulator()) as served:
        strava = Strava(served.simulator, served)
        cli = Cli(home, dict(strava.env))
        connect(cli, strava)
        make_history(cli, strava)
        yield cli, strava


@pytest.fixture
def history(past: tuple[Cli, Strava], home: Path) -> Cli:
    """A copy of that."""
    shutil.copytree(past[0].home, home, dirs_exist_ok=True)
    return Cli(home, dict(past[0].env))


@pytest.fixture
def its_strava(past: tuple[Cli, Strava]) -> Strava:
    """The Strava that it came from; the call log is empty."""
    past[1].forget_calls()
    return past[1]


def make_history(flowed: Cli, strava: Strava) -> None:
    simulator, ids = strava.simulator, strava.ids
    flowed("flow", "--backfill").done()
    simulator.edit(ids[0], name="Edited once", description="first")
    simulator.add_kudos(ids[1], 4)
    flowed("flow", "--only-changed").done()
    simulator.edit(ids[0], name="Edited twice")
    simulator.add_kudos(ids[1], -2)
    simulator.add_kudos(ids[2], 1)
    flowed("pull").done()
    flowed("compact").done()
    simulator.edit(ids[3], description="Details alone")
    simulator.add_kudos(ids[40], 7)
    flowed("enrich", "--ids", f"{ids[3]},{ids[40]}").done()
    simulator.add_kudos(ids[40], -3)
    new = simulator.create(name="New", start=simulator.now() - 4 * DAY, like=ids[5])
    simulator.create(name="Old", start_date="2019-05-01T08:00:00Z", like=ids[6], sport_type="Canoeing")
    flowed("flow", "--backfill").done()
    simulator.add_fault("status", path=f"/activities/{new}", status=404)
    simulator.edit(ids[7], gear_id=None, distance=1.5, unheard_of={"a": [1]})
    simulator.set_raw(ids[8], summary=b'{"id":%d,"name":"\xff"}' % ids[8])
    flowed("flow", "--since-days", "30").done()
    simulator.set_raw(ids[8], summary=None)
    flowed("flow", "--all").done()


def test_rebuild_gives_the_same_rows(history: Cli, its_strava: Strava) -> None:
    """`compact --rebuild` without a network gives the rows of the incremental runs, in every table and view."""
    before = contents(history)
    history.env.update(OFFLINE)
    history("compact", "--rebuild").done()
    after = contents(history)
    assert_same(before, after)
    assert len(before["activities"]) == 62
    assert its_strava.simulator.calls == []


def test_bronze_alone_is_enough(history: Cli) -> None:
    """With shards, warehouse and state deleted `compact` makes the same rows again."""
    before = contents(history)
    for folder in ("activities", "warehouse", "state"):
        shutil.rmtree(history.data / folder)
    history.env.update(OFFLINE)
    history("compact").done()
    assert_same(before, contents(history))


def test_a_flow_goes_on_from_bronze_alone(history: Cli, its_strava: Strava) -> None:
    """After that loss the next flow lists everything once, stores nothing twice and fetches no details."""
    before = contents(history)
    for folder in ("activities", "warehouse", "state"):
        shutil.rmtree(history.data / folder)
    outcome = history("flow", "--only-changed", "--json").done()
    assert its_strava.details() == []
    assert outcome.stage("pull")["rows"] == 0
    after = contents(history)
    for name in ("activities", "activity_details", "activity_laps", "activity_segment_efforts"):
        assert before[name] == after[name]


def test_the_rows_are_what_strava_shows(history: Cli, its_strava: Strava) -> None:
    """After all this the live rows equal the listing, field by field."""
    rows = history.rows("select id, name, sport_type, distance, moving_time, kudos_count, gear_id from activities")
    shown = {one: its_strava.summary(one) for one in its_strava.ids}
    keys = ("id", "name", "sport_type", "distance", "moving_time", "kudos_count", "gear_id")
    assert sorted(rows) == sorted(tuple(body.get(key) for key in keys) for body in shown.values())
    assert history.rows(
        "select 1 from activities a join activity_details d on d.activity_id = a.id where d.kudos_count < a.kudos_count"
    ) == []  # fmt: skip


@pytest.mark.slow
def test_rebuild_twice_and_in_between(history: Cli, its_strava: Strava) -> None:
    """Incremental runs on a rebuilt warehouse give what incremental runs on the old one give."""
    history("compact", "--rebuild").done()
    its_strava.simulator.edit(its_strava.ids[9], name="After the rebuild")
    its_strava.simulator.add_kudos(its_strava.ids[10], 1)
    history("flow", "--all", "--only-changed").done()
    before = contents(history)
    history("compact", "--rebuild").done()
    assert_same(before, contents(history))


@pytest.mark.slow
def test_a_clock_that_was_set_back(flowed: Cli, strava: Strava) -> None:
    """Runs of a machine whose clock was once ahead by years: later runs sort behind them and win."""
    for kind in ("activities", "activity_details", "athletes", "gear"):
        for path in flowed.layout.bronze(kind).glob("*.gz"):
            path.rename(path.with_name("2031" + path.name[4:]))
    flowed("compact", "--rebuild").done()
    strava.simulator.edit(strava.ids[0], name="Later, whatever the clock says")
    flowed("flow", "--only-changed").done()
    assert flowed.one(f"select name from activities where id = {strava.ids[0]}") == "Later, whatever the clock says"
    before = contents(flowed)
    flowed("compact", "--rebuild").done()
    assert_same(before, contents(flowed))


def test_a_warehouse_of_another_version_is_made_anew(flowed: Cli, strava: Strava) -> None:
    """A file that other SQL built is rebuilt by the next compact, without a call."""
    import duckdb  # noqa: PLC0415

    before = contents(flowed)
    flowed.layout.warehouse.chmod(0o644)
    with duckdb.connect(flowed.layout.warehouse) as connection:
        connection.execute("update meta.settings set value = 'other' where name = 'tables'")
        connection.execute("delete from activities where id % 2 = 0")
    flowed.layout.warehouse.chmod(0o444)
    flowed("compact").done()
    assert_same(before, contents(flowed))
    assert strava.simulator.calls == []


@pytest.mark.slow
def test_compact_before_anything_was_pulled(connected: Cli) -> None:
    """Nothing on disk is no failure."""
    connected("compact").done()
    connected("compact", "--rebuild").done()

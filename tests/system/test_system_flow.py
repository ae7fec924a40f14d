"""The main job: authorise, pull, compact, enrich, query, and the same again when little or nothing has changed."""
# ruff: noqa: S608 - the names and ids in the queries are the test's own

from __future__ import annotations

import stat
from pathlib import Path

import duckdb
import pytest
from tests.support.cli import Cli
from tests.support.served import Strava

EXAMPLES = {
    "newest": (
        "SELECT id, start_date, name, sport_type, distance, kudos_count FROM activities "
        "ORDER BY start_date DESC LIMIT 10"
    ),
    "kudos": (
        "SELECT a.id, a.kudos_count AS summary_kudos, d.kudos_count AS detail_kudos FROM activities a "
        "JOIN activity_details d ON d.activity_id = a.id WHERE a.start_date >= now() - INTERVAL 7 DAY"
    ),
    "missing": (
        "SELECT a.id FROM activities a LEFT JOIN activity_details d ON d.activity_id = a.id "
        "WHERE a.start_date >= now() - INTERVAL 21 DAY AND d.activity_id IS NULL"
    ),
}
UNCOMMENTED = """
select schema_name || '.' || table_name || '.' || column_name
from duckdb_columns()
where not internal and comment is null
union all
select schema_name || '.' || table_name from duckdb_tables() where not internal and comment is null
union all
select schema_name || '.' || view_name from duckdb_views() where not internal and comment is null
"""


def snapshot(path: Path) -> tuple[int, int, bytes]:
    """Identity, time and bytes of a file."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, path.read_bytes()


def test_from_nothing_to_a_query(cli: Cli, strava: Strava) -> None:
    """A code is exchanged, everything is fetched, and `sql` counts it."""
    code = strava.simulator.oauth.issue_code(
        strava.simulator.world.default.id, ("read", "activity:read_all"), strava.simulator.now()
    )
    assert "Connected athlete" in cli("auth", "--code", code).done().stdout
    cli("flow", "--backfill").done()
    count = cli("sql", "select count(*), sum(distance / 1000)::int from activities", "--format", "csv").done()
    total = sum(strava.summary(one)["distance"] for one in strava.ids) / 1000
    assert count.stdout.splitlines()[1] == f"60,{total:.0f}"
    assert sorted(strava.details()) == sorted(strava.ids)
    assert cli.one("select count(*) from activity_details") == 60


@pytest.mark.parametrize("style", ["", pytest.param("/api/v3/", marks=pytest.mark.slow)])
def test_both_styles_of_the_base_url(connected: Cli, strava: Strava, style: str) -> None:
    """The API is found with and without the path that ends in 2027, and with a slash behind it."""
    connected.env["STRAVA_API_BASE_URL"] = strava.served.base_url + style
    connected("flow").done()
    assert connected.one("select count(*) from activities") == 60
    assert all(call["status"] == 200 for call in strava.simulator.calls)


def test_the_example_queries_run(flowed: Cli, strava: Strava) -> None:
    """The three queries of the contract run as written, through `sql` and through any client."""
    for query in EXAMPLES.values():
        flowed("sql", query).done()
    newest = flowed.rows(EXAMPLES["newest"])
    assert [row[0] for row in newest] == strava.ids[:10]
    assert flowed.rows(EXAMPLES["missing"]) == []
    assert all(summary == detail for _, summary, detail in flowed.rows(EXAMPLES["kudos"]))


def test_every_column_has_a_comment(flowed: Cli) -> None:
    """No table, view or column of any schema lacks a COMMENT."""
    assert flowed.rows(UNCOMMENTED) == []


def test_the_published_file_is_read_only(flowed: Cli) -> None:
    """Mode 0444, one file alone, in the storage format that DuckDB 1.4 reads."""
    warehouse = flowed.layout.warehouse
    assert stat.S_IMODE(warehouse.stat().st_mode) == 0o444
    assert [path.name for path in warehouse.parent.iterdir()] == [warehouse.name]
    with duckdb.connect(warehouse, read_only=True) as connection:
        (tags,) = connection.execute(
            "select tags from duckdb_databases() where database_name = 'strava'"
        ).fetchone() or ({},)
    assert "v1.4" in tags.get("storage_version", "v1.4")


def test_a_reader_sees_its_file_while_a_flow_publishes(flowed: Cli, strava: Strava) -> None:
    """An open reader keeps the file it opened; the next one sees the new rows; neither blocks the flow."""
    with duckdb.connect(flowed.layout.warehouse, read_only=True) as reader:
        strava.simulator.create(name="While reading", start=strava.simulator.now() - 5 * 86_400)
        flowed("flow").done()
        assert reader.execute("select count(*) from activities").fetchall() == [(60,)]
    assert flowed.one("select count(*) from activities") == 61


def test_a_flow_with_nothing_changed(flowed: Cli, strava: Strava) -> None:
    """Two list calls, no new shard, no detail call, and the warehouse file is not touched."""
    before = snapshot(flowed.layout.warehouse)
    shards = flowed.files("activities")
    flowed("flow", "--only-changed").done()
    assert len(strava.listings()) == 2
    assert len(strava.simulator.calls) == 2
    assert flowed.files("activities") == shards
    assert snapshot(flowed.layout.warehouse) == before


def test_three_flows_with_nothing_changed(flowed: Cli, strava: Strava) -> None:
    """Without --only-changed the window is asked for again, and no row changes."""
    recent = {row[0] for row in flowed.rows("select id from activities where start_date >= now() - interval 21 day")}
    before = flowed.rows("select * exclude (fetched_at) from activity_details order by activity_id")
    for _ in range(2):
        strava.forget_calls()
        outcome = flowed("flow", "--json").done()
        assert set(strava.details()) == recent
        assert outcome.stage("pull")["rows"] == outcome.stage("enrich")["rows"] == 0
        assert len(strava.listings()) == 2
    assert recent
    assert flowed.rows("select * exclude (fetched_at) from activity_details order by activity_id") == before
    assert len(flowed.files("activities")) == 1


def test_new_edited_and_applauded(flowed: Cli, strava: Strava) -> None:
    """A new activity and an edited one cost a detail call each, kudos none; all rows are right afterwards."""
    edited, applauded = strava.ids[0], strava.ids[1]
    new = strava.simulator.create(name="Brand new", start=strava.simulator.now() - 4 * 86_400, kudos_count=2)
    strava.simulator.edit(edited, name="Edited", description="Now with words")
    strava.simulator.add_kudos(applauded, 3)
    outcome = flowed("flow", "--only-changed", "--json").done()
    assert set(strava.details()) == {new, edited}
    assert (outcome.stage("pull")["new"], outcome.stage("pull")["changed"]) == (1, 2)
    assert outcome.stage("enrich")["by_kind"] == {"new": 1, "edited": 1, "refresh": 0, "backlog": 0}
    rows = flowed.rows(
        "select a.name, d.description, a.kudos_count, d.kudos_count from activities a "
        f"join activity_details d on d.activity_id = a.id where a.id in ({new}, {edited}, {applauded}) order by a.id"
    )
    kudos = strava.summary(applauded)["kudos_count"]
    assert ("Edited", "Now with words") in [row[:2] for row in rows]
    assert {row[2] for row in rows} == {row[3] for row in rows} >= {2, kudos}
    assert flowed.one("select count(*) from activities") == 61


def test_a_backdated_activity_is_found_by_the_sweep(flowed: Cli, strava: Strava) -> None:
    """An old activity that appears late is invisible to the look-back, and found by `pull --all`."""
    late = strava.simulator.create(name="Found on an old watch", start_date="2020-05-01T10:00:00Z")
    flowed("flow", "--only-changed").done()
    assert flowed.rows(f"select 1 from activities where id = {late}") == []
    announced = flowed("pull", "--all").done()
    assert "sweep" in announced.stderr
    flowed("compact").done()
    assert flowed.rows(f"select name from activities where id = {late}") == [("Found on an old watch",)]


def test_lite_lists_from_the_watermark(flowed: Cli, strava: Strava) -> None:
    """`pull --lite` asks from the newest activity on and does not sweep, even when one is due."""
    (flowed.layout.state / "listings.json").write_text(
        (flowed.layout.state / "listings.json").read_text().replace("swept_at", "swept_long_ago")
    )
    flowed("pull", "--lite").done()
    newest = flowed.one("select max(epoch(start_date))::bigint from activities")
    assert [int(query["after"]) for query in strava.listings()] == [newest - 1] * 2


@pytest.mark.slow
def test_the_stages_alone_do_what_flow_does(connected: Cli, strava: Strava) -> None:
    """`pull`, `compact` and `enrich` one by one give the tables that `flow` gives."""
    for command in ("pull", "compact", "enrich"):
        connected(command).done()
    assert connected.one("select count(*) from activities") == 60
    details = {row[0] for row in connected.rows("select activity_id from activity_details")}
    assert details == set(strava.details())
    assert details == {
        row[0] for row in connected.rows("select id from activities where start_date >= now() - interval 21 day")
    }


@pytest.mark.slow
def test_a_query_of_the_users_own(flowed: Cli) -> None:
    """Views in data/sql are applied at the next publish; a broken one is named and blocks nothing."""
    folder = flowed.data / "sql"
    folder.mkdir()
    (folder / "long.sql").write_text(
        "create or replace view long_ones as select id from activities where distance > 5000"
    )
    (folder / "wrong.sql").write_text("create view broken as select no_such_column from activities")
    outcome = flowed("compact").done()
    assert "wrong.sql" in outcome.stderr
    assert "long.sql" not in outcome.stderr
    assert flowed.one("select count(*) from long_ones") == flowed.one(
        "select count(*) from activities where distance > 5000"
    )
    assert flowed.rows("select 1 from duckdb_views() where view_name = 'broken'") == []


def test_a_view_stays_after_the_next_publish(flowed: Cli, strava: Strava) -> None:
    """A user's view lives on in the next file, and goes when its file goes."""
    folder = flowed.data / "sql"
    folder.mkdir()
    (folder / "mine.sql").write_text("create or replace view mine as select count(*) as n from activities")
    flowed("compact").done()
    strava.simulator.create(start=strava.simulator.now() - 5 * 86_400)
    flowed("flow").done()
    assert flowed.one("select n from mine") == 61
    (folder / "mine.sql").unlink()
    flowed("compact").done()
    assert flowed.rows("select 1 from duckdb_views() where view_name = 'mine'") == []


def test_a_wrong_query_is_a_usage_error(flowed: Cli) -> None:
    """DuckDB's own words in one line, exit 2."""
    for query, word in {
        "select no_such from activities": "no_such",
        "selec 1": "syntax error",
        "delete from activities": "read-only",
        "": "empty",
    }.items():
        flowed("sql", query).failed(2, word)


def test_sql_speaks_all_formats(flowed: Cli) -> None:
    """table, csv, json, jsonl and md each show the row; a percent sign, a slash and quotes survive."""
    query = "select 1/2 as half, '50 %' as \"per cent\", 'it''s' as quoted"
    for form, wanted in {
        "table": "50 %",
        "csv": "half,per cent,quoted\n0.5,50 %,it's\n",
        "json": '[{"half": 0.5, "per cent": "50 %", "quoted": "it\'s"}]\n',
        "jsonl": '{"half": 0.5, "per cent": "50 %", "quoted": "it\'s"}\n',
        "md": "| half | per cent | quoted |\n| --- | --- | --- |\n| 0.5 | 50 % | it's |\n",
    }.items():
        assert wanted in flowed("sql", query, "--format", form).done().stdout
    assert flowed("sql", "-", "--format", "csv", stdin=query).done().stdout.endswith("0.5,50 %,it's\n")


def test_what_waits_for_compact_is_said(flowed: Cli, strava: Strava) -> None:
    """`pull` alone lands what `status` and `plan` do not count: both say so, until `compact`."""
    assert flowed("status", "--json").done().json["waits_for_compact"] is False
    strava.simulator.edit(strava.ids[0], name="Later")
    flowed("pull").done()
    for command in ("status", "plan"):
        assert "strava-stats compact" in flowed(command).done().stderr
        assert flowed(command, "--json").done().json["waits_for_compact"] is True
    flowed("compact").done()
    assert "strava-stats compact" not in flowed("status").done().stderr

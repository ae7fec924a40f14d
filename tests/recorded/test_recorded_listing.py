"""The recorded listings, through auth and flow, into bronze, shards and warehouse: equal to the file to the byte."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.support.clock import VirtualClock
from tests.support.compare_json import differences, flat
from tests.support.flow_bench import MANY, FlowBench, content
from tests.support.recorded_files import FOLDER, exact, lines, needs_recorded

from strava_stats.flow import PullOptions
from strava_stats.simulator import build_simulator
from strava_stats.strava.token_store import Token

pytestmark = needs_recorded

DERIVED = frozenset(
    {"fingerprint", "filled", "utc_offset_source", "extra", "source", "fetched_at", "run_id", "body_hash"}
)
TEST_STRINGS = (101, 203, 307, 401, 503, 601, 701, 809, 907, 1009, 1051, 1099)


@dataclass(frozen=True)
class Landed:
    """One recorded listing after its first flow."""

    bench: FlowBench
    token: Token
    lines: list[bytes]
    rows: dict[int, dict[str, Any]]
    calls: list[str]


def land(folder: Path, name: str) -> Landed:
    clock = VirtualClock()
    simulator = build_simulator(listing=FOLDER / name, now=lambda: clock.now().timestamp(), overall=MANY, read=MANY)
    bench = FlowBench(folder, clock, simulator)
    token = bench.authorise()
    bench.flow(token)
    rows = {row["id"]: row for row in bench.table("activities", "id")}
    return Landed(bench, token, lines(name), rows, bench.calls())


@pytest.fixture(scope="module", params=["activities.jsonl", "activities_2026.jsonl"])
def landed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Landed:
    return land(tmp_path_factory.mktemp("recorded"), request.param)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    return land(tmp_path_factory.mktemp("history"), "activities.jsonl")


def test_row_count(landed: Landed) -> None:
    """There is one row for each line of the file."""
    assert len(landed.rows) == len(landed.lines) == len({exact(line)["id"] for line in landed.lines})
    assert landed.bench.rows("select count(*) from activities") == [(len(landed.lines),)]


def test_the_files_are_what_the_tests_take_them_for(history: Landed) -> None:
    """The large listing has its 1,132 rows, with the twelve test strings among them."""
    assert len(history.lines) == 1132
    names = [exact(history.lines[line])["name"] for line in TEST_STRINGS]
    shown = "".join(names)
    for wanted in ("\t", "\u2028", "\n", "\u200f"):
        assert wanted in shown, f"{wanted!r} is in no test string: {names}"
    assert max(map(len, names)) >= 250
    assert any(name != name.strip() for name in names)


def test_every_key_of_every_line_equals_its_column(landed: Landed) -> None:
    """Each key of each line is in its column with the very value sent, and columns of absent keys are null."""
    wrong = {}
    known = frozenset(next(iter(landed.rows.values()))) - DERIVED
    for line in landed.lines:
        body = exact(line)
        if found := differences(landed.rows[body["id"]], flat(body), known):
            wrong[int(body["id"])] = found
    assert not wrong


def test_extra_is_null_everywhere(landed: Landed) -> None:
    """Every recorded key has a column, so nothing is left for extra."""
    assert landed.bench.rows("select id, extra from activities where extra is not null") == []
    assert not [line for line in landed.bench.heard.lines if "extra" in line]


def test_start_date_is_an_instant(landed: Landed) -> None:
    """A session in another zone sees the same instants."""
    query = "select id, epoch(start_date)::bigint from activities order by id"
    with duckdb.connect(landed.bench.layout.warehouse, read_only=True) as connection:
        connection.execute("set TimeZone = 'Asia/Kathmandu'")
        seen = dict(connection.execute(query).fetchall())
    wanted = {}
    for line in landed.lines:
        body = json.loads(line)
        wanted[body["id"]] = int(datetime.fromisoformat(body["start_date"]).timestamp())
    assert seen == wanted


def test_local_time_is_start_plus_offset(landed: Landed) -> None:
    """The athlete's clock is the instant plus utc_offset in each row, whatever the zone label says."""
    for row in landed.rows.values():
        start = row["start_date"].astimezone(UTC).replace(tzinfo=None)
        assert row["start_date_local"] == start + timedelta(seconds=row["utc_offset"]), row["id"]


def test_names_are_equal_to_the_last_character(landed: Landed) -> None:
    """Tabs, line separators, escapes, right-to-left marks, long and padded names come back unchanged."""
    for line in landed.lines:
        body = json.loads(line)
        assert landed.rows[body["id"]]["name"].encode() == body["name"].encode()


def test_provenance(landed: Landed) -> None:
    """Each row says that the API sent it, for which athlete, in which run, and when."""
    (source,) = {row["source"] for row in landed.rows.values()}
    (athlete_id,) = {row["athlete_id"] for row in landed.rows.values()}
    (run_id,) = {row["run_id"] for row in landed.rows.values()}
    assert source == "api"
    assert athlete_id == landed.token.athlete_id
    assert landed.bench.rows("select count(*) from runs where run_id = ?", [run_id]) == [(1,)]
    assert all(row["fetched_at"] is not None for row in landed.rows.values())


def test_bronze_holds_the_bytes_of_the_file(landed: Landed) -> None:
    """The body of each journal line is the file's line, byte for byte, in the order of the listing."""
    (journal,) = landed.bench.layout.journals("activities").values()
    assert journal.name.endswith(".jsonl.gz")
    journal_lines = [line for line in gzip.decompress(journal.read_bytes()).split(b"\n") if b'"kind":"body"' in line]
    bodies = [line.partition(b',"body":')[2].removesuffix(b"}") for line in journal_lines]
    assert sorted(bodies) == sorted(landed.lines)
    assert bodies[0] == landed.lines[0]


def test_the_journal_numbers_its_lines(landed: Landed) -> None:
    """Line numbers run from one without a gap, and the last line tells of a complete listing with every id."""
    (journal,) = landed.bench.layout.journals("activities").values()
    found = [json.loads(line) for line in gzip.decompress(journal.read_bytes()).split(b"\n") if line]
    assert [line["seq"] for line in found] == list(range(1, len(found) + 1))
    assert found[-1]["kind"] == "listing"
    assert found[-1]["complete"] is True
    assert sorted(found[-1]["ids"]) == sorted(landed.rows)


def test_the_shard_has_the_same_rows(landed: Landed) -> None:
    """The Parquet shard holds the rows of the table, in every column that both have."""
    (shard,) = landed.bench.layout.shards.glob("*.parquet")
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        cursor = connection.execute("select * from read_parquet(?) order by id", [str(shard)])
        names = [column[0] for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    assert set(names) - {"seq", "misfits"} == set(next(iter(landed.rows.values()))) - {"filled"}
    assert [{name: row[name] for name in names if name not in {"seq", "misfits"}} for row in rows] == [
        {name: row[name] for name in names if name not in {"seq", "misfits"}} for row in landed.rows.values()
    ]


def test_the_listing_takes_its_pages_and_no_more(history: Landed) -> None:
    """The 1,132 rows come in the six pages they fill and one empty page."""
    listings = [call for call in history.calls if "/athlete/activities" in call]
    assert len(listings) == 7


def test_a_second_flow_changes_nothing(tmp_path: Path) -> None:
    """With nothing changed, the next day's flow makes one list call a page, no shard, and leaves the file untouched."""
    landed = land(tmp_path, "activities.jsonl")
    before = content(landed.bench)
    inode = landed.bench.layout.warehouse.stat().st_ino
    landed.bench.clock.advance(86_400)
    landed.bench.flow(landed.token)
    assert [call for call in landed.bench.calls() if "/activities/" in call] == []
    assert len(list(landed.bench.layout.shards.glob("*.parquet"))) == 1
    assert landed.bench.layout.warehouse.stat().st_ino == inode
    landed.bench.flow(landed.token, PullOptions(mode="all"))
    assert content(landed.bench) == before


def test_the_second_pull_of_the_recording(tmp_path: Path) -> None:
    """The 31 athlete counts that moved minutes later are taken over, and no other value changes."""
    landed = land(tmp_path, "activities.jsonl")
    changes = json.loads((FOLDER / "second_pull_changes.json").read_bytes())
    for change in changes:
        assert landed.rows[change["id"]]["athlete_count"] == change["first_pull"]
        landed.bench.simulator.edit(change["id"], athlete_count=change["second_pull"])
    landed.bench.clock.advance(300)
    run = landed.bench.flow(landed.token, PullOptions(mode="all"))
    assert run.stages[0]["changed"] == len(changes) == 31
    counts = {change["id"]: change["second_pull"] for change in changes}
    renewed = {"fetched_at", "run_id", "body_hash"}
    for row in landed.bench.table("activities", "id"):
        old = landed.rows[row["id"]]
        moved = {name for name in row if row[name] != old[name]} - renewed
        assert moved == ({"athlete_count"} if row["id"] in counts else set())
        assert row["athlete_count"] == counts.get(row["id"], old["athlete_count"])


@pytest.mark.slow
def test_rebuild_gives_the_same_content(tmp_path: Path) -> None:
    """A rebuild from bronze alone gives every row of every table back."""
    landed = land(tmp_path, "activities.jsonl")
    before = content(landed.bench)
    calls = len(landed.bench.simulator.calls)
    landed.bench.rebuild()
    assert len(landed.bench.simulator.calls) == calls
    assert content(landed.bench) == before


@pytest.mark.slow
def test_two_athletes_in_one_folder(tmp_path: Path) -> None:
    """Both recorded accounts flow into one warehouse without touching each other's rows."""
    clock = VirtualClock()

    def simulator(name: str) -> FlowBench:
        served = build_simulator(listing=FOLDER / name, now=lambda: clock.now().timestamp(), overall=MANY, read=MANY)
        return FlowBench(tmp_path, clock, served)

    first, second = simulator("activities.jsonl"), simulator("activities_2026.jsonl")
    one, other = first.authorise(), second.authorise()
    assert set(first.store.load()) == {one.athlete_id, other.athlete_id}
    assert one.athlete_id != other.athlete_id
    first.flow(one)
    second.flow(other)
    assert dict(second.rows("select athlete_id, count(*) from activities group by 1")) == {
        one.athlete_id: 1132,
        other.athlete_id: 30,
    }
    rows = {row["id"]: row for row in second.table("activities", "id")}
    known = frozenset(next(iter(rows.values()))) - DERIVED
    for line in lines("activities.jsonl") + lines("activities_2026.jsonl"):
        body = exact(line)
        assert differences(rows[body["id"]], flat(body), known) == {}
    before = content(second)
    second.rebuild()
    assert content(second) == before


def test_the_three_example_queries(history: Landed) -> None:
    """The queries of the contract run as written."""
    newest = history.bench.rows(
        "select id, start_date, name, sport_type, distance, kudos_count "
        "from activities order by start_date desc limit 10"
    )
    assert [row[0] for row in newest] == [json.loads(line)["id"] for line in history.lines[:10]]
    history.bench.rows(
        "select a.kudos_count, d.kudos_count from activities a join activity_details d on d.activity_id = a.id "
        "where a.start_date > now() - INTERVAL 7 DAY"
    )
    history.bench.rows(
        "select a.id from activities a left join activity_details d on d.activity_id = a.id "
        "where a.start_date > now() - INTERVAL 21 DAY and d.activity_id is null"
    )

"""Streams end to end: asked for once, after the details, inside the budget; kept over kills, deletions and rebuilds."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.support.care import day_of, purge_before
from tests.support.in_process_flow import ATHLETE, DETAIL, GEAR, LIST, STREAM, Household, household, nightly
from tests.support.sync_world import DAY, World, new_world

from strava_stats.flow import Limits, Run, Steps
from strava_stats.lake.layout import STREAMS, Layout
from strava_stats.simulator.faults import Action, Fault
from strava_stats.sync.plan import EnrichOptions
from strava_stats.sync.state import State
from strava_stats.warehouse.content import content_hashes
from strava_stats.warehouse.published import note_published
from strava_stats.warehouse.query import Warehouse
from strava_stats.warehouse.samples import SAMPLE_COLUMNS

pytestmark = pytest.mark.slow

SEED = 35  # nine activities, one of them typed in
ALL = EnrichOptions(21, all_missing=True, streams=True)
BODY = b'{"time":{"data":[0,1,2]},"heartrate":{"data":[100,101,102]}}'
NEWEST_FIRST = "select id from activities where manual is not true order by start_date desc, id desc"
SAMPLES = "select * exclude (fetched_at) from activity_streams order by activity_id, t"


@pytest.fixture
def home(tmp_path: Path) -> Household:
    """An athlete whose activities are all listed and detailed, some of them typed in."""
    home = household(tmp_path, activities=9, seed=SEED)
    answer(home)
    assert home.run(replace(nightly(), enrich=replace(ALL, streams=False))).status == "ok"
    return home


def answer(home: Household, one: int = 0, action: Action = "status", **how: Any) -> None:
    """From now on streams are three samples long, which saves making them up; those of `one` are answered so."""
    faults = home.strava.simulator.faults
    faults.clear()
    if one:
        faults.add(Fault(action, path=f"/activities/{one}/streams", times=None, **how))
    faults.add(Fault("body", path="/activities/*/streams", body=BODY, times=None))


def enrich(home: Household, options: EnrichOptions = ALL, **limits: Any) -> Run:
    """`enrich` with an empty log of calls."""
    home.forget_calls()
    return home.run(Steps(enrich=options, limits=Limits(**limits)), "enrich")


def ids(home: Household, query: str = NEWEST_FIRST) -> list[int]:
    return [row[0] for row in home.rows(query)]


def samples(home: Household) -> list[tuple[Any, ...]]:
    """What the view shows to our own reader, who says where the data folder is."""
    with Warehouse(home.layout.warehouse) as warehouse:
        return warehouse.rows(SAMPLES)


def sent(home: Household, one: int) -> list[tuple[Any, ...]]:
    """The samples of an activity as Strava has them: t, distance, lat, heartrate, cadence, moving."""
    streams = home.strava.simulator.world.default.streams(one)
    length = len(streams["time"])
    lists: list[list[Any]] = [streams.get(name) or [None] * length for name in ("time", "distance")]
    lists.append([place and place[0] for place in streams.get("latlng") or [None] * length])
    lists += [streams.get(name) or [None] * length for name in ("heartrate", "cadence", "moving")]
    return list(zip(*lists, strict=True))


def test_all_streams_newest_first_after_the_details(tmp_path: Path) -> None:
    """One call each for what is not typed in, when all details are there; the samples are those that Strava has."""
    home = household(tmp_path, activities=9, seed=SEED)
    run = home.run(replace(nightly(), enrich=ALL))
    assert run.status == "ok"
    paths = [call["path"].rpartition("/")[2] for call in home.strava.simulator.calls if "/activities/" in call["path"]]
    assert "streams" not in paths[: len(home.details())]
    assert home.streams() == ids(home)
    assert 0 < len(home.streams()) < len(home.details())
    for one in home.streams():
        query = (
            "select t, distance, lat, heartrate, cadence, moving from activity_streams where activity_id = ? order by t"
        )
        assert home.rows(query, one) == sent(home, one)
    assert [(stage["streams"], stage["streams_absent"]) for stage in run.stages if "streams" in stage] == [
        (len(home.streams()), 0)
    ]


def test_asked_for_once(home: Household) -> None:
    """A second time costs no call, and an identical body that was asked for again is noted, not stored."""
    enrich(home)
    before = samples(home)
    assert (enrich(home).calls, home.streams()) == (0, [])
    assert enrich(home, replace(ALL, refresh_streams=True)).calls == len(ids(home))
    kinds = {json.loads(line)["kind"] for line in _lines(home)[len(ids(home)) :]}
    assert kinds == {"same"}
    assert samples(home) == before


def _lines(home: Household) -> list[bytes]:
    return _lines_of(home.layout)


def _lines_of(layout: Layout) -> list[bytes]:
    return [line for path in layout.journals(STREAMS).values() for line in gzip.open(path)]


def test_the_body_is_kept_as_sent(home: Household) -> None:
    """Bronze holds the very bytes of the answer."""
    body = b'{"time": {"data":[0, 1],  "series_type":"time"},"heartrate":{"data":[70.0,7.1e1]}}'
    one = ids(home)[0]
    answer(home, one, "body", body=body)
    enrich(home, replace(ALL, all_missing=False, ids=(one,)))
    (line,) = _lines(home)
    assert line.endswith(b'"body":' + body + b"}\n")
    assert home.rows("select t, heartrate from activity_streams order by t") == [(0, 70), (1, 71)]


def test_without_the_option_nothing_is_asked(home: Household) -> None:
    """Streams are only fetched when they are wanted."""
    enrich(home, replace(ALL, streams=False))
    assert home.streams() == []


def test_the_window_and_a_backlog(home: Household) -> None:
    """Without --all those of the window, and up to so many older ones."""
    options = EnrichOptions(21, only_changed=True, streams=True)
    recent = ids(
        home,
        NEWEST_FIRST.replace(
            "order", f"and start_date >= '{home.strava.clock.now().isoformat()}'::timestamptz - interval 21 day order"
        ),
    )
    enrich(home, options)
    assert home.streams() == recent
    enrich(home, replace(options, backlog=2))
    assert home.streams() == [one for one in ids(home) if one not in recent][:2]


def test_a_404_is_remembered(home: Household) -> None:
    """An activity without streams is asked once, again when its summary changes or when told to; it stays live."""
    one, *others = ids(home)
    answer(home, one, status=404)
    run = enrich(home)
    assert (run.status, run.stages[-1]["streams_absent"]) == ("ok", 1)
    assert home.streams() == [one, *others]
    assert one in ids(home)
    assert State(home.layout.state).quarantine() == {}
    enrich(home)
    assert home.streams() == []
    enrich(home, replace(ALL, refresh_streams=True, ids=(one,)))
    assert home.streams() == [one]
    home.strava.simulator.edit(one, name="Longer than it was")
    home.run(nightly(only_changed=True, days=3000))
    enrich(home)
    assert home.streams() == [one]


def test_an_edited_activity_is_asked_again(home: Household) -> None:
    """Another summary may mean another track (cropped, for one)."""
    enrich(home)
    one = ids(home)[3]
    home.strava.simulator.edit(one, name="Cropped")
    home.run(nightly(only_changed=True, days=3000))
    enrich(home)
    assert home.streams() == [one]
    enrich(home)
    assert home.streams() == []


def test_the_budget_holds(home: Household) -> None:
    """--max-calls and cushions end it in between; what was fetched is there, and the rest comes with the next one."""
    wanted = ids(home)
    run = enrich(home, max_calls=3)
    assert (run.status, run.calls, home.streams()) == ("partial", 3, wanted[:3])
    assert {row[0] for row in samples(home)} == set(wanted[:3])
    left = home._services().keeper_for().remaining()[1]
    run = enrich(home, cushion_daily=left - 2)
    assert (run.status, home.streams()) == ("partial", wanted[3:5])
    enrich(home)
    assert home.streams() == wanted[5:]
    assert home.calls().keys() <= {LIST, DETAIL, STREAM, ATHLETE, GEAR}
    assert {row[0] for row in samples(home)} == set(wanted)


def test_streams_are_counted_without_headers(tmp_path: Path) -> None:
    """Answers about streams carry no rate headers: the quarter hour is used up to its last call all the same."""
    home = household(tmp_path, activities=9, seed=SEED, read=(10, 1_000))
    answer(home)
    run = home.run(replace(nightly(), enrich=ALL))
    assert run.status == "ok"
    assert set(home.strava.statuses()) == {200}
    assert home.streams() == ids(home)


def test_poison_is_set_aside(home: Household) -> None:
    """One that answers 500 is named and waits in quarantine with back-off; the rest goes on."""
    one, *others = ids(home)
    answer(home, one, status=500)
    run = enrich(home)
    assert (run.status, run.notes) == ("partial", [f"Left out streams of activity {one}: status 500"])
    assert set(home.streams()) == {one, *others}
    assert list(State(home.layout.state).quarantine()) == [(STREAMS, str(one))]
    enrich(home)
    assert home.streams() == []
    answer(home)
    assert enrich(home, replace(ALL, retry_quarantined=True)).status == "ok"
    assert home.streams() == [one]
    assert State(home.layout.state).quarantine() == {}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"distance":{"data":[0.0,1.4]}}', "the answer has no time stream"),
        (b'{"time":{"data":[0,', "not clean JSON"),
        (b"[]", "not a JSON object"),
    ],
)
def test_what_is_no_streams_is_set_aside(home: Household, body: bytes, why: str) -> None:
    """Its bytes are kept, and no sample is made up of them."""
    one = ids(home)[0]
    answer(home, one, "body", body=body)
    run = enrich(home, replace(ALL, ids=(one,)))
    assert run.status == "partial"
    assert f"streams of activity {one}: {why}" in run.notes[0]
    assert "base64" in json.loads(_lines(home)[0])
    assert samples(home) == []


def test_gone_and_back_without_a_call(home: Household) -> None:
    """Samples of a deleted activity are not shown; restored, they are, and nothing is fetched."""
    enrich(home)
    one, before = ids(home)[2], samples(home)
    home.strava.simulator.delete(one)
    home.run(replace(nightly(), pull=replace(nightly().pull, mode="all")))  # type: ignore[type-var]
    assert {row[0] for row in before} - {row[0] for row in samples(home)} == {one}
    home.strava.simulator.restore(one)
    home.forget_calls()
    home.run(replace(nightly(streams=True), pull=replace(nightly().pull, mode="all")))  # type: ignore[type-var]
    assert (home.streams(), samples(home)) == ([], before)


def import_samples(home: Household, one: int) -> None:
    """As if an archive had been imported that has samples of this activity."""
    run = "20200101T000000000000Z-1"
    home.layout.streams.mkdir(exist_ok=True)
    columns = dict.fromkeys(SAMPLE_COLUMNS, "null") | {"activity_id": str(one), "run_id": f"'{run}'", "t": "3"}
    columns |= {"athlete_id": str(home.athlete_id), "source": "'export'", "heartrate": "99"}
    row = ", ".join(f"{columns[name]}::{kind} as {name}" for name, kind in SAMPLE_COLUMNS.items())
    duckdb.execute(f"copy (select {row}) to '{home.layout.stream_file(run)}'")
    copy = home.layout.warehouse.with_name("copy.duckdb")
    shutil.copyfile(home.layout.warehouse, copy)
    with duckdb.connect(copy) as warehouse:
        values = [one, home.athlete_id, "export", run, 1, home.strava.clock.now()]
        warehouse.execute("insert into meta.sample_sets values (?, ?, ?, ?, ?, ?)", values)
    note_published(copy, home.layout.warehouse, home.layout.published)
    copy.replace(home.layout.warehouse)
    home.run(Steps(compact=True))


def test_beside_an_import(home: Household) -> None:
    """What the archive gave is not asked for, unless told to; then the API's samples count."""
    one, *others = ids(home)
    import_samples(home, one)
    assert [(row[0], row[2], row[8], row[-1]) for row in samples(home)] == [(one, 3, 99, "export")]
    enrich(home)
    assert home.streams() == others
    assert {(row[0], row[-1]) for row in samples(home)} == {(one, "export"), *((other, "api") for other in others)}
    enrich(home, replace(ALL, refresh_streams=True, ids=(one,)))
    assert home.streams() == [one]
    assert {row[-1] for row in samples(home)} == {"api"}


def test_a_rebuild_gives_the_same(home: Household) -> None:
    """From bronze alone, without a call; and when the files are gone, also without a rebuild."""
    enrich(home, max_calls=3)
    enrich(home)
    before = samples(home), sets(home)
    for steps in (Steps(compact=True, rebuild=True), Steps(compact=True)):
        shutil.rmtree(home.layout.streams)
        home.forget_calls()
        assert home.run(steps).error is None
        assert home.calls().total() == 0
        assert (samples(home), sets(home)) == before


def sets(home: Household) -> str:
    with Warehouse(home.layout.warehouse) as warehouse:
        return content_hashes(warehouse)["meta.sample_sets"]


def test_the_data_folder_is_elsewhere(home: Household) -> None:
    """Our own reader finds the samples in a folder that was moved; others say where it is."""
    enrich(home)
    before = samples(home)
    moved = home.layout.data_dir.rename(home.layout.data_dir.with_name("moved [1] it's"))
    with Warehouse(moved / "warehouse" / "strava.duckdb") as warehouse:
        assert warehouse.rows(SAMPLES) == before
    with duckdb.connect(moved / "warehouse" / "strava.duckdb", read_only=True) as other:
        with pytest.raises(duckdb.IOException, match="No files found"):
            other.execute(SAMPLES)
        other.execute("set variable strava_data = $folder", {"folder": str(moved).replace("[", "[[]")})
        assert len(other.execute(SAMPLES).fetchall()) == len(before)


def world_of(folder: Path) -> World:
    """Six activities, a day apart; Strava makes up streams for each of them."""
    world = new_world(folder, [(number + 1) * DAY for number in range(6)], sport_type="Run")
    world.strava.simulator.faults.add(Fault("body", path="/activities/*/streams", body=BODY, times=None))
    return world


def asked_streams(world: World) -> list[str]:
    return [call["path"] for call in world.strava.simulator.calls if call["path"].endswith("/streams")]


@pytest.mark.parametrize("refresh", [False, True])
def test_killed_in_the_middle(tmp_path: Path, refresh: bool) -> None:
    """What was answered before the kill is in bronze: it is not asked for again, and its samples are there."""
    world = world_of(tmp_path)
    steps = replace(nightly(), enrich=replace(ALL, refresh_streams=refresh))
    before_streams = 2 + 6 + 1
    assert world.run(steps, kill_at_call=before_streams + 4) is None
    assert len(asked_streams(world)) == 4
    run = world.run(steps)
    assert run is not None
    assert run.error is None
    once = sorted(asked_streams(world))
    assert len(once) == 6 + 1  # the answer to the call at which it was killed never came
    assert len(set(once)) == 6
    assert world.rows("select count(*), count(distinct activity_id) from activity_streams") == [(18, 6)]


def test_purged_with_its_activity(tmp_path: Path) -> None:
    """Bronze and sample files hold nothing of what started before the day, and nothing else is lost."""
    world = world_of(tmp_path)
    assert world.run(replace(nightly(), enrich=ALL)) is not None
    purge_before(world, day_of(world.strava.clock.now().timestamp() - 3.5 * DAY))
    kept = {row[0] for row in world.rows("select id from activities")}
    assert len(kept) < 6
    asked = {json.loads(line)["id"] for line in _lines_of(world.layout) if b'"purged"' not in line}
    assert asked == kept
    files = [str(path) for path in world.layout.streams.iterdir()]
    held = duckdb.execute("select distinct activity_id from read_parquet($files)", {"files": files}).fetchall()
    assert (
        {row[0] for row in held} == kept == {row[0] for row in world.rows("select activity_id from activity_streams")}
    )


@pytest.mark.slow
def test_killed_anywhere_while_it_compacts(tmp_path: Path) -> None:
    """Killed before every second file operation, the next compact shows each sample once."""
    world = world_of(tmp_path)
    assert world.run(replace(nightly(), enrich=ALL)) is not None
    wanted = [(18, 6)]
    number, finished = 1, False
    while not finished:
        finished = world.run(Steps(compact=True, rebuild=True), kill_at_operation=number) is not None
        assert world.run(Steps(compact=True)) is not None
        assert world.rows("select count(*), count(distinct activity_id) from activity_streams") == wanted
        number += 2
    assert number > 5

"""The API and the bulk export tell of the same activities: whoever came first, the warehouse is the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.archives import archive, gpx
from tests.support.import_world import bring, flow, row, rows_of, same_when_rebuilt
from tests.support.sync_checks import content
from tests.support.sync_world import DAY, FULL, HOUR, NARROW, World, new_world

from strava_stats.export.archive import open_archive
from strava_stats.flow import ImportOptions, Steps

TABLES = (
    "activities", "activity_details", "activity_export", "activity_streams", "gear", "athletes", "activity_laps",
    "activity_splits_metric", "activity_best_efforts",
)  # fmt: skip


def take(
    world: World, name: str = "export.zip", *, files: Mapping[str, bytes] | None = None, **changes: Mapping[int, Any]
) -> Path:
    """An archive of all that Strava has now; `changes` has other values of rows: field={id: value}."""
    rows = [
        row(world, one, **{field: values[one] for field, values in changes.items() if one in values})
        for one in world.strava.simulator.ids()
    ]
    return archive(world.folder / name, rows, files)


def tables(world: World) -> Mapping[str, list[tuple[Any, ...]]]:
    """What the tables say, but for times and names of runs."""
    return rows_of(world, TABLES)


def two(folder: Path, activities: int = 4) -> tuple[World, World]:
    """The same athlete twice."""
    starts = [(number + 1) * DAY for number in range(activities)]
    made: dict[str, Any] = {"per_page": 3, "sport_type": "Run", "distance": 1_500.0}
    return new_world(folder / "a", starts, **made), new_world(folder / "b", starts, **made)


def test_either_one_first(tmp_path: Path) -> None:
    """API first or archive first: the same rows, and a row for each activity."""
    first, second = two(tmp_path)
    for world in (first, second):
        one = world.strava.simulator.ids()[0]
        path = take(
            world,
            files={"activities/1.gpx": gpx(datetime.fromisoformat(world.summary(one)["start_date"]))},
            file={one: "activities/1.gpx.gz"},
            description={one: "From the archive"},
        )
        flow(world) if world is first else bring(world, path)
        bring(world, path) if world is first else flow(world)
    assert tables(first) == tables(second)
    assert len(first.rows("select id from activities")) == 4
    assert len(first.rows("select * from activity_streams")) == 120
    assert {row[0] for row in first.rows("select source from activities")} == {"api"}
    same_when_rebuilt(first)


def test_gaps_alone_are_filled(tmp_path: Path) -> None:
    """What Strava said stands; where it said nothing the archive's value is, and the row says so."""
    world, _ = two(tmp_path)
    one, *_ = world.strava.simulator.ids()
    world.strava.simulator.edit(one, device_name=None)
    flow(world)
    path = archive(world.folder / "a.zip", [row(world, one, name="The archive's", max_heartrate=151, sport="Swim")])
    bring(world, path)
    found = world.rows("select name, max_heartrate, filled, source from activities where id = $one", {"one": one})
    assert found == [(world.summary(one)["name"], 151.0, ["max_heartrate"], "api")]
    same_when_rebuilt(world)


@pytest.mark.slow
def test_an_edit_of_strava_after_the_import(tmp_path: Path) -> None:
    """It is an edit of what Strava said before, and of nothing that the archive had filled in."""
    world, _ = two(tmp_path)
    one, *_ = world.strava.simulator.ids()
    flow(world)
    bring(world, take(world))
    world.strava.simulator.edit(one, name="Edited")
    flow(world)
    changes = "select changed from activity_versions where activity_id = $one and op = 'edited'"
    assert world.rows(changes, {"one": one}) == [(["name"],)]
    assert world.rows("select name from activities where id = $one", {"one": one}) == [("Edited",)]
    same_when_rebuilt(world)


@pytest.mark.slow
def test_what_the_api_confirms_as_gone_stays_gone(tmp_path: Path) -> None:
    """Whether the archive that still has it comes before the deletion or after it."""
    first, second = two(tmp_path)
    for world in (first, second):
        gone = world.strava.simulator.ids()[1]
        path = take(world)
        flow(world)
        if world is second:
            bring(world, path)
        world.strava.simulator.delete(gone)
        flow(world)
        bring(world, path)
        assert gone not in {row[0] for row in world.rows("select id from activities")}
    assert tables(first) == tables(second)
    same_when_rebuilt(first)


@pytest.mark.slow
def test_an_activity_that_only_the_archive_has_is_asked_for(tmp_path: Path) -> None:
    """A listing that sees all and lacks it makes one call; its 404 takes the row away."""
    world, _ = two(tmp_path)
    path = take(world)
    gone = world.strava.simulator.ids()[1]
    world.strava.simulator.delete(gone)
    bring(world, path)
    assert len(world.rows("select id from activities where source = 'export'")) == 4
    flow(world)
    assert [one.activity_id for one in world.far.seen if one.kind == "detail" and one.stage == "pull"] == [gone]
    assert gone not in {row[0] for row in world.rows("select id from activities")}
    same_when_rebuilt(world)


@pytest.mark.slow
def test_with_a_narrow_scope_the_archive_stays(tmp_path: Path) -> None:
    """Under activity:read a listing hides what the archive shows: nothing is asked for, nothing goes."""
    world, _ = two(tmp_path)
    hidden = world.strava.simulator.ids()[1]
    world.strava.simulator.edit(hidden, visibility="only_me", private=True)
    world.grant(NARROW)
    bring(world, take(world))
    flow(world)
    assert world.rows("select source from activities where id = $one", {"one": hidden}) == [("export",)]
    world.grant(FULL)
    flow(world)
    assert world.rows("select source from activities where id = $one", {"one": hidden}) == [("api",)]
    same_when_rebuilt(world)


def test_the_same_archive_again(tmp_path: Path) -> None:
    """Nothing is written: not the warehouse, not bronze."""
    world, _ = two(tmp_path)
    path = take(world)
    bring(world, path)
    before = (world.layout.warehouse.stat().st_ino, sorted(world.layout.data_dir.rglob("*")))
    with open_archive(path) as opened:
        run = world.run(Steps(archive=ImportOptions(opened, world.athlete.id), compact=True))
    assert run is not None
    assert run.stages[0]["known"] is True
    assert (world.layout.warehouse.stat().st_ino, sorted(world.layout.data_dir.rglob("*"))) == before


def test_a_newer_archive_updates(tmp_path: Path) -> None:
    """Its rows stand, and what it lacks is reported and kept; with --prune it goes, until Strava shows it again."""
    world, _ = two(tmp_path)
    one, lost, *_ = world.strava.simulator.ids()
    bring(world, take(world, "old.zip"))
    world.strava.simulator.edit(one, name="A newer name")
    path = take(world, "new.zip")
    rows = [row(world, other) for other in world.strava.simulator.ids() if other != lost]
    archive(path, rows)
    run = bring(world, path)
    assert run.stages[0]["missing"] == 1
    assert any(str(lost) in note and "--prune" in note for note in run.notes)
    names = dict(world.rows("select id, name from activities"))
    assert names[one] == "A newer name"
    assert lost in names
    run = bring(world, path, prune=True)
    assert run.stages[0]["pruned"] == 1
    assert lost not in {row[0] for row in world.rows("select id from activities")}
    assert bring(world, path, prune=True).stages[0]["missing"] == 0
    flow(world)
    assert lost in {row[0] for row in world.rows("select id from activities")}
    same_when_rebuilt(world)


@pytest.mark.slow
def test_an_older_archive_after_a_newer_one(tmp_path: Path) -> None:
    """One whose date and whose newest activity are older overrules nothing and reports nothing as missing."""
    world, _ = two(tmp_path)
    one, *_ = world.strava.simulator.ids()
    old = archive(world.folder / "old.zip", [row(world, one, name="Old")], made=(2025, 1, 1, 0, 0, 0))
    world.create(HOUR, sport_type="Run", distance=900.0)
    new = archive(
        world.folder / "new.zip",
        [row(world, other) for other in world.strava.simulator.ids()],
        made=(2025, 6, 1, 0, 0, 0),
    )
    bring(world, new)
    before = tables(world)
    assert bring(world, old).stages[0]["missing"] == 0
    assert tables(world) == before
    same_when_rebuilt(world)


def test_without_the_archive_there_is_no_rebuild(tmp_path: Path) -> None:
    """An archive that bronze lacks is named; the published warehouse stays as it is."""
    world, _ = two(tmp_path)
    bring(world, take(world))
    for kept in world.layout.archives.iterdir():
        kept.unlink()
    before = content(world)
    run = world.run(Steps(compact=True, rebuild=True))
    assert run is not None
    assert run.error is not None
    assert "bring it back" in run.error.hint
    assert content(world) == before

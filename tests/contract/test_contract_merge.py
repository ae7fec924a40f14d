"""What is odd when archives and the API tell of the same activities: whose, what is gone, what was computed."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.archives import archive, gpx, table
from tests.support.import_world import bring, flow, row
from tests.support.sync_checks import ALWAYS
from tests.support.sync_world import DAY, World, new_world

from strava_stats.export.archive import open_archive
from strava_stats.flow import ImportOptions, Run, Steps, run_steps, writing
from strava_stats.narration import Silent
from strava_stats.sync.compact import Calendar
from strava_stats.sync.plan import EnrichOptions
from strava_stats.sync.verify import verify

START = datetime(2025, 5, 1, 8, tzinfo=UTC)
FILE = "activities/1.gpx"
OWNED = (
    "activities", "activity_details", "activity_export", "activity_streams", "activity_splits_metric",
    "activity_curves",
)  # fmt: skip

pytestmark = pytest.mark.slow


def given(world: World, path: Path, athlete: int, *, prune: bool = False) -> Run:
    """An import for some athlete who need not have given access."""
    services = world.services(Steps())
    with open_archive(path) as opened, writing(services, "import"):
        steps = Steps(archive=ImportOptions(opened, athlete, prune), compact=True)
        run = run_steps(services, "import", None, steps)
    assert run.error is None, run.error
    return run


def enrich(world: World, **options: Any) -> Run:
    """Details alone."""
    run = world.run(Steps(enrich=EnrichOptions(**{"since_days": ALWAYS, **options})))
    assert run is not None
    assert run.error is None, run.error
    return run


def sound(world: World) -> None:
    """Nothing to find; a rebuild elsewhere gives the same rows."""
    secrets = world.strava.folder / "secrets"
    looks = verify(world.layout, secrets, Calendar("monday", "Europe/London"), Silent())
    assert not [(look.name, one) for look in looks for one in look.findings]


def athletes(world: World, names: Iterable[str] = OWNED) -> set[int]:
    """Whose the rows of these tables are."""
    return {one for name in names for (one,) in world.rows(f"select distinct athlete_id from {name}")}  # noqa: S608


def years(number: int) -> tuple[int, int, int, int, int, int]:
    """When the archive with this number was made."""
    return 2020 + number, 1, 1, 0, 0, 0


@pytest.mark.slow
def test_an_archive_that_was_nobodys(tmp_path: Path) -> None:
    """Imported again for the right athlete, all rows and samples are theirs; a second try for another is no repeat."""
    world = new_world(tmp_path)
    path = archive(tmp_path / "a.zip", [{"id": 1, "start": START, "file": FILE}], {FILE: gpx(START)})
    for athlete in (0, 7, 8, 7):
        assert given(world, path, athlete).stages[0]["known"] is False
        assert athletes(world) == {athlete}
        assert len(list(world.layout.streams.iterdir())) == 1
        sound(world)
    assert given(world, path, 7).stages[0]["known"] is True


def test_a_newer_archive_of_the_right_athlete(tmp_path: Path) -> None:
    """Files that nobody's archive brought are not read again, and what was computed of them has the right athlete."""
    world = new_world(tmp_path)
    rows, files = [{"id": 1, "start": START, "file": FILE}], {FILE: gpx(START)}
    given(world, archive(tmp_path / "a.zip", rows, files), 0)
    run = given(world, archive(tmp_path / "b.zip", rows, files, athlete_id=7), 7)
    assert run.stages[1]["files"] == 0
    assert athletes(world) == {7}
    sound(world)


def test_an_activity_of_another_athletes(tmp_path: Path) -> None:
    """What an archive fills in is the athlete's whose activity it is, whoever imported it."""
    world = new_world(tmp_path, [DAY], sport_type="Run", distance=1_000.0)
    (one,) = world.strava.simulator.ids()
    flow(world)
    given(world, archive(tmp_path / "a.zip", [row(world, one, file=FILE)], {FILE: gpx(START)}), 99)
    assert athletes(world) == {world.athlete.id}
    assert world.rows("select count(*) from activity_streams") == [(120,)]
    sound(world)


def test_one_id_in_two_athletes_archives(tmp_path: Path) -> None:
    """One row, of the archive imported last."""
    world = new_world(tmp_path)
    given(world, archive(tmp_path / "a.zip", [{"id": 1, "start": START}, {"id": 2, "start": START}]), 7)
    given(world, archive(tmp_path / "b.zip", [{"id": 1, "start": START, "name": "Another"}]), 8)
    assert world.rows("select id, athlete_id from activities order by id") == [(1, 8), (2, 7)]
    sound(world)


def test_an_older_archive_brings_nothing_back(tmp_path: Path) -> None:
    """What --prune let go stays so when an archive from before is imported afterwards; a newer one brings it back."""
    world = new_world(tmp_path)
    ones = [
        [{"id": one, "start": START + timedelta(days=one)} for one in ids]
        for ids in ((5, 6), (5, 6, 7), (6, 7, 8), (5, 6, 9))
    ]
    paths = [archive(tmp_path / f"{number}.zip", rows, made=years(number)) for number, rows in enumerate(ones)]
    bring(world, paths[1])
    assert bring(world, paths[2], prune=True).stages[0]["pruned"] == 1
    run = bring(world, paths[0])
    assert run.stages[0]["missing"] == 0
    assert world.rows("select id from activities order by id") == [(6,), (7,), (8,)]
    sound(world)
    bring(world, paths[3])
    assert world.rows("select id from activities order by id") == [(5,), (6,), (7,), (8,), (9,)]
    sound(world)


@pytest.mark.slow
def test_details_before_any_listing(tmp_path: Path) -> None:
    """Details fetched by name of what only the archive has are Strava's; a listing then asks for them once more."""
    world = new_world(tmp_path, [DAY, 2 * DAY], sport_type="Run", distance=1_000.0)
    one, _ = world.strava.simulator.ids()
    bring(world, archive(tmp_path / "a.zip", [row(world, one, description="The archive's")]))
    world.strava.simulator.add_kudos(one, 5)
    enrich(world, ids=(one,))
    shown = "select source, filled, kudos_count from activity_details where activity_id = $one"
    assert world.rows(shown, {"one": one}) == [("api", ["description"], 5)]
    assert world.rows("select source from activities") == [("export",)]
    sound(world)
    world.strava.simulator.add_kudos(one, 3)
    assert flow(world).stages[-1]["calls"] >= 2
    assert world.rows(shown, {"one": one}) == [("api", ["description"], 8)]
    assert flow(world).stages[-1]["calls"] == 0
    assert world.rows("select op, changed from activity_versions order by all") == [("created", []), ("created", [])]
    sound(world)


@pytest.mark.slow
def test_all_details_of_what_is_gone(tmp_path: Path) -> None:
    """A 404 of details deletes nothing, is set aside and not asked again; the next complete listing settles it."""
    world = new_world(tmp_path, [DAY, 2 * DAY], sport_type="Run", distance=1_000.0)
    ids = world.strava.simulator.ids()
    path = archive(tmp_path / "a.zip", [row(world, one) for one in ids])
    world.strava.simulator.delete(ids[0])
    bring(world, path)
    assert enrich(world, all_missing=True).status == "partial"
    assert {one for (one,) in world.rows("select id from activities")} == set(ids)
    sound(world)
    assert enrich(world, all_missing=True).calls == 0
    flow(world)
    assert world.rows("select id from activities") == [(ids[1],)]
    assert world.rows("select * from quarantine") == []
    sound(world)


@pytest.mark.slow
def test_device_files_of_newer_archives(tmp_path: Path) -> None:
    """A file that failed stays named, until an archive has one that reads; of those the newest counts."""
    world = new_world(tmp_path, [DAY], sport_type="Run", distance=1_000.0)
    (one,) = world.strava.simulator.ids()
    failed = "select kind, id from quarantine where kind = 'device_files'"

    def newer(number: int, content: bytes) -> Run:
        rows = [row(world, one, file=FILE), {"id": number, "start": START + timedelta(days=number)}]
        return bring(world, archive(tmp_path / f"{number}.zip", rows, {FILE: content}, made=years(number)))

    run = newer(1, b"nonsense")
    assert run.status == "partial"
    assert FILE in run.notes[0]
    assert world.rows(failed) == [("device_files", str(one))]
    world.grant(("read", "activity:read"))
    flow(world)
    assert world.rows(failed) == [("device_files", str(one))]
    for number, seconds in ((2, 60), (3, 90)):
        assert newer(number, gpx(START, seconds)).status == "ok"
        assert world.rows("select count(*) from activity_streams") == [(seconds,)]
        assert world.rows(failed) == []
        sound(world)


def test_a_file_that_two_rows_name(tmp_path: Path) -> None:
    """Both activities have its samples; ids up to the largest number are read, others named and left out."""
    world = new_world(tmp_path)
    rows = [{"id": one, "start": START, "file": FILE} for one in (1, 2**63 - 1)]
    rows += [{"id": one, "start": START} for one in (2**63, 0, -4, 10**30)]
    run = given(world, archive(tmp_path / "a.zip", rows, {FILE: gpx(START)}), 7)
    assert len([note for note in run.notes if "no usable activity id" in note]) == 4
    query = "select activity_id, count(*) from activity_streams group by all order by all"
    assert world.rows(query) == [(1, 120), (2**63 - 1, 120)]
    sound(world)


def test_another_sport_in_a_newer_archive(tmp_path: Path) -> None:
    """What is computed of the same samples follows it: a ride has no best efforts."""
    world = new_world(tmp_path)
    told = {"id": 1, "start": START, "file": FILE}
    files = {FILE: gpx(START, 300)}
    bring(world, archive(tmp_path / "a.zip", [told], files))
    assert ("400m",) in world.rows("select name from activity_best_efforts")
    bring(world, archive(tmp_path / "b.zip", [{**told, "sport": "Ride"}], files))
    assert world.rows("select name from activity_best_efforts") == []
    sound(world)


def test_rows_without_a_start_or_a_sport(tmp_path: Path) -> None:
    """They are there, in the user's views too; the months leave them out; a date nobody can read is named."""
    world = new_world(tmp_path)
    world.layout.user_sql.mkdir(parents=True)
    view = (
        "create or replace view mine as select id, sport_type from activity_export join activities on id = activity_id"
    )
    (world.layout.user_sql / "mine.sql").write_text(view)
    rows = [{"id": 1, "start": START}, {"id": 2, "start": START + timedelta(days=9), "sport": "Frobnicating"}]
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("activities.csv", table(rows).replace(b'"May 1, 2025, 8:00:00 AM"', b"some day"))
    run = given(world, path, 7)
    assert any(note.startswith("activity_export 1: ") and "does not fit" in note for note in run.notes), run.notes
    assert world.rows("select start_date, start_date_local, utc_offset_source from activities where id = 1") == [
        (None, None, None)
    ]
    assert world.rows("from mine order by id") == [(1, "Run"), (2, "Frobnicating")]
    assert world.rows("select sport_type, activities from gold_monthly") == [("Frobnicating", 1)]
    sound(world)

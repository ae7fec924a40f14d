"""purge, forget, backup and restore of what bulk exports brought: archives, device files, samples."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tarfile
import zipfile
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.contract.test_contract_import import tables
from tests.support.archives import archive, gpx
from tests.support.care import back_up_world, day_of, findings, forget_in_world, purge_before, restore_world
from tests.support.import_world import bring, flow, row
from tests.support.sync_checks import ALWAYS, content
from tests.support.sync_world import DAY, World, new_world

from strava_stats.errors import UsageError
from strava_stats.export.archive import open_archive
from strava_stats.flow import ImportOptions, Steps, run_steps, writing
from strava_stats.lake.floor import read_floors
from strava_stats.lake.imports import read_imports
from strava_stats.lake.layout import NOBODY
from strava_stats.simulator.faults import Fault
from strava_stats.sync.plan import EnrichOptions

AGES = (10, 20, 300, 400)
OLD = 100
OTHER = 7
STREAMS = b'{"time":{"data":[0,1,2]},"heartrate":{"data":[100,101,102]}}'


def start_of(world: World, one: int) -> datetime:
    return datetime.fromisoformat(world.summary(one)["start_date"])


def by_age(world: World) -> list[int]:
    """Ids, the youngest first."""
    return sorted(world.strava.simulator.ids(), key=lambda one: start_of(world, one), reverse=True)


def floor_day(world: World, days: float = OLD) -> date:
    return day_of(world.strava.clock.now().timestamp() - days * DAY)


def full(world: World, ids: Iterable[int] | None = None, name: str = "export.zip", **more: Any) -> Path:
    """An archive with a device file and a picture for each activity, and files that say nothing of whose they are."""
    chosen = list(world.strava.simulator.ids() if ids is None else ids)
    files = {f"activities/{one}.gpx": gpx(start_of(world, one), seconds=30) for one in chosen}
    files |= {f"media/{one}.jpg": b"picture of %d" % one for one in chosen}
    files |= {"media/loose.jpg": b"loose", "comments.csv": b"a comment on %d" % chosen[-1]}
    captions = "".join(f"media/{one}.jpg,Caption {one}\n" for one in chosen)
    files["media.csv"] = f"Media Filename,Media Caption\n{captions}".encode()
    rows = [row(world, one, file=f"activities/{one}.gpx", media=f"media/{one}.jpg") for one in chosen]
    return archive(world.folder / name, rows, files, **more)


def kept(world: World) -> dict[str, bytes]:
    """Everything that the archives in bronze hold."""
    found: dict[str, bytes] = {}
    for path in world.layout.archives.glob("*.zip"):
        with zipfile.ZipFile(path) as packed:
            found |= {one.filename: packed.read(one) for one in packed.infolist()}
    return found


def samples(world: World) -> set[int]:
    return {one for (one,) in world.rows("select distinct activity_id from activity_streams")}


def ids(world: World) -> set[int]:
    return {one for (one,) in world.rows("select id from activities")}


def named(world: World, needle: int) -> list[str]:
    """Files of bronze that hold a number, packed ones unpacked."""
    found = []
    for path in sorted((world.layout.data_dir / "bronze").rglob("*")):
        if path.is_file() and path != world.layout.floor and path.suffix != ".zip":
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            found += [path.name] * (str(needle).encode() in text)
    return found + [name for name, text in kept(world).items() if str(needle).encode() in text or str(needle) in name]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two young activities and two old ones, and nothing fetched yet."""
    return new_world(tmp_path, [age * DAY for age in AGES], sport_type="Run", distance=2_000.0)


@pytest.mark.parametrize("fetched", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_purge_cuts_archives(world: World, fetched: bool) -> None:
    """Rows, device files, pictures and samples of what is old go; what is young stays, and verify is content."""
    *young, third, fourth = by_age(world)
    if fetched:
        flow(world)
    bring(world, full(world))
    before = {one: found for one, found in kept(world).items() if any(str(number) in one for number in young)}
    (old_name,) = world.layout.archives.iterdir()
    done = purge_before(world, floor_day(world))
    assert done is not None
    assert (done.activities, done.archives, done.archives_left) == (2, 1, 0)
    assert [named(world, one) for one in (third, fourth)] == [[], []]
    assert kept(world).items() >= before.items()
    assert kept(world).keys() == {*before, "activities.csv", "media.csv"}
    assert not old_name.exists()
    assert (ids(world), samples(world)) == (set(young), set(young))
    assert world.rows("select count(distinct activity_id), count(*) from activity_streams") == [(2, 60)]
    assert findings(world) == []
    again = purge_before(world, floor_day(world))
    assert again is not None
    assert (again.activities, again.archives, again.journals) == (0, 0, 0)


def import_for(world: World, path: Path, athlete: int) -> None:
    """`import --athlete`, for one who has no token."""
    services = world.services(Steps(compact=True))
    with open_archive(path) as opened, writing(services, "import"):
        steps = Steps(archive=ImportOptions(opened, athlete), compact=True)
        assert run_steps(services, "import", None, steps).error is None


def test_what_was_purged_is_not_imported_again(world: World) -> None:
    """The same archive gives the same cut one, which is known; a fresh one of all is cut while it is taken in."""
    *young, third, fourth = by_age(world)
    path = full(world)
    bring(world, path)
    purge_before(world, floor_day(world))
    before = (content(world), sorted(world.layout.data_dir.rglob("*")))
    run = bring(world, path)
    assert (run.stages[0]["known"], run.stages[0]["activities"]) == (True, 2)
    assert "2 activities of the archive began before the floor" in " ".join(run.notes)
    assert (content(world), sorted(world.layout.data_dir.rglob("*"))) == before
    new = world.create(DAY, sport_type="Run", distance=900.0)
    assert bring(world, full(world, name="new.zip")).stages[0]["activities"] == 3
    assert (ids(world), samples(world)) == ({*young, new}, {*young, new})
    assert [named(world, one) for one in (third, fourth)] == [[], []]
    assert findings(world) == []


@pytest.mark.slow
def test_a_folder_is_cut_as_well(world: World) -> None:
    """An archive that was unpacked before the import loses the same rows and files."""
    *young, third, fourth = by_age(world)
    folder = world.folder / "unpacked"
    with zipfile.ZipFile(full(world)) as packed:
        for name in packed.namelist():
            packed.extract(name, folder)
    purge_before(world, floor_day(world))
    bring(world, folder)
    assert (ids(world), samples(world)) == (set(young), set(young))
    assert [named(world, one) for one in (third, fourth)] == [[], []]
    assert findings(world) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("has_file", "made", "stays"),
    [
        pytest.param(True, 2026, False, id="a device file tells"),
        pytest.param(False, 2025, False, id="an old archive", marks=pytest.mark.slow),
        pytest.param(False, 2026, True, id="nothing tells", marks=pytest.mark.slow),
    ],
)
def test_a_row_without_a_date(world: World, has_file: bool, made: int, stays: bool) -> None:
    """It began when its device file says; where none does, it is taken to be as old as the archive that has it."""
    *_, old = by_age(world)
    name = f"activities/{old}.gpx"
    files = {name: gpx(start_of(world, old))} if has_file else {}
    rows = [row(world, old, start=None, file=name if has_file else "")]
    path = archive(world.folder / "a.zip", rows, files, made=(made, 11, 1, 0, 0, 0))
    bring(world, path)
    done = purge_before(world, floor_day(world))
    assert done is not None
    assert ids(world) == ({old} if stays else set())
    bring(world, path)
    assert ids(world) == ({old} if stays else set())
    assert findings(world) == []


@pytest.mark.slow
def test_where_the_sources_disagree(world: World) -> None:
    """What Strava says stands: what it says is old goes from archives too, what it says is young stays by its word."""
    flow(world)
    first, _, third, fourth = by_age(world)
    rows = [row(world, first, start=start_of(world, fourth)), row(world, third, start=start_of(world, first))]
    bring(world, archive(world.folder / "a.zip", rows))
    purge_before(world, floor_day(world))
    assert first in ids(world)
    assert third not in ids(world)
    assert named(world, third) == []
    assert not [name for name, text in kept(world).items() if str(first).encode() in text]
    assert findings(world) == []


@pytest.mark.slow
def test_where_archives_disagree(world: World) -> None:
    """An activity stays while one archive says that it is young; the rows that say otherwise go."""
    first, *_, last = by_age(world)
    bring(world, archive(world.folder / "a.zip", [row(world, first, start=start_of(world, last)), row(world, last)]))
    bring(world, archive(world.folder / "b.zip", [row(world, first)], made=(2026, 2, 1, 0, 0, 0)))
    done = purge_before(world, floor_day(world))
    assert done is not None
    assert (done.archives, ids(world)) == (1, {first})
    assert findings(world) == []


@pytest.mark.slow
def test_what_an_import_let_go_of_is_not_named_any_more(world: World) -> None:
    """A note that an archive lacks an activity names it: it goes with the activity."""
    *young, third, fourth = by_age(world)
    bring(world, full(world))
    bring(world, full(world, young, "new.zip", made=(2026, 2, 1, 0, 0, 0)), prune=True)
    assert named(world, fourth)
    purge_before(world, floor_day(world))
    assert [named(world, one) for one in (third, fourth)] == [[], []]
    assert (ids(world), findings(world)) == (set(young), [])


@pytest.mark.slow
def test_streams_of_the_api_go_too(world: World) -> None:
    """Their journals lose the lines, the sample files are made anew."""
    *young, third, fourth = by_age(world)
    flow(world)
    world.strava.simulator.faults.add(Fault("body", path="/activities/*/streams", body=STREAMS, times=None))
    options = EnrichOptions(since_days=ALWAYS, all_missing=True, streams=True)
    run = world.run(Steps(enrich=options, compact=True))
    assert run is not None
    assert run.error is None, run.error
    assert samples(world) == {*young, third, fourth}
    purge_before(world, floor_day(world))
    assert samples(world) == set(young)
    assert [named(world, one) for one in (third, fourth)] == [[], []]
    assert findings(world) == []


@pytest.mark.slow
def test_a_damaged_file_does_not_end_a_purge(world: World) -> None:
    """It is not carried over; the rest of its activity is."""
    *young, _, _ = by_age(world)
    path = full(world)
    with zipfile.ZipFile(path) as packed:
        info = packed.getinfo(f"activities/{young[0]}.gpx")
    content = bytearray(path.read_bytes())
    content[info.header_offset + 30 + len(info.filename) + 20] ^= 0xFF
    path.write_bytes(content)
    bring(world, path)
    purge_before(world, floor_day(world))
    assert f"activities/{young[0]}.gpx" not in kept(world)
    assert f"activities/{young[1]}.gpx" in kept(world)
    assert (ids(world), samples(world), findings(world)) == (set(young), {young[1]}, [])


@pytest.mark.slow
def test_archives_of_others_stay(world: World) -> None:
    """A purge of one athlete does not touch another's archive; forgetting takes theirs and leaves the other's."""
    ours, theirs = full(world), full(world, by_age(world)[2:], "theirs.zip", made=(2026, 2, 1, 0, 0, 0))
    import_for(world, theirs, OTHER)
    before = {path.name: path.read_bytes() for path in world.layout.archives.iterdir()}
    bring(world, full(world, by_age(world)[:3]))
    purge_before(world, floor_day(world))
    assert before.items() <= {path.name: path.read_bytes() for path in world.layout.archives.iterdir()}.items()
    bring(world, ours)
    assert forget_in_world(world)
    assert {path.name: path.read_bytes() for path in world.layout.archives.iterdir()} == before
    assert set(world.rows("select distinct athlete_id from activities")) == {(OTHER,)}
    assert samples(world) == set(by_age(world)[2:])
    assert findings(world) == []


@pytest.mark.slow
@pytest.mark.parametrize("athlete", [NOBODY, OTHER])
def test_an_archive_is_whose_it_was_said_to_be_last(world: World, athlete: int) -> None:
    """With them it goes, and what was said of it before; forgetting the earlier one leaves it."""
    path = full(world)
    import_for(world, path, athlete)
    bring(world, path)
    backup = back_up_world(world, world.folder / "b.tar")
    assert forget_in_world(world)
    assert not list(world.layout.archives.iterdir())
    assert read_imports(world.layout) == []
    assert not world.layout.warehouse.exists()
    world.lose("")
    assert restore_world(world, backup)
    assert forget_in_world(world, athlete_id=athlete)
    assert [one.athlete_id for one in read_imports(world.layout)] == [world.athlete.id]
    assert (len(ids(world)), len(samples(world)), findings(world)) == (4, 4, [])


def test_a_file_that_came_by_no_import(world: World) -> None:
    """What a killed import left goes; what else lies there is counted and stays until the last athlete goes."""
    bring(world, full(world))
    left, other = world.layout.archive("0" * 64), world.layout.archives / "mine.zip"
    for path in (left, other):
        path.write_bytes(b"PK")
    done = purge_before(world, floor_day(world))
    assert done is not None
    assert (done.archives_left, left.exists(), other.exists()) == (1, False, True)
    left.write_bytes(b"PK")
    assert purge_before(world, floor_day(world)) is not None
    assert not left.exists()
    assert forget_in_world(world)
    assert not list(world.layout.archives.iterdir())


@pytest.mark.slow
def test_there_and_back(world: World) -> None:
    """A backup holds archives, imports and floor; samples and what device files say are made again, the same."""
    flow(world)
    bring(world, full(world))
    purge_before(world, floor_day(world))
    before, shown = content(world), tables(world)
    backup = back_up_world(world, world.folder / "backup.tar")
    with tarfile.open(backup) as tar:
        folders = {name.split("/")[1] + "/" + name.split("/")[2] for name in tar.getnames() if name.count("/") > 1}
    assert {"bronze/export", "bronze/imports", "bronze/floor.json"} <= folders
    assert not [one for one in folders if one.startswith(("streams", "device_files"))]
    world.lose("")
    assert restore_world(world, backup)
    assert (content(world), tables(world), findings(world)) == (before, shown, [])
    world.lose("")
    world.layout.streams.mkdir(parents=True)
    (world.layout.streams / "other.parquet").write_bytes(b"of another life")
    with pytest.raises(UsageError, match="The data folder is not empty"):
        restore_world(world, backup)


def _bring_back(world: World, aside: Path) -> None:
    shutil.rmtree(world.strava.folder)
    shutil.copytree(aside, world.strava.folder)


@pytest.mark.slow
@pytest.mark.parametrize(("first", "stride"), [(9, 16), (3, 13)])
def test_killed_anywhere_a_purge_of_archives_goes_on(world: World, first: int, stride: int) -> None:
    """Killed at a file operation nothing old is shown or comes in; the same command ends as if it had not been."""
    *young, third, fourth = by_age(world)
    path = full(world)
    import_for(world, path, OTHER)
    bring(world, path)
    aside = world.folder / "before"
    shutil.copytree(world.strava.folder, aside)
    day = floor_day(world)
    assert purge_before(world, day) is not None
    wanted, cut = content(world), kept(world)
    for number in range(first, 1_000, stride):
        _bring_back(world, aside)
        if purge_before(world, day, kill_at=number) is not None:
            assert number > 20
            break
        assert_kept_whole(world)
        if not world.layout.published.exists():  # from there on everything is made anew
            assert read_floors(world.layout)
            assert world.run(Steps(compact=True)) is not None
            assert ids(world) == set(young), number
        assert purge_before(world, day) is not None
        assert (content(world), kept(world)) == (wanted, cut), number
        assert [named(world, one) for one in (third, fourth)] == [[], []], number
        assert findings(world) == [], number


def assert_kept_whole(world: World) -> None:
    """Whatever an import names is there, and is what its name says."""
    for one in read_imports(world.layout):
        text = world.layout.archive(one.sha256).read_bytes()
        assert hashlib.sha256(text).hexdigest() == one.sha256


@pytest.mark.slow
def test_killed_anywhere_an_import_under_a_floor(world: World) -> None:
    """Killed at a file operation the same import goes on, and nothing old is left anywhere."""
    *young, third, fourth = by_age(world)
    path = full(world)
    purge_before(world, floor_day(world))
    aside = world.folder / "before"
    shutil.copytree(world.strava.folder, aside)
    for number in range(1, 1_000, 12):
        _bring_back(world, aside)
        with open_archive(path) as opened:
            steps = Steps(archive=ImportOptions(opened, world.athlete.id), compact=True)
            killed = world.run(steps, kill_at_operation=number) is None
        bring(world, path)
        assert (ids(world), samples(world), len(read_imports(world.layout))) == (set(young), set(young), 1), number
        assert [named(world, one) for one in (third, fourth)] == [[], []], number
        assert findings(world) == [], number
        if not killed:
            assert number > 20
            break


@pytest.mark.slow
def test_killed_anywhere_forgetting_archives_goes_on(world: World) -> None:
    """Killed at a file operation the same command ends with the other's archive alone."""
    theirs = full(world, by_age(world)[2:], "theirs.zip", made=(2026, 2, 1, 0, 0, 0))
    import_for(world, theirs, OTHER)
    before = kept(world)
    ours = full(world)
    import_for(world, ours, NOBODY)
    bring(world, ours)
    aside = world.folder / "before"
    shutil.copytree(world.strava.folder, aside)
    for number in range(1, 1_000, 12):
        _bring_back(world, aside)
        killed = not forget_in_world(world, kill_at=number)
        if killed:
            assert forget_in_world(world), number
        assert (kept(world), {one.athlete_id for one in read_imports(world.layout)}) == (before, {OTHER}), number
        assert set(world.rows("select distinct athlete_id from activities")) == {(OTHER,)}, number
        assert findings(world) == [], number
        if not killed:
            assert number > 20
            break

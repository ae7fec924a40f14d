"""What was purged stays away: no listing, no detail, no rebuild and no lost state brings it back."""

from __future__ import annotations

import gzip
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.bronze_history import lines
from tests.support.care import back_up_world, day_of, findings, forget_in_world, purge_before, restore_world
from tests.support.sync_checks import ALWAYS, check_all, content, table
from tests.support.sync_world import DAY, World, new_world

from strava_stats.errors import CorruptData, UsageError
from strava_stats.flow import PullOptions, Run, Steps
from strava_stats.lake.floor import read_floors
from strava_stats.sync.outlook import outlook
from strava_stats.sync.plan import EnrichOptions, Mode
from strava_stats.sync.state import State

AGES = (1, 2, 30, 100, 300, 301, 500, 900)
OLD = 400


def flow(world: World, mode: Mode = "all", **enrich: object) -> Run:
    """A whole run, whose tables have to tell what bronze tells."""
    options = {"since_days": ALWAYS, "only_changed": True, **enrich}
    run = world.run(
        Steps(pull=PullOptions(mode=mode, per_page=world.per_page), compact=True, enrich=EnrichOptions(**options))  # type: ignore[arg-type]
    )
    assert run is not None
    assert run.error is None, run.error
    check_all(world)
    return run


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Eight activities over three years, listed, detailed, swept again, one of the old ones deleted meanwhile."""
    world = new_world(tmp_path, [age * DAY for age in AGES], per_page=3, sport_type="Run", distance=2_000.0)
    flow(world)
    oldest = world.strava.simulator.ids()[-1]
    world.strava.simulator.edit(oldest, name="Edited")
    world.strava.simulator.create(start=world.strava.simulator.now() - 600 * DAY)
    world.strava.simulator.delete(_by_age(world, 500))
    flow(world)
    return world


def _by_age(world: World, days: float) -> int:
    starts = {one: datetime.fromisoformat(world.summary(one)["start_date"]) for one in world.strava.simulator.ids()}
    age = {one: (world.strava.clock.now() - start) / timedelta(days=1) for one, start in starts.items()}
    return min(age, key=lambda one: abs(age[one] - days))


def _floor_day(world: World, days: float = OLD) -> date:
    return day_of(world.strava.clock.now().timestamp() - days * DAY)


def _old(world: World, day: date) -> set[int]:
    """What Strava has that started before the day."""
    floor = datetime.combine(day, datetime.min.time(), UTC)
    return {
        one for one in world.strava.simulator.ids() if datetime.fromisoformat(world.summary(one)["start_date"]) < floor
    }


def _of_activities(world: World) -> dict[str, str]:
    """Content without athlete and gear, which follow Strava week by week."""
    return {table: found for table, found in content(world).items() if table not in {"athletes", "gear"}}


def _bytes_of_bronze(world: World) -> bytes:
    journals = (world.layout.data_dir / "bronze").rglob("*.jsonl*")
    return b"".join(gzip.decompress(path.read_bytes()) for path in sorted(journals))


def test_what_is_old_leaves_everything(world: World) -> None:
    """Bodies, notes, history and ids of old activities are gone from bronze, shards and warehouse, others stay."""
    day = _floor_day(world)
    old = _old(world, day) | {
        one for (one,) in world.rows("select activity_id from activity_versions where op = 'deleted'")
    }
    kept = table(world).keys() - old
    done = purge_before(world, day)
    assert done is not None
    assert (done.activities, set(table(world))) == (len(old), kept)
    check_all(world)
    text = _bytes_of_bronze(world)
    assert not [one for one in old if str(one).encode() in text]
    assert {one for (one,) in world.rows("select distinct activity_id from activity_versions")} == kept
    assert findings(world) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "lost", ["state", *(pytest.param(one, marks=pytest.mark.slow) for one in ("nothing", "warehouse", "activities"))]
)
def test_no_sweep_brings_it_back(world: World, lost: str) -> None:
    """Later sweeps neither land nor tombstone nor ask for what is below the floor, whatever derived folder is lost."""
    day = _floor_day(world)
    old = _old(world, day)
    purge_before(world, day)
    before = _of_activities(world)
    world.lose(lost)
    world.far.seen.clear()
    for _ in range(2):
        world.advance(8 * DAY)
        run = flow(world, all_missing=True)
        assert run.stages[0]["full"]
        assert run.stages[0]["complete"]
        assert run.stages[0]["deleted"] == 0
    assert not {one.activity_id for one in world.far.seen if one.kind == "detail"} & old
    assert not old & table(world).keys()
    assert not {line["id"] for _, line in lines(world.layout.data_dir, "activities")} & old
    assert not {one for _, line in lines(world.layout.data_dir, "activities") for one in line.get("ids", ())} & old
    assert _of_activities(world) == before
    after = content(world)
    assert world.run(Steps(compact=True, rebuild=True)) is not None
    assert content(world) == after
    assert findings(world) == []


def test_a_back_dated_upload_below_the_floor(world: World) -> None:
    """What is uploaded later with an old start does not come in; what starts after the floor does."""
    day = _floor_day(world)
    purge_before(world, day)
    floor = datetime.combine(day, datetime.min.time(), UTC).timestamp()
    now = world.strava.simulator.now()
    below, above = (world.create(now - floor + apart) for apart in (1, 0))
    flow(world)
    assert (below in table(world), above in table(world)) == (False, True)
    run = world.run(Steps(enrich=EnrichOptions(since_days=0, ids=(below,)), compact=True))
    assert run is not None
    assert f"activity {below}: it started before {day}: purged" in " ".join(run.notes)
    assert str(below).encode() not in _bytes_of_bronze(world)
    assert str(below) not in {one for _, one in State(world.layout.state).quarantine()}


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1, 24 * 90])
def test_what_is_here_and_moves_below_the_floor(world: World, hours: int) -> None:
    """An activity that is here stays when its start is edited, however far; the next purge takes it."""
    day = _floor_day(world)
    purge_before(world, day)
    one = _by_age(world, 30)
    moved = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=hours)
    world.strava.simulator.edit(one, start_date=f"{moved:%Y-%m-%dT%H:%M:%SZ}")
    flow(world)
    assert one in table(world)
    done = purge_before(world, day)
    assert done is not None
    assert done.activities == 1
    assert one not in table(world)
    flow(world)
    assert one not in table(world)


def test_deletions_above_the_floor_are_still_found(world: World) -> None:
    """A bounded sweep asks for what it lacks above the floor, also right above it."""
    day = _floor_day(world, 299.5)
    purge_before(world, day)
    gone = _by_age(world, 100)
    floor = datetime.combine(day, datetime.min.time(), UTC).timestamp()
    lowest = world.create(world.strava.simulator.now() - floor)
    flow(world)
    assert lowest in table(world)
    for one in (gone, lowest):
        world.strava.simulator.delete(one)
    flow(world)
    assert not {gone, lowest} & table(world).keys()


def test_the_floor_never_sinks_and_is_one_athletes(world: World) -> None:
    """An older day changes nothing, a purge with nothing to remove only notes the floor, done again it does nothing."""
    day = _floor_day(world)
    assert purge_before(world, day) is not None
    before, stamps = _bytes_of_bronze(world), world.layout.warehouse.stat().st_mtime_ns
    for other in (day, day - timedelta(days=300), date(1990, 1, 1)):
        done = purge_before(world, other)
        assert done is not None
        assert (done.activities, done.journals) == (0, 0)
    assert {athlete: (one.day, one.purging) for athlete, one in read_floors(world.layout).items()} == {
        world.athlete.id: (day, None)
    }
    assert (_bytes_of_bronze(world), world.layout.warehouse.stat().st_mtime_ns) == (before, stamps)


def test_a_plan_does_not_count_it(world: World) -> None:
    """`plan` counts neither the pages nor the details of what was purged."""
    world.lose("state")
    services = world.services(Steps(compact=True))
    options = EnrichOptions(since_days=0)

    def calls() -> dict[str, int]:
        return outlook(
            world.layout, services.state, services.keeper_for(), world.strava.clock.now(),
            athlete_id=world.athlete.id, options=options, per_page=2, full_sweep_days=7,
        ).calls  # fmt: skip

    before = calls()["list"]
    purge_before(world, _floor_day(world, 50))
    after = calls()
    assert (after["list"] < before, after["backlog"]) == (True, 0)


@pytest.mark.slow
def test_killed_anywhere_the_same_command_goes_on(world: World) -> None:
    """Killed at every third file operation, flow and rebuild still work; purged again, all is as without a kill."""
    day = _floor_day(world)
    old = _old(world, day)
    backup = back_up_world(world, world.folder / "before.tar")
    assert purge_before(world, day) is not None
    wanted = content(world)
    for number in range(2, 1_000, 3):
        _bring_back(world, backup)
        if purge_before(world, day, kill_at=number) is not None:
            assert number > 40
            break
        if number % 2:
            flow(world, mode="default")
        assert purge_before(world, day) is not None
        assert content(world) == wanted, number
        assert not old & table(world).keys()
        assert findings(world) == [], number


def test_killed_between_a_body_and_the_notes_that_refer_to_it(world: World) -> None:
    """With the body gone nothing tells any more when an activity began: the purge that goes on takes its notes too."""
    day = _floor_day(world)
    old = _old(world, day)
    aside = world.folder / "before"
    shutil.copytree(world.strava.folder, aside)
    first, *_, last = world.layout.journals("activities").values()
    before = first.read_bytes(), last.read_bytes()
    for number in range(1, 200):
        shutil.rmtree(world.strava.folder)
        shutil.copytree(aside, world.strava.folder)
        assert purge_before(world, day, kill_at=number) is None
        if first.read_bytes() != before[0]:
            break
    assert last.read_bytes() == before[1]
    assert purge_before(world, day) is not None
    assert not [one for one in old if str(one).encode() in _bytes_of_bronze(world)]
    assert findings(world) == []


def _bring_back(world: World, backup: Path) -> None:
    for name in ("bronze", "warehouse", "activities", "state"):
        world.lose(name)
    assert restore_world(world, backup)


def test_a_damaged_floor_is_not_taken_for_none(world: World) -> None:
    """A floor that does not read ends a pull and a purge, and is a finding."""
    day = _floor_day(world)
    purge_before(world, day)
    world.layout.floor.write_text('{"version": 1, "athletes": {"7": {}}}')
    with pytest.raises(CorruptData, match="is not as it was written"):
        purge_before(world, day)
    run = world.run(Steps(pull=PullOptions()))
    assert run is not None
    assert isinstance(run.error, CorruptData)
    assert "is not as it was written" in " ".join(findings(world))


def test_a_damaged_journal_is_not_rewritten(world: World) -> None:
    """A journal that does not read ends the purge before anything is changed."""
    (path, *_) = world.layout.journals("activities").values()
    damaged = path.read_bytes()[:-12]
    path.write_bytes(damaged)
    with pytest.raises(CorruptData):
        purge_before(world, _floor_day(world))
    assert not world.layout.floor.exists()
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("stride", [31, pytest.param(4, marks=pytest.mark.slow)])
def test_restored_anywhere_killed_is_empty_or_whole(world: World, stride: int) -> None:
    """Killed at any of these file operations, bronze is not there or whole; the same command goes on."""
    wanted = content(world)
    bronze = _bytes_of_bronze(world)
    backup = back_up_world(world, world.folder / "backup.tar")
    for number in range(1, 1_000, stride):
        world.lose("")
        killed = not restore_world(world, backup, kill_at=number)
        if killed:
            assert _bytes_of_bronze(world) in {b"", bronze}, number
            assert restore_world(world, backup)
        assert content(world) == wanted
        assert _bytes_of_bronze(world) == bronze
        assert findings(world) == []
        if not killed:
            assert number > 30
            break
    run = flow(world, mode="default")
    assert not run.stages[0]["full"]
    assert content(world) == wanted


@pytest.mark.slow
def test_data_of_two_lives_are_not_mixed(world: World) -> None:
    """A folder that holds other data, or views of one's own, is refused with the name of what is there."""
    backup = back_up_world(world, world.folder / "backup.tar")
    world.create(DAY / 2)
    flow(world)
    with pytest.raises(UsageError, match="The data folder is not empty"):
        restore_world(world, backup)
    world.lose("")
    world.layout.user_sql.mkdir(parents=True)
    (world.layout.user_sql / "mine.sql").write_text("create or replace view mine as select 1 as one")
    with pytest.raises(UsageError, match=r"mine\.sql"):
        restore_world(world, backup)


@pytest.mark.slow
def test_forgotten_anywhere_killed(world: World) -> None:
    """Killed before every second file operation, the same command goes on until nothing names the athlete."""
    backup = back_up_world(world, world.folder / "backup.tar")
    for number in range(1, 1_000, 2):
        _bring_back(world, backup)
        killed = not forget_in_world(world, kill_at=number)
        if killed:
            assert forget_in_world(world)
        data = world.layout.data_dir
        named = [path for path in data.rglob("*") if str(world.athlete.id) in path.name or _names(path, world)]
        assert named == [], number
        assert not world.layout.warehouse.exists()
        if not killed:
            assert number > 10
            break
    flow(world)
    assert len(table(world)) == len(world.strava.simulator.ids())


def _names(path: Path, world: World) -> bool:
    return path.is_file() and str(world.athlete.id).encode() in path.read_bytes()

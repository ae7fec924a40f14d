"""Whatever happens to a history around purges: nothing from below the floor comes back, and nothing else goes."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.test_property_sync import AGES, PICKS, REMOTE, Changes, apply
from tests.support.care import day_of, findings, purge_before
from tests.support.sync_checks import ALWAYS, Watch, as_row, check_all, content, table
from tests.support.sync_world import DAY, World, new_world

from strava_stats.flow import PullOptions, Steps
from strava_stats.lake.floor import read_floors
from strava_stats.sync.plan import EnrichOptions, Mode

FLOORS = (1, 19, 39, 41, 399, 401, 2_000, 4_000)
"""Days before now."""
CHANGES = st.lists(st.tuples(st.sampled_from([one for one in REMOTE if one != "hide"]), PICKS, PICKS), max_size=5)
MODES: st.SearchStrategy[Mode] = st.sampled_from(["default", "lite", "all"])
CHAPTERS = st.lists(
    st.tuples(CHANGES, st.sampled_from([0, 0, *FLOORS]), st.sampled_from([0, 0, 5, 17, 29, 37, 44, 55, 70]), MODES),
    min_size=1,
    max_size=5,
)
Chapters = list[tuple[Changes, int, int, Mode]]


def starts(world: World) -> dict[int, float]:
    """Live rows: id → start, epoch seconds."""
    return dict(world.rows("select id, epoch(start_date) from activities"))


def floor_of(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()


def play(world: World, chapters: Chapters) -> None:
    """Changes at Strava, perhaps a purge (killed or not), a flow; then a sweep of a Strava that stands still."""
    watch = Watch(world)
    day = date.min
    for changes, age, kill_at, mode in chapters:
        for change in changes:
            apply(world, *change)
        if age:
            wanted = day_of(world.strava.clock.now().timestamp() - age * DAY)
            done = purge_before(world, wanted, kill_at=kill_at)
            # Killed before the floor was durable, a purge has never been.
            day = max((floor.day for floor in read_floors(world.layout).values()), default=day)
            if done is not None:
                assert day >= wanted
                assert [one for one, start in starts(world).items() if start < floor_of(day)] == []
                if world.layout.warehouse.exists():
                    check_all(world)
        before = set(starts(world))
        watch.run(
            Steps(
                pull=PullOptions(mode=mode, per_page=world.per_page),
                compact=True,
                enrich=EnrichOptions(since_days=30, all_missing=True, only_changed=True),
            )
        )
        below = {one for one, start in starts(world).items() if day > date.min and start < floor_of(day)}
        assert below <= before, "something from below the floor came in"
    _settle(world, watch, day)


def _settle(world: World, watch: Watch, day: date) -> None:
    for one in world.strava.simulator.ids():
        world.strava.simulator.poison(one, poisoned=False)
    world.advance(8 * DAY)
    assert purge_before(world, day) is not None
    before = _of_activities(world)
    watch.run(Steps(compact=True, rebuild=True))
    assert _of_activities(world) == before
    sweep = Steps(
        pull=PullOptions(mode="all", per_page=world.per_page, allow_mass_delete=True),
        compact=True,
        enrich=EnrichOptions(since_days=ALWAYS, only_changed=True, retry_quarantined=True),
    )
    for _ in range(2):
        run = watch.run(sweep)
        assert run is not None
        assert run.error is None, run.error
    assert purge_before(world, day) is not None  # of what was moved below the floor the sweep has brought details
    wanted = {one: as_row(world.summary(one)) for one in world.listed_ids()}
    floor = f"{day:%Y-%m-%d}T00:00:00Z" if day > date.min else ""
    assert table(world) == {one: row for one, row in wanted.items() if row[-2] >= floor}
    incremental = content(world)
    watch.run(Steps(compact=True, rebuild=True))
    assert content(world) == incremental
    assert findings(world) == []


def _of_activities(world: World) -> dict[str, str]:
    return {name: found for name, found in content(world).items() if name not in {"athletes", "gear"}}


def tell(ages: list[int], chapters: Chapters) -> None:
    folder = Path(tempfile.mkdtemp(prefix="purge-"))
    try:
        number_apart = [age + number for number, age in enumerate(ages)]
        play(new_world(folder, number_apart, per_page=4, sport_type="Workout", distance=0.0), chapters)
    finally:
        shutil.rmtree(folder)


@pytest.mark.slow
@settings(max_examples=2, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(ages=st.lists(st.sampled_from(AGES), min_size=4, max_size=14), chapters=CHAPTERS)
def test_purges_in_any_story(ages: list[int], chapters: Chapters) -> None:
    """Purges, kills of them, edits, deletions and sweeps in any order end in what Strava lists above the floor."""
    tell(ages, chapters)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, database=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(ages=st.lists(st.sampled_from(AGES), min_size=4, max_size=14), chapters=CHAPTERS)
def test_purges_in_many_stories(ages: list[int], chapters: Chapters) -> None:
    """The same in more and other stories each time."""
    tell(ages, chapters)

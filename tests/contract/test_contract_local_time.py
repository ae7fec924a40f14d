"""Local time of what only an archive knows: the file's own stamp, else its place, else a neighbour, else TZ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.archives import archive, gpx
from tests.support.device_files import ride
from tests.support.import_world import bring, flow, row, same_when_rebuilt
from tests.support.sync_world import HOUR, World, new_world

from strava_stats.flow import Steps, run_steps, writing
from strava_stats.sync.compact import Calendar

pytestmark = pytest.mark.slow

FIT_EPOCH = datetime(1989, 12, 31, tzinfo=UTC)
SHOWN = (
    "select utc_offset_source, utc_offset, start_date_local, regexp_extract(timezone, '\\) (.+)$', 1) from activities"
)


def placed(folder: Path, start: datetime, lat: float, lng: float) -> tuple[Any, ...]:
    """What is shown of an activity that began there and then."""
    world = new_world(folder)
    files = {"activities/1.gpx": gpx(start, 5, lat, lng)}
    bring(world, archive(folder / "a.zip", [{"id": 1, "start": start, "file": "activities/1.gpx"}], files))
    (found,) = world.rows(SHOWN)
    same_when_rebuilt(world)
    return found


def with_zone(world: World, zone: str) -> None:
    """A compaction under another TZ."""
    services = world.services(Steps(compact=True))
    object.__setattr__(services, "calendar", Calendar("monday", zone))
    with writing(services, "compact"):
        run = run_steps(services, "compact", None, Steps(compact=True))
    assert run.error is None, run.error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lat", "lng", "hours", "zone"),
    [
        (52.5, 13.4, 2, "Europe/Berlin"),
        (27.7, 85.3, 5.75, "Asia/Kathmandu"),
        (-13.83, -171.76, 13, "Pacific/Apia"),  # west of the date line in degrees, east of it by the clock
        (-14.28, -170.7, -11, "Pacific/Pago_Pago"),
        (-17.8, 179.99999, 12, "Pacific/Fiji"),
        (30.0, -40.0, -3, "Etc/GMT+3"),
        (0.0, -180.0, 12, None),
        (0.0, 180.0, 12, None),
        (90.0, 0.0, None, None),
    ],
)
def test_the_zone_of_the_first_point(
    tmp_path: Path, lat: float, lng: float, hours: float | None, zone: str | None
) -> None:
    """On land, at sea and on either side of the date line."""
    start = datetime(2025, 7, 1, 6, tzinfo=UTC)
    source, offset, local, name = placed(tmp_path, start, lat, lng)
    assert source == "place"
    assert local == start.replace(tzinfo=None) + timedelta(seconds=offset)
    if zone is not None:
        assert (offset, name) == (hours * 3600 if hours else 0, zone)
    elif hours is not None:
        assert abs(offset) == hours * 3600


@pytest.mark.parametrize(("month", "offset"), [(1, 3600), (7, 7200)])
def test_a_place_in_winter_and_in_summer(tmp_path: Path, month: int, offset: int) -> None:
    """The offset is that of the day, the zone the same."""
    start = datetime(2025, month, 1, 12, tzinfo=UTC)
    assert placed(tmp_path, start, 52.5, 13.4)[1] == offset


def test_the_stamp_of_the_file(tmp_path: Path) -> None:
    """A FIT file's own local time comes before its place, which lies elsewhere."""
    world = new_world(tmp_path)
    start = FIT_EPOCH + timedelta(seconds=1_000_000_000)
    files = {"activities/1.fit": ride().whole()}
    bring(world, archive(tmp_path / "a.zip", [{"id": 1, "start": start, "file": "activities/1.fit"}], files))
    ((source, offset, local, _),) = world.rows(SHOWN)
    assert (source, offset) == ("file", 3600)
    assert local == start.replace(tzinfo=None) + timedelta(hours=1)
    same_when_rebuilt(world)


def test_a_neighbour_across_the_change_of_clocks(tmp_path: Path) -> None:
    """Its zone counts, not its offset; the nearest one does; beyond thirty days none does."""
    world = new_world(tmp_path)
    before, after = datetime(2025, 3, 29, 12, tzinfo=UTC), datetime(2025, 3, 31, 12, tzinfo=UTC)
    rows = [
        {"id": 1, "start": before, "file": "activities/1.gpx"},
        {"id": 2, "start": after},
        {"id": 3, "start": before - timedelta(days=31)},
        {"id": 4, "start": before - timedelta(days=30)},
    ]
    bring(world, archive(tmp_path / "a.zip", rows, {"activities/1.gpx": gpx(before, 5)}))
    found = {one: rest for one, *rest in world.rows(SHOWN.replace("select", "select id,"))}
    assert found[2][:2] == ["neighbour", 7200]
    assert found[4][:2] == ["neighbour", 3600]
    assert found[3][0] == "setting"
    same_when_rebuilt(world)


def test_a_neighbour_that_the_api_knows(tmp_path: Path) -> None:
    """Whether it was listed before the import or comes after it; and one that goes is none any more."""
    world = new_world(tmp_path, [HOUR], sport_type="Run", distance=1_000.0)
    simulator = world.strava.simulator
    (one,) = simulator.ids()
    simulator.edit(one, timezone="(GMT+05:30) Asia/Kolkata", utc_offset=19_800.0)
    start = datetime.fromtimestamp(simulator.now() - 10 * HOUR, UTC)
    bring(world, archive(tmp_path / "a.zip", [{"id": 7, "start": start}, row(world, one)]))
    shown = f"{SHOWN} where id = 7"
    assert world.rows(shown)[0][0] == "setting"
    run = world.run(Steps(compact=True))
    assert run is not None
    world.grant(("read", "activity:read"))  # under which what only the archive has is not asked for
    flow(world)
    assert world.rows(shown)[0][:2] == ("neighbour", 19_800)
    same_when_rebuilt(world)
    simulator.delete(one)
    flow(world)
    assert world.rows(shown)[0][0] == "setting"
    same_when_rebuilt(world)


def test_another_setting(tmp_path: Path) -> None:
    """A change of TZ publishes anew, and moves what nothing else told, also to another week; not the rest."""
    world = new_world(tmp_path)
    start = datetime(2025, 7, 1, 20, tzinfo=UTC)
    rows = [
        {"id": 1, "start": start},
        {"id": 2, "start": start - timedelta(days=90), "file": "activities/2.gpx"},
    ]
    files = {"activities/2.gpx": gpx(start - timedelta(days=90), 5)}
    bring(world, archive(tmp_path / "a.zip", rows, files))
    query = "select id, utc_offset, day(start_date_local) from activities order by id"
    assert world.rows(query) == [(1, 3600, 1), (2, 7200, 2)]
    with_zone(world, "Asia/Tokyo")
    assert world.rows(query) == [(1, 32_400, 2), (2, 7200, 2)]
    run = world.run(Steps(compact=True, rebuild=True))
    assert run is not None
    assert world.rows(query) == [(1, 3600, 1), (2, 7200, 2)]

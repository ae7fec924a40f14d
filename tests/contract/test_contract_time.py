"""Odd clocks, calendars and dates: after a flow the warehouse has what Strava lists, and the next flow has no work."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.support.in_process_flow import DETAIL, LIST, Household, backfill, household, nightly

from strava_stats.flow import PullOptions, Steps
from strava_stats.sync.compact import Calendar
from strava_stats.sync.plan import EnrichOptions

UNLIMITED: dict[str, Any] = {"overall": (100_000, 1_000_000), "read": (100_000, 1_000_000)}
LONDON, NEW_YORK = "Europe/London", "America/New_York"
CLOCK_CHANGES = [
    (LONDON, date(2026, 3, 29)),
    (LONDON, date(2026, 10, 25)),
    (NEW_YORK, date(2026, 3, 8)),
    (NEW_YORK, date(2026, 11, 1)),
]


def home_with_one(folder: Path, **options: Any) -> Household:
    """An athlete with one old activity."""
    until = datetime(2026, 1, 1, tzinfo=UTC)
    return household(folder, **{"activities": 1, "years": 0.1, "until": until, **UNLIMITED, **options})


def upload(home: Household, local: datetime, zone: str) -> int:
    """An activity that starts at this local time; the label shows the zone's standard offset, as Strava's does."""
    start = local.replace(tzinfo=ZoneInfo(zone))
    offset = start.utcoffset()
    assert offset is not None
    return home.strava.simulator.create(
        start=int(start.timestamp()), utc_offset=offset.total_seconds(), timezone=f"(GMT+00:00) {zone}"
    )


def converge(home: Household, steps: Steps, listings: int = 2) -> None:
    """What Strava lists is in the warehouse; a flow after it takes no more than these calls, and changes nothing."""
    assert home.run(steps).status == "ok"
    assert home.stored() == home.listed()
    asked = home.calls()
    assert home.run(nightly(only_changed=True, per_page=steps.pull.per_page if steps.pull else 200)).status == "ok"
    assert home.calls() - asked == {LIST: listings}
    assert home.stored() == home.listed()
    assert set(home.strava.statuses()) == {200}


def days_only(first: date, last: date) -> Steps:
    """What `flow --from … --to …` does."""
    return Steps(PullOptions(), compact=True, enrich=EnrichOptions(21, from_day=first, to_day=last, only_changed=True))


def monday_of(day: date) -> date:
    year, week, _ = day.isocalendar()
    return date.fromisocalendar(year, week, 1)


def rollup(home: Household, view: str, period: str) -> Counter[date]:
    """Activities by period."""
    return Counter(dict(home.rows(f"select {period}, sum(activities)::int from {view} group by all")))  # noqa: S608


def local_days(home: Household) -> Counter[date]:
    """How many activities Strava has on each local day."""
    rows = home.strava.simulator.world.default.rows(home.strava.simulator.now())
    return Counter(date.fromisoformat(row["start_date_local"][:10]) for row in rows)


@pytest.mark.parametrize(("zone", "day"), CLOCK_CHANGES)
def test_the_day_on_which_the_clocks_change(tmp_path: Path, zone: str, day: date) -> None:
    """It is 23 or 25 hours long: `--from` and `--to` take all of it and nothing else, and so does the week."""
    home = home_with_one(tmp_path)
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a local time
    one_day = timedelta(days=1)
    before, after = upload(home, midnight - timedelta(seconds=1), zone), upload(home, midnight + one_day, zone)
    minutes = [0, 30, 59, 60, 90, 119, 180, 1_439]
    inside = {upload(home, midnight + timedelta(minutes=one), zone) for one in minutes}
    inside |= {upload(home, (midnight + timedelta(minutes=one)).replace(fold=1), zone) for one in (61, 91)}
    converge(home, days_only(day, day))
    assert set(home.details()) == inside
    for one, local in ((before, day - one_day), (after, day + one_day)):
        assert home.rows("select start_date_local::date from activities where id = ?", one) == [(local,)]
    weeks = rollup(home, "gold_weekly", "week")
    assert (weeks[day - 6 * one_day], weeks[day + one_day]) == (11, 1)
    home.calendar = Calendar("sunday", LONDON)
    home.run(nightly(only_changed=True))
    weeks = rollup(home, "gold_weekly", "week")
    assert (weeks[day - 7 * one_day], weeks[day]) == (1, 11)


def test_leap_day(tmp_path: Path) -> None:
    """29 February is a day of February, far from UTC too."""
    home = home_with_one(tmp_path)
    leap_day = datetime(2024, 2, 29)  # noqa: DTZ001 - a local time
    second, day = timedelta(seconds=1), timedelta(days=1)
    inside = {upload(home, leap_day, "Asia/Tokyo"), upload(home, leap_day + day - second, "Asia/Tokyo")}
    upload(home, leap_day - second, "Asia/Tokyo")
    upload(home, leap_day + day, "Asia/Tokyo")
    converge(home, days_only(leap_day.date(), leap_day.date()))
    assert set(home.details()) == inside
    months = rollup(home, "gold_monthly", "month")
    assert (months[date(2024, 2, 1)], months[date(2024, 3, 1)]) == (3, 1)


def test_the_end_of_the_year(tmp_path: Path) -> None:
    """A week belongs to its Monday, also where that lies in the year before; a month never mixes years."""
    home = home_with_one(tmp_path)
    for year in (2019, 2020, 2021, 2024, 2025):
        eve = datetime(year, 12, 31, 23, 59, 59)  # noqa: DTZ001 - a local time
        for days in range(-9, 10):
            upload(home, eve + timedelta(days=days), NEW_YORK)
        upload(home, eve + timedelta(seconds=1), NEW_YORK)
    converge(home, nightly(only_changed=True))
    weeks: Counter[date] = Counter()
    months: Counter[date] = Counter()
    for day, count in local_days(home).items():
        weeks[monday_of(day)] += count
        months[day.replace(day=1)] += count
    assert rollup(home, "gold_weekly", "week") == weeks
    assert rollup(home, "gold_monthly", "month") == months


def test_an_athlete_who_crosses_zones(tmp_path: Path) -> None:
    """The local day counts, whichever day UTC has: one instant is June in Honolulu and July on Kiritimati."""
    home = home_with_one(tmp_path)
    june, july = date(2026, 6, 30), date(2026, 7, 1)
    utc = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)
    local_days: dict[int, date] = {}
    for zone in ("Pacific/Honolulu", "Pacific/Kiritimati", "Pacific/Auckland", "Asia/Kathmandu", "UTC"):
        for hours in (-14, 0, 10):
            local = (utc + timedelta(hours=hours)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            local_days[upload(home, local, zone)] = local.date()
    converge(home, days_only(june, june))
    assert set(home.details()) == {one for one, day in local_days.items() if day == june}
    home.forget_calls()
    converge(home, days_only(july, july))
    assert set(home.details()) == {one for one, day in local_days.items() if day == july}
    months = rollup(home, "gold_monthly", "month")
    assert months[july] == sum(day >= july for day in local_days.values())


@pytest.mark.parametrize("bounds", ["exclusive", "inclusive"])
def test_hidden_starts(tmp_path: Path, bounds: str) -> None:
    """Starts hidden as 00:00:01 share a second a day, more than a page of them too; none is lost."""
    home = home_with_one(tmp_path)
    home.strava.simulator.modes.bounds = bounds  # type: ignore[assignment]
    for number in range(6):
        for _ in range(5 if number == 3 else 2):
            start = f"2026-11-{15 + number}T00:00:01Z"
            home.strava.simulator.create(start_date=start, start_date_local=start, name=f"Hidden {number}")
    assert home.run(nightly(only_changed=True, per_page=4)).status == "ok"
    assert home.stored() == home.listed()
    day = date(2026, 11, 18)
    home.forget_calls()
    home.run(Steps(enrich=EnrichOptions(21, from_day=day, to_day=day)))
    assert len(home.details()) == 5


@pytest.mark.slow
@pytest.mark.parametrize("bounds", ["exclusive", "inclusive"])
@pytest.mark.parametrize("before_and_after", [0, 7])
def test_more_in_one_second_than_a_page_holds(tmp_path: Path, bounds: str, before_and_after: int) -> None:
    """A second that fills pages is gone through by page number, and costs no more calls the next time."""
    home = home_with_one(tmp_path)
    home.strava.simulator.modes.bounds = bounds  # type: ignore[assignment]
    start = int(home.strava.simulator.now()) - 5 * 86_400
    for number in range(-before_and_after, before_and_after + 1):
        home.strava.simulator.create(start=start + number)
    for _ in range(22):
        home.strava.simulator.create(start=start)
    steps = nightly(only_changed=True, per_page=5)
    assert home.run(steps).status == "ok"
    assert home.stored() == home.listed()
    first = home.calls()
    assert set(home.details()) == {one for one, moment, _ in home.listed() if moment.timestamp() >= start - 60}
    assert home.run(steps).status == "ok"
    assert home.calls() - first == {LIST: home.calls()[LIST] - first[LIST]}
    assert home.calls()[LIST] <= 2 * first[LIST]
    assert first[LIST] <= 2 * len(home.listed()) / 5 + 3


def test_ids_out_of_the_order_of_dates(tmp_path: Path) -> None:
    """Ids tell when something was uploaded, not when it was done: details come newest start first."""
    home = home_with_one(tmp_path)
    starts = [int(home.strava.simulator.now()) - 86_400 * days for days in range(5, 45)]
    random.Random(4).shuffle(starts)  # noqa: S311 - seeded
    for start in starts:
        home.strava.simulator.create(start=start)
    assert home.run(backfill(per_page=10)).status == "ok"
    assert home.stored() == home.listed()
    by_start = sorted(home.listed(), key=lambda row: row[1], reverse=True)
    assert home.details() == [one for one, *_ in by_start]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["default", "lite"])
def test_activities_from_the_future(tmp_path: Path, mode: Any) -> None:
    """A device with a wrong clock: they and their details come, the watermark stays behind, nothing is a 400."""
    home = home_with_one(tmp_path)
    simulator = home.strava.simulator
    steps = Steps(PullOptions(mode), compact=True, enrich=EnrichOptions(21, only_changed=True))
    home.run(steps)
    now = int(simulator.now())
    ahead = {simulator.create(start=now + seconds) for seconds in (300, 30 * 86_400, 3_650 * 86_400)}
    for _ in range(2):
        new = simulator.create(start=int(simulator.now()) - 3_600)
        converge(home, steps)
        assert new in home.details()
        home.strava.clock.advance(86_400)
    assert ahead <= set(home.details())
    assert max(Counter(home.details()).values()) == 1


def test_activities_of_1970(tmp_path: Path) -> None:
    """A device that lost its clock dates from the first days of 1970; a sweep brings those too."""
    home = home_with_one(tmp_path)
    for start in (1, 3_600, 86_400, 86_400 * 364):
        home.strava.simulator.create(start=start, name=f"At {start}")
    converge(home, backfill())
    assert home.rows("select count(*) from activities where start_date < timestamptz '1971-01-01 00:00:00Z'") == [(4,)]
    assert home.calls()[DETAIL] == 5


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [-600, 7, 600])
def test_a_clock_that_is_ten_minutes_off(tmp_path: Path, seconds: int) -> None:
    """Quarter hours are Strava's: used to the last call, none refused, each wait ends right after Strava's reset."""
    home = home_with_one(tmp_path, activities=50, years=1, overall=(40, 1_000), read=(20, 500))
    home.strava.clock.advance(120)
    home.strava.simulator.advance(seconds)
    home.strava.authorise()
    home.forget_calls()
    assert home.run(backfill()).status == "ok"
    assert home.stored() == home.listed()
    moments = [call["t"] for call in home.strava.simulator.calls if "/oauth/" not in call["path"]]
    by_quarter = Counter(int(moment // 900) for moment in moments)
    *full, _ = by_quarter.values()
    assert set(full) == {20}
    assert sorted(by_quarter) == list(range(min(by_quarter), max(by_quarter) + 1))
    first_ones = [min(one for one in moments if one // 900 == quarter) % 900 for quarter in sorted(by_quarter)[1:]]
    assert all(0 < moment <= 6 for moment in first_ones)
    assert set(home.strava.statuses()) == {200}

"""What a run costs in calls and in time: a backfill over days of restarts, and a night."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.clock import VirtualClock
from tests.support.in_process_flow import ATHLETE, DETAIL, GEAR, LIST, Household, backfill, household, nightly

QUARTER = timedelta(minutes=15)
SETTLED = timedelta(days=5)
"""Kudos of simulated activities grow for three days; the newest ones are older than that."""
UNLIMITED = {"overall": (100_000, 1_000_000), "read": (100_000, 1_000_000)}
BACK = 21


def earliest_end(start: datetime, calls: int, per_quarter: int, per_day: int) -> datetime:
    """When the last of so many calls can be made, beginning with fresh windows and at least a day's worth of them."""
    days, before_it = divmod(calls - 1, per_day)
    midnight = start.replace(hour=0, minute=0)
    return (midnight + timedelta(days=days) if days else start) + before_it // per_quarter * QUARTER


def long_history(folder: Path, activities: int, per_quarter: int, per_day: int) -> Household:
    """An athlete with an activity every nine hours, whose details are short."""
    home = household(folder, activities=1, overall=(2 * per_quarter, 2 * per_day), read=(per_quarter, per_day))
    newest = home.strava.clock.now() - SETTLED
    for number in range(activities - 1):
        home.strava.simulator.create(start=int((newest - timedelta(hours=9 * number)).timestamp()))
    return home


@pytest.mark.parametrize(
    ("activities", "per_quarter", "per_day"),
    [(90, 20, 40), pytest.param(5_000, 100, 1_000, marks=pytest.mark.slow)],
)
def test_a_backfill_takes_the_arithmetic_minimum(
    tmp_path: Path, activities: int, per_quarter: int, per_day: int
) -> None:
    """Over days of restarts: each day used up, no 429, newest first, nothing fetched twice, no quarter hour lost."""
    home = long_history(tmp_path, activities, per_quarter, per_day)
    clock = home.strava.clock
    start, newest_first = clock.now(), home.strava.simulator.ids()[::-1]
    runs = 1
    while (run := home.run(backfill())).status == "partial":
        assert run.error is None
        assert run.calls == per_day
        assert home.rows("select count(*) from activity_details") == [(len(home.details()),)]
        clock.set(clock.now().replace(hour=0, minute=0, second=2) + timedelta(days=1))
        runs += 1
    assert run.status == "ok"
    assert runs == math.ceil(home.calls().total() / per_day)
    assert home.details() == newest_first
    assert home.rows("select count(*) from activity_details") == [(activities,)]
    assert set(home.strava.statuses()) == {200}
    end = earliest_end(start, home.calls().total(), per_quarter, per_day)
    assert end <= clock.now() <= end + QUARTER


def test_a_backfill_is_usable_while_it_waits(tmp_path: Path) -> None:
    """At each wait what was fetched so far is in the published warehouse."""
    home = long_history(tmp_path, activities=30, per_quarter=12, per_day=1_000)
    published: list[tuple[int, int]] = []
    sleep = home.strava.clock.sleep

    def look_and_sleep(seconds: float) -> None:
        ((count,),) = home.rows("select count(*) from activity_details")
        published.append((count, len(home.details())))
        sleep(seconds)

    home.strava.clock.sleep = look_and_sleep  # type: ignore[method-assign]
    assert home.run(backfill()).status == "ok"
    assert published
    assert all(count == fetched for count, fetched in published)


@dataclass(frozen=True)
class Night:
    """What happened since the night before."""

    history: int
    new: int = 0
    edited: int = 0
    per_page: int = 200

    def prepare(self, folder: Path) -> Household:
        """A home after its first flow, and then the changes."""
        until = VirtualClock().now() - SETTLED
        home = household(folder, activities=self.history, years=self.history / 200, until=until, **UNLIMITED)
        assert home.run(nightly(per_page=self.per_page)).status == "ok"
        home.strava.clock.advance(86_400)
        home.forget_calls()
        simulator = home.strava.simulator
        for one in simulator.ids()[::-1][: self.edited]:
            simulator.edit(one, name="Edited")
        for number in range(self.new):
            simulator.create(start=int(simulator.now()) - 3_600 * (number + 1))
        return home


def listed_since(home: Household, moment: datetime) -> int:
    return sum(start >= moment for _, start, _ in home.listed())


def pages(activities: int, per_page: int) -> int:
    """Pages that overlap by one in twenty."""
    return 1 + math.ceil(max(0, activities - per_page) / (per_page * 0.95)) if activities else 0


NIGHTS = [
    Night(60),
    Night(400, new=3, edited=2),
    Night(400, new=30, per_page=10),
    Night(400, new=5, edited=5, per_page=5),
]


@pytest.mark.parametrize("night", NIGHTS, ids=str)
def test_a_night_costs_its_pages_and_its_details(tmp_path: Path, night: Night) -> None:
    """Pages of the look-back and the empty one, and a detail each of what is new or edited, or of the whole window.

    A last page that is full takes another one to see that nothing is behind it.
    """
    home = night.prepare(tmp_path)
    clock = home.strava.clock
    for only_changed in (True, False):
        ((watermark,),) = home.rows("select max(start_date) from activities")
        looked_at = listed_since(home, watermark - timedelta(days=BACK))
        window = listed_since(home, clock.now() - timedelta(days=BACK))
        assert home.run(nightly(per_page=night.per_page, only_changed=only_changed)).status == "ok"
        calls = home.calls()
        is_full = looked_at >= night.per_page
        assert 0 <= calls[LIST] - pages(looked_at, night.per_page) <= 1 + is_full
        assert calls[DETAIL] == (night.new + night.edited if only_changed else window)
        assert calls[ATHLETE] == calls[GEAR] == 0
        assert home.stored() == home.listed()
        assert set(home.strava.statuses()) == {200}
        home.forget_calls()
    home.run(nightly(per_page=night.per_page, only_changed=True))
    assert home.calls().keys() == {LIST}


def test_a_broken_activity_costs_its_retries_beside(tmp_path: Path) -> None:
    """While it waits in quarantine it is not asked for; when it is due, twice, because a 500 may pass."""
    home = Night(60, new=2).prepare(tmp_path)
    broken = home.strava.simulator.ids()[-1]
    home.strava.simulator.poison(broken)
    home.run(nightly(only_changed=True))
    assert home.calls()[DETAIL] == 1 + 2
    home.forget_calls()
    home.run(nightly(only_changed=True))
    assert home.calls()[DETAIL] == 0
    home.strava.clock.advance(86_400)
    home.run(nightly(only_changed=True))
    assert home.calls()[DETAIL] == 2


def test_athlete_and_gear_once_a_week(tmp_path: Path) -> None:
    """The profile is asked for once a week, known gear never again; the weekly sweep costs the pages of all."""
    home = Night(400).prepare(tmp_path)
    home.strava.clock.advance(6 * 86_400)
    home.run(nightly(only_changed=True))
    calls = home.calls()
    assert (calls[ATHLETE], calls[GEAR], calls[DETAIL]) == (1, 0, 0)
    assert calls[LIST] <= pages(400, 200) + 2
    home.strava.clock.advance(86_400)
    home.run(nightly(only_changed=True))
    assert home.calls()[ATHLETE] == 1

"""A pull against every way in which Strava may order, bound and cut its pages."""
# ruff: noqa: S608 - the ids in the queries are the test's own

from __future__ import annotations

import gzip
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support.in_process import Connection, connection

from strava_stats.errors import ApplicationInactive, StravaStatsError
from strava_stats.flow import PullOptions, Services, Steps, run_steps, writing
from strava_stats.lake.layout import Layout
from strava_stats.narration import Silent
from strava_stats.sync.compact import Calendar
from strava_stats.sync.plan import Mode
from strava_stats.sync.state import State

UNLIMITED = {"overall": (10**6, 10**7), "read": (10**6, 10**7)}
DAY = 86_400


def connected(folder: Path, **options: Any) -> Connection:
    strava = connection(folder, **UNLIMITED, **options)
    strava.authorise()
    strava.simulator.calls.clear()
    return strava


@dataclass(frozen=True)
class Listed:
    """What a pull did: its stage, the ids its journal noted, and its error."""

    stage: dict[str, Any]
    error: StravaStatsError | None
    ids: set[int]


def pull(
    strava: Connection, mode: Mode = "default", per_page: int = 10, days: int = 21, *, load: bool = True
) -> Listed:
    layout = Layout(strava.folder / "data")
    services = Services(
        layout=layout,
        state=State(layout.state),
        clock=strava.clock,
        narrator=Silent(),
        calendar=Calendar("monday", "Europe/London"),
        client_for=lambda token, _: strava.client(token.athlete_id),
        keeper_for=strava.keeper,
    )
    steps = Steps(pull=PullOptions(mode=mode, days=days, per_page=per_page), compact=load)
    token = strava.store.load()[strava.simulator.world.default.id]
    with writing(services, "pull") as done_before:
        run = run_steps(services, "pull", token, steps, done_before)
    lines = [
        json.loads(line)
        for line in gzip.decompress(layout.journals("activities")[run.run_id].read_bytes()).splitlines()
    ]
    return Listed(run.stages[0], run.error, set(lines[-1]["ids"]))


def rows(strava: Connection, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(Layout(strava.folder / "data").warehouse, read_only=True) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        return warehouse.execute(query).fetchall()


def stored(strava: Connection) -> set[int]:
    return {row[0] for row in rows(strava, "select id from activities")}


@pytest.mark.parametrize(
    ("bounds", "short", "per_page"),
    [
        (bounds, short, per_page)
        for bounds, short, per_page in itertools.product(["exclusive", "inclusive"], [0, 3], [1, 3, 10, 200])
        if per_page > 1 or not short  # a page that is filtered to nothing cannot be told from the end
    ],
)
def test_every_page_rule(tmp_path: Path, bounds: str, short: int, per_page: int) -> None:
    """Whether bounds are inclusive and pages short, everything that is shown is listed, and the end is believed."""
    strava = connected(tmp_path, activities=25)
    strava.simulator.modes.bounds = bounds  # type: ignore[assignment]
    strava.simulator.modes.short_pages = short
    shown = {one for one in strava.simulator.ids() if not short or one % short}
    result = pull(strava, per_page=per_page, load=False)
    assert result.stage["complete"]
    assert result.ids == shown
    assert len(strava.statuses()) <= len(strava.simulator.ids()) // per_page * 2 + 3


@example(seconds=[2, 3, 3, 3, 3, 3], per_page=2, inclusive=True)
@example(seconds=[1] * 30, per_page=7, inclusive=False)
@given(
    seconds=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    per_page=st.integers(1, 12),
    inclusive=st.booleans(),
)
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_activities_in_the_same_second(
    tmp_path_factory: pytest.TempPathFactory, seconds: list[int], per_page: int, inclusive: bool
) -> None:
    """However many activities share a second, none is skipped."""
    strava = connected(tmp_path_factory.mktemp("second"), activities=3)
    strava.simulator.modes.bounds = "inclusive" if inclusive else "exclusive"
    for offset in seconds:
        strava.simulator.create(start=strava.simulator.now() - 10 * DAY + offset)
    result = pull(strava, per_page=per_page, load=False)
    assert result.stage["complete"]
    assert result.ids == set(strava.simulator.ids())


def test_the_fewest_calls(tmp_path: Path) -> None:
    """A full listing costs its pages and the empty one; a look-back its page and the empty one."""
    strava = connected(tmp_path, activities=400, years=4)
    assert pull(strava, per_page=200).stage["complete"]
    assert len(strava.statuses()) <= 4
    strava.simulator.calls.clear()
    pull(strava, per_page=200)
    assert len(strava.statuses()) == 2


def test_the_look_back(tmp_path: Path) -> None:
    """After a sweep the next pull asks from the watermark minus the days; after a week it sweeps again."""
    strava = connected(tmp_path)
    pull(strava)
    strava.clock.advance(DAY)
    newest = max(row[0] for row in rows(strava, "select epoch(start_date)::bigint from activities"))
    strava.simulator.calls.clear()
    assert not pull(strava, days=5).stage["full"]
    assert {int(call["query"]["after"]) for call in strava.simulator.calls if "after" in call["query"]} == {
        newest - 5 * DAY - 1
    }
    strava.clock.advance(7 * DAY)
    assert pull(strava).stage["full"]


def test_a_listing_that_failed_moves_no_watermark(tmp_path: Path) -> None:
    """After a pull that broke off the next one asks for everything again."""
    strava = connected(tmp_path)
    strava.simulator.add_fault("status", status=403, path="/athlete/activities", skip=2, times=1)
    failed = pull(strava)
    assert isinstance(failed.error, ApplicationInactive)
    assert not failed.stage["complete"]
    strava.simulator.calls.clear()
    assert pull(strava).stage["full"]
    assert stored(strava) == set(strava.simulator.ids())


def test_a_repeated_page_does_not_go_on_for_ever(tmp_path: Path) -> None:
    """A server that answers every page with the same one ends the listing as incomplete."""
    strava = connected(tmp_path, activities=10)
    page = b"[" + b",".join(
        strava.simulator.world.default.summary(one, strava.simulator.now()) for one in strava.simulator.ids()[::-1]
    ) + b"]"  # fmt: skip
    strava.simulator.add_fault("body", path="/athlete/activities", body=page, times=None)
    result = pull(strava, per_page=10)
    assert (result.stage["complete"], result.stage["listed"]) == (False, 10)
    assert len(strava.statuses()) < 10


def test_times(tmp_path: Path) -> None:
    """start_date is an instant, start_date_local loses its false Z, utc_offset is the day's, not the label's."""
    strava = connected(tmp_path, activities=5)
    summer = strava.simulator.create(
        name="Summer in New York",
        start_date="2026-07-01T12:00:00Z",
        start_date_local="2026-07-01T08:00:00Z",
        timezone="(GMT-05:00) America/New_York",
        utc_offset=-14400.0,
    )
    hidden = strava.simulator.create(start_date="2026-07-02T00:00:01Z", timezone="(GMT+00:00) Factory", utc_offset=0.0)
    pull(strava)
    found = rows(
        strava,
        "select id, start_date::varchar, start_date_local::varchar, utc_offset, timezone, typeof(start_date), "
        f"typeof(start_date_local) from activities where id in ({summer}, {hidden}) order by start_date",
    )
    kinds = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP")
    assert found == [
        (summer, "2026-07-01 12:00:00+00", "2026-07-01 08:00:00", -14400, "(GMT-05:00) America/New_York", *kinds),
        (hidden, "2026-07-02 00:00:01+00", "2026-07-02 00:00:01", 0, "(GMT+00:00) Factory", *kinds),
    ]


def test_absent_keys_are_null(tmp_path: Path) -> None:
    """What Strava leaves out is NULL, an empty position too, and goes to no `extra`."""
    strava = connected(tmp_path, activities=3)
    bare = strava.simulator.create(name="Bare")
    pull(strava)
    ((extra, *values),) = rows(
        strava,
        "select extra, average_watts, average_heartrate, gear_id, start_lat, end_lng, suffer_score "
        f"from activities where id = {bare}",
    )
    assert values == [None] * 6
    assert extra is None


def test_flickering_counters_are_one_change(tmp_path: Path) -> None:
    """athlete_count that differs from listing to listing changes the row, and costs no more calls."""
    strava = connected(tmp_path, activities=20)
    strava.simulator.modes.athlete_count_flicker = True
    pull(strava, per_page=200)
    strava.simulator.calls.clear()
    pull(strava, per_page=200, mode="all")
    assert len(strava.statuses()) == 2
    assert stored(strava) == set(strava.simulator.ids())

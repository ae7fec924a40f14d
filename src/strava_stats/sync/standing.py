"""How things stand: freshness, backlog, quarantine, budget. Reads only what is on disk."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from strava_stats.lake.imports import read_imports
from strava_stats.lake.layout import Layout
from strava_stats.strava.budget_file import BudgetKeeper
from strava_stats.sync.state import State, parse_instant
from strava_stats.warehouse.query import Warehouse

COUNTS = """
select
    count(*),
    max(a.start_date) filter (a.start_date <= now()),
    count(*) filter (d.body_hash is null),
    max(d.fetched_at) filter (d.body_hash is not null)
from activities as a
left join activity_details as d on d.activity_id = a.id
where a.athlete_id = ?
"""
LAST_RUNS = """
select run_id, athlete_id, command, started_at, finished_at, status
from runs
where athlete_id = ? and command in ('pull', 'flow')
qualify row_number() over (partition by status = 'failed' order by run_id desc) = 1
order by run_id
"""


@dataclass(frozen=True)
class Standing:
    """One athlete's data, as of now."""

    athlete_id: int
    activities: int
    newest_activity: datetime | None
    details_missing: int
    newest_details: datetime | None
    last_success: datetime | None
    last_run: str | None
    last_sweep: datetime | None
    last_profile: datetime | None
    next_run: datetime | None
    quarantined: int
    calls_left_15min: int
    calls_left_today: int
    stale: list[str] = field(default_factory=list)
    last_import: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """For `--json` and the table."""
        return dict(self.__dict__)


def standing(
    layout: Layout,
    state: State,
    keeper: BudgetKeeper,
    now: datetime,
    *,
    athletes: Sequence[int],
    imported: Collection[int] = (),
    max_age: timedelta | None,
    next_run: datetime | None = None,
    expected_by: datetime | None = None,
) -> list[Standing]:
    """How the data of each athlete stands; `stale` says what is too old.

    That is what is older than `max_age`, or than the flow that was due `expected_by`. Of those `imported`, who have
    given no access to the API, nothing is expected.
    """
    pending = state.pending_runs()
    left_15min, left_day = keeper.remaining()
    last_imports = {one.athlete_id: one.imported_at for one in read_imports(layout)}
    found = []
    for athlete_id in athletes:
        counts, runs = _from_warehouse(layout, athlete_id)
        mine = {record["run_id"]: record for record in runs}
        # A pending record is the later word on its run: the file that a run published was written before its end.
        mine.update((record["run_id"], record) for record in pending if record.get("athlete_id") == athlete_id)
        pulls = [record for record in mine.values() if record.get("command") in {"pull", "flow"}]
        succeeded = [parse_instant(record["finished_at"]) for record in pulls if record["status"] != "failed"]
        last_success = max(filter(None, succeeded), default=None)
        remembered = state.listing(athlete_id)
        found.append(
            Standing(
                athlete_id,
                counts[0],
                counts[1],
                counts[2],
                counts[3],
                last_success,
                _last(pulls),
                remembered.swept_at,
                remembered.athlete_at,
                next_run,
                sum(record.get("athlete_id") == athlete_id for record in state.quarantine().values()),
                left_15min,
                left_day,
                [] if athlete_id in imported else _stale(athlete_id, last_success, now, max_age, expected_by),
                last_imports.get(athlete_id),
            )
        )
    return found


def _from_warehouse(
    layout: Layout, athlete_id: int
) -> tuple[tuple[int, datetime | None, int, datetime | None], list[dict[str, Any]]]:
    if not layout.warehouse.exists():
        return (0, None, 0, None), []
    with Warehouse(layout.warehouse) as warehouse:
        warehouse.require_current()
        count, newest, missing, fetched = warehouse.rows(COUNTS, [athlete_id])[0]
        names = ("run_id", "athlete_id", "command", "started_at", "finished_at", "status")
        rows = [dict(zip(names, row, strict=True)) for row in warehouse.rows(LAST_RUNS, [athlete_id])]
    for row in rows:
        row["finished_at"] = row["finished_at"].isoformat()
    return (count, newest, missing, fetched), rows


def _last(pulls: Sequence[Mapping[str, Any]]) -> str | None:
    newest = max(pulls, key=lambda record: record["run_id"], default=None)
    return f"{newest['command']} {newest['status']} ({newest['run_id']})" if newest else None


def _stale(
    athlete_id: int,
    last_success: datetime | None,
    now: datetime,
    max_age: timedelta | None,
    expected_by: datetime | None,
) -> list[str]:
    if last_success is None:
        return [f"Athlete {athlete_id}: no pull has ended well yet: run `strava-stats flow --backfill`"]
    if max_age is not None and now - last_success > max_age:
        hours = (now - last_success).total_seconds() / 3600
        return [f"Athlete {athlete_id}: the last successful pull was {hours:.0f} hours ago: run `strava-stats flow`"]
    if expected_by is not None and last_success < expected_by:
        due, ended = (f"{one:%Y-%m-%d %H:%M} UTC" for one in (expected_by, last_success))
        said = f"the flow that was due at {due} has not ended well, the last success was at {ended}"
        return [f"Athlete {athlete_id}: {said}: run `strava-stats schedule --doctor`"]
    return []

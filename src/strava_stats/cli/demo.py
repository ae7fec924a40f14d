"""The whole way with a synthetic athlete: simulator, authorise, flow, and a look at the result."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from strava_stats.cli.app import report
from strava_stats.cli.context import Context
from strava_stats.cli.output import plain, print_json, print_table
from strava_stats.errors import UsageError
from strava_stats.settings import repo_root

MARK = ".strava-stats-demo"
UNLIMITED = (1_000_000, 10_000_000)
BY_SPORT = """
select
    sport_type as sport,
    count(*) as activities,
    round(sum(distance) / 1000)::bigint as km,
    round(sum(moving_time) / 3600)::bigint as hours,
    round(sum(total_elevation_gain))::bigint as climb_m,
    sum(kudos_count)::bigint as kudos
from activities
group by all
order by activities desc, sport
"""
NEWEST = """
select
    start_date_local::date as day,
    sport_type as sport,
    name,
    round(distance / 1000, 1) as km,
    (moving_time // 60)::bigint as minutes,
    average_heartrate::bigint as bpm,
    kudos_count as kudos
from activities
order by start_date desc
limit 10
"""
COUNTS = """
select
    (select count(*) from activities) as activities,
    (select count(*) from activity_details) as details,
    (select count(*) from activity_laps) as laps,
    (select count(*) from activity_splits_metric) as splits,
    (select count(*) from activity_segment_efforts) as segment_efforts,
    (select count(*) from activity_best_efforts) as best_efforts
"""
NEXT = """\
Try next:
  {sql}"SELECT sport_type, week, distance/1000 AS km FROM gold_weekly ORDER BY week DESC LIMIT 8"
  {sql}"SELECT * FROM gold_monthly ORDER BY month DESC LIMIT 5"
  {duck}   the DuckDB shell on the demo's warehouse
With your own account: make auth, then make flow-backfill, then make flow every day."""


def run_demo(context: Context, folder: Path, *, activities: int, years: float, seed: int) -> None:
    """Make the demo's folder anew and run the main job in it against the simulator."""
    from strava_stats.simulator import Application, ServedSimulator, build_simulator  # noqa: PLC0415

    started = datetime.now(UTC)
    _clear(folder)
    now = datetime.now(UTC)
    application = Application()
    simulator = build_simulator(
        seed=seed,
        activities=activities,
        years=years,
        until=now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1),
        overall=UNLIMITED,
        read=UNLIMITED,
        app=application,
    )
    with ServedSimulator(simulator) as served:
        demo = Context(as_json=context.as_json, verbose=context.verbose, quiet=context.quiet)
        demo.settings = replace(
            context.settings,
            client_id=application.client_id,
            client_secret=application.client_secret,
            api_base_url=served.api_base_url,
            oauth_base_url=served.oauth_base_url,
            data_dir=folder / "data",
            secrets_dir=folder / "secrets",
            logs_dir=folder / "logs",
        )
        context.narrator.say(
            f"Simulated Strava with {activities:,} activities over {years:g} years at {served.base_url}"
        )
        _authorise(demo)
        with demo.logging("demo"):
            stages = _flow(demo)
    _show(demo, folder, started, stages)


def _clear(folder: Path) -> None:
    """Only a folder that a demo made is cleared."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise UsageError(f"{folder} holds something that no demo made", "give another --folder, or move it away")
    for part in ("data", "secrets", "logs"):
        shutil.rmtree(folder / part, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def _authorise(demo: Context) -> None:
    """What a browser does: follow the authorise link, and hand back the address it ends at."""
    from strava_stats.strava.auth import authorize_url, parse_redirect  # noqa: PLC0415

    settings = demo.settings
    assert settings.client_id is not None
    url = authorize_url(settings.oauth_base_url, settings.client_id, settings.redirect_uri, settings.scopes, "demo")
    answer = demo.session.get(url, allow_redirects=False, timeout=10)
    redirect = parse_redirect(answer.headers["Location"])
    demo.tokens.save(demo.oauth.exchange(redirect.code, redirect.scopes))


def _flow(demo: Context) -> list[dict[str, Any]]:
    from strava_stats.flow import PullOptions, Steps, run_steps, writing  # noqa: PLC0415
    from strava_stats.sync.plan import EnrichOptions  # noqa: PLC0415

    services = replace(demo.services(), source="demo")
    steps = Steps(
        pull=PullOptions(mode="all"),
        compact=True,
        enrich=EnrichOptions(since_days=demo.settings.days, all_missing=True),
    )
    with writing(services, "demo") as done_before:
        runs = [run_steps(services, "flow", token, steps, done_before) for token in demo.athletes()]
    for run in runs:
        if run.error is not None:
            raise run.error
    return [stage for run in runs for stage in run.stages]


def _show(demo: Context, folder: Path, started: datetime, stages: list[dict[str, Any]]) -> None:
    from strava_stats.warehouse.query import Warehouse  # noqa: PLC0415

    with Warehouse(demo.layout.warehouse) as warehouse:
        tables = {}
        for name, query in (("by_sport", BY_SPORT), ("newest", NEWEST), ("counts", COUNTS)):
            cursor = warehouse.relation(query)
            tables[name] = (cursor.columns, cursor.fetchall())
    if demo.as_json:
        shown: dict[str, Any] = {
            name: [dict(zip(columns, plain(row), strict=True)) for row in rows]
            for name, (columns, rows) in tables.items()
        }
        print_json(report("demo", "ok", started, stages, None, **shown))
        return
    print_table(*tables["by_sport"], title="Totals by sport")
    print()
    print_table(*tables["newest"], title="Newest activities")
    print()
    columns, rows = tables["counts"]
    print(" · ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in zip(columns, rows[0], strict=True)))
    seconds = (datetime.now(UTC) - started).total_seconds()
    size = demo.layout.warehouse.stat().st_size / 1e6
    print(f"Warehouse: {demo.layout.warehouse} ({size:.1f} MB), made in {seconds:.0f} s\n")
    command = f"strava-stats --data-dir '{demo.layout.data_dir}'"
    in_checkout = folder == repo_root() / "demo"
    print(
        NEXT.format(
            sql="make demo-sql-" if in_checkout else f"{command} sql ",
            duck="make demo-duck" if in_checkout else f"{command} duck",
        )
    )

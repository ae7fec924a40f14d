"""sql, duck, simulate, demo: what needs no account."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from strava_stats.cli.app import app, report
from strava_stats.cli.context import Context
from strava_stats.errors import ConfigurationError, UsageError


@app.command()
def sql(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="SQL, or - to read it from standard input.")],
    form: Annotated[str, typer.Option("--format", "-f", help="table, csv, json, jsonl or md.")] = "table",
) -> None:
    """Query the warehouse (read-only)."""
    from strava_stats.cli.output import FORMATS, distinct, fetched, plain, print_json, print_rows  # noqa: PLC0415
    from strava_stats.warehouse.query import Warehouse  # noqa: PLC0415

    context: Context = ctx.obj
    started = datetime.now(UTC)
    if form not in FORMATS:
        raise UsageError(f"--format {form} is not known", f"give one of {', '.join(FORMATS)}")
    text = sys.stdin.read() if query == "-" else query
    if not text.strip():
        raise UsageError("The query is empty", 'try: strava-stats sql "select count(*) from activities"')
    with Warehouse(context.layout.warehouse) as warehouse:
        cursor = warehouse.relation(text)
        columns = distinct(cursor.columns)
        if context.as_json:
            print_json(report("sql", "ok", started, columns=columns, rows=[plain(row) for row in fetched(cursor)]))
        else:
            print_rows(columns, fetched(cursor), form)


@app.command()
def duck(ctx: typer.Context) -> None:
    """Open the DuckDB shell on the warehouse, read-only."""
    from strava_stats.warehouse.engine import glob_of, quoted  # noqa: PLC0415
    from strava_stats.warehouse.sample_files import DATA_VARIABLE  # noqa: PLC0415

    context: Context = ctx.obj
    warehouse = context.layout.warehouse
    if not warehouse.exists():
        raise ConfigurationError(f"There is no warehouse at {warehouse} yet", "run `strava-stats flow` first")
    shell = Path(sys.executable).with_name("duckdb")
    if not shell.exists():
        raise ConfigurationError(
            "The DuckDB shell is not installed beside this Python", "run `make build`, or `pip install duckdb-cli`"
        )
    sys.stdout.flush()
    # The one who published may have seen the data folder elsewhere, in a container or before it was moved.
    folder = f"set variable {DATA_VARIABLE} = {quoted(glob_of(str(context.layout.data_dir.absolute())))};"
    os.execv(shell, [str(shell), "-readonly", "-cmd", folder, str(warehouse)])  # noqa: S606 - the shell takes over this process


@app.command()
def simulate(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.")] = 8089,
    seed: Annotated[int, typer.Option(help="Another seed, another athlete.")] = 1,
    activities: Annotated[int, typer.Option(min=0, help="Activities of the synthetic athlete.")] = 400,
    years: Annotated[float, typer.Option(min=0.01, help="Years they are spread over.")] = 3.0,
    athletes: Annotated[int, typer.Option(min=1, max=10, help="Synthetic athletes.")] = 1,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the newest one.")] = None,
    listing: Annotated[Path | None, typer.Option(help="A recorded listing, one activity a line.")] = None,
    details: Annotated[Path | None, typer.Option(help="Recorded details, one a line.")] = None,
    limit_overall: Annotated[str, typer.Option(help="Calls per 15 minutes and day.")] = "200,2000",
    limit_read: Annotated[str, typer.Option(help="Read calls per 15 minutes and day.")] = "100,1000",
    client_id: Annotated[str, typer.Option(help="Accepted client id.")] = "12345",
    client_secret: Annotated[str, typer.Option(help="Accepted client secret.")] = "simulated-secret",  # noqa: S107
) -> None:
    """Serve the bundled Strava simulator on loopback; prints the settings that lead to it."""
    from strava_stats.simulator import Application, build_simulator, serve  # noqa: PLC0415

    context: Context = ctx.obj
    for path in (listing, details):
        if path is not None and not path.is_file():
            raise UsageError(f"There is no file {path}", "give an existing JSON Lines file")
    simulator = build_simulator(
        seed=seed,
        activities=activities,
        years=years,
        athletes=athletes,
        until=until.replace(tzinfo=UTC) if until else None,
        listing=listing,
        details=details,
        overall=_limits("--limit-overall", limit_overall),
        read=_limits("--limit-read", limit_read),
        app=Application(client_id, client_secret),
    )

    def ready(bound: int) -> None:
        print(f"STRAVA_API_BASE_URL=http://{host}:{bound}/api/v3")
        print(f"STRAVA_OAUTH_BASE_URL=http://{host}:{bound}/oauth")
        print(f"STRAVA_CLIENT_ID={client_id}")
        print(f"STRAVA_CLIENT_SECRET={client_secret}", flush=True)
        context.narrator.say("Put these lines into .env or the environment. Ctrl-C ends the simulator.")

    try:
        serve(simulator, host, port, ready)
    except KeyboardInterrupt:
        context.narrator.say("Simulator ended.")


def _limits(option: str, text: str) -> tuple[int, int]:
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):  # noqa: PLR2004
        raise UsageError(f"{option} {text!r} is not 15min,daily", "give two numbers, such as 200,2000")
    return int(parts[0]), int(parts[1])


@app.command()
def demo(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Option(help="Where the demo's data goes; made anew each time.")] = Path("demo"),
    activities: Annotated[int, typer.Option(min=1, help="Activities.")] = 1500,
    years: Annotated[float, typer.Option(min=0.1, help="Years they are spread over.")] = 8.0,
    seed: Annotated[int, typer.Option(help="Another seed, another athlete.")] = 1,
) -> None:
    """Simulator, auth, flow and a summary, in a folder of its own; no account needed."""
    from strava_stats.cli.demo import run_demo  # noqa: PLC0415
    from strava_stats.settings import repo_root  # noqa: PLC0415

    context: Context = ctx.obj
    run_demo(context, repo_root() / folder.expanduser(), activities=activities, years=years, seed=seed)

"""The command line's frame: global options, and the report that every command prints with `--json`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from strava_stats import __version__
from strava_stats.cli.context import Context
from strava_stats.errors import StravaStatsError

FINDING = 3

app = typer.Typer(
    name="strava-stats",
    help="Your Strava history as Parquet and DuckDB, on your own machine.",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(value: bool) -> None:
    if value:
        print(f"strava-stats {__version__}")
        raise typer.Exit


@app.callback()
def set_context(
    ctx: typer.Context,
    athlete: Annotated[int | None, typer.Option(help="Athlete id; without it all athletes in turn.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Data folder (DATA_DIR).")] = None,
    secrets_dir: Annotated[Path | None, typer.Option(help="Folder of the tokens (SECRETS_DIR).")] = None,
    logs_dir: Annotated[Path | None, typer.Option(help="Log folder (LOGS_DIR).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show tracebacks.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors on stderr.")] = False,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that every command knows; they may stand before or behind it."""
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())
        raise typer.Exit
    ctx.obj = Context(athlete, data_dir, secrets_dir, logs_dir, as_json, verbose, quiet)


def report(
    command: str,
    status: str,
    started: datetime,
    stages: Sequence[dict[str, Any]] = (),
    error: StravaStatsError | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The object that `--json` prints."""
    shown = {"kind": error.kind, "message": error.message, "hint": error.hint} if error else None
    return {
        "command": command,
        "status": status,
        "started_at": started.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "stages": list(stages),
        "error": shown,
        **more,
    }

"""import: the bulk export of an account, without the API."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_stats.cli.app import app
from strava_stats.cli.context import Context
from strava_stats.cli.sync import print_report, summary_line
from strava_stats.errors import UsageError
from strava_stats.lake.layout import NOBODY

if TYPE_CHECKING:
    from strava_stats.export.archive import Archive

PROFILE = "profile.csv"


@app.command("import")
def import_(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="The ZIP from Strava, or the folder that was unpacked from it.")],
    prune: Annotated[
        bool, typer.Option("--prune", help="Let go of activities that an earlier archive had and this one lacks.")
    ] = False,
) -> None:
    """Take in a bulk export (activities.csv and device files); no API needed."""
    context: Context = ctx.obj
    with context.logging("import"):
        _import(context, path, prune=prune)


def _import(context: Context, path: Path, *, prune: bool) -> None:
    from strava_stats.export.archive import open_archive  # noqa: PLC0415
    from strava_stats.flow import ImportOptions, Steps, run_steps, writing  # noqa: PLC0415

    started = datetime.now(UTC)
    services = context.services()
    with open_archive(path) as archive:
        athlete_id = _whose(context, archive)
        steps = Steps(archive=ImportOptions(archive, athlete_id, prune), compact=True)
        with writing(services, "import") as done_before:
            run = run_steps(services, "import", None, steps, done_before)
    if context.as_json:
        print_report("import", [run], started, run.error)
    else:
        services.narrator.say(summary_line(run))
    if run.error is not None:
        run.error.reported = True  # type: ignore[attr-defined]
        raise run.error


def _whose(context: Context, archive: Archive) -> int:
    """The athlete: as the profile in the archive says, else as asked for, else the only one known."""
    from strava_stats.export.side_files import write_side_files  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="strava-stats-") as folder:
        told = write_side_files(archive, Path(folder)).athlete_id
    if told is not None:
        if context.athlete not in {None, told}:
            raise UsageError(f"The archive is athlete {told}'s, not {context.athlete}'s", "leave out --athlete")
        return told
    if context.athlete is not None:
        return context.athlete
    known = _known_athletes(context)
    if len(known) > 1:
        raise UsageError(
            f"The archive does not say whose it is, and {len(known)} athletes are known here",
            f"say whose with --athlete ID ({', '.join(map(str, sorted(known)))})",
        )
    if not known:
        context.narrator.warn(
            f"The archive has no {PROFILE}, which would say whose it is: its athlete is {NOBODY} here. "
            "With --athlete ID the same import gives it the right one"
        )
    return next(iter(known), NOBODY)


def _known_athletes(context: Context) -> set[int]:
    from strava_stats.warehouse.query import Warehouse  # noqa: PLC0415

    known = set(context.tokens.load())
    if context.layout.warehouse.exists():
        with Warehouse(context.layout.warehouse) as warehouse:
            known |= {row[0] for row in warehouse.rows("select distinct athlete_id from activities")}
    return known - {NOBODY}

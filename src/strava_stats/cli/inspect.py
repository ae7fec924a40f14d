"""status and doctor: how things stand, and what to mend."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from strava_stats.cli.app import FINDING, app, report
from strava_stats.cli.context import Context

MAX_AGE_HOURS = 36.0


@app.command()
def status(
    ctx: typer.Context,
    max_age: Annotated[
        float, typer.Option("--max-age", min=0, help="Hours after which data is stale.")
    ] = MAX_AGE_HOURS,
) -> int:
    """Freshness and backlog; exit code 3 when the data is stale."""
    from strava_stats.cli.output import print_json, print_table  # noqa: PLC0415
    from strava_stats.sync.standing import standing  # noqa: PLC0415

    context: Context = ctx.obj
    started = datetime.now(UTC)
    services = context.services()
    found = standing(
        services.layout,
        services.state,
        services.keeper_for(),
        services.clock.now(),
        athletes=[token.athlete_id for token in context.athletes()] if context.tokens.load() else [],
        max_age_hours=max_age,
    )
    stale = [line for one in found for line in one.stale]
    if context.as_json:
        shown = "partial" if stale else "ok"
        print_json(report("status", shown, started, athletes=[one.as_dict() for one in found], stale=stale))
    elif found:
        print_table(["", *(str(one.athlete_id) for one in found)], _transposed([one.as_dict() for one in found]))
    if not found:
        context.narrator.warn("No athlete has given access yet: run `strava-stats auth`")
    for line in stale:
        context.narrator.warn(line)
    return FINDING if stale or not found else 0


def _transposed(columns: list[dict[str, object]]) -> list[list[object]]:
    names = [name for name in columns[0] if name not in {"athlete_id", "stale"}]
    return [[name.replace("_", " "), *(one[name] for one in columns)] for name in names]


@app.command()
def doctor(
    ctx: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask whether Strava answers.")] = False,
) -> int:
    """Check the environment; every finding comes with its cure. Exit code 3 when there is one."""
    from strava_stats.cli.checks import examine  # noqa: PLC0415
    from strava_stats.cli.output import print_json  # noqa: PLC0415

    context: Context = ctx.obj
    started = datetime.now(UTC)
    checks = examine(context, offline=offline)
    found = [check for check in checks if not check.ok]
    if context.as_json:
        shown = [{"name": one.name, "ok": one.ok, "detail": one.detail, "cure": one.cure} for one in checks]
        print_json(report("doctor", "partial" if found else "ok", started, checks=shown))
    else:
        for one in checks:
            print(f"{'ok  ' if one.ok else 'FAIL'} {one.name}: {one.detail}" + ("" if one.ok else f" — {one.cure}"))
    return FINDING if found else 0

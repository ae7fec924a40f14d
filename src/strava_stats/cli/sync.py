"""pull, compact, enrich, flow, plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_stats.cli.app import app, report
from strava_stats.cli.context import Context
from strava_stats.errors import StravaStatsError, UsageError

if TYPE_CHECKING:
    from strava_stats.flow import Run, Steps
    from strava_stats.strava.token_store import Token

Days = Annotated[int | None, typer.Option("--days", min=0, help="Look-back in days (DAYS).")]
All = Annotated[bool, typer.Option("--all", help="Everything.")]
Lite = Annotated[bool, typer.Option("--lite", help="From the watermark, no look-back, never a sweep.")]
PerPage = Annotated[int | None, typer.Option("--per-page", min=1, max=200, help="List page size (PER_PAGE).")]
SinceDays = Annotated[int | None, typer.Option("--since-days", min=0, help="Window in days (DAYS).")]
Ids = Annotated[str | None, typer.Option("--ids", help="Activity ids, separated by commas or blanks.")]
FromDay = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First local day.")]
ToDay = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last local day.")]
OnlyChanged = Annotated[bool, typer.Option("--only-changed", help="Skip details that are up to date.")]
Efforts = Annotated[bool, typer.Option("--include-efforts/--no-include-efforts", help="All segment efforts.")]
Backlog = Annotated[int, typer.Option("--backlog", min=0, help="Up to N missing details beside the window.")]
RefreshOld = Annotated[int, typer.Option("--refresh-old", min=0, help="Up to N oldest details again.")]
Cushion15 = Annotated[int, typer.Option("--cushion-15min", min=0, help="Calls left unused in a quarter hour.")]
CushionDay = Annotated[int, typer.Option("--cushion-daily", min=0, help="Calls left unused in a day.")]
Streams = Annotated[bool, typer.Option("--streams", help="Samples too, after the details.")]
RefreshStreams = Annotated[
    bool, typer.Option("--refresh-streams", help="Samples also of what has some, or was found to have none.")
]
MassDelete = Annotated[
    bool, typer.Option("--allow-mass-delete", help="Believe it when most activities are gone, or the scope shrank.")
]
Retry = Annotated[bool, typer.Option("--retry-quarantined", help="Try what waits in quarantine now.")]
MaxCalls = Annotated[int | None, typer.Option("--max-calls", min=0, help="Calls to make at most.")]


@app.command()
def pull(
    ctx: typer.Context,
    days: Days = None,
    everything: All = False,
    lite: Lite = False,
    per_page: PerPage = None,
    allow_mass_delete: MassDelete = False,
) -> None:
    """List activities: API → bronze → Parquet."""
    context: Context = ctx.obj
    run(
        context,
        "pull",
        lambda: _steps(
            pull=_pull_options(context, days, per_page, all_=everything, lite=lite, allow_mass_delete=allow_mass_delete)
        ),
    )


@app.command()
def compact(
    ctx: typer.Context,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the warehouse anew from bronze, offline.")] = False,
) -> None:
    """Load what is new on disk into the warehouse; no API."""
    context: Context = ctx.obj
    run(context, "compact", lambda: _steps(compact=True, rebuild=rebuild), needs_api=False)


@app.command()
def enrich(
    ctx: typer.Context,
    since_days: SinceDays = None,
    everything: All = False,
    ids: Ids = None,
    from_day: FromDay = None,
    to_day: ToDay = None,
    only_changed: OnlyChanged = False,
    include_efforts: Efforts = True,
    streams: Streams = False,
    refresh_streams: RefreshStreams = False,
    backlog: Backlog = 0,
    refresh_old: RefreshOld = 0,
    retry_quarantined: Retry = False,
    cushion_15min: Cushion15 = 0,
    cushion_daily: CushionDay = 0,
    max_calls: MaxCalls = None,
) -> None:
    """Fetch details (splits, laps, efforts) for recent and missing activities, then sync kudos."""
    context: Context = ctx.obj
    run(
        context,
        "enrich",
        lambda: _steps(
            enrich=_enrich_options(
                context,
                since_days=since_days,
                all_missing=everything,
                ids=parse_ids(ids),
                from_day=from_day,
                to_day=to_day,
                only_changed=only_changed,
                include_efforts=include_efforts,
                streams=streams or refresh_streams,
                refresh_streams=refresh_streams,
                backlog=backlog,
                refresh_old=refresh_old,
                retry_quarantined=retry_quarantined,
            ),
            limits=(cushion_15min, cushion_daily, max_calls),
        ),
    )


@app.command()
def flow(
    ctx: typer.Context,
    backfill: Annotated[bool, typer.Option("--backfill", help="pull --all, compact, enrich --all.")] = False,
    days: Days = None,
    everything: All = False,
    lite: Lite = False,
    per_page: PerPage = None,
    allow_mass_delete: MassDelete = False,
    since_days: SinceDays = None,
    ids: Ids = None,
    from_day: FromDay = None,
    to_day: ToDay = None,
    only_changed: OnlyChanged = False,
    include_efforts: Efforts = True,
    streams: Streams = False,
    refresh_streams: RefreshStreams = False,
    backlog: Backlog = 0,
    refresh_old: RefreshOld = 0,
    retry_quarantined: Retry = False,
    cushion_15min: Cushion15 = 0,
    cushion_daily: CushionDay = 0,
    max_calls: MaxCalls = None,
) -> None:
    """Pull, compact, enrich: one lock, one run record."""
    context: Context = ctx.obj
    run(
        context,
        "flow",
        lambda: _steps(
            pull=_pull_options(
                context, days, per_page, all_=everything or backfill, lite=lite, allow_mass_delete=allow_mass_delete
            ),
            compact=True,
            enrich=_enrich_options(
                context,
                since_days=since_days if since_days is not None else days,
                all_missing=everything or backfill,
                ids=parse_ids(ids),
                from_day=from_day,
                to_day=to_day,
                only_changed=only_changed,
                include_efforts=include_efforts,
                streams=streams or refresh_streams,
                refresh_streams=refresh_streams,
                backlog=backlog,
                refresh_old=refresh_old,
                retry_quarantined=retry_quarantined,
            ),
            limits=(cushion_15min, cushion_daily, max_calls),
        ),
    )


@app.command()
def plan(
    ctx: typer.Context, since_days: SinceDays = None, only_changed: OnlyChanged = False, streams: Streams = False
) -> None:
    """What the next flow and the whole backlog would cost: calls by kind, budget left, finish time."""
    from strava_stats.cli.output import WAITS, print_json, print_table  # noqa: PLC0415
    from strava_stats.sync.compact import waits_for_compact  # noqa: PLC0415
    from strava_stats.sync.outlook import outlook  # noqa: PLC0415

    context: Context = ctx.obj
    started = datetime.now(UTC)
    options = _enrich_options(context, since_days=since_days, only_changed=only_changed, streams=streams)
    services = context.services()
    found = [
        outlook(
            services.layout,
            services.state,
            services.keeper_for(),
            services.clock.now(),
            athlete_id=token.athlete_id,
            options=options,
            per_page=context.settings.per_page,
            full_sweep_days=context.settings.full_sweep_days,
        )
        for token in context.athletes()
    ]
    waits = waits_for_compact(services.layout)
    if context.as_json:
        print_json(report("plan", "ok", started, athletes=[one.as_dict() for one in found], waits_for_compact=waits))
        return
    if waits:
        services.narrator.say(WAITS)
    rows = [(one.athlete_id, kind, calls) for one in found for kind, calls in one.calls.items()]
    print_table(["athlete", "kind", "calls"], rows)
    for one in found:
        print(one.sentence())


def parse_ids(text: str | None) -> tuple[int, ...]:
    """`--ids` as numbers; UsageError naming what is none."""
    wanted = [part for part in (text or "").replace(",", " ").split() if part]
    for part in wanted:
        if not part.isascii() or not part.isdigit() or int(part) >= 2**63:
            raise UsageError(f"--ids holds {part[:40]!r}, which is no activity id", "give numbers separated by commas")
    if text is not None and not wanted:
        raise UsageError("--ids is empty", "give numbers separated by commas")
    return tuple(int(part) for part in wanted)


def _pull_options(
    context: Context, days: int | None, per_page: int | None, *, all_: bool, lite: bool, allow_mass_delete: bool
) -> Any:
    from strava_stats.flow import PullOptions  # noqa: PLC0415

    if all_ and lite:
        raise UsageError("--all and --lite exclude each other", "give one of them")
    settings = context.settings
    return PullOptions(
        mode="all" if all_ else "lite" if lite else "default",
        days=settings.days if days is None else days,
        full_sweep_days=settings.full_sweep_days,
        per_page=settings.per_page if per_page is None else per_page,
        allow_mass_delete=allow_mass_delete,
    )


def _enrich_options(context: Context, **given: Any) -> Any:
    from strava_stats.sync.plan import EnrichOptions  # noqa: PLC0415

    since_days = given.pop("since_days", None)
    first, last = (value.date() if (value := given.pop(name, None)) else None for name in ("from_day", "to_day"))
    if first and last and first > last:
        raise UsageError(f"--from {first} is later than --to {last}", "swap them")
    since = context.settings.days if since_days is None else since_days
    return EnrichOptions(since_days=since, from_day=first, to_day=last, **given)


def _steps(**given: Any) -> Steps:
    from strava_stats.flow import Limits, Steps  # noqa: PLC0415

    limits = given.pop("limits", None)
    steps = Steps(**given)
    return replace(steps, limits=Limits(*limits)) if limits else steps


def run(context: Context, command: str, build: Callable[[], Steps], *, needs_api: bool = True) -> None:
    """Carry out a command for its athletes under one lock, with a log of its own, and raise the worst error."""
    steps = build()
    with context.logging(command):
        _run(context, command, steps, needs_api=needs_api)


def _run(context: Context, command: str, steps: Steps, *, needs_api: bool) -> None:
    from strava_stats.flow import run_steps, worst, writing  # noqa: PLC0415

    tokens: Sequence[Token | None] = context.athletes() if needs_api else [None]
    if needs_api:
        context.credentials()
    services = context.services()
    started = datetime.now(UTC)
    runs: list[Run] = []
    with writing(services, command) as done_before:
        for token in tokens:
            runs.append(run_steps(services, command, token, steps, done_before))
            steps = steps.less(runs[-1].calls)
    if len(runs) > 1:
        _name_athletes(runs)
    error = worst(runs)
    if context.as_json:
        print_report(command, runs, started, error)
    for one in [] if context.as_json else runs:
        services.narrator.say(summary_line(one))
    if error is not None:
        error.reported = True  # type: ignore[attr-defined]
        raise error


def _name_athletes(runs: Sequence[Run]) -> None:
    for one in runs:
        if one.error is not None and str(one.athlete_id) not in one.error.message:
            one.error.message = f"Athlete {one.athlete_id}: {one.error.message}"


def print_report(command: str, runs: Sequence[Run], started: datetime, error: StravaStatsError | None) -> None:
    """The one object of `--json`."""
    from strava_stats.cli.output import print_json  # noqa: PLC0415

    stages = [
        {**stage, "athlete_id": one.athlete_id} if len(runs) > 1 else stage for one in runs for stage in one.stages
    ]
    status = "failed" if error else "partial" if any(one.partial or one.error for one in runs) else "ok"
    notes = [note for one in runs for note in one.notes]
    print_json(report(command, status, started, stages, error, run_ids=[one.run_id for one in runs], notes=notes))


def summary_line(one: Run) -> str:
    """The one line at the end of a run."""
    counts: dict[str, Callable[[dict[str, Any]], str]] = {
        "import": lambda stage: (
            f"{stage.get('activities', 0):,} activities"
            + (", known already" if stage.get("known") else "")
            + (f", {stage['missing']:,} no longer there" if stage.get("missing") else "")
            + (f", {stage['pruned']:,} let go" if stage.get("pruned") else "")
        ),
        "pull": lambda stage: (
            f"{stage.get('listed', 0):,} listed, {stage.get('new', 0):,} new, {stage.get('changed', 0):,} changed"
            + (f", {stage['deleted']:,} deleted" if stage.get("deleted") else "")
        ),
        "compact": lambda stage: (
            f"{stage['rows']:,} row{'s'[: stage['rows'] != 1]} loaded"
            + (f", {stage['files']:,} device files read" if stage.get("files") else "")
        ),
        "enrich": lambda stage: (
            f"{stage.get('fetched', 0):,} details"
            + (f" and {stage['streams']:,} streams" if "streams" in stage else "")
            + f" fetched, {stage['rows']:,} new or changed"
        ),
    }
    parts = []
    for stage in one.stages:
        calls = f", {stage['calls']:,} call{'s'[: stage['calls'] != 1]}" if stage["calls"] else ""
        parts.append(f"{stage['name']}: {counts[stage['name']](stage)}{calls}, {stage['seconds']:.1f} s")
    who = f"athlete {one.athlete_id}: " if one.athlete_id else ""
    return f"{who}{one.status} · " + " · ".join(parts)

"""schedule: the flow by the clock, in the foreground or the background, and how it stands."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from strava_stats.cli.app import FINDING, app, report
from strava_stats.cli.context import Context
from strava_stats.errors import UsageError

if TYPE_CHECKING:
    from strava_stats.clock import Clock
    from strava_stats.scheduler.cron import Options, Table
    from strava_stats.scheduler.cron_log import CronLog

SHOWN_TIMES = 5
NOT_IN_CRON = ("--json", "--data-dir", "--secrets-dir", "--logs-dir", "--help", "--version")
COULD_NOT_START = 75
SIGNALLED = 128


@app.command()
def schedule(
    ctx: typer.Context,
    now: Annotated[bool, typer.Option("--now", help="One flow now, as a due one would run.")] = False,
    upcoming: Annotated[bool, typer.Option("--next", help="Local time, time zone and the next times.")] = False,
    doctor: Annotated[bool, typer.Option("--doctor", help="Check all that a scheduled flow needs.")] = False,
    health: Annotated[bool, typer.Option("--health", help="Exit code 3 unless a scheduler is alive.")] = False,
    start: Annotated[bool, typer.Option("--start", help="Run in the background.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End the one in the background.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="With --doctor: do not ask Strava.")] = False,
    background: Annotated[bool, typer.Option("--background", hidden=True)] = False,
) -> int:
    """Run the flow by cron/strava.cron, until SIGTERM or Ctrl-C."""
    context: Context = ctx.obj
    started = datetime.now(UTC)
    actions: dict[str, tuple[bool, Callable[[], int]]] = {
        "--now": (now, lambda: _now(context, started)),
        "--next": (upcoming, lambda: _next(context, started)),
        "--doctor": (doctor, lambda: _doctor(context, started, offline=offline)),
        "--health": (health, lambda: _health(context, started)),
        "--start": (start, lambda: _start(context, started)),
        "--stop": (stop, lambda: _stop(context, started)),
    }
    wanted = [name for name, (given, _) in actions.items() if given]
    if len(wanted) > 1:
        raise UsageError(f"{' and '.join(wanted)} exclude each other", "give one of them")
    if wanted:
        return actions[wanted[0]][1]()
    return _run(context, started, background=background)


def read_cron(context: Context) -> Table:
    """The cron file as the settings say."""
    from strava_stats.scheduler.cron import read_table  # noqa: PLC0415

    return read_table(context.settings.cron_file, context.settings.timezone, check_flow_options)


def check_flow_options(options: Options) -> None:
    """Refuse what `flow` would not take, before the night it is needed in."""
    from strava_stats.cli import sync  # noqa: F401, PLC0415 - it registers `flow`
    from strava_stats.cli.main import MISTYPED, hoist_global_options, said  # noqa: PLC0415

    for option in options:
        if option.split("=")[0] in NOT_IN_CRON:
            raise UsageError(f"{option} cannot stand here", "give it to `strava-stats schedule`")
    group = typer.main.get_command(app)
    flow = group.commands["flow"]  # type: ignore[attr-defined]
    given = hoist_global_options(["flow", *options])
    split = given.index("flow")
    try:
        group.make_context("strava-stats", given[: split + 1])
        flow.make_context("flow", given[split + 1 :])
    except MISTYPED as error:
        raise UsageError(said(error), "see `strava-stats flow --help`") from error


def _run(context: Context, started: datetime, *, background: bool) -> int:
    from strava_stats.scheduler.background import only_one  # noqa: PLC0415
    from strava_stats.scheduler.child import FlowRunner  # noqa: PLC0415
    from strava_stats.scheduler.loop import Scheduler  # noqa: PLC0415
    from strava_stats.scheduler.memory import MemoryFile  # noqa: PLC0415
    from strava_stats.scheduler.signals import listening  # noqa: PLC0415

    settings = context.settings
    state = context.layout.state
    with listening() as clock, only_one(state, clock, background=background):
        log = _log(context, clock)
        Scheduler(
            settings.cron_file,
            settings.timezone,
            check_options=check_flow_options,
            memory_file=MemoryFile(state),
            runner=FlowRunner(_folders(context), log),
            log=log,
            clock=clock,
            pid=os.getpid(),
            stopping=lambda: clock.stopping,
            tell=lambda title, body: _tell(settings.notify_urls, title, body),
        ).run()
    return _conclude(context, started)


def _tell(urls: Sequence[str], title: str, body: str) -> str | None:
    if not urls:
        return None
    from strava_stats.notices import send  # noqa: PLC0415

    return send(urls, title, body)


def _now(context: Context, started: datetime) -> int:
    from strava_stats.scheduler.child import FlowRunner  # noqa: PLC0415
    from strava_stats.scheduler.loop import explain_code, run_flow  # noqa: PLC0415
    from strava_stats.scheduler.signals import listening  # noqa: PLC0415

    options = read_cron(context).lines[0].options
    with listening() as clock:
        log = _log(context, clock)
        log.say(f"{' '.join(['flow', *options])} runs because it was asked for")
        beginning = log.size()
        code = run_flow(
            FlowRunner(_folders(context), log), options, log=log, clock=clock, stopping=lambda: clock.stopping
        )
        log.say(f"flow ended with {explain_code(code)}" if code != 0 else "flow ended well")
    failure = log.last_failure(beginning)
    if code and failure and context.quiet:
        print(failure, file=sys.stderr)
    _conclude(context, started, "failed" if code != 0 else "ok", exit_code=code)
    if code is None:
        return COULD_NOT_START
    return code if code >= 0 else SIGNALLED - code


def _next(context: Context, started: datetime) -> int:
    table = read_cron(context)
    now = context.clock.now()
    due = table.upcoming(now, SHOWN_TIMES)
    if not context.as_json:
        print(f"now   {_shown(now, table.zone)}, {table.zone.key}")
        for one in due:
            print(f"next  {_shown(one.at, table.zone)}  {' '.join(['flow', *one.options])}")
        return 0
    return _conclude(
        context,
        started,
        now=now.astimezone(table.zone),
        zone=table.zone.key,
        next=[{"at": one.at, "local": one.at.astimezone(table.zone), "options": one.options} for one in due],
    )


def _shown(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%a %Y-%m-%d %H:%M %Z (UTC%z)}"


def _health(context: Context, started: datetime) -> int:
    from strava_stats.scheduler.memory import MemoryFile, pulse  # noqa: PLC0415

    memory = MemoryFile(context.layout.state).load()
    alive, text = pulse(memory, context.clock.now())
    if context.as_json:
        _conclude(context, started, "ok" if alive else "partial", alive=alive, next_due_at=memory.next_due_at)
    else:
        due = f"; next due {memory.next_due_at:%Y-%m-%d %H:%M} UTC" if alive and memory.next_due_at else ""
        print(f"{'alive' if alive else 'not alive'}: {text}{due}")
    return 0 if alive else FINDING


def _doctor(context: Context, started: datetime, *, offline: bool) -> int:
    from strava_stats.cli.inspect import print_checks  # noqa: PLC0415
    from strava_stats.cli.schedule_checks import examine_schedule  # noqa: PLC0415

    return print_checks(context, "schedule", examine_schedule(context, offline=offline), started)


def _start(context: Context, started: datetime) -> int:
    from strava_stats.errors import Locked  # noqa: PLC0415
    from strava_stats.scheduler import background  # noqa: PLC0415

    read_cron(context)
    state = context.layout.state
    if background.is_held(state):
        raise Locked("A scheduler runs already on this data folder", "see `strava-stats schedule --health`")
    command = [sys.executable, "-m", "strava_stats", "--quiet", *_folders(context), "schedule", "--background"]
    log = _log(context, context.clock)
    pid = background.start(command, state, log.path, context.clock)
    context.narrator.say(f"The scheduler runs as process {pid}; it logs to {log.path}")
    return _conclude(context, started, pid=pid)


def _stop(context: Context, started: datetime) -> int:
    from strava_stats.scheduler import background  # noqa: PLC0415

    pid = background.stop(context.layout.state, context.clock)
    context.narrator.say("No scheduler runs here" if pid is None else f"The scheduler (process {pid}) has ended")
    return _conclude(context, started, pid=pid)


def _log(context: Context, clock: Clock) -> CronLog:
    from strava_stats.scheduler.cron_log import CronLog  # noqa: PLC0415

    return CronLog(context.settings.logs_dir, ZoneInfo(context.settings.timezone), clock, context.narrator.say)


def _folders(context: Context) -> list[str]:
    """The global options of a child: the same folders, whatever decided on them, and the same athlete."""
    settings = context.settings
    folders = {"--data-dir": settings.data_dir, "--secrets-dir": settings.secrets_dir, "--logs-dir": settings.logs_dir}
    athlete = [] if context.athlete is None else ["--athlete", str(context.athlete)]
    return [*(text for name, path in folders.items() for text in (name, str(path))), *athlete]


def _conclude(context: Context, started: datetime, status: str = "ok", **more: Any) -> int:
    if context.as_json:
        from strava_stats.cli.output import print_json  # noqa: PLC0415

        print_json(report("schedule", status, started, **more))
    return 0

"""status, doctor and verify: how things stand, and what to mend."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from strava_stats.cli.app import FINDING, app, report
from strava_stats.cli.context import Context
from strava_stats.errors import ConfigurationError, RateLimited, UsageError

if TYPE_CHECKING:
    from strava_stats.cli.checks import Check
    from strava_stats.scheduler.memory import Memory
    from strava_stats.strava.token_store import Token
    from strava_stats.sync.standing import Standing
    from strava_stats.sync.verify import Asker, Look

MAX_AGE = timedelta(hours=36)
NOBODY = "No athlete has given access yet: run `strava-stats auth`, or `strava-stats import` a bulk export"


@app.command()
def status(
    ctx: typer.Context,
    max_age: Annotated[
        float | None,
        typer.Option("--max-age", min=0, help="Hours after which data is stale; without it the schedule decides."),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="table or prometheus.")] = "table",
    notify: Annotated[bool, typer.Option("--notify", help="Tell NOTIFY_URLS when the data is stale.")] = False,
) -> int:
    """Freshness and backlog; exit code 3 when the data is stale."""
    from strava_stats.cli.metrics import prometheus  # noqa: PLC0415
    from strava_stats.cli.output import WAITS, print_json, print_table  # noqa: PLC0415
    from strava_stats.sync.compact import waits_for_compact  # noqa: PLC0415

    if form not in {"table", "prometheus"}:
        raise UsageError(f"--format {form[:40]!r} is not known", "give table or prometheus; --json is an option")
    context: Context = ctx.obj
    if context.as_json and form != "table":
        raise UsageError("--json and --format exclude each other", "give one of them")
    started = datetime.now(UTC)
    urls = context.notify_urls() if notify else ()
    found, memory = stand(context, None if max_age is None else timedelta(hours=max_age))
    stale = [line for one in found for line in one.stale]
    waits = waits_for_compact(context.layout)
    if context.as_json:
        shown = "partial" if stale or not found else "ok"
        athletes = [one.as_dict() for one in found]
        print_json(report("status", shown, started, athletes=athletes, stale=stale, waits_for_compact=waits))
    elif form == "prometheus":
        print(prometheus(found, memory.heartbeat_at), end="")
    elif found:
        print_table(["", *(str(one.athlete_id) for one in found)], _transposed([one.as_dict() for one in found]))
    if waits:
        context.narrator.say(WAITS)
    if not found:
        context.narrator.warn(NOBODY)
    for line in stale:
        context.narrator.warn(line)
    if stale and urls:
        _notify(context, urls, stale)
    return FINDING if stale or not found else 0


def _notify(context: Context, urls: Sequence[str], stale: Sequence[str]) -> None:
    from strava_stats.notices import send  # noqa: PLC0415

    if failure := send(urls, "Strava data is stale", "\n".join(stale)):
        context.narrator.warn(failure)


def stand(context: Context, max_age: timedelta | None = None) -> tuple[list[Standing], Memory]:
    """How the data of this command's athletes stands, and what the scheduler remembers.

    Without `max_age` the data may be as old as the schedule allows: a flow that was due has ended well.
    """
    from strava_stats.lake.imports import read_imports  # noqa: PLC0415
    from strava_stats.scheduler.memory import MemoryFile, expected_by, pulse  # noqa: PLC0415
    from strava_stats.sync.standing import standing  # noqa: PLC0415

    services = context.services()
    memory = MemoryFile(context.layout.state).load()
    now = services.clock.now()
    is_scheduled, _ = pulse(memory, now)  # a dead one may have been replaced by another way to run the flow
    imported = {one.athlete_id for one in read_imports(context.layout)} - context.tokens.load().keys()
    found = standing(
        services.layout,
        services.state,
        services.keeper_for(),
        now,
        athletes=_athletes(context, imported),
        imported=imported,
        max_age=max_age if max_age is not None or is_scheduled else MAX_AGE,
        next_run=memory.next_due_at if is_scheduled else None,
        expected_by=expected_by(memory, now) if max_age is None else None,
    )
    return found, memory


def _athletes(context: Context, imported: AbstractSet[int]) -> list[int]:
    """Those who gave access, and those whose archive was imported."""
    if context.athlete is not None and context.athlete in imported:
        return [context.athlete]
    given = [token.athlete_id for token in context.athletes()] if context.tokens.load() else []
    return given if context.athlete is not None else sorted({*given, *imported})


def _transposed(columns: list[dict[str, object]]) -> list[list[object]]:
    names = [name for name in columns[0] if name not in {"athlete_id", "stale"}]
    return [[name.replace("_", " "), *(_to_the_second(one[name]) for one in columns)] for name in names]


def _to_the_second(value: object) -> object:
    return value.replace(microsecond=0) if isinstance(value, datetime) else value


@app.command()
def doctor(
    ctx: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask whether Strava answers.")] = False,
) -> int:
    """Check the environment; every finding comes with its cure. Exit code 3 when there is one."""
    from strava_stats.cli.checks import examine  # noqa: PLC0415

    context: Context = ctx.obj
    started = datetime.now(UTC)
    return print_checks(context, "doctor", examine(context, offline=offline), started)


def print_checks(context: Context, command: str, checks: Sequence[Check], started: datetime) -> int:
    """Print what was looked at; the exit code."""
    from strava_stats.cli.output import print_json  # noqa: PLC0415

    found = [check for check in checks if not check.ok]
    if context.as_json:
        shown = [{"name": one.name, "ok": one.ok, "detail": one.detail, "cure": one.cure} for one in checks]
        print_json(report(command, "partial" if found else "ok", started, checks=shown))
    else:
        for one in checks:
            print(f"{'ok  ' if one.ok else 'FAIL'} {one.name}: {one.detail}" + ("" if one.ok else f" — {one.cure}"))
    return FINDING if found else 0


@app.command()
def verify(
    ctx: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Spend no call: leave Strava's totals out.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Do not make the warehouse anew to compare.")] = False,
) -> int:
    """Hold journals, shards and warehouse against each other, changing nothing. Exit code 3 with a finding."""
    from strava_stats.cli.output import print_json  # noqa: PLC0415
    from strava_stats.sync.verify import verify as look_at_all  # noqa: PLC0415

    context: Context = ctx.obj
    started = datetime.now(UTC)
    services = context.services()
    looks = look_at_all(
        services.layout,
        context.settings.secrets_dir,
        services.calendar,
        services.narrator,
        quick=quick,
        find_askers=None if offline else lambda: _askers(context),
    )
    if context.as_json:
        print_json(_as_report(looks, started))
    else:
        _print_looks(context, looks)
    return FINDING if any(look.findings for look in looks) else 0


def _askers(context: Context) -> list[Asker]:
    """One call for each athlete, within the budget and without waiting for more."""
    from strava_stats.sync.verify import Asker  # noqa: PLC0415

    path = context.tokens.path
    if path.exists() and path.stat().st_mode & 0o077:
        raise ConfigurationError("the mode of the token file has to be mended first", f"chmod 600 {path}")
    context.credentials()
    services = context.services()
    keeper = services.keeper_for(on_wait=_refuse_to_wait)

    def asker(token: Token) -> Asker:
        client = services.client_for(token, keeper)
        return Asker(token.athlete_id, lambda: client.athlete_stats(token.athlete_id))

    return [asker(token) for token in context.athletes()]


def _refuse_to_wait(_: float, until: datetime) -> None:
    raise RateLimited("the calls of this quarter hour are used up", f"run the same command after {until:%H:%M} UTC")


def _as_report(looks: Sequence[Look], started: datetime) -> dict[str, object]:
    findings = [
        {"check": look.name, "subject": one.subject, "message": one.message, "cure": one.cure}
        for look in looks
        for one in look.findings
    ]
    return report(
        "verify",
        "partial" if findings else "ok",
        started,
        [{"name": look.name, "seconds": look.seconds, "calls": look.calls} for look in looks],
        findings=findings,
        checks=[
            {"name": look.name, "looked_at": look.looked_at, "findings": len(look.findings), "skipped": look.skipped}
            for look in looks
        ],
        notes=[note for look in looks for note in look.notes],
    )


def _print_looks(context: Context, looks: Sequence[Look]) -> None:
    for look in looks:
        for note in look.notes:
            context.narrator.say(f"{look.name}: {note}")
        for one in look.findings:
            print(f"FAIL {look.name}: {one.subject}: {one.message} — {one.cure}")
        if look.skipped:
            print(f"skip {look.name}: {look.skipped}")
        elif not look.findings:
            print(f"ok   {look.name}: {look.looked_at}: {look.verdict}")

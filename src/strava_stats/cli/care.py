"""backup, restore, purge, forget: each that removes or replaces something asks first."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_stats.cli.app import FINDING, app, report
from strava_stats.cli.context import Context
from strava_stats.errors import ConfigurationError, NotAuthorised, StravaStatsError, UsageError

if TYPE_CHECKING:
    from strava_stats.care.forget import Forgotten
    from strava_stats.care.restore import Backup
    from strava_stats.sync.verify import Look

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
WithSecrets = Annotated[
    bool, typer.Option("--with-secrets", help="The tokens too, encrypted with a passphrase (BACKUP_PASSPHRASE).")
]
OLDER = "select count(*) from activities where list_contains($athletes::bigint[], athlete_id) and start_date < $floor"
MB = 1e6


@app.command()
def backup(
    ctx: typer.Context,
    path: Annotated[Path | None, typer.Argument(help="A .tar file or a folder; else backups/ beside .env.")] = None,
    with_secrets: WithSecrets = False,
) -> None:
    """Write all that cannot be made anew into one file: raw answers, own views, state."""
    from strava_stats.care.backup import back_up, backup_path  # noqa: PLC0415 - heavy imports are lazy
    from strava_stats.flow import writing  # noqa: PLC0415

    context: Context = ctx.obj
    started = datetime.now(UTC)
    services = context.services()
    now = services.clock.now()
    wanted = path.expanduser().absolute() if path else context.settings.env_file.parent / "backups"
    sealed = _sealed_tokens(context) if with_secrets else None
    with _stage("backup") as stage, writing(services, "backup"):
        done = back_up(
            services.layout, services.state, services.narrator, backup_path(wanted, now), now, encrypted_tokens=sealed
        )
        stage["rows"] = done.files
    if context.as_json:
        _print_report(
            "backup",
            started,
            [stage],
            path=str(done.path),
            files=done.files,
            bytes=done.bytes,
            with_secrets=done.has_secrets,
        )
        return
    print(done.path)
    context.narrator.say(
        f"{done.files:,} files, {done.bytes / MB:,.1f} MB, "
        + ("tokens encrypted with the passphrase" if done.has_secrets else "without tokens (--with-secrets adds them)")
    )


@app.command()
def restore(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    with_secrets: WithSecrets = False,
    yes: Yes = False,
) -> int:
    """Bring a backup back into an empty data folder, make the warehouse, and verify. Exit code 3 with a finding."""
    from strava_stats.care.restore import open_backup  # noqa: PLC0415
    from strava_stats.care.restore import restore as bring_back  # noqa: PLC0415
    from strava_stats.flow import writing  # noqa: PLC0415
    from strava_stats.sync.verify import verify  # noqa: PLC0415

    context: Context = ctx.obj
    started = datetime.now(UTC)
    services = context.services()
    with open_backup(path.expanduser().absolute()) as opened:
        tokens = _unsealed_tokens(context, opened) if with_secrets else None
        made = opened.manifest
        question = (
            f"Restore the backup of {made.created_at[:16].replace('T', ' ')} UTC ({len(made.files):,} files, "
            f"{_athletes(made.athletes)}) into {services.layout.data_dir}?"
        )
        if not _confirmed(context, question, yes=yes):
            return 0
        with _stage("restore") as stage, writing(services, "restore"):
            stage["rows"] = bring_back(
                services.layout, services.state, services.narrator, services.calendar, backup=opened
            ).rows
            if tokens is not None:
                _store_tokens(context, tokens)
    with _stage("verify") as verifying:
        looks = verify(services.layout, context.settings.secrets_dir, services.calendar, services.narrator)
    findings = [(look.name, one) for look in looks for one in look.findings]
    if context.as_json:
        shown = [{"check": name, **one.__dict__} for name, one in findings]
        _print_report("restore", started, [stage, verifying], partial=bool(findings), findings=shown)
    else:
        _print_verdict(context, looks, stage["rows"])
    return FINDING if findings else 0


def _print_verdict(context: Context, looks: Sequence[Look], rows: int) -> None:
    for look in looks:
        for one in look.findings:
            print(f"FAIL {look.name}: {one.subject}: {one.message} — {one.cure}")
    made = sum(not look.skipped for look in looks)
    found = sum(len(look.findings) for look in looks)
    context.narrator.say(
        f"Restored: {rows:,} rows loaded. verify: {made} checks, {found or 'no'} finding{'s' * (found != 1)}"
    )


@app.command()
def purge(
    ctx: typer.Context,
    older_than: Annotated[str, typer.Option("--older-than", help="400d, 2y or a day (2024-01-31, UTC).")],
    yes: Yes = False,
) -> None:
    """Remove activities that started before a day, for good; later listings do not bring them back."""
    from strava_stats.care.purge import parse_age  # noqa: PLC0415
    from strava_stats.care.purge import purge as cut  # noqa: PLC0415
    from strava_stats.flow import writing  # noqa: PLC0415

    context: Context = ctx.obj
    started = datetime.now(UTC)
    services = context.services()
    day = parse_age(older_than, services.clock.now().date())
    athletes = _known_athletes(context)
    question = f"Remove all that {_athletes(athletes)} started before {day} (UTC){_how_many(context, athletes, day)}?"
    if not _confirmed(context, f"{question} Backups are not touched. This cannot be undone.", yes=yes):
        return
    with _stage("purge") as stage, writing(services, "purge"):
        done = cut(services.layout, services.state, services.narrator, services.calendar, athletes=athletes, day=day)
        stage["rows"] = done.activities
    if context.as_json:
        _print_report(
            "purge",
            started,
            [stage],
            partial=bool(done.archives_left),
            activities=done.activities,
            journals=done.journals,
            freed_bytes=done.freed_bytes,
            floors={str(athlete): floor.day.isoformat() for athlete, floor in done.floors.items()},
            archives=done.archives,
            archives_left=done.archives_left,
        )
    context.narrator.say(
        f"{done.activities:,} activities removed, {done.journals:,} journals and {done.archives:,} archives rewritten, "
        f"{done.freed_bytes / MB:,.1f} MB freed. Nothing that started before {day} comes in any more"
    )
    _say_what_is_left(context, done.archives_left)


@app.command()
def forget(
    ctx: typer.Context,
    local_only: Annotated[
        bool, typer.Option("--local-only", help="Do not revoke at Strava: remove what is here alone.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Revoke an athlete's access at Strava and remove the athlete here: tokens, data, state, log lines."""
    from strava_stats.care.forget import forget as remove  # noqa: PLC0415
    from strava_stats.flow import writing  # noqa: PLC0415

    context: Context = ctx.obj
    started = datetime.now(UTC)
    services = context.services()
    athletes = _known_athletes(context, allow_unknown=True)
    question = f"Remove everything of {_athletes(athletes)}{'' if local_only else ', and revoke the access at Strava'}?"
    if not _confirmed(context, f"{question} Backups are not touched. This cannot be undone.", yes=yes):
        return
    stages, done = [], []
    with writing(services, "forget"):
        for athlete in athletes:
            with _stage("forget") as stage:
                revoked = _end_grant(context, athlete, local_only=local_only)
                result = remove(
                    services.layout,
                    services.state,
                    services.narrator,
                    services.calendar,
                    secrets_dir=context.settings.secrets_dir,
                    logs_dir=context.settings.logs_dir,
                    athlete_id=athlete,
                )
                result.revoked = revoked
            stages.append(stage)
            done.append(result)
            _say_forgotten(context, result, local_only=local_only)
    if context.as_json:
        _print_report("forget", started, stages, athletes=[dict(one.__dict__) for one in done])


def _end_grant(context: Context, athlete: int, *, local_only: bool) -> bool:
    """Revoke and delete the token, in this order; True when Strava confirmed. Nothing is removed when it does not."""
    token = context.tokens.load().get(athlete)
    if token is None:
        return False
    if not local_only:
        try:
            context.oauth.revoke(token.refresh_token)
        except StravaStatsError as error:
            error.hint += "; or remove only what is here: `strava-stats forget --local-only`. Nothing was removed"
            raise
    context.tokens.remove(athlete)
    return not local_only


def _say_forgotten(context: Context, one: Forgotten, *, local_only: bool) -> None:
    say = context.narrator.say
    say(
        f"Athlete {one.athlete_id}: {one.journals:,} journals and {one.archives:,} archives removed, "
        f"{one.logs:,} logs cleared of the athlete"
    )
    if one.revoked:
        say("The access is revoked at Strava, and the token is deleted")
    elif local_only:
        say("Access was not revoked: do that at https://www.strava.com/settings/apps")
    else:
        say("There was no token to revoke: if access is still granted, end it at https://www.strava.com/settings/apps")
    _say_what_is_left(context, one.archives_left)


def _say_what_is_left(context: Context, files: int) -> None:
    if files:
        context.narrator.warn(
            f"{files:,} file{'s' * (files != 1)} in data/bronze/export came by no import: look there yourself"
        )


def _known_athletes(context: Context, *, allow_unknown: bool = False) -> list[int]:
    """The athletes of this command: with a token or with data here."""
    from strava_stats.care.purge import athletes_in_bronze  # noqa: PLC0415

    known = set(context.tokens.load()) | athletes_in_bronze(context.layout)
    if context.athlete is not None and (allow_unknown or context.athlete in known):
        return [context.athlete]
    if context.athlete is not None or not known:
        raise UsageError(
            f"There is nothing of athlete {context.athlete} here" if context.athlete else "There is nothing here yet",
            f"known athletes: {', '.join(map(str, sorted(known))) or 'none'}",
        )
    return sorted(known)


def _athletes(athletes: Sequence[int]) -> str:
    return f"athlete{'s' * (len(athletes) != 1)} {', '.join(map(str, athletes)) or 'none'}"


def _how_many(context: Context, athletes: Sequence[int], day: Any) -> str:
    from strava_stats.lake.floor import Floor  # noqa: PLC0415
    from strava_stats.warehouse.query import Warehouse  # noqa: PLC0415

    with suppress(StravaStatsError), Warehouse(context.layout.warehouse) as warehouse:
        warehouse.require_current()
        count = warehouse.rows(OLDER, {"athletes": list(athletes), "floor": Floor(day).start})[0][0]
        return f": {count:,} activities"
    return ""


def _confirmed(context: Context, question: str, *, yes: bool) -> bool:
    """Ask on a terminal; UsageError where nobody can answer."""
    if yes:
        return True
    if context.as_json or not sys.stdin.isatty():
        raise UsageError("This asks first, and there is no terminal to ask at", "add --yes if you are sure")
    if typer.confirm(question, err=True):
        return True
    context.narrator.say("Nothing was changed")
    return False


def _passphrase(context: Context, *, twice: bool) -> str:
    if context.settings.backup_passphrase:
        return context.settings.backup_passphrase
    if context.as_json or not sys.stdin.isatty():
        raise ConfigurationError("--with-secrets needs a passphrase", "set BACKUP_PASSPHRASE, or run it on a terminal")
    return str(typer.prompt("Passphrase for the tokens", hide_input=True, confirmation_prompt=twice, err=True))


def _sealed_tokens(context: Context) -> bytes:
    from strava_stats.care.tokens import seal  # noqa: PLC0415

    with context.tokens.locked():
        if not context.tokens.load():
            raise NotAuthorised(
                "There are no tokens to back up", "leave --with-secrets out, or run `strava-stats auth`"
            )
        content = context.tokens.path.read_bytes()
    return seal(content, _passphrase(context, twice=True))


def _unsealed_tokens(context: Context, opened: Backup) -> bytes:
    from strava_stats.care.archive import TOKENS  # noqa: PLC0415
    from strava_stats.care.tokens import unseal  # noqa: PLC0415

    if TOKENS not in opened.manifest.files:
        raise UsageError(f"{opened.path} was made without tokens", "leave --with-secrets out, then `strava-stats auth`")
    content = unseal(opened.read(TOKENS), _passphrase(context, twice=False))
    if _stored_tokens(context) not in {None, content}:
        raise UsageError(
            f"{context.tokens.path} is there already", "move it away, or leave --with-secrets out and keep it"
        )
    return content


def _stored_tokens(context: Context) -> bytes | None:
    path = context.tokens.path
    return path.read_bytes() if path.exists() else None


def _store_tokens(context: Context, content: bytes) -> None:
    from strava_stats.files import make_folder, write_atomic  # noqa: PLC0415

    make_folder(context.tokens.path.parent, 0o700)
    with context.tokens.locked():
        if _stored_tokens(context) is None:
            write_atomic(context.tokens.path, content, mode=0o600)


@contextmanager
def _stage(name: str) -> Iterator[dict[str, Any]]:
    stage: dict[str, Any] = {"name": name, "seconds": 0.0, "calls": 0, "rows": 0}
    started = time.monotonic()
    yield stage
    stage["seconds"] = round(time.monotonic() - started, 3)


def _print_report(
    command: str, started: datetime, stages: Sequence[dict[str, Any]], *, partial: bool = False, **more: Any
) -> None:
    from strava_stats.cli.output import print_json  # noqa: PLC0415

    print_json(report(command, "partial" if partial else "ok", started, stages, **more))

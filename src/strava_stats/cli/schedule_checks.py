"""What `schedule --doctor` looks at, beside all that `doctor` does: whatever keeps a flow from running by itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from strava_stats.cli.checks import Check, examine, guarded
from strava_stats.cli.context import Context
from strava_stats.cli.inspect import stand
from strava_stats.errors import NotAuthorised

if TYPE_CHECKING:
    from strava_stats.scheduler.memory import Memory

OTHERS = 0o077
CERTIFICATES = frozenset({".pem", ".crt", ".cer"})  # public by nature
LONGEST_HOLD = timedelta(days=1)
SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")


def examine_schedule(context: Context, *, offline: bool) -> list[Check]:
    """All checks."""
    # First, because loading the tokens tightens the mode of their file.
    modes = guarded("secrets' modes", _modes, context)
    checks = examine(context, offline=offline)
    if "settings" not in context.__dict__:
        return checks
    looks: list[tuple[str, Callable[[Context], Check]]] = [
        ("data mount", lambda one: _mount("data mount", one.settings.data_dir)),
        ("secrets mount", lambda one: _mount("secrets mount", one.settings.secrets_dir)),
        ("logs mount", lambda one: _mount("logs mount", one.settings.logs_dir)),
        ("cron file", _cron_file),
        ("next run", _next_run),
        ("last success", _last_success),
        ("writer lock", _writer_lock),
        ("heartbeat", _heartbeat),
        ("docker socket", lambda _: _docker_socket()),
    ]
    return [*checks, modes, *(guarded(name, look, context) for name, look in looks)]


def _modes(context: Context) -> Check:
    folder = context.settings.secrets_dir
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    private = [path for path in files if path.suffix not in CERTIFICATES]
    open_ones = [path for path in [folder, *private] if path.exists() and path.stat().st_mode & OTHERS]
    named = " ".join(str(path) for path in open_ones)
    return Check(
        "secrets' modes",
        not open_ones,
        f"others can read or enter {named}" if open_ones else f"{folder}: for this user alone",
        f"chmod go= {named}",
    )


def _mount(name: str, path: Path) -> Check:
    uid = os.geteuid()
    if not path.is_dir():
        return Check(name, ok=False, detail=f"{path} is no folder", cure=f"make it, owned by uid {uid}, and mount it")
    status = path.stat()
    seen = f"{path}, owner {status.st_uid}, mode {status.st_mode & 0o7777:04o}"
    usable = os.access(path, os.R_OK | os.W_OK | os.X_OK)
    return Check(
        name,
        usable,
        f"{seen}, uid {uid} {'can' if usable else 'cannot'} write there",
        f"give it to this user (chown -R {uid} on the host), and mount it writable",
    )


def _cron_file(context: Context) -> Check:
    from strava_stats.cli.schedule import read_cron  # noqa: PLC0415

    table = read_cron(context)
    memory = _memory(context)
    stale = _alive(context, memory) and memory.cron_digest != table.digest
    lines = f"{len(table.lines)} line{'s'[: len(table.lines) != 1]}"
    return Check(
        "cron file",
        not stale,
        f"{context.settings.cron_file}: {lines}" + (", but the running scheduler has other ones" if stale else ""),
        "half a minute after an edit it should know them: restart it, and see that it reads this very file",
    )


def _next_run(context: Context) -> Check:
    from strava_stats.cli.schedule import read_cron  # noqa: PLC0415

    table = read_cron(context)
    memory = _memory(context)
    now = context.clock.now()
    (due,) = table.upcoming(now, 1)
    differs = _alive(context, memory) and memory.zone != table.zone.key
    return Check(
        "next run",
        not differs,
        f"{due.at.astimezone(table.zone):%Y-%m-%d %H:%M %Z}, {table.zone.key}; now "
        f"{now.astimezone(table.zone):%Y-%m-%d %H:%M %Z}"
        + (f", but the running scheduler goes by {memory.zone}" if differs else ""),
        "restart the scheduler: TZ has been changed since it began",
    )


def _last_success(context: Context) -> Check:
    if not context.tokens.load():
        raise NotAuthorised("no athlete has given access yet", "run `strava-stats auth`")
    found, _ = stand(context)
    stale = [line.partition(": run ")[0] for one in found for line in one.stale]
    ended = [f"athlete {one.athlete_id}: {one.last_success:%Y-%m-%d %H:%M} UTC" for one in found if one.last_success]
    return Check(
        "last success",
        not stale,
        "; ".join(stale or ended),
        "logs/scheduler/cron.log tells why; `strava-stats schedule --now` tries at once",
    )


def _writer_lock(context: Context) -> Check:
    import filelock  # noqa: PLC0415

    note = context.layout.lock.with_suffix(".json")
    try:
        held = json.loads(note.read_bytes())
        since = datetime.fromisoformat(held["since"])
        who = f"`{held['command']}` (process {held['pid']}) has been writing since {since:%Y-%m-%d %H:%M} UTC"
    except FileNotFoundError:
        return Check("writer lock", ok=True, detail="free")
    except (OSError, ValueError, KeyError, TypeError):
        since, who = datetime.now(UTC), "another run is writing"
    try:  # only where a note stands: a flow that begins this very moment would find the lock taken
        with filelock.FileLock(context.layout.lock, timeout=0):
            return Check("writer lock", ok=True, detail="free; a killed run left its note")
    except filelock.Timeout:
        pass
    return Check(
        "writer lock",
        context.clock.now() - since <= LONGEST_HOLD,
        who,
        "a backfill may take days: `strava-stats status` tells whether it moves; else end that process",
    )


def _heartbeat(context: Context) -> Check:
    from strava_stats.scheduler.memory import pulse  # noqa: PLC0415

    alive, text = pulse(_memory(context), context.clock.now())
    return Check("heartbeat", alive, text, "start the scheduler: `make schedule-up`")


def _docker_socket() -> Check:
    mounts = Path("/proc/self/mountinfo")
    found = docker_access(
        mounts.read_text(encoding="utf-8", errors="replace") if mounts.exists() else "",
        [path for path in SOCKETS if Path(path).exists()],
        os.environ,
        in_container=any(Path(mark).exists() for mark in CONTAINER_MARKS),
    )
    return Check(
        "docker socket",
        not found,
        ", ".join(found) or "none in reach of this process's container",
        "take it out of the compose file: it is root on the host, and nothing here needs it",
    )


def docker_access(mountinfo: str, sockets: list[str], environ: Mapping[str, str], *, in_container: bool) -> list[str]:
    """The ways to the container engine that this process has been given; on the host itself they are the host's."""
    points = [line.split()[4] for line in mountinfo.splitlines() if len(line.split()) > 4]  # noqa: PLR2004
    found = [f"{point} is mounted" for point in points if point.endswith("docker.sock")]
    if in_container:
        found += [f"{path} exists" for path in sockets if not any(path in one for one in found)]
        found += [f"DOCKER_HOST={environ['DOCKER_HOST']}"] if environ.get("DOCKER_HOST") else []
    return found


def _memory(context: Context) -> Memory:
    from strava_stats.scheduler.memory import MemoryFile  # noqa: PLC0415

    return MemoryFile(context.layout.state).load()


def _alive(context: Context, memory: Memory) -> bool:
    from strava_stats.scheduler.memory import pulse  # noqa: PLC0415

    return pulse(memory, context.clock.now())[0]

"""What the scheduler remembers: `data/state/scheduler.json`, which is its heartbeat too."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from strava_stats.files import make_folder, write_atomic

FILE_NAME = "scheduler.json"
FRESH = timedelta(minutes=5)
"""A heartbeat is written every minute; five allow for a slow disk."""

ALLOWED = timedelta(hours=2)
"""What a scheduled flow may take, retries included, before its data counts as stale."""
LONGEST = timedelta(hours=26)
"""The same for one that still runs: it may wait for quarter hours all day."""

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Pending(msgspec.Struct, frozen=True):
    """A run that has to be made: the newest due time it stands for, and how many in all."""

    due_at: Instant
    options: tuple[str, ...] = ()
    covers: int = 1
    tries: int = 0
    not_before: Instant | None = None


class Memory(msgspec.Struct, frozen=True):
    """All that is remembered. What had fallen due by `heartbeat_at` is done, in `running` or in `pending`."""

    heartbeat_at: Instant | None = None
    pid: int | None = None
    """None when the scheduler ended as it should."""
    version: str | None = None
    """The build that runs: `doctor` says when it is not the one that asks."""
    zone: str | None = None
    next_due_at: Instant | None = None
    last_due_at: Instant | None = None
    last_started_at: Instant | None = None
    last_finished_at: Instant | None = None
    last_exit_code: int | None = None
    cron_digest: str | None = None
    caught_up: int = 0
    """Missed due times that the last run made good."""
    running: Pending | None = None
    pending: tuple[Pending, ...] = ()
    """At most one for each set of options."""
    recent: tuple[Instant, ...] = ()
    """Due times of the last day that led to a run: they do not lead to another when the clock is set back."""


class MemoryFile:
    """The file; a broken one counts as none, because everything in it can be lost."""

    def __init__(self, state: Path) -> None:
        self.path = state / FILE_NAME

    def load(self) -> Memory:
        """What was remembered last."""
        with suppress(OSError, msgspec.MsgspecError, ValueError):
            return msgspec.json.decode(self.path.read_bytes(), type=Memory)
        return Memory()

    def save(self, memory: Memory) -> None:
        """Durable when this returns; StravaStatsError when it cannot be written."""
        make_folder(self.path.parent)
        write_atomic(self.path, msgspec.json.encode(memory) + b"\n")


def expected_by(memory: Memory, now: datetime) -> datetime | None:
    """The newest due time whose flow should have ended well by `now`; None when there is none.

    It needs no scheduler that lives: a dead one has left the time that it was waiting for.
    """
    running = memory.running.due_at if memory.running is not None and pulse(memory, now)[0] else None
    allowed = {at: LONGEST if at == running else ALLOWED for at in (memory.last_due_at, memory.next_due_at) if at}
    return max((at for at, time in allowed.items() if at + time <= now), default=None)


def pulse(memory: Memory, now: datetime) -> tuple[bool, str]:
    """Whether a scheduler is alive by its heartbeat, and what to say of it."""
    if memory.heartbeat_at is None:
        return False, "no scheduler has run here yet"
    age = now - memory.heartbeat_at
    if memory.pid is None:
        return False, f"the last scheduler ended at {memory.heartbeat_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    seen = f"process {memory.pid}, last heartbeat {memory.heartbeat_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if age < -FRESH:
        return False, f"{seen}, which lies in the future"
    return age <= FRESH, f"{seen}, {max(0, round(age.total_seconds()))} s ago"

"""What to do now: pure functions over the memory, the cron table and the clock.

`notice` takes up what has fallen due, `next_step` says run or wait, `begin` and `finish` note a run. All memory is a
value; the caller keeps it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from strava_stats.scheduler.cron import Due, Options, Table
from strava_stats.scheduler.memory import Memory, Pending

LATE = timedelta(minutes=5)
"""A run that begins later than this behind its due time is called a catch-up."""
LOOK_BACK = timedelta(days=366)
"""Missed times are not counted further back; the newest one is always among them."""
SET_BACK = timedelta(days=1)
"""A clock set back by more than this was wrong before: what it noted then counts for nothing."""
RETRY_MINUTES = (15, 30, 60)
"""After a try that may go better later: the first within the quarter hour of Strava's limits, then hourly."""
MOST_TRIES = 24
UNREACHABLE, TRY_LATER, INTERRUPTED = 69, 75, 130


def notice(memory: Memory, table: Table, now: datetime) -> Memory:
    """Take up what has fallen due since the last look: for each set of options, one run stands for all of it."""
    recent = tuple(one for one in memory.recent if abs(one - now) <= SET_BACK)
    since = max(min(memory.heartbeat_at or now, now), now - LOOK_BACK)
    fallen: dict[Options, list[datetime]] = {}
    for due in table.due_between(since, now):
        if due.at not in recent:
            fallen.setdefault(due.options, []).append(due.at)
    pending = {one.options: _within_reach(one, now) for one in memory.pending}
    for options, times in fallen.items():
        before = pending.get(options)
        pending[options] = Pending(times[-1], options, len(times) + (before.covers if before else 0))
    return msgspec.structs.replace(
        memory,
        heartbeat_at=now,
        pending=tuple(pending.values()),
        recent=recent + tuple(sorted({times[-1] for times in fallen.values()})),
    )


def _within_reach(one: Pending, now: datetime) -> Pending:
    """A wait that was noted by a clock which has been set back since is cut to the longest there is."""
    latest = now + timedelta(minutes=RETRY_MINUTES[-1])
    if one.not_before is None or one.not_before <= latest:
        return one
    return msgspec.structs.replace(one, not_before=latest)


def next_due(memory: Memory, table: Table, now: datetime) -> Due:
    """The next time that will lead to a run."""
    return next(due for due in table.due_after(now) if due.at not in memory.recent)


def next_step(memory: Memory, table: Table, now: datetime) -> Pending | datetime:
    """A run to begin now, or the instant to wait for."""
    ready = [one for one in memory.pending if one.not_before is None or one.not_before <= now]
    if ready:
        return min(ready, key=lambda one: one.due_at)
    waits = [one.not_before for one in memory.pending if one.not_before is not None]
    return min([next_due(memory, table, now).at, *waits])


def begin(memory: Memory, run: Pending, now: datetime) -> Memory:
    """Note that a run begins: it stays in `running` until `finish`, also when nobody lives to call that."""
    late = now - run.due_at > LATE
    return msgspec.structs.replace(
        memory,
        running=msgspec.structs.replace(run, tries=run.tries + 1, not_before=None),
        pending=tuple(one for one in memory.pending if one is not run),
        last_due_at=run.due_at,
        last_started_at=now,
        caught_up=run.covers - (not late),
    )


def finish(memory: Memory, code: int | None, now: datetime) -> Memory:
    """Note how the run ended; what may go better later is pending again. None: it could not be started."""
    run = memory.running
    assert run is not None
    ended = msgspec.structs.replace(memory, running=None, last_finished_at=now, last_exit_code=code)
    return _again(ended, run, now + retry_wait(run.tries)) if is_worth_a_retry(code) else ended


def resume(memory: Memory, now: datetime) -> Memory:
    """Take up a run that a dead scheduler left: the first time at once, then ever later, lest it kills us each time."""
    run = memory.running
    if run is None:
        return memory
    wait = timedelta(0) if run.tries <= 1 else retry_wait(run.tries - 1)
    return _again(msgspec.structs.replace(memory, running=None), run, now + wait)


def _again(memory: Memory, run: Pending, not_before: datetime) -> Memory:
    """The run is pending again, or covered by the one of the same options that has fallen due meanwhile."""
    if run.tries >= MOST_TRIES:
        return memory
    newer = next((one for one in memory.pending if one.options == run.options), None)
    if newer is None:
        pending = (*memory.pending, msgspec.structs.replace(run, not_before=not_before))
    else:
        merged = msgspec.structs.replace(newer, covers=newer.covers + run.covers)
        pending = tuple(merged if one is newer else one for one in memory.pending)
    return msgspec.structs.replace(memory, pending=pending)


def is_worth_a_retry(code: int | None) -> bool:
    """Strava away, budget or lock taken, interrupted, killed (a negative code), or not even started."""
    return code is None or code < 0 or code in {UNREACHABLE, TRY_LATER, INTERRUPTED}


def retry_wait(tries: int) -> timedelta:
    """How long to wait after so many tries."""
    return timedelta(minutes=RETRY_MINUTES[min(tries, len(RETRY_MINUTES)) - 1])

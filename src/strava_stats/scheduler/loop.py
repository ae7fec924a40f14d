"""The loop: looks every half minute, runs what is due, and outlives whatever becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from strava_stats.clock import Clock
from strava_stats.errors import ConfigurationError, StravaStatsError
from strava_stats.scheduler import decide
from strava_stats.scheduler.child import Child, Runner
from strava_stats.scheduler.cron import CheckOptions, Table, parse_table, read_table
from strava_stats.scheduler.cron_log import CronLog
from strava_stats.scheduler.memory import MemoryFile, Pending
from strava_stats.settings import build_name

SLICE = 30.0
"""Seconds of the longest sleep: an edit, a wake-up or a clock that was set is noticed within it."""
CHILD_SLICE = 1.0
BEAT = timedelta(minutes=1)
TOLD_AFTER = 3
"""Tries after which a failure that is still retried is told of."""
GRACE = timedelta(seconds=45)
"""What a flow gets to publish what it has before it is killed."""

MEANINGS = {
    1: "a bug",
    2: "its options make no sense",
    65: "corrupt data",
    69: "Strava unreachable",
    75: "try again later",
    77: "not authorised",
    78: "configuration",
    130: "interrupted",
}


class Scheduler:
    """One scheduler; `stopping` is asked between any two steps."""

    def __init__(
        self,
        cron_file: Path,
        zone: str,
        *,
        check_options: CheckOptions,
        memory_file: MemoryFile,
        runner: Runner,
        log: CronLog,
        clock: Clock,
        pid: int,
        stopping: Callable[[], bool],
        tell: Callable[[str, str], str | None] = lambda _title, _body: None,
        slice_seconds: float = SLICE,
    ) -> None:
        self.cron_file = cron_file
        self.zone = zone
        self.check_options = check_options
        self.memory_file = memory_file
        self.runner = runner
        self.log = log
        self.clock = clock
        self.stopping = stopping
        self.tell = tell
        self.slice_seconds = slice_seconds
        self.table = read_table(cron_file, zone, check_options)
        self._seen = self.cron_file.read_bytes()
        self._unreadable = False
        self._saved_at: datetime | None = None
        self._saving_fails = False
        self.memory = msgspec.structs.replace(memory_file.load(), pid=pid, version=build_name(), zone=zone)

    def run(self) -> None:
        """Until `stopping`."""
        now = self._now()
        before = self.memory.heartbeat_at
        left = self.memory.running
        self.memory = decide.resume(self.memory, now)
        self.log.say(f"starts as process {self.memory.pid} with {self.cron_file}; {self._outlook(now)}")
        if before is not None and now - before > BEAT * 2:
            self.log.say(f"was last alive at {self.log.local(before)}")
        if left is not None:
            self.log.say(f"the flow that was due at {self.log.local(left.due_at)} had not ended: it is made again")
        while not self.stopping():
            self.runner.reap(None)
            now = self._look()
            step = decide.next_step(self.memory, self.table, now)
            if isinstance(step, Pending):
                self._carry_out(step)
            else:
                self.clock.sleep(min(self.slice_seconds, max(0.0, (step - self.clock.now()).total_seconds())))
        self._look()
        self.memory = msgspec.structs.replace(self.memory, pid=None)
        self._save()
        self.log.say("ends")

    # ------------------------------------------------------------------------------------------------ looking

    def _now(self) -> datetime:
        return self.clock.now().replace(microsecond=0)

    def _look(self) -> datetime:
        """Notice the time, an edit of the cron file and what has fallen due, and remember it."""
        now = self._now()
        self._reload(now)
        before = self.memory
        if before.heartbeat_at is not None and before.heartbeat_at > now + timedelta(seconds=2):
            self.log.say(f"the clock was set back from {self.log.local(before.heartbeat_at)}")
        self.memory = decide.notice(before, self.table, now)
        changed = self.memory.pending != before.pending
        if changed or self._saved_at is None or abs(now - self._saved_at) >= BEAT:
            self._save()
        return now

    def _reload(self, now: datetime) -> None:
        try:
            content = self.cron_file.read_bytes()
        except OSError as error:
            if not self._unreadable:
                self.log.say(f"{self.cron_file} cannot be read ({error.strerror}): its lines stay in force")
            self._unreadable = True
            return
        self._unreadable = False
        if content == self._seen:
            return
        self._seen = content
        try:
            table = parse_table(content, self.cron_file, self.zone, self.check_options)
        except ConfigurationError as error:
            self.log.say(f"the lines before this edit stay in force: {error}")
            return
        self._take_over(table, now)

    def _take_over(self, table: Table, now: datetime) -> None:
        """What fell due before the edit was seen is still due by the old lines."""
        self.memory = decide.notice(self.memory, self.table, now)
        self.table = table
        self.log.say(f"{self.cron_file} was edited; {self._outlook(now)}")
        self._save()

    def _save(self) -> None:
        now = self._now()
        upcoming = decide.next_due(self.memory, self.table, now)
        self.memory = msgspec.structs.replace(self.memory, next_due_at=upcoming.at, cron_digest=self.table.digest)
        try:
            self.memory_file.save(self.memory)
        except (StravaStatsError, OSError) as error:
            if not self._saving_fails:
                self.log.say(f"what is remembered cannot be saved: {error}")
            self._saving_fails = True
        else:
            self._saving_fails = False
        self._saved_at = now

    def _outlook(self, now: datetime) -> str:
        return f"next due at {self.log.local(decide.next_due(self.memory, self.table, now).at)}"

    # ------------------------------------------------------------------------------------------------- running

    def _carry_out(self, run: Pending) -> None:
        self.memory = decide.begin(self.memory, run, self._now())
        self._save()  # before the child lives: a crash from here on leaves a run to take up, never one unheard of
        self.log.say(self._announcement(run))
        beginning = self.log.size()
        code = run_flow(
            self.runner, run.options, log=self.log, clock=self.clock, stopping=self.stopping, look=self._look
        )
        if self.stopping() and decide.is_worth_a_retry(code):
            self.log.say(f"flow was ended ({explain_code(code)}); it goes on with the next start of the scheduler")
            return
        failed_before = self.memory.last_finished_at is not None and self.memory.last_exit_code != 0
        self.memory = decide.finish(self.memory, code, self._now())
        self._save()
        verdict = self._verdict(run, code, beginning)
        self.log.say(verdict)
        self._tell(run, code, verdict, failed_before=failed_before)

    def _tell(self, run: Pending, code: int | None, verdict: str, *, failed_before: bool) -> None:
        """Somebody wants to know of a failure that a retry or two did not mend, and that it is over."""
        is_final = not any(one.options == run.options for one in self.memory.pending)
        if code == 0 and failed_before:
            failure = self.tell("Strava sync works again", verdict)
        elif code != 0 and (is_final or run.tries + 1 == TOLD_AFTER):
            failure = self.tell("Strava sync failed", verdict)
        else:
            return
        if failure:
            self.log.say(failure)

    def _announcement(self, run: Pending) -> str:
        due = self.log.local(run.due_at)
        options = " ".join(["flow", *run.options])
        if run.tries:
            return f"{options} again, try {run.tries + 1}: was due at {due}"
        if not self.memory.caught_up:
            return f"{options} is due ({due})"
        times = f"{run.covers} missed times, the last at" if run.covers > 1 else "the missed time"
        return f"{options} catches up on {times} {due}"

    def _verdict(self, run: Pending, code: int | None, beginning: int) -> str:
        now = self._now()
        outlook = self._outlook(now)
        if code == 0:
            return f"flow ended well; {outlook}"
        again = next((one for one in self.memory.pending if one.options == run.options), None)
        if again is not None:
            outlook = f"it is tried again at {self.log.local(again.not_before or now)}"
        said = self.log.last_failure(beginning).rstrip(".")
        return f"flow ended with {explain_code(code)}{': ' if said else ''}{said}; {outlook}"


def run_flow(
    runner: Runner,
    options: Sequence[str],
    *,
    log: CronLog,
    clock: Clock,
    stopping: Callable[[], bool],
    look: Callable[[], object] = lambda: None,
) -> int | None:
    """One flow from beginning to end; its exit code, None when it could not be started.

    When we have to stop, it is asked to end, and killed when it takes too long.
    """
    try:
        child = runner.start(options)
    except (OSError, StravaStatsError) as error:
        log.say(f"flow cannot be started: {error}")
        return None
    asked_at: datetime | None = None
    while (code := child.poll()) is None:
        if stopping():
            asked_at = _end(child, asked_at, log, clock)
        look()
        runner.reap(child)
        log.show_new()
        clock.sleep(CHILD_SLICE)
    log.show_new()
    return code


def _end(child: Child, asked_at: datetime | None, log: CronLog, clock: Clock) -> datetime:
    now = clock.now()
    if asked_at is None:
        log.say(f"asked to stop: the flow gets {GRACE.seconds} s to end")
        child.terminate()
        return now
    if now - asked_at > GRACE:
        log.say("the flow did not end in time and is killed; what it has fetched is kept")
        child.kill()
    return asked_at


def explain_code(code: int | None) -> str:
    """An exit code in words."""
    if code is None:
        return "no start"
    if code < 0:
        return f"signal {-code}"
    meaning = MEANINGS.get(code)
    return f"exit code {code} ({meaning})" if meaning else f"exit code {code}"

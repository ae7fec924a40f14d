"""One scheduler a data folder, and the one that runs in the background of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import filelock

from strava_stats.clock import Clock
from strava_stats.errors import Locked, StravaStatsError, TryAgainLater
from strava_stats.files import disk_errors, make_folder
from strava_stats.scheduler.loop import GRACE
from strava_stats.scheduler.memory import MemoryFile, pulse

PID_FILE = "scheduler.pid"
LOCK_FILE = "scheduler.lock"
POLL = 0.05
LONGEST_START = timedelta(seconds=30)


@contextmanager
def only_one(state: Path, clock: Clock, *, background: bool) -> Iterator[None]:
    """Hold the lock of the scheduler; Locked says who has it. A kill releases it.

    The pid file is there while a background process holds the lock, and is believed only then: a number that a
    killed one left, or that means something else outside a container, is never sent a signal.
    """
    make_folder(state)
    pid_file = state / PID_FILE
    with disk_errors(state / LOCK_FILE):
        lock = filelock.FileLock(state / LOCK_FILE)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            who = pulse(MemoryFile(state).load(), clock.now())[1]
            raise Locked(f"A scheduler runs already: {who}", "end it first: `strava-stats schedule --stop`") from error
    try:
        with disk_errors(pid_file):
            pid_file.unlink(missing_ok=True)
            if background:
                pid_file.write_text(f"{os.getpid()}\n")
        yield
    finally:
        with disk_errors(pid_file):
            pid_file.unlink(missing_ok=True)
        lock.release()


def is_held(state: Path) -> bool:
    """Whether a scheduler runs on this data folder, wherever it was started."""
    if not (state / LOCK_FILE).exists():
        return False
    lock = filelock.FileLock(state / LOCK_FILE)
    try:
        with disk_errors(state / LOCK_FILE), lock.acquire(timeout=0):
            return False
    except filelock.Timeout:
        return True


def start(command: Sequence[str], state: Path, log_file: Path, clock: Clock) -> int:
    """Start `command` in a session of its own and wait until it holds the lock; its process id."""
    make_folder(log_file.parent)
    with disk_errors(log_file), log_file.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    give_up_at = clock.now() + LONGEST_START
    while _pid(state) != process.pid:
        if process.poll() is not None or clock.now() > give_up_at:
            raise StravaStatsError("The scheduler did not start", f"its last lines in {log_file} say why")
        clock.sleep(POLL)
    return process.pid


def stop(state: Path, clock: Clock) -> int | None:
    """End the background scheduler and wait for it, its flow included; its process id, None when none runs."""
    if not is_held(state):
        return None
    pid = _pid(state)
    if pid is None:
        raise TryAgainLater(
            "The scheduler that runs was not started by `schedule --start`",
            "end it where it was started: Ctrl-C, or the container engine's stop",
        )
    os.kill(pid, signal.SIGTERM)
    give_up_at = clock.now() + GRACE * 2
    while is_held(state):
        if clock.now() > give_up_at:
            raise TryAgainLater(f"The scheduler (process {pid}) does not end", f"end it with: kill -9 {pid}")
        clock.sleep(POLL)
    return pid


def _pid(state: Path) -> int | None:
    try:
        return int((state / PID_FILE).read_text())
    except (OSError, ValueError):
        return None

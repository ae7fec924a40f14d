"""`strava-stats flow` as a process of its own, and the duties of a process that has children."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from strava_stats.errors import StravaStatsError
from strava_stats.scheduler.cron_log import CronLog


class Child(Protocol):
    """A running flow."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


class Runner(Protocol):
    """Starts flows."""

    def start(self, options: Sequence[str]) -> Child:
        """Begin a flow; OSError or StravaStatsError when that is not possible."""

    def reap(self, own: Child | None) -> None:
        """Bury processes that were left to us, all but `own`."""


class FlowRunner:
    """Runs this Python's `strava_stats`; what it says goes straight to the log, whatever becomes of us."""

    def __init__(self, global_options: Sequence[str], log: CronLog) -> None:
        self.command = [sys.executable, "-m", "strava_stats", *global_options]
        self.log = log

    def start(self, options: Sequence[str]) -> Child:
        """A flow in a session of its own: Ctrl-C reaches it through us alone, and once."""
        try:
            output = self.log.open()
        except (OSError, StravaStatsError):  # told by the log itself; a sync without a log is better than none
            output = os.open(os.devnull, os.O_WRONLY)
        try:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and checked options
                [*self.command, "flow", *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            os.close(output)

    def reap(self, own: Child | None) -> None:
        """In a container we are process 1, and whoever loses its parent becomes our child."""
        if os.getpid() == 1:
            bury_orphans(own.pid if own else None)


def bury_orphans(own: int | None) -> None:
    """Take the exit codes of dead children, but leave that of `own` for whoever asks for it."""
    with suppress(ChildProcessError):
        while dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if dead.si_pid == own:
                return
            os.waitpid(dead.si_pid, 0)

"""A clock whose sleep ends when a signal comes, and who asked us to stop."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from strava_stats.clock import SystemClock

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class SignalClock(SystemClock):
    """The machine's clock; `stopping` is set by SIGTERM, SIGINT or SIGHUP. Made by `listening`."""

    def __init__(self, wake: int) -> None:
        self.stopping = False
        self._wake = wake

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass, or less when a signal comes: a child's end, or the wish that we stop."""
        select.select([self._wake], [], [], max(0.0, seconds))
        with suppress(BlockingIOError):
            os.read(self._wake, 4096)

    def stop(self, *_: Any) -> None:
        """The handler."""
        self.stopping = True


@contextmanager
def listening() -> Iterator[SignalClock]:
    """Listen to signals; a byte in a pipe for each of them ends the sleep, also when it came right before."""
    wake, woken = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    clock = SignalClock(wake)
    before = {number: signal.signal(number, clock.stop) for number in STOPPING}
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
    before_wakeup = signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    try:
        yield clock
    finally:
        signal.set_wakeup_fd(before_wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(wake)
        os.close(woken)

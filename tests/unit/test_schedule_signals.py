"""A sleep that a signal ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from strava_stats.scheduler.signals import listening

NEVER = 3600.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_wish_to_stop_ends_the_sleep(number: int) -> None:
    """After SIGTERM or SIGINT the next sleep returns, and the wish is noted; outside, all is as before."""
    before = signal.getsignal(number)
    with listening() as clock:
        assert not clock.stopping
        os.kill(os.getpid(), number)
        clock.sleep(NEVER)
        assert clock.stopping
    assert signal.getsignal(number) == before


def test_a_dead_child_ends_the_sleep() -> None:
    """The end of a child is seen at once, also when it came right before the sleep, and is no wish to stop."""
    with listening() as clock:
        child = subprocess.Popen([sys.executable, "-c", ""])
        clock.sleep(NEVER)
        assert child.wait() == 0
        assert not clock.stopping
        clock.sleep(0.0)

"""Back-off between the tries of one call: exponential, full jitter, capped."""

from __future__ import annotations

import random
from collections.abc import Callable

from strava_stats.clock import Clock
from strava_stats.errors import StravaUnreachable
from strava_stats.strava.answers import Outage

ATTEMPTS = 6
START_SECONDS = 1.0
CAP_SECONDS = 60.0

OnRetry = Callable[[int, str, float], None]
"""Told before a pause: failed attempts so far, reason, seconds to wait."""


class Backoff:
    """The tries of one call."""

    __slots__ = ("_clock", "_failures", "_on_retry", "_rng")

    def __init__(self, clock: Clock, rng: random.Random, on_retry: OnRetry | None) -> None:
        self._clock = clock
        self._rng = rng
        self._on_retry = on_retry
        self._failures = 0

    def pause(self, outage: Outage) -> None:
        """Wait before the next try; raises StravaUnreachable after the sixth failure."""
        self._failures += 1
        if self._failures >= ATTEMPTS:
            raise StravaUnreachable(f"Strava gave no usable answer in {ATTEMPTS} tries: {outage.reason}", outage.hint)
        seconds = self._rng.uniform(0, min(CAP_SECONDS, START_SECONDS * 2 ** (self._failures - 1)))
        if self._on_retry is not None:
            self._on_retry(self._failures, outage.reason, seconds)
        self._clock.sleep(seconds)

"""How an activity went along its way: time, height and heart rate as functions of distance."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from random import Random

from strava_stats.simulator.facts import Facts
from strava_stats.simulator.tracks import Track, track_of


@dataclass
class Timeline:
    """One value per track point: metres from the start, seconds moving, seconds elapsed, metres above sea level."""

    distance: list[float]
    moving: list[float]
    elapsed: list[float]
    height: Sequence[float]
    heartrate: float | None

    def moving_at(self, metres: float) -> float:
        """Seconds moving until a distance is reached."""
        return interpolate(self.distance, self.moving, metres)

    def elapsed_at(self, metres: float) -> float:
        """Seconds since the start when a distance is reached."""
        return interpolate(self.distance, self.elapsed, metres)

    def height_at(self, metres: float) -> float:
        """Metres above sea level."""
        return interpolate(self.distance, self.height, metres)

    def heartrate_between(self, begin: float, end: float) -> float | None:
        """Average beats a minute over a stretch; it drifts up as the activity goes on."""
        if self.heartrate is None:
            return None
        middle = (begin + end) / 2 / self.total
        return self.heartrate * (0.95 + 0.1 * middle) + math.sin(middle * 37) * 1.7

    @cached_property
    def total(self) -> float:
        """Metres in all."""
        return self.distance[-1]

    def fastest(self, metres: float) -> tuple[int, int] | None:
        """(start, duration) in whole elapsed seconds of the fastest stretch of this length, None when too long."""
        best: tuple[float, float] | None = None
        for begin, start in zip(self.distance, self.elapsed, strict=True):
            if begin + metres > self.total:
                break
            duration = self.elapsed_at(begin + metres) - start
            if best is None or duration < best[1]:
                best = start, duration
        return None if best is None else (int(best[0]), max(math.ceil(best[1]), 1))


def timeline_of(facts: Facts) -> Timeline:
    """The timeline of an activity with a way."""
    if facts.way is None:
        raise ValueError("an activity without a way has no timeline")
    track = track_of(facts.way)
    rng = Random(facts.index * 7 + 3)
    scale = facts.distance / track.length
    moving = _pace(track, facts, rng)
    rests = _rests(rng, len(moving), facts.elapsed - facts.moving)
    elapsed = [seconds + rest for seconds, rest in zip(moving, rests, strict=True)]
    return Timeline([metres * scale for metres in track.distances], moving, elapsed, track.elevations, facts.heartrate)


def _pace(track: Track, facts: Facts, rng: Random) -> list[float]:
    waves = [(rng.uniform(3, 25), rng.uniform(0, math.tau)) for _ in range(3)]
    costs = [0.0]
    pairs = zip(track.distances, track.distances[1:], track.elevations, track.elevations[1:], strict=False)
    for begin, end, low, high in pairs:
        grade = (high - low) / (end - begin) if end > begin else 0.0
        share = end / track.length
        wobble = sum(math.sin(k * share + phase) for k, phase in waves)
        costs.append((end - begin) * max(1 + facts.sport.climb_cost * grade, 0.45) * (1 + 0.03 * wobble))
    total = list(accumulate(costs))
    return [cost * facts.moving / total[-1] for cost in total]


def _rests(rng: Random, count: int, seconds: int) -> list[int]:
    rests = [0] * count
    for part in (seconds // 3, seconds // 3, seconds - seconds // 3 * 2):
        rests[rng.randrange(1, count)] += part
    return list(accumulate(rests))


def interpolate(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """Linear interpolation in a rising `xs`; the ends beyond it."""
    place = bisect_left(xs, x)
    if place == 0:
        return ys[0]
    if place >= len(xs):
        return ys[-1]
    width = xs[place] - xs[place - 1]
    share = (x - xs[place - 1]) / width if width else 0.0
    return ys[place - 1] + share * (ys[place] - ys[place - 1])

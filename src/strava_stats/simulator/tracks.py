"""Routes as they look on a map: smooth loops and out-and-backs over gentle terrain, and their encoded polylines."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Literal

from strava_stats.simulator.places import Place

METRES_PER_DEGREE = 111_320.0
VARIANTS = 12
"""A favourite route has been recorded with this many different errors of the receiver."""
SUMMARY_POINTS = 72

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Track:
    """Points of a recorded way: degrees, metres above sea level, metres from the start (rising)."""

    points: tuple[Point, ...]
    elevations: tuple[float, ...]
    distances: tuple[float, ...]
    gain: float

    @property
    def length(self) -> float:
        """Metres."""
        return self.distances[-1]


def encode_polyline(points: Sequence[Point]) -> str:
    """Google's encoded polyline, precision 5."""
    out: list[str] = []
    last_lat = last_lng = 0
    for lat, lng in points:
        now_lat, now_lng = round(lat * 1e5), round(lng * 1e5)
        for delta in (now_lat - last_lat, now_lng - last_lng):
            value = ~(delta << 1) if delta < 0 else delta << 1
            while value >= 0x20:
                out.append(chr((0x20 | (value & 0x1F)) + 63))
                value >>= 5
            out.append(chr(value + 63))
        last_lat, last_lng = now_lat, now_lng
    return "".join(out)


def thin(points: Sequence[Point], count: int = SUMMARY_POINTS) -> list[Point]:
    """At most `count` of the points, the first and the last among them."""
    if len(points) <= count:
        return list(points)
    step = (len(points) - 1) / (count - 1)
    return [points[round(i * step)] for i in range(count)]


@dataclass(frozen=True, slots=True)
class Way:
    """What makes a route what it is: near which place, which one, metres long, metres between points, its shape."""

    place: Place
    key: int
    length: float
    step: float
    shape: Literal["loop", "out_back", "lifts"]


def build_track(way: Way) -> Track:
    """The track of a way; the same for the same way."""
    rng = Random(f"{way.place.city}:{way.key}:{way.shape}")
    if way.shape == "lifts":
        return _lifts(way.place, rng, way.length)
    count = max(int(way.length / way.step), 24)
    metres = _out_and_back(rng, way.length, count) if way.shape == "out_back" else _loop(rng, count)
    return _track(way.place, _scaled(metres, way.length), _terrain(way.place))


def _loop(rng: Random, count: int) -> list[Point]:
    waves = [(k, rng.gauss(0, 0.55) / k, rng.uniform(0, math.tau)) for k in (2, 3, 4, 5, 9, 14, 23)]
    heading = rng.uniform(0, math.tau)
    stretch = rng.uniform(0.55, 1.0)
    points = []
    for i in range(count):
        angle = math.tau * i / (count - 1)
        radius = max(1 + sum(a * math.cos(k * angle + phase) for k, a, phase in waves), 0.15)
        x, y = radius * math.cos(angle), stretch * radius * math.sin(angle)
        points.append((x * math.cos(heading) - y * math.sin(heading), x * math.sin(heading) + y * math.cos(heading)))
    x0, y0 = points[0]
    return [(x - x0, y - y0) for x, y in points]


def _out_and_back(rng: Random, length: float, count: int) -> list[Point]:
    half = count // 2
    waves = [(k, rng.gauss(0, 0.7) / k, rng.uniform(0, math.tau)) for k in (1, 2, 3, 5, 8, 13)]
    heading = rng.uniform(0, math.tau)
    x = y = 0.0
    way: list[Point] = [(0.0, 0.0)]
    stride = length / count
    for i in range(half):
        turn = heading + sum(a * math.sin(math.tau * k * i / half + phase) for k, a, phase in waves)
        x, y = x + stride * math.cos(turn), y + stride * math.sin(turn)
        way.append((x, y))
    return way + [(x + 4.0, y - 4.0) for x, y in reversed(way[:-1])]


def _lifts(place: Place, rng: Random, length: float) -> Track:
    runs = max(int(length / 5200), 2)
    top, bottom = place.ground + 1150.0, place.ground + 420.0
    metres: list[Point] = []
    heights: list[float] = []
    for _ in range(runs):
        bend, phase = rng.uniform(60, 240), rng.uniform(0, math.tau)
        for i in range(24):
            metres.append((8.0 * i / 24, 2300.0 * i / 24))
            heights.append(bottom + (top - bottom) * i / 24)
        for i in range(44):
            share = 1 - i / 44
            metres.append((300 + bend * math.sin(9 * share + phase), 2300.0 * share))
            heights.append(bottom + (top - bottom) * share)
    return _track(place, _scaled(metres, length), None, heights)


def _scaled(points: list[Point], length: float) -> list[Point]:
    total = sum(math.dist(a, b) for a, b in itertools.pairwise(points))
    return [(x * length / total, y * length / total) for x, y in points]


@lru_cache(maxsize=16)
def _terrain(place: Place) -> tuple[tuple[float, float, float, float], ...]:
    rng = Random(f"terrain:{place.city}")
    waves = []
    for wavelength in (9000, 5200, 2900, 1500, 700):
        angle = rng.uniform(0, math.tau)
        k = math.tau / wavelength
        height = place.hills * (wavelength / 9000) ** 0.9 * rng.uniform(0.6, 1.1)
        waves.append((k * math.cos(angle), k * math.sin(angle), rng.uniform(0, math.tau), height))
    return tuple(waves)


def _track(
    place: Place,
    metres: list[Point],
    terrain: tuple[tuple[float, float, float, float], ...] | None,
    heights: list[float] | None = None,
) -> Track:
    per_lng = METRES_PER_DEGREE * math.cos(math.radians(place.lat))
    points = tuple((place.lat + y / METRES_PER_DEGREE, place.lng + x / per_lng) for x, y in metres)
    if terrain is not None:
        heights = [place.ground + sum(h * math.sin(kx * x + ky * y + p) for kx, ky, p, h in terrain) for x, y in metres]
    elevations = tuple(round(height, 1) for height in heights or [])
    distances = [0.0]
    for a, b in itertools.pairwise(metres):
        distances.append(distances[-1] + math.dist(a, b))
    gain = sum(max(b - a, 0.0) for a, b in itertools.pairwise(elevations))
    return Track(points, elevations, tuple(distances), gain)


@lru_cache(maxsize=512)
def track_of(way: Way) -> Track:
    """`build_track`, remembered."""
    return build_track(way)


@lru_cache(maxsize=400)
def recorded_points(way: Way, variant: int) -> tuple[Point, ...]:
    """The points of a way as one of its recordings has them: some metres off."""
    rng = Random(way.key * VARIANTS + variant)
    drift_lat, drift_lng = rng.gauss(0, 2.5e-5), rng.gauss(0, 4e-5)
    return tuple(
        (lat + drift_lat + rng.uniform(-1.5e-5, 1.5e-5), lng + drift_lng + rng.uniform(-2e-5, 2e-5))
        for lat, lng in track_of(way).points
    )


@lru_cache(maxsize=4096)
def summary_line(way: Way, variant: int) -> tuple[str, list[float], list[float]]:
    """(thinned polyline, start_latlng, end_latlng) of one recording; the line has about 72 points."""
    points = thin(recorded_points(way, variant))
    start, end = ([round(value, 6) for value in point] for point in (points[0], points[-1]))
    return encode_polyline(points), start, end

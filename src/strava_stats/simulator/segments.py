"""The segments along the athlete's favourite routes: about forty, met again at every repetition of a route."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from strava_stats.simulator import places
from strava_stats.simulator.messages import Json
from strava_stats.simulator.tracks import Way, track_of
from strava_stats.simulator.words import segment_name

FIRST_EFFORT_ID = 3_100_000_000_000_000_000
"""Above 2^53 and below 2^63, as the ids that Strava gives to efforts nowadays."""

_PER_ROUTE = {
    places.RUN: (2, 1, 1, 1, 1),
    places.RIDE: (3, 2, 3, 2),
    places.TRAIL: (1, 1),
    places.VIRTUAL_RIDE: (2,),
}


_HOMES = (*(places.PLACES[number] for number in places.HOMES), places.VIRTUAL)


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of a route, between two shares of its length; `body` is its SummarySegment."""

    begin: float
    end: float
    body: dict[str, Json]


def segment_count(way: Way) -> int:
    """How many segments lie on a way; none on one-offs nor on trips."""
    if way.place not in _HOMES:
        return 0
    sport, number = divmod(way.key, 100)
    counts = _PER_ROUTE.get(sport, ())
    return counts[number] if way.key < 9_000 and number < len(counts) else 0


@lru_cache(maxsize=256)
def segments_of(way: Way) -> tuple[Segment, ...]:
    """The segments of a way in the order in which they are met."""
    rng = Random(f"segments:{way.place.city}:{way.key}")
    count = segment_count(way)
    return tuple(_segment(rng, way, number, count) for number in range(count))


def _segment(rng: Random, way: Way, number: int, count: int) -> Segment:
    begin = (number + rng.uniform(0.05, 0.4)) / count
    end = min(begin + rng.uniform(0.04, 0.5) / count, 0.99)
    track = track_of(way)
    last = len(track.points) - 1
    first_point, last_point = int(begin * last), max(int(end * last), int(begin * last) + 2)
    heights = track.elevations[first_point : last_point + 1]
    distance = round((end - begin) * track.length, 1)
    body: dict[str, Json] = {
        "id": 5_000_000 + way.key * 100 + number + sum(way.place.city.encode()) * 10_000,
        "resource_state": 2,
        "name": segment_name(rng),
        "activity_type": "Run" if way.key // 100 in (places.RUN, places.TRAIL) else "Ride",
        "distance": distance,
        "average_grade": round((heights[-1] - heights[0]) / distance * 100, 1),
        "maximum_grade": round(rng.uniform(3, 16), 1),
        "elevation_high": max(heights),
        "elevation_low": min(heights),
        "start_latlng": _rounded(track.points[first_point]),
        "end_latlng": _rounded(track.points[last_point]),
        "elevation_profile": None,
        "elevation_profiles": None,
        "climb_category": 0,
        "city": way.place.city,
        "state": way.place.state or None,
        "country": way.place.country,
        "private": False,
        "hazardous": False,
        "starred": rng.random() < 0.1,
    }
    return Segment(begin, end, body)


def _rounded(point: tuple[float, float]) -> list[float]:
    return [round(value, 6) for value in point]

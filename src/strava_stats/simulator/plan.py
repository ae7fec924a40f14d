"""The synthetic athlete's years in outline: when, where and which sport. Light enough for 100,000 activities.

Bodies are made later from (seed, index), so nothing here is more than a few numbers per activity.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from strava_stats.simulator import places
from strava_stats.simulator.places import HOMES, PLACES, TRIPS, utc_offset

DAY = 86_400
RACE_DAYS_A_YEAR = 5
RACE_START = 34_260
"""09:31 local time."""
WELL_DAYS = 30
"""No injury lately, so that a look at the newest days always finds something."""

_MIX = {
    "summer": (
        (places.RUN, 42),
        (places.RIDE, 25),
        (places.TRAIL, 8),
        (places.SWIM, 6),
        (places.WEIGHTS, 5),
        (places.HIKE, 4),
        (places.WALK, 4),
        (places.GRAVEL, 4),
        (places.YOGA, 1),
        (places.VIRTUAL_RIDE, 1),
    ),
    "winter": (
        (places.RUN, 42),
        (places.RIDE, 7),
        (places.VIRTUAL_RIDE, 17),
        (places.WEIGHTS, 11),
        (places.SWIM, 7),
        (places.TREADMILL, 5),
        (places.WALK, 4),
        (places.TRAIL, 3),
        (places.NORDIC, 3),
        (places.ALPINE, 2),
        (places.YOGA, 1),
    ),
    "snow": ((places.ALPINE, 60), (places.NORDIC, 25), (places.WALK, 15)),
    "hike": ((places.HIKE, 60), (places.TRAIL, 20), (places.WALK, 20)),
    "trip": ((places.RUN, 55), (places.RIDE, 25), (places.HIKE, 12), (places.SWIM, 8)),
}
_SLOTS = ((6.4, 0.5), (12.2, 0.3), (17.6, 0.8), (9.3, 0.9), (20.1, 0.4))
"""Local hours of the day at which activities begin, with their spread."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the athlete's life; `midnight` is the local one in epoch seconds."""

    midnight: int
    place: int
    mix: str
    weight: float
    race: bool


class Outline(NamedTuple):
    """One activity in outline."""

    id: int
    start: int
    sport: int
    place: int
    race: bool
    only_me: bool


def activity_id_at(epoch: float) -> int:
    """The id that an upload at this instant gets: about 1e9 in 2017, 1.5e10 in 2025, some sixty a second."""
    years = max(epoch - 1_262_304_000, 0) / 31_556_952  # since 2010
    return int(6.0e7 * years**2 + 1.0e7 * years) + 1_000


def outline_years(seed: int, activities: int, years: float, until: datetime) -> list[Outline]:
    """The activities in date order, spread over the years that end at `until`."""
    rng = Random(f"plan:{seed}")
    days = _days(rng, years, until)
    return _fill(rng, days, activities, int(until.timestamp()))


def _days(rng: Random, years: float, until: datetime) -> list[Day]:
    count = max(int(years * 365.25), 1)
    first = until.astimezone(UTC).date() - timedelta(days=count - 1)
    gaps = _spans(rng, count, per_year=0.7, length=(14, 48))
    trips = _spans(rng, count, per_year=2.6, length=(5, 13))
    races = {rng.randrange(count) for _ in range(int(RACE_DAYS_A_YEAR * count / 365) + 1)}
    races = {number + 6 - (first + timedelta(days=number)).weekday() for number in races}  # on Sundays
    trip_places = {start: rng.choice(TRIPS) for start, _ in trips}
    days = []
    for number in range(count):
        day = first + timedelta(days=number)
        trip = next((trip_places[start] for start, end in trips if start <= number < end), None)
        place = trip if trip is not None else HOMES[number > count * 0.55]
        is_hurt = number < count - WELL_DAYS and any(start <= number < end for start, end in gaps)
        days.append(_day(day, place, number / count, is_hurt, number in races and trip is None))
    return days


def _spans(rng: Random, count: int, per_year: float, length: tuple[int, int]) -> list[tuple[int, int]]:
    starts = sorted(rng.randrange(count) for _ in range(round(per_year * count / 365.25)))
    return [(start, start + rng.randint(*length)) for start in starts]


def _day(day: date, place: int, progress: float, is_hurt: bool, race: bool) -> Day:
    zone = PLACES[place].zone
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    midnight -= utc_offset(zone, midnight)
    season = math.cos((day.timetuple().tm_yday - 196) / 365.25 * math.tau)
    weekday = (1.0, 1.05, 1.1, 1.0, 0.6, 1.5, 1.6)[day.weekday()]
    weight = (0.06 if is_hurt else 1.0) * (1 + 0.3 * season) * weekday * (0.7 + 0.5 * progress)
    return Day(midnight, place, _mix_of(place, day), weight, race and not is_hurt)


def _mix_of(place: int, day: date) -> str:
    is_winter = day.month in (11, 12, 1, 2, 3)
    sports = PLACES[place].sports
    if sports == "snow":
        return "snow" if is_winter else "hike"
    if place in TRIPS:
        return "hike" if sports == "hike" else "trip"
    return "winter" if is_winter else "summer"


def _fill(rng: Random, days: list[Day], activities: int, until: int) -> list[Outline]:
    cumulative = list(accumulate(day.weight for day in days))
    chances = {
        mix: ([sport for sport, _ in pairs], list(accumulate(weight for _, weight in pairs)))
        for mix, pairs in _MIX.items()
    }
    starts = _starts(rng, days, cumulative, activities, until)
    outlines: list[Outline] = []
    used: set[int] = set()
    last_race_day = -1
    random = rng.random
    for start, number in starts:
        day = days[number]
        sports, weights = chances[day.mix]
        is_race = day.race and number != last_race_day
        sport = places.RUN if is_race else sports[bisect_right(weights, random() * weights[-1])]
        if is_race:
            last_race_day = number
        is_late = random() < 0.02
        uploaded = start + 4000 + (random() * 5 * DAY if is_late else 2000 * random())
        activity_id = activity_id_at(uploaded)
        while activity_id in used:
            activity_id += 1
        used.add(activity_id)
        only_me, hidden = random() < 0.015, random() < 0.006
        shown = _shown_start(day, start, is_race=is_race, hidden=hidden)
        outlines.append(Outline(activity_id, shown, sport, day.place, is_race, only_me))
    return outlines


def _starts(
    rng: Random, days: list[Day], cumulative: list[float], activities: int, until: int
) -> list[tuple[int, int]]:
    total = cumulative[-1]
    starts: list[tuple[int, int]] = []
    last_day, slot = -1, 0
    gauss, random = rng.gauss, rng.random
    for k in range(activities):
        number = min(bisect_right(cumulative, (k + random()) / activities * total), len(days) - 1)
        slot = slot + 1 if number == last_day else int(random() * 3)
        last_day = number
        hour, spread = _SLOTS[slot % len(_SLOTS)]
        start = days[number].midnight + int((hour + spread * gauss(0, 1)) * 3600)
        if starts and random() < 0.004:
            start, number = starts[-1]
        starts.append((min(start, until - 7200), number))
    starts.sort()
    return starts


def _shown_start(day: Day, start: int, *, is_race: bool, hidden: bool) -> int:
    if is_race:
        return min(day.midnight + RACE_START, start)
    return day.midnight + 1 if hidden else start  # a hidden start shows as 00:00:01

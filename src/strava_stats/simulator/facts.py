"""What happened in one synthetic activity: the numbers that summary, detail and samples have in common.

Everything follows from (seed, index) and the outline, so that a body made twice is the same twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

from strava_stats.simulator import places
from strava_stats.simulator.places import PLACES, SPORTS, VIRTUAL, Place, Sport
from strava_stats.simulator.plan import Outline
from strava_stats.simulator.tracks import VARIANTS, Way, track_of

MAX_HEARTRATE = 188
RACES_KM = (5.0, 10.0, 10.0, 21.1, 21.1, 42.2)
ONE_OFF_KEY = 100_000
ONE_OFFS = 96
"""Routes off the beaten track; few enough to be remembered, so that long histories are served quickly."""
RACE_KEY = 9_000


@dataclass(slots=True)
class Facts:
    """Metres, seconds, m/s, beats and revolutions a minute, watts, °C. `way` is None where no position is known."""

    index: int
    outline: Outline
    sport: Sport
    place: Place
    rng: Random
    progress: float
    manual: bool
    trainer: bool
    race_km: float | None
    way: Way | None
    variant: int
    distance: float = 0.0
    moving: int = 0
    elapsed: int = 0
    gain: float = 0.0
    heartrate: float | None = None
    max_heartrate: float | None = None
    cadence: float | None = None
    watts: float | None = None
    has_power_meter: bool = False
    temperature: int | None = None


def facts_of(seed: int, index: int, outline: Outline, progress: float) -> Facts:
    """The facts of the activity with this index. `progress` 0…1 is how far into the athlete's years it lies."""
    rng = Random(seed * 1_000_003 + index)
    sport = SPORTS[outline.sport]
    place = VIRTUAL if outline.sport == places.VIRTUAL_RIDE else PLACES[outline.place]
    race_km = rng.choice(RACES_KM) if outline.race else None
    manual = race_km is None and rng.random() < 0.02
    trainer = outline.sport in (places.TREADMILL, places.VIRTUAL_RIDE)
    way = None if manual or not sport.routes else _way(rng, index, outline, place, race_km)
    facts = Facts(index, outline, sport, place, rng, progress, manual, trainer, race_km, way, rng.randrange(VARIANTS))
    _measure(facts)
    if not manual:
        _sense(facts)
    return facts


def _way(rng: Random, index: int, outline: Outline, place: Place, race_km: float | None) -> Way:
    if race_km is not None:
        return Way(place, RACE_KEY + int(race_km * 10), race_km * 1000, 45.0, "loop")
    sport = SPORTS[outline.sport]
    number = min(int(rng.expovariate(0.55)), len(sport.routes) - 1)
    length = sport.routes[number] * 1000
    key = outline.sport * 100 + number
    if rng.random() < 0.08:
        one_off = index % ONE_OFFS
        key = ONE_OFF_KEY + outline.sport * 1000 + one_off
        length = sport.routes[one_off % len(sport.routes)] * (700 + one_off * 37 % 600)
    shape: Literal["loop", "out_back", "lifts"] = "out_back" if key % 3 == 1 else "loop"
    return Way(place, key, length, sport.step, "lifts" if outline.sport == places.ALPINE else shape)


def _measure(facts: Facts) -> None:
    rng, sport = facts.rng, facts.sport
    facts.distance, climb = _distance_and_climb(facts)
    facts.gain = round(climb * rng.gauss(1, 0.03), 1)
    if facts.distance and sport.speed:
        speed = sport.speed * _fitness(facts) * max(rng.gauss(1, 0.04), 0.85)
        speed *= (max(facts.distance, 1000) / 10_000) ** -0.05 * (1.12 if facts.race_km else 1.0)
        speed /= 1 + sport.climb_cost * climb / facts.distance
        facts.moving = max(int(facts.distance / speed), 60)
    else:
        facts.moving = rng.randint(1300, 4300)
    rests = 0.0 if facts.manual or rng.random() < 0.3 else rng.expovariate(1 / 0.05) * facts.moving
    if facts.race_km:
        rests *= 0.1
    if facts.sport.name == "AlpineSki":
        rests += facts.moving * rng.uniform(0.4, 1.1)
    facts.elapsed = facts.moving + int(min(rests, 3 * facts.moving))


def _distance_and_climb(facts: Facts) -> tuple[float, float]:
    rng = facts.rng
    if facts.way is not None:
        track = track_of(facts.way)
        return round(track.length * rng.gauss(1.002, 0.003), 1), track.gain
    if facts.sport.name == "Swim":
        return 25.0 * rng.randint(36, 130), 0.0
    if facts.sport.speed:
        kilometres = facts.sport.routes[0] if facts.sport.routes else rng.uniform(4, 12)
        return float(round(kilometres * 1000, -2 if facts.manual else 1)), 0.0
    return 0.0, 0.0


def _fitness(facts: Facts) -> float:
    season = math.cos(((facts.outline.start / 31_556_952) % 1 - 0.6) * math.tau)
    return 0.9 + 0.17 * (1 - math.exp(-3 * facts.progress)) + 0.02 * season


def _sense(facts: Facts) -> None:
    rng, sport = facts.rng, facts.sport
    effort = max(rng.gauss(1, 0.05), 0.8) * (1.12 if facts.race_km else 1.0)
    if rng.random() < sport.hr_share:
        facts.heartrate = round(min(MAX_HEARTRATE * sport.hr * effort, 179.4), 1)
        facts.max_heartrate = float(min(round(facts.heartrate * rng.uniform(1.08, 1.22)), 196))
    if rng.random() < sport.cadence_share:
        facts.cadence = round(sport.cadence * rng.gauss(1, 0.025), 1)
    if sport.watts and rng.random() < 0.85:
        facts.watts = round(sport.watts * effort * _fitness(facts), 1)
        facts.has_power_meter = rng.random() < sport.power_meter
    if rng.random() < sport.temp_share:
        season = math.cos(((facts.outline.start / 31_556_952) % 1 - 0.55) * math.tau)
        facts.temperature = round((12 if facts.place.lat > 0 else 20) + 10 * season + rng.gauss(0, 3))


def personal_rank(seed: int, index: int, slot: int) -> int | None:
    """1…3 for about one effort in seven, else None; slots below 100 are segments, from 100 on best efforts."""
    chance = (seed * 31 + index * 7919 + slot * 104_729) % 997 / 997
    return next((rank for rank, limit in ((1, 0.06), (2, 0.1), (3, 0.14)) if chance < limit), None)

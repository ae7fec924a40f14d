"""Where the synthetic athlete lives and travels, and the sports done there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Place:
    """A base: coordinates in degrees, ground level and hill height in metres; city, state, country of its segments."""

    city: str
    state: str
    country: str
    lat: float
    lng: float
    zone: str
    ground: float
    hills: float
    sports: str = "any"


PLACES = (
    Place("Edinburgh", "Scotland", "United Kingdom", 55.9412, -3.1913, "Europe/London", 62.0, 34.0),
    Place("Bergen", "Vestland", "Norway", 60.3805, 5.3327, "Europe/Oslo", 48.0, 55.0),
    Place("Adeje", "Canarias", "Spain", 28.1227, -16.7260, "Atlantic/Canary", 180.0, 120.0),
    Place("Chamonix", "Auvergne-Rhône-Alpes", "France", 45.9237, 6.8694, "Europe/Paris", 1085.0, 160.0, "snow"),
    Place("Boston", "Massachusetts", "United States", 42.3522, -71.0726, "America/New_York", 14.0, 9.0),
    Place("Pokhara", "Gandaki", "Nepal", 28.2096, 83.9587, "Asia/Kathmandu", 890.0, 190.0, "hike"),
    Place("Sydney", "New South Wales", "Australia", -33.8712, 151.2710, "Australia/Sydney", 31.0, 24.0),
)
HOMES = (0, 1)
TRIPS = (2, 3, 4, 5, 6)
VIRTUAL = Place("Watopia", "", "Solomon Islands", -11.6364, 166.9722, "Europe/London", 15.0, 40.0)
"""Indoor trainers ride on an island that is not where the rider is."""


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The zone, loaded once."""
    return ZoneInfo(name)


def utc_offset(zone: str, epoch: int) -> int:
    """Seconds east of UTC at an instant, summer time included."""
    delta = datetime.fromtimestamp(epoch, UTC).astimezone(zone_of(zone)).utcoffset()
    return int(delta.total_seconds()) if delta else 0


@lru_cache(maxsize=64)
def timezone_label(zone: str) -> str:
    """`(GMT-05:00) America/New_York`: Strava shows the standard offset, also in summer."""
    offsets = (utc_offset(zone, month * 2_629_800 + 1_704_067_200) for month in range(12))
    standard = min(offsets)
    hours, minutes = divmod(abs(standard) // 60, 60)
    return f"(GMT{'-' if standard < 0 else '+'}{hours:02d}:{minutes:02d}) {zone}"


@dataclass(frozen=True, slots=True)
class Sport:
    """How a sport looks in the data. `speed` in m/s on the flat; `hr` as a share of the maximum; `watts` at 75 kg."""

    name: str
    type: str
    speed: float
    routes: tuple[float, ...]
    """Lengths of its favourite routes in km, the most frequent first; empty: no track."""
    step: float = 30.0
    """Metres between track points."""
    climb_cost: float = 3.0
    """Share of speed lost per unit of gradient."""
    hr: float = 0.78
    hr_share: float = 0.9
    cadence: float = 0.0
    cadence_share: float = 0.0
    watts: float = 0.0
    power_meter: float = 0.0
    temp_share: float = 0.0
    suffer_share: float = 0.6
    workout_type: tuple[int, ...] = ()
    """Default, race and workout value; empty: the key is absent (keys_summary §4)."""
    gear: str = ""
    kcal_per_hour: float = 500.0


RUN, RIDE, TRAIL, SWIM, VIRTUAL_RIDE, WEIGHTS, HIKE, WALK, ALPINE, NORDIC, GRAVEL, YOGA, TREADMILL = range(13)

SPORTS = (
    Sport(
        "Run",
        "Run",
        2.95,
        (8.1, 6.4, 5.1, 10.3, 12.6, 15.2, 18.4, 21.6, 26.3, 31.8),
        30,
        3.2,
        0.79,
        0.9,
        82,
        0.85,
        0,
        0,
        0.6,
        0.9,
        (0, 1, 3),
        "g",
        720,
    ),
    Sport(
        "Ride",
        "Ride",
        7.6,
        (31.0, 22.5, 44.0, 58.0, 76.0, 104.0),
        90,
        6.5,
        0.72,
        0.8,
        81,
        0.7,
        168,
        0.55,
        0.6,
        0.7,
        (10, 11, 12),
        "b",
        620,
    ),
    Sport(
        "TrailRun",
        "Run",
        2.35,
        (9.2, 13.8, 20.7, 30.4),
        30,
        3.6,
        0.81,
        0.9,
        78,
        0.83,
        0,
        0,
        0.3,
        0.9,
        (0, 1, 3),
        "g",
        740,
    ),
    Sport("Swim", "Swim", 0.86, (), 25, 0, 0.71, 0.9, 0, 0, 0, 0, 0.15, 0.7, (), "", 480),
    Sport(
        "VirtualRide",
        "VirtualRide",
        8.6,
        (24.0, 31.5, 18.2, 42.0),
        90,
        6.0,
        0.76,
        0.97,
        86,
        1,
        184,
        1,
        0,
        0.5,
        (),
        "b",
        660,
    ),
    Sport("WeightTraining", "WeightTraining", 0, (), 0, 0, 0.58, 0.95, 0, 0, 0, 0, 0.04, 0.5, (), "", 320),
    Sport("Hike", "Hike", 1.15, (9.4, 13.2, 17.8), 30, 2.2, 0.6, 0.5, 54, 0.3, 0, 0, 0.2, 0.4, (), "", 410),
    Sport("Walk", "Walk", 1.38, (3.1, 4.6, 2.2), 25, 1.8, 0.52, 0.5, 57, 0.69, 0, 0, 0, 0.2, (), "", 280),
    Sport("AlpineSki", "AlpineSki", 4.4, (18.5, 26.0, 34.0), 60, 0, 0.6, 0.87, 0, 0, 0, 0, 0.87, 0.8, (), "", 400),
    Sport("NordicSki", "NordicSki", 3.7, (12.4, 18.6, 25.0), 40, 3.0, 0.77, 0.8, 50, 0.9, 0, 0, 0.4, 0.7, (), "", 680),
    Sport(
        "GravelRide", "Ride", 6.2, (34.0, 51.0, 68.0), 90, 6.0, 0.74, 0.6, 78, 0.6, 175, 0.4, 0.8, 0.5, (10,), "b", 620
    ),
    Sport("Yoga", "Workout", 0, (), 0, 0, 0.45, 1, 0, 0, 0, 0, 0, 0.1, (), "", 180),
    Sport("Run", "Run", 2.9, (), 0, 0, 0.77, 0.9, 83, 0.8, 0, 0, 0, 0.8, (0, 1, 3), "g", 700),
)
"""By the codes above; the last is a run on a treadmill."""

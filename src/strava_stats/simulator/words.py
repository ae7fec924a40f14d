"""Names and descriptions as people write them."""

from __future__ import annotations

from datetime import datetime
from random import Random

_DAYTIME = ((4, "Night"), (11, "Morning"), (14, "Lunch"), (18, "Afternoon"), (22, "Evening"), (24, "Night"))
_NOUNS = {"VirtualRide": "Virtual Ride", "TrailRun": "Trail Run", "WeightTraining": "Weight Training"}
_NOUNS |= {"AlpineSki": "Alpine Ski", "NordicSki": "Nordic Ski", "GravelRide": "Gravel Ride", "Yoga": "Yoga"}

_OWN_NAMES = {
    "Run": (
        "Easy loop with Anna",
        "Tempo 3 x 10 min",
        "Recovery jog",
        "Before work",
        "Long run, legs like wood",
        "6x800 @ track",
        "Parkrun 🏃‍♀️",
        "Shake-out",
        "Runde um den See",
        "Out along the canal & back",
        "Intervals <90 s rest>",
        "朝ラン",
        "Hill reps ⛰️⛰️",
        "Club night",
        "Test of the new shoes 👟",
        "🥶",
        "Rain. Again.",
        '"Easy" they said',
        "Strides + drills ",
    ),
    "Ride": (
        "Coffee ride ☕",
        "Sunday bunch",
        "Out to the lighthouse",
        "Headwind both ways",
        "Café-Runde mit Jürgen",
        "Hill 4x8'",
        "To the in-laws",
        "Spin the legs",
        "Lost in the lanes 🧭",
        "New bike day!! 🚲✨",
    ),
    "TrailRun": ("Ridge and back", "Mud, glorious mud", "Skogstur", "Vertical 🏔", "Night trail w/ headlamp"),
    "Swim": ("Pool 40x50", "CSS test", "Open lane at last", "Masters 🏊"),
    "VirtualRide": ("Zwift - Volcano Circuit in Watopia", "Zwift - Race: Crit City (C)", "FTP builder #3"),
    "WeightTraining": ("Gym", "Core & hips", "Legs 🦵"),
    "Hike": ("Up to the hut", "Poon Hill at dawn 🌄", "Family walk up the hill"),
    "Walk": ("Dog 🐕", "To the shop", "Evening stroll"),
    "AlpineSki": ("Powder!! ❄️", "First lifts", "Grands Montets"),
    "NordicSki": ("Skøyting", "Klassisk in the tracks"),
}
_RACES = {5.0: "5k", 10.0: "10k", 21.1: "Half Marathon", 42.2: "Marathon"}
_DESCRIPTIONS = (
    "Felt good until the last hill.",
    "3 km warm up, 5 x 1 km @ 4:05 (90 s), cool down.\r\n\r\nLast one was the fastest!",
    "Wind from everywhere. Coffee & cake after ☕🍰",
    "With the club.\r\nPaul had a puncture <3",
    "HR strap died again 🔋",
    "Schöne Runde, aber kalt. 寒い!",
    "Knee ok. Keep it easy this week.",
    '\tnegative split — "finally"',
)


def name_of(rng: Random, sport: str, local: datetime, city: str, race_km: float | None) -> str:
    """A title: mostly what Strava proposes, sometimes the athlete's own, a race's name on race day."""
    if race_km is not None:
        return f"{city} {_RACES.get(race_km, f'{race_km:g}k')} {local.year}{rng.choice(('', ' 🏅', ' PB!', ''))}"
    own = _OWN_NAMES.get(sport)
    if own and rng.random() < 0.38:
        return rng.choice(own)
    daytime = next(word for limit, word in _DAYTIME if local.hour < limit)
    return f"{daytime} {_NOUNS.get(sport, sport)}"


def description_of(rng: Random) -> str | None:
    """A description for about one activity in five, some with CRLF line ends as the web form sends them."""
    return rng.choice(_DESCRIPTIONS) if rng.random() < 0.2 else None


SEGMENT_WORDS = (
    ("Canal", "Old Mill", "Church", "Reservoir", "Viaduct", "Castle", "Harbour", "Quarry", "Ridge", "Orchard"),
    ("Climb", "Sprint", "Drag", "Descent", "Mile", "Loop", "Straight", "TT", "Wall", "Kicker"),
)


def segment_name(rng: Random) -> str:
    """A segment's name; some with the `&` that Strava escapes."""
    first, second = (rng.choice(words) for words in SEGMENT_WORDS)
    return f"{first} & {rng.choice(SEGMENT_WORDS[0])} {second}" if rng.random() < 0.15 else f"{first} {second}"

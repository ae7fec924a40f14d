"""The athlete's own endpoints: profile, totals, zones (athlete.json, athlete_stats.json, athlete_zones.json)."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from strava_stats.simulator.messages import Json
from strava_stats.simulator.summary_detail import short_gear
from strava_stats.simulator.world import Athlete

RECENT_SECONDS = 28 * 86_400
"""`recent_*` totals cover four weeks."""

_TOTALS = {"ride": ("Ride", "VirtualRide"), "run": ("Run",), "swim": ("Swim",)}


def summary_athlete(athlete: Athlete) -> dict[str, Json]:
    """SummaryAthlete, as in a token exchange."""
    changes = athlete.source.profile() | athlete.profile_changes
    body: dict[str, Json] = {
        "id": athlete.id,
        "username": "sample_athlete",
        "resource_state": 2,
        "firstname": "Jamie",
        "lastname": "Sample",
        "city": "Oakmont",
        "state": "ZZ",
        "country": "",
        "sex": "M",
        "premium": True,
        "summit": True,
        "created_at": "2016-03-01T12:00:00Z",
        "updated_at": "2026-09-27T12:57:32Z",
        "badge_type_id": 1,
        "profile_medium": "https://media.example.invalid/athletes/medium.jpg",
        "profile": "https://media.example.invalid/athletes/large.jpg",
        "friend": None,
        "follower": None,
    }
    return body | {key: value for key, value in changes.items() if key in body}


def detailed_athlete(athlete: Athlete) -> dict[str, Json]:
    """DetailedAthlete with gear, in the recorded key order."""
    changes = {"bio": None, "weight": 72.575, "ftp": None} | athlete.source.profile() | athlete.profile_changes
    short = summary_athlete(athlete)
    body: dict[str, Json] = {}
    for key, value in short.items():
        body[key] = value
        if key == "lastname":
            body["bio"] = changes["bio"]
        if key == "badge_type_id":
            body["weight"] = changes["weight"]
    body["resource_state"] = 3
    gear = [short_gear(item) for item in athlete.source.gear().values()]
    return body | {
        "blocked": False,
        "can_follow": True,
        "follower_count": 12,
        "friend_count": 34,
        "mutual_friend_count": 0,
        "athlete_type": 1,
        "date_preference": "%m/%d/%Y",
        "measurement_preference": "meters",
        "clubs": [],
        "postable_clubs_count": 0,
        "ftp": changes["ftp"],
        "bikes": [item for item in gear if item["id"].startswith("b")],
        "shoes": [item for item in gear if item["id"].startswith("g")],
    }


def athlete_stats(athlete: Athlete, now: float) -> dict[str, Json]:
    """ActivityStats over activities that everyone may see; sums are left with their floating-point noise.

    Parses every summary: about a second per 10,000 activities not served before.
    """
    rows = [row for row in athlete.rows(now) if row["visibility"] == "everyone"]
    year = datetime.fromtimestamp(now, UTC).strftime("%Y")
    recent = datetime.fromtimestamp(now - RECENT_SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body: dict[str, Json] = {}
    for periods in (("recent", "all"), ("ytd",)):
        for name, types in _TOTALS.items():
            for period in periods:
                chosen = [row for row in rows if row["type"] in types and _in(period, row, year, recent)]
                body[f"{period}_{name}_totals"] = _total(chosen, with_achievements=period == "recent")
    return body


def _in(period: str, row: dict[str, Json], year: str, recent: str) -> bool:
    if period == "ytd":
        return bool(row["start_date"][:4] == year)
    return period == "all" or bool(row["start_date"] >= recent)


def _total(rows: list[dict[str, Json]], *, with_achievements: bool) -> dict[str, Json]:
    total: dict[str, Json] = {"count": len(rows)}
    for key in ("distance", "moving_time", "elapsed_time"):
        total[key] = sum(row[key] for row in rows)
    total["elevation_gain"] = sum(row["total_elevation_gain"] for row in rows)
    if with_achievements:
        total["achievement_count"] = sum(row["achievement_count"] for row in rows)
    return total


def athlete_zones() -> dict[str, Json]:
    """Heart-rate zones; the last is open above, which Strava writes as -1."""
    bounds = (0, 111, 139, 152, 166, -1)
    zones = [{"min": low, "max": high} for low, high in itertools.pairwise(bounds)]
    return {"heart_rate": {"custom_zones": False, "zones": zones}}

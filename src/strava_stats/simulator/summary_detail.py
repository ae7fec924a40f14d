"""From a SummaryActivity to a DetailedActivity: key order as recorded, plain parts where nothing richer is known."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from strava_stats.simulator.messages import Json

METRIC_METRES = 1000.0
MILE_METRES = 1609.344

BEST_EFFORTS = (
    ("400m", 400),
    ("1/2 mile", 805),
    ("1K", 1000),
    ("1 mile", 1609),
    ("2 mile", 3219),
    ("5K", 5000),
    ("10K", 10000),
    ("15K", 15000),
    ("10 mile", 16090),
    ("20K", 20000),
    ("Half-Marathon", 21097),
    ("30K", 30000),
    ("Marathon", 42195),
    ("50K", 50000),
)
"""Names and metres as recorded (details.jsonl: 1/2 mile is 805 m, 10 mile 16,090 m)."""

RUN_TYPES = frozenset({"Run", "TrailRun", "VirtualRun"})
_NO_SPLITS = frozenset({"WeightTraining", "Workout", "Yoga", "Swim", "AlpineSki", "Crossfit"})


def detail_of(
    summary: dict[str, Json],
    gear: dict[str, Json] | None,
    parts: dict[str, Json] | None = None,
) -> dict[str, Json]:
    """The detail of an activity. `parts` replaces what is otherwise derived from the summary at even pace.

    Keys of `parts`: polyline, description, calories, segment_efforts, splits_metric, splits_standard, laps,
    best_efforts, device_name, similar_activities, private_note, photos.
    """
    given = parts or {}
    sport = summary.get("sport_type") or summary["type"]
    has_samples = not summary["manual"] and summary["distance"] > 0
    body = {key: value for key, value in summary.items() if key != "device_name"}
    body["resource_state"] = 3
    body["map"] = _detail_map(summary["map"], given.get("polyline"))
    body["description"] = given.get("description")
    body["calories"] = given.get("calories", float(round(summary["moving_time"] * 0.16)))
    body["perceived_exertion"] = None
    body["prefer_perceived_exertion"] = None if sport in RUN_TYPES else False
    body["segment_efforts"] = given.get("segment_efforts", [])
    if has_samples and sport not in _NO_SPLITS:
        body["splits_metric"] = given.get("splits_metric") or even_splits(summary, METRIC_METRES)
        body["splits_standard"] = given.get("splits_standard") or even_splits(summary, MILE_METRES)
    if not summary["manual"]:
        body["laps"] = given.get("laps") or [lap_of(summary)]
    if sport in RUN_TYPES:
        body["best_efforts"] = given.get("best_efforts", [] if summary["manual"] else even_best_efforts(summary))
    if gear is not None:
        body["gear"] = short_gear(gear)
    body["photos"] = given.get("photos", {"primary": None, "count": 0})
    body["stats_visibility"] = [
        {"type": name, "visibility": "everyone"} for name in ("heart_rate", "pace", "power", "speed", "calories")
    ]
    body["hide_from_home"] = False
    if not summary["manual"]:
        body["device_name"] = given.get("device_name") or summary.get("device_name") or "Strava App"
    body["embed_token"] = hashlib.sha1(str(summary["id"]).encode(), usedforsecurity=False).hexdigest()
    if sport in RUN_TYPES:
        body["similar_activities"] = given.get("similar_activities") or no_similar()
    body["available_zones"] = _zones(summary, sport)
    if "private_note" in given:
        body["private_note"] = given["private_note"]
    return body


def _detail_map(value: dict[str, Json], polyline: str | None) -> dict[str, Json]:
    summary_polyline = value.get("summary_polyline")
    full = summary_polyline if polyline is None else polyline
    return {"id": value["id"], "polyline": full, "resource_state": 3, "summary_polyline": summary_polyline}


def _zones(summary: dict[str, Json], sport: str) -> list[str]:
    zones = ["heartrate"] if summary["has_heartrate"] else []
    return [*zones, "pace"] if sport in RUN_TYPES else zones


def short_gear(gear: dict[str, Json]) -> dict[str, Json]:
    """The SummaryGear inside a detail or an athlete: the first eight keys, resource_state 2."""
    names = ("id", "primary", "name", "nickname", "resource_state", "retired", "distance", "converted_distance")
    return {name: gear[name] for name in names} | {"resource_state": 2}


def shift(text: str, seconds: float) -> str:
    """A `…Z` time some seconds later."""
    moved = datetime.fromisoformat(text.rstrip("Z")) + timedelta(seconds=int(seconds))
    return moved.strftime("%Y-%m-%dT%H:%M:%SZ")


def meta(summary: dict[str, Json]) -> dict[str, Json]:
    """The `activity` and `athlete` stubs that laps and efforts carry."""
    activity = {"id": summary["id"], "visibility": summary["visibility"], "resource_state": 1}
    return {"activity": activity, "athlete": {"id": summary["athlete"]["id"], "resource_state": 1}}


def split_tenths(distance: float, unit: float) -> list[int]:
    """Lengths of splits in tenths of a metre: full units and a partial last one; their sum is the distance."""
    total = round(distance * 10)
    marks = [*(round(unit * 10 * k) for k in range(1, int(total / (unit * 10)) + 1)), total]
    ends = [mark for i, mark in enumerate(marks) if i == len(marks) - 1 or mark < total]
    return [end - start for start, end in zip([0, *ends], ends, strict=False) if end > start]


def even_splits(summary: dict[str, Json], unit: float) -> list[dict[str, Json]]:
    """Splits at even pace, times in whole seconds that add up to the activity's."""
    is_run = (summary.get("sport_type") or summary["type"]) in RUN_TYPES
    splits: list[dict[str, Json]] = []
    done = 0
    for number, tenths in enumerate(split_tenths(summary["distance"], unit), start=1):
        part = [round(summary[key] * x / (summary["distance"] * 10)) for key in _TIMES for x in (done, done + tenths)]
        moving, elapsed = part[1] - part[0], part[3] - part[2]
        speed = round(tenths / 10 / moving, 2) if moving else 0.0
        split = {"distance": tenths / 10, "elapsed_time": elapsed, "elevation_difference": 0.0}
        split |= {"moving_time": moving, "split": number, "average_speed": speed}
        split["average_grade_adjusted_speed"] = speed if is_run else None
        if summary["has_heartrate"] and "average_heartrate" in summary:
            split["average_heartrate"] = summary["average_heartrate"]
        splits.append(split | {"pace_zone": 2 if is_run else 0})
        done += tenths
    return splits


_TIMES = ("moving_time", "elapsed_time")


def lap_of(summary: dict[str, Json]) -> dict[str, Json]:
    """The one lap of an activity whose device was never pressed."""
    lap: dict[str, Json] = {"id": summary["id"] + 1_000_003, "resource_state": 2, "name": "Lap 1"} | meta(summary)
    for key in ("elapsed_time", "moving_time", "start_date", "start_date_local", "distance"):
        lap[key] = summary[key]
    lap |= {"average_speed": round(summary["average_speed"], 2), "max_speed": float(summary["max_speed"])}
    lap |= {"lap_index": 1, "split": 1, "start_index": 0, "end_index": max(summary["elapsed_time"] - 1, 0)}
    lap["total_elevation_gain"] = summary["total_elevation_gain"]
    return lap | sensors(summary)


def sensors(summary: dict[str, Json]) -> dict[str, Json]:
    """The sensor keys of a lap, in their order; absent when the activity has none."""
    found: dict[str, Json] = {}
    if "average_cadence" in summary:
        found["average_cadence"] = summary["average_cadence"]
    found["device_watts"] = summary.get("device_watts", False)
    for key in ("average_watts", "average_heartrate", "max_heartrate"):
        if key in summary:
            found[key] = summary[key]
    return found


def even_best_efforts(summary: dict[str, Json]) -> list[dict[str, Json]]:
    """Best efforts at even pace over every standard distance that the run covers."""
    efforts = []
    for number, (_, metres) in enumerate(BEST_EFFORTS):
        if metres > summary["distance"] or summary["distance"] <= 0:
            break
        seconds = round(summary["moving_time"] * metres / summary["distance"])
        efforts.append(best_effort(summary, number, (0, seconds), None))
    return efforts


def best_effort(
    summary: dict[str, Json], number: int, stretch: tuple[int, int], pr_rank: int | None
) -> dict[str, Json]:
    """The best effort over the distance with this number; `stretch`: seconds from the start, seconds it took."""
    name, metres = BEST_EFFORTS[number]
    start, seconds = stretch
    body: dict[str, Json] = {"id": summary["id"] * 10 + number, "resource_state": 2, "name": name} | meta(summary)
    body |= {"elapsed_time": seconds, "moving_time": seconds}
    body |= {"start_date": shift(summary["start_date"], start)}
    body |= {"start_date_local": shift(summary["start_date_local"], start), "distance": metres}
    body |= {"pr_rank": pr_rank, "achievements": achievements(pr_rank)}
    return body | {"start_index": start, "end_index": start + seconds}


def achievements(pr_rank: int | None) -> list[dict[str, Json]]:
    """The achievement that goes with a personal rank 1…3."""
    return [{"type_id": 3, "type": "pr", "rank": pr_rank}] if pr_rank else []


def no_similar() -> dict[str, Json]:
    """`similar_activities` of a run that resembles no other (recorded: ints 0, empty trend)."""
    trend: dict[str, Json] = {
        "speeds": [],
        "current_activity_index": None,
        "min_speed": 0,
        "mid_speed": 0,
        "max_speed": 0,
    }
    return {
        "effort_count": 0,
        "average_speed": 0,
        "min_average_speed": 0,
        "mid_average_speed": 0,
        "max_average_speed": 0,
        "pr_rank": None,
        "frequency_milestone": None,
        "trend": trend,
        "resource_state": 2,
    }

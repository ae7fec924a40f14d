"""Details and samples of synthetic activities: splits, laps, efforts and streams read off one timeline."""

from __future__ import annotations

import itertools
from random import Random

from strava_stats.simulator.facts import Facts, personal_rank
from strava_stats.simulator.messages import Json
from strava_stats.simulator.segments import FIRST_EFFORT_ID, Segment, segments_of
from strava_stats.simulator.summary_detail import (
    BEST_EFFORTS,
    METRIC_METRES,
    MILE_METRES,
    RUN_TYPES,
    achievements,
    best_effort,
    detail_of,
    lap_of,
    meta,
    sensors,
    shift,
    split_tenths,
)
from strava_stats.simulator.timeline import Timeline, interpolate, timeline_of
from strava_stats.simulator.tracks import encode_polyline, recorded_points
from strava_stats.simulator.words import description_of

Body = dict[str, Json]


def detail_body(seed: int, facts: Facts, summary: Body, gear: Body | None, device: str) -> Body:
    """DetailedActivity of the activity whose summary this is."""
    rng = Random(seed * 9_973 + facts.index)
    parts: Body = {"description": description_of(rng), "device_name": device}
    parts["calories"] = float(round(facts.sport.kcal_per_hour * facts.moving / 3600 * rng.uniform(0.92, 1.08)))
    parts["photos"] = _photos(summary["total_photo_count"], facts.index)
    if rng.random() < 0.04:
        parts["private_note"] = "Left calf tight; ask the physio."
    if facts.way is not None:
        parts |= _along_the_way(seed, facts, summary, rng)
    return detail_of(summary, gear, parts)


def _along_the_way(seed: int, facts: Facts, summary: Body, rng: Random) -> Body:
    assert facts.way is not None
    line = timeline_of(facts)
    parts: Body = {"polyline": encode_polyline(recorded_points(facts.way, facts.variant))}
    parts["segment_efforts"] = [
        _segment_effort(summary, line, number, segment, personal_rank(seed, facts.index, number))
        for number, segment in enumerate(segments_of(facts.way))
    ]
    is_run = facts.sport.name in RUN_TYPES
    parts["splits_metric"] = _splits(line, facts.distance, METRIC_METRES, is_run)
    parts["splits_standard"] = _splits(line, facts.distance, MILE_METRES, is_run)
    parts["laps"] = _laps(facts, summary, line, rng)
    if is_run:
        parts["best_efforts"] = _best_efforts(seed, facts, summary, line)
        parts["similar_activities"] = _similar(summary, rng)
    return parts


def _splits(line: Timeline, distance: float, unit: float, is_run: bool) -> list[Body]:
    splits: list[Body] = []
    begin = 0.0
    for number, tenths in enumerate(split_tenths(distance, unit), start=1):
        end = begin + tenths / 10
        moving = round(line.moving_at(end)) - round(line.moving_at(begin))
        climb = line.height_at(end) - line.height_at(begin)
        speed = round(tenths / 10 / moving, 2) if moving else 0.0
        adjusted = round(speed * (1 + 2.4 * climb / (tenths / 10)), 2)
        split: Body = {"distance": tenths / 10}
        split["elapsed_time"] = round(line.elapsed_at(end)) - round(line.elapsed_at(begin))
        split |= {"elevation_difference": round(climb, 1), "moving_time": moving, "split": number}
        split |= {"average_speed": speed, "average_grade_adjusted_speed": adjusted if is_run else None}
        if (heartrate := line.heartrate_between(begin, end)) is not None:
            split["average_heartrate"] = heartrate
        splits.append(split | {"pace_zone": min(int(speed), 5) if is_run else 0})
        begin = end
    return splits


def _laps(facts: Facts, summary: Body, line: Timeline, rng: Random) -> list[Body]:
    if rng.random() < 0.6 or facts.sport.name == "AlpineSki":
        return [lap_of(summary) | {"distance": round(facts.distance * 1.004, 2)}]
    unit = METRIC_METRES if facts.sport.name in RUN_TYPES else 10 * METRIC_METRES
    laps: list[Body] = []
    begin = 0.0
    for number, tenths in enumerate(split_tenths(facts.distance, unit), start=1):
        laps.append(_lap(summary, line, number, (begin, begin + tenths / 10)))
        begin += tenths / 10
    return laps


def _lap(summary: Body, line: Timeline, number: int, stretch: tuple[float, float]) -> Body:
    begin, end = stretch
    start, stop = round(line.elapsed_at(begin)), round(line.elapsed_at(end))
    moving = round(line.moving_at(end)) - round(line.moving_at(begin))
    speed = round((end - begin) / moving, 2) if moving else 0.0
    lap: Body = {"id": summary["id"] + 1_000_003 * number, "resource_state": 2, "name": f"Lap {number}"}
    lap |= meta(summary) | {"elapsed_time": stop - start, "moving_time": moving}
    lap |= _starts(summary, start) | {"distance": round(end - begin, 2), "average_speed": speed}
    lap |= {"max_speed": round(speed * (1.1 + number % 4 / 10), 2), "lap_index": number, "split": number}
    lap |= {"start_index": start, "end_index": max(stop - 1, start)}
    lap["total_elevation_gain"] = round(max(line.height_at(end) - line.height_at(begin), 0.0), 1)
    return lap | sensors(summary) | _heartrates(line, begin, end)


def _starts(summary: Body, seconds: int) -> Body:
    return {key: shift(summary[key], seconds) for key in ("start_date", "start_date_local")}


def _heartrates(line: Timeline, begin: float, end: float) -> Body:
    heartrate = line.heartrate_between(begin, end)
    if heartrate is None:
        return {}
    return {"average_heartrate": round(heartrate, 1), "max_heartrate": float(round(heartrate * 1.06))}


def _segment_effort(summary: Body, line: Timeline, number: int, segment: Segment, rank: int | None) -> Body:
    begin, end = segment.begin * line.total, segment.end * line.total
    start, stop = round(line.elapsed_at(begin)), round(line.elapsed_at(end))
    moving = round(line.moving_at(end)) - round(line.moving_at(begin))
    effort: Body = {"id": FIRST_EFFORT_ID + summary["id"] * 64 + number, "resource_state": 2}
    effort |= {"name": segment.body["name"]} | meta(summary)
    effort |= {"elapsed_time": max(stop - start, 1), "moving_time": max(moving, 1)} | _starts(summary, start)
    effort |= {"distance": round(end - begin, 1), "start_index": start, "end_index": stop}
    effort |= sensors(summary) | _heartrates(line, begin, end)
    effort |= {"segment": segment.body, "pr_rank": rank, "achievements": achievements(rank)}
    return effort | {"visibility": summary["visibility"], "kom_rank": None, "hidden": summary["id"] % 17 == number}


def _best_efforts(seed: int, facts: Facts, summary: Body, line: Timeline) -> list[Body]:
    efforts = []
    for number, (_, metres) in enumerate(BEST_EFFORTS):
        if (found := line.fastest(metres)) is not None:
            rank = personal_rank(seed, facts.index, 100 + number)
            efforts.append(best_effort(summary, number, found, rank))
    return efforts[-1:] + efforts[:-1]  # the longest first, as recorded: the order means nothing


def _similar(summary: Body, rng: Random) -> Body:
    own = summary["distance"] / max(summary["moving_time"], 1)
    speeds = [own * rng.uniform(0.93, 1.06) for _ in range(rng.randint(0, 9))] + [own]
    low, high = min(speeds), max(speeds)
    middle = sum(speeds) / len(speeds)
    trend = {"speeds": speeds, "current_activity_index": len(speeds) - 1, "min_speed": low, "mid_speed": middle}
    return {
        "effort_count": len(speeds),
        "average_speed": middle,
        "min_average_speed": low,
        "mid_average_speed": middle,
        "max_average_speed": high,
        "pr_rank": 1 if own == high and len(speeds) > 1 else None,
        "frequency_milestone": 10 if len(speeds) == 10 else None,
        "trend": trend | {"max_speed": high, "direction": (own > middle) - (own < middle)},
        "resource_state": 2,
    }


def _photos(count: int, index: int) -> Body:
    if not count:
        return {"primary": None, "count": 0}
    key = f"{index:08x}-0000-4000-8000-{index:012x}"
    urls = {size: f"https://media.example.invalid/{key}-{pixels}.jpg" for size, pixels in (("600", 768), ("100", 128))}
    primary = {"unique_id": key, "urls": urls, "source": 1, "media_type": 1}
    return {"primary": primary, "use_primary_photo": True, "count": count}


def samples_of(facts: Facts) -> dict[str, list[Json]]:
    """Samples by type, one a second; {} for manual activities. Without a way: time and what the sensors gave."""
    if facts.manual:
        return {}
    seconds = list(range(facts.elapsed + 1))
    rng = Random(facts.index)
    samples: dict[str, list[Json]] = {"time": seconds}
    if facts.way is not None:
        samples |= _positions(facts, timeline_of(facts), seconds)
    elif facts.distance:
        samples["distance"] = [round(facts.distance * t / facts.elapsed, 1) for t in seconds]
    if facts.heartrate is not None:
        low = facts.heartrate - 6
        samples["heartrate"] = [int(low + 12 * t / facts.elapsed + rng.gauss(0, 2)) for t in seconds]
    if facts.cadence is not None:
        samples["cadence"] = [None if t < 3 else int(facts.cadence + rng.gauss(0, 1.5)) for t in seconds]
    if facts.has_power_meter and facts.watts is not None:
        samples["watts"] = [max(int(rng.gauss(facts.watts, 45)), 0) for _ in seconds]
    if facts.temperature is not None:
        samples["temp"] = [facts.temperature] * len(seconds)
    return samples


def _positions(facts: Facts, line: Timeline, seconds: list[int]) -> dict[str, list[Json]]:
    assert facts.way is not None
    points = recorded_points(facts.way, facts.variant)
    lats, lngs = [p[0] for p in points], [p[1] for p in points]
    distance = [interpolate(line.elapsed, line.distance, t) for t in seconds]
    speed = [0.0, *(b - a for a, b in itertools.pairwise(distance))]
    height = [line.height_at(metres) for metres in distance]
    rises = zip(height, height[1:], speed[1:], strict=False)
    grade = [0.0, *((b - a) / v * 100 if v > 0.1 else 0.0 for a, b, v in rises)]
    return {
        "distance": [round(metres, 1) for metres in distance],
        "latlng": [
            [round(interpolate(line.distance, lats, d), 6), round(interpolate(line.distance, lngs, d), 6)]
            for d in distance
        ],
        "altitude": [round(metres, 1) for metres in height],
        "velocity_smooth": [round(value, 2) for value in speed],
        "moving": [value > 0.3 for value in speed],
        "grade_smooth": [round(value, 1) for value in grade],
    }

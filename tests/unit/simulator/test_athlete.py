"""The synthetic athlete is plausible, consistent with itself, and the same every time."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from strava_stats.simulator import Simulator, build_simulator

from .conftest import NOON, Call, caller

LIMITS = (10_000, 100_000)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Two thousand summaries of ten years."""
    simulator = build_simulator(
        seed=3, activities=2000, years=10, until=NOON, now=NOON.timestamp, overall=LIMITS, read=LIMITS
    )
    get = caller(simulator)
    return [row for page in range(1, 11) for row in get("/athlete/activities", per_page=200, page=page).json()]


@pytest.fixture(scope="module")
def details() -> list[dict[str, Any]]:
    """Two hundred details."""
    simulator = build_simulator(seed=5, activities=200, until=NOON, now=NOON.timestamp, overall=LIMITS, read=LIMITS)
    get = caller(simulator)
    return [get(f"/activities/{activity_id}").json() for activity_id in simulator.ids()]


def decode(line: str) -> list[tuple[float, float]]:
    """The points of an encoded polyline."""
    points, place, lat, lng = [], 0, 0, 0
    while place < len(line):
        deltas = []
        for _ in range(2):
            shift = value = 0
            while True:
                byte = ord(line[place]) - 63
                place += 1
                value |= (byte & 0x1F) << shift
                shift += 5
                if byte < 0x20:
                    break
            deltas.append(~(value >> 1) if value & 1 else value >> 1)
        lat, lng = lat + deltas[0], lng + deltas[1]
        points.append((lat / 1e5, lng / 1e5))
    return points


def test_the_same_arguments_give_the_same_bytes() -> None:
    """Bodies depend on seed, number, years and end alone, in whatever order they are asked for."""
    one, two = (build_simulator(seed=9, activities=80, until=NOON, now=NOON.timestamp) for _ in range(2))
    backwards = {i: two.world.default.detail(i, two.now()) for i in reversed(two.ids())}
    assert {i: one.world.default.detail(i, one.now()) for i in one.ids()} == backwards
    other = build_simulator(seed=10, activities=80, until=NOON, now=NOON.timestamp)
    assert other.ids() != one.ids()


def test_local_time_is_utc_plus_offset_and_the_label_shows_the_standard_one(rows: list[dict[str, Any]]) -> None:
    """The false Z, summer time in the offset, standard time in the label."""
    summer = 0
    for row in rows:
        start = datetime.fromisoformat(row["start_date"])
        assert row["start_date_local"] == (start + timedelta(seconds=row["utc_offset"])).strftime("%Y-%m-%dT%H:%M:%SZ")
        label, zone = row["timezone"].split(") ")
        assert start.astimezone(ZoneInfo(zone)).utcoffset() == timedelta(seconds=row["utc_offset"])
        hours, minutes = label[4:].split(":")
        standard = int(hours) * 3600 + (-60 if label[4] == "-" else 60) * int(minutes)
        assert row["utc_offset"] - standard in (0, 3600)
        summer += row["utc_offset"] != standard
    assert summer > 200
    assert len({row["timezone"] for row in rows}) >= 5


def test_oddities_of_the_real_data_occur(rows: list[dict[str, Any]]) -> None:
    """Manual rows, int zeros, hidden and shared starts, private rows, ids against dates, emoji."""
    starts = [row["start_date"] for row in rows]
    assert 15 < sum(row["manual"] for row in rows) < 100
    assert {type(row["total_elevation_gain"]) for row in rows if not row["total_elevation_gain"]} == {int, float}
    assert all(row["max_speed"] == 0 and row["upload_id"] is None for row in rows if row["manual"])
    assert any(row["start_date_local"].endswith("T00:00:01Z") for row in rows)
    assert len(set(starts)) < len(starts)
    assert 10 < sum(row["visibility"] == "only_me" for row in rows) < 80
    against = sum(later["id"] < earlier["id"] for earlier, later in zip(rows[1:], rows, strict=False))
    assert 10 < against < 120
    assert any(not row["name"].isascii() for row in rows)
    assert any(row["commute"] for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)
    assert starts == sorted(starts, reverse=True)


def test_numbers_are_plausible(rows: list[dict[str, Any]]) -> None:
    """Speeds, times and heart rates lie where people's do."""
    for row in rows:
        assert 0 < row["moving_time"] <= row["elapsed_time"]
        if row["distance"]:
            assert row["average_speed"] == round(row["distance"] / row["moving_time"], 3)
        if row["sport_type"] == "Run":
            assert 1.7 < row["average_speed"] < 4.9, row
        if row["sport_type"] == "Ride":
            assert 4 < row["average_speed"] < 11, row
        if row["has_heartrate"]:
            assert 60 < row["average_heartrate"] < row["max_heartrate"] < 200
    runs = [row["average_speed"] for row in rows if row["sport_type"] == "Run"]
    assert sum(runs[:300]) / 300 > sum(runs[-300:]) / 300


def test_tracks_begin_where_the_summary_says(rows: list[dict[str, Any]]) -> None:
    """The polyline's first point is start_latlng; indoors and by hand there is neither."""
    for row in rows[:400]:
        line = row["map"]["summary_polyline"]
        assert bool(line) == bool(row["start_latlng"]) == bool(row["end_latlng"])
        if line:
            assert decode(line)[0] == pytest.approx(row["start_latlng"], abs=1.1e-5)


def test_splits_and_laps_add_up(details: list[dict[str, Any]]) -> None:
    """Splits cover distance and time exactly; the last is partial."""
    checked = 0
    for detail in details:
        for key, unit in (("splits_metric", 1000), ("splits_standard", 1609.4)):
            splits = detail.get(key)
            if splits:
                checked += 1
                assert round(sum(s["distance"] for s in splits), 1) == detail["distance"]
                assert sum(s["moving_time"] for s in splits) == pytest.approx(detail["moving_time"], abs=1)
                assert sum(s["elapsed_time"] for s in splits) == pytest.approx(detail["elapsed_time"], abs=1)
                assert 0 < splits[-1]["distance"] <= unit
                assert [s["split"] for s in splits] == list(range(1, len(splits) + 1))
    assert checked > 200


def test_best_efforts_are_runs_own_and_within_them(details: list[dict[str, Any]]) -> None:
    """Only distances that were run, longer ones slower, order not by distance."""
    runs = [detail for detail in details if detail.get("best_efforts")]
    assert runs
    for detail in runs:
        efforts = detail["best_efforts"]
        assert max(effort["distance"] for effort in efforts) <= detail["distance"]
        times = [effort["elapsed_time"] for effort in sorted(efforts, key=lambda effort: effort["distance"])]
        assert times == sorted(times)
        assert all(effort["start_index"] + effort["elapsed_time"] <= detail["elapsed_time"] + 1 for effort in efforts)
    assert any(
        [e["distance"] for e in d["best_efforts"]] != sorted(e["distance"] for e in d["best_efforts"]) for d in runs
    )


def test_segments_repeat_and_efforts_have_large_ids(details: list[dict[str, Any]]) -> None:
    """A segment is met on many days; effort ids exceed 2^53, are below 2^63 and unique; ranks match the summary."""
    efforts = [effort for detail in details for effort in detail["segment_efforts"]]
    ids = [effort["id"] for effort in efforts]
    segments = {effort["segment"]["id"]: effort["segment"] for effort in efforts}
    assert len(ids) == len(set(ids)) > 3 * len(segments)
    assert all(2**53 < effort_id < 2**63 for effort_id in ids)
    assert all(segments[effort["segment"]["id"]] == effort["segment"] for effort in efforts)
    for detail in details:
        ranked = [e["pr_rank"] for e in detail["segment_efforts"] + detail.get("best_efforts", []) if e["pr_rank"]]
        assert (len(ranked), ranked.count(1)) == (detail["achievement_count"], detail["pr_count"])


def test_summary_and_detail_agree(simulator: Simulator, get: Call) -> None:
    """Every summary key but resource_state, map and device_name has the same value in the detail."""
    for row in get("/athlete/activities", per_page=50).json():
        detail = get(f"/activities/{row['id']}").json()
        for key in set(row) - {"resource_state", "map"}:
            assert detail[key] == row[key], key
        assert detail["map"]["summary_polyline"] == row["map"]["summary_polyline"]


def test_kudos_of_fresh_activities_grow_with_the_clock(simulator: Simulator, get: Call) -> None:
    """Nothing moves while the clock stands; days later nobody has fewer, and somebody has more."""
    simulator.set_clock(simulator.now() - 2 * 86_400)
    before = {row["id"]: row["kudos_count"] for row in get("/athlete/activities", per_page=200).json()}
    assert {row["id"]: row["kudos_count"] for row in get("/athlete/activities", per_page=200).json()} == before
    simulator.advance(5 * 86_400)
    after = {row["id"]: row["kudos_count"] for row in caller(simulator)("/athlete/activities", per_page=200).json()}
    assert all(after[key] >= count for key, count in before.items())
    assert sum(after.values()) > sum(before.values())


def test_a_hundred_thousand_activities_start_at_once() -> None:
    """The outline is light: far below two seconds, and the newest page follows immediately."""
    begin = time.perf_counter()
    simulator = build_simulator(activities=100_000, years=15, until=NOON, now=NOON.timestamp)
    assert len(caller(simulator)("/athlete/activities", per_page=200).json()) == 200
    assert time.perf_counter() - begin < 2.5

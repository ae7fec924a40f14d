"""Pairs that look like one activity: what is reported, with what evidence, and what is not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.sample_desk import Sample, SampleDesk, sample_desk

RIDE = {"sport_type": "Ride", "distance": 30_000.0, "elapsed_time": 3600, "moving_time": 3500}
HOME = {"start_lat": 48.0, "start_lng": 11.0, "end_lat": 48.0, "end_lng": 11.0}
FOUND = "select activity_id, other_id, score, why from duplicate_candidates order by all"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SampleDesk]:
    with sample_desk(tmp_path) as made:
        yield made


def track(seconds: int, *, since: int = 0, every: int = 1, north: float = 0.0, back: bool = False) -> list[Sample]:
    """A lap of 12 minutes around a lake, `north` degrees beside it, `back`wards, from `since` s after its start."""
    samples: list[Sample] = []
    for t in range(0, seconds + 1, every):
        angle = (-1 if back else 1) * 2 * math.pi * (since + t) / 720
        samples.append({"t": t, "lat": 48 + north + 0.006 * math.sin(angle), "lng": 11 + 0.009 * math.cos(angle)})
    return samples


def at(clock: str, day: str = "2026-05-01") -> dict[str, str]:
    return {"start_date": f"{day}T{clock}Z"}


def test_the_same_ride_of_two_devices_is_found(desk: SampleDesk) -> None:
    """A watch at every second and a head unit at every seventh, started 40 s later and moved by 10 m: one track."""
    desk.activity(2, **RIDE, **at("06:00:00"))
    desk.activity(1, **{**RIDE, "sport_type": "GravelRide", "distance": 29_500.0}, **at("06:00:40"))
    desk.samples("r1", {2: track(3600), 1: track(3500, since=40, every=7, north=0.0001)})
    assert desk.find_duplicates() == 1
    ((score, overlap),) = desk.rows("select score, track_overlap from duplicate_candidates")
    assert score == overlap >= 0.95
    columns = "activity_id, other_id, athlete_id, start_difference, distance_difference, same_sport, time_overlap, why"
    assert desk.table("duplicate_candidates", columns, "") == [(1, 2, 7, 40, 500.0, False, 0.99, "same track")]


def test_half_of_it_is_found_too(desk: SampleDesk) -> None:
    """A device whose battery ended after twenty minutes recorded the same ride, whatever its distance."""
    desk.activity(1, **RIDE, **at("06:00:00"))
    desk.activity(2, sport_type="Ride", distance=10_000.0, elapsed_time=1200, **at("06:00:00"))
    desk.samples("r1", {1: track(3600), 2: track(1200)})
    desk.find_duplicates()
    assert desk.rows(FOUND) == [(1, 2, 1.0, "same track")]


def test_at_the_same_time_elsewhere_is_another_activity(desk: SampleDesk) -> None:
    """Two tracks that are 300 m apart are not one, however equal the figures are."""
    desk.activity(1, **RIDE, **at("06:00:00"), **HOME)
    desk.activity(2, **RIDE, **at("06:00:00"), **HOME)
    desk.samples("r1", {1: track(3600), 2: track(3600, north=0.003)})
    assert desk.find_duplicates() == 0
    assert desk.rows("select track_overlap < 0.1 from meta.track_overlaps") == [(True,)]


def test_hidden_times_of_day_prove_nothing(desk: SampleDesk) -> None:
    """The way there and the way back of one day, both said to start at 00:00:01, are two; a real copy is found."""
    hidden = {**at("00:00:01"), "sport_type": "Ride", "elapsed_time": 1440, "distance": 9_000.0, **HOME}
    for number in (1, 2, 3):
        desk.activity(number, **hidden)
    desk.samples("r1", {1: track(1440), 2: track(1440, back=True), 3: track(1440, north=0.0001)})
    desk.find_duplicates()
    assert [row[:2] for row in desk.rows(FOUND)] == [(1, 3)]


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({}, [(1, 2, 0.3, "same times and distance")]),
        ({"distance": 29_000.0}, []),
        ({"elapsed_time": 3700}, []),
        ({"sport_type": "Run"}, []),
    ],
)
def test_hidden_times_without_tracks(desk: SampleDesk, other: dict[str, Any], found: list[Any]) -> None:
    """Of two rides of a day whose times are hidden only equal figures tell, and they tell little."""
    desk.activity(1, **RIDE, **at("00:00:01"))
    desk.activity(2, **{**RIDE, **other}, **at("00:00:01"))
    desk.find_duplicates()
    assert desk.rows(FOUND) == found


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({}, [(1, 2, 0.5, "same times and distance")]),
        (at("06:04:00"), [(1, 2, 0.5, "same times and distance")]),
        (at("06:06:00"), []),
        ({"distance": 31_000.0}, [(1, 2, 0.5, "same times and distance")]),
        ({"distance": 33_000.0}, []),
        ({"distance": None}, []),
        ({"elapsed_time": 1800}, []),
        ({"sport_type": "VirtualRide"}, [(1, 2, 0.5, "same times and distance")]),
        ({"sport_type": "Swim"}, []),
        ({"athlete_id": 8}, []),
    ],
)
def test_times_and_distance_alone(desk: SampleDesk, other: dict[str, Any], found: list[Any]) -> None:
    """Without places both have to start within five minutes and last and reach about the same."""
    desk.activity(1, **RIDE, **at("06:00:00"))
    desk.activity(2, **{**RIDE, **at("06:00:00"), **other})
    desk.find_duplicates()
    assert desk.rows(FOUND) == found


def test_two_gym_sessions_without_distance(desk: SampleDesk) -> None:
    """No distance on either side is the same distance: strap and watch in the gym."""
    for number, sport in ((1, "Workout"), (2, "WeightTraining")):
        desk.activity(number, sport_type=sport, distance=0.0, elapsed_time=3000, **at(f"18:00:0{number}"))
    desk.find_duplicates()
    assert desk.rows(FOUND) == [(1, 2, 0.5, "same times and distance")]


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ({}, [(1, 2, 0.7, "same places and distance")]),
        ({"start_lat": 48.003}, [(1, 2, 0.7, "same places and distance")]),
        ({"start_lat": 48.01}, []),
        ({"end_lng": 11.01}, []),
        ({"end_lat": None, "end_lng": None}, [(1, 2, 0.7, "same places and distance")]),
        ({"distance": 34_000.0}, []),
    ],
)
def test_places_count_where_a_track_is_missing(desk: SampleDesk, places: dict[str, Any], found: list[Any]) -> None:
    """With samples on one side only, starts and ends within half a kilometre and a like distance make a pair."""
    desk.activity(1, **RIDE, **HOME, **at("06:00:00"))
    desk.activity(2, **{**RIDE, **HOME, **places}, **at("06:20:00"))
    desk.samples("r1", {1: track(3600)})
    desk.find_duplicates()
    assert desk.rows(FOUND) == found


def test_parts_of_a_triathlon_and_laps_of_a_day_are_apart(desk: SampleDesk) -> None:
    """What follows one another, or overlaps for a moment only, is no pair."""
    for number in range(4):
        desk.activity(number, **RIDE, **HOME, **at(f"{6 + number:02}:00:00"))
    desk.activity(9, **{**RIDE, "elapsed_time": 3700}, **HOME, **at("05:00:00"))
    assert desk.find_duplicates() == 0


def test_tracks_are_compared_once_for_two_sets(desk: SampleDesk) -> None:
    """Only a new set of samples makes the comparison run again; what is no pair any more is forgotten."""
    desk.activity(1, **RIDE, **at("06:00:00"))
    desk.activity(2, **RIDE, **at("06:00:00"))
    desk.samples("r1", {1: track(3600), 2: track(3600)})
    desk.find_duplicates()
    desk.edit.run("update meta.track_overlaps set track_overlap = 0.77")
    desk.find_duplicates()
    assert desk.rows(FOUND) == [(1, 2, 0.77, "same track")]
    desk.samples("r2", {2: track(3600, north=0.003)}, source="api")
    assert desk.find_duplicates() == 0
    desk.edit.run("delete from activities where id = 2")
    desk.find_duplicates()
    assert desk.rows("from meta.track_overlaps") == []


def test_positions_that_never_meet_in_time(desk: SampleDesk) -> None:
    """A second file without positions, or with all of them at 0, 0, leaves the figures to judge."""
    desk.activity(1, **RIDE, **at("06:00:00"))
    desk.activity(2, **RIDE, **at("06:00:00"))
    desk.activity(3, **RIDE, **at("06:00:00"))
    nowhere = [{"t": t, "lat": 0, "lng": 0} for t in range(0, 3600, 60)]
    desk.samples("r1", {1: track(3600), 2: [{"t": 0, "watts": 100}], 3: nowhere})
    desk.find_duplicates()
    assert [row[:3] for row in desk.rows(FOUND)] == [(1, 2, 0.5), (1, 3, 0.5), (2, 3, 0.5)]


@pytest.mark.slow
def test_a_long_life_is_no_cross_join(desk: SampleDesk) -> None:
    """Of a hundred thousand activities those that overlap are found through the hour they start in, few rows in all."""
    desk.edit.run(
        "insert into activities by name select range as id, 7 as athlete_id, 'Ride' as sport_type, 3000 as "
        "elapsed_time, 25000.0 + range as distance, timestamptz '2005-01-01 06:00:00Z' + to_minutes(105 * (range "
        "// 2)) as start_date, start_date::timestamp as start_date_local from range(100000)"
    )
    assert desk.find_duplicates() == 50_000
    assert desk.rows("select bool_and(other_id = activity_id + 1) from duplicate_candidates") == [(True,)]

"""Recorded streams through bronze and compact: every value of every list is in the row of its position."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.recorded_files import FOLDER, exact, needs_recorded
from tests.support.sql_cases import NEW_YEAR, Lake, run_name

from strava_stats.lake.bronze import Journal
from strava_stats.strava.client import STREAM_TYPES, Answer
from strava_stats.sync.details import Unusable
from strava_stats.sync.streams import land_streams

pytestmark = needs_recorded

ONE = 90_000_000_001
ROWS = """
select t, distance, altitude, velocity_smooth, heartrate, cadence, watts, temp, moving, grade_smooth
from activity_streams
order by t
"""
STEPS = {
    "distance": Decimal("0.1"),
    "altitude": Decimal("0.1"),
    "velocity_smooth": Decimal("0.001"),
    "grade_smooth": Decimal("0.1"),
    "latlng": Decimal("0.000001"),
}


def recorded(name: str) -> bytes:
    """The body of a recorded answer."""
    return json.dumps(json.loads((FOLDER / "responses" / name).read_bytes())["body"]).encode()


def as_stored(kind: str, value: Any) -> Any:
    if isinstance(value, list):
        return [as_stored(kind, one) for one in value]
    if kind in STEPS and value is not None:
        return value.quantize(STEPS[kind], ROUND_HALF_UP)
    return value


def test_all_types_by_value(tmp_path: Path) -> None:
    """1,500 samples of eleven types, cadence with nulls among them."""
    body = recorded("derived/activity_streams_keyed_all_types.json")
    lake = Lake(tmp_path)
    start = "2026-01-01T10:00:00Z"
    lake.body("activities", 1, {"id": ONE, "start_date": start, "start_date_local": start, "sport_type": "Ride"})
    answer = Answer(200, body, {})
    assert land_streams(lake.journal("activity_streams", 1), ONE, answer, NEW_YEAR, {}) == len(body)
    lake.compact()
    sent = exact(body)
    assert set(sent) == set(STREAM_TYPES)
    rows = lake.rows(ROWS)
    kinds = [kind for kind in STREAM_TYPES if kind != "latlng"]
    shown = [tuple(exact(json.dumps(value)) for value in row) for row in rows]
    assert shown == list(zip(*(as_stored(kind, sent[kind]["data"]) for kind in kinds), strict=True))
    places = lake.rows("select lat, lng from activity_streams order by t")
    assert [exact(json.dumps(place)) for place in places] == as_stored("latlng", sent["latlng"]["data"])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("activity_streams_keyed_default.json", "the answer has no time stream"),
        ("documented/activity_streams_unkeyed.json", "not a JSON object"),
        ("derived/activity_streams_unkeyed_all_types.json", "not a JSON object"),
    ],
)
def test_answers_to_other_questions_are_refused(tmp_path: Path, name: str, why: str) -> None:
    """Without `keys` there is no time, without `key_by_type` no object: kept, and no sample is made of it."""
    lake = Lake(tmp_path)
    journal = Journal(lake.layout, "activity_streams", run_name(1), 7)
    with pytest.raises(Unusable, match=why):
        land_streams(journal, ONE, Answer(200, recorded(name), {}), NEW_YEAR, {})
    assert journal.bodies == 1

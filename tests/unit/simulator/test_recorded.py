"""A recorded listing is served byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from strava_stats.simulator import Simulator, build_simulator

from .conftest import NOON, caller

LIMITS = (10_000, 100_000)


@pytest.fixture(scope="module")
def replay(recorded: Path) -> Simulator:
    """The 1,132 recorded rows and the eight recorded details."""
    return build_simulator(
        listing=recorded / "activities.jsonl",
        details=recorded / "details.jsonl",
        now=NOON.timestamp,
        overall=LIMITS,
        read=LIMITS,
    )


def test_pages_are_the_lines_of_the_file(replay: Simulator, recorded: Path) -> None:
    """Every page is 200 lines of the file, joined by commas, not one byte else."""
    lines = (recorded / "activities.jsonl").read_bytes().rstrip(b"\n").split(b"\n")
    get = caller(replay)
    for page in range(1, 8):
        part = lines[(page - 1) * 200 : page * 200]
        assert get("/athlete/activities", per_page=200, page=page).body == b"[" + b",".join(part) + b"]"


def test_details_are_recorded_or_derived(replay: Simulator, recorded: Path) -> None:
    """A recorded detail is its line; every other activity has a detail that begins with its summary."""
    lines = {b'"id":82316634946' in line: line for line in (recorded / "details.jsonl").read_bytes().splitlines()}
    get = caller(replay)
    assert get("/activities/82316634946").body == lines[True]
    for row in get("/athlete/activities", per_page=200).json():
        detail = get(f"/activities/{row['id']}").json()
        assert {key: value for key, value in row.items() if key in detail and detail[key] != value}.keys() <= {
            "map",
            "resource_state",
        }
        if "splits_metric" in detail:
            assert round(sum(s["distance"] for s in detail["splits_metric"]), 1) == row["distance"]


def test_gear_comes_from_the_rows(replay: Simulator) -> None:
    """Each gear id of the listing can be fetched."""
    get = caller(replay)
    row = get("/athlete/activities").json()[0]
    assert get(f"/gear/{row['gear_id']}").json()["id"] == row["gear_id"]
    assert get("/athlete").json()["id"] == row["athlete"]["id"]


def test_an_edit_changes_one_row_only(recorded: Path) -> None:
    """Numbers of an edited row keep their spelling, other rows their bytes."""
    simulator = build_simulator(listing=recorded / "activities.jsonl", now=NOON.timestamp, overall=LIMITS, read=LIMITS)
    get = caller(simulator)
    before = get("/athlete/activities").body
    row = get("/athlete/activities").json()[4]
    simulator.edit(row["id"], kudos_count=row["kudos_count"] + 1)
    after = get("/athlete/activities").body
    old, new = f'"kudos_count":{row["kudos_count"]}', f'"kudos_count":{row["kudos_count"] + 1}'
    position = before.index(str(row["id"]).encode())
    start = before.index(old.encode(), position)
    assert after == before[:start] + new.encode() + before[start + len(old) :]

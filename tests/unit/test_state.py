"""What is remembered between runs; lost or garbled it costs calls, never a run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_stats.sync.state import FIRST_RETRY, LONGEST_RETRY, ListingState, State, parse_instant

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GARBAGE = [
    b"",
    b"\0" * 100,
    b"{",
    b"null",
    b"[]",
    b"5",
    b'"text"',
    b"\xff\xfe",
    b'{"7":null,"records":null}',
    b'{"7":[],"records":{}}',
    b'{"7":{"watermark":5,"swept_at":"soon","athlete_at":null},"records":[null,5,{},{"kind":"activity"}]}',
    b'{"records":5}',
    b'{"records":[{"kind":[],"id":{}}]}',
    b'{"records":[{"kind":"activity","id":5}]}',
    b'{"7":{"watermark":"2026-01-01T00:00:00"}}',
    b"[" * 100_000,
]


def run_record(run_id: str, status: str = "ok") -> dict[str, Any]:
    return {
        "run_id": run_id,
        "athlete_id": 7,
        "command": "flow",
        "started_at": "2026-11-23T12:00:00+00:00",
        "finished_at": "2026-11-23T12:01:00+00:00",
        "status": status,
        "calls": 2,
        "rows": 1,
        "seconds": 60.0,
        "stages": [],
        "error": None,
    }


def note(state: State, kind: str, shown_id: str, error: str, now: datetime = NOW) -> bool:
    return state.note_failure(kind, shown_id, athlete_id=7, error=error, now=now)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_nothing(state: State, garbage: bytes) -> None:
    """Any file of garbage reads as nothing known, and the next thing to remember is remembered."""
    state.folder.mkdir()
    for name in ("listings.json", "gear.json", "quarantine.json", "runs.jsonl"):
        (state.folder / name).write_bytes(garbage + b"\n")
    assert state.listing(7) == ListingState()
    assert state.pending_runs() == []
    assert all(when is None for when in state.gear_tried().values())
    assert not [record for record in state.quarantine().values() if "attempts" in record]
    state.save_listing(7, watermark=NOW)
    state.save_gear_tried("b1", NOW)
    assert note(state, "activity", "9", "bad")
    state.add_run(run_record("r1"))
    assert state.listing(7).watermark == NOW
    assert state.gear_tried()["b1"] == NOW
    assert state.quarantine()["activity", "9"]["attempts"] == 1
    assert run_record("r1") in state.pending_runs()


def test_a_listing_is_remembered_piece_by_piece(state: State) -> None:
    """Each athlete has a watermark, a sweep and a profile of their own; None leaves what is known."""
    state.save_listing(7, watermark=NOW, swept_at=None)
    state.save_listing(8, watermark=NOW + timedelta(days=1))
    state.save_listing(7, swept_at=NOW - timedelta(days=1))
    state.save_listing(7, athlete_at=NOW, watermark=None)
    assert state.listing(7) == ListingState(NOW, NOW - timedelta(days=1), NOW)
    assert state.listing(8) == ListingState(NOW + timedelta(days=1))
    assert state.listing(9) == ListingState()


def test_attempts_wait_longer_each_time_up_to_a_month(state: State) -> None:
    """Each failure doubles the wait from six hours to thirty days, and the first sight is kept."""
    waits = []
    for number in range(12):
        now = NOW + timedelta(days=number)
        assert note(state, "activity_details", "5", f"status {number}", now) is (number == 0)
        record = state.quarantine()["activity_details", "5"]
        next_try = parse_instant(record["next_try_at"])
        assert next_try is not None
        waits.append(next_try - now)
        assert (record["attempts"], record["last_error"]) == (number + 1, f"status {number}")
        assert parse_instant(record["first_seen_at"]) == NOW
        assert parse_instant(record["last_tried_at"]) == now
    assert waits[:3] == [FIRST_RETRY, FIRST_RETRY * 2, FIRST_RETRY * 4]
    assert waits[-1] == LONGEST_RETRY == max(waits)
    assert waits == sorted(waits)


def test_cleared_failures_are_gone(state: State) -> None:
    """What worked is out of quarantine, alone; clearing what is not there changes no file."""
    note(state, "activity", "5", "bad")
    note(state, "activity_details", "5", "bad")
    state.clear_failure("activity", "5")
    assert set(state.quarantine()) == {("activity_details", "5")}
    before = (state.folder / "quarantine.json").stat().st_ino
    state.clear_failure("activity", "5")
    assert (state.folder / "quarantine.json").stat().st_ino == before


def test_runs_wait_for_the_next_publish(state: State) -> None:
    """Run records are kept in order, the last of a run counts, torn lines are skipped, published ones forgotten."""
    assert state.pending_runs() == []
    state.add_run(run_record("r1", "failed"))
    state.add_run(run_record("r2", "ok"))
    state.add_run(run_record("r1", "ok"))
    with (state.folder / "runs.jsonl").open("ab") as file:
        file.write(b'{"run_id":"r3","sta')
    assert state.pending_runs() == [run_record("r1", "ok"), run_record("r2", "ok")]
    state.forget_runs({"r1"})
    assert state.pending_runs() == [run_record("r2", "ok")]


def test_a_run_added_behind_a_torn_line_is_kept(state: State) -> None:
    """A record that a kill tore does not take the next one along."""
    state.add_run(run_record("r1"))
    with (state.folder / "runs.jsonl").open("ab") as file:
        file.write(b'{"run_id":"r2","sta')
    state.add_run(run_record("r3"))
    assert [record["run_id"] for record in state.pending_runs()] == ["r1", "r3"]


def test_gear_is_remembered_by_id(state: State) -> None:
    """When each gear was asked for is kept, the newest time counts."""
    state.save_gear_tried("b1", NOW)
    state.save_gear_tried("g1", NOW)
    state.save_gear_tried("b1", NOW + timedelta(days=1))
    assert state.gear_tried() == {"b1": NOW + timedelta(days=1), "g1": NOW}


@pytest.mark.parametrize("text", [None, 5, "", "soon", "2026-01-01", "2026-01-01T00:00:00", [], {}])
def test_only_an_aware_instant_is_one(text: object) -> None:
    """What has no zone or is no date is no instant."""
    assert parse_instant(text) is None


def test_an_instant_of_another_zone_is_utc() -> None:
    """An instant with an offset comes out in UTC."""
    assert parse_instant("2026-11-23T17:45:00+05:45") == NOW
    assert str(parse_instant("2026-11-23T12:00:00Z")) == "2026-11-23 12:00:00+00:00"


def test_files_are_whole_json(state: State) -> None:
    """Every state file is a JSON object that people can read."""
    state.save_listing(7, watermark=NOW)
    note(state, "activity", "5", "bad")
    state.save_gear_tried("b1", NOW)
    for path in state.folder.glob("*.json"):
        assert isinstance(json.loads(path.read_bytes()), dict)
        assert path.read_bytes().endswith(b"\n")
    assert not list(state.folder.glob(".*"))

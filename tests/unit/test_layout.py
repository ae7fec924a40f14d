"""Names of runs and files below the data folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from strava_stats.lake.layout import ACTIVITIES, DETAILS, GEAR, KINDS, Layout, next_run_id

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def put(layout: Layout, kind: str, *names: str) -> None:
    layout.bronze(kind).mkdir(parents=True, exist_ok=True)
    for name in names:
        (layout.bronze(kind) / name).write_bytes(b"")


def test_the_first_run_is_named_after_the_clock_and_the_athlete(tmp_path: Path) -> None:
    """A name is the instant in UTC, to the microsecond, and the athlete."""
    name = next_run_id(Layout(tmp_path), NOW, 42)
    assert name == "20261123T120000123456Z-42"
    assert next_run_id(Layout(tmp_path), NOW.astimezone(timezone(timedelta(hours=5))), 42) == name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("back", [timedelta(0), timedelta(microseconds=1), timedelta(hours=1), timedelta(days=4000)])
def test_a_clock_that_went_back_does_not_put_a_run_before_another(tmp_path: Path, kind: str, back: timedelta) -> None:
    """A run sorts after every run in bronze, of whatever kind, athlete and form, also when the clock was set back."""
    layout = Layout(tmp_path)
    last = next_run_id(layout, NOW, 999)
    for _ in range(3):
        put(layout, kind, f"{last}.jsonl.gz")
        following = next_run_id(layout, NOW - back, 1)
        assert following > last
        last = following


def test_a_clock_that_moves_on_is_believed(tmp_path: Path) -> None:
    """With all runs in the past the name is the present."""
    layout = Layout(tmp_path)
    put(layout, ACTIVITIES, f"{next_run_id(layout, NOW, 1)}.jsonl")
    later = NOW + timedelta(microseconds=1)
    assert next_run_id(layout, later, 1) == "20261123T120000123457Z-1"


def test_the_end_of_a_second_and_of_a_year(tmp_path: Path) -> None:
    """One microsecond more carries over into the next year."""
    layout = Layout(tmp_path)
    put(layout, GEAR, "20261231T235959999999Z-1.jsonl")
    assert next_run_id(layout, NOW, 1) == "20270101T000000000000Z-1"


def test_foreign_files_do_not_count(tmp_path: Path) -> None:
    """A file that is no run of ours neither moves the names nor breaks them."""
    layout = Layout(tmp_path)
    put(layout, ACTIVITIES, "notes.txt", "zzz.jsonl", ".hidden.jsonl.tmp", "99999999.jsonl.gz")
    assert next_run_id(layout, NOW, 1) == "20261123T120000123456Z-1"


def test_journals_are_in_order_and_the_plain_one_wins(tmp_path: Path) -> None:
    """Journals come oldest first; where both forms lie there, the plain one counts."""
    layout = Layout(tmp_path)
    put(layout, DETAILS, "20260102T000000000000Z-1.jsonl.gz", "20260101T000000000000Z-1.jsonl", "x.tmp")
    put(layout, DETAILS, "20260102T000000000000Z-1.jsonl")
    journals = layout.journals(DETAILS)
    assert [path.name for path in journals.values()] == [
        "20260101T000000000000Z-1.jsonl",
        "20260102T000000000000Z-1.jsonl",
    ]
    assert layout.journals(ACTIVITIES) == {}

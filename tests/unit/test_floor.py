"""The floor, what an age means, and lines taken out of a journal."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_stats.care.purge import parse_age
from strava_stats.errors import CorruptData, UsageError
from strava_stats.lake.bronze import last_seq
from strava_stats.lake.checks import Chain, read_journal
from strava_stats.lake.floor import Floor, floor_of, read_floors, write_floors
from strava_stats.lake.layout import Layout
from strava_stats.lake.rewrite import Cut, cut_journal, noted_lines
from strava_stats.sync.plan import DAY, first_request, missing_from, next_request

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("400d", date(2025, 10, 19)),
        ("0d", date(2026, 11, 23)),
        ("2y", date(2024, 11, 23)),
        ("2Y", date(2024, 11, 23)),
        ("2024-01-31", date(2024, 1, 31)),
    ],
)
def test_ages(text: str, day: date) -> None:
    """Days, years and days of the calendar."""
    assert parse_age(text, NOW.date()) == day


def test_a_year_before_the_29th_of_february() -> None:
    """A year that has no such day has the one before it."""
    assert parse_age("1y", date(2024, 2, 29)) == date(2023, 2, 28)


@pytest.mark.parametrize(
    "text", ["", "d", "400", "-3d", "2m", "3 d", "²d", "99999y", "2027-01-01", "2024-02-30", "soon"]
)
def test_no_ages(text: str) -> None:
    """Anything else, and days to come, are named and refused."""
    with pytest.raises(UsageError):
        parse_age(text, NOW.date())


def test_floors_are_kept(tmp_path: Path) -> None:
    """What is written is read again, and none leaves no file."""
    layout = Layout(tmp_path)
    assert floor_of(layout, 7) is None
    floors = {7: Floor(date(2024, 1, 1)), 8: Floor(date(2020, 2, 3), frozenset({5, 6}))}
    write_floors(layout, floors)
    assert read_floors(layout) == floors
    assert floor_of(layout, 7) == datetime(2024, 1, 1, tzinfo=UTC)
    write_floors(layout, {})
    assert not layout.floor.exists()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"version":2}', b'{"version":1,"athletes":{"x":1}}', b"\xff"])
def test_damaged_floors(tmp_path: Path, content: bytes) -> None:
    """A damaged file is never taken for one without floors."""
    layout = Layout(tmp_path)
    layout.floor.parent.mkdir()
    layout.floor.write_bytes(content)
    with pytest.raises(CorruptData, match=r"floor\.json"):
        read_floors(layout)


def test_a_sweep_above_the_floor() -> None:
    """It is full, begins below the floor, stays so from page to page, and asks for all that it lacks from there on."""
    floor = datetime(2024, 1, 1, tzinfo=UTC)
    request = first_request(NOW, None, None, mode="default", days=21, full_sweep_days=7, floor=floor)
    start = int(floor.timestamp())
    assert (request.full, request.after) == (True, start - 2 * DAY)
    page = next_request(request, [start + 90, start + 60, start + 30], 3, 3)
    assert page is not None
    assert page.full
    assert missing_from(request, {1: start, 2: start - 2 * DAY}, set(), {}, NOW) == [1]


def test_a_look_back_that_ends_at_the_floor() -> None:
    """A listing never reaches below the floor; one that reaches down to it is a full one."""
    floor = NOW - timedelta(days=1)
    watermark = NOW - timedelta(hours=2)
    request = first_request(NOW, watermark, NOW, mode="default", days=21, full_sweep_days=7, floor=floor)
    assert request.full
    assert request.after == int(floor.timestamp()) - 2 * DAY
    assert not first_request(NOW, watermark, NOW, mode="lite", days=0, full_sweep_days=7, floor=floor).full


def journal(path: Path, *lines: Mapping[str, Any]) -> Path:
    noted = [
        {"seq": seq, "kind": "body", "athlete_id": 7, "fetched_at": "2026-01-01T00:00:00Z", "id": None, **line}
        for seq, line in enumerate(lines, start=1)
    ]
    path.write_bytes(gzip.compress(b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in noted)))
    return path


def shown(path: Path) -> list[tuple[Any, ...]]:
    return [(line.seq, line.kind, line.id, line.lines, line.ids) for line, _ in noted_lines(path)]


def test_lines_are_cut(tmp_path: Path) -> None:
    """Lines that go are counted by the one in their place, numbers stay, and a listing's note loses the ids."""
    path = journal(
        tmp_path / "20260101T000000000000Z-7.jsonl.gz",
        {"id": 1},
        {"id": 2},
        {"id": 2, "kind": "same", "hash": "0"},
        {"id": 3},
        {"id": 2, "kind": "absent"},
        {"kind": "listing", "ids": [1, 2, 3]},
    )
    kept = [content for line, content in noted_lines(path) if line.id in {1, 3}]
    assert cut_journal(path, Cut(lambda line: line.id != 2, frozenset({2})), tmp_path / "scratch") == 3
    assert shown(path) == [
        (1, "body", 1, 1, None), (3, "purged", None, 2, None), (4, "body", 3, 1, None), (5, "purged", None, 1, None),
        (6, "listing", None, 1, [1, 3]),
    ]  # fmt: skip
    assert [content for line, content in noted_lines(path) if line.id] == kept
    assert cut_journal(path, Cut(lambda line: line.id != 3), tmp_path / "scratch") == 1
    assert shown(path)[1] == (5, "purged", None, 4, None)
    plain = tmp_path / "plain.jsonl"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    assert last_seq(plain) == 6


def test_nothing_to_cut(tmp_path: Path) -> None:
    """A journal that holds nothing of it is not touched."""
    path = journal(tmp_path / "a.jsonl.gz", {"id": 1}, {"kind": "listing", "ids": [1]})
    before = path.stat()
    assert cut_journal(path, Cut(lambda line: line.id != 2, frozenset({2})), tmp_path / "scratch") == 0
    assert path.stat() == before


def test_a_cut_journal_is_whole_and_a_gap_is_not(tmp_path: Path) -> None:
    """Where lines were purged no number is lacking; where they vanished one is."""
    path = journal(tmp_path / "a.jsonl.gz", *({"id": one, "kind": "absent"} for one in range(1, 7)))
    cut_journal(path, Cut(lambda line: line.id not in {3, 4, 5}), tmp_path / "scratch")
    assert read_journal("activity_details", path, Chain()).is_whole
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    for gone in range(len(lines) - 1):
        path.write_bytes(gzip.compress(b"".join(lines[:gone] + lines[gone + 1 :])))
        assert "was to come" in read_journal("activity_details", path, Chain()).defect

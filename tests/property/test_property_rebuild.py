"""Compacting day by day gives what one rebuild gives, whatever bronze tells and however often it was loaded between."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.sql_cases import NEW_YEAR, Lake

from strava_stats.warehouse.content import content_hashes
from strava_stats.warehouse.query import Warehouse

ACTIVITIES = 150
COUNTS = [1, 2, 3, None]
SAMPLES = "select 'samples', sum(hash(samples)::hugeint) from activity_streams as samples"
ANSWERS = "select 'answers', sum(hash(answers)::hugeint) from meta.stream_answers as answers"


class Chronicle:
    """Journals of some runs over many activities that appear, change, go, come back and are asked for in between."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.lake = Lake(folder)
        self.chance = random.Random(seed)  # noqa: S311 - the seed makes the chronicle
        self.live: set[int] = set()
        self.ever: set[int] = set()
        self.detailed: set[int] = set()

    def run(self, number: int) -> None:
        """One run: a listing, then details, also of activities that are gone."""
        for one in range(1, ACTIVITIES + 1):
            self._list(number, one)
        for one in sorted(self.ever):
            if self.chance.random() < 0.4:
                self._detail(number, one)
            if self.chance.random() < 0.3:
                self._streams(number, one)

    def _at(self, number: int) -> datetime:
        """When a line was written, by a clock that is set back now and then."""
        return NEW_YEAR + timedelta(seconds=number * 100 + self.chance.choice([0, 0, 0, -500, 30]))

    def _list(self, number: int, one: int) -> None:
        journal = self.lake.journal("activities", number)
        dice = self.chance.random()
        if one in self.live and dice < 0.15:
            journal.add_absent(self._at(number), one)
            self.live.discard(one)
            self.detailed.discard(one)
        elif one in self.live and dice < 0.45:
            journal.add_same(self._at(number), one, "0" * 16)
        elif dice < 0.8:
            start = f"2025-12-0{one % 9 + 1}T10:00:00Z"
            fields = {"name": self.chance.choice("abc"), "start_date": start, "sport_type": "Run"}
            self._body("activities", number, {"id": one, **fields})
            self.live.add(one)
            self.ever.add(one)

    def _detail(self, number: int, one: int) -> None:
        if one in self.detailed and self.chance.random() < 0.5:
            self.lake.journal("activity_details", number).add_same(self._at(number), one, "0" * 16)
            return
        effort = {"id": one * 100 + self.chance.choice([1, 2]), "name": "e", "segment": {"id": 5, "name": "s"}}
        laps = [{"id": one * 10, "lap_index": 1, "name": self.chance.choice("xy")}]
        self._body("activity_details", number, {"id": one, "name": "d", "laps": laps, "segment_efforts": [effort]})
        if one in self.live:
            self.detailed.add(one)

    def _streams(self, number: int, one: int) -> None:
        """Samples that change, come again unchanged, are absent, or are none."""
        journal, dice = self.lake.journal("activity_streams", number), self.chance.random()
        if dice < 0.15:
            journal.add_absent(self._at(number), one)
        elif dice < 0.35:
            journal.add_same(self._at(number), one, "0" * 16)
        else:
            seconds = range(self.chance.choice([0, 2, 3]))
            body = {"time": {"data": list(seconds)}, "watts": {"data": [self.chance.choice([1, 2]) for _ in seconds]}}
            self.lake.body("activity_streams", number, body, entity=one, at=self._at(number).isoformat())

    def _body(self, kind: str, number: int, body: dict[str, Any]) -> None:
        counts = {"kudos_count": self.chance.choice(COUNTS), "comment_count": self.chance.choice([0, 1])}
        self.lake.body(kind, number, {**body, **counts}, at=self._at(number).isoformat())

    def hashes(self) -> dict[str, str]:
        """Content hash by table, and what is known of streams, freshness included."""
        with Warehouse(self.lake.layout.warehouse) as warehouse:
            rows = warehouse.rows(f"{SAMPLES} union all {ANSWERS}")
            return {**content_hashes(warehouse), "streams": str(sorted(rows))}


@pytest.mark.parametrize("seed", range(2))
def test_day_by_day_is_as_all_at_once(tmp_path: Path, seed: int) -> None:
    """Also with details of what is gone, counts that are NULL, notes of unchanged bodies and a clock that jumps."""
    chronicle = Chronicle(tmp_path, seed)
    for number in range(1, 6):
        chronicle.run(number)
        if chronicle.chance.random() < 0.6:
            chronicle.lake.compact()
    chronicle.lake.compact()
    day_by_day = chronicle.hashes()
    chronicle.lake.compact(rebuild=True)
    assert chronicle.hashes() == day_by_day


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 30))
def test_day_by_day_is_as_all_at_once_at_length(tmp_path: Path, seed: int) -> None:
    """The same for many more chronicles."""
    test_day_by_day_is_as_all_at_once(tmp_path, seed)

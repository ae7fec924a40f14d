"""Each folder beside this file is a case: journal lines in, rows out, and the same rows after a rebuild."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.sql_cases import MONDAY, Lake, agrees, shown

from strava_stats.sync.compact import Calendar

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/expected.json"))


def compare(lake: Lake, queries: list[dict[str, Any]], when: str) -> None:
    for query in queries:
        held = [shown(row) for row in lake.rows(query["sql"])]
        assert agrees(held, query["rows"]), f"{when}: {query['sql']}\n held {held}\n want {query['rows']}"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Path, tmp_path: Path) -> None:
    """The rows are as expected after loading bit by bit, and what came bit by bit again after a rebuild from bronze."""
    expected = json.loads((case / "expected.json").read_bytes(), parse_float=Decimal, parse_int=Decimal)
    settings = expected.get("settings", {})
    calendar = Calendar(settings.get("week_start", MONDAY.week_start), settings.get("timezone", MONDAY.timezone))
    lake = Lake(tmp_path / "data", calendar)
    lines = [line for line in (case / "input.jsonl").read_bytes().split(b"\n") if line.strip()]
    for line in lines:
        lake.play(line)
    lake.compact()
    compare(lake, expected["queries"], "loaded")
    if "misfits" in expected:
        assert sorted(map(list, lake.misfits)) == sorted(expected["misfits"])
    if any(b'"step"' in line for line in lines):  # what came at one go is loaded by a rebuild in the same way
        lake.compact(rebuild=True)
        compare(lake, expected["queries"], "rebuilt")


def test_there_are_cases() -> None:
    """The folders are found, so that the test above cannot pass for want of cases."""
    assert len(CASES) >= 20

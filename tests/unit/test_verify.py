"""The rules of `verify` that need no whole home: what is a finding, and what a run that writes explains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.sql_cases import Lake

from strava_stats.clock import SystemClock
from strava_stats.errors import StravaUnreachable
from strava_stats.flow import writer_lock
from strava_stats.lake.layout import Layout
from strava_stats.narration import Silent
from strava_stats.strava.client import Answer
from strava_stats.sync.compact import Calendar
from strava_stats.sync.verify.counts import Asker, Stats, check_counts
from strava_stats.sync.verify.findings import Look, Survey, Watch, is_writing
from strava_stats.sync.verify.warehouse import compare_tables
from strava_stats.warehouse.query import Warehouse

MONDAY = Calendar("monday", "Europe/London")
CLOCK = SystemClock()


@pytest.fixture
def survey(tmp_path: Path) -> Survey:
    layout = Layout(tmp_path / "data")
    layout.state.mkdir(parents=True)
    return Survey(layout, tmp_path / "secrets", MONDAY, Silent(), tmp_path / "scratch")


def totals(**counts: object) -> Answer:
    body = {f"all_{sport}_totals": {"count": count, "distance": 1.25} for sport, count in counts.items()}
    return Answer(200, json.dumps(body).encode(), {})


def test_a_writer_is_seen_while_it_holds_the_lock(survey: Survey) -> None:
    """Before and after it, and behind a killed one that left its note, nobody writes."""
    layout = survey.layout
    assert not is_writing(layout)
    with writer_lock(layout, "flow", CLOCK):
        assert is_writing(layout)
    assert not is_writing(layout)
    layout.lock.with_suffix(".json").write_text("{}")
    assert not is_writing(layout)


@pytest.mark.parametrize("trace", ["state/runs.jsonl", "warehouse/strava.duckdb"])
def test_a_run_that_came_and_went_is_seen(survey: Survey, trace: str) -> None:
    """A run leaves a record or a new warehouse, so that one between two looks is not missed."""
    watch = Watch(survey.layout)
    assert not watch.saw_a_run()
    path = survey.layout.data_dir / trace
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}\n")
    assert watch.saw_a_run()


def test_what_a_run_explains_is_no_finding_beside_one() -> None:
    """What may pass is left out, with a note, while a run writes; the rest stays."""
    for busy, left in ((True, ["b"]), (False, ["a", "b"])):
        look = Look("journals")
        look.find("a", "is torn", "wait", passing=True)
        look.find("b", "is damaged", "restore")
        look.settle(busy=busy)
        assert [one.subject for one in look.findings] == left
        assert bool(look.notes) is busy


def test_tables_are_told_apart_by_rows_and_content(survey: Survey) -> None:
    """Other rows, other content and a table that is not there are three findings; equal ones are none."""
    look = Look("rebuild")
    ours = {"activities": "2 rows, a", "gear": "1 rows, b", "laps": "3 rows, c"}
    compare_tables(
        survey, look, ours, {"activities": "2 rows, a", "gear": "2 rows, d", "laps": "3 rows, e", "x": "0 rows, 0"}
    )
    assert [one.message for one in look.findings] == [
        "table gear has 1 rows, and 2 rows when made anew",
        "table laps has 3 rows, and other when made anew",
        "table x has no table, and 0 rows when made anew",
    ]


def test_counts_may_come_as_floats_or_not_at_all() -> None:
    """Totals that Strava leaves out are not compared."""
    assert Stats().counts() == {}
    answer = totals(run=905.0000000001, swim=3)
    import msgspec  # noqa: PLC0415

    assert msgspec.json.decode(answer.body, type=Stats).counts() == {"run": 905, "swim": 3}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two public runs, one on trails, and one that followers see."""
    lake = Lake(tmp_path / "data")
    for number, sport, visibility in ((1, "Run", "everyone"), (2, "TrailRun", None), (3, "Run", "followers_only")):
        lake.body("activities", 1, {"id": number, "sport_type": sport, "visibility": visibility})
    lake.compact()
    return lake


@pytest.mark.parametrize(("count", "found"), [(1, 0), (2, 0), (2.4, 0), (3, 1)])
def test_more_at_strava_than_here(survey: Survey, lake: Lake, count: float, found: int) -> None:
    """Only more public activities than are here is a finding; fewer may be deleted ones that we keep for now."""
    with Warehouse(lake.layout.warehouse) as survey.warehouse:
        look = check_counts(survey, lambda: [Asker(7, lambda: totals(run=count)), Asker(8, lambda: totals(swim=0))])
    assert len(look.findings) == found
    assert look.calls == 2
    assert look.looked_at.endswith("; athlete 8: 0 swims")


@pytest.mark.parametrize("answer", [Answer(404, b"", {}), Answer(200, b"[]", {}), Answer(200, b'{"all_run', {})])
def test_an_answer_without_totals_is_no_finding(survey: Survey, lake: Lake, answer: Answer) -> None:
    """Whatever comes in place of totals is told and left."""
    with Warehouse(lake.layout.warehouse) as survey.warehouse:
        look = check_counts(survey, lambda: [Asker(7, lambda: answer)])
    assert (look.findings, bool(look.skipped), len(look.notes)) == ([], True, 1)


def test_an_outage_of_one_athlete_leaves_the_next(survey: Survey, lake: Lake) -> None:
    """One failure does not stop the rest."""

    def unreachable() -> Answer:
        raise StravaUnreachable("nothing came", "later")

    with Warehouse(lake.layout.warehouse) as survey.warehouse:
        look = check_counts(survey, lambda: [Asker(8, unreachable), Asker(7, lambda: totals(run=9))])
    assert [one.subject for one in look.findings] == ["athlete 7"]
    assert look.notes == ["no totals of athlete 8: nothing came"]

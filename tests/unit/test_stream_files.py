"""Sample files: which of them count, what a reader finds, and that many become one."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from tests.support.sql_cases import Lake, run_name

from strava_stats.errors import CorruptData
from strava_stats.warehouse.engine import glob_of
from strava_stats.warehouse.sample_files import SampleFile, SampleView, sample_files, shown_files
from strava_stats.warehouse.samples import SAMPLE_COLUMNS

SAMPLES = "select activity_id, list(heartrate order by t) from activity_streams group by all order by all"


def summary(one: int) -> dict[str, object]:
    start = f"2026-01-01T{one % 24:02}:00:00Z"
    return {"id": one, "athlete": {"id": 7}, "start_date": start, "start_date_local": start, "sport_type": "Run"}


def streams(*heartrates: int) -> dict[str, object]:
    return {"time": {"data": list(range(len(heartrates)))}, "heartrate": {"data": list(heartrates)}}


def named(name: str, runs: dict[str, int | None] | None, *, is_current: bool = True) -> SampleFile:
    return SampleFile(Path(f"{name}.parquet"), runs, is_current)


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        ([named("a", {"a": None}), named("b", {"b": 5})], ["a", "b"]),
        ([named("a", {"a": None}), named("b", {"b": None}), named("b-merged", {"a": None, "b": None})], ["b-merged"]),
        (
            [named("b-merged", {"a": None, "b": None}), named("c-merged", {"b": None, "c": None, "d": None})],
            ["c-merged"],
        ),
        ([named("a", {"a": None}, is_current=False), named("import", None)], ["import"]),
    ],
)
def test_no_run_is_shown_twice(files: list[SampleFile], shown: list[str]) -> None:
    """A file gives way to one that holds more runs, and what other SQL made is not shown; imports always are."""
    assert [one.path.stem for one in shown_files(files)] == shown


def test_the_shape_is_the_one_that_all_agree_on(tmp_path: Path) -> None:
    """Columns and types of a file made of streams, and of the relation that stands where there is none."""
    lake = Lake(tmp_path)
    lake.body("activity_streams", 1, streams(100), entity=1)
    lake.compact()
    for source in (f"'{lake.layout.stream_file(run_name(1))}'", SampleView().as_sql()):
        found = duckdb.execute(f"describe from {source}").fetchall()
        assert {row[0]: row[1] for row in found} == dict(SAMPLE_COLUMNS)
        assert [row[0] for row in found] == list(SAMPLE_COLUMNS)


def test_each_activity_lies_together_in_the_order_of_the_starts(tmp_path: Path) -> None:
    """So that a condition on an activity skips what does not hold it."""
    lake = Lake(tmp_path)
    for one in (3, 1, 2):
        lake.body("activities", 1, summary(one))
    for one in (2, 3, 1):
        lake.body("activity_streams", 1, streams(100 + one, 110), entity=one)
    lake.compact()
    path = lake.layout.stream_file(run_name(1))
    rows = duckdb.execute("select activity_id, t from read_parquet($path, file_row_number = true)", {"path": str(path)})
    assert rows.fetchall() == [(one, t) for one in (1, 2, 3) for t in (0, 1)]


@pytest.mark.slow
def test_many_files_become_one(tmp_path: Path) -> None:
    """More than fifty are merged, without what newer ones replaced; the view shows the same, and a rebuild too."""
    lake = Lake(tmp_path)
    for number in range(1, 53):
        one = 1 + number % 40
        lake.body("activities", number, summary(one))
        lake.body("activity_streams", number, streams(number, number + 1), entity=one)
        if number > 49:
            lake.compact()
        else:
            lake.close()
    wanted = [(1 + n % 40, [n, n + 1]) for n in sorted(range(13, 53), key=lambda n: 1 + n % 40)]
    assert lake.rows(SAMPLES) == wanted
    for number in range(53, 105):
        lake.body("activity_streams", number, streams(1, 2), entity=1)
        lake.compact()
    assert len(sample_files(lake.layout.streams)) < 52
    assert lake.rows(SAMPLES) == [(1, [1, 2]), *wanted[1:]]
    lake.compact(rebuild=True)
    assert lake.rows(SAMPLES) == [(1, [1, 2]), *wanted[1:]]


def test_other_sql_for_tables_leaves_the_samples(tmp_path: Path) -> None:
    """When the warehouse is made anew, files that the same SQL for samples made are not touched."""
    lake = Lake(tmp_path)
    lake.body("activities", 1, summary(1))
    lake.body("activity_streams", 1, streams(100, 101), entity=1)
    lake.compact()
    path = lake.layout.stream_file(run_name(1))
    before = path.stat()
    lake.layout.published.unlink()
    assert lake.compact().rebuilt
    assert path.stat() == before
    assert lake.rows(SAMPLES) == [(1, [100, 101])]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """It is never taken for an empty one."""
    lake = Lake(tmp_path)
    lake.body("activity_streams", 1, streams(100), entity=1)
    lake.compact()
    lake.layout.stream_file(run_name(1)).write_bytes(b"PAR1 no more")
    with pytest.raises(CorruptData, match="cannot be read"):
        lake.compact()


@pytest.mark.parametrize("folder", ["plain", "with blank", "it's", "a[b]c"])
def test_every_folder_is_found(tmp_path: Path, folder: str) -> None:
    """Also one whose name is a pattern."""
    lake = Lake(tmp_path / folder)
    lake.body("activities", 1, summary(1))
    lake.body("activity_streams", 1, streams(100, 101), entity=1)
    lake.compact()
    assert lake.rows(SAMPLES) == [(1, [100, 101])]
    assert glob_of("a[b]*?") == "a[[]b][*][?]"


@pytest.mark.slow
def test_the_longest_recording(tmp_path: Path) -> None:
    """Two days of samples, one a second: a line longer than the reader takes by itself."""
    lake = Lake(tmp_path)
    seconds = list(range(172_800))
    body = {name: {"data": seconds} for name in ("time", "distance", "altitude", "velocity_smooth", "watts")}
    lake.body("activities", 1, summary(1))
    lake.body("activity_streams", 1, body, entity=1)
    lake.compact()
    assert lake.rows("select count(*), max(t), max(watts) from activity_streams") == [(172_800, 172_799, 32_767)]

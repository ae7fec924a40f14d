"""Many shards become one, a journal that turns up late is put in its place, a changed file is known as changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from tests.support.sql_cases import Lake, run_name

from strava_stats.errors import CorruptData
from strava_stats.sync import compact as compacting
from strava_stats.warehouse import published
from strava_stats.warehouse.content import content_hashes
from strava_stats.warehouse.query import Warehouse


def contents(lake: Lake) -> dict[str, str]:
    with Warehouse(lake.layout.warehouse) as warehouse:
        return content_hashes(warehouse)


def rows_of_shards(lake: Lake) -> list[tuple[object, ...]]:
    query = "select id, run_id, seq, name from read_parquet($files, union_by_name = true) order by all"
    files = [str(path) for path in lake.layout.shards.glob("*.parquet")]
    with duckdb.connect() as connection:
        return connection.execute(query, {"files": files}).fetchall()


def nights(lake: Lake, first: int, last: int) -> None:
    """A run with an edit and a new activity, compacted, for each of these nights."""
    for night in range(first, last):
        lake.body("activities", night, {"id": 1, "name": f"night {night}", "start_date": "2026-01-01T00:00:00Z"})
        lake.body("activities", night, {"id": 1000 + night, "name": "new"})
        lake.compact()


@pytest.fixture
def few_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compacting, "MOST_SHARDS", 3)


@pytest.mark.usefixtures("few_shards")
def test_many_shards_become_one(tmp_path: Path) -> None:
    """Merging keeps every row once, also merged shards, and the warehouse made anew is the same."""
    lake = Lake(tmp_path)
    nights(lake, 1, 4)
    assert len(list(lake.layout.shards.iterdir())) == 3
    nights(lake, 4, 5)
    assert [path.name for path in lake.layout.shards.iterdir()] == [f"{run_name(4)}-merged.parquet"]
    nights(lake, 5, 9)
    assert len(rows_of_shards(lake)) == 16
    assert len(list(lake.layout.shards.iterdir())) < 4
    before = contents(lake)
    lake.compact(rebuild=True)
    assert contents(lake) == before
    assert len(rows_of_shards(lake)) == 16


@pytest.mark.usefixtures("few_shards")
def test_a_killed_merge_is_finished_by_the_next_run(tmp_path: Path) -> None:
    """Shards that lie beside the one they went into go at the next publish; one that is not in it stays."""
    lake = Lake(tmp_path)
    nights(lake, 1, 4)
    shutil.copytree(lake.layout.shards, tmp_path / "before")
    nights(lake, 4, 5)
    for shard in (tmp_path / "before").iterdir():
        shutil.copy(shard, lake.layout.shards)
    nights(lake, 5, 6)
    assert sorted(path.name for path in lake.layout.shards.iterdir()) == [
        f"{run_name(4)}-merged.parquet",
        f"{run_name(5)}.parquet",
    ]
    assert len(rows_of_shards(lake)) == 10


@pytest.mark.usefixtures("few_shards")
def test_shards_whose_names_are_covered_but_whose_rows_are_not_stay(tmp_path: Path) -> None:
    """Only a shard all of whose rows are in the merged one is removed as left over."""
    other = Lake(tmp_path / "other")
    other.body("activities", 2, {"id": 77, "name": "only here"})
    other.compact()
    lake = Lake(tmp_path / "lake")
    nights(lake, 1, 5)
    stray = lake.layout.shard(run_name(2))
    shutil.copy(other.layout.shard(run_name(2)), stray)
    nights(lake, 5, 6)
    assert stray.exists()


@pytest.mark.usefixtures("few_shards")
def test_a_lost_warehouse_comes_back_from_merged_shards(tmp_path: Path) -> None:
    """Without a warehouse everything is made anew, and no merged shard is left that repeats the rows of others."""
    lake = Lake(tmp_path)
    nights(lake, 1, 6)
    before = contents(lake)
    lake.layout.warehouse.unlink()
    lake.compact()
    assert contents(lake) == before
    rows = rows_of_shards(lake)
    assert len(rows) == len(set(rows)) == 10


def test_a_journal_that_turns_up_late(tmp_path: Path) -> None:
    """A journal older than what is loaded is applied in its place: the file is made anew."""
    lake = Lake(tmp_path)
    lake.body("activities", 1, {"id": 1, "name": "first", "kudos_count": 1})
    lake.body("activities", 2, {"id": 1, "name": "second", "kudos_count": 2})
    lake.body("activities", 3, {"id": 1, "name": "third", "kudos_count": 3})
    lake.close()
    hidden = lake.layout.bronze("activities") / f"{run_name(2)}.jsonl.gz"
    hidden.rename(tmp_path / hidden.name)
    lake.compact()
    assert lake.rows("select count(*) from activity_versions") == [(2,)]
    (tmp_path / hidden.name).rename(hidden)
    assert lake.compact().rebuilt
    assert lake.rows("select name from activities") == [("third",)]
    assert lake.rows("select kudos_count from activity_kudos_history order by observed_at") == [(1,), (2,), (3,)]


def test_a_file_that_another_changed_is_made_anew(tmp_path: Path) -> None:
    """Foreign rows are not carried on; a copy, byte for byte, is known again although it is another file."""
    lake = Lake(tmp_path)
    lake.body("activities", 1, {"id": 1, "name": "mine"})
    lake.compact()
    file = lake.layout.warehouse
    shutil.copy(file, tmp_path / "copy")
    (tmp_path / "copy").replace(file)
    assert published.is_as_published(file, lake.layout.published)
    assert not lake.compact().published
    file.chmod(0o644)
    with duckdb.connect(str(file)) as connection:
        connection.execute("insert into activities (id, name) values (2, 'foreign')")
    assert not published.is_as_published(file, lake.layout.published)
    assert lake.compact().rebuilt
    assert lake.rows("select name from activities") == [("mine",)]


def test_a_merge_that_loses_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are counted before the merged shard replaces the others."""
    lake = Lake(tmp_path)
    nights(lake, 1, 4)
    before = rows_of_shards(lake)
    monkeypatch.setattr(compacting, "MOST_SHARDS", 2)
    monkeypatch.setattr("strava_stats.warehouse.merge.KEYS", "select 99 from read_parquet($files) limit 1")
    lake.body("activities", 4, {"id": 5})
    with pytest.raises(CorruptData, match="nothing was replaced"):
        lake.compact()
    assert set(before) < set(rows_of_shards(lake))

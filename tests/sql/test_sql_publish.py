"""What every published warehouse has: comments on all columns, unique keys, kudos in step, views that work."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from tests.support.sql_cases import MONDAY, Lake

from strava_stats.errors import CorruptData
from strava_stats.warehouse.edit import WarehouseEdit
from strava_stats.warehouse.engine import sql_folder

KEYS = {
    "activities": "id",
    "activity_details": "activity_id",
    "activity_splits_metric": "activity_id, split",
    "activity_splits_standard": "activity_id, split",
    "activity_laps": "activity_id, lap_index",
    "activity_best_efforts": "activity_id, name",
    "activity_segment_efforts": "id",
    "segments": "id",
    "gear": "id",
    "athletes": "id",
    "activity_curves": "activity_id, metric, duration",
    "duplicate_candidates": "activity_id, other_id",
}
"""The key of each table, from the contract."""

COMPUTED = {"activity_curves", "duplicate_candidates"}
"""Of samples and of other tables, never of an answer."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A small warehouse with a row in most tables."""
    lake = Lake(tmp_path_factory.mktemp("publish") / "data")
    lake.body("activities", 1, {"id": 1, "kudos_count": 5, "start_date_local": "2025-01-01T00:00:00Z"})
    lake.body("activity_details", 1, {"id": 1, "kudos_count": 5, "laps": [{"id": 2, "lap_index": 1}]})
    lake.compact()
    return lake


def test_every_table_view_and_column_has_a_comment(lake: Lake) -> None:
    """No table, view or column of any schema lacks its comment."""
    for what in ("tables", "views"):
        name = what[:-1] + "_name"
        query = f"select {name} from duckdb_{what}() where not internal and coalesce(comment, '') = ''"  # noqa: S608
        assert lake.rows(query) == []
    lacking = "select table_name, column_name from duckdb_columns() where not internal and coalesce(comment, '') = ''"
    assert lake.rows(lacking) == []
    ((columns,),) = lake.rows("select count(*) from duckdb_columns() where not internal")
    assert columns > 200


def test_comments_survive_a_second_publish(tmp_path: Path) -> None:
    """Views that are made anew have their comments again."""
    lake = Lake(tmp_path / "data")
    lake.body("activities", 1, {"id": 1})
    lake.compact()
    lake.body("activities", 2, {"id": 2})
    lake.compact()
    views = "select count(*), count(nullif(comment, '')) from duckdb_columns() where table_name like 'gold_%'"
    ((columns, commented),) = lake.rows(views)
    assert columns == commented > 20


def test_each_fetched_table_has_provenance(lake: Lake) -> None:
    """Every table of the contract has athlete_id, and every fetched one source and fetched_at."""
    for table in KEYS.keys() - COMPUTED:
        found = {row[0] for row in lake.rows("select column_name from duckdb_columns() where table_name = ?", [table])}
        assert found >= {"athlete_id", "source", "fetched_at", "extra"}, table


@pytest.mark.parametrize("table", sorted(KEYS))
def test_a_doubled_key_is_not_published(lake: Lake, tmp_path: Path, table: str) -> None:
    """Two rows of one key, or a row without one, keep the file from being published."""
    before = lake.layout.warehouse.read_bytes()
    for key in ("7", "null"):
        with WarehouseEdit(lake.layout.warehouse, tmp_path, anew=False, note=lake.layout.published) as edit:
            columns = KEYS[table]
            values = ", ".join(key for _ in columns.split(","))
            for _ in range(2):
                edit.run(f"insert into {table} ({columns}) values ({values})")  # noqa: S608
            with pytest.raises(CorruptData, match=f"not published.*unique_keys.*{table}") as raised:
                edit.publish()
        assert "--rebuild" in raised.value.hint
        assert lake.layout.warehouse.read_bytes() == before


def test_kudos_behind_are_not_published(lake: Lake, tmp_path: Path) -> None:
    """Details whose kudos are behind the listing's keep the file from being published."""
    before = lake.layout.warehouse.read_bytes()
    with WarehouseEdit(lake.layout.warehouse, tmp_path, anew=False, note=lake.layout.published) as edit:
        edit.run("update activity_details set kudos_count = 4")
        with pytest.raises(CorruptData, match="kudos_never_behind"):
            edit.publish()
    assert lake.layout.warehouse.read_bytes() == before


def test_every_check_passes_on_an_untouched_file(lake: Lake) -> None:
    """The checks find nothing in a warehouse that came from bronze alone."""
    assert len(sql_folder("checks")) >= 2
    for check in sql_folder("checks"):
        assert lake.rows(check.read_text(encoding="utf-8")) == []


def test_the_users_own_views(tmp_path: Path) -> None:
    """A file in data/sql becomes a view, and one with a mistake is named and keeps nothing else out."""
    lake = Lake(tmp_path / "data")
    lake.layout.user_sql.mkdir(parents=True)
    (lake.layout.user_sql / "10_names.sql").write_text("create or replace view my_names as select name from activities")
    (lake.layout.user_sql / "20_wrong.sql").write_text("create or replace view my_wrong as select nope from activities")
    (lake.layout.user_sql / "30_empty.sql").write_text("-- nothing yet\n")
    (lake.layout.user_sql / "40_last.sql").write_text(
        "create or replace view my_last as select upper(name) n from my_names;"
    )
    lake.body("activities", 1, {"id": 1, "name": "x"})
    result = lake.compact()
    assert [line.partition(":")[0] for line in result.failed_views] == ["20_wrong.sql"]
    assert lake.rows("select n from my_last") == [("X",)]
    assert lake.rows("select count(*) from duckdb_views() where view_name = 'my_wrong'") == [(0,)]


def test_a_changed_user_view_is_published(tmp_path: Path) -> None:
    """A new or changed file in data/sql is reason enough to publish; without any change nothing is written."""
    lake = Lake(tmp_path / "data")
    lake.body("activities", 1, {"id": 1, "name": "x"})
    assert lake.compact().published
    assert not lake.compact().published
    lake.layout.user_sql.mkdir(parents=True)
    view = lake.layout.user_sql / "mine.sql"
    view.write_text("create or replace view mine as select 1 as n")
    assert lake.compact().published
    view.write_text("create or replace view mine as select 2 as n")
    assert lake.compact().published
    assert lake.rows("select n from mine") == [(2,)]
    view.unlink()
    assert lake.compact().published
    assert lake.rows("select count(*) from duckdb_views() where view_name = 'mine'") == [(0,)]


def test_another_week_start_is_published(tmp_path: Path) -> None:
    """A changed WEEK_START shows at the next compact, without any new data."""
    lake = Lake(tmp_path / "data")
    lake.body("activities", 1, {"id": 1, "start_date_local": "2025-01-05T12:00:00Z"})
    lake.compact()
    assert [str(row[0]) for row in lake.rows("select week from gold_weekly")] == ["2024-12-30"]
    lake.calendar = type(MONDAY)("sunday", "Europe/London")
    assert lake.compact().published
    assert [str(row[0]) for row in lake.rows("select week from gold_weekly")] == ["2025-01-05"]


def test_other_sql_builds_the_file_anew(tmp_path: Path) -> None:
    """A warehouse that other SQL built is made anew from bronze by itself, shards too."""
    lake = Lake(tmp_path / "data")
    lake.body("activities", 1, {"id": 1, "name": "x"})
    lake.compact()
    with WarehouseEdit(lake.layout.warehouse, tmp_path / "scratch", anew=False, note=lake.layout.published) as edit:
        edit.run("update activities set name = 'stale'")
        edit.refresh_views({}, week_start="monday", timezone="Europe/London")
        edit.run("update meta.settings set value = 'of another version' where name = 'tables'")
        edit.publish()
    assert lake.compact().rebuilt
    assert lake.rows("select name from activities") == [("x",)]


def test_a_damaged_warehouse_is_made_anew(tmp_path: Path) -> None:
    """A warehouse file that cannot be opened is made anew from bronze at the next compact."""
    lake = Lake(tmp_path / "data")
    lake.body("activities", 1, {"id": 1, "name": "x"})
    lake.compact()
    lake.layout.warehouse.chmod(0o644)
    lake.layout.warehouse.write_bytes(b"garbage" * 1000)
    assert lake.compact().published
    assert lake.rows("select name from activities") == [("x",)]


def test_older_clients_can_open_the_file(lake: Lake) -> None:
    """The file has the storage version that every client since DuckDB 1.4 reads."""
    with closing(duckdb.connect(str(lake.layout.warehouse), read_only=True)) as connection:
        tags = connection.execute("select tags from duckdb_databases() where not internal").fetchall()
    assert "v1.4.0" in str(tags)

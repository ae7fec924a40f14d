"""Questions to the published file: what is missing, damaged or mistyped comes with a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from strava_stats.errors import ConfigurationError, CorruptData, UsageError
from strava_stats.warehouse.edit import WarehouseEdit
from strava_stats.warehouse.query import Warehouse, is_current


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty warehouse."""
    path = tmp_path_factory.mktemp("query") / "warehouse" / "strava.duckdb"
    with WarehouseEdit(path, path.parent.parent / "tmp", anew=True, note=path.parent.parent / "note.json") as edit:
        edit.refresh_views({}, week_start="monday", timezone="Europe/London")
        edit.publish()
    return path


def test_no_warehouse_yet(tmp_path: Path) -> None:
    """Before the first flow the error says what to run."""
    with pytest.raises(ConfigurationError, match="no warehouse") as raised, Warehouse(tmp_path / "x.duckdb"):
        pass
    assert "strava-stats flow" in raised.value.hint


@pytest.mark.parametrize("content", [b"", b"garbage" * 5000])
def test_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    """A file that is no warehouse leads to a rebuild."""
    path = tmp_path / "x.duckdb"
    path.write_bytes(content)
    path.chmod(0o444)
    with pytest.raises(CorruptData) as raised, Warehouse(path):
        pass
    assert "--rebuild" in raised.value.hint


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("select * from activites", "activities"),
        ("select nam from activities", "name"),
        ("selec 1", "tables and views are: "),
        ("delete from activities", "read-only"),
        ("create table t (a int)", "read-only"),
        ("create or replace view v as select 1", "read-only"),
        ("select 1/'x'", ""),
        ("select date_diff(1)", ""),
    ],
)
def test_a_mistake_comes_with_a_hint(published: Path, query: str, hint: str) -> None:
    """A wrong query is a usage error of one line, with the nearest name or all of them."""
    with Warehouse(published) as warehouse:
        with pytest.raises(UsageError, match="The query failed") as raised:
            warehouse.relation(query)
        assert hint in raised.value.hint
        assert "\n" not in str(raised.value)
        assert warehouse.relation("select 1").fetchall() == [(1,)]


def test_the_list_of_tables_is_whole(published: Path) -> None:
    """The hint names tables and gold views, and nothing that is not to be queried."""
    with Warehouse(published) as warehouse, pytest.raises(UsageError) as raised:
        warehouse.relation("select * from zzz")
    named = set(raised.value.hint.removeprefix("tables and views are: ").split(", "))
    assert named >= {"activities", "activity_details", "gold_weekly", "gold_monthly", "runs", "segments"}
    assert not named & {"ledger", "settings"}


def test_a_mistake_while_rows_are_read(published: Path) -> None:
    """A value that only fails at its row is a usage error too, whenever it shows."""
    with Warehouse(published) as warehouse, pytest.raises(UsageError, match="The query failed"):
        warehouse.relation(
            "select cast(case when range = 90000 then 'x' else '1' end as int) from range(100000)"
        ).fetchall()


def test_instants_are_in_utc(published: Path) -> None:
    """A query sees instants in UTC, whatever the machine's zone."""
    with Warehouse(published) as warehouse:
        ((shown,),) = warehouse.rows("select (timestamptz '2025-01-01 00:00:00+02')::varchar")
    assert shown == "2024-12-31 22:00:00+00"


def test_is_current(published: Path, tmp_path: Path) -> None:
    """A file of this version's SQL is current; one without settings is not."""
    with Warehouse(published) as warehouse:
        assert is_current(warehouse)
    other = tmp_path / "other.duckdb"
    import duckdb  # noqa: PLC0415

    duckdb.connect(str(other)).close()
    with Warehouse(other) as warehouse:
        assert not is_current(warehouse)

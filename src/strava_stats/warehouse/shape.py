"""Journals of summaries → typed rows in Parquet, by SQL alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from strava_stats.warehouse.edit import duckdb_errors
from strava_stats.warehouse.engine import LONGEST_LINE, connect, sql, tables_fingerprint

if TYPE_CHECKING:
    import duckdb

ROWS_A_GROUP = 20_480
COPY = """
copy ({rows}) to $target (format parquet, compression zstd, row_group_size {group}, kv_metadata {{sql: '{made_by}'}})
"""
MADE_BY = "select decode(value) from parquet_kv_metadata($path) where decode(key) = 'sql'"
NO_UNKNOWN_KEYS = "create or replace temp table unknown_keys (run_id varchar, seq bigint, extra json)"


def shape_activities(journals: Sequence[Path], target: Path, scratch: Path) -> tuple[int, list[tuple[int, str]]]:
    """Write the summaries of `journals` to the Parquet file `target`, newest start first.

    Returns the number of rows and (activity id, key) of each value that did not fit its column and went to
    `extra`. No rows, no file. Raises CorruptData when a journal is no JSON lines.
    """
    import duckdb  # noqa: PLC0415

    connection = connect(scratch=scratch)
    try:
        with duckdb_errors(target):
            connection.execute(sql("macros"))
            for name, value in (("journals", [str(path) for path in journals]), ("longest_line", LONGEST_LINE)):
                connection.execute(f"set variable {name} = $value", {"value": value})
            try:
                rows = _copy(connection, target, ("load/activity_bodies", "load/activity_odd_bodies"))
            except duckdb.InvalidInputException as error:
                if "transform error" not in str(error):
                    raise
                rows = _copy(connection, target, ("load/activity_bodies_carefully",))
            if not rows:
                target.unlink()
                return 0, []
            misfits = connection.execute(
                "select id, unnest(misfits) from read_parquet($target) where misfits is not null",
                {"target": str(target)},
            ).fetchall()
            return rows, [(row[0], row[1]) for row in misfits]
    finally:
        connection.close()


def _copy(connection: duckdb.DuckDBPyConnection, target: Path, preparations: Sequence[str]) -> int:
    for name in preparations:
        connection.execute(sql(name))
    odd = connection.execute("select count(*) from odd_bodies").fetchall()[0][0]
    connection.execute(sql("load/activity_unknown_keys") if odd else NO_UNKNOWN_KEYS)
    copy = COPY.format(rows=sql("load/activity_rows"), group=ROWS_A_GROUP, made_by=tables_fingerprint())
    return int(connection.execute(copy, {"target": str(target)}).fetchall()[0][0])


def is_usable(shard: Path) -> bool:
    """True when the file is a whole shard that this version's SQL made."""
    import duckdb  # noqa: PLC0415

    if not shard.exists():
        return False
    connection = connect()
    try:
        return connection.execute(MADE_BY, {"path": str(shard)}).fetchall() == [(tables_fingerprint(),)]
    except duckdb.Error:
        return False
    finally:
        connection.close()

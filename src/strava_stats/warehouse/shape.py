"""Journals of summaries → typed rows in Parquet, by SQL alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strava_stats.warehouse.edit import duckdb_errors
from strava_stats.warehouse.engine import LONGEST_LINE, connect, sql, tables_fingerprint

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
    connection = connect(scratch=scratch)
    try:
        with duckdb_errors(target):
            connection.execute(sql("macros"))
            for name, value in (
                ("journals", [str(path) for path in journals]),
                ("longest_line", LONGEST_LINE),
            ):
                connection.execute(f"set variable {name} = $value", {"value": value})
            connection.execute(sql("load/activity_odd_bodies"))
            odd = connection.execute("select count(*) from odd_bodies").fetchall()[0][0]
            connection.execute(sql("load/activity_unknown_keys") if odd else NO_UNKNOWN_KEYS)
            copy = COPY.format(rows=sql("load/activity_rows"), group=ROWS_A_GROUP, made_by=tables_fingerprint())
            rows = connection.execute(copy, {"target": str(target)}).fetchall()[0][0]
            if not rows:
                target.unlink()
                return 0, []
            misfits = connection.execute(
                "select id, unnest(misfits) from read_parquet($target) where misfits is not null",
                {"target": str(target)},
            ).fetchall()
            return int(rows), [(row[0], row[1]) for row in misfits]
    finally:
        connection.close()


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

"""Many small shards into one: the same rows, fewer files. A kill at any point loses none and repeats none for long."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from strava_stats.errors import CorruptData
from strava_stats.warehouse.engine import connect, sql, tables_fingerprint
from strava_stats.warehouse.failures import duckdb_errors
from strava_stats.warehouse.shape import COPY, ROWS_A_GROUP, is_usable

KEYS = "select count(*) from (select distinct id, run_id, seq from read_parquet($files, union_by_name = true))"
NOT_IN = """
select count(*)
from (select id, run_id, seq from read_parquet($file))
anti join (select id, run_id, seq from read_parquet($merged)) using (id, run_id, seq)
"""


def merge_shards(shards: Sequence[Path], target: Path, scratch: Path) -> None:
    """Write the rows of `shards` to the Parquet file `target`, each once, newest start first."""
    files = [str(path) for path in shards]
    with closing(connect(scratch=scratch)) as connection, duckdb_errors(target):
        connection.execute("set variable shards = $files", {"files": files})
        rows = COPY.format(rows=sql("load/merged_shards"), group=ROWS_A_GROUP, made_by=tables_fingerprint())
        written = connection.execute(rows, {"target": str(target)}).fetchall()[0][0]
        wanted = connection.execute(KEYS, {"files": files}).fetchall()[0][0]
    if written != wanted:
        raise CorruptData(
            f"Merging {len(shards)} shards gave {written} rows instead of {wanted}",
            "nothing was replaced; run `strava-stats compact --rebuild`",
        )


def holds_all_of(merged: Path, shard: Path) -> bool:
    """True when every row of `shard` is in `merged`, and both were made by this version's SQL."""
    if not (is_usable(merged) and is_usable(shard)):
        return False
    with closing(connect()) as connection:
        found = connection.execute(NOT_IN, {"file": str(shard), "merged": str(merged)}).fetchall()
    return found == [(0,)]

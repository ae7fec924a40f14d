"""Journals of summaries → typed rows in Parquet, by SQL alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strava_stats.warehouse.engine import LONGEST_LINE, connect, sql, tables_fingerprint
from strava_stats.warehouse.failures import duckdb_errors

if TYPE_CHECKING:
    import duckdb

ROWS_A_GROUP = 20_480
COPY = """
copy ({rows}) to $target (format parquet, compression zstd, row_group_size {group}, kv_metadata {{sql: '{made_by}'}})
"""
MADE_BY = "select decode(value) from parquet_kv_metadata($path) where decode(key) = 'sql'"
NO_ODD_BODIES = "create or replace temp table odd_bodies (run_id varchar, seq bigint)"
NO_UNKNOWN_KEYS = "create or replace temp table unknown_keys (run_id varchar, seq bigint, extra json)"


@cache
def _known_keys() -> tuple[frozenset[str], ...]:
    """Keys of a summary, its athlete and its map that have a column, as the SQL has them."""
    lists = re.findall(r"list_has_all\(\[([^\]]*)\]", sql("load/activity_odd_bodies"))
    return tuple(frozenset(re.findall(r"'(\w+)'", one)) for one in lists)


def has_only_known_keys(summary: Mapping[str, Any]) -> bool:
    """True when a summary can have no `extra` but for misfits: a hint that saves the SQL from looking."""
    top, *nested = _known_keys()
    if not summary.keys() <= top:
        return False
    for name, known in zip(("athlete", "map"), nested, strict=True):
        part = summary.get(name)
        if part is not None and not (isinstance(part, dict) and part.keys() <= known):
            return False
    return True


def shape_activities(
    journals: Sequence[Path], target: Path, scratch: Path, *, only_known_keys: bool = False
) -> tuple[int, list[tuple[int, str]]]:
    """Write the summaries of `journals` to the Parquet file `target`, newest start first.

    Returns the number of rows and (activity id, key) of each value that did not fit its column and went to
    `extra`. `only_known_keys` says that no body has a key without a column. No rows, no file. Raises CorruptData when
    a journal is no JSON lines.
    """
    import duckdb  # noqa: PLC0415

    connection = connect(scratch=scratch)
    try:
        with duckdb_errors(target):
            connection.execute(sql("macros"))
            for name, value in (("journals", [str(path) for path in journals]), ("longest_line", LONGEST_LINE)):
                connection.execute(f"set variable {name} = $value", {"value": value})
            try:
                looks = () if only_known_keys else ("load/activity_odd_bodies",)
                rows = _copy(connection, target, ("load/activity_bodies", *looks))
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
    connection.execute(NO_ODD_BODIES)
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

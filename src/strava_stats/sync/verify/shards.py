"""Shards against journals: a row for each body, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strava_stats.lake.layout import ACTIVITIES, MERGED, RUN
from strava_stats.sync.verify.findings import REBUILD, Look, Survey, counted
from strava_stats.warehouse.engine import LONGEST_LINE, connect, sql, tables_fingerprint
from strava_stats.warehouse.shape import MADE_BY

if TYPE_CHECKING:
    import duckdb

SHARD = re.compile(rf"{RUN.pattern}(?:{MERGED})?\.parquet")
READ_THROUGH = "select count(*), sum(hash(shard)::hugeint) from read_parquet($path) as shard"
ROWS = "select count(*) from held"


def check_shards(survey: Survey) -> Look:
    """Compare keys and hashes of all shards with the clean bodies of the journals that are closed and whole."""
    look = Look("shards", verdict="a row for each body, and no other")
    connection = connect(scratch=survey.scratch)
    try:
        shards = [path for path in shards_of(survey) if _reads_through(survey, look, connection, path)]
        _gather(survey, connection, shards)
        _compare(survey, look, connection)
        rows = connection.execute(ROWS).fetchall()[0][0]
    finally:
        connection.close()
    look.looked_at = f"{counted(len(shards), 'shard')}, {counted(rows, 'row')}"
    if survey.stale_shards:
        look.notes.append("some shards were made by another version: `strava-stats compact` makes them anew")
    return look


def shards_of(survey: Survey) -> list[Path]:
    """The files that are named like shards."""
    return sorted(path for path in survey.layout.shards.glob("*.parquet") if SHARD.fullmatch(path.name))


def _reads_through(survey: Survey, look: Look, connection: duckdb.DuckDBPyConnection, path: Path) -> bool:
    import duckdb  # noqa: PLC0415

    try:
        connection.execute(READ_THROUGH, {"path": str(path)}).fetchall()
        made_by = connection.execute(MADE_BY, {"path": str(path)}).fetchall()
        connection.execute(sql("verify/shard_keys"), {"path": str(path)}).fetchall()
    except (duckdb.Error, UnicodeDecodeError):
        look.find(survey.shown(path), "cannot be read", REBUILD, passing=not path.exists())
        return False
    survey.stale_shards = survey.stale_shards or bool(made_by and made_by != [(tables_fingerprint(),)])
    return True


def _gather(survey: Survey, connection: duckdb.DuckDBPyConnection, shards: list[Path]) -> None:
    """Fill `promised` from the journals and `held` from the shards."""
    mine = {run: one for (kind, run), one in survey.readings.items() if kind == ACTIVITIES}
    whole = [one.path for one in mine.values() if one.is_whole and one.path.suffix == ".gz"]
    # An open journal may grow and a damaged one may be brought back: their rows are left out on both sides.
    aside = [run for run, one in mine.items() if one.path not in whole]
    aside += [run for kind, run in survey.lost if kind == ACTIVITIES]
    values: dict[str, Any] = {
        "journals": [str(path) for path in whole],
        "aside": aside,
        "loaded": [run for (kind, run), closed in survey.ledger.items() if kind == ACTIVITIES and closed],
        "longest_line": LONGEST_LINE,
    }
    for name, value in values.items():
        connection.execute(f"set variable {name} = $value", {"value": value})
    connection.execute(sql("macros"))
    connection.execute(sql("verify/working_tables"))
    if whole:
        connection.execute(sql("verify/promised_rows"))
    for path in shards:
        connection.execute(f"insert into held {sql('verify/shard_keys')}", {"path": str(path)})
    connection.execute("delete from held where list_contains(getvariable('aside')::varchar[], run_id)")


def _compare(survey: Survey, look: Look, connection: duckdb.DuckDBPyConnection) -> None:
    for trouble, name, run, rows in connection.execute(sql("verify/shard_differences")).fetchall():
        shown = survey.shown(survey.layout.shards / name) if name else survey.shown(survey.layout.shards)
        if trouble == "lacking":
            if look.findings:  # a shard that cannot be read explains them
                continue
            look.find(shown, f"{counted(rows, 'row')} lacking, first of run {run}", REBUILD, passing=True)
        elif trouble == "foreign":
            look.find(shown, f"{counted(rows, 'row')} of no journal in bronze", REBUILD, passing=True)
        else:
            look.find(shown, f"{counted(rows, 'row')} in another shard too", REBUILD, passing=True)

"""Samples and facts of activities as Parquet: the columns, once, and how arrays get there.

Samples are fixed-point, not doubles: 0.1 m, a millionth of a degree (11 cm), 1 mm/s, 0.1 %, a second. Arrays come as
scaled integers and DuckDB turns them into decimals, so that nothing is rounded twice; about 8 bytes a sample on disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strava_stats.files import disk_errors, make_folder, move_into_place
from strava_stats.warehouse.engine import connect, glob_of, quoted

if TYPE_CHECKING:
    import duckdb
    import numpy as np

    Columns = Mapping[str, np.typing.NDArray[Any]]

SAMPLE_COLUMNS: dict[str, str] = {
    "activity_id": "BIGINT",
    "run_id": "VARCHAR",
    "athlete_id": "BIGINT",
    "source": "VARCHAR",
    "t": "INTEGER",
    "distance": "DECIMAL(9,1)",
    "lat": "DECIMAL(9,6)",
    "lng": "DECIMAL(9,6)",
    "altitude": "DECIMAL(6,1)",
    "velocity_smooth": "DECIMAL(6,3)",
    "heartrate": "SMALLINT",
    "cadence": "SMALLINT",
    "watts": "SMALLINT",
    "temp": "TINYINT",
    "moving": "BOOLEAN",
    "grade_smooth": "DECIMAL(5,1)",
}
"""Column → type of `data/streams/*.parquet`, in their order: s, m, degrees, m, m/s, bpm, rpm, W, °C, %.

One row per (activity_id, t) within a file.
"""

LAP_STRUCT = """STRUCT(
    lap_index BIGINT, start_time TIMESTAMPTZ, elapsed_time BIGINT, moving_time BIGINT, distance DOUBLE,
    average_speed DOUBLE, max_speed DOUBLE, average_heartrate DOUBLE, max_heartrate DOUBLE, average_cadence DOUBLE,
    average_watts DOUBLE, total_elevation_gain DOUBLE, calories DOUBLE, start_index BIGINT, end_index BIGINT
)[]"""

FACT_COLUMNS: dict[str, str] = {
    "activity_id": "BIGINT",
    "run_id": "VARCHAR",
    "athlete_id": "BIGINT",
    "member": "VARCHAR",
    "size": "BIGINT",
    "crc": "BIGINT",
    "format": "VARCHAR",
    "status": "VARCHAR",
    "error": "VARCHAR",
    "device_name": "VARCHAR",
    "sport": "VARCHAR",
    "start_time": "TIMESTAMPTZ",
    "local_start": "TIMESTAMP",
    "utc_offset": "BIGINT",
    "start_lat": "DOUBLE",
    "start_lng": "DOUBLE",
    "end_lat": "DOUBLE",
    "end_lng": "DOUBLE",
    "distance": "DOUBLE",
    "elapsed_time": "BIGINT",
    "moving_time": "BIGINT",
    "calories": "DOUBLE",
    "total_ascent": "DOUBLE",
    "pool_length": "DOUBLE",
    "polyline": "VARCHAR",
    "samples": "BIGINT",
    "laps": LAP_STRUCT,
}
"""Column → type of `data/device_files/*.parquet`: one row per file."""

NULL = -(2**31)
"""What stands for "no value" in an integer array."""
FORMAT = "(FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE {rows})"
ROW_GROUP = 122_880
MADE_BY = "select decode(value) from parquet_kv_metadata($path) where decode(key) = 'parser'"
SORT_MEMORY = "150MB"


def write_samples(portions: Iterable[Columns], target: Path, *, run_id: str, source: str, scratch: Path) -> int:
    """Write the samples of all portions to `target`, sorted by start, activity_id and t; the number of rows.

    A portion holds arrays of equal length: activity_id, athlete_id and start (seconds since 1970; the order of the
    file, no column of it) as int64, and t, moving (0, 1) and the measured columns of SAMPLE_COLUMNS as int32, scaled
    by ten to the power of the column's decimals, NULL for none. A measured column that is absent is NULL throughout,
    one portion at a time is in memory, and what was sorted so far lies in `scratch`. Without any row no file is made.
    Raises DiskFull and ConfigurationError; `target` is whole or not there.
    """
    from strava_stats.warehouse.failures import duckdb_errors  # noqa: PLC0415 - edit needs the columns

    make_folder(scratch)
    with (
        tempfile.TemporaryDirectory(dir=scratch, prefix="samples-") as folder,
        disk_errors(target),
        duckdb_errors(target),
    ):
        parts = Path(folder)
        with closing(connect(scratch=parts)) as connection:
            connection.execute(f"set memory_limit = '{SORT_MEMORY}'")
            rows = 0
            for number, portion in enumerate(portions):
                if not len(portion["activity_id"]):
                    continue
                rows += _write_part(connection, portion, parts / f"{number:06}.parquet", run_id, source)
            if rows:
                whole = parts / "whole"
                connection.execute(
                    f"copy (select {', '.join(SAMPLE_COLUMNS)} "  # noqa: S608 - our own names
                    "from read_parquet($parts) order by start, activity_id, t) "
                    f"to {quoted(str(whole))} {FORMAT.format(rows=ROW_GROUP)}",
                    {"parts": f"{glob_of(str(parts))}/*.parquet"},
                )
                make_folder(target.parent)
                move_into_place(whole, target)
    return rows


def write_facts(facts: Iterable[Mapping[str, Any]], target: Path, *, run_id: str, parser: str, scratch: Path) -> int:
    """Write one row per device file to `target`, sorted by activity and member; the number of rows.

    `parser` is the version of what read the files; `is_made_by` knows it again.
    A row is a mapping of FACT_COLUMNS (instants as aware datetimes, local ones as naive); what is absent is NULL.
    Without any row no file is made. Raises DiskFull and ConfigurationError.
    """
    import msgspec  # noqa: PLC0415 - only where rows are written

    from strava_stats.warehouse.failures import duckdb_errors  # noqa: PLC0415 - edit needs the columns

    make_folder(scratch)
    rows = 0
    with (
        tempfile.TemporaryDirectory(dir=scratch, prefix="facts-") as folder,
        disk_errors(target),
        duckdb_errors(target),
    ):
        lines, whole = Path(folder) / "facts.jsonl", Path(folder) / "whole"
        with lines.open("wb") as file:
            for row in facts:
                file.write(msgspec.json.encode({**row, "run_id": run_id}) + b"\n")
                rows += 1
        if rows:
            with closing(connect(scratch=Path(folder))) as connection:
                connection.execute(
                    "copy (select * from read_ndjson($lines, columns = $columns) order by activity_id, member) "  # noqa: S608 - ours
                    f"to {quoted(str(whole))} (FORMAT parquet, COMPRESSION zstd, "
                    f"KV_METADATA {{parser: {quoted(parser)}}})",
                    {"lines": str(lines), "columns": FACT_COLUMNS},
                )
            make_folder(target.parent)
            move_into_place(whole, target)
    return rows


def is_made_by(parser: str, facts: Path, samples: Path) -> bool:
    """True when this version of the parser wrote `facts`, and the samples that they tell of lie in `samples`."""
    import duckdb  # noqa: PLC0415

    try:
        with closing(connect()) as connection:
            made_by = connection.execute(MADE_BY, {"path": str(facts)}).fetchall()
            told = connection.execute(
                "select coalesce(sum(samples), 0) > 0 from read_parquet($path)", {"path": str(facts)}
            )
            return made_by == [(parser,)] and (samples.exists() or told.fetchall() == [(False,)])
    except duckdb.Error:
        return False


def _write_part(connection: duckdb.DuckDBPyConnection, portion: Columns, path: Path, run_id: str, source: str) -> int:
    connection.register("portion", dict(portion))
    connection.execute(
        f"copy (select start, {', '.join(_projection(name, portion) for name in SAMPLE_COLUMNS)} "  # noqa: S608 - ours
        "from portion) "
        f"to {quoted(str(path))} (FORMAT parquet, COMPRESSION lz4)",
        {"run_id": run_id, "source": source},
    )
    connection.unregister("portion")
    return len(portion["activity_id"])


def _projection(name: str, portion: Columns) -> str:
    kind = SAMPLE_COLUMNS[name]
    if name in {"run_id", "source"}:
        return f"${name}::{kind} as {name}"
    if name not in portion:
        return f"null::{kind} as {name}"
    value = f"nullif({name}, {NULL})" if kind != "BIGINT" else name
    if kind.startswith("DECIMAL"):
        decimals = int(kind.rstrip(")").split(",")[1])
        value = f"{value}::DECIMAL(10,0) * {10**-decimals:.{decimals}f}"
    return f"try_cast({value} as {kind}) as {name}"

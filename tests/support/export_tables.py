"""An activities.csv of a test's own → the rows that SQL makes of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from strava_stats.export.archive import open_archive
from strava_stats.export.column_names import COLUMNS
from strava_stats.export.columns import layout
from strava_stats.export.rows import Report, write_rows
from strava_stats.export.side_files import SideFiles, write_side_files
from strava_stats.warehouse.engine import LONGEST_LINE, connect, sql

LARGEST_LIST = 64 << 20
ENGLISH = {column.key: column.en for column in COLUMNS}


def csv_of(header: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str = ",") -> bytes:
    """A CSV file as Strava writes it."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()


def english_csv(*rows: Mapping[str, str], width: int = 103) -> bytes:
    """An English activities.csv; rows are {key of column_names: text}, numbered from 1 where they have no id."""
    keys = layout(width)
    filled = [
        [row.get(key, str(number) if key == "activity_id" else "") for key in keys]
        for number, row in enumerate(rows, 1)
    ]
    return csv_of([ENGLISH[key] for key in keys], filled)


@dataclass
class Typed:
    """The tables made of one archive."""

    rows: dict[int, dict[str, Any]]
    gear: list[dict[str, Any]]
    athletes: list[dict[str, Any]]
    report: Report
    side: SideFiles


def type_archive(folder: Path, scratch: Path) -> Typed:
    """Read the archive at `folder` as an import does."""
    scratch.mkdir(exist_ok=True)
    with open_archive(folder) as archive:
        report = write_rows(archive.read("activities.csv", LARGEST_LIST), scratch / "rows.jsonl")
        side = write_side_files(archive, scratch)
    with closing(connect()) as connection:
        connection.execute(sql("macros"))
        values = {"export_rows": scratch / "rows.jsonl", "export_gear": side.gear, "export_profile": side.profile}
        for name, value in {**values, "export_media": side.media}.items():
            connection.execute(f"set variable {name} = $value", {"value": str(value)})
        connection.execute(f"set variable longest_line = {LONGEST_LINE}")
        for name in ("words", "rows", "gear", "athletes"):
            connection.execute(sql(f"load/export_{name}"))
        found = {name: _rows(connection, f"from export_{name}") for name in ("rows", "gear", "athletes")}
    return Typed({row["id"]: row for row in found["rows"]}, found["gear"], found["athletes"], report, side)


def type_csv(content: bytes, folder: Path) -> Typed:
    """The tables of an archive that is this activities.csv alone."""
    archive = folder / "archive"
    archive.mkdir(exist_ok=True)
    (archive / "activities.csv").write_bytes(content)
    return type_archive(archive, folder / "scratch")


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row says: without its nulls, its extra as an object."""
    said = {name: value for name, value in row.items() if value is not None}
    return {**said, "extra": json.loads(said["extra"])} if "extra" in said else said


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

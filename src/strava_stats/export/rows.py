"""activities.csv → one JSON object a line for `load/export_rows.sql`, texts as they stand; SQL gives them types.

A line is {"row", "language", <key of column_names>: text …, "extra": {header: text …}}. Blank cells are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from strava_stats.errors import CorruptData
from strava_stats.export.columns import Columns, recognise
from strava_stats.export.csv_text import NO_TEXT, clean, records_of
from strava_stats.files import disk_errors

LONGEST_CELL = 100_000  # characters
LONGEST_LINE = 4 << 20  # bytes; as much as the reader of JSON lines takes
LARGEST_ID = 2**63 - 1
LARGEST_TABLE = 1 << 30  # bytes
USABLE_ID = re.compile(r"0*([1-9][0-9]{0,18})(?:[.,]0+)?")
IN_ENGLISH = (
    "set the language of the Strava account to English, ask for the archive again, and import that one; "
    "or report the header"
)


@dataclass
class Report:
    """What became of one activities.csv: its columns, how many rows were written, what was odd in which row.

    Rows are counted from 1, the first below the header; blank lines do not count.
    """

    columns: Columns
    rows: int = 0
    oddities: list[tuple[int, str]] = field(default_factory=list)
    left_out: int = 0


def write_rows(content: bytes, target: Path) -> Report:
    """Write the rows of an activities.csv to the JSON lines file `target`.

    A row without a usable id is left out and named; a byte that is no UTF-8 becomes U+FFFD and is named; a row of
    another width than the header is read as far as it goes. Raises CorruptData when no column is the activity's id.
    """
    records = records_of(content)
    columns = recognise([clean(cell) for cell in next(records, [])])
    if "activity_id" not in columns.keys:
        raise CorruptData(
            f"No column of activities.csv ({columns.width} columns) is known as the activity's id", IN_ENGLISH
        )
    report = Report(columns)
    with disk_errors(target), target.open("wb") as file:
        for line in _lines(records, report):
            file.write(line)
            report.rows += 1
    return report


def _lines(records: Iterable[Sequence[str]], report: Report) -> Iterator[bytes]:
    for number, record in enumerate(records, 1):
        line = _line(number, record, report)
        if line is None:
            report.left_out += 1
        else:
            yield line


def _line(number: int, record: Sequence[str], report: Report) -> bytes | None:
    columns = report.columns
    if len(record) != columns.width:
        report.oddities.append((number, f"{len(record)} cells, the header has {columns.width}"))
    row: dict[str, Any] = {"row": number, "language": columns.language}
    extra: dict[str, str] = {}
    for place, cell in enumerate(record):
        if cell:
            text = _usable(number, cell, report)
            if place >= columns.width:
                extra[f"column {place + 1}"] = text
            elif (key := columns.keys[place]) is None:
                extra[columns.headers[place]] = text
            else:
                row[key] = text
    number_of_activity = usable_id(row.get("activity_id", ""))
    if number_of_activity is None:
        report.oddities.append((number, "no usable activity id: the row is left out"))
        return None
    row["activity_id"] = str(number_of_activity)
    if extra:
        row["extra"] = extra
    line = msgspec.json.encode(row) + b"\n"
    if len(line) > LONGEST_LINE:
        report.oddities.append((number, "too long: the row is left out"))
        return None
    return line


def usable_id(cell: str) -> int | None:
    """The activity that a cell names; None when it names none."""
    found = USABLE_ID.fullmatch(cell.strip())
    return int(found[1]) if found is not None and int(found[1]) <= LARGEST_ID else None


def _usable(number: int, cell: str, report: Report) -> str:
    """The cell as a text column holds it; what had to be changed is named."""
    text = clean(cell) if NO_TEXT.search(cell) else cell
    if text != cell:
        report.oddities.append((number, "bytes that are no UTF-8 text were replaced"))
    if len(text) > LONGEST_CELL:
        report.oddities.append((number, f"a cell of {len(text)} characters was cut to {LONGEST_CELL}"))
    return text[:LONGEST_CELL]

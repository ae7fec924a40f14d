"""What goes to stdout: tables, JSON reports."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

FORMATS = ("table", "csv", "json", "jsonl", "md")
CHUNK = 10_000
WAITS = "What was pulled since the last `strava-stats compact` is not counted here"
NARROWEST = 9  # characters a column needs to be readable


def plain(value: Any) -> Any:
    """A value as JSON can hold it; instants in ISO form."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int) or value is None else _text_of(value)


def _text_of(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return bytes(value).hex() if isinstance(value, bytes | bytearray | memoryview) else str(value)


def print_json(content: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(plain(content), ensure_ascii=False))


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: str) -> None:
    """The rows of a query in one of FORMATS."""
    columns = distinct(columns)
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(["" if one is None else _shown(one) for one in row] for row in rows)
    elif form == "jsonl":
        for row in rows:
            print(json.dumps(dict(zip(columns, map(plain, row), strict=True)), ensure_ascii=False))
    elif form == "json":
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif form == "md":
        print("| " + " | ".join(map(_cell, columns)) + " |\n|" + " --- |" * len(columns))
        for row in rows:
            print("| " + " | ".join("" if one is None else _cell(one) for one in row) + " |")
    else:
        print_table(columns, rows)


def distinct(columns: Sequence[str]) -> list[str]:
    """Column names with a number behind each that was there before: `a, a` would lose one in JSON."""
    names: list[str] = []
    for column in columns:
        name, count = column, 1
        while name in names:
            name, count = f"{column}_{count}", count + 1
        names.append(name)
    return names


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """A table for people; as wide as it needs to be when stdout is no terminal."""
    from rich import box  # noqa: PLC0415 - only tables pay for it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", show_edge=False, pad_edge=False)
    held = [list(row) for row in rows]
    if sys.stdout.isatty() and len(columns) * NARROWEST > console.width:
        _print_records(columns, held)
        return
    for position, column in enumerate(columns):
        numeric = any(isinstance(row[position], int | float | Decimal) for row in held)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    from rich.text import Text  # noqa: PLC0415 - cells are data: [brackets] in a name are no markup

    for row in held:
        table.add_row(*(Text("" if one is None else _shown(one)) for one in row))
    console.print(table)


def _print_records(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """One value a line, for what is too wide for the terminal."""
    width = max(map(len, columns))
    for number, row in enumerate(rows, start=1):
        print(f"── row {number}")
        for column, value in zip(columns, row, strict=True):
            print(f"{column.ljust(width)}  {'' if value is None else _shown(value)}")


def fetched(cursor: Any) -> Iterator[Sequence[Any]]:
    """Rows of a DuckDB cursor, without holding them all."""
    while rows := cursor.fetchmany(CHUNK):
        yield from rows


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    found = plain(value)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _cell(value: Any) -> str:
    return (
        _shown(value)
        .replace("\\", "\\\\")
        .replace("|", "\\|")
        .replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("\n", "<br>")
    )

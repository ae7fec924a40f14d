"""What a query prints in each format: values to the last digit, text as it is, and nothing that breaks a line."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pytest

from strava_stats.cli.output import FORMATS, fetched, plain, print_rows

NASTY = 'a|b\\c "d", e\n<f> [red]g[/red] \u2028 🏃 שלום =1+1'
INSTANT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

Printed = Callable[..., str]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    def run(columns: list[str], rows: list[tuple[Any, ...]], form: str) -> str:
        print_rows(columns, rows, form)
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (9_007_199_254_740_993, 9_007_199_254_740_993),
        (0.1, 0.1),
        (math.nan, None),
        (-math.inf, None),
        (Decimal("1.50"), 1.5),
        (Decimal(12), 12),
        (INSTANT, "2026-11-23T12:00:00+00:00"),
        (date(2026, 11, 23), "2026-11-23"),
        (time(7, 5), "07:05:00"),
        (timedelta(hours=1), "1:00:00"),
        (b"\x00\xff", "00ff"),
        ([1, None, date(2026, 1, 1)], [1, None, "2026-01-01"]),
        ({"a": (1, math.nan), 5: "x"}, {"a": [1, None], "5": "x"}),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ],
)
def test_plain_values(value: object, shown: object) -> None:
    """Each type of DuckDB has a form that JSON can hold."""
    assert plain(value) == shown
    json.dumps(plain(value), allow_nan=False)


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json_gives_the_values_back(printed: Printed, form: str) -> None:
    """JSON and JSON Lines give every value back, doubles to the last digit, one line a row."""
    rows = [(1, NASTY, 0.5821912144702842, None), (2, "", 9007199254740993, True)]
    out = printed(["id", "name", "n", "x"], rows, form)
    assert out.count("\n") == (1 if form == "json" else 2)
    found = json.loads(out) if form == "json" else [json.loads(line) for line in out.split("\n") if line]
    assert [tuple(row.values()) for row in found] == rows


def test_csv_gives_the_text_back(printed: Printed) -> None:
    """CSV gives text with quotes, commas and newlines back; null is empty."""
    out = printed(["id", "name", "nothing"], [(1, NASTY, None)], "csv")
    assert list(csv.reader(io.StringIO(out, newline=""))) == [["id", "name", "nothing"], ["1", NASTY, ""]]
    assert "\r" not in out


@pytest.mark.parametrize("form", ["csv", "md"])
@pytest.mark.parametrize("number", [0.5821912144702842, 0.1 + 0.2, 1e22, 5e-324, 123456789.12345679])
def test_numbers_are_exact(printed: Printed, form: str, number: float) -> None:
    """A double comes out with the digits that tell it from every other."""
    line = printed(["n"], [(number,)], form).splitlines()[-1]
    assert float(line.strip("| ")) == number


def test_markdown_cells_stay_cells(printed: Printed) -> None:
    """Bars and newlines in a value do not make new cells or rows."""
    out = printed(["id", "na|me"], [(1, NASTY), (2, "a\r\nb")], "md")
    lines = out.rstrip("\n").split("\n")
    assert len(lines) == 4
    for line in lines:
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3, line
    assert "\r" not in out


def test_a_table_shows_text_as_it_is(printed: Printed) -> None:
    """Brackets are no markup, rows are not cut, and null is empty."""
    out = printed(["id", "name"], [(1, "[red]x[/red]"), (2, "y" * 500), (3, None)], "table")
    assert "[red]x[/red]" in out
    assert "y" * 500 in out
    assert "None" not in out


@pytest.mark.parametrize("form", FORMATS)
def test_no_rows(printed: Printed, form: str) -> None:
    """An empty result is a header where the format has one, an empty list in JSON, and no error."""
    out = printed(["id", "name"], [], form)
    if form == "json":
        assert json.loads(out) == []
    elif form == "jsonl":
        assert out == ""
    else:
        assert "id" in out
        assert "name" in out


@pytest.mark.parametrize("form", FORMATS)
def test_every_type_of_duckdb(printed: Printed, form: str) -> None:
    """Whatever type a query gives, each format prints it."""
    query = (
        "select 1::hugeint h, 1.5::decimal(9,2) d, 'x'::blob b, [1,2] l, {'a': 1} s, map {'k': 1} m, "
        "interval '1 day' i, date '2026-01-01' dd, time '10:00' t, timestamp '2026-01-01' ts, null n, true bo, "
        "'{\"a\":1}'::json j, uuid '00000000-0000-0000-0000-000000000001' u, 'nan'::double nan, "
        "2::utinyint ti, 'a'::enum('a', 'b') e, timestamptz '2026-01-01 00:00:00+00' tz"
    )
    with duckdb.connect() as connection:
        cursor = connection.execute(query)
        out = printed([column[0] for column in cursor.description or []], list(fetched(cursor)), form)
    assert "2026-01-01" in out


def test_fetched_gives_every_row_once() -> None:
    """Rows come in chunks, none is lost at their borders."""
    with duckdb.connect() as connection:
        rows = list(fetched(connection.execute("select range from range(25000)")))
    assert [row[0] for row in rows] == list(range(25_000))

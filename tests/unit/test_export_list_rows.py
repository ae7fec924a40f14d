"""activities.csv as text: what spreadsheets and accidents make of it, row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.export_tables import csv_of, english_csv

from strava_stats.errors import CorruptData
from strava_stats.export.rows import Report, write_rows

HEADER = ["Activity ID", "Activity Name", "Activity Description", "New"]


def read(content: bytes, folder: Path) -> tuple[list[dict[str, Any]], Report]:
    report = write_rows(content, folder / "rows.jsonl")
    lines = (folder / "rows.jsonl").read_bytes().splitlines()
    assert len(lines) == report.rows
    return [json.loads(line) for line in lines], report


def test_texts_stand_as_they_are(tmp_path: Path) -> None:
    """Line ends, quotes, blanks and emoji of a description come through; blank cells do not; unknown ones are extra."""
    text = 'one\r\ntwo "three", four\n\n 🌧 \u2028'
    rows, report = read(csv_of(HEADER, [["7", " a name ", text, "5"], ["8", "", "", ""]]), tmp_path)
    assert rows == [
        {
            "row": 1,
            "language": "en",
            "activity_id": "7",
            "activity_name": " a name ",
            "activity_description": text,
            "extra": {"New": "5"},
        },
        {"row": 2, "language": "en", "activity_id": "8"},
    ]
    assert (report.oddities, report.left_out) == ([], 0)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_saved_again_by_a_spreadsheet(delimiter: str, encoding: str, line_end: str, tmp_path: Path) -> None:
    """Delimiter, mark, encoding and line ends of a spreadsheet are found out."""
    plain = csv_of(HEADER, [["7", "Über, die; Höhen\t🏔", "x", ""]], delimiter).decode()
    content = plain.replace("\n", line_end).encode(encoding)
    rows, report = read(content, tmp_path)
    assert rows == [
        {
            "row": 1,
            "language": "en",
            "activity_id": "7",
            "activity_name": "Über, die; Höhen\t🏔",
            "activity_description": "x",
        }
    ]
    assert report.oddities == []


@pytest.mark.parametrize(
    "text", ["", "x", "0", "-5", "1.5", "9.0E+10", "\N{FULLWIDTH DIGIT NINE}", "9223372036854775808", "7,5"]
)
def test_row_without_a_usable_id_stops_no_other(text: str, tmp_path: Path) -> None:
    """It is left out and named, and the rows around it are read."""
    rows, report = read(csv_of(HEADER, [["7", "a", "", ""], [text, "b", "", ""], ["8", "c", "", ""]]), tmp_path)
    assert [row["activity_id"] for row in rows] == ["7", "8"]
    assert report.oddities == [(2, "no usable activity id: the row is left out")]
    assert report.left_out == 1


@pytest.mark.parametrize("text", ["7", " 7 ", "7.0", "7,0", "007", "9223372036854775807"])
def test_usable_ids(text: str, tmp_path: Path) -> None:
    """A number that a table program wrote with blanks, zeros or decimals is still that number."""
    rows, _ = read(csv_of(HEADER, [[text, "a", "", ""]]), tmp_path)
    assert rows[0]["activity_id"] in {"7", "9223372036854775807"}


def test_row_of_another_width_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """Missing cells are blank, cells too many are extra, and both are named."""
    content = b"Activity ID,Activity Name,New\n7,short\n8,long,n,more,\n"
    rows, report = read(content, tmp_path)
    assert [(row["activity_id"], row.get("extra")) for row in rows] == [
        ("7", None),
        ("8", {"New": "n", "column 4": "more"}),
    ]
    assert report.oddities == [(1, "2 cells, the header has 3"), (2, "5 cells, the header has 3")]


def test_bytes_that_are_no_text_are_replaced_and_named(tmp_path: Path) -> None:
    """A broken byte or a zero spoils one character of one cell."""
    rows, report = read(b"Activity ID,Activity Name\n7,a\xffb\n8,a\0b\n9,\xef\xbf\xbd\n", tmp_path)
    assert [row["activity_name"] for row in rows] == ["a\ufffdb", "a\ufffdb", "\ufffd"]
    assert report.oddities == [(number, "bytes that are no UTF-8 text were replaced") for number in (1, 2)]


def test_broken_byte_in_the_header_costs_its_name_alone(tmp_path: Path) -> None:
    """A column whose name was spoilt is known by its place."""
    content = english_csv({"activity_name": "a"}, width=11).replace(b"Activity Name", b"Activity\xff Name")
    rows, report = read(content, tmp_path)
    assert rows[0]["activity_name"] == "a"
    assert report.columns.by_position == ("activity_name",)


def test_huge_cell_is_cut_and_named(tmp_path: Path) -> None:
    """A cell of megabytes, as of a quote that is never closed, ends neither the reading nor the memory."""
    content = csv_of(HEADER, [["7", "a", "x" * 5_000_000, ""], ["8", "b", "", ""]])
    rows, report = read(content, tmp_path)
    assert [len(row.get("activity_description", "")) for row in rows] == [100_000, 0]
    assert report.oddities == [(1, "a cell of 5000000 characters was cut to 100000")]


def test_row_too_long_for_the_reader_is_left_out(tmp_path: Path) -> None:
    """A row of many huge cells is named, and the next one is read."""
    header = ["Activity ID", *(f"c{number}" for number in range(60))]
    content = csv_of(header, [["7", *["x" * 90_000] * 60], ["8", *[""] * 60]])
    rows, report = read(content, tmp_path)
    assert [row["activity_id"] for row in rows] == ["8"]
    assert report.oddities == [(1, "too long: the row is left out")]


def test_no_id_column_is_an_error_with_a_cure(tmp_path: Path) -> None:
    """A table whose id column is not found is refused in one line that says what helps."""
    for content in (b"", b"\n\n", b"a,b\n1,2\n", b"\x00\xff\xfe" * 100):
        with pytest.raises(CorruptData, match="known as the activity's id") as caught:
            write_rows(content, tmp_path / "rows.jsonl")
        assert "English" in caught.value.hint
    assert not (tmp_path / "rows.jsonl").exists()

"""The cron file: what is taken, and what is refused in one line that names the place and the cure."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.cron_oracle import utc

from strava_stats.cli.schedule import check_flow_options
from strava_stats.errors import ConfigurationError
from strava_stats.scheduler.cron import Table, parse_table, read_table

ROOT = Path(__file__).parents[2]
NIGHT = utc("2026-11-23T22:00")


def table(text: str | bytes, zone: str = "Europe/London") -> Table:
    content = text if isinstance(text, bytes) else text.encode()
    return parse_table(content, Path("a folder/strava.cron"), zone, check_flow_options)


def test_the_file_that_is_shipped() -> None:
    """cron/strava.cron runs the flow without options at 05:00, once a day."""
    shipped = read_table(ROOT / "cron" / "strava.cron", "Europe/London", check_flow_options)
    (line,) = shipped.lines
    assert (line.fields, line.options) == ("0 5 * * *", ())
    assert [due.at for due in shipped.upcoming(NIGHT, 2)] == [utc("2026-11-24T05:00"), utc("2026-11-25T05:00")]


def test_comments_and_blank_lines() -> None:
    """Comments, blank lines, tabs, a byte order mark and a missing last newline do no harm."""
    found = table("\ufeff# Überschrift\n\n  \t\n  # 1 1 1 1 1\n\t0\t5 * *\t* \t--days  3 --ids '1, 2'")
    (line,) = found.lines
    assert (line.number, line.fields, line.options) == (5, "0 5 * * *", ("--days", "3", "--ids", "1, 2"))


def test_several_lines_are_one_order_of_times() -> None:
    """The times of all lines come in order; the same time with the same options comes once."""
    found = table("0 5 * * *\n0 5 * * tue\n0 5 * * tue --all\n30 4 * * * --athlete 7\n")
    assert [(due.at, due.options) for due in found.upcoming(NIGHT, 4)] == [
        (utc("2026-11-24T04:30"), ("--athlete", "7")),
        (utc("2026-11-24T05:00"), ()),
        (utc("2026-11-24T05:00"), ("--all",)),
        (utc("2026-11-25T04:30"), ("--athlete", "7")),
    ]


def test_either_day_is_enough() -> None:
    """Where both day fields are given, one of them is enough; beside a star both have to hold."""
    assert [due.at.day for due in table("0 5 1 * fri").upcoming(NIGHT, 3)] == [27, 1, 4]
    assert [due.at.day for due in table("0 5 * * fri").upcoming(NIGHT, 2)] == [27, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 5 * * *\r\n", ["line 1 ends as on Windows (CRLF)", r"sed -i 's/\r$//' 'a folder/strava.cron'", "eol=lf"]),
        ("# a\n0 5 * * *\n# b\r\n", ["line 3 ends as on Windows (CRLF)"]),
        ("# a\n0 5 * *\n", ["line 2 has fewer than five fields: '0 5 * *'"]),
        ("60 5 * * *", ["line 1: '60 5 * * *' is no time (bad minute)"]),
        ("0 24 * * *", ["bad hour"]),
        ("0 5 32 * *", ["bad day-of-month"]),
        ("0 5 * 13 *", ["bad month"]),
        ("0 5 * * 8", ["bad day-of-week"]),
        ("0 5 * * mo", ["bad day-of-week"]),
        ("0 5 30 feb *", ["bad day-of-month"]),
        ("@daily", ["fewer than five fields"]),
        ("0 5 * * * strava-stats flow", ["line 1: Got unexpected extra argument", "five fields and then options"]),
        ("0 5 * * * # daily", ["line 1: Got unexpected extra argument"]),
        ("* * * * * *", ["line 1: Got unexpected extra argument"]),
        ("0 5 * * * --no-such", ["line 1: No such option: --no-such"]),
        ("0 5 * * * --days many", ["line 1: Invalid value for '--days'"]),
        ("0 5 * * * --athlete me", ["line 1: Invalid value for '--athlete'"]),
        ("0 5 * * * --ids '1", ["line 1: a quotation mark has no counterpart"]),
        ("0 5 * * * --data-dir=/x", ["line 1: --data-dir=/x cannot stand here"]),
        ("0 5 * * * --help", ["line 1: --help cannot stand here"]),
        ("TZ=Europe/Paris\n0 5 * * *", ["line 1 sets TZ", "set TZ in .env"]),
        ("CRON_TZ = UTC\n0 5 * * *", ["line 1 sets CRON_TZ", "set TZ in .env"]),
        ("MAILTO=me\n0 5 * * *", ["line 1 sets MAILTO", "delete that line"]),
        ("# nothing\n", ["No line of a folder/strava.cron has a time", "0 5 * * *"]),
        (b"0 5 * * * \xff\xfe", ["is no UTF-8 text"]),
    ],
)
def test_what_is_refused(text: str | bytes, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is wrong is a configuration error that says what and where, and nothing is printed beside it."""
    with pytest.raises(ConfigurationError) as raised:
        table(text)
    for word in words:
        assert word in str(raised.value)
    assert capsys.readouterr() == ("", "")


def test_a_missing_file(tmp_path: Path) -> None:
    """Without the file the error names its path and a line to write."""
    with pytest.raises(ConfigurationError, match=r"strava.cron cannot be read \(FileNotFoundError\) — write it.*0 5"):
        read_table(tmp_path / "strava.cron", "Europe/London", check_flow_options)


@pytest.mark.parametrize("options", ["", "--backfill", "--days 3 --all", "--athlete 5 -v", "--only-changed -q"])
def test_options_of_flow(options: str) -> None:
    """All options of flow can stand behind the fields, and those of any command that pick an athlete or the tone."""
    assert table(f"0 5 * * * {options}").lines[0].options == tuple(options.split())


def test_leap_days() -> None:
    """A line for the 29th of February waits for the next leap year."""
    assert [due.at.year for due in table("0 5 29 2 *").upcoming(NIGHT, 2)] == [2028, 2032]


def test_the_digest_is_that_of_the_file() -> None:
    """Another byte, another digest; the same bytes, the same."""
    assert table("0 5 * * *\n").digest == table("0 5 * * *\n").digest != table("0 5 * * * \n").digest


def test_a_day_that_a_zone_left_out() -> None:
    """A time of the day that Samoa skipped comes once, when the clocks go on."""
    found = table("0 5 * * *", "Pacific/Apia").due_between(utc("2011-12-29T12:00"), utc("2011-12-31T12:00"))
    assert [due.at for due in found] == [utc("2011-12-29T15:00"), utc("2011-12-30T10:00"), utc("2011-12-30T15:00")]


def test_both_passes_of_a_night_hour() -> None:
    """A line with a star runs in both passes of an hour that comes twice, one without runs in the first."""
    night = utc("2026-10-25T00:00") - timedelta(minutes=1), utc("2026-10-25T01:59")
    assert len(list(table("30 * * * *").due_between(*night))) == 2
    assert [due.at for due in table("30 1 * * *").due_between(*night)] == [utc("2026-10-25T00:30")]

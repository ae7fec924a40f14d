"""Due times against what cron does, minute by minute of two years, in zones that change their clocks differently."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from tests.support.cron_oracle import due_times, utc

from strava_stats.scheduler.cron import Table, parse_table

BEGIN, END = utc("2026-01-01T00:00"), utc("2028-01-01T00:00")
ZONES = ["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"]
LINES = [
    "0 5 * * *",
    "30 1 * * *",  # in London's gap and in its hour that comes twice
    "15,45 2 * * *",  # in New York's gap; across Lord Howe's half hour
    "0 0 * * *",  # in Cairo's gap
    "59 23 31 * *",
    "0 5 * * mon-fri",
    "0 5 13 * fri",  # either day
    "0 5 */2 * 1",  # a star: both days
    "20 4 1-7,29 feb,Jun,12 *",
    "10 6 * 3-5/2 0,7",
    "5 1-3 * * 6",
    "*/30 1 * * *",
    "45 * * * *",
    "*/10 3 * * sun",
    "7 */5 1,15 * *",
]


def table(line: str, zone: str) -> Table:
    return parse_table(line.encode(), Path("strava.cron"), zone, lambda _: None)


@pytest.mark.parametrize("zone", ZONES)
def test_two_years_of_cron(zone: str) -> None:
    """Every line is due at the very minutes at which cron runs it, and at no other."""
    expected = due_times(LINES, zone, BEGIN, END)
    for line in LINES:
        found = [due.at for due in table(line, zone).due_between(BEGIN, END)]
        assert found == expected[line], line


@pytest.mark.parametrize("zone", ZONES)
def test_where_one_looks_from_does_not_matter(zone: str) -> None:
    """From any instant of the days around a change of the clocks, the next time is the same as in the long run."""
    begin, end = utc("2026-03-25T00:00"), utc("2026-04-08T00:00")
    for start, stop in ((begin, end), (utc("2026-09-30T00:00"), utc("2026-11-03T00:00"))):
        for line in LINES:
            schedule = table(line, zone)
            times = [due.at for due in schedule.due_between(start, stop)]
            for before, after in pairwise(times):
                assert schedule.upcoming(before, 1)[0].at == after
                assert schedule.upcoming(before + (after - before) / 2, 1)[0].at == after


@pytest.mark.parametrize("zone", ZONES)
def test_five_in_the_morning_comes_once_a_day(zone: str) -> None:
    """05:00 comes on each of 730 days, once, also on those when the clocks change."""
    schedule = table("0 5 * * *", zone)
    days = [due.at.astimezone(schedule.zone) for due in schedule.due_between(BEGIN, END)]
    assert len({day.date() for day in days}) == len(days) == 730
    assert {(day.hour, day.minute) for day in days} == {(5, 0)}

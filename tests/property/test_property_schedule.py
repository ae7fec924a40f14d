"""Two years of the scheduler in virtual time, with all that happens to a machine in two years."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.cron_oracle import due_times, utc
from tests.support.schedule_world import World, world

BEGIN, END = utc("2026-01-01T12:00"), utc("2028-01-01T12:00")
SLICE = timedelta(seconds=30)
FLOW = timedelta(seconds=20)


@pytest.fixture(autouse=True)
def _patient_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of heartbeats need not reach the platter."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@dataclass(frozen=True)
class Outage:
    """The machine does not run between these, or sleeps."""

    off: datetime
    on: datetime


STOPPED = Outage(utc("2026-03-27T11:00"), utc("2026-03-30T09:17"))  # over the spring night of London
POWER_CUT = Outage(utc("2026-10-24T11:10"), utc("2026-10-26T08:03"))  # over the autumn night
ASLEEP = Outage(utc("2027-06-02T21:30"), utc("2027-06-14T07:41"))
OUTAGES = (STOPPED, POWER_CUT, ASLEEP)
SET_BACK_AT, SET_BACK_BY = utc("2027-02-10T18:20"), timedelta(hours=3, minutes=30)
EDITED_AT = utc("2027-08-20T10:00")

DAILY = (["0 5 * * *"], ["30 1 * * *"])
TWO_SETS = (["0 5 * * mon-fri", "30 6 * * sat,sun", "0 5 1 * * --all"], ["0 5,17 * * *", "0 5 1 * * --all"])
OFTEN = (["0 */6 * * *", "15 2 * jun-aug 1 --backlog 50"], ["45 2 * * *"])


def live_through(machine: World, edited: Sequence[str]) -> None:
    """Two years: a clean stop, a power cut, a sleep, a clock set back, an edit that is wrong and one that is right."""
    clock = machine.clock
    clock.at(POWER_CUT.off, machine.cut_power)
    clock.at(ASLEEP.off, lambda: clock.set(ASLEEP.on))
    clock.at(SET_BACK_AT, lambda: clock.advance(-SET_BACK_BY.total_seconds()))
    clock.at(EDITED_AT - timedelta(days=3), lambda: machine.write("61 5 * * *"))
    clock.at(EDITED_AT, lambda: machine.write(*edited))
    machine.run(until=STOPPED.off)
    clock.set(STOPPED.on)
    machine.run()
    clock.set(POWER_CUT.on)
    machine.run(until=END)


def expected_times(
    lines: Sequence[str], zone: str, begin: datetime, end: datetime
) -> dict[tuple[str, ...], set[datetime]]:
    """Due times by options."""
    found: dict[tuple[str, ...], set[datetime]] = {}
    split = [(" ".join(line.split()[:5]), tuple(line.split()[5:])) for line in lines]
    times = due_times([fields for fields, _ in split], zone, begin, end)
    for fields, options in split:
        found.setdefault(options, set()).update(times[fields])
    return found


def run_at(due: datetime) -> datetime:
    """When the machine can see to what is due then."""
    return next((outage.on for outage in OUTAGES if outage.off < due <= outage.on), due)


@pytest.mark.parametrize(
    ("files", "zone"),
    [
        (DAILY, "Europe/London"),
        pytest.param(TWO_SETS, "Australia/Lord_Howe", marks=pytest.mark.slow),
        pytest.param(DAILY, "America/New_York", marks=pytest.mark.slow),
        pytest.param(TWO_SETS, "Europe/London", marks=pytest.mark.slow),
        pytest.param(OFTEN, "UTC", marks=pytest.mark.slow),
    ],
)
def test_two_years(files: tuple[list[str], list[str]], zone: str, tmp_path: Path) -> None:
    """Each due time is run when it comes, or is covered by exactly one catch-up, and nothing else is run."""
    lines, edited = files
    machine = world(tmp_path, BEGIN, *lines, zone=zone)
    live_through(machine, edited)
    before = expected_times(lines, zone, BEGIN, EDITED_AT)
    after = expected_times(edited, zone, EDITED_AT, END)
    assert sum(len(flow.options) == 0 for flow in machine.flows) > 600
    for options in before.keys() | after.keys():
        due = before.get(options, set()) | after.get(options, set())
        expected = sorted({run_at(one) for one in due})
        found = machine.starts(*options)
        assert len(found) == len(expected)
        for one, start in zip(expected, found, strict=True):
            # Beside a line of other options that is due at the same time, it waits for that flow to end.
            assert one <= start <= one + 2 * FLOW + SLICE, (options, one, start)


def test_what_is_said_of_two_years(tmp_path: Path) -> None:
    """The log tells of each outage, of the clock and of both edits, and the disk remembers how it stands."""
    machine = world(tmp_path, BEGIN, *DAILY[0])
    live_through(machine, DAILY[1])
    assert [line[:16] for line in machine.said("catches up on")] == [
        "2026-03-30T10:17", "2026-10-26T08:03", "2027-06-14T08:41"
    ]  # fmt: skip
    assert "12 missed times" in machine.said("catches up on")[2]
    assert len(machine.said("was last alive")) == 2
    assert len(machine.said("the clock was set back")) == 1
    assert len(machine.said("stay in force")) == 1
    assert "line 1: '61 5 * * *' is no time (bad minute)" in machine.said("stay in force")[0]
    assert len(machine.said("was edited")) == 1
    memory = machine.memory
    assert memory.heartbeat_at == END
    assert memory.next_due_at == utc("2028-01-02T01:30")
    assert memory.last_due_at == utc("2028-01-01T01:30")
    assert (memory.last_exit_code, memory.caught_up, memory.pending, memory.running) == (0, 0, (), None)


def test_a_log_file_a_day_for_two_weeks(tmp_path: Path) -> None:
    """After two months there are the files of two weeks, each with its own day's lines."""
    machine = world(tmp_path, END - timedelta(days=60), *DAILY[0])
    machine.run(until=END)
    folder = tmp_path / "logs" / "scheduler"
    names = sorted(path.name for path in folder.iterdir())
    assert names == [*(f"cron-2027-12-{day}.log" for day in range(18, 32)), "cron.log"]
    for path in folder.glob("cron-*.log"):
        days = {line[:10] for line in path.read_text(encoding="utf-8").splitlines()}
        assert days == {path.stem.removeprefix("cron-")}

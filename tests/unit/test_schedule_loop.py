"""The scheduler in virtual time: what it does with failures, clocks, edits, restarts and a wish to stop."""

from __future__ import annotations

import errno
import json
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.cron_oracle import utc
from tests.support.schedule_world import FINE, PID, World, world

from strava_stats.errors import ConfigurationError
from strava_stats.scheduler.loop import GRACE
from strava_stats.scheduler.memory import Memory, MemoryFile, pulse
from strava_stats.settings import build_name

EVENING = utc("2026-11-23T20:00")
FIVE = utc("2026-11-24T05:00")
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
FLOW = timedelta(seconds=20)


@pytest.fixture(autouse=True)
def _patient_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of heartbeats need not reach the platter."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def machine(tmp_path: Path) -> World:
    """05:00 in London, in the evening before."""
    return world(tmp_path, EVENING, "0 5 * * *")


def test_a_first_start_has_missed_nothing(machine: World) -> None:
    """Where nothing is remembered nothing is caught up: the first run is that of the first due time."""
    machine.run(until=FIVE + DAY + MINUTE)
    assert machine.starts() == [FIVE, FIVE + DAY]
    assert machine.said("catches up") == []


@pytest.mark.parametrize("code", [1, 2, 3, 65, 77, 78, 99])
def test_a_failure_that_needs_a_person(machine: World, code: int) -> None:
    """Any other exit code is named, and the next run is that of the next due time."""
    machine.codes.append(code)
    machine.run(until=FIVE + DAY + MINUTE)
    assert machine.starts() == [FIVE, FIVE + DAY]
    assert len(machine.said(f"flow ended with exit code {code}")) == 1


@pytest.mark.parametrize("code", [69, 75, 130, -9, -15, OSError(errno.EAGAIN, "no process to be had")])
def test_a_failure_that_passes(machine: World, code: int | OSError) -> None:
    """Away, busy, interrupted, killed or not even started: again after 15 minutes, then 30, then every hour."""
    machine.codes.extend([code] * 4)
    machine.run(until=FIVE + timedelta(hours=6))
    lasted = timedelta(0) if isinstance(code, OSError) else FLOW
    tries = [FIVE]
    for minutes in (15, 30, 60, 60):
        tries.append(tries[-1] + lasted + minutes * MINUTE)
    assert machine.starts() == (tries[-1:] if isinstance(code, OSError) else tries)
    assert [line[:19] for line in machine.said("again, try")] == [f"{one:%Y-%m-%dT%H:%M:%S}" for one in tries[1:]]
    assert machine.memory.pending == ()
    assert machine.memory.last_exit_code == 0


def test_the_next_due_time_takes_over(machine: World) -> None:
    """What fails until the next due time is covered by that one's run, and counted."""
    machine.write("0 * * * *")
    machine.codes.extend([75] * 3)
    machine.run(until=EVENING + timedelta(hours=2, minutes=30))
    nine = EVENING + timedelta(hours=1)
    assert machine.starts() == [
        nine,
        nine + 15 * MINUTE + FLOW,
        nine + 45 * MINUTE + 2 * FLOW,
        nine + 60 * MINUTE,
    ]
    assert machine.memory.caught_up == 1
    assert "catches up on 2 missed times" in machine.shown[-3]


def test_tries_end(machine: World) -> None:
    """A line that is due once a month is not tried without end."""
    machine.write("0 5 24 * *")
    machine.codes = [75] * 100
    machine.run(until=FIVE + 20 * DAY)
    assert len(machine.flows) == 24
    assert machine.memory.pending == ()
    assert "next due at 2026-12-24 05:00" in machine.said("exit code 75")[-1]


@pytest.mark.slow
def test_a_flow_that_outlasts_a_due_time(machine: World) -> None:
    """Due times that come while a flow runs are covered by one run at its end, never by a second at the same time."""
    machine.write("0 * * * *")
    machine.seconds = 3.5 * 3600
    machine.run(until=EVENING + timedelta(hours=5))
    nine = EVENING + timedelta(hours=1)
    assert machine.starts() == [nine, nine + timedelta(hours=3.5)]
    assert "catches up on 3 missed times, the last at 2026-11-24 00:00" in machine.said("catches up")[0]


def test_a_failed_flow_that_outlasts_a_due_time(machine: World) -> None:
    """When that flow failed for a passing reason, the waiting run stands for its time too."""
    machine.write("0 * * * *")
    machine.seconds, machine.codes = 1.5 * 3600, [75]
    machine.run(until=EVENING + timedelta(hours=2, minutes=45))
    assert len(machine.starts()) == 2
    assert "catches up on 2 missed times" in machine.said("catches up")[0]


def test_two_sets_of_options_run_in_turn(machine: World) -> None:
    """Lines that are due together run one after the other, each with its options."""
    machine.write("0 5 * * *", "0 5 * * * --all")
    machine.run(until=FIVE + timedelta(hours=1))
    assert [(flow.options, flow.started_at) for flow in machine.flows] == [((), FIVE), (("--all",), FIVE + FLOW)]


# ---------------------------------------------------------------------------------------------------- restarts


def test_killed_in_the_middle_of_a_flow(machine: World) -> None:
    """After a power cut the flow is made again at once; when that kills the machine too, ever later."""
    machine.seconds = 3600
    machine.clock.at(FIVE + 10 * MINUTE, machine.cut_power)
    machine.run()
    boot = FIVE + 20 * MINUTE
    machine.clock.set(boot)
    machine.clock.at(boot + 10 * MINUTE, machine.cut_power)
    machine.run()
    machine.clock.set(boot + 11 * MINUTE)
    machine.clock.at(boot + 40 * MINUTE, machine.cut_power)
    machine.run()
    assert machine.starts() == [FIVE, boot, boot + 26 * MINUTE]
    assert len(machine.said("had not ended: it is made again")) == 2


def test_stopped_in_the_middle_of_a_flow(machine: World) -> None:
    """A scheduler that is stopped asks its flow to end, waits for it, and takes the run up at its next start."""
    machine.seconds = 3600
    machine.run(until=FIVE + 10 * MINUTE)
    (flow,) = machine.flows
    assert flow.signals == ["TERM"]
    assert machine.memory.running is not None
    assert machine.memory.pid is None
    machine.clock.set(FIVE + 2 * DAY - MINUTE)
    machine.run(until=FIVE + 2 * DAY + timedelta(hours=2, minutes=30))
    assert machine.starts() == [FIVE, FIVE + 2 * DAY - MINUTE, FIVE + 2 * DAY + 59 * MINUTE]
    assert machine.memory.running is None


def test_a_flow_that_does_not_end(machine: World) -> None:
    """A flow that takes longer than the grace to end is killed, and the scheduler ends all the same."""
    machine.seconds, machine.stubborn = 1e9, True
    machine.run(until=FIVE + 10 * MINUTE)
    (flow,) = machine.flows
    assert flow.signals == ["TERM", "KILL"]
    assert machine.clock.now() - (FIVE + 10 * MINUTE) <= GRACE + timedelta(seconds=3)


def test_an_edit_while_it_was_off(machine: World) -> None:
    """What was missed is worked out with the file as it is at the start."""
    machine.run(until=EVENING + timedelta(hours=1))
    machine.write("0 6 * * * --all")
    machine.clock.set(FIVE + timedelta(hours=4))
    machine.run(until=FIVE + timedelta(hours=5))
    assert [(flow.options, flow.started_at) for flow in machine.flows] == [(("--all",), FIVE + timedelta(hours=4))]


# ------------------------------------------------------------------------------------------------------- clocks


def test_set_back_behind_a_run(machine: World) -> None:
    """A clock set back by some hours does not run the same due time twice."""
    machine.clock.at(FIVE + 40 * MINUTE, lambda: machine.clock.advance(-3600))
    machine.run(until=FIVE + DAY + MINUTE)
    assert machine.starts() == [FIVE, FIVE + DAY]


@pytest.mark.parametrize("running", [True, False])
def test_back_from_a_wrong_future(machine: World, running: bool) -> None:
    """After a clock was wrong by years, all that it noted counts for nothing: tomorrow's 05:00 is run."""
    future = EVENING + 1000 * DAY
    machine.clock.set(future)
    machine.codes.extend([0, 75])
    if running:
        machine.clock.at(future + 2 * DAY, lambda: machine.set_clock_and_stop_at(EVENING, FIVE + MINUTE))
        machine.run()
    else:
        machine.run(until=future + 2 * DAY)
        machine.clock.set(EVENING)
        machine.run(until=FIVE + MINUTE)
    assert machine.starts()[-1] == FIVE
    assert len(machine.said("the clock was set back")) == 1


def test_a_retry_is_not_waited_for_in_the_old_future(machine: World) -> None:
    """A retry that a wrong clock had put into the future comes within the hour."""
    machine.codes = [75]
    machine.clock.at(FIVE + MINUTE, lambda: machine.clock.advance(-10 * 3600))
    machine.run(until=FIVE + timedelta(hours=2))
    assert machine.starts()[1] == FIVE + MINUTE - timedelta(hours=9)


def test_a_jump_forward(machine: World) -> None:
    """After a sleep of days one run makes good for all of them, within half a minute."""
    machine.clock.at(EVENING + MINUTE, lambda: machine.clock.advance(4 * 86400))
    machine.run(until=EVENING + 4 * DAY + 10 * MINUTE)
    (start,) = machine.starts()
    assert start == EVENING + 4 * DAY + MINUTE
    assert machine.memory.caught_up == 4


# -------------------------------------------------------------------------------------------------------- edits


def test_an_edit(machine: World) -> None:
    """An edited file counts within half a minute; what had fallen due by the old lines is run by them."""
    machine.clock.at(EVENING + timedelta(hours=1), lambda: machine.write("0 21,22 * * * --days 3"))
    machine.run(until=FIVE + MINUTE)
    assert [(flow.options, flow.started_at) for flow in machine.flows] == [
        (("--days", "3"), EVENING + timedelta(hours=2)),
    ]
    assert machine.memory.cron_digest is not None
    (line,) = machine.said("was edited")
    assert line.endswith("next due at 2026-11-23 22:00+00:00")


def test_an_edit_that_is_wrong(machine: World) -> None:
    """A wrong edit is named once and changes nothing, and so does a file that is gone."""
    machine.clock.at(EVENING + MINUTE, lambda: machine.cron_file.write_bytes(b"0 4 * * *\r\n"))
    machine.clock.at(EVENING + 10 * MINUTE, machine.cron_file.unlink)
    machine.run(until=FIVE + MINUTE)
    assert machine.starts() == [FIVE]
    (line,) = machine.said("stay in force: ")
    assert "ends as on Windows" in line
    assert len(machine.said("cannot be read")) == 1


def test_a_wrong_file_at_the_start(machine: World) -> None:
    """A scheduler does not start with a file that it cannot follow."""
    machine.write("0 5 * *")
    with pytest.raises(ConfigurationError, match="fewer than five fields"):
        machine.run()


# ------------------------------------------------------------------------------------- memory, heartbeat, log


def test_what_is_on_disk(machine: World) -> None:
    """scheduler.json holds the heartbeat and what status and doctor want to know, in UTC."""
    machine.run(until=FIVE + timedelta(hours=1))
    content = json.loads((machine.home / "state" / "scheduler.json").read_bytes())
    assert content | {"cron_digest": "", "recent": []} == {
        "heartbeat_at": "2026-11-24T06:00:00Z",
        "pid": None,
        "version": build_name(),
        "zone": "Europe/London",
        "next_due_at": "2026-11-25T05:00:00Z",
        "last_due_at": "2026-11-24T05:00:00Z",
        "last_started_at": "2026-11-24T05:00:00Z",
        "last_finished_at": "2026-11-24T05:00:20Z",
        "last_exit_code": 0,
        "cron_digest": "",
        "caught_up": 0,
        "running": None,
        "pending": [],
        "recent": [],
    }


def test_the_heartbeat_beats_while_a_flow_runs(machine: World) -> None:
    """Every minute, also in the middle of a long flow, the heartbeat is renewed."""
    machine.seconds = 3600
    seen = []
    for minutes in range(5, 50, 9):
        moment = FIVE + minutes * MINUTE
        machine.clock.at(moment, lambda moment=moment: seen.append(pulse(machine.memory, moment)))  # type: ignore[misc]
    machine.run(until=FIVE + 2 * timedelta(hours=1))
    assert [alive for alive, _ in seen] == [True] * 5
    assert all(f"process {PID}" in text for _, text in seen)


@pytest.mark.parametrize(
    ("age", "alive"), [(0, True), (299, True), (301, False), (-200, True), (-301, False), (10**9, False)]
)
def test_a_pulse(age: int, alive: bool) -> None:
    """A heartbeat is fresh for five minutes, and one in the future is none."""
    memory = Memory(heartbeat_at=EVENING - timedelta(seconds=age), pid=1)
    assert pulse(memory, EVENING)[0] is alive
    assert pulse(Memory(heartbeat_at=EVENING), EVENING)[0] is False
    assert pulse(Memory(), EVENING) == (False, "no scheduler has run here yet")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"heartbeat_at": "2026-11-23T20:00:00"}', b'{"pid": "x"}'])
def test_a_broken_memory(machine: World, content: bytes) -> None:
    """What cannot be read counts as nothing remembered."""
    path = machine.home / "state" / "scheduler.json"
    path.parent.mkdir()
    path.write_bytes(content)
    assert MemoryFile(path.parent).load() == Memory()
    machine.run(until=FIVE + MINUTE)
    assert machine.starts() == [FIVE]


def test_folders_that_cannot_be_written(machine: World) -> None:
    """When neither memory nor log can be written the flow runs all the same, and that is said once an evil."""
    for name in ("state", "logs"):
        (machine.home / name).write_text("in the way")
    machine.run(until=FIVE + DAY + MINUTE)
    assert machine.starts() == [FIVE, FIVE + DAY]
    assert len(machine.said("what is remembered cannot be saved")) == 1
    assert machine.said("cannot be written")


def test_a_folder_that_comes_back(machine: World) -> None:
    """A disk that works again is written again."""
    state = machine.home / "state"
    state.write_text("in the way")
    machine.clock.at(EVENING + timedelta(hours=1), state.unlink)
    machine.run(until=FIVE + MINUTE)
    assert machine.memory.last_due_at == FIVE
    shutil.rmtree(state)


def test_lines_of_the_log(machine: World) -> None:
    """Each line bears the local time with its offset, also in summer time."""
    machine.clock.set(utc("2026-07-01T20:00"))
    machine.run(until=utc("2026-07-02T04:01"))
    due = "next due at 2026-07-02 05:00+01:00"
    assert [line.replace(" scheduler: ", " ") for line in machine.shown] == [
        f"2026-07-01T21:00:00+01:00 starts as process {PID} with {machine.cron_file}; {due}",
        "2026-07-02T05:00:00+01:00 flow is due (2026-07-02 05:00+01:00)",
        "2026-07-02T05:00:20+01:00 flow ended well; next due at 2026-07-03 05:00+01:00",
        "2026-07-02T05:01:00+01:00 ends",
    ]
    log = machine.home / "logs" / "scheduler" / "cron.log"
    assert log.read_text().splitlines() == machine.shown[1:]
    assert FINE == 30.0

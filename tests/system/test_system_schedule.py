"""The scheduler as a process: catch-up after a restart, SIGTERM in the middle of a flow, one at a time, background."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import Cli, Running, wait_until
from tests.support.served import Strava

DAY = timedelta(days=1)


@pytest.fixture
def scheduled(connected: Cli) -> Iterator[Cli]:
    """A connected CLI whose cron file names a time that does not come while a test runs."""
    write_cron(connected, f"{a_time_far_off():%M %H} * * *")
    yield connected
    with suppress(OSError, ValueError):
        os.kill(int((connected.layout.state / "scheduler.pid").read_text()), signal.SIGKILL)


def a_time_far_off() -> datetime:
    return datetime.now(UTC) + timedelta(hours=12)


def write_cron(cli: Cli, *lines: str) -> None:
    folder = cli.home / "cron"
    folder.mkdir(exist_ok=True)
    (folder / "strava.cron").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    cli.env["TZ"] = "UTC"


def memory(cli: Cli) -> dict[str, Any]:
    """scheduler.json, {} while there is none."""
    path = cli.layout.state / "scheduler.json"
    found: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
    return found


def was_alive(cli: Cli, ago: timedelta, **more: Any) -> None:
    """As though a scheduler had run until then."""
    cli.layout.state.mkdir(parents=True, exist_ok=True)
    content = {"heartbeat_at": (datetime.now(UTC) - ago).isoformat(), "pid": 1, **more}
    (cli.layout.state / "scheduler.json").write_text(json.dumps(content))


def log_of(cli: Cli) -> str:
    path = cli.home / "logs" / "scheduler" / "cron.log"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def await_log(cli: Cli, running: Running, words: str) -> None:
    wait_until(lambda: words in log_of(cli) or running.process.poll() is not None, words)
    assert words in log_of(cli), log_of(cli)


def end(running: Running, number: int = signal.SIGTERM) -> str:
    """Ask a scheduler to stop; it has to end well. What it narrated."""
    running.process.send_signal(number)
    outcome = running.finish()
    assert outcome.code == 0, outcome.stderr
    return outcome.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_catch_up_after_a_restart(scheduled: Cli, strava: Strava, number: int) -> None:
    """A scheduler that comes back after days makes one flow, shows what it says, and ends cleanly when asked."""
    was_alive(scheduled, 3 * DAY)
    running = scheduled.start("schedule")
    await_log(scheduled, running, "flow ended well")
    narrated = end(running, number)
    assert "catches up on 3 missed times" in narrated
    assert "flow: " not in narrated.splitlines()[0]
    assert log_of(scheduled).count(" catches up ") == 1
    assert "athlete " in log_of(scheduled), "the flow's own words are in the log"
    assert "athlete " in narrated, "and on the terminal"
    assert scheduled.one("select count(*) from activities") == len(strava.ids)
    known = memory(scheduled)
    assert (known["last_exit_code"], known["caught_up"], known["pid"]) == (0, 3, None)
    assert datetime.fromisoformat(known["next_due_at"]) > datetime.now(UTC)


def test_sigterm_while_a_flow_runs(scheduled: Cli, strava: Strava) -> None:
    """SIGTERM ends flow and scheduler; what was fetched is published, and the next start takes the run up at once."""
    was_alive(scheduled, 2 * DAY)
    fault = strava.simulator.add_fault("hang", path="/activities/*", skip=3)
    running = scheduled.start("schedule")
    wait_until(lambda: fault.hits == 1 or running.process.poll() is not None, "the call that hangs")
    narrated = end(running)
    strava.simulator.faults.clear()
    assert "the flow gets 45 s to end" in narrated
    assert "exit code 130 (interrupted)" in narrated
    assert scheduled.one("select count(*) from activity_details") == 3
    assert memory(scheduled)["running"]["tries"] == 1
    strava.forget_calls()
    again = scheduled.start("schedule")
    await_log(scheduled, again, "flow ended well")
    assert "had not ended: it is made again" in end(again)
    assert len(strava.details()) == len(set(strava.details()))
    assert memory(scheduled)["running"] is None


def test_sigterm_ends_a_flow_cleanly(connected: Cli, strava: Strava) -> None:
    """SIGTERM to any command is what Ctrl-C is: one line, exit code 130, and what was fetched is in the warehouse."""
    fault = strava.simulator.add_fault("hang", path="/activities/*", skip=3)
    running = connected.start("flow")
    wait_until(lambda: fault.hits == 1 or running.process.poll() is not None, "the call that hangs")
    running.process.send_signal(signal.SIGTERM)
    outcome = running.finish()
    assert outcome.code == 130
    assert outcome.failure.startswith("strava-stats: Interrupted — run the same command again")
    assert connected.one("select count(*) from activity_details") == 3


def test_a_killed_scheduler(scheduled: Cli, strava: Strava) -> None:
    """After kill -9 the flow goes on to its end by itself, the lock is free, and the next scheduler starts."""
    was_alive(scheduled, DAY)
    fault = strava.simulator.add_fault("slow", path="/activities/*", delay=0.5)
    running = scheduled.start("schedule")
    wait_until(lambda: fault.hits >= 1 or running.process.poll() is not None, "a slow call")
    running.kill()
    strava.simulator.faults.clear()
    wait_until(lambda: "athlete " in log_of(scheduled), "the flow's last words")
    again = scheduled.start("schedule")
    await_log(scheduled, again, "had not ended: it is made again")
    end(again)


def test_two_schedulers(scheduled: Cli) -> None:
    """A second scheduler on the same data says who is there and exits 75, in the foreground as in the background."""
    first = scheduled.start("schedule")
    await_log(scheduled, first, "starts as process")
    pid = first.process.pid
    scheduled("schedule").failed(75, "A scheduler runs already", f"process {pid}")
    scheduled("schedule", "--start").failed(75, "A scheduler runs already")
    scheduled("schedule", "--stop").failed(75, "was not started by `schedule --start`", "Ctrl-C")
    assert first.process.poll() is None
    end(first)
    assert log_of(scheduled).count("starts as process") == 1


def test_in_the_background(scheduled: Cli) -> None:
    """--start leaves a scheduler with a pid file behind, --health sees it, --stop ends it, twice does no harm."""
    assert scheduled("schedule", "--health").code == 3
    started = scheduled("--json", "schedule", "--start")
    pid = started.json["pid"]
    assert (scheduled.layout.state / "scheduler.pid").read_text() == f"{pid}\n"
    health = scheduled("schedule", "--health").done()
    assert health.stdout.startswith(f"alive: process {pid}, last heartbeat")
    assert scheduled("--json", "schedule", "--health").json["alive"] is True
    scheduled("schedule", "--start").failed(75, "A scheduler runs already")
    assert scheduled("--json", "schedule", "--stop").json["pid"] == pid
    assert not (scheduled.layout.state / "scheduler.pid").exists()
    gone = scheduled("schedule", "--health")
    assert (gone.code, gone.stdout.partition(" at ")[0]) == (3, "not alive: the last scheduler ended")
    assert scheduled("--json", "schedule", "--stop").json["pid"] is None
    assert log_of(scheduled).count("scheduler: ends") == 1


def test_a_stale_pid_file(scheduled: Cli) -> None:
    """A pid file without a scheduler is never believed: the process of that number is left alone."""
    scheduled.layout.state.mkdir(parents=True)
    (scheduled.layout.state / "scheduler.pid").write_text(f"{os.getpid()}\n")
    scheduled("schedule", "--stop").done()
    first = scheduled.start("schedule")
    await_log(scheduled, first, "starts as process")
    scheduled("schedule", "--stop").failed(75, "was not started by")
    end(first)


def test_a_locked_folder_is_tried_again(scheduled: Cli, strava: Strava) -> None:
    """A due run that finds another run writing is put off by a quarter of an hour, and that is said."""
    fault = strava.simulator.add_fault("hang", path="/athlete/activities")
    other = scheduled.start("pull")
    wait_until(lambda: fault.hits == 1 or other.process.poll() is not None, "the call that hangs")
    was_alive(scheduled, DAY)
    running = scheduled.start("schedule")
    await_log(scheduled, running, "exit code 75")
    narrated = end(running)
    other.kill()
    assert "The data folder is in use: `pull`" in narrated
    assert "it is tried again at " in narrated
    (pending,) = memory(scheduled)["pending"]
    assert datetime.fromisoformat(pending["not_before"]) > datetime.now(UTC)


def test_now(scheduled: Cli, strava: Strava) -> None:
    """--now makes one flow with the options of the first line, into the same log, and ends with its exit code."""
    write_cron(scheduled, "0 5 * * * --lite --max-calls 1")
    outcome = scheduled("schedule", "--now")
    assert outcome.code == 0, outcome.stderr
    assert "flow --lite --max-calls 1 runs because it was asked for" in log_of(scheduled)
    assert len(strava.calls("list")) + len(strava.calls("detail")) == 1
    assert "athlete " in outcome.stderr
    scheduled.token_file.unlink()
    assert scheduled("schedule", "--now").code == 77
    assert scheduled("--json", "-q", "schedule", "--now").json["status"] == "failed"
    assert memory(scheduled) == {}


def test_next(scheduled: Cli) -> None:
    """--next shows the local time, the zone and five times to come, with their options."""
    write_cron(scheduled, "0 5 * * * --days 3")
    scheduled.env["TZ"] = "America/New_York"
    lines = scheduled("schedule", "--next").done().stdout.splitlines()
    assert lines[0].startswith("now ")
    assert lines[0].endswith("America/New_York")
    assert len(lines) == 6
    assert all(" 05:00 E" in line and line.endswith("flow --days 3") for line in lines[1:])
    report = scheduled("--json", "schedule", "--next").json
    assert report["zone"] == "America/New_York"
    assert [one["options"] for one in report["next"]] == [["--days", "3"]] * 5


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["0 5 * * *\r"], "ends as on Windows (CRLF)"),
        (["# a", "0 5 * * * --sideways"], "strava.cron line 2: No such option: --sideways"),
    ],
)
def test_a_wrong_cron_file(scheduled: Cli, lines: list[str], words: str) -> None:
    """Every way to start ends with code 78 and one line that names the place."""
    write_cron(scheduled, *lines)
    for arguments in (["schedule"], ["schedule", "--start"], ["schedule", "--now"], ["schedule", "--next"]):
        scheduled(*arguments).failed(78, words)


def test_two_wishes_at_once(scheduled: Cli) -> None:
    """Options that exclude each other are a usage error."""
    scheduled("schedule", "--start", "--stop").failed(2, "--start and --stop exclude each other")


def test_doctor(scheduled: Cli, strava: Strava) -> None:
    """--doctor names each lack with its cure, and finds nothing when a scheduler runs and a flow has ended well."""
    (scheduled.home / "logs").mkdir()
    before = scheduled("--json", "schedule", "--doctor")
    assert before.code == 3
    assert {one["name"] for one in before.json["checks"] if not one["ok"]} == {
        "data mount",
        "last success",
        "heartbeat",
    }
    assert all(one["cure"] for one in before.json["checks"] if not one["ok"])
    scheduled("flow", "--lite", "--max-calls", "3").done()
    scheduled("schedule", "--start").done()
    after = scheduled("schedule", "--doctor")
    assert after.code == 0, after.stdout
    assert f"ok   next run: {a_time_far_off():%Y-%m-%d}" in after.stdout
    assert "this clock is " in after.stdout
    write_cron(scheduled, "0 5 * *")
    scheduled.token_file.chmod(0o644)
    wrong = scheduled("schedule", "--doctor")
    scheduled("schedule", "--stop").done()
    assert wrong.code == 3
    assert "FAIL cron file: " in wrong.stdout
    assert "has fewer than five fields" in wrong.stdout
    assert "FAIL secrets' modes: others can read" in wrong.stdout


REAPING = """
import ctypes, os, subprocess, sys, time
from strava_stats.scheduler.child import bury_orphans
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: as process 1 of a container is
own = subprocess.Popen([sys.executable, "-c", "input(); raise SystemExit(7)"], stdin=subprocess.PIPE)
middle = subprocess.run([sys.executable, "-c", "import os; print(os.fork() or os.getpid())"], stdout=subprocess.PIPE)
orphans = {int(line) for line in middle.stdout.split()} - {0}
def children():
    return {int(one) for one in open(f"/proc/self/task/{os.getpid()}/children").read().split()}
end = time.monotonic() + 30
while children() - {own.pid} and time.monotonic() < end:
    bury_orphans(own.pid)
left = len(children() - {own.pid})
own.communicate(b"go\\n")
bury_orphans(own.pid)
print(left, own.returncode)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux makes a process the parent of orphans")
def test_orphans_are_buried(tmp_path: Path) -> None:
    """Processes that lost their parent are buried, and the exit code of the flow is left to whoever waits for it."""
    script = tmp_path / "reaping.py"
    script.write_text(REAPING)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines()[-1:] == ["0 7"], done.stderr

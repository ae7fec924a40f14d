"""The scheduler as a container that stays, through the make targets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from tests.support.docker_checkout import OTHER_UID, Checkout, wait_until


@pytest.fixture(scope="module")
def scheduled(connected: Checkout) -> Iterator[Checkout]:
    """The scheduler runs, and its heart beats."""
    connected.make("schedule-build").ok()
    connected.make("schedule-up").ok()
    wait_for_heartbeat(connected)
    yield connected
    connected.make("schedule-down").ok()


def wait_for_heartbeat(checkout: Checkout) -> None:
    wait_until(
        lambda: checkout.dc("exec", "scheduler", "strava-stats", "schedule", "--health").code == 0,
        "the scheduler's heartbeat",
    )


def container(checkout: Checkout) -> Any:
    (found,) = checkout.inspect(checkout.container("scheduler"))
    return found


def test_container_is_locked_down(scheduled: Checkout) -> None:
    """No Docker socket is mounted; read-only root, no capability, own uid, restarted unless it was stopped."""
    found = container(scheduled)
    mounts = {mount["Destination"]: mount for mount in found["Mounts"]}
    assert not [mount for mount in mounts.values() if "docker.sock" in mount["Source"]]
    assert mounts["/app/cron"]["RW"] is False
    assert mounts["/app/.env"]["RW"] is False
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["Privileged"] is False
    assert host["Init"] is True
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert found["Config"]["User"] == f"{OTHER_UID}:{OTHER_UID}"


def test_time_names_the_zone_and_the_next_run(scheduled: Checkout) -> None:
    """`make schedule-time` tells the zone of the settings and the next due time."""
    told = scheduled.make("-s", "schedule-time").ok().stdout
    assert "Europe/London" in told
    assert "05:00" in told


def test_ps_and_logs(scheduled: Checkout) -> None:
    """`make schedule-ps` shows the container as up, `make schedule-logs` what it said."""
    assert " Up " in scheduled.make("-s", "schedule-ps").ok().stdout
    wait_until(lambda: bool(scheduled.make("-s", "schedule-logs").ok().stdout.strip()), "a line of the scheduler")


def test_exec_runs_one_flow(scheduled: Checkout) -> None:
    """`make schedule-exec` runs the flow inside, as the host's user; its record is there at once."""
    runs = "SELECT count(*) FROM runs WHERE command = 'flow' AND status = 'ok'"
    scheduled.make("flow").ok()
    before = int(scheduled.query(runs))
    scheduled.make("schedule-exec").ok()
    scheduled.make("compact").ok()
    assert int(scheduled.query(runs)) == before + 1
    log = scheduled.path / "logs/scheduler/cron.log"
    assert log.stat().st_uid == OTHER_UID
    assert log.read_text(encoding="utf-8").strip()


def test_doctor_has_no_finding(scheduled: Checkout) -> None:
    """`make schedule-doctor` is content with the mounts and what lies there."""
    scheduled.make("flow").ok()
    done = scheduled.make("-s", "schedule-doctor")
    assert done.code == 0, done.both


def test_shell(scheduled: Checkout) -> None:
    """`make schedule-shell` is a shell inside: no socket, and nothing but the folders can be written."""
    script = "id -u; ls /var/run/docker.sock; touch /app/cron/x || echo read-only; exit 0"
    done = scheduled.make("-s", "schedule-shell", f"ARGS=-c '{script}'").ok()
    assert done.stdout.split() == [str(OTHER_UID), "read-only"]


def test_restart_takes_the_newest_build(scheduled: Checkout) -> None:
    """After an upgrade doctor names the old scheduler; `make schedule-restart` replaces it, and doctor is content."""
    old = container(scheduled)["Id"]
    source = scheduled.path / "src/strava_stats/__main__.py"
    kept = source.read_bytes()
    source.write_bytes(kept + b"# another build\n")
    try:
        found = scheduled.make("-s", "doctor")
        assert found.code == 2
        assert "FAIL versions" in found.stdout
        scheduled.make("schedule-restart").ok()
        wait_for_heartbeat(scheduled)
        wait_until(lambda: scheduled.make("-s", "doctor").code == 0, "a heartbeat of the new build")
    finally:
        source.write_bytes(kept)
    assert container(scheduled)["Id"] != old
    scheduled.make("schedule-restart").ok()
    wait_for_heartbeat(scheduled)


def test_killed_in_the_middle_it_comes_back(
    scheduled: Checkout, hanging: Callable[[], AbstractContextManager[None]]
) -> None:
    """The container is killed while its flow fetches; started again, it is healthy and a flow goes on."""
    journals = scheduled.path / "data/bronze/activity_details"
    with hanging():
        scheduled.dc("exec", "--detach", "scheduler", "strava-stats", "flow").ok()
        wait_until(lambda: any(path.stat().st_size for path in journals.glob("*.jsonl")), "the first details")
        scheduled.docker("kill", "--signal", "KILL", scheduled.container("scheduler")).ok()
    wait_until(lambda: not container(scheduled)["State"]["Running"], "the end of the container")
    scheduled.make("schedule-up").ok()
    wait_for_heartbeat(scheduled)
    scheduled.make("schedule-exec").ok()
    assert scheduled.make("verify", "ARGS=--offline").code == 0


def test_stops_cleanly_and_goes(scheduled: Checkout) -> None:
    """`make schedule-down` ends it on SIGTERM with exit code 0 and takes the container away."""
    found = container(scheduled)["Id"]
    scheduled.dc("stop", "scheduler").ok()
    assert scheduled.inspect(found)[0]["State"]["ExitCode"] == 0
    scheduled.make("schedule-down").ok()
    assert scheduled.container("scheduler") == ""
    scheduled.make("schedule-up").ok()
    wait_for_heartbeat(scheduled)
    memory = json.loads((scheduled.path / "data/state/scheduler.json").read_bytes())
    assert memory["zone"] == "Europe/London"

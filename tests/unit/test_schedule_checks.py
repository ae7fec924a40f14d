"""What `schedule --doctor` sees: mounts, modes, the lock, the running scheduler, ways to a container engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strava_stats.cli.checks import Check
from strava_stats.cli.context import Context
from strava_stats.cli.schedule import read_cron
from strava_stats.cli.schedule_checks import docker_access, examine_schedule
from strava_stats.flow import writer_lock
from strava_stats.scheduler.memory import Memory, MemoryFile
from strava_stats.settings import load_settings

OVERLAY = "22 1 0:30 / / rw - overlay overlay rw\n"
SOCKET = "99 22 0:25 /docker.sock /run/docker.sock rw - tmpfs tmpfs rw\n"


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A home with all its folders and a cron file, without an account."""
    home = tmp_path / "a home"
    for name in ("data", "logs", "cron"):
        (home / name).mkdir(parents=True)
    (home / "secrets").mkdir(mode=0o700)
    (home / "cron" / "strava.cron").write_text("0 5 * * *\n")
    made = Context()
    made.settings = load_settings({}, home)
    yield made
    made.__dict__.clear()


def seen(context: Context, name: str) -> Check:
    return next(check for check in examine_schedule(context, offline=True) if check.name == name)


def test_a_home_in_order(context: Context) -> None:
    """Folders, modes, cron file, lock and sockets of a home in order are no finding."""
    found = {check.name for check in examine_schedule(context, offline=True) if not check.ok}
    assert found == {"credentials", "token", "scopes", "last success", "heartbeat"}


def test_a_mount_that_is_missing(context: Context) -> None:
    """A folder that is not there is a finding, because Docker would make it as root."""
    (context.settings.logs_dir).rmdir()
    check = seen(context, "logs mount")
    assert not check.ok
    assert "is no folder" in check.detail
    assert "mount it" in check.cure


def test_modes_of_secrets(context: Context) -> None:
    """Whatever others can read in the secrets' folder is named, but for certificates."""
    folder = context.settings.secrets_dir
    for name in ("corp-root.pem", "auth_state"):
        (folder / name).write_text("x")
        (folder / name).chmod(0o644)
    check = seen(context, "secrets' modes")
    assert not check.ok
    assert check.cure == f"chmod go= {folder / 'auth_state'}"


def test_the_lock(context: Context) -> None:
    """A run that writes is named with its beginning; for a day that is well, then it is a finding."""
    with writer_lock(context.layout, "flow", context.clock):
        held = seen(context, "writer lock")
        assert held.ok
        assert "`flow` (process " in held.detail
        note = context.layout.lock.with_suffix(".json")
        long_ago = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
        note.write_text(json.dumps({"pid": 5, "command": "flow", "since": long_ago}))
        assert not seen(context, "writer lock").ok
    note.write_text("{")
    assert seen(context, "writer lock").detail == "free; a killed run left its note"


def test_a_scheduler_that_does_not_know_the_edit(context: Context) -> None:
    """A living scheduler with another file or another zone is a finding, a dead one's memory is not."""
    digest = read_cron(context).digest
    memory = MemoryFile(context.layout.state)
    now = datetime.now(UTC)
    memory.save(Memory(heartbeat_at=now, pid=5, zone="Europe/London", cron_digest=digest))
    assert [seen(context, name).ok for name in ("cron file", "next run", "heartbeat")] == [True, True, True]
    memory.save(Memory(heartbeat_at=now, pid=5, zone="Europe/Paris", cron_digest="other"))
    assert [seen(context, name).ok for name in ("cron file", "next run", "heartbeat")] == [False, False, True]
    memory.save(Memory(heartbeat_at=now - timedelta(days=1), pid=5, zone="Europe/Paris", cron_digest="other"))
    assert [seen(context, name).ok for name in ("cron file", "next run", "heartbeat")] == [True, True, False]


def test_windows_line_ends(context: Context) -> None:
    """CRLF in the cron file is a finding with the command that mends it."""
    context.settings.cron_file.write_bytes(b"0 5 * * *\r\n")
    check = seen(context, "cron file")
    assert not check.ok
    assert check.cure.startswith("run: sed -i 's/\\r$//' '")


@pytest.mark.parametrize(
    ("mounts", "sockets", "environ", "in_container", "found"),
    [
        (OVERLAY, [], {}, True, []),
        (OVERLAY + SOCKET, ["/run/docker.sock"], {}, True, ["/run/docker.sock is mounted"]),
        (OVERLAY + SOCKET, [], {}, False, ["/run/docker.sock is mounted"]),
        (OVERLAY, ["/var/run/docker.sock"], {}, True, ["/var/run/docker.sock exists"]),
        (OVERLAY, [], {"DOCKER_HOST": "tcp://h:2375"}, True, ["DOCKER_HOST=tcp://h:2375"]),
        (OVERLAY, ["/run/docker.sock"], {"DOCKER_HOST": "tcp://h:2375"}, False, []),
        ("", [], {}, False, []),
    ],
)
def test_ways_to_the_engine(
    mounts: str, sockets: list[str], environ: dict[str, str], in_container: bool, found: list[str]
) -> None:
    """A mounted socket is found anywhere; the host's own socket and DOCKER_HOST only count inside a container."""
    assert docker_access(mounts, sockets, environ, in_container=in_container) == found

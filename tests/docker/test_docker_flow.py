"""The pipeline in containers, against the simulated Strava as a Compose service."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import requests
from tests.support.docker_checkout import OTHER_UID, Checkout, run, wait_until

ACTIVITIES = 150


@pytest.fixture(scope="module")
def flowed(connected: Checkout, hanging: Callable[[], AbstractContextManager[None]]) -> Checkout:
    """Everything is fetched; the first try was killed in the middle, and the second went on."""
    journals = connected.path / "data/bronze/activity_details"
    with hanging():
        connected.dc("run", "--detach", "--name", "strava-stats-test-killed", "flow", "--backfill", "--all").ok()
        wait_until(lambda: any(path.stat().st_size for path in journals.glob("*.jsonl")), "the first details")
        connected.docker("kill", "--signal", "KILL", "strava-stats-test-killed").ok()
    connected.docker("rm", "--force", "strava-stats-test-killed").ok()
    again = connected.make("flow-backfill").ok()
    assert "details that a killed run had fetched are not fetched again" in again.stderr
    return connected


def test_recovers_from_a_kill(flowed: Checkout, simulator: str) -> None:
    """After the kill everything is there once, no details were paid for twice but the one in flight, all verifies."""
    counts = "SELECT (SELECT count(*) FROM activities) || '/' || (SELECT count(*) FROM activity_details)"
    assert flowed.query(counts) == f"{ACTIVITIES}/{ACTIVITIES}"
    calls = requests.get(f"{simulator}/_control/calls", timeout=10).json()["calls"]
    details = [call for call in calls if re.fullmatch(r"/api/v3/activities/\d+", call["path"])]
    assert ACTIVITIES <= len(details) <= ACTIVITIES + 1
    assert flowed.make("verify", "ARGS=--offline").code == 0


def test_files_belong_to_the_host_user(flowed: Checkout) -> None:
    """All that containers wrote belongs to the uid they were given; the token is for that user alone."""
    written = [path for name in ("data", "secrets", "logs") for path in (flowed.path / name).rglob("*")]
    foreign = [path for path in written if path.stat().st_uid != OTHER_UID]
    assert len(written) > 10
    assert foreign == []
    assert (flowed.path / "secrets/strava_token.json").stat().st_mode & 0o777 == 0o600
    assert (flowed.path / "secrets").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 7/2 AS \"share %\", 'a ''b'' \"c\"' AS quoted, '$HOME $(id) `id` $$' AS dollars",
        "SELECT sport_type, count(*) AS n FROM activities GROUP BY ALL ORDER BY ALL",
    ],
)
def test_query_gives_the_same_in_both_runners(flowed: Checkout, query: str) -> None:
    """`make sql-"…"` hands the query to the container untouched, and prints what the program on the host prints."""
    env = {"PATH": os.environ["PATH"], "STRAVA_STATS_HOME": str(flowed.path), "HOME": str(flowed.path)}
    on_host = run([sys.executable, "-m", "strava_stats", "sql", "--format", "csv", query], env, flowed.path).ok()
    done = flowed.make("-s", f"sql-{query}", "ARGS=--format csv").ok()
    assert done.stdout == on_host.stdout
    assert done.stderr.splitlines().count("Runner: Docker Compose (RUNNER=local: the virtual environment)") == 1


def test_exit_codes_reach_the_host(flowed: Checkout) -> None:
    """A container's exit code is that of scripts/dc.sh, and make names it."""
    assert flowed.dc("run", "--rm", "flow", "--no-such-option").code == 2
    assert flowed.dc("run", "--rm", "pull", PER_PAGE="7000").code == 78
    assert "Error 78" in flowed.make("run", "PER_PAGE=7000").stderr


@pytest.mark.parametrize("target", ["run", "run-lite", "compact", "enrich", "flow", "status", "plan", "refresh"])
def test_targets_work(flowed: Checkout, target: str) -> None:
    """Each target of the pipeline ends well in a container, and says once where it ran."""
    done = flowed.make(target).ok()
    assert done.stderr.count("Runner: ") == 1


def test_duck_opens_the_warehouse(flowed: Checkout) -> None:
    """The DuckDB shell in the image reads the warehouse."""
    done = flowed.dc("run", "--rm", "flow", "duck", stdin="select count(*) as n from activities;\n").ok()
    assert str(ACTIVITIES) in done.stdout


def test_doctor_has_no_finding(flowed: Checkout) -> None:
    """The doctor is content with the mounts, the token, the disk and the way to the simulated Strava."""
    done = flowed.make("-s", "doctor")
    assert done.code == 0, done.both


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def listening(connected: Checkout, port: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = ["make", "-s", "auth", "ARGS=--listen"]
    env = connected.env | {"STRAVA_REDIRECT_URI": f"http://localhost:{port}/exchange_token"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=env, cwd=connected.path, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
    ) as process:
        yield process, port
        process.terminate()


def test_listens_for_the_browser(listening: tuple[subprocess.Popen[str], int], simulator: str) -> None:
    """`auth --listen` catches the redirect that the host's browser follows to a port of the host's loopback."""
    process, port = listening
    assert process.stdout is not None
    address = next(line.strip() for line in process.stdout if "/oauth/authorize" in line)
    on_host = address.replace("http://simulator:8089", simulator)
    answer = requests.get(on_host, allow_redirects=False, timeout=10)
    redirect = answer.headers["Location"]
    assert redirect.startswith(f"http://localhost:{port}/exchange_token?")
    page = requests.get(redirect.replace("localhost", "127.0.0.1"), timeout=10)
    assert "Thank you" in page.text
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert "Connected athlete" in stdout


def test_settings_file_is_written_from_inside(checkout: Checkout, tmp_path: Path) -> None:
    """The auth service sees the checkout, so that it can put id and secret into .env; no other service does."""
    assert tmp_path.exists()
    script = "touch /checkout/.env.probe && rm /checkout/.env.probe && echo may"
    if os.getuid() == 0:
        os.chown(checkout.path, OTHER_UID, OTHER_UID)
    assert checkout.sh(script, "auth").stdout == "may\n"
    assert checkout.sh("ls /checkout", "flow").code != 0

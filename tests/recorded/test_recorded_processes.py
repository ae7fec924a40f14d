"""The recorded listing once as a user has it: `simulate --listing`, `auth`, `flow`, `sql` as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cli import Cli
from tests.support.recorded_files import FOLDER, exact, lines, needs_recorded

pytestmark = needs_recorded

LIMITS = "1000000,10000000"
BROWSER = "import requests, sys; print(requests.get(sys.argv[1], allow_redirects=False).headers['Location'])"
QUERY = "select id, name, distance, start_date_local, extra from activities order by id"


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    """A home whose settings lead to a simulator process that serves the recorded listing and details."""
    command = [sys.executable, "-m", "strava_stats", "simulate", "--port", "0"]
    files = ["--listing", str(FOLDER / "activities.jsonl"), "--details", str(FOLDER / "details.jsonl")]
    process = subprocess.Popen(
        [*command, *files, "--limit-overall", LIMITS, "--limit-read", LIMITS],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "STRAVA_STATS_HOME": str(tmp_path)},
        cwd=tmp_path,
    )
    assert process.stdout is not None
    settings = dict(process.stdout.readline().strip().split("=", 1) for _ in range(4))
    try:
        yield Cli(tmp_path, settings)
    finally:
        process.terminate()
        process.communicate()


def test_simulate_auth_flow_sql(cli: Cli) -> None:
    """From a pasted redirect to a warehouse whose rows are the file's 1,132, numbers to the last digit."""
    address = cli("auth", stdin="").stdout.strip()
    assert address.startswith(cli.env["STRAVA_OAUTH_BASE_URL"])
    browser = [sys.executable, "-c", BROWSER, address]
    redirect = subprocess.run(browser, check=True, capture_output=True, text=True).stdout.strip()
    cli("auth", "--code", redirect).done()
    flow = cli("flow", "--json", "--ids", exact(lines("details.jsonl")[0])["id"])
    assert flow.code == 0, flow.stderr
    assert flow.json["status"] == "ok"
    rows = cli("sql", "--format", "jsonl", QUERY)
    found = [exact(line) for line in rows.done().stdout.split("\n") if line]
    sent = sorted((exact(line) for line in lines("activities.jsonl")), key=lambda body: body["id"])
    assert len(found) == 1132
    for row, body in zip(found, sent, strict=True):
        assert {key: row[key] for key in ("id", "name", "distance")} == {
            key: body[key] for key in ("id", "name", "distance")
        }
        assert row["start_date_local"] == body["start_date_local"].removesuffix("Z")
        assert row["extra"] is None
    counted = cli("sql", "--format", "json", "select count(*) as n from activity_segment_efforts").done()
    assert json.loads(counted.stdout) == [{"n": 53}]

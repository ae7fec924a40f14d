"""The log of a command, as the user and a collector find it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.support.cli import Cli
from tests.support.served import Strava

EVERYWHERE = {"timestamp", "level", "event", "run_id", "athlete_id", "command"}


def documented() -> dict[str, set[str]]:
    """Event → fields, as docs/logs.md has them."""
    text = Path("docs/logs.md").read_text(encoding="utf-8").split("## Events")[1]
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| (.*) \|$", text, re.MULTILINE)
    return {event: EVERYWHERE | set(re.findall(r"`(\w+)`", fields)) for event, fields in rows}


def logs(cli: Cli) -> list[list[dict[str, Any]]]:
    """The lines of each structured log, oldest first."""
    folder = Path(cli.environment().get("LOGS_DIR", cli.home / "logs"))
    found = sorted((folder / "flow/structured").rglob("*.jsonl"))
    return [[json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] for path in found]


def test_a_flow(connected: Cli, strava: Strava) -> None:
    """One event a stage with its figures, one for the run, the run's name on each; all as documented."""
    strava.simulator.add_fault(action="status", status=500, path=f"/activities/{strava.ids[0]}", times=None)
    connected("flow").done()
    (lines,) = logs(connected)
    shapes = documented()
    assert all(set(line) <= shapes[line["event"]] for line in lines)
    stages = [line for line in lines if line["event"] == "stage"]
    assert [line["stage"] for line in stages] == ["pull", "compact", "enrich"]
    assert all(line["bytes"] > 0 and line["budget_left_day"] > 0 and line["seconds"] >= 0 for line in stages)
    (run,) = (line for line in lines if line["event"] == "run")
    assert run["status"] == "partial"
    assert run["calls"] == sum(line["calls"] for line in stages) == len(strava.simulator.calls)
    assert {line["run_id"] for line in lines if line["event"] != "started"} == {run["run_id"]}
    assert any(line["level"] == "warning" and str(strava.ids[0]) in line["text"] for line in lines if "text" in line)


def test_a_command_that_fails_before_its_run(connected: Cli) -> None:
    """Its error is the last line of its log."""
    connected.token_file.unlink()
    connected("flow").failed(77)
    last = logs(connected)[-1][-1]
    assert (last["event"], last["level"], last["exit_code"]) == ("failed", "error", 77)


def test_no_secret_is_logged(connected: Cli, strava: Strava) -> None:
    """Neither the client secret nor a token, old or new, stands in any log."""
    secrets = set(re.findall(r"[0-9a-f]{40}", connected.token_file.read_text()))
    content = json.loads(connected.token_file.read_text())
    for athlete in content["athletes"].values():
        athlete["expires_at"] = 1
    connected.token_file.write_text(json.dumps(content))
    connected("flow", "-v").done()
    secrets |= set(re.findall(r"[0-9a-f]{40}", connected.token_file.read_text()))
    secrets.add(connected.environment()["STRAVA_CLIENT_SECRET"])
    texts = [path.read_text() for path in (connected.home / "logs").rglob("flow_*")]
    assert len(texts) == 2
    assert not [secret for secret in secrets if any(secret in text for text in texts)]

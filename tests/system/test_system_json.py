"""What a script reads: one JSON object on stdout whatever happens, exit codes, and never a secret."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from tests.support.cli import Cli
from tests.support.served import Strava

COMMANDS = {
    "pull": ("pull",),
    "compact": ("compact",),
    "enrich": ("enrich", "--since-days", "7"),
    "flow": ("flow", "--only-changed"),
    "plan": ("plan",),
    "sql": ("sql", "select 1 as one"),
    "status": ("status",),
    "doctor": ("doctor",),
    "auth": ("auth", "--status"),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_one_object_before_or_behind_the_command(flowed: Cli, command: str) -> None:
    """`--json` gives one object of the agreed shape, wherever it stands, and says which command it was."""
    in_front = command in {"flow", "sql", "auth"}
    arguments = ("--json", *COMMANDS[command]) if in_front else (*COMMANDS[command], "--json")
    found = flowed(*arguments).done().json
    assert (found["command"], found["status"], found["error"]) == (command, "ok", None)
    assert datetime.fromisoformat(found["started_at"]) <= datetime.fromisoformat(found["finished_at"])
    assert all({"name", "seconds", "calls", "rows"} <= stage.keys() for stage in found["stages"])


def test_the_stages_of_a_flow(flowed: Cli, strava: Strava) -> None:
    """Every stage tells its calls and rows, and the calls are those that Strava saw."""
    strava.simulator.create(start=strava.simulator.now() - 5 * 86_400)
    outcome = flowed("flow", "--json").done()
    assert [stage["name"] for stage in outcome.json["stages"]] == ["pull", "compact", "enrich"]
    assert outcome.stage("pull")["calls"] == len(strava.listings())
    assert outcome.stage("enrich")["calls"] == len(strava.calls("detail")) + len(strava.calls("profile"))
    assert (outcome.stage("pull")["rows"], outcome.stage("enrich")["rows"]) == (1, 1)


@pytest.mark.parametrize("command", ["pull", "enrich", "flow", "plan", "auth"])
def test_a_failure_is_an_object_too(cli: Cli, command: str) -> None:
    """A failed command prints the same object with its error, besides the one line on stderr."""
    arguments = ("auth", "--status") if command == "auth" else (command,)
    outcome = cli(*arguments, "--json").failed(77, "strava-stats auth")
    assert outcome.json["status"] == "failed"
    assert outcome.json["command"] == command
    assert outcome.json["error"]["kind"] == "not_authorised"
    assert outcome.json["error"]["message"] in outcome.failure
    assert outcome.json["error"]["hint"] in outcome.failure


def test_a_usage_error_is_an_object_too(cli: Cli) -> None:
    """An unknown option with `--json` is exit 2 with an object that names the command."""
    outcome = cli("pull", "--no-such-option", "--json").failed(2, "--no-such-option")
    assert (outcome.json["command"], outcome.json["error"]["kind"]) == ("pull", "usage")


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("pull", "--per-page", "0"),
        ("pull", "--per-page", "201"),
        ("pull", "--all", "--lite"),
        ("enrich", "--ids", "12,abc"),
        ("enrich", "--ids", ""),
        ("enrich", "--from", "2026-13-01"),
        ("enrich", "--from", "2026-02-01", "--to", "2026-01-01"),
        ("enrich", "--max-calls", "-1"),
        ("auth", "--status", "--revoke"),
        ("sql", "select 1", "--format", "xml"),
        ("simulate", "--limit-read", "many"),
        ("simulate", "--listing", "/no/such/file"),
        ("--athlete", "77", "flow"),
    ],
    ids=" ".join,
)
def test_usage_errors(flowed: Cli, arguments: tuple[str, ...]) -> None:
    """A command line that makes no sense is one line with a cure and exit 2, and asks Strava nothing."""
    flowed(*arguments).failed(2)


def test_no_arguments_show_the_help(cli: Cli) -> None:
    """Without a command the help is shown."""
    assert "flow" in cli().stdout + cli("--help").done().stdout


def test_version(cli: Cli) -> None:
    """`--version` prints the name and a version."""
    assert cli("--version").done().stdout.startswith("strava-stats 0.")


def test_quiet_says_nothing(flowed: Cli) -> None:
    """`-q` leaves stderr empty when all is well."""
    assert flowed("flow", "-q").done().stderr == ""


def test_demo_prints_one_object(cli: Cli, tmp_path: Path) -> None:
    """`demo --json` runs the main job in a folder of its own, twice, and leaves ours alone."""
    folder = tmp_path / "a demo"
    for _ in range(2):
        outcome = cli("demo", "--folder", folder, "--activities", 30, "--years", 1, "--json").done()
        assert (outcome.json["command"], outcome.json["status"]) == ("demo", "ok")
        assert outcome.json["counts"][0]["activities"] == outcome.json["counts"][0]["details"] == 30
    assert not cli.data.exists()


@pytest.mark.slow
def test_demo_shows_totals_and_the_newest(cli: Cli, tmp_path: Path) -> None:
    """For people it prints totals by sport, the newest activities and what to try next."""
    shown = cli("demo", "--folder", tmp_path / "demo", "--activities", 30, "--years", 1).done().stdout
    for words in ("Totals by sport", "Newest activities", "30 activities", "Try next"):
        assert words in shown


def test_demo_clears_no_foreign_folder(cli: Cli, tmp_path: Path) -> None:
    """A folder that no demo made is refused."""
    (tmp_path / "mine" / "data").mkdir(parents=True)
    (tmp_path / "mine" / "data" / "thesis.txt").write_text("years of work")
    cli("demo", "--folder", tmp_path / "mine").failed(2, "no demo made")
    assert (tmp_path / "mine" / "data" / "thesis.txt").exists()


def test_status_before_and_after(connected: Cli) -> None:
    """`status` is 3 while nothing was pulled, 0 after a flow, and 3 again once that is too long ago."""
    assert connected("status").code == 3
    connected("flow").done()
    fresh = connected("status", "--json").done()
    assert fresh.json["athletes"][0]["activities"] == 60
    stale = connected("status", "--max-age", "0", "--json")
    assert (stale.code, stale.json["status"]) == (3, "partial")
    assert stale.json["stale"]


def test_doctor_names_a_finding_with_its_cure(flowed: Cli) -> None:
    """A broken setting is a finding with a cure: exit 3; without one 0."""
    assert "FAIL" not in flowed("doctor").done().stdout
    flowed.env["STRAVA_CLIENT_SECRET"] = ""
    outcome = flowed("doctor", "--json")
    assert outcome.code == 3
    (found,) = [check for check in outcome.json["checks"] if not check["ok"]]
    assert found["name"] == "credentials"
    assert "STRAVA_CLIENT_SECRET" in found["detail"]
    assert found["cure"]


@pytest.mark.slow
def test_plan_counts_what_flow_does(flowed: Cli, strava: Strava) -> None:
    """The calls that `plan` foretells are those that `flow` makes, and it makes none itself."""
    strava.simulator.edit(strava.ids[0], name="Unknown to the plan")
    found = flowed("plan", "--json").done().json["athletes"][0]
    assert strava.simulator.calls == []
    outcome = flowed("flow", "--json").done()
    assert found["calls"]["list"] == outcome.stage("pull")["calls"]
    assert found["total"] - found["calls"]["backlog"] == len(strava.simulator.calls)
    assert datetime.fromisoformat(found["finished_at"]).tzinfo is not None
    assert "UTC" in flowed("plan").done().stdout

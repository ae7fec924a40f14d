"""The example DAG in a real Airflow: what it is made of, and its runs against the simulator."""

from __future__ import annotations

import ast
import sys
from typing import Any

import pytest
from filelock import FileLock
from tests.airflow.conftest import EXAMPLE, Airflow, Task, wait_for
from tests.support.cli import Cli
from tests.support.served import Strava, settled_simulator
from tests.system.conftest import Serve, connect

STAGES = ("pull", "compact", "enrich")
DONE = {f"all_athletes.{stage}": Task("success", 1) for stage in STAGES}


def test_it_imports_the_standard_library_and_airflow_alone() -> None:
    """The example needs nothing beside Airflow."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(EXAMPLE.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(str(node.module).partition(".")[0])
    assert modules - sys.stdlib_module_names == {"airflow"}


def facts(airflow: Airflow) -> dict[str, Any]:
    return airflow.facts("probe_dag.py", airflow.home / "dags")


def test_what_airflow_makes_of_it(airflow: Airflow) -> None:
    """No import error, one run at a time, nothing made up for, 05:00 by London's clock on both days it changes."""
    found = facts(airflow)
    assert found["import_errors"] == {}
    assert found["one_at_a_time"] == [False, 1, 1]
    assert found["spring"] == ["2027-03-27T05:00:00+00:00", "2027-03-28T05:00:00+01:00", "2027-03-29T05:00:00+01:00"]
    assert found["autumn"] == ["2027-10-30T05:00:00+01:00", "2027-10-31T05:00:00+00:00", "2027-11-01T05:00:00+00:00"]
    assert found["upstream"] == {
        "all_athletes.pull": [],
        "all_athletes.compact": ["all_athletes.pull"],
        "all_athletes.enrich": ["all_athletes.compact"],
    }
    assert found["commands"] == {f"all_athletes.{stage}": ["strava-stats", stage] for stage in STAGES}
    assert set(map(tuple, found["retries"].values())) == {(4, 900.0)}
    assert found["deadline_hours"] == [3]


def test_its_settings(airflow: Airflow) -> None:
    """The environment chooses athletes, options, delays and the deadline."""
    airflow.env |= {
        "STRAVA_STATS_COMMAND": "docker compose run",
        "STRAVA_STATS_ENRICH_ARGS": "--backlog 200",
        "STRAVA_STATS_ATHLETES": "17, 4",
        "STRAVA_STATS_RETRIES": "7",
        "STRAVA_STATS_RETRY_MINUTES": "60",
        "STRAVA_STATS_DEADLINE_HOURS": "0.5",
    }
    found = facts(airflow)
    assert found["commands"]["athlete_17.pull"] == ["docker compose run", "--athlete", "17", "pull"]
    assert found["commands"]["athlete_4.enrich"][1:] == ["--athlete", "4", "enrich", "--backlog", "200"]
    assert found["upstream"]["athlete_4.compact"] == ["athlete_4.pull"]
    assert found["upstream"]["athlete_4.pull"] == []
    assert found["retries"]["athlete_4.compact"] == [7, 3600.0]
    assert found["deadline_hours"] == [0.5]


def test_a_missed_deadline_raises_the_alarm(airflow: Airflow, connected: Cli) -> None:
    """A real scheduler starts the run that is due, tells of the deadline that passed, and the run is done all the
    same.
    """
    told = airflow.home / "told"
    alarm = airflow.home / "alarm"
    alarm.write_text(f'#!/bin/sh\nprintf %s "$2" > "{told}"\n', encoding="utf-8")
    alarm.chmod(0o755)
    airflow.serve(connected, DEADLINE_HOURS="0.0002", ALERT_COMMAND=f"'{alarm}' --body")
    with airflow.services():
        wait_for(told.exists, "the alarm")
        wait_for(lambda: airflow.state()[0] != "running", "the end of the run")
    assert "strava_stats_msrvc: the run is not done in time — " in told.read_text(encoding="utf-8")
    assert airflow.state() == ("success", DONE)


def test_a_run(airflow: Airflow, connected: Cli) -> None:
    """Everything listed, loaded and enriched; each task needs one try."""
    airflow.serve(connected)
    run = airflow.ran(airflow.test_dag())
    assert (run.state, dict(run.tasks)) == ("success", DONE), run.output[-4000:]
    assert connected.one("select count(*) from activities") == 60
    assert connected.one("select count(*) from activity_details") > 0


def test_a_lock_is_waited_for(airflow: Airflow, connected: Cli) -> None:
    """75, because another run is writing: tried again after the delay, and done."""
    airflow.serve(connected, RETRIES="9")
    connected.layout.lock.parent.mkdir(parents=True)
    with FileLock(connected.layout.lock):
        process = airflow.test_dag()
        assert process.stdout is not None
        before = ""
        while "exit code 75 (try again later)" not in before:
            line = process.stdout.readline()
            assert line, before[-4000:]
            before += line
    run = airflow.ran(process, before)
    assert run.state == "success", run.output[-4000:]
    assert run.tasks["all_athletes.pull"].tries > 1
    assert connected.one("select count(*) from activities") == 60


def test_an_unreachable_strava_is_tried_again(airflow: Airflow, connected: Cli, strava: Strava) -> None:
    """69, because the address answers with a redirect once: tried again, and done."""
    strava.simulator.add_fault("status", path="/athlete/activities", status=302)
    airflow.serve(connected)
    run = airflow.ran(airflow.test_dag())
    assert (run.state, dict(run.tasks)) == ("success", DONE | {"all_athletes.pull": Task("success", 2)})
    assert "exit code 69 (Strava unreachable)" in run.output


def _damage(connected: Cli, strava: Strava) -> None:
    connected.token_file.write_text("{garbage")


def _forget(connected: Cli, strava: Strava) -> None:
    strava.simulator.oauth.forget(strava.simulator.world.default.id)


def _misconfigure(connected: Cli, strava: Strava) -> None:
    connected.env["DAYS"] = "many"


@pytest.mark.parametrize(("code", "spoil"), [(65, _damage), (77, _forget), (78, _misconfigure)], ids=["65", "77", "78"])
def test_what_needs_a_person_fails_at_once(
    airflow: Airflow, connected: Cli, strava: Strava, code: int, spoil: Any
) -> None:
    """65, 77 and 78 are not tried again, the tasks behind do not run, and the line that names the cure is shown."""
    spoil(connected, strava)
    airflow.serve(connected)
    run = airflow.ran(airflow.test_dag())
    behind = {f"all_athletes.{stage}": Task("upstream_failed", 0) for stage in STAGES[1:]}
    assert (run.state, dict(run.tasks)) == ("failed", {"all_athletes.pull": Task("failed", 1), **behind})
    assert f"exit code {code} (" in run.output
    assert "strava-stats: " in run.output


def test_a_wrong_option_fails_at_once(airflow: Airflow, connected: Cli) -> None:
    """2 is not tried again; what ran before it stays done."""
    airflow.serve(connected, ENRICH_ARGS="--no-such-option")
    run = airflow.ran(airflow.test_dag())
    assert (run.state, dict(run.tasks)) == ("failed", DONE | {"all_athletes.enrich": Task("failed", 1)})
    assert "exit code 2 (usage)" in run.output


def test_a_command_that_is_not_there(airflow: Airflow) -> None:
    """Without the command the task fails at once and says which setting to set."""
    airflow.env["STRAVA_STATS_COMMAND"] = "no-such-command"
    run = airflow.ran(airflow.test_dag())
    assert run.tasks["all_athletes.pull"] == Task("failed", 1)
    assert "set STRAVA_STATS_COMMAND" in run.output


def test_one_athlete_does_not_stop_the_other(airflow: Airflow, cli: Cli, serve: Serve) -> None:
    """A group an athlete: one has given no access any more, the other is done, and the run has failed."""
    strava = serve(settled_simulator(activities=30, athletes=2))
    cli.env.update(strava.env)
    first, second = sorted(strava.simulator.world.athletes)
    for athlete in (first, second):
        connect(cli, strava, athlete)
    strava.simulator.oauth.forget(first)
    airflow.serve(cli, ATHLETES=f"{first},{second}")
    run = airflow.ran(airflow.test_dag())
    assert run.state == "failed"
    assert {task: ended.state for task, ended in run.tasks.items()} == {
        f"athlete_{first}.pull": "failed",
        f"athlete_{first}.compact": "upstream_failed",
        f"athlete_{first}.enrich": "upstream_failed",
        **{f"athlete_{second}.{stage}": "success" for stage in STAGES},
    }
    assert cli.rows("select distinct athlete_id from activities") == [(second,)]

"""A real Airflow with a home of its own, whose DAG runs the command line against the simulator."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.cli import SECRET_LOOK, Cli
from tests.system.conftest import cli, connected, home, serve, strava  # noqa: F401 - fixtures

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "dags" / "strava_stats_msrvc.example.py"
PROGRAMS = os.environ.get("AIRFLOW_BIN", "")
collect_ignore_glob = [] if PROGRAMS else ["test_*.py"]  # only `make test-airflow` has an Airflow
DEADLINE = 120.0  # seconds that Airflow may take at most; no test asserts a time


class Task(NamedTuple):
    """How a task ended."""

    state: str
    tries: int


@dataclass
class Airflow:
    """Airflow's command line with AIRFLOW_HOME, DAG folder and database of its own."""

    bin: Path
    home: Path
    env: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Nothing of ours but the path."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            **self.env,
        }

    def start(self, program: str, *arguments: str | Path) -> subprocess.Popen[str]:
        """Begin a program of Airflow's environment; both streams in one."""
        return subprocess.Popen(
            [self.bin / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            env=self.environment(),
            cwd=self.home,
        )

    def run(self, program: str, *arguments: str | Path) -> str:
        """A program's output; it has to succeed."""
        process = self.start(program, *arguments)
        output, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, output[-4000:]
        return output

    def facts(self, probe: str, *arguments: str | Path) -> dict[str, Any]:
        """What a script of this folder finds out in Airflow's own Python: its last line, as JSON."""
        value = json.loads(self.run("python", Path(__file__).with_name(probe), *arguments).splitlines()[-1])
        assert isinstance(value, dict)
        return value

    def install(self, source: Path = EXAMPLE) -> None:
        """Put the example into the DAG folder, as its first lines say."""
        (self.home / "dags").mkdir(exist_ok=True)
        shutil.copy(source, self.home / "dags" / "strava_stats_msrvc.py")

    def serve(self, cli: Cli, **settings: str) -> None:  # noqa: F811 - a parameter, not the fixture
        """Have the DAG run this command line, with retries after a second."""
        command = self.home / "strava stats"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m strava_stats "$@"\n', encoding="utf-8")
        command.chmod(0o755)
        given = {"COMMAND": str(command), "RETRIES": "2", "RETRY_MINUTES": "0.02", "DEADLINE_HOURS": "0", **settings}
        self.env |= {name: value for name, value in cli.environment().items() if name not in {"PATH", "HOME"}}
        self.env |= {f"STRAVA_STATS_{name}": value for name, value in given.items()}

    def test_dag(self) -> subprocess.Popen[str]:
        """Begin one run of the DAG."""
        return self.start("airflow", "dags", "test", "strava_stats_msrvc")

    def ran(self, process: subprocess.Popen[str], before: str = "") -> Run:
        """How the run ended."""
        rest, _ = process.communicate(timeout=DEADLINE)
        output = before + rest
        assert not SECRET_LOOK.search(output), "a token is shown"
        return Run(*self.state(), output)

    def state(self) -> tuple[str | None, dict[str, Task]]:
        """The state of the run, None where there is none yet, and of its tasks, by Airflow's database."""
        with closing(sqlite3.connect(self.home / "airflow.db", timeout=DEADLINE)) as database:
            states = database.execute("select state from dag_run").fetchall()
            tasks = database.execute("select task_id, state, try_number from task_instance").fetchall()
        return states[0][0] if states else None, {task: Task(ended, tries) for task, ended, tries in tasks}

    @contextmanager
    def services(self) -> Iterator[None]:
        """Airflow as it runs for good: API server, DAG processor, scheduler with its local executor."""
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            port = str(probe.getsockname()[1])
        self.env |= {
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": port,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test alone, long enough for the signature that is used",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        }
        with ExitStack() as stack:
            for service in ("api-server", "dag-processor", "scheduler"):
                log = stack.enter_context((self.home / f"{service}.log").open("w", encoding="utf-8"))
                command = [self.bin / "airflow", service]
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self.environment(),
                    cwd=self.home,
                    start_new_session=True,
                )
                stack.callback(_end, process)
            yield


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a service with whatever it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Poll until `condition` holds; fails after a deadline."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.2)


class Run(NamedTuple):
    """How a run ended, by Airflow's database."""

    state: str | None
    tasks: Mapping[str, Task]
    output: str


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """An Airflow with an empty database."""
    airflow = Airflow(Path(PROGRAMS).absolute(), tmp_path_factory.mktemp("migrated"))
    airflow.run("airflow", "db", "migrate")
    return airflow


@pytest.fixture
def airflow(migrated: Airflow, tmp_path: Path) -> Airflow:
    """An Airflow of one's own, with the example in its DAG folder."""
    folder = tmp_path / "airflow home"
    folder.mkdir()
    shutil.copy(migrated.home / "airflow.db", folder)
    airflow = Airflow(migrated.bin, folder)
    airflow.install()
    return airflow

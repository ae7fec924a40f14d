"""A simulated Strava, and the CLI as a process that knows the way to it."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import Cli
from tests.support.served import Strava, settled_simulator

from strava_stats.simulator import ServedSimulator, Simulator

Serve = Callable[[Simulator], Strava]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve a simulator of one's own until the test ends."""
    with ExitStack() as stack:
        yield lambda simulator: Strava(simulator, stack.enter_context(ServedSimulator(simulator)))


@pytest.fixture
def strava(serve: Serve) -> Strava:
    """Sixty activities in half a year, without limits."""
    return serve(settled_simulator())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a blank in its path."""
    folder = tmp_path / "a home"
    folder.mkdir()
    return folder


@pytest.fixture
def cli(home: Path, strava: Strava) -> Cli:
    """The CLI with settings that lead to the simulator, not connected yet."""
    return Cli(home, dict(strava.env), [strava.simulator.app.client_secret])


def connect(cli: Cli, strava: Strava, athlete_id: int | None = None, **more: Any) -> dict[str, Any]:
    """Store a token as `auth` would, without starting a process."""
    grant = strava.simulator.grant(athlete_id=athlete_id)
    athlete = grant["athlete"]["id"]
    token = {
        "athlete_id": athlete,
        "access_token": grant["access_token"],
        "refresh_token": grant["refresh_token"],
        "expires_at": grant["expires_at"],
        "scopes": ["read", "activity:read_all", "profile:read_all"],
        "client_id": strava.simulator.app.client_id,
        "obtained_at": grant["expires_at"] - 21_600,
    }
    content: dict[str, Any] = {"version": 1, "athletes": {}}
    if cli.token_file.exists():
        content = json.loads(cli.token_file.read_text())
    content["athletes"][str(athlete)] = token | more
    cli.token_file.parent.mkdir(mode=0o700, exist_ok=True)
    cli.token_file.write_text(json.dumps(content))
    cli.token_file.chmod(0o600)
    return token


@pytest.fixture
def connected(cli: Cli, strava: Strava) -> Cli:
    """The CLI with a token for the first athlete."""
    connect(cli, strava)
    return cli


def home_after(folder: Path, *arguments: str) -> Path:
    """A home after one command; simulators of one seed grant the same tokens, so that it can be copied."""
    folder.mkdir()
    with ServedSimulator(settled_simulator()) as served:
        strava = Strava(served.simulator, served)
        cli = Cli(folder, dict(strava.env))
        connect(cli, strava)
        cli(*arguments).done()
    return folder


@pytest.fixture(scope="session")
def flowed_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after one flow of everything."""
    return home_after(tmp_path_factory.mktemp("flowed") / "home", "flow", "--backfill")


@pytest.fixture(scope="session")
def pulled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after one pull, nothing compacted."""
    return home_after(tmp_path_factory.mktemp("pulled") / "home", "pull")


@pytest.fixture
def pulled(cli: Cli, strava: Strava, pulled_home: Path) -> Cli:
    """The CLI after one pull: everything listed, no details; the call log is empty."""
    shutil.copytree(pulled_home, cli.home, dirs_exist_ok=True)
    connect(cli, strava)
    return cli


@pytest.fixture
def flowed(cli: Cli, strava: Strava, flowed_home: Path) -> Cli:
    """The CLI after one flow of everything; the call log is empty."""
    shutil.copytree(flowed_home, cli.home, dirs_exist_ok=True)
    connect(cli, strava)
    return cli


def without_privileges() -> None:
    """To run in a child: root may no longer pass over the modes of files."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.fixture
def ordinary(cli: Cli) -> Cli:
    """The CLI as a user whom the modes of files hold for."""
    if os.geteuid() == 0:
        if sys.platform != "linux":
            pytest.skip("root cannot be denied here")
        cli.preexec = without_privileges
    return cli

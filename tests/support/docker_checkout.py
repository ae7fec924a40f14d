"""A checkout of this repository in which make and scripts/dc.sh work with a real engine."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEADLINE = 600.0  # seconds that a command may take at most; no test asserts a time
PATIENCE = 120.0  # seconds that something in a container is waited for
IMAGE = "strava-stats-test"
MARKER = "c0ffee5ec2e7"
"""Stands in everything that must not reach an image or a log."""
OTHER_UID = 4242 if os.getuid() == 0 else os.getuid()
"""A user that the image does not know; root may become anybody, others only themselves."""


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    stdout: str
    stderr: str

    @property
    def both(self) -> str:
        return self.stdout + self.stderr

    def ok(self) -> Done:
        """This outcome, which has to be a success."""
        assert self.code == 0, f"exit {self.code}\n{self.stdout[-3000:]}\n{self.stderr[-6000:]}"
        return self


def run(command: list[str], env: dict[str, str], cwd: Path = ROOT, stdin: str = "") -> Done:
    done = subprocess.run(
        command, env=env, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass
class Checkout:
    """A copy of this repository with a blank in its path, and an environment that leads to the engine."""

    path: Path
    env: dict[str, str]

    def make(self, *goals: str, **more: str) -> Done:
        """`make goals`, with variables in the environment."""
        return run(["make", *goals], self.env | more, self.path)

    def dc(self, *arguments: str, stdin: str = "", **more: str) -> Done:
        """`scripts/dc.sh arguments`."""
        return run(["sh", "scripts/dc.sh", *arguments], self.env | more, self.path, stdin)

    def docker(self, *arguments: str) -> Done:
        """`docker arguments`."""
        return run(["docker", *arguments], self.env)

    def sh(self, script: str, service: str = "flow") -> Done:
        """A shell in a fresh container of a service."""
        return self.dc("run", "--rm", service, "sh", "-lc", script)

    def inspect(self, *names: str) -> Any:
        """What the engine knows of images or containers."""
        return json.loads(self.docker("inspect", *names).ok().stdout)

    def container(self, service: str) -> str:
        """The id of a service's container; "" without one."""
        return self.dc("ps", "--all", "--quiet", service).ok().stdout.strip()

    def query(self, sql: str) -> str:
        """One value out of the warehouse, through make."""
        return self.make("-s", f"sql-{sql}", "ARGS=--format csv").ok().stdout.splitlines()[1]

    def write_env(self, **values: str) -> None:
        """Write `.env`, for the user that the containers run as."""
        path = self.path / ".env"
        path.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
        path.chmod(0o600)
        if os.getuid() == 0:
            os.chown(path, OTHER_UID, OTHER_UID)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until `condition` holds; fails after a deadline."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.2)

"""The command line as a process: `python -m strava_stats` with folders of its own and nothing of our environment."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from strava_stats.lake.layout import Layout

DEADLINE = 60.0  # seconds that a process may take at most; no test asserts a time
SECRET_LOOK = re.compile(r"\b[0-9a-f]{40}\b")
"""Tokens and codes of the simulator look like this."""
ONE_LINE = re.compile(r"strava-stats: (?P<what>.+?) — (?P<cure>.+)")
JSON_KEYS = {"command", "status", "started_at", "finished_at", "stages", "error"}


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code and both streams."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout; any other byte there fails."""
        lines = self.stdout.splitlines()
        assert len(lines) == 1, f"stdout is not one line: {self.stdout[:2000]!r}"
        value = json.loads(lines[0])
        assert isinstance(value, dict)
        assert value.keys() >= JSON_KEYS, f"keys lacking: {JSON_KEYS - value.keys()}"
        return value

    def stage(self, name: str) -> dict[str, Any]:
        """One stage of the `--json` object."""
        return next(stage for stage in self.json["stages"] if stage["name"] == name)

    @property
    def failure(self) -> str:
        """The one line that says what happened and what to do."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("strava-stats:")]
        assert len(lines) == 1, f"not exactly one failure line: {self.stderr}"
        assert ONE_LINE.fullmatch(lines[0]), f"no cure behind a dash: {lines[0]}"
        assert self.stderr.rstrip("\n").splitlines()[-1] == lines[0], f"the failure is not the last line: {self.stderr}"
        return lines[0]

    def done(self) -> Outcome:
        """This outcome, which has to be a success without a complaint."""
        assert self.code == 0, f"exit {self.code}\n{self.stdout[-2000:]}\n{self.stderr[-4000:]}"
        assert "strava-stats:" not in self.stderr, self.stderr
        return self

    def failed(self, code: int, *words: str) -> Outcome:
        """This outcome, which has to be a failure with `code` and one line that holds all `words`."""
        assert self.code == code, f"exit {self.code}, not {code}\n{self.stdout[-2000:]}\n{self.stderr[-4000:]}"
        for word in words:
            assert word in self.failure, f"{word!r} is not in {self.failure!r}"
        assert self.failure
        return self


@dataclass
class Running:
    """A command that has not ended yet."""

    process: subprocess.Popen[str]
    finish: Callable[[], Outcome]

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@dataclass
class Cli:
    """Runs commands in a home of its own; `env` is added to a nearly empty environment."""

    home: Path
    env: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    prefix: Sequence[str] = ()
    preexec: Callable[[], None] | None = None

    @property
    def data(self) -> Path:
        """DATA_DIR."""
        return Path(self.env.get("DATA_DIR", self.home / "data"))

    @property
    def layout(self) -> Layout:
        """Paths below DATA_DIR."""
        return Layout(self.data)

    @property
    def token_file(self) -> Path:
        """All athletes' tokens."""
        return self.home / "secrets" / "strava_token.json"

    def environment(self) -> dict[str, str]:
        """The whole environment of a command."""
        plain = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", "TERM": "xterm"}
        folders = {name: str(self.home / name[:-4].lower()) for name in ("DATA_DIR", "SECRETS_DIR", "LOGS_DIR")}
        return plain | {"STRAVA_STATS_HOME": str(self.home)} | folders | self.env

    def start(self, *arguments: str | int | Path, stdin: str | None = None) -> Running:
        """Begin a command."""
        command = [*self.prefix, sys.executable, "-m", "strava_stats", *map(str, arguments)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=self.environment(),
            cwd=self.home,
            preexec_fn=self.preexec,  # noqa: PLW1509 - limits for the child; the parent's only thread holds no lock
        )

        def finish() -> Outcome:
            try:
                stdout, stderr = process.communicate(stdin, timeout=DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                stdout, stderr = process.communicate()
                raise AssertionError(f"still running: {arguments}\n{stdout}\n{stderr}") from None
            return self.checked(Outcome(process.returncode, stdout, stderr))

        return Running(process, finish)

    def __call__(self, *arguments: str | int | Path, stdin: str | None = None) -> Outcome:
        """Run a command to its end."""
        return self.start(*arguments, stdin=stdin).finish()

    def checked(self, outcome: Outcome) -> Outcome:
        """Neither output nor log may hold a secret; without -v, no output a traceback."""
        both = outcome.stdout + outcome.stderr
        assert "Traceback" not in both, both
        for secret in self.secrets:
            assert secret not in both, f"a secret is shown: {both}"
        assert not SECRET_LOOK.search(both), f"a token is shown: {both}"
        for path in Path(self.environment()["LOGS_DIR"]).rglob("flow_*"):
            logged = path.read_text(encoding="utf-8")
            assert not any(secret in logged for secret in self.secrets), f"a secret is logged: {logged}"
            assert not SECRET_LOOK.search(logged), f"a token is logged: {logged}"
        return outcome

    def write_env(self, text: str | bytes) -> Path:
        """Write `.env`."""
        path = self.home / ".env"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def rows(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of the published warehouse, instants in UTC."""
        with duckdb.connect(self.layout.warehouse, read_only=True, config={"threads": 1}) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(query, parameters).fetchall()

    def one(self, query: str) -> Any:
        """The one value of the published warehouse."""
        ((value,),) = self.rows(query)
        return value

    def files(self, *below: str) -> list[str]:
        """Names of the visible files in a folder below DATA_DIR, in order."""
        folder = self.data.joinpath(*below)
        return sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until `condition` holds; fails after a deadline."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)

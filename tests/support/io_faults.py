"""Faults at the calls that a command makes to the operating system: enumerated by one run, struck one at a time."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import pytest
from tests.support.cli import Cli, Outcome

Action = Literal["kill", "torn", "short", "enospc", "eio"]

SOURCE = Path(__file__).with_name("io_faults.c")
RUN = re.compile(r"\d{8}T\d{12}Z-\d+")
PROCESS = re.compile(r"\.\d+(?=\.tmp$|$)")
WRITES = frozenset({"write", "pwrite"})
NEUTRAL = frozenset({"open", "fsync", "request", "response"})
"""Calls that leave the files as a kill would find them."""
STRUCK_BY: dict[Action, frozenset[str]] = {
    "kill": WRITES | NEUTRAL | {"create", "rename", "unlink", "rmdir", "mkdir", "ftruncate", "chmod"},
    "torn": WRITES,
    "short": WRITES,
    "enospc": WRITES | {"create", "rename", "mkdir", "ftruncate", "fsync"},
    "eio": WRITES | {"create", "open", "rename", "unlink", "rmdir", "mkdir", "ftruncate", "fsync", "chmod"},
}
"""The kinds of call that an action may happen to."""


@dataclass(frozen=True)
class Call:
    """The `number`-th call of a kind at a place below the home; `place` is a shell pattern."""

    kind: str
    place: str
    number: int

    def __str__(self) -> str:
        return f"{self.kind} {self.place} #{self.number}"


@dataclass(frozen=True)
class Struck:
    """What a command left that met a fault; `fired` is False where it never came to that call."""

    outcome: Outcome
    fired: bool


FORKED = """
import json, os, sys

import requests

import strava_stats.flow
from strava_stats.cli import auth, inspect, local, main, sync

for order in sys.stdin:
    process = os.fork()
    if process == 0:
        given = json.loads(order)
        os.environ.clear()
        os.environ.update(given["env"])
        os.chdir(given["cwd"])
        for number, mode in (0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY):
            os.dup2(os.open(given["streams"][number], mode), number)
        main(given["arguments"])
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""
"""Starts commands as children that need not import most things any more; DuckDB they do, for that starts a thread."""


class IoFaults:
    """Runs commands below a library that counts and spoils their calls; each is a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._library = folder / "io_faults.so"
        self._trace = folder / "trace"
        self._streams = [Path(os.devnull), folder / "stdout", folder / "stderr"]
        compiler = shutil.which("cc")
        if sys.platform != "linux" or compiler is None:
            pytest.skip("faults at single calls need Linux and a C compiler (cc)")
        options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
        subprocess.run([compiler, *options, str(SOURCE), "-o", str(self._library), "-ldl"], check=True)

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen(
            [sys.executable, "-c", FORKED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "LD_PRELOAD": str(self._library)},
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._parent.communicate()

    def calls(self, cli: Cli, *arguments: str) -> list[Call]:
        """The calls of a command that has to succeed, in order."""
        outcome, lines = self._run(cli, {}, arguments)
        outcome.done()
        seen: Counter[tuple[str, str]] = Counter()
        calls = []
        for line in lines:
            kind, _, path = line.partition("\t")
            if path.startswith("logs/"):  # what becomes of a log changes nothing else: it has a test of its own
                continue
            place = PROCESS.sub(".*", RUN.sub("*", path))
            seen[kind, place] += 1
            calls.append(Call(kind, place, seen[kind, place]))
        return calls

    def run(self, cli: Cli, *arguments: str) -> Outcome:
        """Run a command that meets no fault."""
        return self._run(cli, {}, arguments)[0]

    def strike(self, cli: Cli, call: Call, action: Action, *arguments: str) -> Struck:
        """Run a command that meets a fault."""
        fault = {"KIND": call.kind, "PLACE": call.place, "NUMBER": str(call.number), "ACTION": action}
        outcome, lines = self._run(cli, fault, arguments)
        return Struck(outcome, any(line.startswith("!") for line in lines))

    def _run(self, cli: Cli, fault: dict[str, str], arguments: tuple[str, ...]) -> tuple[Outcome, list[str]]:
        for path in (self._trace, *self._streams[1:]):
            path.write_bytes(b"")
        settings = fault | {"ROOT": str(cli.home), "TRACE": str(self._trace)}
        env = cli.environment() | {f"IO_FAULTS_{name}": value for name, value in settings.items()}
        streams = [str(path) for path in self._streams]
        order = {"arguments": arguments, "env": env, "cwd": str(cli.home), "streams": streams}
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(order) + "\n")
        self._parent.stdin.flush()
        code = int(self._parent.stdout.readline())
        stdout, stderr = (path.read_text(encoding="utf-8") for path in self._streams[1:])
        return cli.checked(Outcome(code, stdout, stderr)), self._trace.read_text().splitlines()

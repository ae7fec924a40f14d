"""Run a command as a process and see how long it took and how much memory it held."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

KILOBYTE = 1024
"""Unit of ru_maxrss on Linux; macOS counts bytes."""


@dataclass(frozen=True)
class Sample:
    """One run of one command. The peak is never below this process's own: Linux hands it on over `exec`."""

    seconds: float
    peak_mb: float
    stdout: str = ""

    def __add__(self, other: Sample) -> Sample:
        """One after the other."""
        return Sample(self.seconds + other.seconds, max(self.peak_mb, other.peak_mb), other.stdout)


@dataclass(frozen=True)
class Command:
    """A command line, its environment, and the exit codes that are no failure."""

    arguments: Sequence[str]
    environ: Mapping[str, str]
    allowed: frozenset[int] = frozenset({0})

    def run(self) -> Sample:
        """Run it to its end."""
        os.sync()  # what the one before left to be written is not this one's to wait for
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            started = time.perf_counter()
            process = subprocess.Popen(self.arguments, env=dict(self.environ), stdout=out, stderr=err)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            if process.returncode not in self.allowed:
                raise SystemExit(f"{' '.join(self.arguments)}: exit code {process.returncode}\n{err.read().decode()}")
            return Sample(seconds, usage.ru_maxrss * _unit() / 1e6, out.read().decode())


def _unit() -> int:
    return 1 if sys.platform == "darwin" else KILOBYTE


def median(samples: Sequence[Sample]) -> Sample:
    """Median of the times, largest of the peaks."""
    seconds = statistics.median(sample.seconds for sample in samples)
    return Sample(seconds, max(sample.peak_mb for sample in samples), samples[-1].stdout)


def alternate(rounds: int, one: Callable[[], Sample], other: Callable[[], Sample]) -> tuple[Sample, Sample]:
    """A B A B …, so that a noisy moment hits both."""
    pairs = [(one(), other()) for _ in range(rounds)]
    return median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])

"""Many device files over the cores, each on its own: what one does to its reader is that file's loss alone.

A reader is a fresh interpreter (not a fork: the parent may have threads and DuckDB, and macOS has no safe fork) that
opens the archive itself, so that inflating is parallel too. It takes one file at a time; when it dies, that file is
named in the facts and another reader takes its place.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from strava_stats.errors import StravaStatsError
from strava_stats.export.devices.parse import Job, Parsed, failed
from strava_stats.export.devices.recording import Ints

__all__ = ["Job", "Portion", "parse_all"]

SECONDS_A_FILE = 60.0
MEMORY_A_FILE = 1_000_000_000
MOST_WORKERS = 6
PORTION_SAMPLES = 200_000
PORTION_FILES = 500
READY = "ready"


@dataclass(frozen=True)
class Portion:
    """Files that are done: facts of each, and the samples of all as columns of equal length.

    `samples` has activity_id, athlete_id and start (int64; seconds since 1970 of the activity's first sample, 0
    when unknown), and t, moving (0, 1) and the columns of shape.SCALES (int32, scaled; shape.NULL for none).
    """

    samples: dict[str, np.typing.NDArray[Any]]
    facts: list[dict[str, Any]]


def parse_all(
    jobs: Iterable[Job],
    *,
    workers: int | None = None,
    seconds: float = SECONDS_A_FILE,
    memory: int = MEMORY_A_FILE,
) -> Iterator[Portion]:
    """Parse the members of `jobs`, `workers` at a time (all cores, six at most); each job ends up in a portion.

    A file may take `seconds` and `memory` bytes. The order is that in which files are done. Closing the iterator, or
    an interrupt in it, ends the readers at once. Raises StravaStatsError when no reader can be started.
    """
    pool = Pool(iter(jobs), workers or min(MOST_WORKERS, available_cores()), (str(seconds), str(memory)))
    try:
        yield from _portions(pool.results())
    finally:
        pool.end()


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _portions(results: Iterator[tuple[Job, Parsed]]) -> Iterator[Portion]:
    done: list[tuple[Job, Parsed]] = []
    samples = 0
    for job, parsed in results:
        done.append((job, parsed))
        samples += parsed.facts["samples"]
        if samples >= PORTION_SAMPLES or len(done) >= PORTION_FILES:
            yield _portion(done)
            done, samples = [], 0
    if done:
        yield _portion(done)


def _portion(done: list[tuple[Job, Parsed]]) -> Portion:
    facts = [parsed.facts for _, parsed in done]
    full = [parsed for _, parsed in done if parsed.samples is not None]
    columns: dict[str, list[Ints]] = {}
    keys: dict[str, list[int]] = {"activity_id": [], "athlete_id": [], "start": []}
    counts = [parsed.facts["samples"] for parsed in full]
    for parsed in full:
        start = parsed.facts["start_time"]
        keys["activity_id"].append(parsed.facts["activity_id"])
        keys["athlete_id"].append(parsed.facts["athlete_id"])
        keys["start"].append(round(start.timestamp()) if start else 0)
        for name, values in (parsed.samples or {}).items():
            columns.setdefault(name, []).append(values)
    samples: dict[str, np.typing.NDArray[Any]] = {
        name: np.repeat(np.array(values, np.int64), counts) for name, values in keys.items()
    }
    return Portion(samples | {name: np.concatenate(values) for name, values in columns.items()}, facts)


@dataclass
class Worker:
    """A reader process, and the file it is at."""

    process: subprocess.Popen[bytes]
    connection: Connection
    job: Job | None = None
    ready: bool = False

    @classmethod
    def start(cls, limits: tuple[str, str]) -> Worker:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "strava_stats.export.devices.worker", str(theirs.fileno()), *limits]
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own module
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # one file is no work for several threads, and each costs address space
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1"},
            )
        return cls(process, Connection(ours.detach()))

    def end(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.connection.close()
        self.process.wait()


@dataclass
class Pool:
    """Keeps `size` readers busy with `jobs`."""

    jobs: Iterator[Job]
    size: int
    limits: tuple[str, str]
    workers: list[Worker] = field(default_factory=list)

    def results(self) -> Iterator[tuple[Job, Parsed]]:
        """Each job with what came of it."""
        waiting = next(self.jobs, None)
        while waiting is not None or any(worker.job for worker in self.workers):
            while waiting is not None and len(self.workers) < self.size:
                self.workers.append(Worker.start(self.limits))
            heard = wait([worker.connection for worker in self.workers])
            for worker in [worker for worker in self.workers if worker.connection in heard]:
                done = self._hear(worker)
                if waiting is not None and self._give(worker, waiting):
                    waiting = next(self.jobs, None)
                if done is not None:
                    yield done

    def end(self) -> None:
        """End all readers, whatever they are at."""
        for worker in self.workers:
            worker.end()
        self.workers.clear()

    def _give(self, worker: Worker, job: Job) -> bool:
        """Hand a job to a reader that is free; false when it is not."""
        if not worker.ready or worker.job is not None or worker not in self.workers:
            return False
        try:
            worker.connection.send(job)
        except OSError:  # it died between two jobs, which is no job's fault
            self._remove(worker)
            return False
        worker.job = job
        return True

    def _hear(self, worker: Worker) -> tuple[Job, Parsed] | None:
        """Take one message of a reader, or its end; what came of its job, if that is settled."""
        job = worker.job
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):  # OSError: it ended amid an answer
            code = self._remove(worker)
            if not worker.ready:
                raise StravaStatsError(
                    f"The reader of device files does not start (exit code {code})",
                    "look for a broken installation (strava-stats doctor); nothing was imported",
                ) from None
            return None if job is None else (job, failed(job, _cause(code, self.limits[0])))
        if message == READY:
            worker.ready = True
            return None
        parsed, leaving = message
        worker.job = None
        if leaving:
            self._remove(worker)
        return None if job is None else (job, parsed)

    def _remove(self, worker: Worker) -> int:
        self.workers.remove(worker)
        worker.connection.close()
        return worker.process.wait()


def _cause(code: int, seconds: str) -> str:
    if code == -signal.SIGALRM:
        return f"took longer than {float(seconds):g} s"
    if code == -signal.SIGKILL:
        return "its reader was killed, as when memory runs out"
    return f"its reader crashed ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})"

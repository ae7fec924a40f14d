"""The process that reads one member after another: `python -m strava_stats.export.devices.worker FD SECONDS BYTES`.

It answers over the socket FD. What a file may cost is bounded by the kernel: SECONDS by an alarm that ends the
process, BYTES of new address space by RLIMIT_AS. macOS accepts that limit and does not keep it: there the limits on
inflated bytes and on points are the only ones.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from multiprocessing.connection import Connection

from strava_stats.export.devices.parse import failed, parse_member

READY = "ready"
RECYCLED_AT = 150_000_000
"""Bytes of resident memory after which the process gives way to a fresh one: what a large file took comes back."""


def main(descriptor: int, seconds: float, memory: int) -> None:
    """Answer jobs until the other side hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends this process
    connection = Connection(descriptor)
    _limit_memory(memory)
    connection.send(READY)
    leaving = False
    while not leaving:
        try:
            job = connection.recv()
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            answer = parse_member(job)
        except MemoryError:
            answer = failed(job, "needs more memory than a file may take")
        signal.setitimer(signal.ITIMER_REAL, 0)
        leaving = _resident() > RECYCLED_AT
        connection.send((answer, leaving))


def _limit_memory(memory: int) -> None:
    limit = memory + _address_space()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (ValueError, OSError):  # a macOS that refuses it
        return


def _address_space() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - not a file
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _resident() -> int:
    """The most bytes that this process ever held.

    getrusage would count what the process that started this one had held before, because Linux hands that on.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 - not a file
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))

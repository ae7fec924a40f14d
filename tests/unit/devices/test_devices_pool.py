"""The pool of readers: what one file does to its reader is that file's loss alone."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.support.device_files import FIT_START, UINT8, UINT32, Fit, gpx, gpx_point, ride

from strava_stats.errors import StravaStatsError
from strava_stats.export.devices import pool as pool_module
from strava_stats.export.devices.fit_crc import checksum
from strava_stats.export.devices.parse import parse_member
from strava_stats.export.devices.pool import Job, Pool, Portion, parse_all
from strava_stats.export.devices.worker import RECYCLED_AT

FAR = 10**9
"""Bytes and seconds that no test needs."""


def archive_of(folder: Path, count: int) -> Path:
    path = folder / "an export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(count):
            file.writestr(f"activities/{number}.fit", ride(10 + number).whole())
    return path


def jobs_of(path: Path, count: int) -> list[Job]:
    return [Job(100 + number, 7, path, f"activities/{number}.fit") for number in range(count)]


def facts_of(portions: list[Portion]) -> dict[int, tuple[str, str | None]]:
    return {row["activity_id"]: (row["status"], row["error"]) for portion in portions for row in portion.facts}


def test_all_files_come_back_as_they_are_alone(tmp_path: Path) -> None:
    """Samples and facts from the pool are those of parsing each file by itself, with the activity on every sample."""
    path = archive_of(tmp_path, 12)
    (portion,) = parse_all(jobs_of(path, 12), workers=2)
    rows = {row["activity_id"]: row for row in portion.facts}
    for job in jobs_of(path, 12):
        alone = parse_member(job)
        assert rows[job.activity_id] == alone.facts
        assert alone.samples is not None
        mine = portion.samples["activity_id"] == job.activity_id
        assert set(portion.samples["athlete_id"][mine]) == {7}
        assert set(portion.samples["start"][mine]) == {round(alone.facts["start_time"].timestamp())}
        for name, values in alone.samples.items():
            np.testing.assert_array_equal(portion.samples[name][mine], values)


def test_portions_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A portion ends when it has enough samples or files."""
    monkeypatch.setattr(pool_module, "PORTION_SAMPLES", 30)
    monkeypatch.setattr(pool_module, "PORTION_FILES", 4)
    portions = list(parse_all(jobs_of(archive_of(tmp_path, 12), 12), workers=1))
    assert max(len(portion.facts) for portion in portions) <= 4
    assert max(len(portion.samples["t"]) for portion in portions) < 30 + 22
    assert sum(len(portion.facts) for portion in portions) == 12


def test_files_without_samples_make_a_portion_too(tmp_path: Path) -> None:
    """Facts alone are a portion whose arrays are empty."""
    (portion,) = parse_all([Job(1, 7, tmp_path, "missing.fit")], workers=1)
    assert facts_of([portion]) == {1: ("failed", "the folder has no such file")}
    assert len(portion.samples["activity_id"]) == 0


def test_no_job_starts_no_reader() -> None:
    """Without jobs there is no portion."""
    assert list(parse_all([])) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGALRM])
def test_a_reader_that_dies_costs_its_file_alone(tmp_path: Path, how: signal.Signals) -> None:
    """A reader that is killed amid a file names that file; all others are read."""
    path, stuck = archive_of(tmp_path, 6), tmp_path / "stuck.zip"
    os.mkfifo(stuck)  # nobody writes to it, so its reader never gets beyond opening it

    def jobs() -> Iterator[Job]:
        yield from jobs_of(path, 3)
        yield Job(999, 7, stuck, "1.fit")
        # the next job is only asked for when that one is with a reader
        victim = next(worker for worker in pool.workers if worker.job and worker.job.activity_id == 999)
        victim.process.send_signal(how)
        yield from jobs_of(path, 6)[3:]

    pool = Pool(jobs(), 2, (str(FAR), str(FAR)))
    results = {job.activity_id: parsed.facts for job, parsed in pool.results()}
    pool.end()
    said = {
        signal.SIGKILL: "its reader was killed, as when memory runs out",
        signal.SIGSEGV: "its reader crashed (SIGSEGV)",
        signal.SIGALRM: f"took longer than {float(FAR):g} s",
    }
    assert (results.pop(999)["error"], len(results)) == (said[how], 6)
    assert {facts["status"] for facts in results.values()} == {"ok"}


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """A file at which the reader hangs is given up by the kernel's alarm, and the next is read."""
    pipe = tmp_path / "stuck.zip"
    os.mkfifo(pipe)
    jobs = [Job(1, 7, pipe, "1.fit"), *jobs_of(archive_of(tmp_path, 2), 2)]
    found = facts_of(list(parse_all(jobs, workers=1, seconds=2)))
    assert found == {1: ("failed", "took longer than 2 s"), 100: ("ok", None), 101: ("ok", None)}


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not keep RLIMIT_AS")
def test_a_file_that_needs_too_much_memory_is_given_up(tmp_path: Path) -> None:
    """A member that inflates beyond the memory bound is a failure of its own, and the next is read."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("1.fit", bytes(250_000_000))
        file.writestr("2.fit", ride(5).whole())
    found = facts_of(
        list(parse_all([Job(1, 7, path, "1.fit"), Job(2, 7, path, "2.fit")], workers=1, memory=80_000_000))
    )
    assert found == {1: ("failed", "needs more memory than a file may take"), 2: ("ok", None)}


def test_closing_ends_the_readers(tmp_path: Path) -> None:
    """When the caller stops amid the files, as by Ctrl-C, every reader is gone at once, hung ones too."""
    pipe = tmp_path / "stuck.zip"
    os.mkfifo(pipe)
    pool = Pool(iter([*jobs_of(archive_of(tmp_path, 2), 2), Job(1, 7, pipe, "1.fit")]), 2, (str(FAR), str(FAR)))
    results = pool.results()
    next(results)
    processes = [worker.process for worker in pool.workers]
    pool.end()
    assert len(processes) == 2
    assert all(process.returncode is not None for process in processes)


INTERRUPTED = """
import signal, sys
from pathlib import Path
from strava_stats.export.devices.pool import Job, parse_all

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests run in the background inherit it ignored

def jobs():
    yield Job(1, 7, Path(sys.argv[1]), "1.fit")
    print("handed out", flush=True)
    yield Job(2, 7, Path(sys.argv[1]), "2.fit")

list(parse_all(jobs(), workers=1))
"""


def test_an_interrupt_ends_the_readers(tmp_path: Path) -> None:
    """Ctrl-C in a parent whose reader hangs ends both: nobody waits at the reader's pipe any more."""
    stuck = tmp_path / "stuck.zip"
    os.mkfifo(stuck)
    command = [sys.executable, "-c", INTERRUPTED, str(stuck)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"handed out\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert b"KeyboardInterrupt" in said
    with pytest.raises(OSError, match=os.strerror(errno.ENXIO)):
        os.open(stuck, os.O_WRONLY | os.O_NONBLOCK)


def test_a_reader_that_does_not_start_is_not_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no reader can be started no file is blamed: the whole run says so."""
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    with pytest.raises(StravaStatsError, match="does not start"):
        list(parse_all([Job(1, 7, tmp_path, "1.fit")], workers=1))


def test_a_large_parent_costs_no_reader(tmp_path: Path) -> None:
    """One reader reads all files, also when the process that starts it holds or held much memory."""
    held = bytearray(os.urandom(1 << 20) * 256)
    path = archive_of(tmp_path, 4)
    pool = Pool(iter(jobs_of(path, 4)), 1, (str(FAR), str(FAR)))
    readers = set()
    for _ in pool.results():
        readers |= {worker.process.pid for worker in pool.workers}
    pool.end()
    assert len(held) > RECYCLED_AT
    assert len(readers) == 1


def test_a_large_file_gives_its_memory_back(tmp_path: Path) -> None:
    """A reader that has grown gives way to a fresh one, and no file is lost between them."""
    path = tmp_path / "export.zip"
    large = gpx(f"<trkseg>{''.join(gpx_point(t % 3600) for t in range(100))}</trkseg>")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("1.gpx", large + b" " * 120_000_000)
        file.writestr("2.fit", ride(5).whole())
    readers: list[int] = []

    def jobs() -> Iterator[Job]:
        for number, name in enumerate(("1.gpx", "2.fit", "2.fit")):
            readers.extend(worker.process.pid for worker in pool.workers)
            yield Job(number, 7, path, name)

    pool = Pool(jobs(), 1, (str(FAR), str(FAR)))
    results = [parsed.facts["status"] for _, parsed in pool.results()]
    pool.end()
    assert results == ["ok", "ok", "ok"]
    assert len(set(readers)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gpx", "fit"])
@pytest.mark.parametrize("points", [1_000_000, 10_000_000])
def test_millions_of_points_are_data_or_a_reason(tmp_path: Path, kind: str, points: int) -> None:
    """A million points are samples; ten million are refused with a reason, within the bounds of a file."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("1", gpx_of(points) if kind == "gpx" else fit_of(points))
    ((status, error),) = facts_of(list(parse_all([Job(1, 7, path, "1", limit=2_000_000_000)], workers=1))).values()
    if points == 1_000_000:
        assert (status, error) == ("ok", None)
    else:
        assert status == "failed"
        assert error is not None
        assert error.startswith(("more than", "needs more memory", "took longer"))


def fit_of(points: int) -> bytes:
    """A FIT file of `points` records, one a second."""
    head = Fit().define(0, 20, ((253, UINT32), (3, UINT8)))
    rows = np.zeros(points, np.dtype([("header", "u1"), ("time", "<u4"), ("rate", "u1")]))
    rows["time"], rows["rate"] = FIT_START + np.arange(points), 120
    head.content += rows.tobytes()
    return head.whole(checksum)


def gpx_of(points: int) -> bytes:
    """A GPX file of `points` points, one a second."""
    hour = "".join(gpx_point(t) for t in range(3600))
    hours = (hour.replace("2024-05-01T10", f"2024-05-{1 + n // 24 % 28:02}T{n % 24:02}") for n in range(points // 3600))
    return gpx(f"<trkseg>{''.join(hours)}</trkseg>")

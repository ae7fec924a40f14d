"""What a check hands back: findings, each with its cure, and what was looked at."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from strava_stats.errors import CorruptData
from strava_stats.lake.checks import Reading
from strava_stats.lake.layout import Layout
from strava_stats.narration import Narrator
from strava_stats.sync.compact import Calendar
from strava_stats.warehouse.query import Warehouse

REBUILD = "run `strava-stats compact --rebuild`"
FETCH_ANEW = f"{REBUILD} and fetch it anew with `strava-stats flow --backfill`"
COMPACT = "run `strava-stats compact`: it mends what a killed run left"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be. `passing`: a run that is writing can look like this for a moment."""

    subject: str
    message: str
    cure: str
    passing: bool = False


@dataclass
class Look:
    """One check: what it saw, and what it found. `skipped` says why it could not be made."""

    name: str
    looked_at: str = ""
    verdict: str = ""
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: str = ""
    seconds: float = 0.0
    calls: int = 0

    def find(self, subject: str, message: str, cure: str, *, passing: bool = False) -> None:
        """Add a finding."""
        self.findings.append(Finding(subject, message, cure, passing))

    def settle(self, *, busy: bool) -> None:
        """Leave out what the run that is writing explains."""
        if busy and (passing := [one for one in self.findings if one.passing]):
            self.findings = [one for one in self.findings if not one.passing]
            self.notes.append(f"a run is writing: look again when it has ended, at {_first(passing)}")


def counted(count: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _first(findings: list[Finding]) -> str:
    more = f" and {len(findings) - 1} more" if findings[1:] else ""
    return f"{findings[0].subject}{more}"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what DuckDB says of a damaged warehouse into CorruptData."""
    import duckdb  # noqa: PLC0415

    try:
        yield
    except duckdb.Error as error:
        raise CorruptData(f"{path} cannot be read: {str(error).splitlines()[0][:160]}", REBUILD) from error


@dataclass
class Survey:
    """What the checks share. `warehouse` is None where it does not open or another version's SQL built it."""

    layout: Layout
    secrets_dir: Path
    calendar: Calendar
    narrator: Narrator
    scratch: Path
    readings: dict[tuple[str, str], Reading] = field(default_factory=dict)
    warehouse: Warehouse | None = None
    ledger: dict[tuple[str, str], bool] = field(default_factory=dict)
    stale_shards: bool = False
    archives: frozenset[str] = frozenset()

    def shown(self, path: Path) -> str:
        """A path below the data folder as a finding names it."""
        return str(path.relative_to(self.layout.data_dir))

    @property
    def lost(self) -> list[tuple[str, str]]:
        """(kind, run) that the warehouse was made of and bronze does not have."""
        return sorted(key for key in self.ledger if key not in self.readings)

    @property
    def waiting(self) -> list[tuple[str, str]]:
        """(kind, run) with something in it that the warehouse does not have yet."""
        return sorted(key for key, one in self.readings.items() if one.has_news and not self.ledger.get(key))


def is_writing(layout: Layout) -> bool:
    """Whether a run holds the writer's lock.

    The note of who holds it is there from before the first write to after the last one; the lock itself is tried
    only where there is such a note, so that a run that begins now is not turned away.
    """
    if not layout.lock.with_suffix(".json").exists():
        return False
    try:
        descriptor = os.open(layout.lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


class Watch:
    """Whether a run has been writing at any time since this was made: every run leaves a record or a warehouse."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._was_writing = is_writing(layout)
        self._before = self._traces()

    def saw_a_run(self) -> bool:
        """Whether one is writing now, was then, or has come and gone in between."""
        return self._was_writing or is_writing(self._layout) or self._traces() != self._before

    def _traces(self) -> list[tuple[int, int, int]]:
        traces = []
        for path in (self._layout.state / "runs.jsonl", self._layout.warehouse):
            with suppress(OSError):
                stat = path.stat()
                traces.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return traces

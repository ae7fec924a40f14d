"""A scheduler in virtual time: its clock, its machine and the flows that it starts are the test's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.support.clock import VirtualClock

from strava_stats.scheduler.child import Child
from strava_stats.scheduler.cron_log import CronLog
from strava_stats.scheduler.loop import Scheduler
from strava_stats.scheduler.memory import Memory, MemoryFile

PID = 4321
COARSE = 6 * 3600.0
FINE = 30.0
NEAR = timedelta(hours=1)


class PowerCut(BaseException):
    """The machine is off; no `except Exception` may see it."""


class EventClock(VirtualClock):
    """A virtual clock on which things happen; `elapsed` knows nothing of its being set."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.elapsed = 0.0
        self._events: list[tuple[datetime, Callable[[], object]]] = []
        self._marks: list[datetime] = []

    def at(self, instant: datetime, action: Callable[[], object]) -> None:
        """Do something when the clock first shows `instant` while somebody sleeps."""
        self._events.append((instant, action))
        self._marks.append(instant)
        self._events.sort(key=lambda event: event[0])

    def is_near_an_event(self) -> bool:
        """Whether something happens, or has happened, within the hour."""
        return any(abs(instant - self.now()) < NEAR for instant in self._marks)

    def sleep(self, seconds: float) -> None:
        """Let time pass up to the next event, or all of it."""
        until = self.now() + timedelta(seconds=seconds)
        if self._events and self._events[0][0] <= until:
            instant, action = self._events.pop(0)
            seconds = max(0.0, (instant - self.now()).total_seconds())
            self.elapsed += seconds
            super().sleep(seconds)
            try:
                action()
            finally:
                self._marks.append(self.now())
        else:
            self.elapsed += seconds
            super().sleep(seconds)


@dataclass
class Flow:
    """A flow that was started."""

    clock: EventClock
    started_at: datetime
    options: tuple[str, ...]
    ends_at: float
    code: int
    pid: int = 5000
    stubborn: bool = False
    signals: list[str] = field(default_factory=list)
    killed_at: float | None = None

    def poll(self) -> int | None:
        if self.killed_at is not None:
            return self.code
        return self.code if self.clock.elapsed >= self.ends_at else None

    def terminate(self) -> None:
        self.signals.append("TERM")
        if not self.stubborn:
            self.code, self.killed_at = 130, self.clock.elapsed

    def kill(self) -> None:
        self.signals.append("KILL")
        self.code, self.killed_at = -9, self.clock.elapsed


@dataclass
class World:
    """A home with a cron file, and the flows that were started there; `seconds` and `codes` are of flows to come."""

    home: Path
    zone: str
    clock: EventClock
    seconds: float = 20.0
    codes: list[int | OSError] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    stop_at: datetime | None = None
    stopped: bool = False
    stubborn: bool = False
    shown: list[str] = field(default_factory=list)
    scheduler: Scheduler | None = None

    @property
    def cron_file(self) -> Path:
        return self.home / "strava.cron"

    @property
    def memory(self) -> Memory:
        """What lies on the disk."""
        return MemoryFile(self.home / "state").load()

    def write(self, *lines: str) -> None:
        """Replace the cron file."""
        self.cron_file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def start(self, options: Sequence[str]) -> Child:
        """The far end of the scheduler: a flow, one at a time."""
        assert all(flow.poll() is not None for flow in self.flows), "two flows at once"
        code = self.codes.pop(0) if self.codes else 0
        if isinstance(code, OSError):
            raise code
        now = self.clock.now()
        flow = Flow(self.clock, now, tuple(options), self.clock.elapsed + self.seconds, code, stubborn=self.stubborn)
        self.flows.append(flow)
        return flow

    def reap(self, own: Child | None) -> None:
        """No orphans here."""

    def stopping(self) -> bool:
        """Asked between any two steps: a good moment to look more closely where something happens."""
        assert self.scheduler is not None
        self.scheduler.slice_seconds = FINE if self.clock.is_near_an_event() else COARSE
        return self.stopped or (self.stop_at is not None and self.clock.now() >= self.stop_at)

    def run(self, until: datetime | None = None) -> None:
        """A scheduler from its start to its clean end, or to a power cut."""
        self.stop_at, self.stopped = until, False
        if until is not None:
            self.clock.at(until, lambda: None)  # so that no sleep goes beyond
        self.scheduler = Scheduler(
            self.cron_file,
            self.zone,
            check_options=lambda _: None,
            memory_file=MemoryFile(self.home / "state"),
            runner=self,
            log=CronLog(self.home / "logs", ZoneInfo(self.zone), self.clock, self.shown.append),
            clock=self.clock,
            pid=PID,
            stopping=self.stopping,
        )
        try:
            self.scheduler.run()
        except PowerCut:
            for flow in self.flows:
                flow.killed_at = flow.killed_at or self.clock.elapsed

    def cut_power(self) -> None:
        """The machine is off from here on; for use as an event."""
        raise PowerCut

    def set_clock_and_stop_at(self, now: datetime, until: datetime) -> None:
        """Set the clock in the middle of a run, and end that run when the clock shows `until`."""

        def stop() -> None:
            self.stopped = True

        self.clock.set(now)
        self.clock.at(until, stop)

    def starts(self, *options: str) -> list[datetime]:
        """When flows with these options began."""
        return [flow.started_at for flow in self.flows if flow.options == options]

    def said(self, words: str) -> list[str]:
        """The lines of the log that hold `words`."""
        return [line for line in self.shown if words in line]


def world(home: Path, start: datetime, *lines: str, zone: str = "Europe/London") -> World:
    """A home with a cron file of these lines."""
    made = World(home, zone, EventClock(start))
    made.write(*lines)
    return made

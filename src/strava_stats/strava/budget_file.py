"""The one budget of an application, shared by all its processes through a small locked file."""

from __future__ import annotations

import fcntl
import os
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from strava_stats.clock import Clock
from strava_stats.errors import RateLimited, UsageError
from strava_stats.files import disk_errors, make_folder
from strava_stats.strava.budget import (
    Budget,
    Decision,
    Go,
    Stop,
    Wait,
    decide,
    exhaust,
    learn,
    remaining,
    spend,
)
from strava_stats.strava.budget_json import from_dict, to_dict

JITTER_SECONDS = (1.0, 5.0)
"""Past the reset, so that a clock a little ahead of Strava's and a herd of clients do no harm."""
LARGEST_FILE = 65_536


class BudgetExhausted(RateLimited):
    """No call may be made before `until`: the `day` is used up, or this keeper's `max_calls` are."""

    def __init__(self, message: str, hint: str, until: datetime, reason: Literal["day", "max_calls"]) -> None:
        super().__init__(message, hint)
        self.until = until
        self.reason = reason


class BudgetKeeper:
    """Asks before every call, counts it, and learns from every answer.

    `path` is the state file (None: memory only); a missing or broken one is a fresh budget. The cushions are calls
    left unused in a quarter hour and in a day; `max_calls` bounds the calls of this keeper. `on_wait(seconds, until)`
    is told before a wait. `calls` counts the attempts that this keeper allowed.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Clock,
        cushion_15min: int = 0,
        cushion_daily: int = 0,
        max_calls: int | None = None,
        *,
        on_wait: Callable[[float, datetime], None] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.calls = 0
        self._path = path
        self._clock = clock
        self._cushion_15min = cushion_15min
        self._cushion_daily = cushion_daily
        self._max_calls = max_calls
        self._on_wait = on_wait
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._in_memory = Budget.new()
        self._memory_lock = threading.Lock()

    def before_call(self) -> None:
        """Return when a call may be made, having counted it; waits for the next quarter hour when it must.

        Raises BudgetExhausted when the day or `max_calls` is used up, UsageError for a cushion that leaves nothing.
        """
        if self._max_calls is not None and self.calls >= self._max_calls:
            raise BudgetExhausted(
                "Stopped: the calls that --max-calls allows are made",
                "run the same command again to go on; what was fetched is kept",
                self._clock.now(),
                "max_calls",
            )
        while not isinstance(decision := self._take(), Go):
            if isinstance(decision, Stop):
                raise _day_used_up(decision.until)
            self._wait(decision)
        self.calls += 1

    def after_call(self, headers: Mapping[str, str]) -> None:
        """Learn limits, usage and clock from the headers of an answer, of whatever status."""
        with self._held() as state:
            state.budget = learn(state.budget, headers, self._clock.now())

    def after_429(self, headers: Mapping[str, str] | None = None) -> None:
        """Mark as used up what the headers show to be; without a sign there, the quarter hour."""
        with self._held() as state:
            state.budget = exhaust(state.budget, headers or {}, self._clock.now())

    def budget(self) -> Budget:
        """The shared budget as it stands, without touching the file."""
        if self._path is None:
            return self._in_memory
        try:
            return _decode(self._path.read_bytes())
        except OSError:
            return Budget.new()

    def remaining(self) -> tuple[int, int]:
        """Calls that may be made now in the quarter hour and in the day; never negative."""
        return remaining(self.budget(), self._clock.now(), self._cushion_15min, self._cushion_daily)

    def _take(self) -> Decision:
        with self._held() as state:
            now = self._clock.now()
            decision = decide(state.budget, now, self._cushion_15min, self._cushion_daily)
            if isinstance(decision, Go):
                state.budget = spend(state.budget, now)
            elif isinstance(decision, Wait):
                self._refuse_endless_wait(state.budget)
        return decision

    def _refuse_endless_wait(self, budget: Budget) -> None:
        limit = min(budget.overall_15min.limit, budget.read_15min.limit)
        if budget.learned and self._cushion_15min >= limit:
            raise UsageError(
                f"A cushion of {self._cushion_15min} leaves none of the {limit} calls of a quarter hour",
                f"give --cushion-15min a value below {limit}",
            )

    def _wait(self, decision: Wait) -> None:
        seconds = (decision.until - self._clock.now()).total_seconds() + self._rng.uniform(*JITTER_SECONDS)
        if self._on_wait is not None:
            self._on_wait(seconds, decision.until)
        self._clock.sleep(seconds)

    @contextmanager
    def _held(self) -> Iterator[_State]:
        if self._path is None:
            with self._memory_lock:
                state = _State(self._in_memory)
                yield state
                self._in_memory = state.budget
            return
        with disk_errors(self._path):
            descriptor = _open_locked(self._path)
            try:
                before = os.pread(descriptor, LARGEST_FILE, 0)
                state = _State(_decode(before))
                yield state
                after = msgspec.json.encode(to_dict(state.budget))
                if after != before:
                    written = 0
                    while written < len(after):  # a full disk may take less than all
                        written += os.pwrite(descriptor, after[written:], written)
                    os.ftruncate(descriptor, len(after))
            finally:
                os.close(descriptor)


class _State:
    """The budget while its lock is held."""

    __slots__ = ("budget",)

    def __init__(self, budget: Budget) -> None:
        self.budget = budget


def _open_locked(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o644)
    except FileNotFoundError:
        make_folder(path.parent)
        descriptor = os.open(path, flags, 0o644)
    # A network share without locks: a count may be lost, which the next answer's headers mend.
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _decode(content: bytes) -> Budget:
    try:
        return from_dict(msgspec.json.decode(content))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Budget.new()


def _day_used_up(until: datetime) -> BudgetExhausted:
    return BudgetExhausted(
        "Strava's daily API limit for this application is used up (cushion included)",
        f"run the same command again after {until:%Y-%m-%d %H:%M} UTC; what was fetched is kept",
        until,
        "day",
    )

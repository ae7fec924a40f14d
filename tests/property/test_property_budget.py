"""Processes that share a budget, beside a steady consumer that only the headers show: no call is ever refused."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from strava_stats.strava.budget import Budget, Go, Stop, decide, learn, quarter_of, spend

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
STEP = timedelta(milliseconds=50)
MOST_STEPS = 50_000


@dataclass
class FarEnd:
    """Strava's counters; before each call of ours another consumer makes `rate` calls on average, while it may."""

    limit: int
    day_limit: int
    rate: float
    owed: float = 0.0
    used: Counter[datetime] = field(default_factory=Counter)
    days: Counter[datetime] = field(default_factory=Counter)
    refused: int = 0

    def call(self, now: datetime) -> dict[str, str]:
        quarter, day = quarter_of(now), now.replace(hour=0, minute=0, second=0, microsecond=0)
        self.owed += self.rate
        foreign = min(int(self.owed), self.limit - self.used[quarter], self.day_limit - self.days[day])
        self.owed -= int(self.owed)
        self.used[quarter] += 1 + max(0, foreign)
        self.days[day] += 1 + max(0, foreign)
        self.refused += self.used[quarter] > self.limit or self.days[day] > self.day_limit
        usage, limit = f"{self.used[quarter]},{self.days[day]}", f"{self.limit},{self.day_limit}"
        return {"X-ReadRateLimit-Limit": limit, "X-RateLimit-Limit": limit, "X-RateLimit-Usage": usage}


def work_off(strava: FarEnd, processes: int, order: random.Random, quarters: int) -> Counter[datetime]:
    """Processes that call as fast as they may, in any interleaving of asking, sending and learning."""
    budget, now = Budget.new(), NOON
    answers: list[dict[str, str] | None] = [None] * processes
    asked = [False] * processes
    for _ in range(MOST_STEPS):
        one = order.randrange(processes)
        answer = answers[one]
        if answer is not None:
            budget = learn(budget, answer, now)
            answers[one] = None
        elif asked[one]:
            answers[one] = strava.call(now)
            asked[one] = False
        elif isinstance(decision := decide(budget, now), Go):
            budget = spend(budget, now)
            asked[one] = True
        elif not any(asked) and answers == [None] * processes:
            now = decision.until + timedelta(seconds=2)
            if isinstance(decision, Stop) or now - NOON > timedelta(minutes=15) * quarters:
                return strava.used
        now += STEP
    raise AssertionError("the work never ends")


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    processes=st.integers(1, 4),
    rate=st.one_of(st.sampled_from([0.5, 1.0, 2.0]), st.floats(0.3, 3.0)),
    day=st.sampled_from([250, 100_000]),
    seed=st.integers(0, 2**32),
)
def test_a_steady_consumer_costs_no_refusal(processes: int, rate: float, day: int, seed: int) -> None:
    """However the calls of up to four processes interleave, at the end of a window or of the day none is refused."""
    strava = FarEnd(100, day, rate)
    work_off(strava, processes, random.Random(seed), quarters=6)  # noqa: S311 - the seed makes it repeatable
    assert strava.refused == 0


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(processes=st.integers(1, 4), limit=st.integers(8, 60), rest=st.integers(1, 7), seed=st.integers(0, 2**32))
def test_without_another_consumer_windows_are_used_up(processes: int, limit: int, rest: int, seed: int) -> None:
    """Alone, every quarter hour and the day are used to the last call in any interleaving."""
    strava = FarEnd(limit, 3 * limit + rest, 0.0)
    used = work_off(strava, processes, random.Random(seed), quarters=6)  # noqa: S311
    assert list(used.values()) == [limit, limit, limit, rest]
    assert strava.refused == 0

"""Two processes on one budget file, and a third consumer of the application that they see through the headers alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, cycle, repeat
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.support.in_process import Connection, connection
from tests.support.simulator_adapter import SimulatorAdapter

from strava_stats.simulator import Simulator
from strava_stats.strava.budget_file import BudgetExhausted
from strava_stats.strava.client import Client

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
QUARTER, DAY = 40, 150
NEVER: tuple[int, ...] = (0,)


@dataclass
class Others:
    """Another consumer: before each call of ours it makes the next number of calls of `pattern`, while it may.

    `used` has the calls of all of us by quarter hour.
    """

    simulator: Simulator
    pattern: Iterator[int]
    used: Counter[datetime] = field(default_factory=Counter)

    def call(self) -> None:
        now = self.simulator.now()
        read = self.simulator.limits.snapshot(now)["read"]
        left = min(limit - used for limit, used in zip(read["limit"], read["usage"], strict=True))
        calls = max(0, min(next(self.pattern), left))
        self.simulator.limits.count(now, read=True, calls=calls)
        self.used[datetime.fromtimestamp(now // 900 * 900, UTC)] += calls + 1


class Beside(SimulatorAdapter):
    """The way to Strava, on which the other consumer comes first, and before it `meanwhile`."""

    def __init__(self, others: Others, meanwhile: Callable[[], None] = lambda: None) -> None:
        super().__init__(others.simulator)
        self._others = others
        self._meanwhile = meanwhile

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        self._meanwhile()
        self._others.call()
        return super().send(*args, **kwargs)


def shared(folder: Path, pattern: Iterable[int]) -> tuple[Connection, Others, list[Client]]:
    """Two clients with a budget keeper each, of one file."""
    strava = connection(folder, activities=5, overall=(2 * QUARTER, 2 * DAY), read=(QUARTER, DAY))
    strava.authorise()
    strava.simulator.calls.clear()
    others = Others(strava.simulator, iter(pattern))
    clients = [strava.client(), strava.client()]
    for client in clients:
        client._session.mount("http://", Beside(others))
    return strava, others, clients


def take_turns(clients: list[Client], order: Iterable[int]) -> datetime:
    """One call after the other until the day is used up; when the next begins."""
    for one in order:
        try:
            clients[one].athlete()
        except BudgetExhausted as stop:
            return stop.until
    raise AssertionError("the order has an end")


ORDERS: dict[str, Callable[[], Iterator[int]]] = {
    "in turns": lambda: cycle([0, 1]),
    "one more often": lambda: cycle([0, 0, 0, 1]),
    "anyhow": lambda: iter(partial(random.Random(5).randrange, 2), None),  # noqa: S311 - seeded
    "one alone": lambda: repeat(0),
}
STEADY: dict[str, tuple[int, ...]] = {
    "half": (0, 1),
    "one": (1,),
    "two": (2,),
    "three in two": (1, 2),
    "five": (5,),
    "a third": (0, 0, 1),
    "bursts": (0, 0, 0, 0, 9),
    "bursts in a row": (0, 0, 0, 4, 4),
}


@pytest.mark.parametrize("order", ORDERS)
def test_alone_every_window_is_used_to_its_limit(tmp_path: Path, order: str) -> None:
    """Without a third consumer two processes use each quarter hour, and two days, to the last call."""
    strava, others, clients = shared(tmp_path, cycle(NEVER))
    for day in (1, 2):
        until = take_turns(clients, ORDERS[order]())
        assert until == NOON.replace(hour=0) + timedelta(days=day)
        strava.clock.set(until + timedelta(seconds=2))
    assert list(others.used.values()) == [QUARTER, QUARTER, QUARTER, DAY - 3 * QUARTER] * 2
    assert set(strava.statuses()) == {200}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rate", STEADY)
def test_a_steady_consumer_costs_no_429(tmp_path: Path, rate: str, order: str) -> None:
    """Over quarter hours and two days' ends none of our calls is refused, and little is left unused."""
    strava, others, clients = shared(tmp_path, cycle(STEADY[rate]))
    for day in (1, 2):
        until = take_turns(clients, ORDERS[order]())
        assert until == NOON.replace(hour=0) + timedelta(days=day)
        strava.clock.set(until + timedelta(seconds=2))
    assert set(strava.statuses()) == {200}
    margin = 2 * max(STEADY[rate]) + 1
    in_order = list(others.used.values())
    assert min(in_order[:3]) >= QUARTER - margin
    assert sum(in_order) >= 2 * (DAY - margin)


@pytest.mark.parametrize("rate", [NEVER, *STEADY.values()])
def test_calls_on_the_way_at_once(tmp_path: Path, rate: tuple[int, ...]) -> None:
    """Also when one process calls while a call of the other is on its way none is refused; alone they use all up."""
    strava, others, clients = shared(tmp_path, cycle(rate))
    other = clients[1]

    def call_meanwhile() -> None:
        if min(other._keeper.remaining()):
            other.athlete()

    clients[0]._session.mount("http://", Beside(others, call_meanwhile))
    take_turns(clients, repeat(0))
    assert set(strava.statuses()) == {200}
    if rate == NEVER:
        assert list(others.used.values()) == [QUARTER, QUARTER, QUARTER, DAY - 3 * QUARTER]


def test_a_burst_is_forgotten_with_its_quarter_hour(tmp_path: Path) -> None:
    """One burst costs as many calls of its own window, and none of the next one nor of the day."""
    strava, others, clients = shared(tmp_path, chain([0, 0, 0, 9], repeat(0)))
    take_turns(clients, cycle([0, 1]))
    assert list(others.used.values()) == [QUARTER - 9, QUARTER, QUARTER, DAY - 3 * QUARTER + 9]
    assert set(strava.statuses()) == {200}


def test_bursts_without_a_pattern_cost_at_most_a_refusal_a_window(tmp_path: Path) -> None:
    """What nobody can foresee is refused once, and not tried again before the window ends."""
    rng = random.Random(11)  # noqa: S311 - seeded
    strava, others, clients = shared(tmp_path, iter(lambda: rng.choice([0, 0, 0, 0, 0, 1, 2, 15]), -1))
    for _ in range(3):
        strava.clock.set(take_turns(clients, cycle([0, 1])) + timedelta(seconds=2))
    refused = Counter(int(call["t"] // 900) for call in strava.simulator.calls if call["status"] == 429)
    assert set(refused.values()) <= {1}
    assert len(refused) < len(others.used) / 2


def test_a_cushion_is_room_for_others(tmp_path: Path) -> None:
    """With a cushion the third consumer finds its calls there; the margin is not left beside it."""
    strava, others, clients = shared(tmp_path, cycle([2]))
    clients[0] = strava.client(cushion_15min=10)
    clients[0]._session.mount("http://", Beside(others))
    take_turns(clients, repeat(0))
    assert set(strava.statuses()) == {200}
    assert list(others.used.values())[:3] == [QUARTER - 10] * 3

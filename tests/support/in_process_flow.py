"""Whole runs in this process: the stages with real files against a simulator, on a clock that a test moves."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from tests.support.in_process import API, Connection, connection

from strava_stats.flow import PullOptions, Run, Services, Steps, run_steps, writing
from strava_stats.lake.layout import Layout
from strava_stats.narration import Silent
from strava_stats.strava.auth import AccessTokens
from strava_stats.strava.budget_file import BudgetKeeper
from strava_stats.strava.client import Client
from strava_stats.strava.token_store import Token
from strava_stats.sync.compact import Calendar
from strava_stats.sync.plan import EnrichOptions
from strava_stats.sync.state import State

LIST, DETAIL, STREAM, ATHLETE, GEAR = "list", "details", "streams", "athlete", "gear"


@dataclass
class Household:
    """The folders of one athlete and their Strava; every run is made of fresh objects, as a new process would."""

    strava: Connection
    calendar: Calendar = field(default_factory=lambda: Calendar("monday", "Europe/London"))

    @property
    def layout(self) -> Layout:
        """Paths of the data folder."""
        return Layout(self.strava.folder / "data")

    @property
    def athlete_id(self) -> int:
        """The athlete."""
        return self.strava.simulator.world.default.id

    def run(self, steps: Steps, command: str = "flow") -> Run:
        """One command, under the lock; its error is in the result."""
        services = self._services()
        with writing(services, command) as done_before:
            return run_steps(services, command, self.strava.store.load()[self.athlete_id], steps, done_before)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What the published warehouse answers."""
        with duckdb.connect(self.layout.warehouse, read_only=True) as warehouse:
            warehouse.execute("set timezone = 'UTC'")
            return warehouse.execute(query, values).fetchall()

    def listed(self) -> list[tuple[int, datetime, str]]:
        """(id, start_date, name) of all that Strava lists, oldest first."""
        rows = self.strava.simulator.world.default.rows(self.strava.simulator.now())
        return sorted((row["id"], datetime.fromisoformat(row["start_date"]), row["name"]) for row in rows)

    def stored(self) -> list[tuple[int, datetime, str]]:
        """The same of the live activities in the warehouse."""
        rows = self.rows("select id, start_date, name from activities order by id")
        return [(one, start.astimezone(UTC), name) for one, start, name in rows]

    def calls(self) -> Counter[str]:
        """Calls so far by kind of path, OAuth left out."""
        return Counter(_kind(call["path"]) for call in self.strava.simulator.calls if "/oauth/" not in call["path"])

    def details(self) -> list[int]:
        """Ids in the order in which their details were asked for."""
        paths = [call["path"] for call in self.strava.simulator.calls]
        return [int(path.rpartition("/")[2]) for path in paths if _kind(path) == DETAIL]

    def streams(self) -> list[int]:
        """Ids in the order in which their streams were asked for."""
        paths = [call["path"] for call in self.strava.simulator.calls]
        return [int(path.split("/")[-2]) for path in paths if _kind(path) == STREAM]

    def forget_calls(self) -> None:
        """Empty the log of calls."""
        self.strava.simulator.calls.clear()

    def _services(self) -> Services:
        strava, clock = self.strava, self.strava.clock

        def keeper_for(**limits: Any) -> BudgetKeeper:
            return BudgetKeeper(self.layout.state / "budget.json", clock, rng=random.Random(2), **limits)  # noqa: S311

        def client_for(token: Token, keeper: BudgetKeeper) -> Client:
            tokens = AccessTokens(strava.store, strava.oauth(), clock, token.athlete_id)
            return Client(API, tokens, keeper, clock, strava.session(), rng=random.Random(3))  # noqa: S311 - jitter

        return Services(self.layout, State(self.layout.state), clock, Silent(), self.calendar, client_for, keeper_for)


def household(folder: Path, **options: Any) -> Household:
    """An authorised athlete whose Strava is new to us, with an empty log of calls."""
    home = Household(connection(folder, **options))
    home.strava.authorise()
    home.forget_calls()
    return home


def nightly(*, per_page: int = 200, only_changed: bool = False, days: int = 21, **options: Any) -> Steps:
    """What `flow` does by default, or with --only-changed."""
    return Steps(
        PullOptions(per_page=per_page, days=days),
        compact=True,
        enrich=EnrichOptions(days, only_changed=only_changed, **options),
    )


def backfill(per_page: int = 200) -> Steps:
    """What `flow --backfill` does."""
    return Steps(PullOptions("all", per_page=per_page), compact=True, enrich=EnrichOptions(21, all_missing=True))


def _kind(path: str) -> str:
    if path.endswith("/athlete/activities"):
        return LIST
    if path.endswith("/streams"):
        return STREAM
    if "/activities/" in path:
        return DETAIL
    return GEAR if "/gear/" in path else ATHLETE

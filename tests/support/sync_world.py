"""One athlete, their Strava and our data folder in one process: remote operations, runs of ours, and kills."""
# ruff: noqa: S311 - seeded jitter is no secret

from __future__ import annotations

import json
import random
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.far_end import FarEnd, Stage
from tests.support.in_process import API, Connection, connection
from tests.support.killing import Killed, Killer

from strava_stats.errors import Locked, NotAuthorised
from strava_stats.flow import Run, Services, Steps, run_steps, writing
from strava_stats.lake.layout import Layout
from strava_stats.narration import Silent
from strava_stats.strava.auth import AccessTokens
from strava_stats.strava.budget_file import BudgetKeeper
from strava_stats.strava.client import Client, build_session
from strava_stats.strava.token_store import Token
from strava_stats.sync.compact import Calendar
from strava_stats.sync.state import State
from strava_stats.warehouse.query import Warehouse

UNLIMITED = ((10**6, 10**7), (10**6, 10**7))
FULL = ("read", "activity:read_all", "profile:read_all")
NARROW = ("read", "activity:read", "profile:read_all")
HOUR, DAY = 3_600, 86_400


@dataclass
class World:
    """Everything on both sides; `home` holds data and secrets, as on a user's disk."""

    folder: Path
    strava: Connection
    far: FarEnd
    killer: Killer
    per_page: int = 5
    skew: float = 0.0
    scopes: tuple[str, ...] = FULL
    is_crippled: bool = False
    """A kill may have lost a rotated token: the athlete has to authorise again."""
    run_ids: dict[str, int] = field(default_factory=dict)
    _reader: Warehouse | None = None

    @property
    def layout(self) -> Layout:
        """Our data folder."""
        return Layout(self.strava.folder / "data")

    @property
    def athlete(self) -> Any:
        """The simulated athlete."""
        return self.strava.simulator.world.default

    # --- the far side ------------------------------------------------------------------------------------------------

    def create(self, seconds_ago: float = 0.0, **fields: Any) -> int:
        """Upload an activity that started so long ago, by Strava's clock."""
        simulator = self.strava.simulator
        return simulator.create(start=simulator.now() - seconds_ago, **fields)

    def summary(self, activity_id: int) -> dict[str, Any]:
        """An activity as a listing shows it now."""
        found: dict[str, Any] = json.loads(self.athlete.summary(activity_id, self.strava.simulator.now()))
        return found

    def is_visible(self, activity_id: int) -> bool:
        """Whether its own GET answers under the granted scope."""
        return bool(self.athlete.sees(activity_id, private="activity:read_all" in self.scopes))

    def listed_ids(self) -> set[int]:
        """What a full listing shows now."""
        return {one for one in self.strava.simulator.ids() if self.is_visible(one)} - self.far.hidden

    def grant(self, scopes: tuple[str, ...]) -> None:
        """Authorise (again)."""
        self.scopes = scopes
        self.strava.authorise(None, *scopes)
        self.is_crippled = False

    def advance(self, seconds: float) -> None:
        """Time goes by everywhere."""
        self.strava.clock.advance(seconds)

    def set_skew(self, seconds: float) -> None:
        """Our clock is so many seconds ahead of Strava's (behind, when negative)."""
        self.strava.clock.advance(seconds - self.skew)
        self.strava.simulator.advance(self.skew - seconds)
        self.skew = seconds

    # --- our side ----------------------------------------------------------------------------------------------------

    def services(self, steps: Steps) -> Services:
        """As the entry point builds them, with the clock of the test."""
        layout = self.layout
        stages: list[Stage] = ["pull", "enrich"] if steps.pull is not None else ["enrich"]

        def client_for(token: Token, keeper: BudgetKeeper) -> Client:
            self.far.stage = stages.pop(0)
            session = build_session(None, API)
            session.mount("http://", self.far.adapter())
            tokens = AccessTokens(self.strava.store, self.strava.oauth(), self.strava.clock, token.athlete_id)
            return Client(API, tokens, keeper, self.strava.clock, session, rng=random.Random(3))

        return Services(
            layout=layout,
            state=State(layout.state),
            clock=self.strava.clock,
            narrator=Silent(),
            calendar=Calendar("monday", "Europe/London"),
            client_for=client_for,
            keeper_for=lambda **limits: BudgetKeeper(
                layout.state / "budget.json", self.strava.clock, rng=random.Random(2), **limits
            ),
        )

    def run(
        self,
        steps: Steps,
        *,
        kill_at_call: int = 0,
        kill_at_operation: int = 0,
        torn: int = 0,
        at_calls: Mapping[int, Callable[[], object]] | None = None,
    ) -> Run | None:
        """One command under the lock; None when it was killed.

        It is killed when the answer to a call is on its way, or before a file operation; `at_calls` has something
        done right before the call with that number.
        """
        services = self.services(steps)
        self.far.begin("pull" if steps.pull is not None else "enrich")

        def on_call(number: int, path: str) -> None:
            self.killer.check()
            if at_calls is not None and number in at_calls:
                at_calls[number]()

        def on_answer(number: int, path: str) -> None:
            if number == kill_at_call:
                self.killer.kill(torn)

        self.far.on_call, self.far.on_answer = on_call, on_answer
        known = set(self._all_runs())
        try:
            with self.killer.armed(kill_at_operation or None), warnings.catch_warnings():
                if kill_at_call or kill_at_operation:  # files that a dead process had open
                    warnings.simplefilter("ignore", ResourceWarning)
                run = self._survived(services, steps)
        finally:
            self.far.on_call = self.far.on_answer = None
        if self.killer.dead:
            self.killer.bury()
            self.is_crippled = True
            run = None
        self.run_ids.update((one, self.far.run) for one in self._all_runs() if one not in known)
        if run is not None and isinstance(run.error, NotAuthorised) and self.is_crippled:
            self.grant(self.scopes)
        return run

    def _survived(self, services: Services, steps: Steps) -> Run | None:
        try:
            return self._command(services, steps)
        except Killed:
            return None

    def _command(self, services: Services, steps: Steps) -> Run:
        token = self.strava.store.load()[self.athlete.id]
        with writing(services, "flow") as done_before:
            return run_steps(services, "flow", token, steps, done_before)

    def _all_runs(self) -> list[str]:
        return [run for kind in ("activities", "activity_details") for run in self.layout.journals(kind)]

    def intrude(self) -> None:
        """A second command while one runs: it has to be refused and to change nothing."""
        before = self._standing_files() if self.far.stage == "pull" else {}
        services = self.services(Steps(compact=True))
        with pytest.raises(Locked, match="has been writing since"), writing(services, "second"):
            pass
        if before:  # later a publish may be under way in the background
            assert self._standing_files() == before

    def _standing_files(self) -> dict[str, bytes]:
        """Everything below data but half-made files."""
        data = self.layout.data_dir
        return {
            str(path.relative_to(data)): path.read_bytes()
            for path in sorted(data.rglob("*"))
            if path.is_file() and self.layout.scratch not in path.parents and not path.name.startswith(".strava")
        }

    def rows(self, query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """A question to the published file; [] when there is none."""
        if not self.layout.warehouse.exists():
            return []
        with self.reading() as warehouse:
            return warehouse.rows(query, parameters)

    @contextmanager
    def reading(self) -> Iterator[Warehouse]:
        """The published file, opened once for all questions inside."""
        if self._reader is not None:
            yield self._reader
            return
        with Warehouse(self.layout.warehouse) as warehouse:
            self._reader = warehouse
            try:
                yield warehouse
            finally:
                self._reader = None

    def lose(self, what: str) -> None:
        """A folder below data is gone."""
        shutil.rmtree(self.layout.data_dir / what, ignore_errors=True)


@contextmanager
def interposed(world: World, *, page: int, act: Callable[[], object]) -> Iterator[None]:
    """Do something on the far side right after the listing page with this number."""

    def on_page(number: int) -> None:
        if number == page:
            act()

    world.far.on_page = on_page
    try:
        yield
    finally:
        world.far.on_page = None


def new_world(
    folder: Path,
    starts_ago: Sequence[float] = (),
    *,
    per_page: int = 5,
    limits: tuple[tuple[int, int], tuple[int, int]] = UNLIMITED,
    **fields: Any,
) -> World:
    """An athlete with an activity for each of these numbers of seconds ago, who has authorised everything."""
    strava = connection(folder / "home", activities=0, overall=limits[0], read=limits[1])
    world = World(folder, strava, FarEnd(strava.simulator), Killer(folder / "home", folder / "aside"), per_page)
    for seconds in starts_ago:
        world.create(seconds, **fields)
    world.grant(FULL)
    strava.simulator.calls.clear()
    return world

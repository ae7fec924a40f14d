"""The real client, OAuth and token store against a simulator in this process, on a clock that a test moves."""
# ruff: noqa: S311 - seeded jitter is no secret

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from tests.support.clock import VirtualClock
from tests.support.simulator_adapter import SimulatorAdapter

from strava_stats.simulator import Simulator, build_simulator
from strava_stats.strava.auth import AccessTokens, OAuth
from strava_stats.strava.budget_file import BudgetKeeper
from strava_stats.strava.client import Client, build_session
from strava_stats.strava.token_store import Token, TokenStore

API = "http://strava.test/api/v3"
OAUTH = "http://strava.test/oauth"


@dataclass
class Connection:
    """An application, its athletes and their Strava; `clock` is ours, the simulator's may be set apart."""

    folder: Path
    clock: VirtualClock
    simulator: Simulator
    sleeps_before: int = 0
    retries: list[str] = field(default_factory=list)

    @property
    def store(self) -> TokenStore:
        """The token file."""
        return TokenStore(self.folder / "secrets", self.clock)

    def session(self) -> requests.Session:
        """A session whose bytes go to the simulator."""
        session = build_session(None, API)
        session.mount("http://", SimulatorAdapter(self.simulator))
        return session

    def oauth(self, client_id: str | None = None, client_secret: str | None = None) -> OAuth:
        """The OAuth endpoints, with our credentials unless others are given."""
        app = self.simulator.app
        return OAuth(
            OAUTH, client_id or app.client_id, client_secret or app.client_secret, self.session(), self.clock,
            rng=random.Random(1),
        )  # fmt: skip

    def authorise(self, athlete_id: int | None = None, *scopes: str) -> Token:
        """Through the authorise page and the exchange of its code, into the store."""
        athlete = athlete_id or self.simulator.world.default.id
        granted = scopes or ("read", "activity:read_all", "profile:read_all")
        code = self.simulator.oauth.issue_code(athlete, granted, self.simulator.now())
        token = self.oauth().exchange(code, granted)
        self.store.save(token)
        return token

    def keeper(self, **limits: Any) -> BudgetKeeper:
        """The budget in the shared file."""
        return BudgetKeeper(self.folder / "budget.json", self.clock, rng=random.Random(2), **limits)

    def client(self, athlete_id: int | None = None, oauth: OAuth | None = None, **limits: Any) -> Client:
        """A client of one athlete."""
        athlete = athlete_id or self.simulator.world.default.id
        tokens = AccessTokens(self.store, oauth or self.oauth(), self.clock, athlete)
        return Client(API, tokens, self.keeper(**limits), self.clock, self.session(), rng=random.Random(3))

    def statuses(self, path: str = "") -> list[int | None]:
        """Statuses of the logged API calls."""
        return [
            call["status"] for call in self.simulator.calls if "/oauth/" not in call["path"] and path in call["path"]
        ]


def connection(folder: Path, **options: Any) -> Connection:
    """A connection to a fresh simulator whose clock is ours."""
    clock = VirtualClock()
    given = {"seed": 5, "activities": 40, "years": 1, "until": clock.now(), **options}
    return Connection(folder, clock, build_simulator(now=lambda: clock.now().timestamp(), **given))

"""The whole flow in this process: real services as cli/context.py builds them, at a simulator without sockets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import duckdb
import requests
from tests.support.clock import VirtualClock
from tests.support.simulator_adapter import SimulatorAdapter

from strava_stats.flow import PullOptions, Run, Services, Steps, run_steps, writing
from strava_stats.lake.layout import Layout
from strava_stats.simulator import Request, Simulator
from strava_stats.strava.auth import AccessTokens, OAuth, authorize_url, parse_redirect
from strava_stats.strava.budget_file import BudgetKeeper
from strava_stats.strava.client import Client, build_session
from strava_stats.strava.token_store import Token, TokenStore
from strava_stats.sync.compact import Calendar
from strava_stats.sync.plan import EnrichOptions
from strava_stats.sync.state import State

API = "http://strava.test/api/v3"
OAUTH = "http://strava.test/oauth"
REDIRECT = "http://localhost/exchange_token"
SCOPES = ("read", "activity:read_all", "profile:read_all")
MANY = (1_000_000, 10_000_000)
WINDOW_ONLY = EnrichOptions(since_days=0)


@dataclass
class Heard:
    """A narrator that keeps what it was told."""

    lines: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, task: str, done: int, total: int | None) -> None:
        """Not kept."""

    def pause(self) -> None:
        """Nothing to take off the screen."""

    def begin(self, run_id: str, athlete_id: int | None) -> None:
        """Not kept."""

    def event(self, name: str, **fields: Any) -> None:
        """Not kept."""


class FlowBench:
    """A data folder, a token store and the services over them; athletes authorise as a browser would."""

    def __init__(
        self, folder: Path, clock: VirtualClock, simulator: Simulator, calendar: Calendar | None = None
    ) -> None:
        self.clock = clock
        self.simulator = simulator
        self.layout = Layout(folder / "data")
        self.state = State(self.layout.state)
        self.heard = Heard()
        self.store = TokenStore(folder / "secrets", clock)
        app = simulator.app
        self.oauth = OAuth(OAUTH, app.client_id, app.client_secret, self.session(OAUTH), clock)
        self.services = Services(
            layout=self.layout,
            state=self.state,
            clock=clock,
            narrator=self.heard,
            calendar=calendar or Calendar("monday", "Europe/London"),
            client_for=self.client_for,
            keeper_for=lambda **limits: BudgetKeeper(self.layout.state / "budget.json", clock, **limits),
        )

    def session(self, base_url: str) -> requests.Session:
        session = build_session(None, base_url)
        session.mount("http://", SimulatorAdapter(self.simulator))
        return session

    def client_for(self, token: Token, keeper: BudgetKeeper) -> Client:
        access = AccessTokens(self.store, self.oauth, self.clock, token.athlete_id)
        return Client(API, access, keeper, self.clock, self.session(API), rng=random.Random(1))  # noqa: S311

    def authorise(self) -> Token:
        """Open the authorise page as a browser, exchange the code of the redirect, store the token."""
        address = authorize_url(OAUTH, self.simulator.app.client_id, REDIRECT, SCOPES, "state-1")
        pairs = parse_qsl(address.partition("?")[2])
        answer = self.simulator.handle(Request("GET", "/oauth/authorize", pairs, {}))
        redirect = parse_redirect(dict(answer.headers)["Location"])
        token = self.oauth.exchange(redirect.code, redirect.scopes)
        self.store.save(token)
        return token

    def run(self, token: Token | None, steps: Steps, command: str = "flow") -> Run:
        """One run under the lock; a failure is in the result."""
        with writing(self.services, command) as done_before:
            return run_steps(self.services, command, token, steps, done_before)

    def flow(self, token: Token, pull: PullOptions | None = None, enrich: EnrichOptions = WINDOW_ONLY) -> Run:
        """Pull → compact → enrich, which has to succeed."""
        run = self.run(token, Steps(pull=pull or PullOptions(), compact=True, enrich=enrich))
        if run.error is not None:
            raise run.error
        return run

    def rebuild(self) -> Run:
        """`compact --rebuild`, which has to succeed."""
        run = self.run(None, Steps(compact=True, rebuild=True), "compact")
        if run.error is not None:
            raise run.error
        return run

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of the published warehouse, instants in UTC."""
        with closing(duckdb.connect(str(self.layout.warehouse), read_only=True)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(query, list(parameters)).fetchall()

    def table(self, name: str, order: str) -> list[dict[str, Any]]:
        """All rows of a table, as dicts."""
        with closing(duckdb.connect(str(self.layout.warehouse), read_only=True)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            cursor = connection.execute(f'select * from "{name}" order by {order}')  # noqa: S608
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def calls(self) -> list[str]:
        """Path and query of every call since the last look, OAuth left out; the log is emptied."""
        found = [
            f"{call['path']}?{urlencode(call['query'])}"
            for call in self.simulator.calls
            if not str(call["path"]).startswith("/oauth")
        ]
        self.simulator.calls.clear()
        return found


CONTENT = """
select table_name, string_agg(column_name, ',' order by column_name)
from duckdb_columns()
where
    not internal and schema_name = 'main'
    and table_name in (select table_name from duckdb_tables())
    and table_name not in ('runs', 'quarantine')
    and column_name <> 'fetched_at'
group by table_name
order by table_name
"""


def content(bench: FlowBench) -> dict[str, list[tuple[str, ...]]]:
    """Every row of every table that a rebuild has to give back, as text, in an order of its own."""
    found = {}
    for table, columns in bench.rows(CONTENT):
        shown = ", ".join(f'"{column}"::varchar' for column in columns.split(","))
        found[table] = bench.rows(f'select {shown} from "{table}" order by all')  # noqa: S608
    return found

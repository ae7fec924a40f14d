"""A simulated Strava whose clock stands still, and short ways to call it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from strava_stats.simulator import Request, Response, Simulator, build_simulator

NOON = datetime(2026, 11, 23, 12, 1, tzinfo=UTC)

Call = Callable[..., Response]


class Standing:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.time = NOON.timestamp()

    def __call__(self) -> float:
        """Epoch seconds."""
        return self.time


@pytest.fixture
def clock() -> Standing:
    """23 November 2026, 12:01 UTC."""
    return Standing()


@pytest.fixture
def simulator(clock: Standing) -> Simulator:
    """Three hundred activities in two years, generous limits."""
    return build_simulator(
        seed=7, activities=300, years=2, until=NOON, now=clock, overall=(10_000, 100_000), read=(10_000, 100_000)
    )


def caller(simulator: Simulator, *scopes: str) -> Call:
    """`get(path, **query)` with a fresh token of the given scopes."""
    token = simulator.grant(scopes)["access_token"] if scopes else simulator.grant()["access_token"]

    def get(path: str, **query: Any) -> Response:
        pairs = [(name, str(value)) for name, value in query.items()]
        return simulator.handle(Request("GET", path, pairs, {"authorization": f"Bearer {token}"}))

    return get


@pytest.fixture
def get(simulator: Simulator) -> Call:
    """A caller with the default scopes."""
    return caller(simulator)


def control(simulator: Simulator, method: str, route: str, /, **values: Any) -> Any:
    """A control call that has to succeed; the parsed answer."""
    response = simulator.handle(Request(method, f"/_control{route}", body=json.dumps(values).encode()))
    assert response.status == 200, response.body
    return response.json()


def post_form(simulator: Simulator, path: str, headers: dict[str, str] | None = None, /, **fields: str) -> Response:
    """A form post."""
    return simulator.handle(Request("POST", path, (), headers or {}, urlencode(fields).encode()))


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded Strava answers."""
    default = Path(__file__).parents[3].parent / "shared" / "strava"
    folder = Path(os.environ.get("STRAVA_SHARED", default))
    if not folder.is_dir():
        pytest.skip(f"no recorded Strava answers in {folder}; set STRAVA_SHARED")
    return folder

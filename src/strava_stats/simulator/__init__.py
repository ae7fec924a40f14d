"""A Strava of our own: the API's answers, limits, errors and faults, without the network.

Used by tests, `strava-stats simulate` and `make demo`. Imports nothing of the rest of the package, so that the client
and its counterpart cannot share a mistake. Nothing here needs a third-party package but `serve` (uvicorn).

    simulator = build_simulator(seed=1, activities=400)
    token = simulator.grant()["access_token"]
    simulator.handle(Request("GET", "/api/v3/athlete", headers={"Authorization": f"Bearer {token}"}))
"""

from strava_stats.simulator.app import ServedSimulator, serve
from strava_stats.simulator.build import build_simulator
from strava_stats.simulator.core import Simulator
from strava_stats.simulator.faults import Fault
from strava_stats.simulator.messages import DroppedConnection, HangingConnection, Request, Response
from strava_stats.simulator.modes import Modes
from strava_stats.simulator.oauth import Application

__all__ = [
    "Application",
    "DroppedConnection",
    "Fault",
    "HangingConnection",
    "Modes",
    "Request",
    "Response",
    "ServedSimulator",
    "Simulator",
    "build_simulator",
    "serve",
]

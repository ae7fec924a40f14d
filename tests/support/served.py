"""A simulated Strava on a loopback port, and short ways to look at what it was asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from strava_stats.simulator import ServedSimulator, Simulator, build_simulator

UNLIMITED = (1_000_000, 10_000_000)
SETTLED_DAYS = 5
"""Kudos of simulated activities grow for three days; the newest ones are older than that."""
UNTIL = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=SETTLED_DAYS)


@dataclass(frozen=True)
class Strava:
    """A served simulator; `simulator` may be used directly, from this process."""

    simulator: Simulator
    served: ServedSimulator

    @property
    def env(self) -> dict[str, str]:
        """The settings that lead here."""
        return {
            "STRAVA_API_BASE_URL": self.served.api_base_url,
            "STRAVA_OAUTH_BASE_URL": self.served.oauth_base_url,
            "STRAVA_CLIENT_ID": self.simulator.app.client_id,
            "STRAVA_CLIENT_SECRET": self.simulator.app.client_secret,
        }

    @property
    def ids(self) -> list[int]:
        """Live activities of the first athlete, newest first."""
        return self.simulator.ids()[::-1]

    def forget_calls(self) -> None:
        """Begin the call log anew."""
        self.simulator.calls.clear()

    def calls(self, kind: str) -> list[dict[str, Any]]:
        """Logged calls of a kind: list, detail, oauth, profile."""
        return [call for call in self.simulator.calls if kind_of(call) == kind]

    def details(self) -> list[int]:
        """Ids whose details were asked for, in order."""
        return [int(call["path"].rsplit("/", 1)[1]) for call in self.calls("detail")]

    def listings(self) -> list[dict[str, Any]]:
        """Queries of the listing calls, in order."""
        return [call["query"] for call in self.calls("list")]

    def summary(self, activity_id: int) -> dict[str, Any]:
        """An activity as the listing shows it now."""
        value: dict[str, Any] = json.loads(self.summary_bytes(activity_id))
        return value

    def summary_bytes(self, activity_id: int) -> bytes:
        """An activity as the listing sends it now."""
        return bytes(self.simulator.world.owner(activity_id).summary(activity_id, self.simulator.now()))

    def detail_bytes(self, activity_id: int) -> bytes:
        """Details as they are sent now."""
        return bytes(self.simulator.world.owner(activity_id).detail(activity_id, self.simulator.now()))


def kind_of(call: dict[str, Any]) -> str:
    """What a logged call is about."""
    path = str(call["path"]).removeprefix("/api/v3")
    if path == "/athlete/activities":
        return "list"
    if path.startswith("/activities/"):
        return "detail"
    if path.startswith("/oauth/"):
        return "oauth"
    return "profile"


def settled_simulator(activities: int = 60, years: float = 0.5, **options: Any) -> Simulator:
    """A simulator whose activities change only when a test says so; `years` back from five days ago."""
    limits = {"overall": UNLIMITED, "read": UNLIMITED}
    return build_simulator(**{"seed": 3, "activities": activities, "years": years, "until": UNTIL, **limits, **options})

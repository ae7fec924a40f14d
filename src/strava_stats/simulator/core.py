"""The simulated Strava: `Simulator.handle(Request) -> Response`, synchronous, thread-safe, without sockets or sleeps.

A call goes: control API, or else fault rules → OAuth, or else rate counters → bearer → limits → application status →
endpoint → rate headers; at last the fault that spoils a finished answer. Every call but control is logged.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from threading import RLock
from typing import Any

from strava_stats.simulator import operations
from strava_stats.simulator.control import handle_control
from strava_stats.simulator.endpoints import Endpoints
from strava_stats.simulator.faults import Fault, FaultBook
from strava_stats.simulator.limits import RateLimiter
from strava_stats.simulator.messages import (
    DroppedConnection,
    HangingConnection,
    Json,
    Request,
    Response,
    error_response,
)
from strava_stats.simulator.modes import Modes
from strava_stats.simulator.oauth import Application, OAuthServer
from strava_stats.simulator.profile import summary_athlete
from strava_stats.simulator.source import Source
from strava_stats.simulator.world import World

API_PREFIX = "/api/v3"
CONTROL_PREFIX = "/_control/"
DEFAULT_SCOPES = ("read", "activity:read_all", "profile:read_all")


class Simulator:
    """One Strava with one API application.

    `now` gives epoch seconds; nothing else tells the time. Attributes that tests may use directly: `modes`, `faults`,
    `limits`, `oauth`, `world`, `calls` (the log: dicts `t, method, path, query, status, fault`); `status` is None for a
    call that got no answer.
    """

    def __init__(
        self,
        now: Callable[[], float],
        sources: list[Source],
        *,
        app: Application | None = None,
        overall: tuple[int, int] = (200, 2000),
        read: tuple[int, int] = (100, 1000),
        modes: Modes | None = None,
        seed: int = 0,
    ) -> None:
        self._real_now = now
        self._offset = 0.0
        self._lock = RLock()
        self.modes = modes or Modes()
        self.faults = FaultBook()
        self.limits = RateLimiter(overall, read)
        self.world = World(sources)
        self.app = app or Application()
        self.oauth = OAuthServer(self.app, self.modes, self._profile, seed)
        self.calls: list[dict[str, Json]] = []
        self._endpoints = Endpoints(self.world, self.modes)

    # --- the clock -------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Epoch seconds on the simulator's clock."""
        return self._real_now() + self._offset

    def set_clock(self, to: float) -> None:
        """Set the clock; it goes on from there at the pace of `now`."""
        self._offset = to - self._real_now()

    def advance(self, seconds: float) -> None:
        """Put the clock forward (or back)."""
        self._offset += seconds

    # --- calls -----------------------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        """Answer one call. Raises DroppedConnection or HangingConnection where a fault says so."""
        with self._lock:
            if request.path.startswith(CONTROL_PREFIX):
                return _finished(handle_control(self, request), self.now())
            return self._handle_logged(request)

    def _handle_logged(self, request: Request) -> Response:
        now = self.now()
        fault = self.faults.take(request, _plain_path(request.path))
        entry: dict[str, Json] = {"t": now, "method": request.method, "path": request.path}
        entry |= {"query": dict(request.query), "status": None, "fault": fault.action if fault else None}
        self.calls.append(entry)
        response = self._answer(request, fault, now)
        entry["status"] = response.status
        return response

    def _answer(self, request: Request, fault: Fault | None, now: float) -> Response:
        path = _plain_path(request.path)
        if path.startswith("/oauth/"):
            response = self._answer_oauth(request, path, fault, now)
        else:
            response = self._answer_api(request, path, fault, now)
        response = _finished(response, now)
        return fault.spoil(response) if fault and fault.action not in ("status", "body") else response

    def _answer_oauth(self, request: Request, path: str, fault: Fault | None, now: float) -> Response:
        if fault is not None and not fault.runs_handler:
            return fault.own_response()
        response = self._oauth_endpoint(request, path, now)
        return fault.own_response() if fault and fault.action in ("status", "body") else response

    def _oauth_endpoint(self, request: Request, path: str, now: float) -> Response:
        match request.method, path:
            case "GET", "/oauth/authorize":
                return self.oauth.authorize(request, now, self.modes.login or self.world.default.id)
            case "POST", "/oauth/token":
                return self.oauth.token(request, now)
            case "POST", "/oauth/revoke":
                return self.oauth.revoke(request)
        return self._endpoints.not_found()

    def _answer_api(self, request: Request, path: str, fault: Fault | None, now: float) -> Response:
        is_counted = fault is None or fault.counts
        if is_counted:
            self.limits.count(now, read=request.method == "GET")
        if fault is not None and not fault.runs_handler:
            response = fault.own_response()
        else:
            response = self._api_endpoint(request, path, now)
            if fault and fault.action in ("status", "body"):
                response = fault.own_response()
        headers = self._rate_headers(path) if is_counted else []
        if self.modes.other_calls:
            self.limits.count(now, read=True, calls=self.modes.other_calls)
        return Response(response.status, [*response.headers, *headers], response.body)

    def _api_endpoint(self, request: Request, path: str, now: float) -> Response:
        access = self.oauth.bearer(request, now)
        if access is None:
            return error_response(401, "Athlete", "access_token", "invalid")
        if exceeded := self.limits.exceeded():
            return error_response(429, "Application", self.modes.rate_limit_field or exceeded, "exceeded")
        if not self.modes.app_active:
            return error_response(403, "Application", "Status", "Inactive")
        return self._endpoints.answer(request, path, access, now)

    def _rate_headers(self, path: str) -> list[tuple[str, str]]:
        if path.endswith("/streams"):  # none since August 2025
            return []
        return self.limits.headers(self.modes.rate_headers, self.modes.rate_header_case)

    def _profile(self, athlete_id: int) -> Json:
        return summary_athlete(self.world.athletes[athlete_id])

    # --- for tests and the demo ------------------------------------------------------------------------------------

    def grant(self, scopes: tuple[str, ...] = DEFAULT_SCOPES, athlete_id: int | None = None) -> dict[str, Json]:
        """Authorise without a browser: the body of a token exchange (access_token, refresh_token, expires_at …)."""
        with self._lock:
            return self.oauth.grant(athlete_id or self.world.default.id, scopes, self.now())

    def add_fault(self, action: str, **fields: Any) -> Fault:
        """Put a fault rule into force; see `Fault` for the fields."""
        with self._lock:
            return self.faults.add(Fault.from_json({"action": action, **fields}))

    def create(self, **fields: Json) -> int:
        """Upload a new activity (see `operations.create`); returns its id."""
        with self._lock:
            return operations.create(self, fields)

    def edit(self, activity_id: int, **fields: Json) -> None:
        """Change keys of an activity."""
        with self._lock:
            self.world.owner(activity_id).edit(activity_id, fields)

    def add_kudos(self, activity_id: int, count: int = 1) -> None:
        """Give kudos."""
        with self._lock:
            self.world.owner(activity_id).change(activity_id).kudos += count

    def make_private(self, activity_id: int) -> None:
        """Set the visibility to Only You."""
        self.edit(activity_id, visibility="only_me")

    def make_public(self, activity_id: int) -> None:
        """Set the visibility to Everyone."""
        self.edit(activity_id, visibility="everyone")

    def delete(self, activity_id: int) -> None:
        """Delete an activity."""
        with self._lock:
            self.world.owner(activity_id).delete(activity_id)

    def restore(self, activity_id: int) -> None:
        """Bring a deleted activity back."""
        with self._lock:
            self.world.owner(activity_id).restore(activity_id)

    def poison(self, activity_id: int, poisoned: bool = True) -> None:
        """Let the detail of an activity answer 500 until further notice."""
        with self._lock:
            self.world.owner(activity_id).change(activity_id).poisoned = poisoned

    def set_raw(self, activity_id: int, summary: bytes | None = None, detail: bytes | None = None) -> None:
        """Serve arbitrary bytes as an activity's listing element or detail; None serves the real one again."""
        with self._lock:
            change = self.world.owner(activity_id).change(activity_id)
            change.raw_summary, change.raw_detail = summary, detail

    def ids(self, athlete_id: int | None = None) -> list[int]:
        """Ids of an athlete's live activities, oldest first."""
        with self._lock:
            athlete = self.world.athletes[athlete_id] if athlete_id else self.world.default
            return athlete.live_ids()


def _plain_path(path: str) -> str:
    path = path.removeprefix(API_PREFIX) if path.startswith(API_PREFIX + "/") else path
    return path.rstrip("/") or "/"


def _finished(response: Response, now: float) -> Response:
    own = [("Date", formatdate(now, usegmt=True)), ("Content-Length", str(len(response.body)))]
    return Response(response.status, [*response.headers, *own], response.body, response.delay)


__all__ = ["DroppedConnection", "HangingConnection", "Request", "Response", "Simulator"]

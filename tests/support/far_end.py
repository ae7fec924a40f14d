"""The simulated Strava as one run sees it: each call passes a tap, where a test watches, meddles, or kills the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from tests.support.simulator_adapter import SimulatorAdapter

from strava_stats.simulator import Request, Response, Simulator
from strava_stats.simulator.messages import encode_json

Stage = Literal["pull", "enrich"]
LISTING = "/athlete/activities"


@dataclass(frozen=True)
class Seen:
    """One answered call about activities: a listed one (with its summary), a detail or streams (with its status)."""

    run: int
    stage: Stage
    kind: Literal["listed", "detail", "streams"]
    activity_id: int
    status: int
    injected: bool
    summary: dict[str, Any] = field(default_factory=dict)


@dataclass
class FarEnd:
    """What stands where `Simulator` stands behind an adapter.

    `hidden` activities are left out of listings while their own GET answers: Strava filters after paging. `on_call` is
    told (number of the API call in this run, path) before each call, `on_answer` (number of the listing call in this
    run) after each listing page.
    """

    simulator: Simulator
    hidden: set[int] = field(default_factory=set)
    seen: list[Seen] = field(default_factory=list)
    run: int = 0
    stage: Stage = "pull"
    calls: int = 0
    pages: int = 0
    on_call: Callable[[int, str], None] | None = None
    on_page: Callable[[int], None] | None = None
    on_answer: Callable[[int, str], None] | None = None

    def begin(self, stage: Stage) -> None:
        """A new run, whose calls are counted from one."""
        self.run += 1
        self.stage, self.calls, self.pages = stage, 0, 0

    def adapter(self) -> SimulatorAdapter:
        """A transport that ends here."""
        return SimulatorAdapter(cast("Simulator", self))

    def handle(self, request: Request) -> Response:
        """Answer one call, as `Simulator.handle` does."""
        path = request.path.removeprefix("/api/v3")
        if path.startswith("/oauth/"):
            return self.simulator.handle(request)
        self.calls += 1
        number = self.calls
        if self.on_call is not None:
            self.on_call(number, path)
        try:
            response = self._answer(request, path)
        finally:
            if self.on_answer is not None:
                self.on_answer(number, path)
        return response

    def _answer(self, request: Request, path: str) -> Response:
        response = self.simulator.handle(request)
        injected = self.simulator.calls[-1]["fault"] is not None
        if path == LISTING:
            response = self._listing(response, injected)
            self.pages += 1
            if self.on_page is not None:
                self.on_page(self.pages)
        elif path.startswith("/activities/"):
            kind: Literal["detail", "streams"] = "streams" if path.endswith("/streams") else "detail"
            one = int(path.split("/")[2])
            self.seen.append(Seen(self.run, self.stage, kind, one, response.status, injected))
        return response

    def _listing(self, response: Response, injected: bool) -> Response:
        bodies = _array(response)
        if bodies is None:
            return response
        shown = [body for body in bodies if body["id"] not in self.hidden]
        self.seen += [
            Seen(self.run, self.stage, "listed", body["id"], response.status, injected, body) for body in shown
        ]
        if len(shown) == len(bodies):
            return response
        content = encode_json(shown)
        headers = [(k, str(len(content)) if k == "Content-Length" else v) for k, v in response.headers]
        return Response(response.status, headers, content, response.delay)


def _array(response: Response) -> list[dict[str, Any]] | None:
    """The activities of a page, None when it is spoilt."""
    if response.status != 200:
        return None
    try:
        bodies = json.loads(response.body)
    except ValueError:
        return None
    return bodies if isinstance(bodies, list) and all(isinstance(body, dict) for body in bodies) else None

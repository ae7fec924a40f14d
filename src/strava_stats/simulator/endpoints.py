"""The API's endpoints: what each answers to a caller whose token and budget have been checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from strava_stats.simulator.messages import (
    JSON_TYPE,
    Json,
    Request,
    Response,
    error_response,
    json_response,
)
from strava_stats.simulator.modes import Modes
from strava_stats.simulator.oauth import Access
from strava_stats.simulator.profile import athlete_stats, athlete_zones, detailed_athlete, summary_athlete
from strava_stats.simulator.world import Athlete, World

DEFAULT_PER_PAGE = 30
MAX_PER_PAGE = 200


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose token and budget have been checked; `key` is the id in its path, if it has one."""

    request: Request
    access: Access
    athlete: Athlete
    key: str
    now: float

    @property
    def reads_activities(self) -> bool:
        """Whether any activity scope was granted."""
        return not self.access.scopes.isdisjoint({"activity:read", "activity:read_all"})

    @property
    def reads_private(self) -> bool:
        """Whether Only-You activities are seen."""
        return "activity:read_all" in self.access.scopes

    @property
    def reads_profile(self) -> bool:
        """Whether the whole profile was granted."""
        return "profile:read_all" in self.access.scopes


class Endpoints:
    """Routes and handlers; all are GET."""

    def __init__(self, world: World, modes: Modes) -> None:
        self._world = world
        self._modes = modes
        self._listings = 0

    def answer(self, request: Request, path: str, access: Access, now: float) -> Response:
        """Dispatch by path (without `/api/v3`); unknown paths and methods are 404."""
        athlete = self._world.athletes[access.athlete_id]
        if request.method == "GET":
            for pattern, handler in _ROUTES:
                if found := pattern.fullmatch(path):
                    return handler(self, Call(request, access, athlete, found[1] if pattern.groups else "", now))
        return self.not_found()

    def not_found(self) -> Response:
        """404, with Strava's body or an empty one."""
        if self._modes.not_found == "empty":
            return Response(404, [("Content-Type", JSON_TYPE)], b"")
        return error_response(404)

    def activities(self, call: Call) -> Response:
        """A page of the listing: the bytes of its activities, joined."""
        if not call.reads_activities:
            return error_response(401, "AccessToken", "activity:read_permission", "missing")
        try:
            after, before, page, size = self._listing_params(call.request)
        except ValueError as error:
            return error_response(400, "Application", str(error), "invalid")
        if after is not None and after > call.now:
            return error_response(400, "Application", "after", "future")
        span = call.athlete.window(
            after, before, inclusive=self._modes.bounds == "inclusive", private=call.reads_private
        )
        ids = span.page(page, size, newest_first=after is None or before is not None)
        if self._modes.short_pages:
            ids = [activity_id for activity_id in ids if activity_id % self._modes.short_pages]
        rows = (call.athlete.summary(activity_id, call.now) for activity_id in ids)
        body = b"[" + b",".join(self._flickering(rows)) + b"]"
        return Response(200, [("Content-Type", JSON_TYPE)], body)

    def _listing_params(self, request: Request) -> tuple[int | None, int | None, int, int]:
        after, before, page, size = (_int_param(request, name) for name in ("after", "before", "page", "per_page"))
        size = DEFAULT_PER_PAGE if size is None else size
        if not 1 <= size <= MAX_PER_PAGE:
            if self._modes.per_page_over == "error":
                raise ValueError("per_page")
            size = MAX_PER_PAGE if size > MAX_PER_PAGE else DEFAULT_PER_PAGE
        return after, before, max(page or 1, 1), size

    def _flickering(self, rows: Iterable[bytes]) -> Iterable[bytes]:
        if not self._modes.athlete_count_flicker:
            return rows
        self._listings += 1
        count = b'"athlete_count":%d' % (1 + self._listings % 7)
        return (re.sub(rb'"athlete_count":\d+', count, row, count=1) for row in rows)

    def activity(self, call: Call) -> Response:
        """A detail; a poisoned one is 500 for ever."""
        refused = self._refused(call)
        if refused is not None:
            return refused
        if call.athlete.is_poisoned(int(call.key)):
            return json_response(500, {"message": "error"})
        return Response(200, [("Content-Type", JSON_TYPE)], call.athlete.detail(int(call.key), call.now))

    def streams(self, call: Call) -> Response:
        """Samples: the `keys` asked for and always `distance`; keyed by type or, without key_by_type, an array."""
        refused = self._refused(call)
        if refused is not None:
            return refused
        samples = call.athlete.streams(int(call.key))
        asked = {"distance", *(call.request.param("keys") or "").split(",")}
        keyed = {name: _stream(data) for name, data in samples.items() if name in asked}
        if not keyed:
            return self.not_found()
        if call.request.param("key_by_type") == "true":
            return json_response(200, keyed)
        return json_response(200, [{"type": name} | stream for name, stream in keyed.items()])

    def _refused(self, call: Call) -> Response | None:
        if not call.reads_activities:
            return error_response(401, "AccessToken", "activity:read_permission", "missing")
        if not call.athlete.sees(int(call.key), private=call.reads_private):
            return self.not_found()
        return None

    def athlete(self, call: Call) -> Response:
        """The athlete, in detail with profile:read_all only."""
        return json_response(200, (detailed_athlete if call.reads_profile else summary_athlete)(call.athlete))

    def stats(self, call: Call) -> Response:
        """Totals, of the caller only."""
        if int(call.key) != call.athlete.id:
            return error_response(403)
        return json_response(200, athlete_stats(call.athlete, call.now))

    def zones(self, call: Call) -> Response:
        """Heart-rate zones; need profile:read_all."""
        if not call.reads_profile:
            return error_response(401, "AccessToken", "profile:read_permission", "missing")
        return json_response(200, athlete_zones())

    def gear(self, call: Call) -> Response:
        """A bike or a pair of shoes of the caller."""
        gear = call.athlete.gear(call.key)
        return json_response(200, gear) if gear else self.not_found()


_ROUTES: list[tuple[re.Pattern[str], Callable[[Endpoints, Call], Response]]] = [
    (re.compile(r"/athlete/activities"), Endpoints.activities),
    (re.compile(r"/activities/(\d{1,19})"), Endpoints.activity),
    (re.compile(r"/activities/(\d{1,19})/streams"), Endpoints.streams),
    (re.compile(r"/athlete"), Endpoints.athlete),
    (re.compile(r"/athletes/(\d{1,19})/stats"), Endpoints.stats),
    (re.compile(r"/athlete/zones"), Endpoints.zones),
    (re.compile(r"/gear/([bg]\w+)"), Endpoints.gear),
]


def _int_param(request: Request, name: str) -> int | None:
    text = request.param(name)
    if text is None or text == "":
        return None
    try:
        return int(text)
    except ValueError:
        raise ValueError(name) from None


def _stream(data: list[Json]) -> dict[str, Json]:
    return {"data": data, "series_type": "distance", "original_size": len(data), "resolution": "high"}

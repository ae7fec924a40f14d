"""The API client: one method an endpoint; returns what Strava sent, or raises an error with its cure.

Every attempt asks the budget first, and every answer teaches it. Outages are tried six times with back-off; a
rejected access token is refreshed once; a 429 waits for the next quarter hour.
"""

from __future__ import annotations

import random
from typing import Protocol
from urllib.parse import quote, urlencode

import requests

from strava_stats.clock import Clock
from strava_stats.errors import NotAuthorised
from strava_stats.strava.answers import AUTH_AGAIN, Answer, Outage, Verdict, judge
from strava_stats.strava.backoff import Backoff, OnRetry
from strava_stats.strava.budget_file import BudgetKeeper
from strava_stats.strava.transport import Bearer, build_session, prepare, send

__all__ = ["Answer", "Client", "TokenSource", "build_session"]

STREAM_TYPES = (
    "time",
    "distance",
    "latlng",
    "altitude",
    "velocity_smooth",
    "heartrate",
    "cadence",
    "watts",
    "temp",
    "moving",
    "grade_smooth",
)


class TokenSource(Protocol):
    """Where access tokens come from; `auth.AccessTokens` is one."""

    def access_token(self) -> str:
        """An access token that should be valid."""

    def refresh_rejected(self, token: str) -> str:
        """Another access token, because the server rejected `token`."""


class Client:
    """The API of one athlete.

    All methods return an `Answer`: status 200, 402, or 404 where one resource is named; `activity` and `streams` also
    500. They raise StravaUnreachable, NotAuthorised, ScopeMissing, ApplicationInactive, ConfigurationError or
    BudgetExhausted.
    A 200 body begins as JSON; whether it is whole JSON is for the caller to find out.
    """

    def __init__(
        self,
        api_base_url: str,
        tokens: TokenSource,
        keeper: BudgetKeeper,
        clock: Clock,
        session: requests.Session | None = None,
        *,
        connect_timeout: float = 10.0,
        read_timeout: float = 60.0,
        rng: random.Random | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        base_url = api_base_url.rstrip("/")
        self._tokens = tokens
        self._keeper = keeper
        self._clock = clock
        self._session = session if session is not None else build_session(None, base_url)
        self._timeout = (connect_timeout, read_timeout)
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._on_retry = on_retry
        self._template = prepare("GET", base_url, "STRAVA_API_BASE_URL")
        self._base_url = (self._template.url or base_url).rstrip("/")
        self.received = 0  # bytes of all answers, as they came out of their transfer encoding

    def list_activities(self, after: int | None, before: int | None, page: int, per_page: int) -> Answer:
        """GET /athlete/activities: an array of summaries; `after` and `before` in epoch seconds, `page` from 1.

        Whether the bounds are inclusive and how the page is ordered is unknown (API.md §4).
        """
        bounds = {name: value for name, value in (("after", after), ("before", before)) if value is not None}
        return self._get(f"/athlete/activities?{urlencode(bounds | {'page': page, 'per_page': per_page})}")

    def activity(self, activity_id: int, include_all_efforts: bool = True) -> Answer:
        """GET /activities/{id}: the details. A 500 that comes twice is returned: it can be for good (API.md §2)."""
        flag = "true" if include_all_efforts else "false"
        path = f"/activities/{activity_id}?include_all_efforts={flag}"
        return self._get(path, may_be_absent=True, may_be_broken=True)

    def streams(self, activity_id: int) -> Answer:
        """GET /activities/{id}/streams: all samples, an object by type; 404 when there are none (API.md §6).

        A 500 that comes twice is returned, as by `activity`. The answer carries no rate headers: it is counted here.
        """
        path = f"/activities/{activity_id}/streams?keys={','.join(STREAM_TYPES)}&key_by_type=true"
        return self._get(path, may_be_absent=True, may_be_broken=True)

    def athlete(self) -> Answer:
        """GET /athlete: the athlete whose token it is, with bikes and shoes."""
        return self._get("/athlete")

    def gear(self, gear_id: str) -> Answer:
        """GET /gear/{id}."""
        return self._get(f"/gear/{quote(gear_id, safe='')}", may_be_absent=True)

    def athlete_stats(self, athlete_id: int) -> Answer:
        """GET /athletes/{id}/stats: totals over public activities."""
        return self._get(f"/athletes/{athlete_id}/stats", may_be_absent=True)

    def close(self) -> None:
        """Give back the connections."""
        self._session.close()

    def _get(self, path: str, *, may_be_absent: bool = False, may_be_broken: bool = False) -> Answer:
        backoff = Backoff(self._clock, self._rng, self._on_retry)
        self._tokens.access_token()  # without a token no call is counted
        replacement: str | None = None
        rejected = broken = False
        while True:
            self._keeper.before_call()
            # Asked for again, because the budget may have let hours pass.
            token = replacement or self._tokens.access_token()
            replacement = None
            reply = self._attempt(path, token)
            if isinstance(reply, Outage):
                backoff.pause(reply)
                continue
            verdict = judge(reply, may_be_absent=may_be_absent, may_be_broken=may_be_broken)
            if isinstance(verdict, Outage):
                backoff.pause(verdict)
            elif verdict is Verdict.GIVE or (verdict is Verdict.BROKEN and broken):
                return reply
            elif verdict is Verdict.BROKEN:
                broken = True
                backoff.pause(Outage("status 500"))
            elif verdict is Verdict.LIMITED:
                self._keeper.after_429(reply.headers)
            elif rejected:
                raise NotAuthorised("Strava rejects a freshly issued access token", AUTH_AGAIN)
            else:
                rejected = True
                replacement = self._tokens.refresh_rejected(token)

    def _attempt(self, path: str, token: str) -> Answer | Outage:
        request = self._template.copy()
        request.url = self._base_url + path
        request.prepare_auth(Bearer(token))
        reply = send(self._session, request, self._timeout)
        self._keeper.after_call(reply.headers if isinstance(reply, Answer) else {})
        self.received += len(reply.body) if isinstance(reply, Answer) else 0
        return reply

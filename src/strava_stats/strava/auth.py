"""OAuth: exchange of a code, refresh, revoke. Its calls carry no rate headers and do not count (API.md §1).

No token, code or client secret is part of any repr or message.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
import requests
from requests.auth import HTTPBasicAuth

from strava_stats.clock import Clock
from strava_stats.errors import NotAuthorised, RateLimited, StravaUnreachable
from strava_stats.strava.access_tokens import AccessTokens, DeadRefreshToken, Refreshed
from strava_stats.strava.answers import (
    AUTH_AGAIN,
    CHECK_NETWORK,
    Answer,
    Outage,
    Problem,
    begins_as_json,
    problems,
    refusal,
)
from strava_stats.strava.backoff import Backoff, OnRetry
from strava_stats.strava.redirect import Redirect, authorize_url, parse_redirect, split_scopes
from strava_stats.strava.token_store import Token, is_secret
from strava_stats.strava.transport import prepare, send

__all__ = ["AccessTokens", "DeadRefreshToken", "OAuth", "Redirect", "Refreshed", "authorize_url", "parse_redirect"]

FRESH_CODE_DELAYS = (1.0, 1.5, 2.5)
"""A fresh code can be rejected for about 2 s, then is accepted (API.md §1)."""
CHECK_OAUTH_URL = "check STRAVA_OAUTH_BASE_URL and any proxy or sign-in page on the way"
TIMEOUT = (10.0, 60.0)


@dataclass(frozen=True, slots=True)
class _Fields:
    """What every token answer holds."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: int
    expires_in: int
    scopes: tuple[str, ...] | None


class OAuth:
    """The OAuth endpoints of one application; outages are tried six times, then StravaUnreachable."""

    def __init__(
        self,
        oauth_base_url: str,
        client_id: str,
        client_secret: str,
        session: requests.Session,
        clock: Clock,
        *,
        on_retry: OnRetry | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.client_id = client_id
        self._base_url = oauth_base_url.rstrip("/")
        self._client_secret = client_secret
        self._session = session
        self._clock = clock
        self._on_retry = on_retry
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret

    def __repr__(self) -> str:
        return f"OAuth({self._base_url!r}, client_id={self.client_id!r})"

    def exchange(self, code: str, redirect_scopes: tuple[str, ...] | None = None) -> Token:
        """Turn a single-use code into the athlete's token; not stored yet.

        The scopes are the answer's, else those of the redirect, else None (not known). Raises NotAuthorised for a
        bad code or wrong application credentials.
        """
        answer = self._exchange(code)
        value, fields = self._read(answer)
        athlete = value["athlete"] if isinstance(value.get("athlete"), dict) else {}
        athlete_id = athlete.get("id")
        if type(athlete_id) is not int or fields.refresh_token is None:
            raise _odd_answer("athlete.id or refresh_token")
        return Token(
            athlete_id=athlete_id,
            access_token=fields.access_token,
            refresh_token=fields.refresh_token,
            expires_at=fields.expires_at,
            scopes=fields.scopes or redirect_scopes,
            client_id=self.client_id,
            obtained_at=int(self._clock.now().timestamp()),
            name=_name_of(athlete),
        )

    def refresh(self, refresh_token: str) -> Refreshed:
        """New tokens for a refresh token, which may be dead from now on: store the new one before using any.

        Raises DeadRefreshToken, or NotAuthorised for wrong application credentials.
        """
        answer = self._post("/token", self._grant("refresh_token", refresh_token=refresh_token))
        if answer.status != HTTPStatus.OK:
            raise self._refused(answer)
        _, fields = self._read(answer)
        return Refreshed(
            fields.access_token,
            fields.refresh_token or refresh_token,
            fields.expires_at,
            fields.expires_in,
            fields.scopes,
        )

    def revoke(self, token: str) -> None:
        """End the grant that `token` (refresh or access) belongs to; an unknown token is no error."""
        basic = HTTPBasicAuth(self.client_id.encode(), self._client_secret.encode())
        answer = self._post("/revoke", {"token": token}, basic)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise _wrong_secret()
        if answer.status != HTTPStatus.OK:
            raise self._refused(answer)

    def _exchange(self, code: str) -> Answer:
        form = self._grant("authorization_code", code=code)
        for delay in (*FRESH_CODE_DELAYS, None):
            answer = self._post("/token", form)
            if answer.status == HTTPStatus.OK:
                return answer
            rejected = any(problem.field.lower() == "code" for problem in problems(answer.body))
            if delay is None or not rejected:
                break
            self._clock.sleep(delay)
        raise self._refused(answer)

    def _grant(self, grant_type: str, **parts: str) -> dict[str, str]:
        return {"client_id": self.client_id, "client_secret": self._client_secret, "grant_type": grant_type, **parts}

    def _post(self, path: str, form: dict[str, str], auth: HTTPBasicAuth | None = None) -> Answer:
        backoff = Backoff(self._clock, self._rng, self._on_retry)
        request = prepare("POST", self._base_url + path, "STRAVA_OAUTH_BASE_URL", data=form, auth=auth)
        while True:
            reply = send(self._session, request, TIMEOUT)
            outage = reply if isinstance(reply, Outage) else _outage(reply, path)
            if isinstance(reply, Answer) and outage is None:
                return reply
            backoff.pause(outage or Outage("no answer"))

    def _read(self, answer: Answer) -> tuple[dict[str, Any], _Fields]:
        try:
            value = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _odd_answer("whole JSON") from None
        if not isinstance(value, dict) or not is_secret(value.get("access_token")):
            raise _odd_answer("access_token")
        return value, self._fields_of(value)

    def _fields_of(self, value: dict[str, Any]) -> _Fields:
        now = int(self._clock.now().timestamp())
        expires_at, expires_in = value.get("expires_at"), value.get("expires_in")
        if type(expires_at) is not int:
            expires_at = now + expires_in if type(expires_in) is int else None
        if expires_at is None or expires_at <= 0:
            raise _odd_answer("expires_at")
        refresh_token = value.get("refresh_token")
        if refresh_token is not None and not is_secret(refresh_token):
            raise _odd_answer("refresh_token")
        if type(expires_in) is not int:
            expires_in = expires_at - now
        return _Fields(value["access_token"], refresh_token, expires_at, expires_in, split_scopes(value.get("scope")))

    def _refused(self, answer: Answer) -> NotAuthorised | StravaUnreachable | RateLimited:
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimited(
                "Strava answers no more sign-ins for now (429)", "run the same command again in 15 minutes"
            )
        for problem in problems(answer.body):
            if error := self._error_for(answer.status, problem):
                return error
        return StravaUnreachable(f"The OAuth address answered with status {answer.status}", CHECK_OAUTH_URL)

    def _error_for(self, status: int, problem: Problem) -> NotAuthorised | None:
        name = problem.field.lower()
        if name == "code":
            return NotAuthorised(
                "Strava rejects this code: it is used up, too old, or of another application",
                "run `strava-stats auth` again and use the new address",
            )
        if name == "refresh_token":
            return DeadRefreshToken("The refresh token is dead", AUTH_AGAIN)
        if status == HTTPStatus.UNAUTHORIZED and problem.resource.lower() == "application":
            return _wrong_secret()
        error = refusal(status, problem)
        return error if isinstance(error, NotAuthorised) else None


def _outage(answer: Answer, path: str) -> Outage | None:
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outage(f"status {answer.status}", CHECK_NETWORK)
    if answer.status == HTTPStatus.OK and path == "/token" and not begins_as_json(answer.body):
        return Outage("a token answer that is not JSON", CHECK_OAUTH_URL)
    return None


def _odd_answer(what: str) -> StravaUnreachable:
    return StravaUnreachable(f"Strava's token answer lacks a usable {what}", CHECK_OAUTH_URL)


def _wrong_secret() -> NotAuthorised:
    return NotAuthorised("Strava rejects the application's secret", "check STRAVA_CLIENT_SECRET and STRAVA_CLIENT_ID")


def _name_of(athlete: dict[str, Any]) -> str | None:
    parts = [athlete.get(key) for key in ("firstname", "lastname")]
    return " ".join(part for part in parts if isinstance(part, str) and part) or None

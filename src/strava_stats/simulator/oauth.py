"""OAuth as Strava does it: single-use codes, six-hour access tokens, refresh tokens that die when replaced.

Its calls carry no rate headers and are not counted. Errors are those of error_catalog.json.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from strava_stats.simulator.messages import (
    OAUTH_JSON_TYPE,
    Json,
    Request,
    Response,
    error_response,
    json_response,
)
from strava_stats.simulator.modes import Modes

ACCESS_SECONDS = 21_600
KEEP_SECONDS = 3_600
"""With more than this left, a refresh returns the access token that exists."""

SCOPES = frozenset(
    {"read", "read_all", "profile:read_all", "profile:write", "activity:read", "activity:read_all", "activity:write"}
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1"})


@dataclass(frozen=True, slots=True)
class Application:
    """The API application; its owner types id and secret into the client's settings."""

    client_id: str = "12345"
    client_secret: str = "simulated-secret"  # noqa: S105 - published on purpose
    callback_domain: str = "localhost"


@dataclass(frozen=True, slots=True)
class Access:
    """What a valid bearer token stands for."""

    athlete_id: int
    scopes: frozenset[str]
    expires_at: int


@dataclass(slots=True)
class Grant:
    """What one athlete has allowed the application; its current pair of tokens."""

    athlete_id: int
    scopes: tuple[str, ...]
    access_token: str = ""
    expires_at: int = 0
    refresh_token: str = ""


@dataclass(slots=True)
class Code:
    """An authorisation code waiting to be exchanged."""

    athlete_id: int
    scopes: tuple[str, ...]
    issued_at: float


class OAuthServer:
    """Codes, grants and tokens of one application."""

    def __init__(self, app: Application, modes: Modes, profile: Callable[[int], Json], seed: int = 0) -> None:
        self.app = app
        self._modes = modes
        self._profile = profile
        self._seed = seed
        self._issued = 0
        self._codes: dict[str, Code] = {}
        self._grants: dict[int, Grant] = {}
        self._access: dict[str, Access] = {}

    def bearer(self, request: Request, now: float) -> Access | None:
        """The access that the Authorization header gives, or None: missing, unknown, revoked or expired."""
        kind, _, token = (request.header("Authorization") or "").partition(" ")
        access = self._access.get(token.strip()) if kind.lower() == "bearer" else None
        return access if access and access.expires_at > now else None

    def authorize(self, request: Request, now: float, athlete_id: int) -> Response:
        """GET /oauth/authorize: the user is logged in and presses the button at once; 302 back to the client."""
        query = dict(request.query)
        redirect = query.get("redirect_uri", "")
        scopes = tuple(query.get("scope", "").split(","))
        if query.get("client_id") != self.app.client_id:
            return error_response(400, "Application", "client_id", "invalid")
        if (urlsplit(redirect).hostname or "") not in _LOOPBACK | {self.app.callback_domain}:
            return error_response(400, "Application", "redirect_uri", "invalid")
        if query.get("response_type") != "code":
            return error_response(400, "Authorize", "response_type", "invalid")
        if not scopes or not SCOPES.issuperset(scopes):
            return error_response(400, "Authorize", "scope", "invalid")
        state = query.get("state", "")
        if self._modes.deny:
            return _redirect(redirect, {"state": state, "error": "access_denied"})
        granted = tuple(scope for scope in scopes if scope not in self._modes.unticked_scopes)
        code = self.issue_code(athlete_id, granted, now)
        return _redirect(redirect, {"state": state, "code": code, "scope": ",".join(granted)})

    def issue_code(self, athlete_id: int, scopes: tuple[str, ...], now: float) -> str:
        """A fresh authorisation code, as the redirect would carry it."""
        code = self._new_token()
        self._codes[code] = Code(athlete_id, scopes, now)
        return code

    def token(self, request: Request, now: float) -> Response:
        """POST /oauth/token: exchange of a code, or refresh."""
        form = request.form()
        if form.get("client_id") != self.app.client_id or not form.get("client_secret"):
            return _oauth_error(400, "Application", "client_id", "invalid")
        if form["client_secret"] != self.app.client_secret:
            return _oauth_error(401, "Application", "", "invalid")
        if form.get("grant_type") == "authorization_code":
            return self._exchange(form.get("code", ""), now)
        if form.get("grant_type") == "refresh_token":
            return self._refresh(form.get("refresh_token", ""), now)
        return _oauth_error(400, "Application", "grant_type", "invalid")

    def revoke(self, request: Request) -> Response:
        """POST /oauth/revoke (form `token`, HTTP Basic): 200 and an empty body, also for an unknown token."""
        if _basic(request.header("Authorization")) != (self.app.client_id, self.app.client_secret):
            return error_response(401)
        token = request.form().get("token")
        if not token:
            return error_response(400, "Application", "token", "missing")
        grant = self._grant_of(token)
        if grant is not None:
            self.forget(grant.athlete_id)
        return Response(200, [("Content-Type", OAUTH_JSON_TYPE)], b"")

    def forget(self, athlete_id: int) -> None:
        """End an athlete's grant with all its tokens, as revoking or deauthorising does."""
        self._grants.pop(athlete_id, None)
        self._access = {token: access for token, access in self._access.items() if access.athlete_id != athlete_id}

    def expire(self) -> None:
        """End every access token; refresh tokens live on."""
        self._access.clear()
        for grant in self._grants.values():
            grant.expires_at = 0

    def grant(self, athlete_id: int, scopes: tuple[str, ...], now: float) -> dict[str, Json]:
        """Authorise without the browser: the body that the exchange of a code would have answered."""
        self.forget(athlete_id)
        grant = self._grants[athlete_id] = Grant(athlete_id, scopes, refresh_token=self._new_token())
        self._renew_access(grant, now)
        return self._exchange_body(grant, now)

    def _exchange(self, value: str, now: float) -> Response:
        code = self._codes.get(value)
        if code is None or now - code.issued_at < self._modes.fresh_code_seconds:
            return _oauth_error(400, "AuthorizationCode", "code", "invalid")
        del self._codes[value]
        grant = self._grants.get(code.athlete_id)
        if grant is None or grant.scopes != code.scopes:
            grant = self._grants[code.athlete_id] = Grant(code.athlete_id, code.scopes, refresh_token=self._new_token())
        self._renew(grant, now)
        return json_response(200, self._exchange_body(grant, now), OAUTH_JSON_TYPE)

    def _exchange_body(self, grant: Grant, now: float) -> dict[str, Json]:
        body = {
            "token_type": "Bearer",
            "expires_at": grant.expires_at,
            "expires_in": grant.expires_at - int(now),
            "refresh_token": grant.refresh_token,
            "access_token": grant.access_token,
            "athlete": self._profile(grant.athlete_id),
        }
        return body | self._scope_key(grant)

    def _refresh(self, value: str, now: float) -> Response:
        grant = next((g for g in self._grants.values() if g.refresh_token == value), None)
        if grant is None or not value:
            return _oauth_error(400, "RefreshToken", "refresh_token", "invalid")
        self._renew(grant, now)
        body = {
            "token_type": "Bearer",
            "access_token": grant.access_token,
            "expires_at": grant.expires_at,
            "expires_in": grant.expires_at - int(now),
            "refresh_token": grant.refresh_token,
        }
        return json_response(200, body | self._scope_key(grant), OAUTH_JSON_TYPE)

    def _renew(self, grant: Grant, now: float) -> None:
        is_new = grant.expires_at - now <= KEEP_SECONDS
        if is_new:
            self._renew_access(grant, now)
        if self._modes.rotation == "always" or (self._modes.rotation == "when_new" and is_new):
            grant.refresh_token = self._new_token()

    def _renew_access(self, grant: Grant, now: float) -> None:
        grant.access_token = self._new_token()
        grant.expires_at = int(now) + ACCESS_SECONDS
        self._access[grant.access_token] = Access(grant.athlete_id, frozenset(grant.scopes), grant.expires_at)

    def _scope_key(self, grant: Grant) -> dict[str, Json]:
        return {"scope": " ".join(grant.scopes)} if self._modes.scope_in_token else {}

    def _grant_of(self, token: str) -> Grant | None:
        access = self._access.get(token)
        if access is not None:
            return self._grants.get(access.athlete_id)
        return next((g for g in self._grants.values() if g.refresh_token == token), None)

    def _new_token(self) -> str:
        self._issued += 1
        return hashlib.sha1(f"{self._seed}:{self._issued}".encode(), usedforsecurity=False).hexdigest()


def _redirect(uri: str, values: dict[str, str]) -> Response:
    parts = urlsplit(uri)
    query = "&".join(filter(None, (parts.query, urlencode(values, safe=",:"))))
    return Response(302, [("Location", urlunsplit(parts._replace(query=query))), ("Content-Type", "text/html")], b"")


def _oauth_error(status: int, resource: str, name: str, code: str) -> Response:
    plain = error_response(status, resource, name, code)
    return Response(plain.status, [("Content-Type", OAUTH_JSON_TYPE)], plain.body)


def _basic(value: str | None) -> tuple[str, str] | None:
    kind, _, encoded = (value or "").partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if kind.lower() == "basic" else None

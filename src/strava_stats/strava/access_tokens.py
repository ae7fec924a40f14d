"""Access tokens that are always good: refreshed in time, by one process at a time, and durable before use."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from strava_stats.clock import Clock
from strava_stats.errors import NotAuthorised
from strava_stats.strava.answers import AUTH_AGAIN
from strava_stats.strava.token_store import Token, TokenStore

MARGIN_SECONDS = 300
"""A token with less than this left is refreshed, so that it does not end during a call."""


class DeadRefreshToken(NotAuthorised):
    """Strava does not accept the refresh token: revoked, replaced, or of another application."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The answer to a refresh; `scopes` None when it carries none. Times in seconds (epoch, from now)."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: int
    expires_in: int
    scopes: tuple[str, ...] | None


class Refresher(Protocol):
    """The part of `OAuth` that is needed here."""

    @property
    def client_id(self) -> str:
        """The application that asks."""

    def refresh(self, refresh_token: str) -> Refreshed:
        """New tokens, or DeadRefreshToken."""


class AccessTokens:
    """The access tokens of one athlete, from the store or by a refresh; a `TokenSource` for the client."""

    def __init__(self, store: TokenStore, oauth: Refresher, clock: Clock, athlete_id: int) -> None:
        self._store = store
        self._oauth = oauth
        self._clock = clock
        self._athlete_id = athlete_id
        self._current: str | None = None
        self._good_until = 0.0

    def __repr__(self) -> str:
        return f"AccessTokens(athlete_id={self._athlete_id})"

    def access_token(self) -> str:
        """A token with more than five minutes left; reads no file as long as the one at hand is good.

        Raises NotAuthorised without a token or with a dead one, else what the store and OAuth raise.
        """
        now = self._clock.now().timestamp()
        if self._current is not None and self._good_until - now > MARGIN_SECONDS:
            return self._current
        stored = self._stored()
        if stored.expires_at - now > MARGIN_SECONDS:
            return self._keep(stored.access_token, stored.expires_at)
        return self._renew(rejected=None)

    def refresh_rejected(self, token: str) -> str:
        """Another token than `token`, which the server rejected: the stored one if it differs, else a new one."""
        return self._renew(rejected=token)

    def _renew(self, rejected: str | None) -> str:
        with self._store.locked():
            stored = self._stored()
            return self._usable(stored, rejected) or self._refresh(stored, rejected)

    def _usable(self, stored: Token, rejected: str | None) -> str | None:
        # Another process may have refreshed while we waited for the lock.
        if stored.access_token == rejected or stored.expires_at - self._clock.now().timestamp() <= MARGIN_SECONDS:
            return None
        return self._keep(stored.access_token, stored.expires_at)

    def _refresh(self, stored: Token, rejected: str | None) -> str:
        # Strava may kill the old refresh token with its answer, so prove first that the new one can be stored.
        self._store.save(stored)
        try:
            fresh = self._oauth.refresh(stored.refresh_token)
        except DeadRefreshToken as error:
            newer = self._stored()
            if newer.refresh_token != stored.refresh_token:
                return self._usable(newer, rejected) or self._refresh(newer, rejected)
            raise self._dead(stored) from error
        now = self._clock.now().timestamp()
        self._store.save(
            replace(
                stored,
                access_token=fresh.access_token,
                refresh_token=fresh.refresh_token,
                expires_at=fresh.expires_at,
                scopes=fresh.scopes or stored.scopes,
                obtained_at=int(now),
            )
        )
        # By what is left rather than by the date: with a clock that is wrong by hours every call would refresh.
        return self._keep(fresh.access_token, now + fresh.expires_in)

    def _keep(self, access_token: str, good_until: float) -> str:
        self._current, self._good_until = access_token, good_until
        return access_token

    def _stored(self) -> Token:
        token = self._store.load().get(self._athlete_id)
        if token is None:
            raise NotAuthorised(f"There is no token for athlete {self._athlete_id}", "run `strava-stats auth`")
        return token

    def _dead(self, stored: Token) -> DeadRefreshToken:
        if stored.client_id != self._oauth.client_id:
            return DeadRefreshToken(
                f"The stored token is of application {stored.client_id}, STRAVA_CLIENT_ID is {self._oauth.client_id}",
                f"set STRAVA_CLIENT_ID and STRAVA_CLIENT_SECRET back, or {AUTH_AGAIN}",
            )
        return DeadRefreshToken(
            "The stored refresh token is dead: revoked, or replaced by one that was lost", AUTH_AGAIN
        )

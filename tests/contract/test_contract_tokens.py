"""Tokens over their whole life: rotation, loss, scopes, clocks; against the simulator's OAuth."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.in_process import Connection, connection

from strava_stats.errors import NotAuthorised, StravaUnreachable
from strava_stats.strava.auth import DeadRefreshToken
from strava_stats.strava.token_store import Token

HOUR = 3_600


@pytest.fixture
def strava(tmp_path: Path) -> Connection:
    """An athlete who has authorised everything, without limits."""
    made = connection(tmp_path, overall=(10**6, 10**7), read=(10**6, 10**7))
    made.authorise()
    made.simulator.calls.clear()
    return made


def stored(strava: Connection) -> Token:
    return strava.store.load()[strava.simulator.world.default.id]


def refreshes(strava: Connection) -> int:
    return sum(call["path"] == "/oauth/token" for call in strava.simulator.calls)


def is_alive(strava: Connection) -> bool:
    """Whether the stored refresh token is the one that Strava knows."""
    return strava.simulator.oauth._grant_of(stored(strava).refresh_token) is not None


@pytest.mark.parametrize("rotation", ["always", "never", "when_new"])
@pytest.mark.parametrize("scope", [True, False])
def test_two_days_of_use(strava: Connection, rotation: str, scope: bool) -> None:
    """Every six hours one refresh, whatever Strava does with the refresh token; the stored one is the live one."""
    strava.simulator.modes.rotation = rotation  # type: ignore[assignment]
    strava.simulator.modes.scope_in_token = scope
    for _ in range(48):
        assert strava.client().athlete().status == 200
        assert is_alive(strava)
        strava.clock.advance(HOUR)
    assert 7 <= refreshes(strava) <= 9
    assert set(strava.statuses()) == {200}
    assert stored(strava).scopes == ("read", "activity:read_all", "profile:read_all")


def test_one_client_for_two_days(strava: Connection) -> None:
    """A client that lives on refreshes in time: no call is answered 401."""
    client = strava.client()
    for _ in range(96):
        client.athlete()
        strava.clock.advance(HOUR / 2)
    assert set(strava.statuses()) == {200}
    assert refreshes(strava) <= 9


def test_an_access_token_that_ended_early(strava: Connection) -> None:
    """401 is answered by one refresh and one more call."""
    strava.simulator.oauth.expire()
    assert strava.client().athlete().status == 200
    assert strava.statuses() == [401, 200]
    assert refreshes(strava) == 1
    assert is_alive(strava)


@pytest.mark.parametrize("rotation", ["never", "when_new"])
def test_a_lost_answer(strava: Connection, rotation: str) -> None:
    """A refresh whose answer was lost is tried again; only where the token had rotated is it lost for good."""
    strava.simulator.modes.rotation = rotation  # type: ignore[assignment]
    strava.simulator.add_fault("drop", path="/oauth/token", processed=True)
    strava.clock.advance(7 * HOUR)
    if rotation == "never":
        assert strava.client().athlete().status == 200
    else:
        before = stored(strava)
        with pytest.raises(DeadRefreshToken) as caught:
            strava.client().athlete()
        assert "strava-stats auth" in caught.value.hint
        assert stored(strava).refresh_token == before.refresh_token
    assert strava.statuses() == ([200] if rotation == "never" else [])


@pytest.mark.parametrize("action", ["drop", "drop_mid_body", "truncate", "hang"])
def test_a_lost_answer_that_had_no_effect(strava: Connection, action: str) -> None:
    """An answer that fails while nothing rotates costs a second try, no more."""
    strava.simulator.modes.rotation = "never"
    strava.simulator.add_fault(action, path="/oauth/token")
    strava.clock.advance(7 * HOUR)
    if action == "truncate":
        with pytest.raises(StravaUnreachable):
            strava.client().athlete()
        return
    assert strava.client().athlete().status == 200
    assert refreshes(strava) == 2


def test_a_second_authorisation_replaces_the_first(strava: Connection) -> None:
    """Authorising again with other scopes kills the old grant; the client that runs takes over the new token."""
    client = strava.client()
    client.athlete()
    strava.simulator.oauth.forget(strava.simulator.world.default.id)
    new = strava.authorise(None, "read", "activity:read_all")
    assert client.athlete().status == 200
    assert stored(strava).refresh_token == new.refresh_token
    assert refreshes(strava) == 1  # the exchange


def test_revoke_ends_it(strava: Connection) -> None:
    """After a revocation neither access nor refresh works."""
    strava.oauth().revoke(stored(strava).refresh_token)
    with pytest.raises(NotAuthorised):
        strava.client().athlete()
    strava.oauth().revoke("unknown-token")


@pytest.mark.parametrize("seconds", [-9 * HOUR, -HOUR, HOUR, 9 * HOUR])
def test_a_clock_that_is_wrong_by_hours(strava: Connection, seconds: int) -> None:
    """With Strava's clock hours away from ours calls work and refreshes stay rare."""
    strava.simulator.advance(seconds)
    strava.authorise()
    strava.simulator.calls.clear()
    client = strava.client()
    for _ in range(20):
        assert client.athlete().status == 200
        strava.clock.advance(HOUR / 2)
    assert refreshes(strava) <= 4
    assert strava.statuses().count(401) <= 2


def test_unticked_scopes_are_stored(strava: Connection) -> None:
    """What was granted is what is stored, in the redirect or in the answer."""
    for scope_in_token in (True, False):
        strava.simulator.modes.scope_in_token = scope_in_token
        assert strava.authorise(None, "read", "activity:read").scopes == ("read", "activity:read")

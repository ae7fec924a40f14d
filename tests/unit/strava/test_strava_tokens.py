from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.clock import VirtualClock

from strava_stats.errors import CorruptData, DiskFull, Locked, NotAuthorised
from strava_stats.files import write_atomic
from strava_stats.strava import token_store
from strava_stats.strava.access_tokens import AccessTokens, DeadRefreshToken, Refreshed
from strava_stats.strava.token_store import Token, TokenStore


def token_for(clock: VirtualClock, athlete_id: int = 7, seconds_left: int = 21_600) -> Token:
    now = int(clock.now().timestamp())
    return Token(
        athlete_id, "access-1", "refresh-1", now + seconds_left, ("read", "activity:read_all"), "123", now, "J S"
    )


class Application:
    """A far end that rotates: each refresh kills the refresh token before it."""

    client_id = "123"

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.valid = "refresh-1"
        self.refreshes = 0
        self.scopes: tuple[str, ...] | None = None
        self.expires_in = 21_600

    def refresh(self, refresh_token: str) -> Refreshed:
        if refresh_token != self.valid:
            raise DeadRefreshToken("dead", "auth")
        self.refreshes += 1
        self.valid = f"refresh-{self.refreshes + 1}"
        expires_at = int(self.clock.now().timestamp()) + self.expires_in
        return Refreshed(f"access-{self.refreshes + 1}", self.valid, expires_at, self.expires_in, self.scopes)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def store(tmp_path: Path, clock: VirtualClock) -> TokenStore:
    return TokenStore(tmp_path / "secrets", clock)


def test_round_trip_and_modes(store: TokenStore, clock: VirtualClock) -> None:
    """Tokens come back as stored; file 0600, folder 0700; an unknown set of scopes stays unknown."""
    assert store.load() == {}
    first, second = token_for(clock), replace(token_for(clock, 8), scopes=None, name=None)
    store.save(first)
    store.save(second)
    assert store.load() == {7: first, 8: second}
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.path.parent.stat().st_mode & 0o777 == 0o700
    entry = json.loads(store.path.read_text())["athletes"]["7"]
    assert entry["scopes"] == ["read", "activity:read_all"]


def test_remove(store: TokenStore, clock: VirtualClock) -> None:
    """Removing takes one athlete and is no failure for an unknown one."""
    store.save(token_for(clock))
    store.save(token_for(clock, 8))
    store.remove(7)
    store.remove(99)
    assert set(store.load()) == {8}


def test_wide_mode_is_tightened(store: TokenStore, clock: VirtualClock) -> None:
    """A file that others may read is closed at the next load."""
    store.save(token_for(clock))
    store.path.chmod(0o644)
    store.load()
    assert store.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"version":2,"athletes":{}}',
        b'{"version":1,"athletes":[]}',
        b'{"version":1,"athletes":{"7":{"access_token":"s3cret"}}}',
        b'{"version":1,"athletes":{"x":{}}}',
    ],
)
def test_corrupt_file(store: TokenStore, clock: VirtualClock, content: bytes) -> None:
    """A broken file is exit 65, untouched, until auth sets it aside."""
    store.path.parent.mkdir()
    store.path.write_bytes(content)
    for attempt in (store.load, lambda: store.save(token_for(clock)), lambda: store.remove(7)):
        with pytest.raises(CorruptData, match="auth") as caught:
            attempt()
        assert "s3cret" not in str(caught.value)
    assert store.path.read_bytes() == content
    store.save(token_for(clock), replace_corrupt=True)
    assert set(store.load()) == {7}
    (copy,) = store.path.parent.glob("*.corrupt-*")
    assert copy.read_bytes() == content


@pytest.mark.parametrize("bad", ["a b", "a\n", "", "é"])
def test_token_that_no_header_can_carry(store: TokenStore, clock: VirtualClock, bad: str) -> None:
    """A token with blanks or line breaks is corrupt rather than quoted in an HTTP library's error."""
    store.save(token_for(clock))
    store.path.write_text(store.path.read_text().replace('"access-1"', json.dumps(bad, ensure_ascii=False)))
    with pytest.raises(CorruptData):
        store.load()


def test_crash_before_the_rename_keeps_the_old_file(
    store: TokenStore, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between write and rename, the old tokens are there; the next save clears the leftover."""
    store.save(token_for(clock))
    old = store.path.read_bytes()

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            store.save(replace(token_for(clock), access_token="lost"))
    assert store.path.read_bytes() == old
    stray = store.path.with_name(f".{store.path.name}.1.tmp")
    stray.write_bytes(b"lost")
    store.save(token_for(clock))
    assert not list(store.path.parent.glob(".*.tmp"))


def test_lock_held_too_long(store: TokenStore, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is not given free is exit 75."""
    monkeypatch.setattr(token_store, "LOCK_SECONDS", 0.01)
    other = TokenStore(store.path.parent, clock)
    with store.locked(), store.locked(), pytest.raises(Locked):
        other.save(token_for(clock))
    other.save(token_for(clock))


def test_reprs_show_no_secret(store: TokenStore, clock: VirtualClock) -> None:
    """No repr of a token or of what holds it shows a secret."""
    tokens = AccessTokens(store, Application(clock), clock, 7)
    store.save(token_for(clock))
    tokens.access_token()
    fresh = Refreshed("access-1", "refresh-1", 1, 1, None)
    shown = repr((store, store.load(), tokens, fresh))
    assert "access-1" not in shown
    assert "refresh-1" not in shown


def test_good_token_reads_the_file_once(store: TokenStore, clock: VirtualClock) -> None:
    """A token with more than five minutes left is kept in memory."""
    store.save(token_for(clock, seconds_left=3600))
    application = Application(clock)
    tokens = AccessTokens(store, application, clock, 7)
    assert tokens.access_token() == "access-1"
    store.path.unlink()
    clock.advance(3299)
    assert tokens.access_token() == "access-1"
    assert application.refreshes == 0


def test_ending_token_is_refreshed_and_stored(store: TokenStore, clock: VirtualClock) -> None:
    """With five minutes left or less a new pair is stored before the access token is handed out."""
    store.save(token_for(clock, seconds_left=300))
    application = Application(clock)
    application.scopes = ("read",)
    assert AccessTokens(store, application, clock, 7).access_token() == "access-2"
    stored = store.load()[7]
    assert (stored.access_token, stored.refresh_token, stored.scopes) == ("access-2", "refresh-2", ("read",))


def test_scopes_are_kept_when_the_answer_has_none(store: TokenStore, clock: VirtualClock) -> None:
    """An answer without `scope` leaves the granted set alone."""
    store.save(token_for(clock, seconds_left=0))
    AccessTokens(store, Application(clock), clock, 7).access_token()
    assert store.load()[7].scopes == ("read", "activity:read_all")


def test_wrong_clock_does_not_refresh_at_every_call(store: TokenStore, clock: VirtualClock) -> None:
    """On a machine hours ahead of Strava the time left in the answer counts, not the date."""
    store.save(token_for(clock, seconds_left=0))
    application = Application(clock)
    real = application.refresh

    def long_past(refresh_token: str) -> Refreshed:
        return replace(real(refresh_token), expires_at=1)

    application.refresh = long_past  # type: ignore[method-assign]
    tokens = AccessTokens(store, application, clock, 7)
    assert {tokens.access_token() for _ in range(5)} == {"access-2"}
    assert application.refreshes == 1


def test_two_threads_refresh_once(store: TokenStore, clock: VirtualClock) -> None:
    """Of two that find the token ended one refreshes, and both get the same new one."""
    store.save(token_for(clock, seconds_left=10))
    application = Application(clock)
    both_have_read = threading.Barrier(2)
    got: list[str] = []

    class Meeting(TokenStore):
        def locked(self):  # type: ignore[no-untyped-def]  # noqa: ANN202
            if threading.current_thread() not in met:
                met.add(threading.current_thread())
                both_have_read.wait(5)
            return super().locked()

    met: set[threading.Thread] = set()

    def ask() -> None:
        tokens = AccessTokens(Meeting(store.path.parent, clock), application, clock, 7)
        got.append(tokens.access_token())

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["access-2", "access-2"]
    assert application.refreshes == 1


def test_rejected_token_takes_the_stored_one_first(store: TokenStore, clock: VirtualClock) -> None:
    """Where another process has refreshed already, its token is taken; else ours is refreshed."""
    store.save(token_for(clock))
    application = Application(clock)
    tokens = AccessTokens(store, application, clock, 7)
    assert tokens.refresh_rejected("older") == "access-1"
    assert application.refreshes == 0
    assert tokens.refresh_rejected("access-1") == "access-2"
    assert tokens.access_token() == "access-2"


def test_dead_refresh_token(store: TokenStore, clock: VirtualClock) -> None:
    """A dead refresh token is 77 with the cure; another application's is named as such."""
    store.save(replace(token_for(clock, seconds_left=0), refresh_token="dead"))
    application = Application(clock)
    with pytest.raises(NotAuthorised, match="strava-stats auth") as caught:
        AccessTokens(store, application, clock, 7).access_token()
    assert caught.value.exit_code == 77
    application.client_id = "456"
    with pytest.raises(NotAuthorised, match="application 123"):
        AccessTokens(store, application, clock, 7).access_token()


def test_dead_refresh_token_replaced_meanwhile(store: TokenStore, clock: VirtualClock) -> None:
    """A refresh token that someone restored in the file while ours was found dead is used."""
    store.save(replace(token_for(clock, seconds_left=0), refresh_token="dead"))
    application = Application(clock)
    real = application.refresh

    def restore(refresh_token: str) -> Refreshed:
        if refresh_token == "dead":
            store.save(replace(token_for(clock, seconds_left=0), refresh_token="refresh-1"))
        return real(refresh_token)

    application.refresh = restore  # type: ignore[method-assign]
    assert AccessTokens(store, application, clock, 7).access_token() == "access-2"


def test_no_token(store: TokenStore, clock: VirtualClock) -> None:
    """An athlete without a token is 77 with the cure."""
    with pytest.raises(NotAuthorised, match="strava-stats auth"):
        AccessTokens(store, Application(clock), clock, 7).access_token()


def test_unwritable_store_is_found_out_before_the_refresh(
    store: TokenStore, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is met before Strava kills the old refresh token, not after."""
    store.save(token_for(clock, seconds_left=0))
    application = Application(clock)

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match="No space"):
        AccessTokens(store, application, clock, 7).access_token()
    assert application.refreshes == 0


def test_a_rotated_token_is_stored_where_the_proof_was_not_enough(
    store: TokenStore, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk fills up behind the refresh, the new refresh token goes over the dead one."""
    store.save(token_for(clock, seconds_left=0))
    application = Application(clock)

    def full_after_the_refresh(path: Path, content: bytes, mode: int) -> None:
        if application.refreshes:
            raise DiskFull("No space left", "free some room")
        write_atomic(path, content, mode)

    monkeypatch.setattr("strava_stats.strava.token_store.write_atomic", full_after_the_refresh)
    assert AccessTokens(store, application, clock, 7).access_token() == "access-2"
    assert store.load()[7].refresh_token == "refresh-2"
    assert store.path.stat().st_mode & 0o777 == 0o600

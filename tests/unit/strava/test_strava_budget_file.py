from __future__ import annotations

import fcntl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import VirtualClock
from tests.unit.strava.far_end import rates

from strava_stats.errors import RateLimited, UsageError
from strava_stats.strava import budget_file
from strava_stats.strava.budget import Budget, Decision, decide
from strava_stats.strava.budget_file import BudgetExhausted, BudgetKeeper


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def test_counts_are_shared_through_the_file(tmp_path: Path, clock: VirtualClock) -> None:
    """Two keepers of one file see each other's calls; the folder is made when it is missing."""
    path = tmp_path / "state" / "budget.json"
    first, second = BudgetKeeper(path, clock), BudgetKeeper(path, clock)
    assert first.remaining() == (100, 1000)
    first.before_call()
    second.before_call()
    assert first.remaining() == (98, 998)
    assert (first.calls, second.calls) == (1, 1)


def test_learns_from_answers(clock: VirtualClock) -> None:
    """Headers correct the limits; the cushions are not for use."""
    keeper = BudgetKeeper(None, clock, cushion_15min=10, cushion_daily=20)
    keeper.before_call()
    keeper.after_call(rates(60, 600))
    assert keeper.remaining() == (30, 380)


def test_waits_for_the_next_quarter(tmp_path: Path, clock: VirtualClock) -> None:
    """A used-up window is told, slept over with one to five seconds to spare, and then the call is made."""
    told: list[tuple[float, datetime]] = []
    keeper = BudgetKeeper(tmp_path / "b", clock, on_wait=lambda seconds, until: told.append((seconds, until)))
    keeper.after_call(rates(100))
    clock.advance(60)
    keeper.before_call()
    assert told[0][1] == datetime(2026, 11, 23, 12, 15, tzinfo=UTC)
    assert clock.sleeps == [told[0][0]]
    assert 841 <= clock.sleeps[0] <= 845
    assert keeper.calls == 1
    assert keeper.remaining()[0] == 99


def test_backfill_takes_the_arithmetic_minimum(clock: VirtualClock) -> None:
    """250 calls at 100 a quarter hour take two waits, and a cushion of 50 four."""
    for cushion, waits in ((0, 2), (50, 4)):
        clock.set(datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
        clock.sleeps.clear()
        keeper = BudgetKeeper(None, clock, cushion_15min=cushion)
        for _ in range(250):
            keeper.before_call()
        assert len(clock.sleeps) == waits


def test_day_used_up(clock: VirtualClock) -> None:
    """A used-up day ends the run with the time at which it can go on."""
    keeper = BudgetKeeper(None, clock)
    keeper.after_call(rates(1, 1000))
    with pytest.raises(BudgetExhausted, match="daily") as caught:
        keeper.before_call()
    assert isinstance(caught.value, RateLimited)
    assert caught.value.exit_code == 75
    assert (caught.value.reason, caught.value.until) == ("day", datetime(2026, 11, 24, tzinfo=UTC))
    assert clock.sleeps == []
    assert keeper.calls == 0


def test_max_calls(clock: VirtualClock) -> None:
    """`max_calls` bounds the calls of this keeper; 0 allows none."""
    keeper = BudgetKeeper(None, clock, max_calls=2)
    keeper.before_call()
    keeper.before_call()
    with pytest.raises(BudgetExhausted) as caught:
        keeper.before_call()
    assert caught.value.reason == "max_calls"
    with pytest.raises(BudgetExhausted):
        BudgetKeeper(None, clock, max_calls=0).before_call()


def test_429_uses_the_window_up(clock: VirtualClock) -> None:
    """After a 429 without headers the next call waits for the quarter hour."""
    keeper = BudgetKeeper(None, clock)
    keeper.before_call()
    keeper.after_429()
    keeper.before_call()
    assert len(clock.sleeps) == 1


def test_cushion_that_leaves_nothing(clock: VirtualClock) -> None:
    """A cushion as large as the known limit is refused rather than waited for without end."""
    keeper = BudgetKeeper(None, clock, cushion_15min=100)
    keeper.before_call()
    keeper.after_call(rates(1))
    with pytest.raises(UsageError, match="100"):
        keeper.before_call()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"version":1}', b"null", b'"\\ud800"'])
def test_garbage_is_a_fresh_budget(tmp_path: Path, clock: VirtualClock, content: bytes) -> None:
    """A broken state file costs nothing but what it knew."""
    path = tmp_path / "budget.json"
    path.write_bytes(content)
    keeper = BudgetKeeper(path, clock)
    keeper.before_call()
    assert keeper.remaining() == (99, 999)


def test_longer_content_leaves_no_tail(tmp_path: Path, clock: VirtualClock) -> None:
    """A shorter state overwrites a longer file wholly."""
    path = tmp_path / "budget.json"
    path.write_bytes(b"x" * 5000)
    BudgetKeeper(path, clock).before_call()
    assert BudgetKeeper(path, clock).remaining() == (99, 999)


def test_threads_lose_no_count(tmp_path: Path, clock: VirtualClock) -> None:
    """Concurrent calls through keepers of one file are all counted."""
    path = tmp_path / "budget.json"

    def spend_ten() -> None:
        keeper = BudgetKeeper(path, clock)
        for _ in range(10):
            keeper.before_call()

    threads = [threading.Thread(target=spend_ten) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert BudgetKeeper(path, clock).remaining() == (40, 940)


def test_nobody_else_reads_between_reading_and_writing(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the look at the counts until the new ones are written the file is locked, and no longer than that."""
    path = tmp_path / "budget.json"

    def is_free() -> bool:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    found: list[bool] = []

    def look(budget: Budget, *given: Any) -> Decision:
        found.append(is_free())
        return decide(budget, *given)

    monkeypatch.setattr(budget_file, "decide", look)
    BudgetKeeper(path, clock).before_call()
    assert (found, is_free()) == ([False], True)


def test_deleted_file_starts_anew(tmp_path: Path, clock: VirtualClock) -> None:
    """Losing the state between two calls is no failure."""
    path = tmp_path / "budget.json"
    keeper = BudgetKeeper(path, clock)
    keeper.before_call()
    path.unlink()
    keeper.before_call()
    assert keeper.remaining() == (99, 999)


def test_wait_over_midnight(clock: VirtualClock) -> None:
    """The last quarter hour of a day ends at midnight, where both windows begin anew."""
    clock.set(datetime(2026, 11, 23, 23, 50, tzinfo=UTC))
    keeper = BudgetKeeper(None, clock)
    keeper.after_call(rates(100, 500))
    keeper.before_call()
    assert clock.now() - datetime(2026, 11, 24, tzinfo=UTC) < timedelta(seconds=6)
    assert keeper.remaining() == (99, 999)

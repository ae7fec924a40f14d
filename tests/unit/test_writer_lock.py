"""One writer: who comes second is told who writes, touches nothing, and nobody is kept out by a run that was killed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from tests.support.clock import VirtualClock
from tests.support.in_process import connection

from strava_stats.errors import Locked
from strava_stats.flow import Services, writer_lock, writing
from strava_stats.lake.layout import ACTIVITIES, Layout
from strava_stats.narration import Silent
from strava_stats.sync.compact import Calendar
from strava_stats.sync.state import State


@pytest.fixture
def services(tmp_path: Path) -> Services:
    strava = connection(tmp_path)
    layout = Layout(tmp_path / "data")
    return Services(
        layout,
        State(layout.state),
        strava.clock,
        Silent(),
        Calendar("monday", "Europe/London"),
        lambda _token, _keeper: strava.client(),
        strava.keeper,
    )


def files(layout: Layout) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(layout.data_dir.rglob("*")) if path.is_file()}


def test_the_second_is_told_who_writes(services: Services) -> None:
    """The refusal names command, process and since when; when the first is done the way is free."""
    clock = services.clock
    assert isinstance(clock, VirtualClock)
    with writer_lock(services.layout, "flow --backfill", clock):
        since = clock.now().isoformat(timespec="seconds")
        clock.advance(60)
        with (
            pytest.raises(Locked, match=rf"`flow --backfill` \(process {os.getpid()}\).* since {re.escape(since)}"),
            writer_lock(services.layout, "pull", clock),
        ):
            pass
    with writer_lock(services.layout, "pull", clock):
        assert json.loads(services.layout.lock.with_suffix(".json").read_text())["command"] == "pull"


def test_the_second_touches_nothing(services: Services) -> None:
    """A line that is half written and a file that is half made are the first one's work, not something to mend."""
    layout = services.layout
    layout.bronze(ACTIVITIES).mkdir(parents=True)
    layout.scratch.mkdir(parents=True)
    with writer_lock(layout, "pull", services.clock):
        (layout.bronze(ACTIVITIES) / "20261123T120000000000Z-7.jsonl").write_bytes(b'{"seq":1,"kind":"bo')
        (layout.scratch / "half made.parquet").write_bytes(b"PAR1")
        before = files(layout)
        with pytest.raises(Locked), writing(services, "compact"):
            pass
        assert files(layout) == before


def test_a_killed_run_keeps_nobody_out(services: Services) -> None:
    """The lock is the kernel's: files that a killed run left behind hold nothing, and its half line is mended."""
    layout = services.layout
    layout.bronze(ACTIVITIES).mkdir(parents=True)
    layout.state.mkdir(parents=True)
    layout.lock.write_text(f"{os.getppid()}\nhost\n")
    layout.lock.with_suffix(".json").write_text('{"pid": 1, "command": "flow", "since": "2026-11-23T12:00:00+00:00"}')
    torn = layout.bronze(ACTIVITIES) / "20261123T120000000000Z-7.jsonl"
    torn.write_bytes(b'{"seq":1,"kind":"bo')
    with writing(services, "flow"):
        assert not torn.exists()


@pytest.mark.parametrize("garbage", [b"", b"[]", b'{"pid": 5}', b"\xff\x00"])
def test_a_holder_that_is_not_known(services: Services, garbage: bytes) -> None:
    """Where it cannot be read who writes, it is still told that somebody does."""
    with writer_lock(services.layout, "pull", services.clock):
        services.layout.lock.with_suffix(".json").write_bytes(garbage)
        with pytest.raises(Locked, match="another run is writing"), writer_lock(services.layout, "x", services.clock):
            pass

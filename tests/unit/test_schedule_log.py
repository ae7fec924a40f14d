"""cron.log: our lines and the children's, a file a day, and what is shown of them."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.support.clock import VirtualClock
from tests.support.cron_oracle import utc

from strava_stats.scheduler.cron_log import CronLog

NOON = utc("2026-11-23T12:00")


class Written(CronLog):
    """A log in a folder of its own, and what it has shown."""

    def __init__(self, folder: Path) -> None:
        self.shown: list[str] = []
        self.moved = VirtualClock(NOON)
        super().__init__(folder, ZoneInfo("Europe/London"), self.moved, self.shown.append)

    def child_says(self, text: str) -> None:
        descriptor = self.open()
        os.write(descriptor, text.encode())
        os.close(descriptor)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.path.parent.iterdir())


@pytest.fixture
def log(tmp_path: Path) -> Written:
    return Written(tmp_path / "logs of mine")


def test_children_are_shown_once_and_in_whole_lines(log: Written) -> None:
    """What a child writes is shown line by line, once, and a half line waits for its end."""
    log.say("begins")
    log.child_says("one\ntwo\nthr")
    log.show_new()
    log.child_says("ee\n")
    log.show_new()
    log.say("ends")
    log.show_new()
    assert [line.rsplit(" ", 1)[-1] for line in log.shown] == ["begins", "one", "two", "three", "ends"]


def test_what_was_there_before_is_not_shown(log: Written, tmp_path: Path) -> None:
    """A new scheduler does not show the lines of the one before."""
    log.child_says("old\n")
    fresh = Written(tmp_path / "logs of mine")
    fresh.say("begins")
    assert len(fresh.shown) == 1


def test_the_last_failure(log: Written) -> None:
    """The failure of this run is found, not that of the one before, and a run without one has none."""
    log.child_says("strava-stats: Old — cure\n")
    since = log.size()
    assert log.last_failure(since) == ""
    log.child_says("strava-stats: First — cure\nstrava-stats: Second — cure.\nother\n")
    assert log.last_failure(since) == "strava-stats: Second — cure."


@pytest.mark.parametrize("first", ["", "garbage\n", "\ufffd\n"])
def test_a_new_day_begins_a_new_file(log: Written, first: str) -> None:
    """The file of yesterday is named after its day, by its first line or else by the file's own time."""
    if first:
        log.child_says(first)
        os.utime(log.path, (NOON.timestamp(), NOON.timestamp()))
    else:
        log.say("first")
    log.moved.advance(86400)
    log.say("second")
    assert log.names() == ["cron-2026-11-23.log", "cron.log"]
    assert log.path.read_text(encoding="utf-8").startswith("2026-11-24T12:00:00+00:00 scheduler: second")


def test_a_day_that_comes_again(log: Written) -> None:
    """After the clock was set back, a day's second part is added to its first: no line is lost."""
    log.say("one")
    log.moved.advance(86400)
    log.say("two")
    log.moved.advance(-86400)
    log.say("three")
    log.moved.advance(86400)
    log.say("four")
    text = "".join((log.path.parent / name).read_text(encoding="utf-8") for name in log.names())
    assert [line.split()[-1] for line in text.splitlines()] == ["one", "three", "two", "four"]


def test_old_files_go_and_others_stay(log: Written) -> None:
    """Files of more than fourteen days ago are deleted; what is not ours is left alone."""
    log.say("one")
    for name in ("cron-2026-11-09.log", "cron-2026-11-10.log", "cron-2026-02-31.log", "cron-2020-01-01.log.gz"):
        (log.path.parent / name).write_text("x")
    log.moved.advance(86400)
    log.say("two")
    assert log.names() == [
        "cron-2020-01-01.log.gz", "cron-2026-02-31.log", "cron-2026-11-10.log", "cron-2026-11-23.log", "cron.log"
    ]  # fmt: skip
    assert log.moved.now() - NOON == timedelta(days=1)


def test_odd_characters(log: Written) -> None:
    """A path that is no UTF-8 is written all the same."""
    log.say("odd \udcff name")
    assert log.path.read_text(encoding="utf-8").endswith("odd \\udcff name\n")

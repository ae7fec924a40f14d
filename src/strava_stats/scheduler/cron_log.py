"""`logs/scheduler/cron.log`: the scheduler's own lines with their time, and between them what its children say.

Whole lines are appended, so that several processes may write. A new day begins a new file when the scheduler next
says something: the old one becomes `cron-<day>.log` and is deleted after two weeks.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from strava_stats.clock import Clock
from strava_stats.errors import StravaStatsError
from strava_stats.files import make_folder

FILE_NAME = "cron.log"
KEPT_DAYS = 14
OLD_NAME = re.compile(r"cron-(\d{4}-\d{2}-\d{2})\.log")
LONGEST_LINE = 500
FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class CronLog:
    """The log; `show` gets every line of it too, as far as this process sees them. No method raises but `open`."""

    def __init__(self, logs_dir: Path, zone: ZoneInfo, clock: Clock, show: Callable[[str], None]) -> None:
        self.path = logs_dir / "scheduler" / FILE_NAME
        self.zone = zone
        self.clock = clock
        self.show = show
        self._shown_to = self.size()

    def local(self, instant: datetime) -> str:
        """An instant as people at the zone read it, with its offset."""
        return instant.astimezone(self.zone).isoformat(sep=" ", timespec="minutes")

    def say(self, text: str) -> None:
        """One line of our own."""
        line = f"{self.clock.now().astimezone(self.zone).isoformat(timespec='seconds')} scheduler: {text}"
        self.show_new()
        self.show(line)
        try:
            self._start_new_day()
            self._append(line + "\n")
            self._shown_to = self.size()
        except (OSError, StravaStatsError) as error:  # a full disk must not end the scheduler
            self.show(f"{self.path} cannot be written: {error}")

    def open(self) -> int:
        """A descriptor for a child's output; OSError or StravaStatsError when there is none to be had."""
        make_folder(self.path.parent)
        return os.open(self.path, FLAGS, 0o644)

    def _append(self, text: str) -> None:
        descriptor = self.open()
        try:
            os.write(descriptor, text.encode(errors="backslashreplace"))
        finally:
            os.close(descriptor)

    def show_new(self) -> None:
        """Show whole lines that a child has written since the last look."""
        for line in self._lines_from(self._shown_to):
            self._shown_to += len(line)
            self.show(line.decode(errors="replace").rstrip("\n"))

    def size(self) -> int:
        """Where the next line will begin."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def last_failure(self, since: int) -> str:
        """What a child wrote last about its failure, behind the byte `since`; empty when it wrote nothing."""
        failures = [line for line in self._lines_from(since) if line.startswith(b"strava-stats: ")]
        return failures[-1].decode(errors="replace").strip()[:LONGEST_LINE] if failures else ""

    def _lines_from(self, offset: int) -> list[bytes]:
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                return [line for line in file.read().splitlines(keepends=True) if line.endswith(b"\n")]
        except OSError:
            return []

    def _start_new_day(self) -> None:
        today = self.clock.now().astimezone(self.zone).date()
        day = self._day_of_file()
        if day is not None and day != today:
            old = self.path.with_name(f"cron-{day}.log")
            if old.exists():  # the clock was set back: the day comes again
                with self.path.open("rb") as source, old.open("ab") as target:
                    shutil.copyfileobj(source, target)
                self.path.unlink()
            else:
                self.path.rename(old)
            self._forget_old(today)

    def _day_of_file(self) -> date | None:
        """The day of its first line, which is one of ours."""
        try:
            with self.path.open("rb") as file:
                return date.fromisoformat(file.read(10).decode(errors="replace"))
        except FileNotFoundError:
            return None
        except ValueError:
            return datetime.fromtimestamp(self.path.stat().st_mtime, self.zone).date()

    def _forget_old(self, today: date) -> None:
        for path in self.path.parent.iterdir():
            match = OLD_NAME.fullmatch(path.name)
            with suppress(ValueError, OSError):
                if match and date.fromisoformat(match[1]) < today - timedelta(days=KEPT_DAYS):
                    path.unlink()

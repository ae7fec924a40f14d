"""`cron/strava.cron`: what stands in it, and when its lines are due. No I/O.

The grammar and the days are cronsim's. The way from the clock on the wall to an instant is our own, because cronsim's
steps miss times where the clocks change by half an hour (docs/decisions/014-scheduler.md).
"""

from __future__ import annotations

import hashlib
import heapq
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from strava_stats.errors import ConfigurationError, UsageError

FIELDS = 5
FARTHEST = 50 * 366  # days; a line that is not due in fifty years never is
FORM = "write five fields and then options of `strava-stats flow`, such as: 0 5 * * * --days 30"
ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=")

Options = tuple[str, ...]
CheckOptions = Callable[[Options], None]
"""Raises UsageError when `flow` would not take them."""


@dataclass(frozen=True)
class Due:
    """A time that has come or will come, in UTC."""

    at: datetime
    options: Options


@dataclass(frozen=True)
class Line:
    """One line of the file: when, and with which options."""

    number: int
    fields: str
    options: Options

    def due_after(self, after: datetime, zone: ZoneInfo) -> Iterator[Due]:
        """All times behind `after`, ascending and each one once."""
        rule = _rule(self.fields)
        today = after.astimezone(zone).date()
        for ahead in range(-1, FARTHEST):
            for instant in _instants_of(rule, today + timedelta(days=ahead), zone):
                if instant > after:
                    after = instant
                    yield Due(instant, self.options)


@dataclass(frozen=True)
class Table:
    """The whole file; `digest` is that of its bytes."""

    lines: tuple[Line, ...]
    zone: ZoneInfo
    digest: str

    def due_after(self, after: datetime) -> Iterator[Due]:
        """The times of all lines behind `after`, in order; those of lines with the same options count once."""
        before: set[Due] = set()
        for due in heapq.merge(*(line.due_after(after, self.zone) for line in self.lines), key=lambda due: due.at):
            before = {one for one in before if one.at == due.at}
            if due not in before:
                before.add(due)
                yield due

    def due_between(self, after: datetime, until: datetime) -> Iterator[Due]:
        """What falls due behind `after` and no later than `until`."""
        for due in self.due_after(after):
            if due.at > until:
                return
            yield due

    def upcoming(self, now: datetime, count: int) -> list[Due]:
        """The next `count` times."""
        return list(islice(self.due_after(now), count))


def read_table(path: Path, zone: str, check_options: CheckOptions) -> Table:
    """The file's lines; ConfigurationError naming the line that is wrong."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"The cron file {path} cannot be read ({type(error).__name__})",
            "write it, readable for this user, with a line such as: 0 5 * * *",
        ) from error
    return parse_table(content, path, zone, check_options)


def parse_table(content: bytes, path: Path, zone: str, check_options: CheckOptions) -> Table:
    """The lines in `content`, which was read from `path`."""
    if b"\r" in content:
        number = content[: content.index(b"\r")].count(b"\n") + 1
        raise ConfigurationError(
            f"{path} line {number} ends as on Windows (CRLF)",
            f"run: sed -i 's/\\r$//' {shlex.quote(str(path))} — and set the editor to LF; `*.cron text eol=lf` in "
            ".gitattributes keeps git from turning it back",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is no UTF-8 text", "write it anew; comments may hold any UTF-8") from error
    lines = [
        _parse_line(line, f"{path} line {number}", number, check_options)
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise ConfigurationError(f"No line of {path} has a time", "add one, such as: 0 5 * * *")
    table = Table(tuple(lines), ZoneInfo(zone), hashlib.sha256(content).hexdigest())
    _refuse_what_never_comes(table, path)
    return table


def _parse_line(text: str, where: str, number: int, check_options: CheckOptions) -> Line:
    assigned = ASSIGNMENT.match(text.lstrip())
    if assigned:
        zone = assigned[1] in {"TZ", "CRON_TZ"}
        raise ConfigurationError(
            f"{where} sets {assigned[1]}, but only times stand in this file",
            f"delete that line{' and set TZ' if zone else ': settings stand'} in .env or the environment",
        )
    parts = text.split(None, FIELDS)
    fields = " ".join(parts[:FIELDS])
    if len(parts) < FIELDS:
        raise ConfigurationError(f"{where} has fewer than five fields: {fields[:60]!r}", FORM)
    try:
        _rule(fields)
    except CronSimError as error:
        raise ConfigurationError(f"{where}: {fields[:60]!r} is no time ({_said(error)})", FORM) from error
    try:
        options = tuple(shlex.split(parts[FIELDS])) if len(parts) > FIELDS else ()
        check_options(options)
    except ValueError as error:
        raise ConfigurationError(f"{where}: a quotation mark has no counterpart", FORM) from error
    except UsageError as error:
        raise ConfigurationError(f"{where}: {error.message}", FORM) from error
    return Line(number, fields, options)


def _said(error: CronSimError) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]


def _refuse_what_never_comes(table: Table, path: Path) -> None:
    for line in table.lines:
        if next(line.due_after(datetime.now(UTC), table.zone), None) is None:
            raise ConfigurationError(f"{path} line {line.number}: {line.fields!r} never comes", FORM)


# ---------------------------------------------------------------------------------------- wall clock → instants


@lru_cache(maxsize=64)
def _rule(fields: str) -> CronSim:
    """The parsed fields; its own iteration is not used, so that the moment it is made of does not matter."""
    return CronSim(fields, datetime(2000, 1, 1, tzinfo=UTC))


def _instants_of(rule: CronSim, day: date, zone: ZoneInfo) -> list[datetime]:
    """When the rule is due on a day of the zone's calendar, ascending."""
    if day.month not in rule.months or not rule.match_day(day):
        return []
    # cron runs what has a star in the minute or the hour by the passing of time, the rest once a day, come what may.
    once = not any(part.startswith("*") for part in rule.parts[1:3])
    walls = (datetime.combine(day, time(hour, minute)) for hour in rule.hours for minute in rule.minutes)
    return sorted({instant for wall in walls for instant in _instants(wall, zone, once=once)})


def _instants(wall: datetime, zone: ZoneInfo, *, once: bool) -> list[datetime]:
    """The instants at which clocks show `wall`: two when they are set back, none when they are set forward over it.

    With `once` it is the first of two, and in place of none the first minute that there is again.
    """
    found = [
        instant
        for fold in (0, 1)
        if (instant := wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)).astimezone(zone).replace(tzinfo=None)
        == wall
    ]
    if not once:
        return found
    while not found:
        wall += timedelta(minutes=1)
        found = _instants(wall, zone, once=False)
    return found[:1]

"""What cron does, minute by minute: the far end that due times are held against. Shares nothing with the product.

Written after crontab(5) and the behaviour that Debian's cron describes in cron(8): it looks at the wall clock once a
minute. Lines with a star in minute or hour run whenever the wall clock matches. The others run once a day: when the
wall clock has jumped forward, what was jumped over runs at once; what it shows for the second time does not run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = dict(
    zip(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], range(1, 13), strict=True)
)
WEEKDAYS = dict(zip(["sun", "mon", "tue", "wed", "thu", "fri", "sat"], range(7), strict=True))
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class CronLine:
    """Five fields as sets."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    both_days: bool
    starred: bool

    @classmethod
    def of(cls, text: str) -> CronLine:
        minute, hour, day, month, weekday = text.lower().split()
        weekdays = {7: 0}
        return cls(
            _numbers(minute, 0, 59, {}),
            _numbers(hour, 0, 23, {}),
            _numbers(day, 1, 31, {}),
            _numbers(month, 1, 12, MONTHS),
            frozenset(weekdays.get(one, one) for one in _numbers(weekday, 0, 7, WEEKDAYS)),
            day[0] == "*" or weekday[0] == "*",
            minute[0] == "*" or hour[0] == "*",
        )

    def shows(self, wall: datetime) -> bool:
        """Whether the line is due at this time of the wall clock."""
        if wall.minute not in self.minutes or wall.hour not in self.hours or wall.month not in self.months:
            return False
        by_day, by_weekday = wall.day in self.days, wall.isoweekday() % 7 in self.weekdays
        return (by_day and by_weekday) if self.both_days else (by_day or by_weekday)


def _numbers(field: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        first, dash, last = span.partition("-")
        if first == "*":
            begin, end = low, high
        else:
            begin = names[first] if first in names else int(first)
            end = (names[last] if last in names else int(last)) if dash else begin
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def minutes_of(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Each minute behind `begin` up to `end`, and what the wall clock shows then."""
    instant = begin
    while instant < end:
        instant += MINUTE
        yield instant, instant.astimezone(zone).replace(tzinfo=None)


def due_times(lines: list[str], zone: str, begin: datetime, end: datetime) -> dict[str, list[datetime]]:
    """When cron runs each line, in UTC."""
    rules = {text: CronLine.of(text) for text in lines}
    by_minute = [[(text, rule) for text, rule in rules.items() if minute in rule.minutes] for minute in range(60)]
    found: dict[str, list[datetime]] = {text: [] for text in lines}
    furthest = begin.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for instant, wall in minutes_of(ZoneInfo(zone), begin, end):
        fresh = {wall} if wall > furthest else set()
        if wall - furthest > MINUTE:
            fresh = {furthest + ahead * MINUTE for ahead in range(1, int((wall - furthest) / MINUTE) + 1)}
        for text, rule in rules.items() if len(fresh) > 1 else by_minute[wall.minute]:
            if rule.shows(wall) if rule.starred else any(rule.shows(one) for one in fresh):
                found[text].append(instant)
        furthest = max(furthest, wall)
    return found


def utc(text: str) -> datetime:
    """An instant from its ISO form without an offset."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)

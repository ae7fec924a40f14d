"""Strava's rate limits: per application, two counters, each with a quarter-hour and a day window.

Windows begin at :00/:15/:30/:45 and the day at 00:00 UTC, whenever the first call came. Refused calls count too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WINDOW_SECONDS = 900
DAY_SECONDS = 86_400

HeaderStyle = Literal["normal", "missing", "malformed", "overall_only"]
HeaderCase = Literal["wire", "documented", "lower"]


@dataclass(slots=True)
class Counter:
    """Calls in the current quarter of an hour and in the current UTC day, each against its limit."""

    limit_15min: int
    limit_daily: int
    window: int = -1
    day: int = -1
    used_15min: int = 0
    used_daily: int = 0

    def roll(self, now: float) -> None:
        """Begin new windows when the clock has left the old ones."""
        window, day = int(now // WINDOW_SECONDS), int(now // DAY_SECONDS)
        if window != self.window:
            self.window, self.used_15min = window, 0
        if day != self.day:
            self.day, self.used_daily = day, 0

    def add(self, now: float, calls: int) -> None:
        """Count calls."""
        self.roll(now)
        self.used_15min += calls
        self.used_daily += calls

    @property
    def exceeded(self) -> bool:
        """Whether the call just counted was one too many."""
        return self.used_15min > self.limit_15min or self.used_daily > self.limit_daily

    @property
    def limit_text(self) -> str:
        """`"15min,daily"`."""
        return f"{self.limit_15min},{self.limit_daily}"

    @property
    def usage_text(self) -> str:
        """`"15min,daily"`, the current call included."""
        return f"{self.used_15min},{self.used_daily}"


class RateLimiter:
    """The counters of one application: `overall` takes every call, `read` every GET."""

    def __init__(self, overall: tuple[int, int] = (200, 2000), read: tuple[int, int] = (100, 1000)) -> None:
        self.overall = Counter(*overall)
        self.read = Counter(*read)

    def set_limits(self, overall: tuple[int, int], read: tuple[int, int]) -> None:
        """Change the limits; what has been used stays used."""
        self.overall.limit_15min, self.overall.limit_daily = overall
        self.read.limit_15min, self.read.limit_daily = read

    def count(self, now: float, *, read: bool, calls: int = 1) -> None:
        """Count calls of ours or of another consumer of the same application."""
        self.overall.add(now, calls)
        self.read.add(now, calls if read else 0)

    def exceeded(self) -> str | None:
        """The `field` text of a 429, or None while the budget lasts."""
        if self.overall.exceeded:
            return "overall rate limit"
        return "read rate limit" if self.read.exceeded else None

    def snapshot(self, now: float) -> dict[str, dict[str, list[int]]]:
        """Limits and usage as `{"overall": {"limit": [15min, daily], "usage": […]}, "read": …}`."""
        for counter in (self.overall, self.read):
            counter.roll(now)
        return {
            name: {"limit": [c.limit_15min, c.limit_daily], "usage": [c.used_15min, c.used_daily]}
            for name, c in (("overall", self.overall), ("read", self.read))
        }

    def headers(self, style: HeaderStyle, case: HeaderCase) -> list[tuple[str, str]]:
        """The four headers in the order and spelling seen on the wire (`X-Ratelimit-Usage` …)."""
        pairs = [
            ("X-RateLimit-Usage", self.overall.usage_text),
            ("X-RateLimit-Limit", self.overall.limit_text),
            ("X-ReadRateLimit-Limit", self.read.limit_text),
            ("X-ReadRateLimit-Usage", self.read.usage_text),
        ]
        if style == "missing":
            return []
        if style == "malformed":
            pairs = [(name, ",") for name, _ in pairs]
        if style == "overall_only":
            pairs = pairs[:2]
        return [(_spell(name, case), value) for name, value in pairs]


def _spell(name: str, case: HeaderCase) -> str:
    if case == "lower":
        return name.lower()
    return name if case == "documented" else "-".join(part.capitalize() for part in name.split("-"))

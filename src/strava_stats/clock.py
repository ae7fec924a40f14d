"""Time as a value that is passed in, so that a day goes by in a test in a millisecond."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall clock and sleep."""

    def now(self) -> datetime:
        """The present instant, timezone-aware, UTC."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present instant, timezone-aware, UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass; negative values return at once."""
        time.sleep(max(0.0, seconds))

"""What a reader of one format hands on, before it gets the common shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]

MEASURED = ("lat", "lng", "altitude", "distance", "speed", "heartrate", "cadence", "watts", "temp")
"""Columns of a Recording: degrees, m, m, m/s, bpm, rpm, W, °C; NaN where there is no value."""

QUARTER, WESTMOST, EASTMOST = 900, -12 * 3600, 14 * 3600
"""Seconds; what zones have."""

MAX_POINTS = 2_000_000
"""Points a file may hold: 23 days at one a second. More is refused before it costs memory."""


class Unreadable(Exception):
    """A file that gives nothing: `status` is 'failed' or 'empty', the text is the reason (one line, no coordinates)."""

    def __init__(self, reason: str, status: Literal["failed", "empty"] = "failed") -> None:
        super().__init__(" ".join(reason.split()))
        self.status = status


class Refused(Unreadable):
    """A file that our reader does not take on, and a more patient one may."""


@dataclass
class Recording:
    """One file as its format tells it, in the order of the file."""

    format: str
    time: Floats
    """Seconds since 1970, or since the device was switched on (see `absolute`); NaN where a point has none."""
    columns: dict[str, Floats]
    """Those of MEASURED that the file has, each as long as `time`."""
    absolute: bool = True
    started: float | None = None
    """Start in seconds since 1970 for when `time` does not tell it."""
    utc_offset: int | None = None
    """Seconds that the file's own local stamp is ahead of UTC."""
    pauses: list[tuple[float, float]] = field(default_factory=list)
    """From, to: the timer stood still; on the clock of `time`."""
    facts: dict[str, Any] = field(default_factory=dict)
    laps: list[dict[str, Any]] = field(default_factory=list)
    """`start_time` on the clock of `time`; the rest as in the facts' laps."""
    notes: list[str] = field(default_factory=list)
    """What is wrong with a file that is read all the same."""


def quarter_of_an_hour(seconds: float) -> int | None:
    """A zone's offset from the difference of two stamps; None beyond what zones have."""
    rounded = round(seconds / QUARTER) * QUARTER
    return rounded if WESTMOST <= rounded <= EASTMOST else None

"""ISO 8601 instants of many points at once."""

# ruff: noqa: PLR2004 - the parts of a date and the largest digit are no constants of ours

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from strava_stats.export.devices.recording import Floats

WIDTH = 40
SEPARATORS = {4: b"-", 7: b"-", 13: b":", 16: b":"}
DIGITS = (0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18)

Bytes = npt.NDArray[np.uint8]


def parse_times(texts: Sequence[str]) -> tuple[Floats, Floats]:
    """Seconds since 1970, and seconds ahead of UTC, of texts as `2024-05-01T10:00:00[.fff][Z|+hh[:]mm]`.

    The first is NaN for what is no such text. The second is NaN where the text names no zone but Z; without a zone
    UTC is meant, as the GPX format asks.
    """
    if not texts:
        return np.empty(0), np.empty(0)
    trimmed = [text.strip()[:WIDTH] for text in texts]
    plain = [text if text.isascii() else "" for text in trimmed]
    table = np.array(plain, dtype=f"S{WIDTH}").view(np.uint8).reshape(len(plain), WIDTH)
    number = table - np.uint8(ord("0"))  # wraps: all that is no digit is above 9
    good = (number[:, DIGITS] <= 9).all(axis=1) & np.isin(table[:, 10], (ord("T"), ord(" "), ord("t")))
    for place, separator in SEPARATORS.items():
        good &= table[:, place] == separator[0]
    clean = np.where(good[:, None], number, 0).astype(np.int64)
    year = clean[:, 0] * 1000 + clean[:, 1] * 100 + clean[:, 2] * 10 + clean[:, 3]
    month, day, hour, minute, second = (clean[:, at] * 10 + clean[:, at + 1] for at in (5, 8, 11, 14, 17))
    good &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (hour <= 24) & (minute < 60) & (second <= 60)
    months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    seconds = (days * 86_400 + hour * 3600 + minute * 60 + second).astype(np.float64)
    seconds += _fraction(table, number)
    ahead = _offset(table, number)
    return np.where(good, seconds - np.nan_to_num(ahead), np.nan), ahead


def _fraction(table: Bytes, number: Bytes) -> Floats:
    """What stands after the seconds' point or comma, to the millisecond."""
    there = np.isin(table[:, 19], (ord("."), ord(",")))
    value = np.zeros(len(table))
    for digit in range(3):
        there = there & (number[:, 20 + digit] <= 9)
        value += np.where(there, number[:, 20 + digit], 0) * 10.0 ** -(digit + 1)
    return value


def _offset(table: Bytes, number: Bytes) -> Floats:
    """Seconds ahead of UTC of a zone as +hh, +hhmm or +hh:mm; NaN where there is none."""
    signs = np.isin(table, (ord("+"), ord("-")))
    signs[:, :19] = False
    there = signs.any(axis=1)
    at = np.minimum(signs.argmax(axis=1), WIDTH - 6)
    rows = np.arange(len(table))
    colon = table[rows, at + 3] == ord(":")
    digits = [number[rows, at + 1], number[rows, at + 2], number[rows, at + 3 + colon], number[rows, at + 4 + colon]]
    hours_only = (digits[2] > 9) | (digits[3] > 9)
    minutes = np.where(hours_only, 0, digits[2].astype(np.int64) * 10 + digits[3])
    seconds = (digits[0].astype(np.int64) * 10 + digits[1]) * 3600.0 + minutes * 60
    there &= (digits[0] <= 9) & (digits[1] <= 9)
    return np.where(there, np.where(table[rows, at] == ord("-"), -seconds, seconds), np.nan)

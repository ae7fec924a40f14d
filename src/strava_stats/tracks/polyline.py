"""Google's encoded polylines with 5 decimals, as Strava sends them: text to places and back.

The rule: https://developers.google.com/maps/documentation/utilities/polylinealgorithm
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALE = 1e5
FIRST = 63  # the character that stands for 0
LAST = 126
MORE = 0x20  # set in all characters of a number but its last
BITS = 5
LONGEST = 7  # characters: 180 degrees, there and back, need 26 bits


def decode_polyline(text: str) -> NDArray[Any]:
    """The places of a polyline as an array of shape (n, 2): degrees north, degrees east. ValueError when it is none."""
    import numpy as np  # noqa: PLC0415 - not for `--help`

    codes = np.frombuffer(text.encode("utf-8"), dtype=np.uint8).astype(np.int64) - FIRST
    if not codes.size:
        return np.empty((0, 2))
    ends = np.flatnonzero(codes < MORE)
    starts = np.concatenate(([0], ends + 1))[:-1]
    if codes.min() < 0 or codes.max() > LAST - FIRST or codes[-1] >= MORE or ends.size % 2:
        raise ValueError("this is no encoded polyline")
    lengths = ends - starts + 1
    if lengths.max() > LONGEST:
        raise ValueError("a number of the polyline is too long")
    shifts = BITS * (np.arange(codes.size) - np.repeat(starts, lengths))
    values = np.add.reduceat((codes & (MORE - 1)) << shifts, starts)
    steps = np.where(values & 1, ~(values >> 1), values >> 1)
    return np.cumsum(steps.reshape(-1, 2), axis=0) / SCALE


def encode_polyline(places: NDArray[Any]) -> str:
    """The polyline of places (n, 2) in degrees, rounded to 5 decimals; no places give an empty text."""
    import numpy as np  # noqa: PLC0415

    if not len(places):
        return ""
    whole = np.rint(places * SCALE).astype(np.int64)
    steps: NDArray[Any] = np.diff(whole, axis=0, prepend=np.zeros((1, 2), np.int64)).reshape(-1)
    values: NDArray[Any] = np.where(steps < 0, ~(steps << 1), steps << 1)
    parts = values[:, None] >> (BITS * np.arange(LONGEST))
    has_more = parts >= MORE
    codes = np.where(has_more, (parts & (MORE - 1)) | MORE, parts) + FIRST
    is_used = np.concatenate((np.ones((len(parts), 1), bool), has_more[:, :-1]), axis=1)
    return str(codes[is_used].astype(np.uint8).tobytes(), "ascii")

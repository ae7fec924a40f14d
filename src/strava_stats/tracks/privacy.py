"""Privacy zones: circles whose inside leaves in no export.

Distances are great-circle distances on a sphere with the Earth's mean radius, as in warehouse/sql/export/macros.sql,
where the same rules stand for samples. Here they are for what SQL cannot take apart: polylines and JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from strava_stats.redaction import PLACE_KEY
from strava_stats.tracks.polyline import decode_polyline, encode_polyline

if TYPE_CHECKING:
    from numpy.typing import NDArray

EARTH = 6_371_008.8  # m, mean radius
PLACE = 2  # numbers: latitude and longitude


class Zone(NamedTuple):
    """A circle: degrees north, degrees east, metres."""

    lat: float
    lng: float
    radius: float

    def __repr__(self) -> str:
        return "Zone(…)"  # a traceback is no place for it


def polyline_cutter(zones: Sequence[Zone]) -> Callable[[str | None], str | None]:
    """A function that cuts zones out of an encoded polyline.

    A polyline is one line and cannot have a gap. So what is left is its longest piece that lies outside of all zones,
    line and points: after a start or finish in a zone that is all the rest. None when nothing is left, or when the
    text is no polyline. One that no zone touches comes back as it was.
    """

    def cut(text: str | None) -> str | None:
        if not text:
            return text
        try:
            places = decode_polyline(text)
        except ValueError:
            return None
        kept = longest_piece(places, zones)
        if len(kept) == len(places):
            return text
        return encode_polyline(kept) or None

    return cut


def longest_piece(places: NDArray[Any], zones: Sequence[Zone]) -> NDArray[Any]:
    """The stretch of `places` (n, 2) with the most metres that no zone touches; the first of equals."""
    import numpy as np  # noqa: PLC0415 - not for `--help`

    is_hidden = np.zeros(len(places), bool)
    is_broken = np.zeros(max(len(places) - 1, 0), bool)  # between a place and the next
    steps = metres_between(places[:-1], places[1:])
    for zone in zones:
        away = metres_between(places, np.array([[zone.lat, zone.lng]]))
        is_hidden |= away <= zone.radius
        is_broken |= line_crosses(away[1:], away[:-1], steps, zone.radius)
    is_broken |= is_hidden[:-1] | is_hidden[1:]
    bounds = [0, *(np.flatnonzero(is_broken) + 1).tolist(), len(places)]
    pieces = [slice(first, last) for first, last in pairwise(bounds) if not is_hidden[first:last].any()]
    longest = max(pieces, key=lambda piece: float(steps[piece.start : piece.stop - 1].sum()), default=slice(0, 0))
    return places[longest]


def metres_between(some: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
    """Great-circle distances between places (n, 2) in degrees, row by row."""
    import numpy as np  # noqa: PLC0415

    one, other = np.radians(some), np.radians(others)
    half = np.sin((other - one) / 2) ** 2
    chord = half[:, 0] + np.cos(one[:, 0]) * np.cos(other[:, 0]) * half[:, 1]
    metres: NDArray[Any] = 2 * EARTH * np.arcsin(np.sqrt(np.minimum(1, chord)))
    return metres


def line_crosses(away: NDArray[Any], away_before: NDArray[Any], steps: NDArray[Any], radius: float) -> NDArray[Any]:
    """Whether the straight line between two places outside a circle passes through it, as the SQL macro has it."""
    import numpy as np  # noqa: PLC0415

    foot = (away**2 - away_before**2 + steps**2) / np.where(steps > 0, 2 * steps, 1)
    crosses: NDArray[Any] = (np.abs(away**2 - away_before**2) < steps**2) & (away**2 - foot**2 <= radius**2)
    return crosses


def without_places(text: str | None) -> str | None:
    """JSON without what names a place: the value of such a key becomes null, as do two decimals alone in a list.

    Whether the place lies in a zone is not asked: this is what has no column, and rarely anything. Other values keep
    their digits; JSON without a place comes back as it was, and None when the text is no JSON.
    """
    import msgspec  # noqa: PLC0415

    if text is None:
        return None
    try:
        content = msgspec.json.Decoder(float_hook=Decimal).decode(text)
    except msgspec.DecodeError:
        return None
    blanked = _blanked(content)
    if blanked == content:
        return text
    return msgspec.json.Encoder(decimal_format="number").encode(blanked).decode()


def _blanked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: None if PLACE_KEY.search(key) else _blanked(one) for key, one in value.items()}
    if isinstance(value, list):
        if len(value) == PLACE and all(isinstance(one, Decimal) for one in value):
            return None
        return [_blanked(one) for one in value]
    return value

"""A track as an encoded polyline (precision 5, Google's algorithm), thinned to what a map needs."""

from __future__ import annotations

import numpy as np

from strava_stats.export.devices.recording import Floats

MOST_POINTS = 300
ENDS = 2
MORE = 0x20
"""The bit of a character that says another one follows."""
IN_LINE = 3.0
"""Metres off the line between its neighbours below which a point says nothing."""
METRES_PER_DEGREE = 111_195.0


def thin(lat: Floats, lng: Floats) -> tuple[Floats, Floats]:
    """At most MOST_POINTS positions, evenly spaced along the track, without those in line with their neighbours."""
    if len(lat) > MOST_POINTS:
        flat = np.cos(np.radians(lat[:-1]))
        along = np.cumsum(np.hypot(np.diff(lat), np.diff(lng) * flat))
        marks = np.linspace(0, along[-1], MOST_POINTS)
        kept = np.unique(np.concatenate([[0], np.searchsorted(along, marks[1:-1]) + 1, [len(lat) - 1]]))
        kept = kept[kept < len(lat)]
        lat, lng = lat[kept], lng[kept]
    if len(lat) <= ENDS:
        return lat, lng
    y = lat * METRES_PER_DEGREE
    x = lng * METRES_PER_DEGREE * np.cos(np.radians(lat))
    dx, dy = x[2:] - x[:-2], y[2:] - y[:-2]
    chord = np.hypot(dx, dy)
    off = np.abs(dx * (y[1:-1] - y[:-2]) - dy * (x[1:-1] - x[:-2])) / np.maximum(chord, 1e-9)
    turning = (off > IN_LINE) | (chord < IN_LINE)
    turning[::2] = True  # never two neighbours at once, so that a slow bend stays a bend
    kept = np.concatenate([[True], turning, [True]])
    return lat[kept], lng[kept]


def encode(lat: Floats, lng: Floats) -> str:
    """The encoded polyline of the positions."""
    units = np.rint(np.stack([lat, lng], axis=1) * 1e5).astype(np.int64)
    steps = units - np.concatenate([np.zeros((1, 2), np.int64), units[:-1]])
    zigzag = np.where(steps < 0, ~(steps << 1), steps << 1).ravel()
    text: list[str] = []
    for value in zigzag.tolist():
        rest = value
        while rest >= MORE:
            text.append(chr((MORE | rest & 0x1F) + 63))
            rest >>= 5
        text.append(chr(rest + 63))
    return "".join(text)

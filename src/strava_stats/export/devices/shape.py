"""The columns of any format → the samples that every activity has, as scaled integers.

Time: seconds from the first sample, rounded; sorted; of several points in a second the last one of the file stays.
Distance: of the file, else along the positions (haversine on a sphere of 6,371 km).
Velocity: of the file, else the distance covered in the five seconds around a sample.
Grade: altitude gained over distance covered in the 21 seconds around a sample, at most ±50 %, 0 when standing.
Moving: the timer runs and the velocity is not below 0.5 m/s; where there is no velocity, only the timer counts.
Strava does not publish its rule; this one is near what it shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strava_stats.export.devices.recording import Floats, Ints, Recording

NULL = -(2**31)
"""What stands for "no value" in the integer columns."""

SCALES = {
    "distance": (10, 999_999_999),
    "lat": (1_000_000, 90_000_000),
    "lng": (1_000_000, 180_000_000),
    "altitude": (10, 999_999),
    "velocity_smooth": (1000, 999_999),
    "heartrate": (1, 32_767),
    "cadence": (1, 32_767),
    "watts": (1, 32_767),
    "temp": (1, 127),
    "grade_smooth": (10, 9_999),
}
"""Column → integers a unit, largest integer; a larger value becomes NULL."""

EARTH = 6_371_000.0
POLE, DATE_LINE = 90.0, 180.0
ABSURD = 1e9
"""No column has a value of this size."""
STANDING = 0.5
STEEPEST = 50.0
VELOCITY_WINDOW = 5.0
GRADE_WINDOW = 21.0
LONGEST = 31 * 86_400
"""Seconds from the middle of an activity beyond which a stamp is a fault of the device's clock."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Samples:
    """One activity's samples; `columns` holds t, moving (0, 1) and those of SCALES, NULL for none."""

    start: float
    """Of the first sample, on the clock of the Recording."""
    columns: dict[str, Ints]
    degrees: tuple[Floats, Floats]
    """The positions there are."""

    def __len__(self) -> int:
        return len(self.columns["t"])


def shape(recording: Recording) -> Samples | None:
    """The samples of a recording, None when no point has a time; notes what was left out."""
    rows, start, t = _seconds(recording)
    if not len(rows):
        return None
    taken = {name: values[rows] for name, values in recording.columns.items()}
    lat, lng = _positions(taken, len(rows))
    at = t.astype(np.float64)
    distance = _clean(taken.get("distance"), len(rows), 0)
    if np.isnan(distance).all():
        distance = _along(lat, lng)
    altitude = _clean(taken.get("altitude"), len(rows), -1_000)
    speed = _clean(taken.get("speed"), len(rows), 0)
    if np.isnan(speed).all():
        speed = _slope(at, distance, VELOCITY_WINDOW)
    heartrate = _clean(taken.get("heartrate"), len(rows), 1)  # 0 is a strap without contact, no heart rate
    floats = {
        "distance": distance,
        "lat": lat,
        "lng": lng,
        "altitude": altitude,
        "velocity_smooth": speed,
        "heartrate": heartrate,
        "cadence": _clean(taken.get("cadence"), len(rows), 0),
        "watts": _clean(taken.get("watts"), len(rows), 0),
        "temp": _clean(taken.get("temp"), len(rows), -100),
        "grade_smooth": _grade(at, distance, altitude),
    }
    columns = {"t": t, "moving": _moving(recording, start + at, speed).astype(np.int32)}
    columns |= {name: scaled(name, values) for name, values in floats.items()}
    there = ~np.isnan(lat)
    return Samples(start, columns, (lat[there], lng[there]))


def scaled(name: str, values: Floats) -> Ints:
    """The integers of a column of SCALES; NULL where there is no value or it does not fit."""
    factor, largest = SCALES[name]
    whole = np.rint(values * factor)
    fits = np.abs(whole) <= largest  # false for NaN too
    return np.where(fits, np.where(fits, whole, 0), NULL).astype(np.int32)


def _seconds(recording: Recording) -> tuple[npt.NDArray[np.intp], float, Ints]:
    """Which points are samples, in order of time; when the first one was; seconds from it."""
    points = np.flatnonzero(np.isfinite(recording.time))
    times = recording.time[points]
    if len(points):
        near = np.abs(times - np.median(times)) <= LONGEST
        if not near.all():
            recording.notes.append("samples with a time far from all others were left out")
        points, times = points[near], times[near]
    order = np.argsort(times, kind="stable")
    points, times = points[order], times[order]
    if not len(points):
        return points, 0.0, np.empty(0, np.int32)
    start = float(times[0])
    t = np.rint(times - start).astype(np.int32)
    last = np.append(t[1:] != t[:-1], True)
    return points[last], start, t[last]


def _positions(taken: dict[str, Floats], count: int) -> tuple[Floats, Floats]:
    """Latitude and longitude, NaN together.

    0,0 lies in the sea off Ghana: trainers and virtual rides write it for "no position".
    """
    none = np.full(count, np.nan)
    lat, lng = taken.get("lat", none), taken.get("lng", none)
    wrong = ~((np.abs(lat) <= POLE) & (np.abs(lng) <= DATE_LINE)) | ((lat == 0) & (lng == 0))
    return np.where(wrong, np.nan, lat), np.where(wrong, np.nan, lng)


def _clean(values: Floats | None, count: int, least: float) -> Floats:
    if values is None:
        return np.full(count, np.nan)
    return np.where((values >= least) & (values < ABSURD), values, np.nan)


def _along(lat: Floats, lng: Floats) -> Floats:
    """Metres from the first position along all of them; the last known distance where there is no position."""
    there = np.flatnonzero(~np.isnan(lat))
    if not len(there):
        return np.full(len(lat), np.nan)
    y, x = np.radians(lat[there]), np.radians(lng[there])
    half = np.sin(np.diff(y) / 2) ** 2 + np.cos(y[1:]) * np.cos(y[:-1]) * np.sin(np.diff(x) / 2) ** 2
    covered = np.concatenate([[0.0], np.cumsum(2 * EARTH * np.arcsin(np.sqrt(np.minimum(half, 1))))])
    return covered[np.maximum(np.searchsorted(there, np.arange(len(lat)), side="right") - 1, 0)]


def _change(t: Floats, values: Floats, window: float) -> tuple[Floats, Floats] | None:
    """Change of `values` over the `window` seconds around each sample, and the seconds it took."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) <= 1:
        return None
    before, after = np.maximum(t - window / 2, t[known[0]]), np.minimum(t + window / 2, t[known[-1]])
    over = np.interp(after, t[known], values[known]) - np.interp(before, t[known], values[known])
    return over, after - before


def _slope(t: Floats, values: Floats, window: float) -> Floats:
    """Change a second; NaN where nothing is known."""
    change = _change(t, values, window)
    if change is None:
        return np.full(len(t), np.nan)
    over, seconds = change
    return np.where(seconds > 0, np.maximum(over, 0) / np.where(seconds > 0, seconds, 1), np.nan)


def _grade(t: Floats, distance: Floats, altitude: Floats) -> Floats:
    covered, climbed = _change(t, distance, GRADE_WINDOW), _change(t, altitude, GRADE_WINDOW)
    if covered is None or climbed is None:
        return np.full(len(t), np.nan)
    metres = covered[0]
    grade = np.where(metres > 1, climbed[0] / np.where(metres > 1, metres, 1) * 100, 0)
    return np.where(np.isnan(altitude), np.nan, np.clip(grade, -STEEPEST, STEEPEST))


def _moving(recording: Recording, at: Floats, speed: Floats) -> Flags:
    moving = ~(speed < STANDING)
    for stopped, started in recording.pauses:
        moving[np.searchsorted(at, stopped, side="right") : np.searchsorted(at, started, side="left")] = False
    return moving

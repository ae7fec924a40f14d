"""FIT files that our reader refuses, by fitdecode: hundreds of times slower, but patient."""

from __future__ import annotations

from typing import Any

import numpy as np

from strava_stats.export.devices.fit import EPOCH, RELATIVE_BELOW, SEMICIRCLE
from strava_stats.export.devices.recording import MAX_POINTS, Recording, Unreadable

FIELDS = {
    "lat": "position_lat",
    "lng": "position_long",
    "altitude": "enhanced_altitude",
    "distance": "distance",
    "speed": "enhanced_speed",
    "heartrate": "heart_rate",
    "cadence": "cadence",
    "watts": "power",
    "temp": "temperature",
}


def read_slowly(data: bytes) -> Recording:
    """The record messages as fitdecode reads them, up to where it stumbles; raises Unreadable when there are none."""
    import fitdecode  # noqa: PLC0415 - for rare files alone

    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    try:
        # without a processor values stay numbers: a time is seconds since 1989, a position semicircles
        with fitdecode.FitReader(data, processor=None, check_crc=fitdecode.CrcCheck.DISABLED) as reader:
            for frame in reader:
                if isinstance(frame, fitdecode.FitDataMessage) and frame.name == "record":
                    rows.append({field.name: field.value for field in frame.fields})
                    if len(rows) > MAX_POINTS:
                        raise Unreadable(f"more than {MAX_POINTS:,} samples")
    except fitdecode.FitError:
        notes.append("the file is damaged")
    if not rows:
        raise Unreadable("no sample can be read")

    def column(name: str) -> np.typing.NDArray[np.float64]:
        values = [row.get(name) for row in rows]
        return np.array([value if isinstance(value, int | float) else np.nan for value in values], np.float64)

    stamps = column("timestamp")
    known = stamps[~np.isnan(stamps)]
    absolute = not len(known) or bool(np.median(known) >= RELATIVE_BELOW)
    columns = {name: column(field) * (SEMICIRCLE if name in {"lat", "lng"} else 1) for name, field in FIELDS.items()}
    return Recording("fit", stamps + (EPOCH if absolute else 0), columns, absolute, notes=notes)

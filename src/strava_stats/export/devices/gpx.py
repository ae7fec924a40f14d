"""GPX → Recording: the points of all tracks and segments, with the extensions of Garmin and others."""

from __future__ import annotations

import numpy as np

from strava_stats.export.devices.recording import MEASURED, Recording, Unreadable, quarter_of_an_hour
from strava_stats.export.devices.xml_points import Element, Points, forget, local_name, stream

FIELDS = {
    "time": "time",
    "ele": "altitude",
    "hr": "heartrate",
    "heartrate": "heartrate",
    "cad": "cadence",
    "cadence": "cadence",
    "atemp": "temp",
    "temp": "temp",
    "temperature": "temp",
    "power": "watts",
    "watts": "watts",
    "powerinwatts": "watts",
    "speed": "speed",
    "distance": "distance",
}
"""GPX 1.0 and 1.1, Garmin's TrackPointExtension v1 and v2 and PowerExtension, Cluetrust's gpxdata; any prefix."""


def read_gpx(data: bytes) -> Recording:
    """One GPX file; raises Unreadable when it has no track point."""
    points, notes = Points(FIELDS), list[str]()
    sport = creator = root = None
    for elements in stream(data, ("trkpt", "type", "metadata", "gpx"), notes):
        trackpoints: list[Element] = []
        for element in elements:
            name = local_name(str(element.tag))
            if name == "trkpt":
                trackpoints.append(element)
            elif name == "type" and sport is None and (parent := element.getparent()) is not None:
                sport = _text(element) if local_name(str(parent.tag)) == "trk" else None
        if elements and root is None:
            root = elements[0].getroottree().getroot()
            creator = " ".join((root.get("creator") or "").split()) or None
        points.take(trackpoints)
        forget(trackpoints)
    if root is None:
        raise Unreadable(notes[0] if notes else "the file is no GPX")
    if not points.count:
        raise Unreadable(notes[0] if notes else "no track point", "failed" if notes else "empty")
    columns = points.columns()
    time = columns.get("time", np.full(points.count, np.nan))
    zones = columns.get("zone", np.empty(0))
    return Recording(
        "gpx",
        time,
        {name: columns[name] for name in MEASURED if name in columns},
        utc_offset=local_offset(zones),
        facts={"sport": sport, "device_name": creator},
        notes=notes,
    )


def local_offset(zones: np.typing.NDArray[np.float64]) -> int | None:
    """The offset of the first stamp that has one; +00:00 is what many write for UTC anywhere, so it tells nothing."""
    named = zones[~np.isnan(zones) & (zones != 0)]
    return quarter_of_an_hour(float(named[0])) if len(named) else None


def _text(element: Element) -> str | None:
    return " ".join((element.text or "").split())[:100] or None

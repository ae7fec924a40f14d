"""TCX → Recording: laps with their totals, track points with Garmin's ActivityExtension."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from strava_stats.export.devices.gpx import local_offset
from strava_stats.export.devices.iso_times import parse_times
from strava_stats.export.devices.recording import MEASURED, Recording, Unreadable
from strava_stats.export.devices.xml_points import Element, Points, forget, local_name, number, stream

FIELDS = {
    "time": "time",
    "latitudedegrees": "lat",
    "longitudedegrees": "lng",
    "altitudemeters": "altitude",
    "distancemeters": "distance",
    "value": "heartrate",  # the only Value in a point is that of HeartRateBpm
    "cadence": "cadence",
    "runcadence": "cadence",
    "speed": "speed",
    "watts": "watts",
}
LAP_FIELDS = {
    "totaltimeseconds": "elapsed_time",
    "distancemeters": "distance",
    "maximumspeed": "max_speed",
    "calories": "calories",
    "averageheartratebpm": "average_heartrate",
    "maximumheartratebpm": "max_heartrate",
    "cadence": "average_cadence",
    "avgruncadence": "average_cadence",
    "avgspeed": "average_speed",
    "avgwatts": "average_watts",
}
MAX_LAPS = 5_000


@dataclass
class Summary:
    """What stands beside the points."""

    laps: list[dict[str, Any]] = field(default_factory=list)
    sports: list[str] = field(default_factory=list)
    device: str | None = None
    is_tcx: bool = False

    def take(self, element: Element) -> None:
        """Read one finished element."""
        name = local_name(str(element.tag))
        self.is_tcx = True
        if name == "lap" and len(self.laps) < MAX_LAPS and element.get("StartTime"):
            self.laps.append(_lap(element))
        elif name == "activity":
            self.sports.append(" ".join((element.get("Sport") or "").split())[:100])
        elif name == "creator":
            self.device = _creator(element)


def read_tcx(data: bytes) -> Recording:
    """One TCX file; raises Unreadable when it has neither a point nor a lap of an activity."""
    points, summary, notes = Points(FIELDS), Summary(), list[str]()
    for elements in stream(data, ("Trackpoint", "Lap", "Activity", "Creator", "TrainingCenterDatabase"), notes):
        trackpoints = [element for element in elements if local_name(str(element.tag)) == "trackpoint"]
        for element in elements:
            summary.take(element)
        points.take(trackpoints)
        forget(trackpoints)
    laps, sports = summary.laps, summary.sports
    if not summary.is_tcx:
        raise Unreadable(notes[0] if notes else "the file is no TCX")
    if not laps and not points.count:
        raise Unreadable(notes[0] if notes else "no activity in the file", "failed" if notes else "empty")
    if not laps and not sports and not notes:
        raise Unreadable("a course, not an activity", "empty")
    columns = points.columns()
    return Recording(
        "tcx",
        columns.get("time", np.full(points.count, np.nan)),
        {name: columns[name] for name in MEASURED if name in columns},
        started=min((lap["start_time"] for lap in laps if lap["start_time"] is not None), default=None),
        utc_offset=local_offset(columns.get("zone", np.empty(0))),
        facts=_totals(laps) | {"sport": (sports[0] or None) if sports else None, "device_name": summary.device},
        laps=laps,
        notes=notes,
    )


def _lap(lap: Element) -> dict[str, Any]:
    """A lap's own totals: of its children and its extensions, not of its points."""
    start = float(parse_times([lap.get("StartTime") or ""])[0][0])
    found: dict[str, Any] = {"start_time": None if np.isnan(start) else start}
    for child in lap:
        tag = local_name(str(child.tag))
        if tag == "track":
            continue
        for element in child.iter():
            column = LAP_FIELDS.get(local_name(str(element.tag)))
            if column:
                # heart rates stand in a Value below
                value = number(element.text if not len(element) else element[0].text)
                found[column] = value if np.isfinite(value) else None
    found["moving_time"] = found.get("elapsed_time")  # TotalTimeSeconds is the timer's
    return found


def _totals(laps: list[dict[str, Any]]) -> dict[str, Any]:
    def total(name: str) -> float | None:
        values = [lap[name] for lap in laps if lap.get(name) is not None]
        return sum(values) if values else None

    return {"distance": total("distance"), "moving_time": total("moving_time"), "calories": total("calories")}


def _creator(element: Element) -> str | None:
    for child in element:
        if local_name(str(child.tag)) == "name":
            return " ".join((child.text or "").split())[:100] or None
    return None

"""Bulk exports of our own making: a table of activities and device files, as Strava packs them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HEADER = (
    "Activity ID", "Activity Date", "Activity Name", "Activity Type", "Activity Description", "Elapsed Time",
    "Distance", "Max Heart Rate", "Relative Effort", "Commute", "Activity Private Note", "Activity Gear", "Filename",
    "Athlete Weight", "Bike Weight", "Elapsed Time", "Moving Time", "Distance", "Max Speed", "Average Speed",
    "Elevation Gain", "Media",
)  # fmt: skip

GPX = """<?xml version="1.0"?>
<gpx xmlns="http://www.topografix.com/GPX/1/1" creator="A Watch"><trk><trkseg>{points}</trkseg></trk></gpx>
"""


def table(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """activities.csv: each row by `id`, `start` (datetime, None for a blank cell), `name`, `distance` (m) and so on."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for row in rows:
        start: datetime | None = row["start"]
        metres, seconds = row.get("distance", 1000.0), row.get("seconds", 600)
        when = f"{start:%b} {start.day}, {start.year}, {start.hour % 12 or 12}:{start:%M:%S %p}" if start else ""
        writer.writerow([
            row["id"], when, row.get("name", "Named by the archive"), row.get("sport", "Run"),
            row.get("description", ""), seconds, f"{metres / 1000:.2f}", row.get("max_heartrate", ""), "", "false", "",
            "", row.get("file", ""), "", "", float(seconds), float(row.get("moving", seconds)), metres,
            "", "", row.get("climb", ""), row.get("media", ""),
        ])  # fmt: skip
    return text.getvalue().encode()


def archive(
    path: Path,
    rows: Iterable[Mapping[str, Any]],
    files: Mapping[str, bytes] | None = None,
    *,
    athlete_id: int | None = None,
    made: tuple[int, int, int, int, int, int] = (2026, 1, 1, 0, 0, 0),
) -> Path:
    """A ZIP with that table, these files, and a profile when it is to say whose it is."""
    members = {"activities.csv": table(rows), **(files or {})}
    if athlete_id is not None:
        members["profile.csv"] = f"Athlete ID,First Name,Last Name\n{athlete_id},Jamie,Sample\n".encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(zipfile.ZipInfo(name, made), content)
    return path


def gpx(start: datetime, seconds: int = 120, lat: float = 52.5, lng: float = 13.4) -> bytes:
    """A track of a point a second, going north."""
    points = "".join(
        f'<trkpt lat="{lat + second * 3e-5:.6f}" lon="{lng}"><ele>{40 + second % 7}</ele>'
        f"<time>{datetime.fromtimestamp(start.timestamp() + second, UTC):%Y-%m-%dT%H:%M:%SZ}</time></trkpt>"
        for second in range(seconds)
    )
    return GPX.format(points=points).encode()

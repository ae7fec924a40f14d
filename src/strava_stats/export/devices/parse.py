"""One member → its samples and one row of facts, whatever is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from strava_stats.export.devices.content import Content, read_member
from strava_stats.export.devices.polyline import encode, thin
from strava_stats.export.devices.recording import Ints, Recording, Refused, Unreadable
from strava_stats.export.devices.shape import ABSURD, Samples, shape

FORMATS = ("fit", "gpx", "tcx")
SNIFFED = 4096
XML_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?(gpx|TrainingCenterDatabase)[\s/>]")
EARLIEST, LATEST = -2_208_988_800, 4_102_444_800
"""1900 and 2100: a start outside is a fault of the device's clock."""
MOST_SAMPLES = 1_000_000
"""Of one activity; 11 days at one a second."""


@dataclass(frozen=True)
class Job:
    """A member to read: where the archive (or folder) lies, and whose activity it is.

    `size` and `crc` are those of the archive's directory; they name the file in the facts when nobody could read it.
    """

    activity_id: int
    athlete_id: int
    source: Path
    member: str
    limit: int = 256_000_000
    """Bytes the member may have once inflated."""
    size: int | None = None
    crc: int | None = None


@dataclass(frozen=True)
class Parsed:
    """A row of facts, and the samples' columns (scaled integers, see shape.py) when there are any."""

    facts: dict[str, Any]
    samples: dict[str, Ints] | None = None


def parse_member(job: Job) -> Parsed:
    """Read and parse one member; every fault of the file ends up in the facts."""
    facts = blank_facts(job)
    try:
        content = read_member(job.source, job.member, job.limit)
        facts |= {"size": content.size, "crc": content.crc}
        facts["format"] = detect_format(content.data, job.member)
        return parse_content(facts, content)
    except Unreadable as error:
        return Parsed(facts | {"status": error.status, "error": str(error)})


def blank_facts(job: Job) -> dict[str, Any]:
    """The facts of a file of which nothing is known yet."""
    return {
        "activity_id": job.activity_id,
        "athlete_id": job.athlete_id,
        "member": job.member.encode("utf-8", "backslashreplace").decode(),  # a folder may hold any bytes
        "size": job.size,
        "crc": job.crc,
        "format": None,
        "status": "failed",
        "error": None,
        "samples": 0,
        "laps": [],
    }


def failed(job: Job, reason: str) -> Parsed:
    """What is said of a file whose reader did not survive it."""
    return Parsed(blank_facts(job) | {"error": reason})


def detect_format(data: bytes, name: str) -> str | None:
    """'fit', 'gpx' or 'tcx' by content, else by name; None when neither tells."""
    if data[8:12] == b".FIT":
        return "fit"
    head = data[:SNIFFED].replace(b"\0", b"")  # UTF-16 is read as if it were ASCII
    root = XML_ROOT.search(head)
    if root:
        return "gpx" if root[1] == b"gpx" else "tcx"
    parts = name.lower().rsplit("/", 1)[-1].split(".")[1:]
    return next((part for part in reversed(parts) if part in FORMATS), None)


def read_recording(data: bytes, kind: str | None) -> Recording:
    """Parse the bytes of a format; raises Unreadable."""
    if kind == "fit":
        from strava_stats.export.devices.fit import read_fit  # noqa: PLC0415 - only what the file needs

        try:
            return read_fit(data)
        except Refused:
            from strava_stats.export.devices.fit_fallback import read_slowly  # noqa: PLC0415 - rare

            return read_slowly(data)
    if kind == "gpx":
        from strava_stats.export.devices.gpx import read_gpx  # noqa: PLC0415 - 20 ms of lxml

        return read_gpx(data)
    if kind == "tcx":
        from strava_stats.export.devices.tcx import read_tcx  # noqa: PLC0415 - the same

        return read_tcx(data)
    raise Unreadable("neither FIT nor GPX nor TCX")


def parse_content(facts: dict[str, Any], content: Content) -> Parsed:
    """The samples and facts of the bytes of a member, whose format is in `facts`; raises Unreadable."""
    recording = read_recording(content.data, facts["format"])
    samples = shape(recording)
    notes = [note for note in (content.note, *recording.notes) if note]
    if samples is not None and len(samples) > MOST_SAMPLES:
        raise Unreadable(f"more than {MOST_SAMPLES:,} samples")
    facts |= recording.facts
    facts |= _when(recording, samples)
    facts["laps"] = _laps(recording, samples)
    if samples is None:
        status = "failed" if notes and not recording.facts.get("elapsed_time") else "empty"
        why = "no sample with a time" if len(recording.time) else "no sample"
        return Parsed(facts | {"status": status, "error": "; ".join([why, *notes])})
    facts |= _where(samples) | _totals(recording, samples)
    return Parsed(facts | {"status": "ok", "error": "; ".join(notes) or None, "samples": len(samples)}, samples.columns)


def instant(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as an instant, None for what no activity can have."""
    if seconds is None or not EARLIEST <= seconds <= LATEST:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=round(seconds))


def _when(recording: Recording, samples: Samples | None) -> dict[str, Any]:
    start = samples.start if samples is not None and recording.absolute else recording.started
    began = instant(start)
    offset = recording.utc_offset
    local = None if began is None or offset is None else (began + timedelta(seconds=offset)).replace(tzinfo=None)
    return {"start_time": began, "local_start": local, "utc_offset": None if local is None else offset}


def _where(samples: Samples) -> dict[str, Any]:
    lat, lng = samples.degrees
    if not len(lat):
        return {}
    return {
        "start_lat": round(float(lat[0]), 6),
        "start_lng": round(float(lng[0]), 6),
        "end_lat": round(float(lat[-1]), 6),
        "end_lng": round(float(lng[-1]), 6),
        "polyline": encode(*thin(lat, lng)),
    }


def _totals(recording: Recording, samples: Samples) -> dict[str, Any]:
    """Distance and elapsed time of the file's summary, else of its samples."""
    distance, elapsed = recording.facts.get("distance"), recording.facts.get("elapsed_time")
    if distance is None:
        known = samples.columns["distance"][samples.columns["distance"] >= 0]
        distance = float(known[-1]) / 10 if len(known) else None
    return {
        "distance": distance,
        "elapsed_time": whole(elapsed if elapsed is not None else samples.columns["t"][-1]),
    } | {"moving_time": whole(recording.facts.get("moving_time"))}


def whole(value: float | None) -> int | None:
    """Rounded to a whole number; None for what no file can mean."""
    return None if value is None or not abs(value) < ABSURD else round(float(value))


LAP_COLUMNS = (
    "distance",
    "average_speed",
    "max_speed",
    "average_heartrate",
    "max_heartrate",
    "average_cadence",
    "average_watts",
    "total_elevation_gain",
    "calories",
)


def _laps(recording: Recording, samples: Samples | None) -> list[dict[str, Any]]:
    """The laps in order of their starts; indices are those of their first and last sample."""
    laps = sorted(recording.laps, key=lambda lap: (lap["start_time"] is None, lap["start_time"] or 0))
    rows: list[dict[str, Any]] = []
    starts = np.array([np.nan if lap["start_time"] is None else lap["start_time"] for lap in laps])
    firsts = np.zeros(len(laps) + 1, np.int64)
    if samples is not None:
        firsts[:-1] = np.searchsorted(samples.columns["t"], np.rint(starts - samples.start))
        firsts[-1] = len(samples)
    for index, lap in enumerate(laps):
        start = lap["start_time"]
        inside = samples is not None and start is not None and firsts[index] < firsts[index + 1]
        rows.append(
            {"lap_index": index + 1, "start_time": instant(start) if recording.absolute else None}
            | {name: whole(lap.get(name)) for name in ("elapsed_time", "moving_time")}
            | {name: lap.get(name) for name in LAP_COLUMNS}
            | {
                "start_index": int(firsts[index]) if inside else None,
                "end_index": int(firsts[index + 1]) - 1 if inside else None,
            }
        )
    return rows

"""Activities as GPX 1.1 files, as Strava and Garmin write them.

Heart rate, cadence and temperature stand in Garmin's TrackPointExtension v1, power in its PowerExtension v1: Strava's
own <power> without a namespace is not allowed by the schema. SQL writes the points (sql/export/track_chunks.sql),
some hundred at a time, so a track of any length needs the memory of a batch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from strava_stats.errors import UsageError
from strava_stats.files import make_folder, new_file
from strava_stats.narration import Narrator
from strava_stats.tracks.names import safe_name
from strava_stats.tracks.outgoing import SAMPLES, Outgoing
from strava_stats.warehouse.engine import sql

PAUSE = 60  # s without a sample after which a new segment begins; traffic lights are shorter
LEAP = 10_000  # m between two samples after which a new segment begins
BATCH = 100_000  # points that are shaped at once
CHUNKS = 64  # texts of some hundred points that are held at once
NOT_XML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="strava-stats" xmlns="http://www.topografix.com/GPX/1/1"\
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"\
 xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1"\
 xmlns:pwr="http://www.garmin.com/xmlschemas/PowerExtension/v1"\
 xsi:schemaLocation="http://www.topografix.com/GPX/1/1 http://www.topografix.com/GPX/1/1/gpx.xsd\
 http://www.garmin.com/xmlschemas/TrackPointExtension/v1 http://www.garmin.com/xmlschemas/TrackPointExtensionv1.xsd\
 http://www.garmin.com/xmlschemas/PowerExtension/v1 http://www.garmin.com/xmlschemas/PowerExtensionv1.xsd">
"""
TAIL = "</trkseg>\n</trk>\n</gpx>\n"


@dataclass(frozen=True)
class Track:
    """An activity that is to be written, and how many samples with a place it has."""

    activity_id: int
    name: str | None
    sport_type: str | None
    start: datetime | None
    started: datetime | None
    points: int

    @property
    def file_name(self) -> str:
        """`<local day>_<sport>_<id>.gpx`."""
        day = self.started.date().isoformat() if self.started else "undated"
        return f"{day}_{safe_name(self.sport_type or 'Activity')}_{self.activity_id}.gpx"


@dataclass
class Written:
    """What came of an export: files with the points in them, activities without a file."""

    files: dict[Path, int] = field(default_factory=dict)
    without_track: list[int] = field(default_factory=list)
    """No sample has a place, or there are no samples."""
    inside_zones: list[int] = field(default_factory=list)
    """Every place of it lies in a privacy zone."""


def tracks(outgoing: Outgoing) -> list[Track]:
    """The chosen activities, oldest first; UsageError when the warehouse has no samples at all."""
    if SAMPLES not in outgoing.tables():
        raise UsageError(f"The warehouse has no {SAMPLES}", "run `strava-stats compact`: it makes the file anew")
    return [Track(*row) for row in outgoing.run(sql("export/track_sizes")).fetchall()]


def write_tracks(outgoing: Outgoing, wanted: Sequence[Track], folder: Path, narrator: Narrator) -> Written:
    """Write a file for each track into `folder`, replacing what has that name; each is whole or not there."""
    make_folder(folder)
    done = Written(without_track=[one.activity_id for one in wanted if not one.points])
    with_points = {one.activity_id: one for one in wanted if one.points}
    count = 0
    for batch in batches(list(with_points.values())):
        for activity_id, chunks in groupby(_chunks(outgoing, batch), key=lambda chunk: chunk[0]):
            track = with_points.pop(activity_id)
            path = folder / track.file_name
            done.files[path] = _write_track(track, chunks, path)
        count += len(batch)
        narrator.progress("tracks", count, len(wanted) - len(done.without_track))
    done.inside_zones = list(with_points)
    return done


def batches(wanted: Sequence[Track]) -> Iterator[list[Track]]:
    """Neighbours with BATCH points together; a longer one alone."""
    batch: list[Track] = []
    for one in wanted:
        if batch and sum(held.points for held in batch) + one.points > BATCH:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _chunks(outgoing: Outgoing, batch: Sequence[Track]) -> Iterator[tuple[int, str, int]]:
    ids = [one.activity_id for one in batch]
    parameters = {"ids": ids, "lowest": min(ids), "highest": max(ids), "pause": PAUSE, "leap": LEAP}
    outgoing.run(sql("export/track_points"), parameters)
    # More than one slice has only an activity that is a batch of its own, so the order stays.
    for first in range(1, max(one.points for one in batch) + 1, BATCH):
        cursor = outgoing.run(sql("export/track_chunks"), {"first": first, "last": first + BATCH - 1})
        while rows := cursor.fetchmany(CHUNKS):
            yield from rows


def _write_track(track: Track, chunks: Iterator[tuple[int, str, int]], path: Path) -> int:
    with new_file(path) as file:
        file.write(head(track).encode())
        points = 0
        for _, elements, count in chunks:
            file.write(elements.encode() + b"\n")
            points += count
        file.write(TAIL.encode())
    return points


def head(track: Track) -> str:
    """All that comes before the first segment, in the order of the schema."""
    start = track.start and track.start.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    return HEAD + "".join(
        f"{line}\n"
        for line in (
            f"<metadata><time>{start}</time></metadata>" if start else None,
            "<trk>",
            f"<name>{xml_text(track.name)}</name>" if track.name else None,
            f"<type>{xml_text(track.sport_type)}</type>" if track.sport_type else None,
        )
        if line
    )


def xml_text(text: str) -> str:
    """`text` as the content of an element: what XML 1.0 cannot hold is left out, `<`, `&` and `]]>` are escaped."""
    return escape(NOT_XML.sub("", text))

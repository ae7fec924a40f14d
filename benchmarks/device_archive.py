"""An archive of many device files made from the recorded samples, each shifted in time and place."""

from __future__ import annotations

import gzip
import os
import random
import re
import struct
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from strava_stats.export.devices.fit_crc import checksum
from strava_stats.export.devices.fit_scan import TIMESTAMP, scan

SAMPLES = Path(os.environ.get("STRAVA_SHARED", Path(__file__).parents[2] / "shared" / "strava")) / "devices"
SMALLEST = 60_000
"""Bytes of a sample that is a whole activity."""
DAY = 86_400
SPORTS = ("Run", "Ride")
EVERY_DAY = re.compile(rb"\d{4}-\d\d-\d\d(?=T)")
LATITUDE = re.compile(rb"((?:lat=\"|<LatitudeDegrees>)-?)(\d\d)")


def make_archive(path: Path, count: int) -> None:
    """A ZIP with `count` members as of a bulk export; the same content for the same count."""
    sources = [sample for sample in sorted(SAMPLES.iterdir()) if sample.stat().st_size >= SMALLEST]
    sources = [sample for sample in sources if not sample.name.startswith("no_session")]  # cut off: has no checksum
    names: list[str] = []
    chance = random.Random(1)  # noqa: S311 - the same each time
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(count):
            source = sources[number % len(sources)]
            shift: Callable[[bytes, int, int], bytes] = shift_fit if source.suffix == ".fit" else shift_xml
            data = shift(source.read_bytes(), chance.randrange(-2000, 0), chance.randrange(1, 20))
            names.append(f"activities/{number}{source.suffix}.gz")
            archive.writestr(names[-1], gzip.compress(data, 6))
        archive.writestr("activities.csv", table_of(names))


def table_of(names: Sequence[str]) -> str:
    """activities.csv with a row for each file, an activity a day."""
    rows = ["Activity ID,Activity Date,Activity Name,Activity Type,Elapsed Time,Distance,Filename"]
    for number, name in enumerate(names):
        day = date(2024, 1, 1) - timedelta(number)
        shown = f"{day:%b} {day.day}, {day.year}, 6:00:00 AM"
        rows.append(f'{number + 1},"{shown}",Morning,{SPORTS[number % 2]},3600,10.5,{name}')
    return "\n".join(rows) + "\n"


def shift_fit(data: bytes, days: int, degrees: int) -> bytes:
    """The same activity on another day, to the north; its checksum is right."""
    changed = bytearray(data)
    content = np.frombuffer(changed, dtype=np.uint8)
    for definition in scan(data).definitions.values():
        shifts = {TIMESTAMP: ("u4", days * DAY), 0: ("i4", degrees * 2**31 // 360)}
        if definition.number in {18, 19}:
            shifts[2] = ("u4", days * DAY)
        for field, (kind, shift) in shifts.items():
            offset, size, _ = definition.fields.get(field, (0, 0, 0))
            if size != np.dtype(kind).itemsize or (field == 0 and definition.number != 20):
                continue
            places = definition.places() + offset
            everywhere = np.ndarray((len(content) - 3,), definition.order + kind, changed, strides=(1,))
            values = everywhere[places].astype(np.int64)
            full = np.iinfo(kind).max
            for byte in range(4):
                moved = np.where(values == full, values, np.minimum(values + shift, full - 1)).astype(
                    definition.order + kind
                )
                content[places + byte] = moved.view(np.uint8).reshape(-1, 4)[:, byte]
    changed[-2:] = struct.pack("<H", checksum(bytes(changed[:-2])))
    return bytes(changed)


def shift_xml(data: bytes, days: int, degrees: int) -> bytes:
    """The same activity on another day, nearer to or farther from the equator."""

    def later(found: re.Match[bytes]) -> bytes:
        return (date.fromisoformat(found[0].decode()) + timedelta(days)).isoformat().encode()

    def moved(found: re.Match[bytes]) -> bytes:
        return found[1] + b"%02d" % ((int(found[2]) + degrees) % 80)

    return LATITUDE.sub(moved, EVERY_DAY.sub(later, data))

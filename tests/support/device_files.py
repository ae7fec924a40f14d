"""Small device files of our own making: FIT by messages, GPX and TCX by points."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FIT_START = 1_000_000_000
"""A FIT time stamp, and the same in seconds since 1970."""
START = FIT_START + 631_065_600
DEVICES = Path(os.environ.get("STRAVA_SHARED", Path(__file__).parents[2].parent / "shared" / "strava")) / "devices"
UINT8, SINT8, UINT16, SINT32, UINT32, ENUM, STRING = 0x02, 0x01, 0x84, 0x85, 0x86, 0x00, 0x07
SIZES = {UINT8: "B", SINT8: "b", UINT16: "H", SINT32: "i", UINT32: "I", ENUM: "B"}
RECORD = ((253, UINT32), (0, SINT32), (1, SINT32), (2, UINT16), (5, UINT32), (6, UINT16), (3, UINT8), (7, UINT16))
"""time, lat, lng, altitude, distance, speed, heart rate, power."""


def crc16(data: bytes) -> int:
    """The FIT checksum bit by bit, as the protocol describes it."""
    state = 0
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0xA001 if state & 1 else 0)
    return state


@dataclass
class Fit:
    """Messages one after the other."""

    order: str = "<"
    content: bytearray = field(default_factory=bytearray)
    shapes: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def define(self, local: int, number: int, fields: Sequence[tuple[int, int]], developer: int = 0) -> Fit:
        """A definition; `developer` bytes of one developer field follow each message."""
        self.content += bytes([0x40 | local | (0x20 if developer else 0), 0, self.order == ">"])
        self.content += struct.pack(self.order + "HB", number, len(fields))
        for key, base in fields:
            self.content += bytes([key, struct.calcsize(SIZES[base]), base])
        if developer:
            self.content += bytes([1, 0, developer, 0])
        self.shapes[local] = tuple(fields)
        return self

    def add(self, local: int, *values: int, offset: int | None = None, more: bytes = b"") -> Fit:
        """A message; with `offset` its header carries those five bits of the time."""
        self.content += bytes([local if offset is None else 0x80 | local << 5 | offset])
        kinds = "".join(SIZES[base] for _, base in self.shapes[local])
        self.content += struct.pack(self.order + kinds, *values) + more
        return self

    def whole(self, checksum: Callable[[bytes], int] | None = None) -> bytes:
        """The file, with header and checksum; by another function where bit by bit is too slow."""
        head = bytes([14, 0x20]) + struct.pack("<HI", 2132, len(self.content)) + b".FIT"
        data = head + struct.pack("<H", crc16(head)) + bytes(self.content)
        return data + struct.pack("<H", (checksum or crc16)(data))


def semicircles(degrees: float) -> int:
    """Degrees as FIT has them."""
    return round(degrees * 2**31 / 180)


def ride(seconds: int = 20, order: str = "<", start: int = FIT_START) -> Fit:
    """An activity of one session and one lap: 5 m/s to the north, uphill, an hour ahead of UTC."""
    fit = Fit(order)
    fit.define(0, 0, ((0, ENUM), (1, UINT16), (2, UINT16), (4, UINT32))).add(0, 4, 1, 1169, start)
    fit.define(1, 20, RECORD)
    for t in range(seconds):
        place = semicircles(10 + t * 5 / 111_195), semicircles(20)
        fit.add(1, start + t, *place, (500 + 100) * 5 + t, t * 500, 5000, 120 + t % 30, 200 + t)
    summary = ((253, UINT32), (2, UINT32), (7, UINT32), (8, UINT32), (9, UINT32), (11, UINT16))
    values = (start + seconds, start, seconds * 1000, seconds * 1000, seconds * 500, 42)
    fit.define(2, 19, (*summary, (13, UINT16), (15, UINT8))).add(2, *values, 5000, 130)
    fit.define(3, 18, (*summary, (5, ENUM), (22, UINT16))).add(3, *values, 2, 4)
    fit.define(4, 34, ((253, UINT32), (5, UINT32))).add(4, start + seconds, start + seconds + 3600)
    return fit


def gpx(points: str, head: str = "", root: str = 'creator="Test" xmlns="http://www.topografix.com/GPX/1/1"') -> bytes:
    """A GPX file with one track."""
    return f'<?xml version="1.0"?>\n<gpx {root}>{head}<trk><type>running</type>{points}</trk></gpx>'.encode()


def gpx_point(t: int, more: str = "", lat: float | None = None, lng: float = 20.0) -> str:
    """A point, 3 m north of the one before."""
    north = 10 + t * 3 / 111_195 if lat is None else lat
    time = f"2024-05-01T10:{t // 60:02}:{t % 60:02}Z"
    return f'<trkpt lat="{north:.7f}" lon="{lng}"><ele>{100 + t / 10}</ele><time>{time}</time>{more}</trkpt>'


def tcx(laps: str, creator: str = "<Creator><Name>Test 1</Name></Creator>") -> bytes:
    """A TCX file with one activity."""
    return (
        '<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"><Activities>'
        f'<Activity Sport="Running"><Id>1</Id>{laps}{creator}</Activity></Activities></TrainingCenterDatabase>'
    ).encode()


def tcx_lap(start: int, seconds: int, more: str = "") -> str:
    """A lap of 3 m/s with a point each second."""
    points = "".join(
        f"<Trackpoint><Time>2024-05-01T10:00:{t:02}.000+02:00</Time><Position><LatitudeDegrees>{10 + t * 3 / 111_195}"
        "</LatitudeDegrees><LongitudeDegrees>20</LongitudeDegrees></Position><AltitudeMeters>5</AltitudeMeters>"
        f"<DistanceMeters>{t * 3}</DistanceMeters><HeartRateBpm><Value>{100 + t}</Value></HeartRateBpm>"
        "<Cadence>80</Cadence><Extensions><n:TPX><n:Speed>3.1</n:Speed><n:Watts>210</n:Watts></n:TPX></Extensions>"
        "</Trackpoint>"
        for t in range(start, start + seconds)
    )
    return (
        f'<Lap StartTime="2024-05-01T10:00:{start:02}.000+02:00"><TotalTimeSeconds>{seconds}</TotalTimeSeconds>'
        f"<DistanceMeters>{seconds * 3}</DistanceMeters><MaximumSpeed>3.5</MaximumSpeed><Calories>7</Calories>"
        f"<AverageHeartRateBpm><Value>111</Value></AverageHeartRateBpm><Track>{points}</Track>{more}</Lap>"
    )

"""FIT messages → where they lie. One pass over the headers; no value is decoded here but time stamps.

Layout by the FIT protocol (developer.garmin.com/fit/protocol): a file header, messages, a checksum; possibly several
such files after each other. A definition gives the fields of one of 16 local messages; a data message's first byte
names the local message and, when its top bit is set, carries the low five bits of the time stamp.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field

import numpy as np

from strava_stats.export.devices.fit_crc import checksum
from strava_stats.export.devices.recording import MAX_POINTS, Floats, Offsets, Refused, Unreadable

TIMESTAMP = 253
NO_STAMP = 0xFFFFFFFF
STAMP_BYTES = 4
TEXT = 0x07
COMPRESSED, DEFINITION = 0x80, 0x40
"""Bits of a message's first byte."""
HEADER = 12
MAX_DEFINITIONS = 4_096
WANTED = frozenset({0, 12, 18, 19, 20, 21, 23, 34})
"""file_id, sport, session, lap, record, event, device_info, activity."""

BASE_TYPES: dict[int, tuple[str, float]] = {
    0x00: ("u1", 0xFF),
    0x01: ("i1", 0x7F),
    0x02: ("u1", 0xFF),
    0x83: ("i2", 0x7FFF),
    0x84: ("u2", 0xFFFF),
    0x85: ("i4", 0x7FFFFFFF),
    0x86: ("u4", 0xFFFFFFFF),
    0x88: ("f4", np.nan),
    0x89: ("f8", np.nan),
    0x0A: ("u1", 0),
    0x8B: ("u2", 0),
    0x8C: ("u4", 0),
    0x0D: ("u1", 0xFF),
    0x8E: ("i8", 0x7FFFFFFFFFFFFFFF),
    0x8F: ("u8", 0xFFFFFFFFFFFFFFFF),
    0x90: ("u8", 0),
}
"""Base type → numpy type, and the value that means "none"."""


@dataclass(slots=True)
class Definition:
    """One shape of one message, and where the messages of that shape lie."""

    number: int
    size: int
    order: str
    fields: dict[int, tuple[int, int, int]]
    """Field → offset in the message, bytes, base type."""
    stamp: int
    """Offset of the time stamp, or -1."""
    wanted: bool
    offsets: array[int] = field(default_factory=lambda: array("q"))
    compressed: array[int] = field(default_factory=lambda: array("q"))
    """Offsets of messages whose stamp is in `stamps`."""
    stamps: array[float] = field(default_factory=lambda: array("d"))

    def places(self) -> Offsets:
        """Offsets of all messages: those with stamps of their own, then those with compressed ones."""
        return np.array(self.offsets + self.compressed, dtype=np.int64)


@dataclass
class Scan:
    """A FIT file's bytes and its wanted messages."""

    data: bytes
    definitions: dict[bytes, Definition] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def has_messages(self) -> bool:
        """Whether there is any message that says something of an activity."""
        return any(d.wanted and (d.offsets or d.compressed) for d in self.definitions.values())

    def of(self, number: int) -> list[Definition]:
        """The definitions of one global message that have data."""
        return [d for d in self.definitions.values() if d.number == number and (d.offsets or d.compressed)]

    def column(self, definition: Definition, places: Offsets, number: int) -> Floats | None:
        """The raw values of a field, NaN where invalid; None when the message has no such single number."""
        found = definition.fields.get(number)
        if found is None or found[2] not in BASE_TYPES:
            return None
        offset, size, base = found
        kind, invalid = BASE_TYPES[base]
        dtype = np.dtype(definition.order + kind)
        if size != dtype.itemsize:  # an array, or a width that its type does not have
            return None
        # A value of this type at every byte of the file, of which those at `places` are taken.
        everywhere = np.ndarray((len(self.data) - size + 1,), dtype, self.data, strides=(1,))
        raw = everywhere[places + offset]
        values = raw.astype(np.float64)
        if kind[0] != "f":
            values[raw == np.array(int(invalid), dtype)] = np.nan
        return values

    def text(self, definition: Definition, place: int, number: int) -> str | None:
        """A string field of the message at `place`."""
        found = definition.fields.get(number)
        if found is None or found[2] != TEXT:
            return None
        content = self.data[place + found[0] : place + found[0] + found[1]].split(b"\0")[0]
        return "".join(c for c in content.decode("utf-8", "replace") if c.isprintable()).strip() or None


def scan(data: bytes) -> Scan:
    """Where the wanted messages lie; raises Unreadable when there is no FIT header. What is broken is a note."""
    if len(data) < HEADER or data[8:12] != b".FIT":
        raise Unreadable("the file has no FIT header")
    found, start = Scan(data), 0
    while start < len(data):
        size = data[start]
        if len(data) - start < HEADER or size < HEADER or data[start + 8 : start + 12] != b".FIT":
            found.notes.append("ends in bytes that are no FIT data")
            break
        (length,) = struct.unpack_from("<I", data, start + 4)
        end = start + size + length
        if not length:
            found.notes.append("the recording was never closed")  # the device wrote no length at its end
            end = len(data)
        elif end + 2 > len(data):
            found.notes.append("the file is cut off")
        elif checksum(memoryview(data)[start : end + 2]):
            found.notes.append("the checksum is wrong")
        problem = _scan_messages(found, start + size, min(end, len(data)))
        if problem:
            found.notes.append(problem)
        start = end + 2
    found.notes = list(dict.fromkeys(found.notes))
    return found


def _scan_messages(found: Scan, at: int, end: int) -> str | None:  # noqa: C901 - one branch a kind of header; calls a message would double the time
    """Note where each message lies; what stopped it before `end`, if anything."""
    data, local = found.data, [None] * 16  # type: tuple[bytes, list[Definition | None]]
    last: tuple[int, str] | None = None
    stamp, records = float("nan"), 0
    while at < end:
        header = data[at]
        if header & (COMPRESSED | DEFINITION) == DEFINITION:
            definition, at = _define(found, at, end)
            if definition is None:
                return "a definition is broken or cut off"
            local[header & 0x0F] = definition
            continue
        definition = local[header >> 5 & 0x03 if header & COMPRESSED else header & 0x0F]
        if definition is None:
            return "a message is not defined, the rest cannot be read"
        start, at = at + 1, at + 1 + definition.size
        if at > end:
            return "the last message is cut off"
        if header & COMPRESSED:
            if last is not None:
                (whole,) = struct.unpack_from(last[1], data, last[0])
                stamp = float("nan") if whole == NO_STAMP else float(whole)
                last = None
            stamp = roll(stamp, header & 0x1F)
            if definition.wanted:
                definition.compressed.append(start)
                definition.stamps.append(stamp)
        else:
            if definition.stamp >= 0:
                last = (start + definition.stamp, definition.order + "I")
            if definition.wanted:
                definition.offsets.append(start)
        records += 1
        if records > 4 * MAX_POINTS:
            raise Unreadable(f"more than {4 * MAX_POINTS:,} messages")
    return None


def roll(stamp: float, low: int) -> float:
    """The next time after `stamp` whose low five bits are `low`; NaN when there is no time yet."""
    return stamp if stamp != stamp else stamp + ((low - int(stamp)) & 0x1F)  # noqa: PLR0124 - NaN


def _define(found: Scan, at: int, end: int) -> tuple[Definition | None, int]:
    """The definition at `at` and where the next message begins."""
    data = found.data
    if at + 6 > end:
        return None, end
    stop = at + 6 + 3 * data[at + 5]
    developer = bool(data[at] & 0x20)
    count = 0
    if developer:
        if stop >= end:
            return None, end
        count = data[stop]
    after = stop + developer + 3 * count
    if after > end:
        return None, end
    key = data[at + 1 : after] + bytes([developer])
    known = found.definitions.get(key)
    if known is None:
        if len(found.definitions) >= MAX_DEFINITIONS:
            raise Refused(f"more than {MAX_DEFINITIONS:,} kinds of messages")
        known = found.definitions[key] = _read_definition(data, at, stop, after if developer else stop)
    return known, after


def _read_definition(data: bytes, at: int, stop: int, after: int) -> Definition:
    order = ">" if data[at + 2] else "<"
    (number,) = struct.unpack_from(order + "H", data, at + 3)
    fields: dict[int, tuple[int, int, int]] = {}
    size = 0
    for place in range(at + 6, stop, 3):
        fields[data[place]] = (size, data[place + 1], data[place + 2])
        size += data[place + 1]
    size += sum(data[place + 1] for place in range(stop + 1, after, 3))  # developer fields: their length is enough
    stamp = fields.get(TIMESTAMP, (-1, 0, 0))
    return Definition(number, size, order, fields, stamp[0] if stamp[1] == STAMP_BYTES else -1, number in WANTED)

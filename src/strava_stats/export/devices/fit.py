"""FIT → Recording. Numbers of messages and fields, scales and offsets are those of the FIT profile (SDK 21)."""

from __future__ import annotations

from typing import Any

import numpy as np

from strava_stats.export.devices.fit_scan import TIMESTAMP, Definition, Scan, scan
from strava_stats.export.devices.recording import MAX_POINTS, Floats, Recording, Unreadable, quarter_of_an_hour

EPOCH = 631_065_600
"""1989-12-31T00:00:00Z, where FIT times begin, in seconds since 1970."""
RELATIVE_BELOW = 0x10000000
"""A smaller time stamp counts from when the device was switched on (profile, type date_time)."""
SEMICIRCLE = 180 / 2**31
ACTIVITY_FILE = 4
CREATOR = 0
TIMER, START, STOPS = 0, 0, frozenset({1, 4, 8, 9})
"""Event 0 is the timer; its types: start, stop, stop_all, stop_disable, stop_disable_all."""
MAX_LAPS = 5_000

FILE_ID, SPORT, SESSION, LAP, RECORD, EVENT, DEVICE, ACTIVITY = 0, 12, 18, 19, 20, 21, 23, 34

RECORD_FIELDS: tuple[tuple[str, int, float, float], ...] = (
    ("lat", 0, SEMICIRCLE, 0),
    ("lng", 1, SEMICIRCLE, 0),
    ("altitude", 2, 1 / 5, -500),
    ("altitude", 78, 1 / 5, -500),
    ("heartrate", 3, 1, 0),
    ("cadence", 4, 1, 0),
    ("fraction", 53, 1 / 128, 0),
    ("distance", 5, 1 / 100, 0),
    ("speed", 6, 1 / 1000, 0),
    ("speed", 73, 1 / 1000, 0),
    ("watts", 7, 1, 0),
    ("temp", 13, 1, 0),
)
"""Column, field, scale, offset; where two fields fill one column, the later (enhanced) one wins."""
PACKED_SPEED_DISTANCE, PACKED_BYTES, NO_BYTE = 8, 3, 0xFF

SUMMARY = {
    "start_time": (2, 1.0),
    "elapsed_time": (7, 1e-3),
    "moving_time": (8, 1e-3),
    "distance": (9, 1e-2),
    "calories": (11, 1.0),
}
"""Fields that sessions and laps number alike."""
SESSION_FIELDS = SUMMARY | {"sport": (5, 1.0), "total_ascent": (22, 1.0), "pool_length": (44, 1e-2)}
LAP_FIELDS = SUMMARY | {
    "plain_average": (13, 1e-3),
    "plain_max": (14, 1e-3),
    "average_heartrate": (15, 1.0),
    "max_heartrate": (16, 1.0),
    "average_cadence": (17, 1.0),
    "average_watts": (19, 1.0),
    "total_elevation_gain": (21, 1.0),
    "average_speed": (110, 1e-3),
    "max_speed": (111, 1e-3),
}


def read_fit(data: bytes) -> Recording:
    """One FIT file, or several after each other; raises Unreadable when nothing in it can be read.

    The clock is that of the `record` messages: seconds since 1970, or since the device was switched on.
    """
    found = scan(data)
    if not found.has_messages:
        raise Unreadable(found.notes[0] if found.notes else "the file has no messages")
    file_ids = _rows(found, FILE_ID, {"type": (0, 1.0), "maker": (1, 1.0), "product": (2, 1.0), "created": (4, 1.0)})
    kinds = {row["type"] for row in file_ids if row["type"] is not None}
    if kinds and ACTIVITY_FILE not in kinds:
        raise Unreadable(f"a FIT file of type {_name('file', min(kinds))}, not an activity", "empty")
    time, columns = _records(found)
    known = time[~np.isnan(time)]
    absolute = not len(known) or bool(np.median(known) >= RELATIVE_BELOW)
    shift = EPOCH if absolute else 0
    recording = Recording("fit", time + shift, columns, absolute, notes=found.notes)
    sessions = _unique(_rows(found, SESSION, SESSION_FIELDS))
    recording.started = _started(file_ids, sessions)
    recording.utc_offset = _utc_offset(found)
    recording.laps = [_lap(row, shift) for row in _unique(_rows(found, LAP, LAP_FIELDS))]
    recording.pauses = _pauses(found, shift)
    recording.facts = _totals(sessions) | {
        "sport": _sport(found, sessions),
        "device_name": _device_name(found, file_ids),
    }
    return recording


def _records(found: Scan) -> tuple[Floats, dict[str, Floats]]:
    """Raw time stamps and scaled columns of all record messages, in the order of the file."""
    definitions = found.of(RECORD)
    places = [definition.places() for definition in definitions]
    count = sum(map(len, places))
    if count > MAX_POINTS:
        raise Unreadable(f"more than {MAX_POINTS:,} samples")
    whole = np.concatenate(places) if places else np.empty(0, np.int64)
    order = np.argsort(whole, kind="stable")
    time = np.full(count, np.nan)
    columns: dict[str, Floats] = {}
    packed = np.full((PACKED_BYTES, count), np.nan)
    at = 0
    for definition, where in zip(definitions, places, strict=True):
        rows = slice(at, at := at + len(where))
        time[rows] = _stamps(found, definition)
        for name, number, scale, offset in RECORD_FIELDS:
            values = found.column(definition, where, number)
            if values is not None:
                target = columns.setdefault(name, np.full(count, np.nan))[rows]
                np.copyto(target, values * scale + offset, where=~np.isnan(values))
        if definition.fields.get(PACKED_SPEED_DISTANCE, (0, 0, 0))[1] == PACKED_BYTES:
            content = np.frombuffer(found.data, np.uint8)
            for byte in range(PACKED_BYTES):
                packed[byte, rows] = content[where + definition.fields[PACKED_SPEED_DISTANCE][0] + byte]
    columns = {name: values[order] for name, values in columns.items()}
    _unpack(packed[:, order], columns)
    if (fraction := columns.pop("fraction", None)) is not None and "cadence" in columns:
        columns["cadence"] = columns["cadence"] + np.nan_to_num(fraction)
    return time[order], columns


def _stamps(found: Scan, definition: Definition) -> Floats:
    own = found.column(definition, np.array(definition.offsets, dtype=np.int64), TIMESTAMP)
    if own is None:
        own = np.full(len(definition.offsets), np.nan)
    return np.concatenate([own, np.array(definition.stamps)])


def _unpack(packed: Floats, columns: dict[str, Floats]) -> None:
    """compressed_speed_distance: 12 bits of speed (1/100 m/s), 12 bits of distance (1/16 m) that roll over."""
    there = np.flatnonzero(~np.isnan(packed[0]) & ~(packed == NO_BYTE).all(axis=0))
    if not len(there):
        return
    low, middle, high = packed[:, there].astype(np.int64)
    speed, rolling = (low | (middle & 0x0F) << 8) / 100, middle >> 4 | high << 4
    distance = np.cumsum(np.diff(rolling, prepend=0) % 4096) / 16
    for name, values in (("speed", speed), ("distance", distance)):
        if name not in columns:  # a field of its own is finer
            columns[name] = np.full(packed.shape[1], np.nan)
            columns[name][there] = values


def _rows(found: Scan, number: int, fields: dict[str, tuple[int, float]]) -> list[dict[str, float | None]]:
    """The messages of one kind as dictionaries, in the order of the file, MAX_LAPS at most; None where invalid."""
    rows: list[tuple[int, dict[str, float | None]]] = []
    for definition in found.of(number):
        places = definition.places()[:MAX_LAPS]
        values = {
            name: column * scale
            for name, (field, scale) in fields.items()
            if (column := found.column(definition, places, field)) is not None
        }
        stamps = _stamps(found, definition)
        for index, place in enumerate(places.tolist()):
            row = {name: _number(values[name][index]) if name in values else None for name in fields}
            rows.append((place, row | {"timestamp": _number(stamps[index])}))
    rows.sort(key=lambda row: row[0])
    return [row for _, row in rows[:MAX_LAPS]]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _unique(rows: list[dict[str, float | None]]) -> list[dict[str, float | None]]:
    """Without repetitions: a file chained to its own copy is one activity."""
    return list({tuple(row.values()): row for row in rows}.values())


def _started(file_ids: list[dict[str, float | None]], sessions: list[dict[str, float | None]]) -> float | None:
    """Seconds since 1970 of the earliest real stamp of a session, else of the file's creation."""
    for stamps in ([row["start_time"] for row in sessions], [row["created"] for row in file_ids]):
        real = [stamp for stamp in stamps if stamp is not None and stamp >= RELATIVE_BELOW]
        if real:
            return min(real) + EPOCH
    return None


def _utc_offset(found: Scan) -> int | None:
    """From `activity.local_timestamp`; some devices leave it 0, which is no zone's time."""
    for row in _rows(found, ACTIVITY, {"local": (5, 1.0)}):
        local, stamp = row["local"], row["timestamp"]
        if local is not None and stamp is not None and local >= RELATIVE_BELOW:
            return quarter_of_an_hour(local - stamp)
    return None


def _lap(row: dict[str, float | None], shift: float) -> dict[str, Any]:
    average, fastest, start = row.pop("plain_average"), row.pop("plain_max"), row["start_time"]
    row.pop("timestamp")
    row["average_speed"] = average if row["average_speed"] is None else row["average_speed"]
    row["max_speed"] = fastest if row["max_speed"] is None else row["max_speed"]
    row["start_time"] = None if start is None else start + shift
    return row


def _pauses(found: Scan, shift: float) -> list[tuple[float, float]]:
    """From each stop of the timer to the next start; the end is open when there is none."""
    rows = _rows(found, EVENT, {"event": (0, 1.0), "type": (1, 1.0)})
    pauses: list[tuple[float, float]] = []
    stopped: float | None = None
    for row in rows:
        stamp = row["timestamp"]
        if row["event"] != TIMER or stamp is None:
            continue
        if row["type"] in STOPS and stopped is None:
            stopped = stamp + shift
        elif row["type"] == START and stopped is not None:
            pauses.append((stopped, stamp + shift))
            stopped = None
    return pauses


def _totals(sessions: list[dict[str, float | None]]) -> dict[str, Any]:
    """Sums over the sessions; the elapsed time also counts what lies between them."""

    def total(name: str) -> float | None:
        values = [value for row in sessions if (value := row[name]) is not None]
        return sum(values) if values else None

    spans = [(s, s + e) for row in sessions if (s := row["start_time"]) is not None and (e := row["elapsed_time"])]
    pools = [length for row in sessions if (length := row["pool_length"])]
    return {
        "distance": total("distance"),
        "elapsed_time": max(end for _, end in spans) - min(start for start, _ in spans) if spans else None,
        "moving_time": total("moving_time"),
        "calories": total("calories"),
        "total_ascent": total("total_ascent"),
        "pool_length": pools[0] if pools else None,
    }


def _sport(found: Scan, sessions: list[dict[str, float | None]]) -> str | None:
    sports = {row["sport"] for row in sessions} or {row["sport"] for row in _rows(found, SPORT, {"sport": (0, 1.0)})}
    sports.discard(None)
    if len(sports) > 1:
        return "multisport"
    return _name("sport", sports.pop()) if sports else None


def _device_name(found: Scan, file_ids: list[dict[str, float | None]]) -> str | None:
    """What the file calls its recorder: maker and product, by name where the profile knows it."""
    for number, field in ((FILE_ID, 8), (DEVICE, 27)):
        for definition in found.of(number):
            if definition.offsets and (name := found.text(definition, definition.offsets[0], field)):
                return name
    makers = [row for row in file_ids if row["maker"] is not None]
    makers += [
        row
        for row in _rows(found, DEVICE, {"index": (0, 1.0), "maker": (2, 1.0), "product": (4, 1.0)})
        if row["index"] == CREATOR and row["maker"] is not None
    ]
    if not makers:
        return None
    maker, product = _name("manufacturer", makers[0]["maker"]), makers[0]["product"]
    model = _name("garmin_product", product) if maker == "garmin" else None
    return f"{maker} {model}" if model else maker


def _name(kind: str, code: float | None) -> str | None:
    """The profile's word for a code, or the code; the tables are those of fitdecode."""
    from fitdecode.profile import FIELD_TYPES  # noqa: PLC0415 - 30 ms and 10 MB that only FIT files cost

    if code is None:
        return None
    word = FIELD_TYPES[kind].enum.get(int(code))
    return str(word) if word else str(int(code))

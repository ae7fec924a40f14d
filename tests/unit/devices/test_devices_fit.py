"""FIT: our reader against files of our own making, against fitdecode, and against damage."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import fitdecode
import numpy as np
import pytest
from tests.support.device_files import (
    DEVICES,
    ENUM,
    FIT_START,
    START,
    UINT8,
    UINT16,
    UINT32,
    Fit,
    crc16,
    ride,
    semicircles,
)

from strava_stats.export.devices.fit import read_fit
from strava_stats.export.devices.fit_crc import checksum
from strava_stats.export.devices.fit_fallback import read_slowly
from strava_stats.export.devices.parse import read_recording
from strava_stats.export.devices.recording import Recording, Unreadable

SAMPLES = sorted(DEVICES.glob("*.fit")) if DEVICES.is_dir() else []
NEEDED = pytest.mark.skipif(not SAMPLES, reason=f"the device samples are not in {DEVICES}")
FIELDS = {
    "lat": ("position_lat",),
    "lng": ("position_long",),
    "altitude": ("enhanced_altitude", "altitude"),
    "distance": ("distance",),
    "speed": ("enhanced_speed", "speed"),
    "heartrate": ("heart_rate",),
    "cadence": ("cadence",),
    "watts": ("power",),
    "temp": ("temperature",),
}
NOT_ACTIVITIES = {"course_not_activity.fit", "weight_scale_not_activity.fit"}


def oracle(path: Path) -> list[dict[str, Any]]:
    """The record messages as fitdecode reads them, up to where it stops; the native field of each name."""
    rows: list[dict[str, Any]] = []
    options = {"processor": None, "check_crc": fitdecode.CrcCheck.DISABLED}
    try:
        with fitdecode.FitReader(str(path), error_handling=fitdecode.ErrorHandling.IGNORE, **options) as reader:
            for frame in reader:
                if isinstance(frame, fitdecode.FitDataMessage) and frame.name == "record":
                    row: dict[str, Any] = {}
                    for field in frame.fields:
                        if not isinstance(field.field_def, fitdecode.types.DevFieldDefinition):
                            row.setdefault(field.name, field.value)
                    rows.append(row)
    except fitdecode.FitError:
        pass
    return rows


def expected(rows: list[dict[str, Any]], column: str) -> list[float]:
    values = []
    for row in rows:
        found = next((row[name] for name in FIELDS[column] if row.get(name) is not None), None)
        value = np.nan if found is None else float(found)
        if column in {"lat", "lng"}:
            value *= 180 / 2**31
        if column == "cadence":
            value += row.get("fractional_cadence") or 0
        values.append(value)
    return values


@NEEDED
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_each_sample_gives_what_fitdecode_gives(path: Path) -> None:
    """Times and all columns of every record of a device sample are those that fitdecode reads."""
    if path.name in NOT_ACTIVITIES:
        with pytest.raises(Unreadable, match="not an activity"):
            read_fit(path.read_bytes())
        return
    rows, ours = oracle(path), read_fit(path.read_bytes())
    shift = 631_065_600 if ours.absolute else 0
    stamps = [np.nan if row.get("timestamp") is None else row["timestamp"] + shift for row in rows]
    np.testing.assert_array_equal(ours.time, stamps)
    assert rows
    for column in FIELDS:
        theirs = expected(rows, column)
        if column in ours.columns:
            np.testing.assert_allclose(ours.columns[column], theirs, rtol=0, atol=1e-9, err_msg=column)
        else:
            assert np.isnan(theirs).all(), column


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_ride_of_either_byte_order_is_read(order: str) -> None:
    """Times, scales, totals, laps and the local stamp come out as they were put in, whatever the byte order."""
    recording = read_fit(ride(20, order).whole())
    assert recording.time.tolist() == [START + t for t in range(20)]
    assert recording.columns["speed"].tolist() == [5.0] * 20
    assert recording.columns["distance"][-1] == pytest.approx(95)
    assert recording.columns["altitude"][:2].tolist() == pytest.approx([100, 100.2])
    assert recording.columns["lat"][0] == pytest.approx(10, abs=1e-7)
    assert recording.utc_offset == 3600
    totals = {name: recording.facts[name] for name in ("sport", "calories", "total_ascent", "moving_time")}
    assert totals == {"sport": "cycling", "calories": 42, "total_ascent": 4, "moving_time": 20}
    assert recording.facts["device_name"] == "garmin edge800"
    assert [(lap["start_time"], lap["distance"], lap["average_speed"]) for lap in recording.laps] == [(START, 100, 5)]
    assert recording.notes == []


def test_invalid_values_are_none() -> None:
    """The value that a type reserves for "none" becomes NaN in its field alone."""
    fit = Fit().define(0, 20, ((253, UINT32), (3, UINT8), (7, UINT16), (5, UINT32)))
    fit.add(0, FIT_START, 0xFF, 200, 100).add(0, FIT_START + 1, 120, 0xFFFF, 0xFFFFFFFF)
    columns = read_fit(fit.whole()).columns
    np.testing.assert_array_equal(columns["heartrate"], [np.nan, 120])
    np.testing.assert_array_equal(columns["watts"], [200, np.nan])
    np.testing.assert_array_equal(columns["distance"], [1, np.nan])


def test_compressed_time_stamps_roll_over() -> None:
    """Five bits of time in a header continue from the last whole stamp, over their rolling."""
    fit = Fit().define(0, 20, ((253, UINT32), (3, UINT8))).define(1, 20, ((3, UINT8),))
    base = FIT_START - FIT_START % 32 + 30
    fit.add(0, base, 100).add(1, 101, offset=31).add(1, 102, offset=0).add(1, 103, offset=5)
    recording = read_fit(fit.whole())
    assert (recording.time - recording.time[0]).tolist() == [0, 1, 2, 7]
    assert recording.columns["heartrate"].tolist() == [100, 101, 102, 103]


def test_developer_fields_are_stepped_over() -> None:
    """Bytes of developer fields belong to no column, and what follows is read."""
    fit = Fit().define(0, 20, ((253, UINT32), (3, UINT8)), developer=3)
    fit.add(0, FIT_START, 100, more=b"abc").add(0, FIT_START + 1, 101, more=b"\x40\x40\x40")
    assert read_fit(fit.whole()).columns["heartrate"].tolist() == [100, 101]


def test_relative_stamps_take_the_start_from_elsewhere() -> None:
    """Stamps since switching on keep their distances; the start is when the file was made."""
    fit = Fit().define(0, 0, ((0, ENUM), (4, UINT32))).add(0, 4, FIT_START)
    fit.define(1, 20, ((253, UINT32), (3, UINT8))).add(1, 50, 100).add(1, 53, 101)
    recording = read_fit(fit.whole())
    assert (recording.absolute, recording.time.tolist(), recording.started) == (False, [50, 53], START)


def test_the_timer_pauses() -> None:
    """What lies between a stop and the next start of the timer is a pause."""
    fit = Fit().define(0, 20, ((253, UINT32), (3, UINT8))).define(1, 21, ((253, UINT32), (0, ENUM), (1, ENUM)))
    fit.add(1, FIT_START, 0, 0).add(0, FIT_START, 99).add(1, FIT_START + 5, 0, 4).add(1, FIT_START + 9, 0, 0)
    assert read_fit(fit.whole()).pauses == [(START + 5, START + 9)]


def test_chained_files_are_one_activity() -> None:
    """Two files after each other give the records and laps of both, and a copy of a session counts once."""
    twice = ride(5).whole() + ride(5, ">", FIT_START + 100).whole() + ride(5).whole()
    recording = read_fit(twice)
    assert len(recording.time) == 15
    assert (len(recording.laps), recording.facts["distance"]) == (2, 50)


def test_packed_speed_and_distance_roll_over() -> None:
    """compressed_speed_distance gives 1/100 m/s and 1/16 m, whose 12 bits roll over."""
    fit = Fit().define(0, 20, ((253, UINT32), (8, UINT8), (3, UINT8)))
    at = fit.content.index(bytes([8, 1, UINT8]))
    fit.content[at : at + 3] = bytes([8, 3, 0x0D])
    for t, rolling in enumerate((0, 4000, 4)):
        speed, packed = 250, rolling
        three = bytes([speed & 0xFF, speed >> 8 | (packed & 0xF) << 4, packed >> 4])
        fit.content += bytes([0]) + struct.pack("<I", FIT_START + t) + three + bytes([100])
    columns = read_fit(fit.whole()).columns
    assert columns["speed"].tolist() == [2.5, 2.5, 2.5]
    assert columns["distance"].tolist() == [0, 250, 256.25]


@pytest.mark.parametrize("cut", range(len(ride(4).whole())))
def test_every_truncation_is_data_or_a_reason(cut: int) -> None:
    """A file cut at any byte gives its readable records with a note, or a reason, and never more than there are."""
    data = ride(4).whole()[:cut]
    try:
        recording = read_fit(data)
    except Unreadable:
        return  # any other error is a failure
    assert recording.notes
    assert recording.time.tolist() == [START + t for t in range(len(recording.time))]


def test_a_wrong_checksum_is_a_note() -> None:
    """A flipped byte is noted and the rest is read."""
    data = bytearray(ride(4).whole())
    data[-1] ^= 1
    recording = read_fit(bytes(data))
    assert (recording.notes, len(recording.time)) == (["the checksum is wrong"], 4)


def test_a_recording_that_was_never_closed_is_read() -> None:
    """A header whose length is still 0 leads to all records that were written."""
    data = bytearray(ride(4).whole()[:-2])
    data[4:8] = bytes(4)
    recording = read_fit(bytes(data))
    assert (recording.notes, len(recording.time)) == (["the recording was never closed"], 4)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 255, 256, 257, 1000, (1 << 20) - 1, (1 << 20) + 5])
def test_the_checksum_is_that_of_the_protocol(size: int) -> None:
    """The checksum by halves equals the one bit by bit, over lengths around the powers of two."""
    data = np.random.default_rng(size).integers(0, 256, min(size, 2000), dtype=np.uint8).tobytes()
    padded = bytes(size - len(data)) + data  # zeros in front leave the plain one as it is, and cost it time
    assert checksum(padded) == crc16(data)


def test_a_file_of_another_kind_is_empty() -> None:
    """A course is named as what it is, with the status "empty"."""
    fit = Fit().define(0, 0, ((0, ENUM),)).add(0, 6)
    with pytest.raises(Unreadable, match="type course, not an activity") as caught:
        read_fit(fit.whole())
    assert caught.value.status == "empty"


def test_the_patient_reader_takes_what_ours_refuses() -> None:
    """A file with thousands of kinds of messages is refused by our reader and read by fitdecode, the same values."""
    fit = ride(6)
    ours = read_fit(fit.whole())
    for number in range(5000):
        fit.define(5, 0xFF00, ((number % 200, UINT8), (number // 200, UINT8)))
    theirs: Recording = read_recording(fit.whole(), "fit")
    np.testing.assert_array_equal(theirs.time, ours.time)
    for name, values in ours.columns.items():
        np.testing.assert_allclose(theirs.columns[name], values)
    assert semicircles(10) == round(theirs.columns["lat"][0] * 2**31 / 180)
    with pytest.raises(Unreadable, match="no sample"):
        read_slowly(b"nothing of the kind")

"""The common shape of samples, the row of facts, and what comes out of every device sample."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.device_files import DEVICES, FIT_START, UINT8, UINT32, Fit, gpx, gpx_point, ride, tcx, tcx_lap

from strava_stats.export.devices.parse import Job, Parsed, detect_format, parse_member
from strava_stats.export.devices.polyline import MOST_POINTS, encode, thin
from strava_stats.export.devices.recording import Recording
from strava_stats.export.devices.shape import NULL, SCALES, scaled, shape

SAMPLES = sorted(DEVICES.iterdir()) if DEVICES.is_dir() else []
NEEDED = pytest.mark.skipif(not SAMPLES, reason=f"the device samples are not in {DEVICES}")
WITHOUT_SAMPLES = {
    "course_not_activity.fit": "a FIT file of type course, not an activity",
    "weight_scale_not_activity.fit": "a FIT file of type weight, not an activity",
    "no_session_developer_fields_3_records.fit": "no sample with a time",
    "gpx_1_0_no_times.gpx": "no sample with a time",
    "gpx_bom_waypoint_only_no_namespace.gpx": "no track point",
    "gpx_extensions_without_namespace.gpx": "no track point",
}


def recording(time: Sequence[float], **columns: Sequence[float]) -> Recording:
    return Recording("gpx", np.array(time), {name: np.array(values, float) for name, values in columns.items()})


def columns_of(given: Recording) -> dict[str, list[int]]:
    samples = shape(given)
    assert samples is not None
    return {name: values.tolist() for name, values in samples.columns.items()}


def parse(tmp_path: Path, name: str, data: bytes, **more: Any) -> Parsed:
    (tmp_path / name).write_bytes(data)
    return parse_member(Job(1, 2, tmp_path, name, **more))


@NEEDED
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_each_device_sample_is_data_or_a_reason(path: Path) -> None:
    """A device sample gives samples whose values are possible, or a status and its reason."""
    parsed = parse_member(Job(1, 2, path.parent, path.name))
    facts = parsed.facts
    assert (facts["size"], facts["crc"]) == (path.stat().st_size, zlib.crc32(path.read_bytes()))
    if path.name in WITHOUT_SAMPLES:
        assert (facts["status"], facts["error"]) == ("empty", WITHOUT_SAMPLES[path.name])
        return
    assert (facts["status"], facts["format"]) == ("ok", path.suffix[1:])
    assert parsed.samples is not None
    t = parsed.samples["t"]
    assert t[0] == 0
    assert (np.diff(t) > 0).all()
    assert facts["samples"] == len(t) == len(parsed.samples["moving"])
    for name in SCALES:
        values = parsed.samples[name]
        assert len(values) == len(t)
        assert (np.abs(values[values != NULL]) <= SCALES[name][1]).all()
    for before, lap in zip(facts["laps"], facts["laps"][1:], strict=False):
        assert before["lap_index"] + 1 == lap["lap_index"]


@NEEDED
def test_a_virtual_ride_has_no_position_at_nought() -> None:
    """Where the device wrote 0,0 there is no position."""
    parsed = parse_member(Job(1, 2, DEVICES, "virtual_ride.fit"))
    assert parsed.samples is not None
    assert not ((parsed.samples["lat"] == 0) & (parsed.samples["lng"] == 0)).any()


def test_positions_of_nought_are_none() -> None:
    """All positions 0,0 leave samples without positions, and no distance is made of them."""
    found = columns_of(recording([0, 1, 2], lat=[0, 0, 0], lng=[0, 0, 0], watts=[200, 210, 220]))
    assert found["lat"] == found["lng"] == found["distance"] == [NULL] * 3
    assert found["watts"] == [200, 210, 220]


def test_time_is_sorted_and_of_a_second_the_last_stays() -> None:
    """Samples come in order of time from the first, the last of a second wins, those without a time are left out."""
    found = columns_of(recording([103.0, 100.2, 101.1, 101.4, np.nan], heartrate=[4, 1, 2, 3, 9]))
    assert (found["t"], found["heartrate"]) == ([0, 1, 3], [1, 3, 4])


def test_a_stamp_far_from_all_others_is_left_out() -> None:
    """One sample of a clock that was not yet set does not make the activity decades long."""
    given = recording([10.0, 1e9, 1e9 + 1, 1e9 + 2])
    assert columns_of(given)["t"] == [0, 1, 2]
    assert given.notes == ["samples with a time far from all others were left out"]


def test_distance_and_velocity_come_from_positions_when_the_file_has_none() -> None:
    """Three metres a second to the north are three metres a second, along a sphere."""
    north = [10 + t * 3 / 111_194.93 for t in range(20)]
    found = columns_of(recording(list(range(20)), lat=north, lng=[20] * 20))
    assert found["distance"] == [t * 30 for t in range(20)]
    assert set(found["velocity_smooth"]) == {3000}


def test_grade_is_climb_over_distance() -> None:
    """Five metres up on a hundred are five per cent; standing still is none."""
    seconds = list(range(60))
    up = columns_of(recording(seconds, distance=[t * 5 for t in seconds], altitude=[t * 0.25 for t in seconds]))
    assert set(up["grade_smooth"]) == {50}
    still = columns_of(recording(seconds, distance=[7] * 60, altitude=[t * 0.25 for t in seconds]))
    assert set(still["grade_smooth"]) == {0}


def test_moving_is_the_timer_and_a_speed() -> None:
    """Below half a metre a second, and while the timer is stopped, nothing moves."""
    given = recording([0, 1, 2, 3, 4, 5], speed=[3, 0.4, 3, 3, 3, 3])
    given.pauses = [(2.0, 4.0)]
    assert columns_of(given)["moving"] == [1, 0, 1, 0, 1, 1]
    assert set(columns_of(recording([0, 1], heartrate=[1, 2]))["moving"]) == {1}


def test_values_that_do_not_fit_are_none() -> None:
    """A value beyond its column, or none, becomes NULL; the largest that fits stays."""
    assert scaled("temp", np.array([127, 128, np.nan, np.inf, -127.4])).tolist() == [127, NULL, NULL, NULL, -127]
    assert scaled("altitude", np.array([99_999.9, 100_000])).tolist() == [999_999, NULL]


def test_the_facts_of_a_ride(tmp_path: Path) -> None:
    """Totals, stamps, positions, laps with the indices of their samples: one row."""
    facts = parse(tmp_path, "1.fit", ride(20).whole()).facts
    assert facts["start_time"] == datetime(2021, 9, 8, 1, 46, 40, tzinfo=UTC)
    assert (facts["local_start"], facts["utc_offset"]) == (datetime(2021, 9, 8, 2, 46, 40), 3600)  # noqa: DTZ001 - local
    assert (facts["distance"], facts["elapsed_time"], facts["moving_time"], facts["samples"]) == (100, 20, 20, 20)
    assert (facts["start_lat"], facts["start_lng"]) == pytest.approx((10, 20), abs=1e-6)
    assert facts["end_lat"] == pytest.approx(10 + 95 / 111_195, abs=1e-6)
    (lap,) = facts["laps"]
    assert (lap["lap_index"], lap["start_index"], lap["end_index"], lap["elapsed_time"]) == (1, 0, 19, 20)


def test_laps_share_the_samples(tmp_path: Path) -> None:
    """Each lap ends where the next begins."""
    facts = parse(tmp_path, "1.tcx", tcx(tcx_lap(0, 5) + tcx_lap(5, 4))).facts
    assert [(lap["start_index"], lap["end_index"]) for lap in facts["laps"]] == [(0, 4), (5, 8)]


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (ride(1).whole(), "a.gpx", "fit"),
        (gpx(""), "a.fit.gz", "gpx"),
        (tcx(""), "activities/1.gpx", "tcx"),
        (gpx("").decode().encode("utf-16"), "x", "gpx"),
        (b"<g:gpx xmlns:g='x'>", "x", "gpx"),
        (b"nothing", "a/b.tcx.gz", "tcx"),
        (b"nothing", "fit/readme", None),
    ],
)
def test_the_content_tells_the_format_before_the_name(data: bytes, name: str, kind: str | None) -> None:
    """Magic bytes and the root element decide, then the name's endings."""
    assert detect_format(data, name) == kind


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_gzip_is_known_by_its_bytes(tmp_path: Path, layers: int) -> None:
    """Whether packed never, once or thrice, under any name, the same samples come out."""
    data = ride(5).whole()
    for _ in range(layers):
        data = gzip.compress(data)
    assert parse(tmp_path, "1.gpx", data).facts["samples"] == 5


def test_a_cut_gzip_gives_what_is_there(tmp_path: Path) -> None:
    """What inflates before the cut is read, with a note."""
    data = gzip.compress(gpx(f"<trkseg>{''.join(gpx_point(t) for t in range(300))}</trkseg>"))
    facts = parse(tmp_path, "1.gpx.gz", data[: len(data) // 2]).facts
    assert 0 < facts["samples"] < 300
    assert facts["error"] == "the compressed file is cut off; the XML is broken or cut off"


def test_a_damaged_gzip_gives_what_came_before(tmp_path: Path) -> None:
    """Bytes that no longer inflate end the file, with a note."""
    packed = bytearray(gzip.compress(gpx(f"<trkseg>{''.join(gpx_point(t) for t in range(900))}</trkseg>")))
    packed[len(packed) // 2 :] = b"\xff" * (len(packed) - len(packed) // 2)
    facts = parse(tmp_path, "1.gpx.gz", bytes(packed)).facts
    assert facts["error"].startswith("the compressed file is damaged")
    assert facts["samples"] > 0


@pytest.mark.parametrize("layers", [1, 2])
def test_a_gzip_bomb_is_refused(tmp_path: Path, layers: int) -> None:
    """What inflates beyond the limit is refused at the limit."""
    bomb = bytes(5_000_000)
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    facts = parse(tmp_path, "1.fit.gz", bomb, limit=1_000_000).facts
    assert (facts["status"], facts["error"]) == ("failed", "more than 1,000,000 bytes inflated")


def archive(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, data)
    return path


def test_a_zip_bomb_is_refused_by_its_directory(tmp_path: Path) -> None:
    """A member that says it is too large is not opened."""
    path = archive(tmp_path, "activities/1.fit", bytes(3_000_000))
    facts = parse_member(Job(1, 2, path, "activities/1.fit", limit=1_000_000, size=3_000_000, crc=7)).facts
    assert facts["error"] == "more than 1,000,000 bytes inflated"
    assert (facts["size"], facts["crc"]) == (3_000_000, 7)


def test_a_zip_whose_directory_lies_is_damaged(tmp_path: Path) -> None:
    """A member that holds more than its directory says is not read beyond that, and fails its checksum."""
    path = archive(tmp_path, "1.fit", bytes(300_000))
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02") + 24
    content[at : at + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(content)
    facts = parse_member(Job(1, 2, path, "1.fit")).facts
    assert facts["error"] == "the archive cannot give it: damaged, locked, or packed in an unknown way"


@pytest.mark.parametrize("flip", [4, 30, 45, 60, -30])
def test_a_damaged_zip_is_a_reason(tmp_path: Path, flip: int) -> None:
    """A flipped byte in a ZIP gives samples or a reason."""
    path = archive(tmp_path, "1.fit", ride(5).whole())
    content = bytearray(path.read_bytes())
    content[flip] ^= 0x55
    path.write_bytes(content)
    facts = parse_member(Job(1, 2, path, "1.fit")).facts
    assert facts["status"] == "ok" or facts["error"]


def test_a_name_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    """Neither dots, nor an absolute name, nor a link lead to a file beside the folder."""
    inner = tmp_path / "export"
    inner.mkdir()
    (tmp_path / "secret.fit").write_bytes(ride(3).whole())
    (inner / "link.fit").symlink_to(tmp_path / "secret.fit")
    for name in ("../secret.fit", str(tmp_path / "secret.fit"), "link.fit"):
        assert parse_member(Job(1, 2, inner, name)).facts["error"] == "the name leads out of the folder"


@pytest.mark.parametrize("name", ["missing.fit", "a\0b.fit", "folder"])
def test_what_is_no_file_is_a_reason(tmp_path: Path, name: str) -> None:
    """A missing name, an impossible one and a folder each have their reason."""
    (tmp_path / "folder").mkdir()
    facts = parse_member(Job(1, 2, tmp_path, name)).facts
    assert facts["status"] == "failed"
    assert facts["error"] in {"the folder has no such file", "the file cannot be read", "no regular file"}


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", gzip.compress(b"", mtime=0), b"hello", b"\0" * 100])
def test_nothing_readable_is_failed(tmp_path: Path, data: bytes) -> None:
    """An empty file, an empty archive and noise are failures with a reason, never samples."""
    parsed = parse(tmp_path, "1.fit", data)
    assert (parsed.facts["status"], parsed.samples) == ("failed", None)
    assert parsed.facts["error"]


def test_a_heart_rate_of_nought_is_none(tmp_path: Path) -> None:
    """A strap without contact says 0, which is no heart rate."""
    fit = Fit().define(0, 20, ((253, UINT32), (3, UINT8))).add(0, FIT_START, 0).add(0, FIT_START + 1, 61)
    parsed = parse(tmp_path, "1.fit", fit.whole())
    assert parsed.samples is not None
    assert parsed.samples["heartrate"].tolist() == [NULL, 61]


def test_the_polyline_of_the_documentation() -> None:
    """The example of the algorithm's description encodes as it says there."""
    lat, lng = np.array([38.5, 40.7, 43.252]), np.array([-120.2, -120.95, -126.453])
    assert encode(lat, lng) == "_p~iF~ps|U_ulLnnqC_mqNvxq`@"


def test_a_long_track_is_thinned_to_its_shape() -> None:
    """A circle of thousands of points keeps its ends, and no dropped point is far from what is left."""
    turn = np.linspace(0, 2 * np.pi, 9000)
    lat, lng = 10 + 0.01 * np.sin(turn), 20 + 0.01 * np.cos(turn)
    few = thin(lat, lng)
    assert len(few[0]) <= MOST_POINTS
    assert (few[0][0], few[1][-1]) == (lat[0], lng[-1])
    gaps = np.hypot(np.diff(few[0]), np.diff(few[1])) * 111_195
    assert gaps.max() < 150

"""GPX and TCX: extensions, zones, damage, hostile files."""

from __future__ import annotations

from pathlib import Path

import gpxpy
import numpy as np
import pytest
from tests.support.device_files import DEVICES, gpx, gpx_point, tcx, tcx_lap

from strava_stats.export.devices.gpx import read_gpx
from strava_stats.export.devices.iso_times import parse_times
from strava_stats.export.devices.recording import Unreadable
from strava_stats.export.devices.tcx import read_tcx

NOON = 1_714_557_600
"""2024-05-01T10:00:00Z."""
GPX_SAMPLES = sorted(DEVICES.glob("*.gpx")) if DEVICES.is_dir() else []
NEEDED = pytest.mark.skipif(not GPX_SAMPLES, reason=f"the device samples are not in {DEVICES}")
NS3 = "<extensions><ns3:TrackPointExtension>{}</ns3:TrackPointExtension></extensions>"
VALUES = "<{0}atemp>21.0</{0}atemp><{0}hr>140</{0}hr><{0}cad>85</{0}cad><{0}speed>2.5</{0}speed>"


def segment(*points: str) -> str:
    return f"<trkseg>{''.join(points)}</trkseg>"


@NEEDED
@pytest.mark.parametrize("path", GPX_SAMPLES, ids=lambda path: path.name)
def test_each_gpx_sample_gives_what_gpxpy_gives(path: Path) -> None:
    """Times, positions and heights of every track point are those that gpxpy reads."""
    text = path.read_text(encoding="utf-8-sig").strip()
    text = text.replace("<gpxdata:", "<").replace("</gpxdata:", "</")  # the undeclared prefix, which gpxpy refuses
    points = [point for track in gpxpy.parse(text).tracks for part in track.segments for point in part.points]
    if not points:
        with pytest.raises(Unreadable, match="no track point") as caught:
            read_gpx(path.read_bytes())
        assert caught.value.status == "empty"
        return
    ours = read_gpx(path.read_bytes())
    times = [np.nan if point.time is None else point.time.timestamp() for point in points]
    np.testing.assert_allclose(ours.time, times, atol=1e-3)
    np.testing.assert_allclose(ours.columns["lat"], [point.latitude for point in points])
    np.testing.assert_allclose(ours.columns["lng"], [point.longitude for point in points])
    np.testing.assert_allclose(ours.columns["altitude"], [float(point.elevation or 0) for point in points])


@pytest.mark.parametrize(
    ("root", "prefix"),
    [
        ('xmlns="http://www.topografix.com/GPX/1/1" xmlns:ns3="http://garmin/v1"', "ns3:"),
        ('xmlns="http://www.topografix.com/GPX/1/1"', "ns3:"),
        ('xmlns="http://www.topografix.com/GPX/1/1" xmlns:ns3="http://garmin/v2"', ""),
        ("", "ns3:"),
    ],
    ids=["declared", "undeclared", "without a prefix", "no namespace at all"],
)
def test_extensions_are_read_whatever_their_prefix(root: str, prefix: str) -> None:
    """Heart rate, cadence, temperature and speed are found with a declared prefix, an undeclared one, or none."""
    more = NS3.format(VALUES.format(prefix)) + "<power>250</power>"
    recording = read_gpx(gpx(segment(gpx_point(0, more), gpx_point(1)), root=root))
    first = {name: values[0] for name, values in recording.columns.items()}
    assert first["heartrate"] == 140
    assert (first["cadence"], first["temp"], first["speed"], first["watts"]) == (85, 21, 2.5, 250)
    assert np.isnan(recording.columns["heartrate"][1])
    assert recording.notes == []


def test_tracks_and_segments_follow_each_other() -> None:
    """The points of all tracks and segments are one recording, an empty segment none of it."""
    many = (
        segment(gpx_point(0), gpx_point(1))
        + "<trkseg/>"
        + segment(gpx_point(9))
        + "</trk><trk>"
        + segment(gpx_point(20))
    )
    assert (read_gpx(gpx(many)).time - NOON).tolist() == [0, 1, 9, 20]


def test_times_outside_the_points_are_not_theirs() -> None:
    """The time of the metadata or of a waypoint is given to no point."""
    bare = '<trkpt lat="1" lon="2"><ele>5</ele></trkpt>'
    time = "<time>2024-05-01T10:00:00Z</time>"
    head = f'<metadata>{time}</metadata><wpt lat="1" lon="2">{time}</wpt>'
    recording = read_gpx(gpx(segment(bare, bare), head))
    assert np.isnan(recording.time).all()


@pytest.mark.parametrize("before", [b"", b"          ", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_blanks_and_a_mark_before_the_declaration_do_no_harm(before: bytes) -> None:
    """Ten blanks, a byte order mark, or both before `<?xml` change nothing."""
    assert len(read_gpx(before + gpx(segment(gpx_point(0)))).time) == 1
    assert len(read_tcx(before + tcx(tcx_lap(0, 2))).time) == 2


def test_utf_16_is_read() -> None:
    """A file in UTF-16 is read as its byte order mark says."""
    text = gpx(segment(gpx_point(0), gpx_point(1))).decode().replace('version="1.0"', 'version="1.0" encoding="UTF-16"')
    assert len(read_gpx(text.encode("utf-16")).time) == 2


def test_a_cut_gpx_keeps_its_whole_points() -> None:
    """What stands before the cut is read, with a note."""
    data = gpx(segment(*(gpx_point(t) for t in range(50))))
    recording = read_gpx(data[: len(data) // 2])
    assert 20 <= len(recording.time) <= 26
    assert recording.notes == ["the XML is broken or cut off"]


def test_numbers_that_are_none_are_none() -> None:
    """Text, an empty element and infinity instead of a number cost that value alone."""
    points = (
        gpx_point(0, "<hr>fast</hr>"),
        gpx_point(1, "<hr/>"),
        gpx_point(2, "<hr>inf</hr>"),
        gpx_point(3, "<hr>99</hr>"),
    )
    assert read_gpx(gpx(segment(*points))).columns["heartrate"][3] == 99


def test_points_inside_points_are_no_harm() -> None:
    """A point nested in another is read as well, and the values stay with their own."""
    recording = read_gpx(gpx(segment(gpx_point(0, "<extensions>" + gpx_point(5, "<hr>9</hr>") + "</extensions>"))))
    assert len(recording.time) == 2


def test_a_tcx_gives_laps_and_points() -> None:
    """Laps with their totals, extensions of the points, the device and the offset of the stamps."""
    extension = "<Extensions><n:LX><n:AvgSpeed>3.2</n:AvgSpeed><n:AvgWatts>205</n:AvgWatts></n:LX></Extensions>"
    recording = read_tcx(tcx(tcx_lap(0, 5, extension) + tcx_lap(5, 4)))
    assert (recording.time - (NOON - 7200)).tolist() == list(range(9))
    assert recording.utc_offset == 7200
    assert {name: values[3] for name, values in recording.columns.items() if name != "lat"} == {
        "lng": 20, "altitude": 5, "distance": 9, "speed": 3.1, "heartrate": 103, "cadence": 80, "watts": 210,
    }  # fmt: skip
    assert recording.facts == {
        "distance": 27, "moving_time": 9, "calories": 14, "sport": "Running", "device_name": "Test 1",
    }  # fmt: skip
    first = recording.laps[0]
    assert (first["average_speed"], first["average_watts"], first["average_heartrate"]) == (3.2, 205, 111)
    assert [lap["start_time"] - (NOON - 7200) for lap in recording.laps] == [0, 5]


def test_a_tcx_course_is_no_activity() -> None:
    """A course has points and no lap of an activity, and is refused as empty."""
    course = (
        "<TrainingCenterDatabase><Courses><Course><Track><Trackpoint><Time>2024-05-01T10:00:00Z</Time></Trackpoint>"
    )
    with pytest.raises(Unreadable, match="course") as caught:
        read_tcx(f"{course}</Track></Course></Courses></TrainingCenterDatabase>".encode())
    assert caught.value.status == "empty"


POINT = '<gpx{}><trk><trkseg><trkpt lat="{}" lon="2"><name>{}</name></trkpt></trkseg></trk></gpx>'
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha" * 10}">' for n in range(12))


@pytest.mark.parametrize(
    "bomb",
    [
        f"<!DOCTYPE gpx [{LAUGHS}]>" + POINT.format("", 1, "&l11;"),
        f"<!DOCTYPE gpx [{LAUGHS}]>" + POINT.format("", "&l11;", ""),
        '<!DOCTYPE gpx [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + POINT.format(' creator="&e;"', 1, "&e;"),
        "<gpx>" + "<a>" * 100_000,
        '<!DOCTYPE gpx SYSTEM "http://192.0.2.1/x.dtd">' + POINT.format("", 1, ""),
    ],
    ids=["entities in text", "entities in an attribute", "a local file", "depth", "an outside DTD"],
)
def test_xml_bombs_do_not_go_off(bomb: str) -> None:
    """Entities are never expanded nor fetched, and depth is bounded: a point without a time, or a reason."""
    try:
        recording = read_gpx(bomb.encode())
    except Unreadable:
        return  # any other error is a failure
    assert np.isnan(recording.time).all()
    assert recording.facts["device_name"] is None


@pytest.mark.parametrize(
    ("text", "seconds", "ahead"),
    [
        ("2024-05-01T10:00:00Z", 0, None),
        ("2024-05-01T10:00:00.250Z", 0.25, None),
        ("2024-05-01T10:00:00,5Z", 0.5, None),
        ("2024-05-01T10:00:00.1234567Z", 0.123, None),
        ("2024-05-01T12:00:00+02:00", 0, 7200),
        ("2024-05-01T12:00:00.5+0200", 0.5, 7200),
        ("2024-05-01T06:30:00-03:30", 0, -12600),
        ("2024-05-01T12:00:00+02", 0, 7200),
        ("2024-05-01 10:00:00", 0, None),
        ("  2024-05-01T10:00:00Z\n", 0, None),
        ("2024-05-01", None, None),
        ("2024-13-01T10:00:00Z", None, None),
        ("gestern", None, None),
        ("２０２４-05-01T10:00:00Z", None, None),  # noqa: RUF001 - wide digits are the point
        ("", None, None),
    ],
)
def test_instants_are_read(text: str, seconds: float | None, ahead: float | None) -> None:
    """An instant with fraction and zone is read to the millisecond; what is none gives none."""
    times, zones = parse_times([text, "2024-02-29T00:00:00Z"])
    assert times[0] - NOON == pytest.approx(seconds, abs=1e-6) if seconds is not None else np.isnan(times[0])
    assert zones[0] == ahead if ahead is not None else np.isnan(zones[0])
    assert times[1] == 1_709_164_800

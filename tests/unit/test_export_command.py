"""What `export` refuses, how PRIVACY_ZONES is read, and the names of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from lxml import etree
from tests.support.tracked import Tracked, line

from strava_stats.cli import export  # noqa: F401 - it registers the command
from strava_stats.cli.app import app
from strava_stats.cli.main import hoist_global_options
from strava_stats.errors import ConfigurationError, UsageError
from strava_stats.narration import Silent
from strava_stats.settings import load_settings
from strava_stats.tracks.gpx import tracks, write_tracks, xml_text
from strava_stats.tracks.names import distinct_names
from strava_stats.tracks.outgoing import Outgoing, Selection
from strava_stats.tracks.privacy import Zone, polyline_cutter, without_places


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An activity with a track and one without."""
    made_up = Tracked(tmp_path_factory.mktemp("home") / "data")
    made_up.activity(1, line(3))
    made_up.activity(4)
    made_up.publish()
    return made_up.data


REFUSED = [
    ("activites", "did you mean activities"),
    ("", "not said what to export"),
    ("activities --format xlsx", "xlsx"),
    ("activities --format gpx", "cannot be GPX"),
    ("--all --ids 1", "exclude each other"),
    ("gold_weekly --ids 1", "no column activity_id"),
    ("activities --ids 99", "There is no activity 99"),
    ("activities --from 2026-05-04 --to 2026-05-01", "swap"),
    ("--format gpx --sport Rowing", "No activity is like that"),
    ("--format gpx --ids 4", "has a track"),
    ("--format gpx --ids 1 --out -", "standard output"),
    ("--format gpx --ids 1 --out a.gpx", "a file for each"),
    ("activities runs --out a.csv", "one table"),
    ("activities --format csv --out - --json", "exclude each other"),
    ("activities --no-formulas", "for csv"),
]


@pytest.mark.parametrize(("arguments", "word"), REFUSED)
def test_refused(data: Path, arguments: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes no sense ends with 2, a line and a cure, and leaves no file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRAVA_STATS_HOME", str(tmp_path))
    given = hoist_global_options(["--data-dir", str(data), "export", *arguments.split()])
    with pytest.raises(UsageError) as raised:
        typer.main.get_command(app).main(given, standalone_mode=False)
    assert word in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_zones_are_read(tmp_path: Path) -> None:
    """Circles are separated by semicolons, blanks do not matter, and the poles and the 180th meridian are places."""
    read = load_settings({"PRIVACY_ZONES": " 51.5007,-0.1246,400; -90, +180 ,0.5;;"}, tmp_path).privacy_zones
    assert read == ((51.5007, -0.1246, 400.0), (-90.0, 180.0, 0.5))
    assert load_settings({"PRIVACY_ZONES": " "}, tmp_path).privacy_zones == ()
    assert "51.5007" not in repr(load_settings({"PRIVACY_ZONES": "51.5007,0,4"}, tmp_path))
    assert "51.5007" not in repr(Zone(51.5007, 0, 4))


WRONG = ["51.07", "51.07,0.1", "91.07,0,5", "0,181.07,5", "51.07,0,0", "51.07,0,-1", "51.07,0,100001", "51.07 0 5"]
WRONG += ["nan,51.07,5", "51.07,inf,5", "51.07,1e1,5", "51,07,0,12,400", "\u0665,51.07,5", "51.07,0,"]


@pytest.mark.parametrize("circle", WRONG)
def test_a_wrong_zone(tmp_path: Path, circle: str) -> None:
    """A circle that is none is an error of the configuration that names its number and shows nothing of it."""
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"PRIVACY_ZONES": f"1,2,3;{circle}"}, tmp_path)
    assert "Circle 2 of PRIVACY_ZONES" in raised.value.message
    assert "1.07" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_too_many_zones(tmp_path: Path) -> None:
    """A hundred circles are enough."""
    with pytest.raises(ConfigurationError, match="101 circles"):
        load_settings({"PRIVACY_ZONES": "1,2,3;" * 101}, tmp_path)


def test_names_are_safe_and_distinct() -> None:
    """No separator, leading dot, device, or pair that differs by capitals alone is a file name."""
    names = distinct_names(["a/b", "a\\b", "A?B", "..", ".hidden", "CON", "com1.x", "x" * 300, "läufe", "", "runs"])
    assert list(names.values())[:7] == ["a_b", "a_b_2", "A_B_3", "_", "hidden", "_CON", "_com1.x"]
    assert (names["läufe"], names["runs"], len(names["x" * 300])) == ("läufe", "runs", 50)
    assert len({name.casefold() for name in names.values()}) == len(names)


def test_json_without_places() -> None:
    """Keys that name a place, at any depth, and two decimals alone in a list are gone; other digits stay."""
    text = (
        '{"start_latlng":[1.5,2.5],"map":{"summary_polyline":"abc","id":"a1"},"x":[{"lng":1}],"p":[1.10,2.20],'
        '"n":1.10,"i":9007199254740993}'
    )
    assert without_places(text) == (
        '{"start_latlng":null,"map":{"summary_polyline":null,"id":"a1"},"x":[{"lng":null}],"p":null,"n":1.10,'
        '"i":9007199254740993}'
    )
    untouched = '{ "n": 1.10, "laps": [1.5, 2.5, 3.5] }'
    assert without_places(untouched) == untouched
    assert without_places("{broken") is None
    assert without_places(None) is None


@pytest.mark.parametrize("text", ["_p~iF~ps|", "_p~iF", "\x10\x10", "é?", "~" * 40 + "??"])
def test_a_broken_polyline_is_left_out(text: str) -> None:
    """What cannot be read cannot be cut, so it does not leave."""
    assert polyline_cutter([Zone(0, 0, 1)])(text) is None


def test_the_known_polyline() -> None:
    """The example of the format's own documentation: (38.5, -120.2), (40.7, -120.95), (43.252, -126.453)."""
    text = "_p~iF~ps|U_ulLnnqC_mqNvxq`@"
    assert polyline_cutter([Zone(0, 0, 100)])(text) == text
    assert polyline_cutter([Zone(38.5, -120.2, 100)])(text) == "_flwFn`faV_mqNvxq`@"
    assert polyline_cutter([Zone(43.252, -126.453, 100)])(text) == "_p~iF~ps|U_ulLnnqC"


POINT = (
    '<trkpt lat="51.000000" lon="0.000000"><ele>-3.5</ele><time>2026-05-02T12:00:00Z</time><extensions>'
    "<pwr:PowerInWatts>200</pwr:PowerInWatts><gpxtpx:TrackPointExtension><gpxtpx:atemp>-3</gpxtpx:atemp>"
    "<gpxtpx:hr>150</gpxtpx:hr><gpxtpx:cad>80</gpxtpx:cad></gpxtpx:TrackPointExtension></extensions></trkpt>"
)


def exported(folder: Path, *samples: dict[str, Any]) -> str:
    """The GPX file of one activity."""
    made_up = Tracked(folder / "data")
    made_up.activity(1, samples)
    with Outgoing(made_up.publish()) as outgoing:
        outgoing.choose(Selection())
        (path,) = write_tracks(outgoing, tracks(outgoing), folder / "gpx", Silent()).files
    return path.read_text(encoding="utf-8")


def test_a_point_has_all_its_sensors(tmp_path: Path) -> None:
    """Elements stand in the order of the schemas; a value beyond a schema's range is left out."""
    full = {"lat": 51.0, "lng": 0.0, "altitude": -3.5, "heartrate": 150, "cadence": 80, "watts": 200, "temp": -3}
    text = exported(tmp_path, full, {"lat": -0.000001, "lng": 180.0, "heartrate": 300, "cadence": 255})
    document = etree.fromstring(text.encode())
    assert document.tag == "{http://www.topografix.com/GPX/1/1}gpx"
    assert [child.tag.partition("}")[2] for child in document[1]] == ["name", "type", "trkseg", "trkseg"]
    assert POINT in text
    assert '<trkpt lat="-0.000001" lon="-180.000000"><time>2026-05-02T12:00:01Z</time></trkpt>' in text


@pytest.mark.parametrize(
    ("seconds", "pieces"),
    [
        ([0, 1, 2, 62, 63], [5]),
        ([0, 1, 2, 63, 64], [3, 2]),
        ([0, 60, 120, 180, 480, 540], [6]),
        ([0, 60, 120, 180, 481, 541], [4, 2]),
    ],
)
def test_segments_by_pauses(tmp_path: Path, seconds: list[int], pieces: list[int]) -> None:
    """More than 60 s, or than five times the usual interval where that is longer, begin a segment."""
    text = exported(tmp_path, *({"lat": 51.0, "lng": 0.0, "t": second} for second in seconds))
    assert [piece.count("<trkpt") for piece in text.split("<trkseg>")[1:]] == pieces


def test_samples_without_a_place_make_no_segment(tmp_path: Path) -> None:
    """A lost signal that comes back within a minute is no gap."""
    text = exported(tmp_path, {"lat": 51.0, "lng": 0.0}, {"heartrate": 90}, {"lat": 51.0, "lng": 0.001})
    assert (text.count("<trkseg>"), text.count("<trkpt")) == (1, 2)


def test_names_are_xml() -> None:
    """Markup, the end of a CDATA section and control characters do no harm."""
    assert xml_text("a ]]> & <b>\x07\x00\ufffe 🏃") == "a ]]&gt; &amp; &lt;b&gt; 🏃"


def test_every_place_of_the_warehouse_is_cut(data: Path) -> None:
    """With zones, no column of a table that is called like a place is shown as it is."""
    with Outgoing(data / "warehouse" / "strava.duckdb", [Zone(0, 0, 1)]) as outgoing:
        named = outgoing.run(
            "select distinct table_name, column_name from duckdb_columns() where database_name = 'uncut' "
            "and not internal and regexp_matches(column_name, '(^|_)(lat|lng|lon|latlng|polyline)(_|$)')"
        ).fetchall()
        found = outgoing.run("select view_name, sql from duckdb_views() where database_name = 'memory'").fetchall()
    shown = dict(found)
    assert {("activities", "start_lat"), ("segments", "end_lng"), ("activity_streams", "lat")} < set(named)
    assert {("activities", "summary_polyline"), ("activity_details", "polyline")} < set(named)
    for table, column in named:
        assert f"cut_polyline({column}) AS {column}" in shown[table] or f"THEN ({column})" in shown[table], column

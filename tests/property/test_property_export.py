"""Whatever the tracks and the zones: nothing of a circle leaves, in no format, and all the rest does, in order."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import gpxpy
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.support.tracked import ATHLETE, NOON, RUN, Tracked, write_samples

from strava_stats.narration import Silent
from strava_stats.tracks.gpx import tracks, write_tracks
from strava_stats.tracks.outgoing import Outgoing, Selection
from strava_stats.tracks.polyline import decode_polyline, encode_polyline
from strava_stats.tracks.privacy import Zone, polyline_cutter
from strava_stats.tracks.tables import FORMATS, query_of, write_table
from strava_stats.warehouse.samples import SAMPLE_COLUMNS

EARTH = 6_371_008.8
DEGREE = math.radians(1) * EARTH
ACTIVITIES = 3
CENTRES = [(51.5, -0.12), (0.0, 180.0), (-16.9, -179.9995), (89.9995, 30.0), (-89.9999, -120.0), (0.0, 0.0)]
Place = tuple[float, float]


def vector(place: Place) -> Any:
    """A place on the unit sphere: another way to distances than the product's."""
    lat, lng = math.radians(place[0]), math.radians(place[1])
    return np.array([math.cos(lat) * math.cos(lng), math.cos(lat) * math.sin(lng), math.sin(lat)])


def apart(one: Place, other: Place) -> float:
    first, second = vector(one), vector(other)
    return EARTH * math.atan2(float(np.linalg.norm(np.cross(first, second))), float(first @ second))


def is_inside(place: Place, zones: list[Zone]) -> bool:
    return any(apart(place, (zone.lat, zone.lng)) <= zone.radius for zone in zones)


def nearest(one: Place, other: Place, zone: Zone) -> float:
    """How near the line between two places comes to the centre of a zone."""
    first, second, centre = vector(one), vector(other), vector((zone.lat, zone.lng))
    steps = np.linspace(0, 1, 200)[:, None]
    line = first * (1 - steps) + second * steps
    line /= np.linalg.norm(line, axis=1)[:, None]
    return float(2 * EARTH * np.arcsin(np.linalg.norm(line - centre, axis=1).min() / 2))


def moved(centre: Place, north: float, east: float) -> Place:
    """A place some metres away, with the decimals of the samples."""
    lat = max(-90.0, min(90.0, centre[0] + north / DEGREE))
    lng = centre[1] + east / (DEGREE * max(math.cos(math.radians(centre[0])), 1e-6))
    return round(lat, 6), round((lng + 180) % 360 - 180, 6)


metres = st.integers(-1500, 1500)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Zone], list[list[tuple[int, Place | None]]]]:
    """Zones around a place, and tracks of (second, place) about it; some samples have no place."""
    centre = draw(st.sampled_from(CENTRES))
    circles = draw(st.lists(st.tuples(metres, metres, st.integers(30, 900)), min_size=1, max_size=3))
    zones = [Zone(*moved(centre, north, east), float(radius)) for north, east, radius in circles]
    found = []
    for _ in range(ACTIVITIES):
        steps = draw(st.lists(st.tuples(metres, metres, st.sampled_from([1, 1, 2, 90]), st.booleans()), max_size=12))
        second = 0
        track: list[tuple[int, Place | None]] = []
        for north, east, seconds, has_place in steps:
            second += seconds
            place = moved(centre, north, east)
            is_on_the_edge = any(abs(apart(place, (zone.lat, zone.lng)) - zone.radius) < 1e-3 for zone in zones)
            track.append((second, place if has_place and not is_on_the_edge else None))
        found.append(track)
    return zones, found


@pytest.fixture(scope="module")
def world() -> Iterator[Tracked]:
    """A published warehouse whose sample file each example writes anew."""
    with TemporaryDirectory() as folder:
        tracked = Tracked(Path(folder) / "its data")
        for number in range(ACTIVITIES):
            tracked.activity(number, [{"lat": 1.0, "lng": 1.0}])
        tracked.publish()
        yield tracked


def samples_in(path: Path, form: str) -> list[dict[str, Any]]:
    """The rows of an export, as somebody else's tool reads them."""
    reader = {"parquet": "read_parquet", "csv": "read_csv", "jsonl": "read_json"}[form]
    more = ", all_varchar = true" if form == "csv" else ", columns = {activity_id: 'bigint', t: 'bigint', lat: 'double', lng: 'double', altitude: 'double', heartrate: 'bigint'}, format = 'newline_delimited'" if form == "jsonl" else ""  # fmt: skip  # noqa: E501
    query = f"select activity_id::bigint as activity_id, t::bigint as t, lat::double as lat, lng::double as lng, altitude::double as altitude, heartrate::bigint as heartrate from {reader}('{path}'{more})"  # noqa: E501, S608 - ours
    with duckdb.connect() as connection:
        return [
            dict(zip(("activity_id", "t", "lat", "lng", "altitude", "heartrate"), row, strict=True))
            for row in connection.execute(query).fetchall()
        ]


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # an example is dear
@given(worlds())
def test_nothing_inside_leaves_and_all_else_does(
    world: Tracked, drawn: tuple[list[Zone], list[list[tuple[int, Place | None]]]]
) -> None:
    """Samples in each table format and GPX hold every place outside of all zones, in order, and none inside."""
    zones, found = drawn
    rows = []
    for number, track in enumerate(found):
        for second, place in track:
            values = {"activity_id": number, "run_id": RUN, "athlete_id": ATHLETE, "source": "api", "t": second}
            values |= {"heartrate": 140, "altitude": 12.5}
            values |= {"lat": place[0], "lng": place[1]} if place else {}
            rows.append(tuple(values.get(name) for name in SAMPLE_COLUMNS))
    write_samples(world.layout.stream_file(RUN), rows)
    outside = [[(second, place) for second, place in track if place and not is_inside(place, zones)] for track in found]
    with Outgoing(world.layout.warehouse, zones) as outgoing, TemporaryDirectory() as folder:
        for form in FORMATS:
            path = Path(folder) / f"samples.{form}"
            query = query_of(outgoing, "activity_streams", form, Selection())
            assert write_table(outgoing, query, form, path) == len(rows)
            written = samples_in(path, form) if rows else []
            assert [(row["activity_id"], row["t"]) for row in written] == [row[:1] + row[4:5] for row in rows]
            assert all(row["heartrate"] == 140 for row in written)
            for number in range(ACTIVITIES):
                places = [(row["t"], (row["lat"], row["lng"])) for row in written
                          if row["activity_id"] == number and row["lat"] is not None]  # fmt: skip
                assert places == outside[number], form
            hidden = {(number, second) for number, track in enumerate(found) for second, place in track
                      if place and is_inside(place, zones)}  # fmt: skip
            assert {(row["activity_id"], row["t"]) for row in written if row["altitude"] is None} == hidden
        outgoing.choose(Selection())
        done = write_tracks(outgoing, tracks(outgoing), Path(folder) / "gpx", Silent())
        assert sorted(done.without_track) == [n for n, track in enumerate(found) if not any(p for _, p in track)]
        assert len(done.files) + len(done.without_track) + len(done.inside_zones) == ACTIVITIES
        for number in range(ACTIVITIES):
            paths = [path for path in done.files if path.name.endswith(f"_{number}.gpx")]
            assert bool(paths) is bool(outside[number])
            for path in paths:
                _check_gpx(path, number, outside[number], zones)


def _check_gpx(path: Path, number: int, expected: list[tuple[int, Place]], zones: list[Zone]) -> None:
    """All places in order, with their times; and no line of a segment passes through a zone."""
    (track,) = gpxpy.parse(path.read_text(encoding="utf-8")).tracks
    start = NOON + timedelta(days=number)
    read = [
        (round((point.time - start).total_seconds()), (point.latitude, point.longitude))
        for segment in track.segments
        for point in segment.points
        if point.time
    ]
    assert read == expected
    for segment in track.segments:
        assert segment.points
        places = [(point.latitude, point.longitude) for point in segment.points]
        for one, other in pairwise(places):
            for zone in zones:
                assert nearest(one, other, zone) > zone.radius - 0.5


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_a_polyline_keeps_its_longest_piece_outside(
    drawn: tuple[list[Zone], list[list[tuple[int, Place | None]]]],
) -> None:
    """A cut polyline is a stretch of the one before, with no place or line in a zone; untouched it stays as it is."""
    zones, found = drawn
    for track in found:
        text = encode_polyline(np.array([place for _, place in track if place]).reshape(-1, 2))
        before = [tuple(place) for place in decode_polyline(text).tolist()]
        kept = polyline_cutter(zones)(text)
        after = [tuple(place) for place in decode_polyline(kept or "").tolist()]
        assert not any(is_inside(place, zones) for place in after)
        for one, other in pairwise(after):
            assert all(nearest(one, other, zone) > zone.radius - 0.5 for zone in zones)
        lines = list(pairwise(before))
        near = [*before, *(place for one, other in lines for place in (one, other))]
        if not any(is_inside(place, zones) for place in near) and not any(
            nearest(one, other, zone) <= zone.radius + 0.5 for one, other in lines for zone in zones
        ):
            assert kept == text
        if any(not is_inside(place, zones) for place in before):
            assert after
        stretches = [before[first : first + len(after)] for first in range(len(before))]
        if after:
            written = [[(round(lat, 5), round(lng, 5)) for lat, lng in stretch] for stretch in stretches]
            assert [(round(lat, 5), round(lng, 5)) for lat, lng in after] in written


@given(st.lists(st.tuples(st.integers(-9_000_000, 9_000_000), st.integers(-18_000_000, 18_000_000)), max_size=50))
def test_polylines_there_and_back(places: list[tuple[int, int]]) -> None:
    """Places with five decimals come back from a polyline as they went in."""
    wanted = np.array(places, dtype=float).reshape(-1, 2) / 1e5
    assert np.array_equal(np.rint(decode_polyline(encode_polyline(wanted)) * 1e5), np.rint(wanted * 1e5))


@settings(max_examples=4, deadline=None)
@given(st.lists(st.tuples(metres, metres), min_size=1, max_size=30), st.sampled_from(CENTRES), st.integers(100, 900))
def test_starts_and_ends(offsets: list[Place], centre: Place, radius: int) -> None:
    """Where an activity starts or ends inside a zone, its place is blank, in the tables and in what is made of them."""
    places = [moved(centre, *offset) for offset in offsets]
    zone = Zone(*centre, radius + 0.5)
    with TemporaryDirectory() as folder:
        tracked = Tracked(Path(folder))
        for number, (lat, lng) in enumerate(places):
            tracked.activity(
                number,
                start_lat=lat,
                start_lng=lng,
                end_lat=lat,
                end_lng=lng,
                extra=json.dumps({"end_latlng": [lat, lng], "n": number}),
            )
        tracked.user_views = {
            "mine": "create or replace view mine as select id, start_lat as a, end_lng as b from activities"
        }
        with Outgoing(tracked.publish(), [zone]) as outgoing:
            assert outgoing.unreadable == {}
            hidden = {number for number, place in enumerate(places) if is_inside(place, [zone])}
            for query in (
                "select id from activities where start_lat is null and end_lng is null",
                "select id from mine where a is null and b is null",
            ):
                assert {number for (number,) in outgoing.run(query).fetchall()} == hidden
            extra = outgoing.run("select extra::varchar from activities order by id").fetchall()
            assert extra == [(f'{{"end_latlng":null,"n":{number}}}',) for number in range(len(places))]

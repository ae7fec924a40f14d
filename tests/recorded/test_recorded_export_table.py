"""The header rows and sample archives outside this repository: all columns known, all values as expected."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.export_tables import Typed, told, type_archive
from tests.support.recorded_files import FOLDER, needs_recorded

from strava_stats.export.column_names import COLUMNS
from strava_stats.export.columns import layout, recognise

pytestmark = needs_recorded

EXPORT = FOLDER / "export"
OTHER_HEADERS = {
    10: {"formatted_elapsed_time": "elapsed_time", "formatted_distance": "distance"},
    72: {"max_cadence": "average_cadence", "average_cadence": "max_cadence"},
}
"""Where a header is not the known one of its width: the short form is raw, the Dutch one has cadences swapped."""


def headers() -> list[Any]:
    """The recorded header rows, [] where they are not on this machine."""
    path = EXPORT / "headers.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [pytest.param(one, id=f"{one['width']}-{one['locale']}-{number}") for number, one in enumerate(found)]


@pytest.mark.parametrize("recorded", headers())
def test_every_recorded_header_is_known(recorded: dict[str, Any]) -> None:
    """Each cell of each recorded header is known by its name, and is what stands at that place in its width."""
    columns = recognise(recorded["columns"])
    assert columns.language == ("en_2018" if recorded["width"] == 10 else recorded["locale"])
    assert (columns.by_name, columns.by_position, columns.unknown) == (len(recorded["columns"]), (), ())
    width = recorded["width"] or len(COLUMNS)
    swapped = OTHER_HEADERS.get(width, {})
    if "Sport Type" in recorded["columns"][-3]:
        swapped = {"activity_count": "exported_sport_type"}
    assert columns.keys == tuple(swapped.get(key, key) for key in layout(width))[: len(columns.keys)]


def test_all_header_rows_are_there() -> None:
    """The test above has its seventeen rows."""
    assert len(headers()) == 17


def test_every_recorded_translation_is_ours() -> None:
    """Each header name that is known in another language leads to the English column it was recorded for."""
    english = {column.key: column.en for column in COLUMNS}
    recorded = json.loads((EXPORT / "header_translations.json").read_text(encoding="utf-8"))
    for language in ("de", "nl", "fr", "es"):
        names = recorded[language]["map"]
        identifier = next(name for name, meaning in names.items() if meaning == "Activity ID")
        for name, meaning in names.items():
            key = recognise([identifier, "-", name]).keys[2] if name != identifier else "activity_id"
            assert key is not None
            assert english[key] == meaning


def test_every_recorded_date_and_label_is_read(tmp_path: Path) -> None:
    """Each recorded form of a date is its instant, each recorded label its sport type."""
    dates = json.loads((EXPORT / "date_formats.json").read_text(encoding="utf-8"))
    labels = json.loads((EXPORT / "type_labels.json").read_text(encoding="utf-8"))
    lines = ["Activity ID,Activity Date,Activity Type"]
    lines += [f'{number},"{one["example"]}",Run' for number, one in enumerate(dates, 1)]
    lines += [f"{number},,{one['label']}" for number, one in enumerate(labels, 101)]
    months = next(one["months"] for one in dates if one["locale"] == "nl")
    lines += [f"{number},1 {month} 2020 10:00:00,Run" for number, month in enumerate(months, 201)]
    rows = typed_list("\n".join(lines), tmp_path).rows
    for number, one in enumerate(dates, 1):
        assert rows[number]["start_date"] == datetime.fromisoformat(one["iso_utc"])
    for number, one in enumerate(labels, 101):
        assert (rows[number]["sport_type"], rows[number]["misfits"]) == (one["sport_type"], None), one["label"]
    assert [rows[number]["start_date"].month for number in range(201, 213)] == list(range(1, 13))


def typed_list(text: str, folder: Path) -> Typed:
    (folder / "a").mkdir()
    (folder / "a" / "activities.csv").write_text(text, encoding="utf-8")
    return type_archive(folder / "a", folder / "scratch")


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def upload(number: int, suffix: str) -> dict[str, Any]:
    return {
        "upload_id": number,
        "upload_id_str": str(number),
        "filename": f"activities/{number}.{suffix}",
        "from_upload": True,
        "manual": False,
    }


def same(sport: str, label: str | None = None) -> dict[str, Any]:
    return {"type": sport, "sport_type": sport, "activity_type": label or sport}


ENGLISH: list[dict[str, Any]] = [
    {
        "id": 90000000112,
        **same("WeightTraining", "Weight Training"),
        **upload(91000000112, "fit.gz"),
        "name": "Evening Weight Training",
        "start_date": at(2026, 1, 22, 11, 36, 43),
        "distance": 0,
        "moving_time": 4804,
        "elapsed_time": 4804,
        "total_elevation_gain": 0,
        "elevation_loss": 0,
        "average_speed": 0,
        "max_speed": 0,
        "max_grade": 0,
        "average_grade": 0,
        "has_heartrate": True,
        "average_heartrate": 94,
        "max_heartrate": 141,
        "suffer_score": 12,
        "commute": False,
        "calories": 358,
        "perceived_exertion": 6,
        "prefer_perceived_exertion": False,
        "average_elapsed_speed": 0,
        "dirt_distance": 0,
        "carbon_saved": 0,
    },
    {
        "id": 90000000110,
        **same("Sail"),
        **upload(91000000110, "bin.gz"),
        "name": "Afternoon Sail",
        "start_date": at(2023, 6, 10, 21, 15),
        "distance": 29610.5,
        "moving_time": 4855,
        "elapsed_time": 6360,
        "total_elevation_gain": 3.5,
        "elevation_loss": 2.6,
        "elev_low": -0.9,
        "elev_high": 2.5,
        "average_speed": 6.099,
        "max_speed": 12.764,
        "commute": False,
        "flagged": False,
        "average_elapsed_speed": 4.656,
        "dirt_distance": 0,
        "carbon_saved": 0,
    },
    {
        "id": 90000000111,
        **same("Ride"),
        "name": "Day 1",
        "start_date": at(2022, 9, 3, 14),
        "distance": 117950.6,
        "moving_time": 19285,
        "elapsed_time": 19285,
        "total_elevation_gain": 479.3,
        "elevation_loss": 529.3,
        "elev_low": 209,
        "elev_high": 483.4,
        "average_speed": 6.116,
        "max_speed": 7.249,
        "average_watts": 73.9,
        "calories": 1589.7,
        "commute": True,
        "flagged": False,
        "manual": False,
        "from_upload": True,
        "gear_id": "b5000002",
        "gear_name": "Gravel One",
        "bike_number": 5000002,
        "bike_weight": 25,
        "average_elapsed_speed": 6.116,
        "dirt_distance": 14941,
        "carbon_saved": 0,
    },
    {
        "id": 90000000108,
        **same("StandUpPaddling", "Stand Up Paddling"),
        **upload(91000000108, "tcx.gz"),
        "name": "Afternoon Stand Up Paddle",
        "start_date": at(2022, 7, 16, 16, 8, 25),
        "distance": 1157.5,
        "moving_time": 1114,
        "elapsed_time": 1114,
        "average_speed": 1.039,
        "max_speed": 1.66,
        "commute": False,
        "dirt_distance": 0,
        "carbon_saved": 0,
    },
    {
        "id": 90000000106,
        **same("Run"),
        **upload(91000000106, "fit.gz"),
        "name": "Trail around the lake",
        "description": 'Loop one: easy.\nLoop two: "not so easy", 3,3 km\n\nShoes wet 🌧',
        "start_date": at(2022, 5, 29, 15, 53, 35),
        "distance": 3322.95,
        "moving_time": 1411,
        "elapsed_time": 1428,
        "total_elevation_gain": 61.879,
        "elevation_loss": 86,
        "elev_low": 357.2,
        "elev_high": 376.7,
        "average_speed": 2.355,
        "max_speed": 3.215,
        "max_grade": 12.508,
        "average_grade": 0,
        "average_cadence": 71.259,
        "max_cadence": 80,
        "calories": 262,
        "commute": False,
        "flagged": False,
        "gear_id": "g7000001",
        "gear_name": "Daily Trainer",
        "gear_number": 7000001,
        "grade_adjusted_distance": 3473.8,
        "average_grade_adjusted_pace": 2.462,
        "average_elapsed_speed": 2.327,
        "dirt_distance": 0,
        "total_steps": 3344,
    },
    {
        "id": 90000000107,
        **same("Run"),
        "name": "Morning Trail 🏔️",
        "description": "first 600 points only",
        "private_note": "knee ok",
        "start_date": at(2021, 10, 17, 7, 31, 59),
        "distance": 4535.4,
        "moving_time": 1706,
        "elapsed_time": 1706,
        "average_speed": 2.658,
        "max_speed": 4.25,
        "commute": False,
        "manual": False,
        "filename": "activities/90000000107.gpx",
        "dirt_distance": 0,
        "carbon_saved": 0,
    },
    {
        "id": 90000000109,
        **same("Hike"),
        **upload(91000000109, "gpx.gz"),
        "name": "Wind & <rain>",
        "description": "it's raining",
        "start_date": at(2021, 10, 17, 7, 31, 59),
        "distance": 533.1,
        "moving_time": 195,
        "elapsed_time": 195,
        "average_speed": 2.734,
        "max_speed": 4.37,
        "commute": False,
        "dirt_distance": 0,
        "carbon_saved": 0,
    },
    {
        "id": 90000000103,
        **same("Run"),
        **upload(91000000103, "gpx.gz"),
        "name": "Lunch Run",
        "start_date": at(2021, 10, 5, 6, 41, 7),
        "distance": 5485,
        "moving_time": 1819,
        "elapsed_time": 1819,
        "average_speed": 3.015,
        "max_speed": 4.82,
        "suffer_score": 44,
        "commute": False,
        "grade_adjusted_distance": 4100.2,
        "dirt_distance": 0,
        "carbon_saved": 0,
        "competition": True,
    },
    {
        "id": 90000000105,
        **same("VirtualRide", "Virtual Ride"),
        **upload(91000000105, "fit.gz"),
        "name": 'Volcano Flat "Loop"',
        "start_date": at(2017, 10, 5, 0, 4, 6),
        "distance": 13400.1,
        "moving_time": 1808,
        "elapsed_time": 1807,
        "total_elevation_gain": 92,
        "elevation_loss": 0,
        "average_speed": 7.412,
        "max_speed": 15.069,
        "max_grade": 0,
        "average_grade": 0,
        "average_cadence": 84,
        "max_cadence": 105,
        "average_watts": 123,
        "max_watts": 691,
        "calories": 212,
        "commute": False,
        "gear_id": "b5000001",
        "gear_name": 'Road, the "fast" one',
        "bike_number": 5000001,
        "bike_weight": 8.5,
        "average_elapsed_speed": 7.416,
        "dirt_distance": 0,
        "carbon_saved": 0,
        "media": [
            {"name": "media/00000000-0000-4000-8000-000000000001.jpg", "caption": "a hill, seen from below"},
            {"name": "media/00000000-0000-4000-8000-000000000002.mp4", "caption": None},
        ],
    },
    {
        "id": 90000000104,
        **same("Swim"),
        **upload(91000000104, "fit.gz"),
        "name": "Lunch Swim",
        "start_date": at(2017, 6, 13, 13, 42, 30),
        "distance": 2606,
        "moving_time": 4372,
        "elapsed_time": 4567,
        "average_speed": 0.596,
        "max_speed": 1.316,
        "max_grade": 0,
        "average_grade": 0,
        "average_cadence": 26,
        "has_heartrate": True,
        "average_heartrate": 142,
        "max_heartrate": 161,
        "calories": 268,
        "commute": False,
        "average_elapsed_speed": 0.571,
        "carbon_saved": 0,
        "pool_length": 22.86,
    },
    {
        "id": 90000000102,
        **same("Ride"),
        **upload(91000000102, "fit.gz"),
        "name": "Morning Ride",
        "start_date": at(2013, 8, 16, 18, 5, 10),
        "distance": 41339.4,
        "moving_time": 4700,
        "elapsed_time": 4700,
        "total_elevation_gain": 514,
        "elevation_loss": 515,
        "average_speed": 8.796,
        "max_speed": 16.098,
        "max_grade": 0,
        "average_grade": 0,
        "average_cadence": 87,
        "max_cadence": 133,
        "has_heartrate": True,
        "average_heartrate": 154,
        "max_heartrate": 176,
        "average_watts": 276,
        "weighted_average_watts": 301,
        "max_watts": 619,
        "total_work": 1296229,
        "kilojoules": 1296.229,
        "power_count": 4700,
        "suffer_score": 118,
        "calories": 1293,
        "commute": False,
        "flagged": False,
        "gear_id": "b5000002",
        "gear_name": "Gravel One",
        "bike_number": 5000002,
        "weather_observation_time": at(2013, 8, 16, 18),
        "weather_condition": 1,
        "weather_temperature": 21.4,
        "humidity": 0.53,
        "weather_pressure": 1016.2,
        "wind_speed": 3.1,
        "sunrise_time": at(2013, 8, 16, 12, 10),
        "sunset_time": at(2013, 8, 17, 2, 20),
        "moon_phase": 0.375,
        "average_elapsed_speed": 8.796,
        "dirt_distance": 0,
        "carbon_saved": 0,
        "training_load": 119,
        "intensity": 96,
    },
    {
        "id": 90000000113,
        **same("Run"),
        "name": "Søløbet, manual entry",
        "description": "Results: http://results.example.invalid/?D=2009",
        "start_date": at(2009, 5, 10, 18),
        "distance": 10000,
        "moving_time": 2920,
        "elapsed_time": 2920,
        "total_elevation_gain": 0,
        "average_speed": 3.425,
        "average_grade": 0,
        "calories": 423.6,
        "commute": False,
        "manual": True,
        "from_upload": False,
    },
]

GERMAN: list[dict[str, Any]] = [
    {
        **ENGLISH[4],
        "activity_type": "Lauf",
        "name": "Lauf am See",
        "description": "Erste Runde: locker.\nZweite Runde: „schwer“, 3,3 km",
    },
    {
        **ENGLISH[6],
        "activity_type": "Wandern",
        "name": "Über die Höhen",
        "filename": "activities/91000000109.gpx",
    },
    {**ENGLISH[9], "activity_type": "Schwimmen", "name": "Schwimmen am Mittag"},
]
for name in ("gear_id", "gear_name", "gear_number"):
    del GERMAN[0][name]
del GERMAN[1]["description"]
for name in ("upload_id", "upload_id_str", "filename"):
    del GERMAN[2][name]


@pytest.mark.parametrize(("sample", "wanted"), [("sample", ENGLISH), ("sample_de", GERMAN)])
def test_sample_is_typed_completely(sample: str, wanted: list[dict[str, Any]], tmp_path: Path) -> None:
    """Every value of the sample's rows stands in its column, and nothing else does."""
    typed = type_archive(EXPORT / sample, tmp_path)
    assert list(typed.rows) == [
        row["id"] for row in sorted(wanted, key=lambda row: (-row["start_date"].timestamp(), row["id"]))
    ]
    for row in wanted:
        assert told(typed.rows[row["id"]]) == row
    assert (typed.report.oddities, typed.report.columns.unknown) == ([], ())


def test_gear_and_athlete_of_the_sample(tmp_path: Path) -> None:
    """The side files give the three numbered pieces of gear their makes, and the athlete a row."""
    typed = type_archive(EXPORT / "sample", tmp_path)
    assert [tuple(gear.values()) for gear in typed.gear] == [
        ("b5000001", 'Road, the "fast" one', "Fakebrand", "R 2"),
        ("b5000002", "Gravel One", "Fakebrand", "GX-1"),
        ("g7000001", "Daily Trainer", "Fakebrand", "Runner 3"),
    ]
    assert [told(athlete) for athlete in typed.athletes] == [
        {
            "id": 4242424242,
            "athlete_id": 4242424242,
            "firstname": "Jamie",
            "lastname": "Sample",
            "bio": "Runs,\nrides",
            "city": "Oakmont",
            "country": "Nowhere",
            "weight": 72.5,
        }
    ]

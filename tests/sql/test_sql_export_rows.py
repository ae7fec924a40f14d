"""activities.csv and the side files, typed by SQL: values in, rows out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.export_tables import csv_of, english_csv, told, type_archive, type_csv

from strava_stats.export.column_names import COLUMNS, ENGLISH_VARIANTS, FORMATTED
from strava_stats.export.columns import layout
from strava_stats.warehouse.engine import connect, sql

RUN = {"activity_type": "Run"}
NAMES = {column.key: column for column in COLUMNS}


def one(row: dict[str, str], folder: Path, width: int = 103) -> dict[str, Any]:
    """What a single row of an English archive says."""
    return told(type_csv(english_csv(row, width=width), folder).rows[1])


def starts(dates: list[str], folder: Path) -> list[datetime | None]:
    rows = type_csv(english_csv(*({"activity_date": date, **RUN} for date in dates)), folder).rows
    for number, date in enumerate(dates, 1):
        named = rows[number]["misfits"] or []
        assert ("activity_date" in named) is (rows[number]["start_date"] is None and date != "")
    return [rows[number]["start_date"] for number in range(1, len(dates) + 1)]


DATES = {
    "May 29, 2022, 3:53:35 PM": (2022, 5, 29, 15, 53, 35),
    "May 29, 2022, 3:53:35\u202fPM": (2022, 5, 29, 15, 53, 35),
    "May 29, 2022, 3:53:35\xa0p.m.": (2022, 5, 29, 15, 53, 35),
    "May 29, 2022, 12:00:01 AM": (2022, 5, 29, 0, 0, 1),
    "May 29, 2022, 12:00:01 PM": (2022, 5, 29, 12, 0, 1),
    "Sept 3, 2022, 14:00:00": (2022, 9, 3, 14, 0, 0),
    "24 Dec 2020, 08:13:59": (2020, 12, 24, 8, 13, 59),
    "2018-06-13 17:41:27": (2018, 6, 13, 17, 41, 27),
    "2018-06-13T17:41:27Z": (2018, 6, 13, 17, 41, 27),
    "2018-06-13 17:41:27+00:00": (2018, 6, 13, 17, 41, 27),
    "2018/6/13 7:41": (2018, 6, 13, 7, 41, 0),
    "23 jun. 2017 15:52:12": (2017, 6, 23, 15, 52, 12),
    "1 mrt. 2017 00:00:00": (2017, 3, 1, 0, 0, 0),
    "9 mei 2017 15:52:12": (2017, 5, 9, 15, 52, 12),
    "09.12.2022, 15:24:49": (2022, 12, 9, 15, 24, 49),
    "9. Dez. 2022, 15:24:49": (2022, 12, 9, 15, 24, 49),
    "1 août 2022 à 15:24:49": (2022, 8, 1, 15, 24, 49),
    "9 févr. 2022, 15:24:49": (2022, 2, 9, 15, 24, 49),
    "9 dic 2022, 15:24:49": (2022, 12, 9, 15, 24, 49),
    "9 de dez. de 2022, 15:24:49": (2022, 12, 9, 15, 24, 49),
    "\u200e9 ene. 2022 9:24:49": (2022, 1, 9, 9, 24, 49),
    "5/5/2022 10:00": (2022, 5, 5, 10, 0, 0),
}


def test_dates(tmp_path: Path) -> None:
    """Every date that archives are known to hold, and what spreadsheets make of them, is the instant it means."""
    wanted = [datetime(*day, tzinfo=UTC) for day in DATES.values()]
    assert starts(list(DATES), tmp_path) == wanted


def test_dates_that_are_not_certain_are_none(tmp_path: Path) -> None:
    """What is no date, or could be two, leaves the start empty and is named, never a wrong day."""
    texts = [
        "Feb 30, 2022, 1:00:00 PM",
        "May 29, 2022, 13:53:35 PM",
        "May 29, 2022, 0:53:35 AM",
        "1. Feb. 2022, 24:00:00",
        "2018-06-13 17:41:27+02:00",
        "13 lis 2022 10:00:00",
        "3/4/2022 10:00",
        "31.31.2022, 10:00:00",
        "44710.66",
        "yesterday",
        "May 29, 2022",
        "",
    ]
    assert starts(texts, tmp_path) == [None] * len(texts)


@pytest.mark.parametrize(
    ("dates", "wanted"),
    [
        (["3/4/2022 10:00", "13/4/2022 10:00"], [(2022, 4, 3), (2022, 4, 13)]),
        (["3/4/2022 1:00:00 PM", "4/13/2022 10:00"], [(2022, 3, 4), (2022, 4, 13)]),
        (["3-4-2022 10:00", "4/13/2022 10:00", "13-4-2022 10:00"], [None, None, None]),
    ],
)
def test_order_of_day_and_month_is_that_of_the_whole_list(
    dates: list[str], wanted: list[tuple[int, int, int] | None], tmp_path: Path
) -> None:
    """3/4/2022 is read as the other dates of the archive are, and not at all where those disagree."""
    found = [None if start is None else (start.year, start.month, start.day) for start in starts(dates, tmp_path)]
    assert found == wanted


SHOWN = (
    ("Run", "3.32", 3320),
    ("Run", "3,32", 3320),
    ("Ride", "1,234.5", 1_234_500),
    ("Ride", "1.234,5", 1_234_500),
    ("Ride", "1,234", 1_234_000),
    ("Run", "0", 0),
    ("Swim", "2,606", 2606),
    ("Swim", "2.606", 2606),
    ("Swim", "1500.0", 1500),
    ("Rowing", "12,000", 12_000),
    ("Sail", "15.9", 29_446.8),
    ("Stand Up Paddling", "1.16", 1160),
    ("Run", "1\u202f234,5", 1_234_500),
)


def test_shown_distance_where_there_is_no_other(tmp_path: Path) -> None:
    """Kilometres become metres; swims and rowing are in metres, sails in nautical miles."""
    given = [{"activity_type": sport, "formatted_distance": shown} for sport, shown, _ in SHOWN]
    rows = type_csv(english_csv(*given, width=11), tmp_path).rows.values()
    assert [row["distance"] for row in sorted(rows, key=lambda row: row["id"])] == [metres for _, _, metres in SHOWN]
    assert not any(row["misfits"] for row in rows)


@pytest.mark.parametrize(("language", "metres"), [("de", 1_234_000), ("en", 1234)])
def test_language_decides_a_lone_point(language: str, metres: float, tmp_path: Path) -> None:
    """1.234 km is a good kilometre in English, and a thousand of them in German."""
    names = [getattr(NAMES[key], language) for key in layout(11)]
    cells = {"activity_id": "1", "activity_type": "Run", "formatted_distance": "1.234"}
    rows = type_csv(csv_of(names, [[cells.get(key, "") for key in layout(11)]]), tmp_path).rows
    assert rows[1]["distance"] == metres


def test_distance_of_an_unknown_sport_is_not_converted(tmp_path: Path) -> None:
    """Where the sport is not known the unit is not, so the shown distance goes to extra."""
    names = [NAMES[key].de or "" for key in layout(11)]
    cells = {"activity_id": "1", "activity_type": "Schlagballweitwurf", "formatted_distance": "2.606"}
    row = told(type_csv(csv_of(names, [[cells.get(key, "") for key in layout(11)]]), tmp_path).rows[1])
    assert "distance" not in row
    assert row["extra"] == {"activity_type": "Schlagballweitwurf", "formatted_distance": "2.606"}
    assert row["misfits"] == ["activity_type", "formatted_distance"]


def test_raw_block_wins(tmp_path: Path) -> None:
    """What stands in both blocks is taken from the raw one, and from the formatted one where that is blank."""
    formatted = {
        "formatted_distance": "9.99",
        "formatted_elapsed_time": "99",
        "formatted_max_heart_rate": "99",
        "formatted_relative_effort": "99",
        "formatted_commute": "true",
    }
    raw = {"distance": "5485.0", "elapsed_time": "1819.0", "max_heart_rate": "161.0", "relative_effort": "44.0"}
    both = one({**RUN, **formatted, **raw, "commute": "0.0"}, tmp_path)
    keys = ("distance", "elapsed_time", "max_heartrate", "suffer_score", "commute")
    assert [both[key] for key in keys] == [5485, 1819, 161, 44, False]
    shown = one({**RUN, **formatted}, tmp_path)
    assert [shown[key] for key in keys] == [9990, 99, 99, 99, True]


def test_metres_of_2018_stay_metres(tmp_path: Path) -> None:
    """The distance of the short form is in metres."""
    header = ["id", "date", "name", "type", "description", "elapsed_time", "distance", "commute", "gear", "filename"]
    content = csv_of(
        header, [["5", "2018-06-13 17:41:27", "a", "Ride", "", "600", "10012.3", "True", "", "activities/7.gpx"]]
    )
    row = told(type_csv(content, tmp_path).rows[5])
    assert {key: row[key] for key in ("distance", "elapsed_time", "commute", "upload_id", "manual")} == {
        "distance": 10012.3,
        "elapsed_time": 600,
        "commute": True,
        "upload_id": 7,
        "manual": False,
    }


SPORTS = (
    ("Run", "Run", "Run", False),
    ("Trail Run", "TrailRun", "Run", False),
    ("E-Bike Ride", "EBikeRide", "EBikeRide", False),
    ("E-Mountain Bike Ride", "EMountainBikeRide", "EBikeRide", False),
    ("High-Intensity Interval Training", "HighIntensityIntervalTraining", None, False),
    ("Football (Soccer)", "Soccer", "Soccer", False),
    ("Canoe", "Canoeing", "Canoeing", False),
    ("Hardloopsessie", "Run", "Run", False),
    ("Course à pied", "Run", "Run", False),
    ("Chess Boxing", "ChessBoxing", None, True),
    ("Бег", None, None, True),
    ("1.234,5", None, None, True),
)


def test_sports(tmp_path: Path) -> None:
    """A label is the API's sport_type, one that is new is named, and type is given where it follows."""
    rows = type_csv(english_csv(*({"activity_type": label} for label, *_ in SPORTS)), tmp_path).rows
    for number, (label, sport_type, legacy, is_new) in enumerate(SPORTS, 1):
        row = rows[number]
        assert (row["activity_type"], row["sport_type"], row["type"]) == (label, sport_type, legacy)
        assert row["misfits"] == (["activity_type"] if is_new else None)


RECORDINGS = (
    ("activities/91.fit.gz", "1.0", 91, False, "activities/91.fit.gz"),
    ("activities/2.gpx", "", None, False, "activities/2.gpx"),
    ("#error#", "1.0", None, False, None),
    ("", "0.0", None, True, None),
    ("", "", None, True, None),
    ("", "1.0", None, False, None),
)


def test_file_names(tmp_path: Path) -> None:
    """The number of a file is that of its upload unless it is the activity's own; manual is what has no recording."""
    given = [{"filename": filename, "from_upload": from_upload} for filename, from_upload, *_ in RECORDINGS]
    rows = type_csv(english_csv(*given), tmp_path).rows
    for number, (_, _, *wanted) in enumerate(RECORDINGS, 1):
        assert [rows[number][name] for name in ("upload_id", "manual", "filename")] == wanted


def test_gear_ids(tmp_path: Path) -> None:
    """Bikes and shoes get the API's ids, but not where single precision has rounded their number."""
    assert one({"bike": "5000001.0"}, tmp_path)["gear_id"] == "b5000001"
    assert one({"gear": "25000001.0", "distance": "13609.2"}, tmp_path)["gear_id"] == "g25000001"
    rounded = one({"gear": "25000000.0", "distance": "13609.2001953125"}, tmp_path)
    assert ("gear_id" in rounded, rounded["gear_number"]) == (False, 25_000_000)


def test_values_that_do_not_fit_are_kept(tmp_path: Path) -> None:
    """A value that is not of its column's type is in extra under its key, beside the columns that are not known."""
    header = ["Activity ID", "Moving Time", "Calories", "Sunrise Time", "With Pet", "New"]
    content = csv_of(header, [["1", "1.5", "many", "-5", "perhaps", "kept"]])
    row = told(type_csv(content, tmp_path).rows[1])
    kept = {"moving_time": "1.5", "calories": "many", "sunrise_time": "-5", "with_pet": "perhaps"}
    assert row["extra"] == {"New": "kept", **kept}
    assert sorted(row["misfits"]) == sorted(kept)


BOOLEANS = [("1.0", True), ("0.0", False), ("1", True), ("True", True), ("false", False), ("0,0", False), ("", None)]


def test_booleans(tmp_path: Path) -> None:
    """Strava's 1.0 and what table programs make of it are booleans; blank is unknown."""
    rows = type_csv(english_csv(*({"long_run": text, "flagged": text} for text, _ in BOOLEANS)), tmp_path).rows
    for number, (_, value) in enumerate(BOOLEANS, 1):
        assert [rows[number][name] for name in ("long_run", "flagged", "misfits")] == [value, value, None]


def test_raw_values_with_a_comma(tmp_path: Path) -> None:
    """A spreadsheet of another locale writes raw values with a comma, and they are the same values."""
    row = one({"distance": "3322,95", "moving_time": "1411,0", "humidity": "0,53"}, tmp_path)
    assert (row["distance"], row["moving_time"], row["humidity"]) == (3322.95, 1411, 0.53)


def test_noise_of_single_precision_is_taken_off(tmp_path: Path) -> None:
    """A value that is single precision written out in full is the number it stands for, and no other is touched."""
    noisy = {
        "distance": "13609.2001953125",
        "elevation_low": "-15.399999618530273",
        "average_speed": "5.449649810791016",
    }
    row = one({**RUN, **noisy, "elevation_gain": "61.8791234567", "calories": "0.1"}, tmp_path)
    names = ("distance", "elev_low", "average_speed", "total_elevation_gain", "calories")
    assert [row[name] for name in names] == [13609.2, -15.4, 5.44965, 61.8791234567, 0.1]


def test_last_of_two_rows_wins(tmp_path: Path) -> None:
    """An activity that stands twice in a list is one row."""
    rows = [{"activity_id": "5", "activity_name": name} for name in ("first", "second")]
    typed = type_csv(english_csv(*rows), tmp_path)
    assert [row["name"] for row in typed.rows.values()] == ["second"]


def test_list_without_rows(tmp_path: Path) -> None:
    """A list of no activities makes empty tables."""
    typed = type_csv(english_csv(), tmp_path)
    assert (typed.rows, typed.gear, typed.report.rows) == ({}, [], 0)


def test_every_column_arrives(tmp_path: Path) -> None:
    """Each column of the widest header has its place in a table: a value that fits is in no extra, and in a column."""
    row = {column.key: "1.0" for column in COLUMNS}
    texts = {"activity_id": "1", "activity_date": "2022-05-29 15:53:35", "activity_type": "Run", "filename": "a/2.gpx"}
    typed = type_csv(english_csv({**row, **texts}), tmp_path).rows[1]
    assert {name for name, value in typed.items() if value is None} == {"exported_sport_type", "extra", "misfits"}
    with_all = set(ENGLISH_VARIANTS.values()) | {column.key for column in COLUMNS}
    declared = sql("load/export_rows")
    assert {key for key in with_all if f"'{key}':" not in declared} == set()


NASTY = (
    *("nan", "inf", "-inf", "1e400", "1e18", "99999999999999999999", "-1", "0x10", " 5 ", "5.", ".5", "1.234.567,8"),
    *(
        "NULL",
        "{}",
        '{"a"',
        "[1",
        '"',
        "'",
        "\\",
        "\u0661\u0662",
        "true",
        "a\nb",
        "%s",
        "31/12/9999 25:61",
        "\U0001f327",
    ),
)


def test_no_text_stops_the_others(tmp_path: Path) -> None:
    """Whatever stands in all cells of a row, the row is made, and each cell is in a column or in extra."""
    given = [{column.key: text for column in COLUMNS} | {"activity_id": str(n)} for n, text in enumerate(NASTY, 1)]
    rows = type_csv(english_csv(*given), tmp_path).rows
    typed = [name for name, value in one({column.key: "1.0" for column in COLUMNS}, tmp_path).items() if value == 1]
    assert len(typed) > 70
    for number, text in enumerate(NASTY, 1):
        row = told(rows[number])
        assert row["name"] == text
        for name in set(typed) & {column.key for column in COLUMNS if f"{FORMATTED}{column.key}" not in NAMES}:
            assert (row.get(name) is None) is (name in row.get("misfits", ())), (text, name)


def test_tables_have_the_columns() -> None:
    """What is not in activities or activity_details is in activity_export, each once."""
    with connect() as connection:
        for name in ("activities", "activity_details", "activity_export"):
            connection.execute(sql(f"tables/{name}"))
        held = {
            name: {column[0] for column in connection.table(name).description}
            for name in ("activities", "activity_details", "activity_export")
        }
    final = sql("load/export_rows").rpartition("\nselect\n")[2].partition("\nfrom final")[0]
    made = {line.strip().rstrip(",").split(" as ")[-1] for line in final.splitlines()} - {"misfits"}
    own = held["activity_export"] - {"activity_id", "athlete_id", "source", "fetched_at", "run_id", "extra"}
    assert own <= made
    assert own.isdisjoint(held["activities"] | held["activity_details"])


def archive(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_gear_of_the_side_files(tmp_path: Path) -> None:
    """Brand and model come to the number by the name; a name that two share, or none has, brings nothing."""
    rows = [
        {"bike": "11.0", "activity_gear": "Gravel One", "activity_date": "2022-01-01 00:00:00"},
        {"bike": "11.0", "activity_gear": "Gravel 1", "activity_date": "2023-01-01 00:00:00"},
        {"gear": "12.0", "activity_gear": "Brand Model"},
        {"gear": "13.0", "activity_gear": "Twin"},
        {"gear": "14.0", "activity_gear": "Gravel 1"},
        {"bike": "15.0"},
    ]
    bikes = b"Bike Name,Bike Brand,Bike Model,Bike Default Sport Types\nGravel 1,G,X,Ride\nUnused,U,U,Ride\n"
    shoes = b"Nom,Marque,Type,Sports\n,Brand,Model,Run\nTwin,A,B,Run\nTwin,C,D,Run\n"
    files = {"activities.csv": english_csv(*rows), "bikes.csv": bikes, "shoes.csv": shoes}
    typed = type_archive(archive(tmp_path / "a", files), tmp_path / "scratch")
    assert [tuple(gear.values()) for gear in typed.gear] == [
        ("b11", "Gravel 1", "G", "X"),
        ("b15", None, None, None),
        ("g12", "Brand Model", "Brand", "Model"),
        ("g13", "Twin", None, None),
        ("g14", "Gravel 1", None, None),
    ]


def test_athlete_of_the_profile(tmp_path: Path) -> None:
    """The profile is the athlete's row; the e-mail address is in no file that is written."""
    header = (
        "Athlete ID,Email Address,First Name,Last Name,Sex,Description,Weight,City,State,Country,"
        "Health Consent Status,Date of Health Consent approval/denial\n"
    )
    profile = header + '4242,me@example.invalid,Jamie,,M,"Runs,\nrides",72.5,Oakmont,,Nowhere,approved,\n'
    files = {"activities.csv": english_csv(RUN), "profile.csv": profile.encode()}
    typed = type_archive(archive(tmp_path / "a", files), tmp_path / "scratch")
    assert typed.side.athlete_id == 4242
    assert [told(athlete) for athlete in typed.athletes] == [
        {
            "id": 4242,
            "athlete_id": 4242,
            "firstname": "Jamie",
            "bio": "Runs,\nrides",
            "city": "Oakmont",
            "country": "Nowhere",
            "sex": "M",
            "weight": 72.5,
        }
    ]
    written = b"".join(path.read_bytes() for path in (tmp_path / "scratch").iterdir())
    assert b"example.invalid" not in written


def test_archive_without_side_files(tmp_path: Path) -> None:
    """Without them there is no athlete, and gear has the names that activities show."""
    typed = type_csv(english_csv({"bike": "11.0", "activity_gear": "One"}), tmp_path)
    assert (typed.side.athlete_id, typed.athletes) == (None, [])
    assert [tuple(gear.values()) for gear in typed.gear] == [("b11", "One", None, None)]


def test_side_file_of_another_shape_is_named(tmp_path: Path) -> None:
    """A file whose columns are not known is not read, and said so."""
    files = {"activities.csv": english_csv(RUN), "profile.csv": b"a,b\n1,2\n", "bikes.csv": b"x\n"}
    typed = type_archive(archive(tmp_path / "a", files), tmp_path / "scratch")
    assert typed.side.oddities == [
        ("bikes.csv", "its 1 columns are not known: it was not read"),
        ("profile.csv", "its 2 columns are not known: it was not read"),
    ]


def test_captions_come_with_the_pictures(tmp_path: Path) -> None:
    """A picture of an activity has the caption of media.csv, where it has one."""
    files = {
        "activities.csv": english_csv({"media": "media/1.jpg|media/2.mp4"}),
        "media.csv": b'Media Filename,Media Caption\nmedia/1.jpg,"a hill, below"\nmedia/2.mp4,\n',
    }
    typed = type_archive(archive(tmp_path / "a", files), tmp_path / "scratch")
    assert typed.rows[1]["media"] == [
        {"name": "media/1.jpg", "caption": "a hill, below"},
        {"name": "media/2.mp4", "caption": None},
    ]

"""`export` as a user calls it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import gpxpy
import pytest
from tests.support.cli import Cli
from tests.support.tracked import Tracked, line

pytestmark = pytest.mark.slow

HOME = "51.0005,0.0,25"
SECRET_PLACES = ("51.0005", "51.000400", "51.0004,")


@pytest.fixture
def user(tmp_path: Path) -> Cli:
    """A user with two runs to the north, a ride that stays at home and a swim without a track."""
    home = tmp_path / "a home"
    home.mkdir()
    made_up = Tracked(home / "data")
    made_up.activity(1, line(20, heartrate=150), name="=cmd|' /C calc'!A0", start_lat=51.0005, start_lng=0.0)
    made_up.activity(2, line(20, lng=0.5), name='a "quoted",\r\nname ü')
    made_up.activity(3, line(3, lat=51.0004), sport_type="Ride/../x")
    made_up.activity(4, sport_type="Swim", athlete_id=8)
    made_up.user_views = {"odd": 'create or replace view "../my view" as select 1 as "a b", [1, 2] as l'}
    made_up.publish()
    return Cli(home)


def test_gpx_of_all(user: Cli) -> None:
    """One file an activity with a track; what has none, or lies in a zone whole, is named and makes it partial."""
    user.env["PRIVACY_ZONES"] = HOME
    outcome = user("export", "--format", "gpx", "--all", "--out", "tracks", "--json").done()
    report = outcome.json
    names = sorted(Path(one["path"]).name for one in report["files"])
    assert names == ["2026-05-02_Run_1.gpx", "2026-05-03_Run_2.gpx"]
    assert (report["status"], report["without_track"], report["inside_zones"]) == ("partial", [4], [3])
    assert "were left out: 4" in outcome.stderr
    assert "were left out: 3" in outcome.stderr
    (track,) = gpxpy.parse((user.home / "tracks" / names[0]).read_text(encoding="utf-8")).tracks
    assert [track.name, track.type] == ["=cmd|' /C calc'!A0", "Run"]
    assert [len(segment.points) for segment in track.segments] == [3, 12]
    assert sorted(path.name for path in (user.home / "tracks").iterdir()) == names


def test_without_privacy(user: Cli) -> None:
    """--no-privacy cuts nothing and says so."""
    user.env["PRIVACY_ZONES"] = HOME
    told = user("export", "activity_streams", "--ids", "3", "--format", "csv", "--out", "-", "--no-privacy").done()
    assert len([row for row in csv.DictReader(io.StringIO(told.stdout)) if row["lat"]]) == 3
    assert "may show where you live" in told.stderr
    cut = user("export", "activity_streams", "--ids", "3", "--format", "csv", "--out", "-").done()
    assert [row["lat"] for row in csv.DictReader(io.StringIO(cut.stdout))] == ["", "", ""]


def test_csv_is_rfc_4180(user: Cli) -> None:
    """Lines end in CR LF, quotes are doubled, instants are ISO in UTC, and formulas are only marked when asked for."""
    user("export", "activities", "-o", "a.csv").done()
    content = (user.home / "a.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))
    assert content.endswith(b"\r\n")
    assert [row["name"] for row in rows[:2]] == ["=cmd|' /C calc'!A0", 'a "quoted",\r\nname ü']
    assert (rows[0]["start_date"], rows[0]["start_date_local"]) == ("2026-05-02T12:00:00Z", "2026-05-02T13:00:00")
    user("export", "activities", "-o", "a.csv", "--force", "--no-formulas").done()
    assert "\r\n1,7," in (user.home / "a.csv").read_bytes().decode()
    assert ",'=cmd|' /C calc'!A0," in (user.home / "a.csv").read_bytes().decode()


def test_everything_with_safe_names(user: Cli) -> None:
    """--all writes every table and view, the user's own with an odd name too, into files that any system takes."""
    report = user("export", "--all", "--format", "jsonl", "--out", "all", "--json").done().json
    by_table = {one["table"]: Path(one["path"]) for one in report["files"]}
    assert by_table["../my view"] == user.home / "all" / "_my_view.jsonl"
    assert json.loads(by_table["../my view"].read_text()) == {"a b": 1, "l": [1, 2]}
    assert {"activities", "activity_streams", "gold_weekly", "runs"} < by_table.keys()
    assert all(path.parent == user.home / "all" for path in by_table.values())
    samples = by_table["activity_streams"].read_text().splitlines()
    assert [json.loads(row)["t"] for row in samples[:20]] == list(range(20))


def test_choices(user: Cli) -> None:
    """Days, sports, ids and the athlete choose, one with the other."""

    def ids(*arguments: str) -> list[int]:
        told = user("export", "activities", "--format", "jsonl", "--out", "-", *arguments).done().stdout
        return [json.loads(row)["id"] for row in told.splitlines()]

    assert ids("--from", "2026-05-03", "--to", "2026-05-04") == [2, 3]
    assert ids("--sport", "run,swim") == [1, 2, 4]
    assert ids("--athlete", "8") == [4]
    assert ids("--ids", "1 3", "--sport", "Run") == [1]


def test_what_is_there_stays(user: Cli) -> None:
    """Files that exist are not touched without --force, none of several is written then, and nothing is left over."""
    (user.home / "out").mkdir()
    there = user.home / "out" / "runs.parquet"
    there.write_text("mine")
    user("export", "activities", "runs", "--out", "out").failed(2, "runs.parquet is there already", "--force")
    assert [path.name for path in (user.home / "out").iterdir()] == ["runs.parquet"]
    assert there.read_text() == "mine"
    user("export", "activities", "runs", "--out", "out", "--force").done()
    assert sorted(path.name for path in (user.home / "out").iterdir()) == ["activities.parquet", "runs.parquet"]
    user("export", "--format", "gpx", "--ids", "1", "--out", "out").done()
    user("export", "--format", "gpx", "--ids", "1,2", "--out", "out").failed(2, "_1.gpx is there already")


def test_no_warehouse_yet(tmp_path: Path) -> None:
    """Before the first flow, the line says what to do."""
    Cli(tmp_path)("export", "activities").failed(78, "no warehouse", "strava-stats flow")


def test_samples_that_vanished(user: Cli) -> None:
    """Sample files that are gone end an export of samples with a line, and no other export."""
    for path in user.layout.streams.iterdir():
        path.unlink()
    user("export", "activity_streams").failed(2, "activity_streams cannot be read")
    user("export", "activities").done()


def test_a_reader_that_stops(user: Cli) -> None:
    """A pipe that closes early is no failure."""
    command = f"{sys.executable} -m strava_stats export activity_streams --format jsonl --out - | head -1"
    done = subprocess.run(["sh", "-c", command], env=user.environment(), cwd=user.home, capture_output=True, check=True)
    assert json.loads(done.stdout)["t"] == 0
    assert b"strava-stats:" not in done.stderr


def test_a_wrong_zone_is_not_shown(user: Cli) -> None:
    """A wrong PRIVACY_ZONES ends with 78 and names the circle's number, never its place."""
    user.env["PRIVACY_ZONES"] = "1,2,3; 51.0005"
    outcome = user("export", "activities", "--json").failed(78, "Circle 2 of PRIVACY_ZONES")
    assert "1.0005" not in outcome.stdout + outcome.stderr


def test_no_place_is_told(user: Cli) -> None:
    """Neither the zones nor places in the tables are in what an export tells or logs."""
    user.env["PRIVACY_ZONES"] = HOME
    for arguments in (["--format", "gpx", "--all", "--out", "gpx"], ["--all", "--out", "all"]):
        outcome = user("export", *arguments, "--json").done()
        assert not [place for place in SECRET_PLACES if place in outcome.stdout + outcome.stderr]
    logs = Path(user.environment()["LOGS_DIR"])
    assert not [path for path in logs.rglob("*") if path.is_file() and "51.000" in path.read_text()]

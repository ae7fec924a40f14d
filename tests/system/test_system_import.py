"""The import of a bulk export as a process, without any account: what is odd about archives, disks and company."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.archives import archive, gpx
from tests.support.cli import Cli, wait_until
from tests.support.io_faults import STRUCK_BY, Action, Call, IoFaults
from tests.system.conftest import without_privileges

pytestmark = pytest.mark.slow

SHARED = Path(os.environ.get("STRAVA_SHARED", Path(__file__).parents[2].parent / "shared" / "strava")) / "export"
START = datetime(2025, 7, 1, 6, tzinfo=UTC)
ATHLETE = 5
TABLES = ("activities", "activity_details", "activity_export", "activity_streams", "activity_laps", "athletes")
ROWS = "select columns(lambda c: c not in ('fetched_at', 'run_id', 'samples_run_id')) from {table} order by all"
FAULTS: tuple[Action, ...] = ("kill", "torn", "short", "enospc", "eio")
NAMELESS = ("data/warehouse/.strava.duckdb.edit", "data/warehouse/.strava.duckdb.edit.wal")
"""DuckDB says that an fsync failed, and not why."""

EVERY = 24
"""One in so many calls is struck."""


@pytest.fixture
def offline(tmp_path: Path) -> Cli:
    """The CLI without a token, an application or a network."""
    home = tmp_path / "a höme"
    home.mkdir()
    return Cli(home)


def made(folder: Path, name: str = "my expört.zip", *, activities: int = 3, **other: Any) -> Path:
    """An archive of some runs, all but the last with a track, and one file that nobody can read."""
    rows: list[dict[str, Any]] = [{"id": one, "start": START + timedelta(days=one)} for one in range(1, activities + 1)]
    for row in rows[:-1]:
        row["file"] = f"activities/{row['id']}.gpx"
    files = {row["file"]: gpx(row["start"], 60) for row in rows[:-1]}
    return archive(folder / name, rows, files, **{"athlete_id": ATHLETE, **other})


def contents(cli: Cli) -> dict[str, list[tuple[Any, ...]]]:
    """What clients see, but for times and names of runs."""
    return {name: cli.rows(ROWS.format(table=name)) for name in TABLES}


@pytest.mark.parametrize("name", ["sample", "sample_de"])
@pytest.mark.parametrize("packed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_recorded_archives(offline: Cli, name: str, packed: bool) -> None:
    """An archive that was recorded comes in as a folder and as a ZIP, every row of it, and a rebuild gives the same."""
    if not SHARED.is_dir():
        pytest.skip(f"no recorded archives in {SHARED}")
    path = SHARED / name
    if packed:
        path = Path(shutil.make_archive(str(offline.home / name), "zip", path))
    report = offline("import", path, "--json").done()
    assert report.stage("import")["activities"] == offline.one("select count(*) from activities") > 0
    assert offline.one("select count(*) from activity_streams") > 0
    before = contents(offline)
    offline("compact", "--rebuild").done()
    assert contents(offline) == before
    assert offline("verify").code == 0


def test_all_commands_without_an_account(offline: Cli) -> None:
    """What reads works, what needs Strava says in a line what is missing, and nothing is sent anywhere."""
    report = offline("import", made(offline.home), "--json").done()
    assert {"activities": 3, "known": False}.items() <= report.stage("import").items()
    assert report.stage("compact")["files"] == 2
    shown = offline("status").done().stdout
    assert "last import" in shown
    (one,) = offline("status", "--json").done().json["athletes"]
    assert (one["athlete_id"], one["activities"], one["stale"]) == (ATHLETE, 3, [])
    assert "120" in offline("sql", "select count(*) from activity_streams").done().stdout
    assert offline("verify").code == 0
    assert offline("doctor").code == 3
    for command in ("plan", "pull", "enrich", "flow"):
        offline(command).failed(77, "No athlete has given access", "auth")
    assert offline("import", made(offline.home), "--json").done().stage("import")["known"] is True


@pytest.mark.parametrize(
    ("more", "offset"),
    [
        ({"LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Chatham"}, 45_900),
        pytest.param({"LANG": "C", "LC_ALL": "C", "TZ": "Asia/Kathmandu"}, 20_700, marks=pytest.mark.slow),
    ],
)
def test_other_zones_and_languages(offline: Cli, more: dict[str, str], offset: int) -> None:
    """Whatever the machine's language; its zone counts for what no file, place or neighbour tells of."""
    offline.env.update(more)
    offline("import", made(offline.home, activities=1)).done()
    assert offline.rows("select utc_offset, utc_offset_source from activities") == [(offset, "setting")]
    assert offline("verify").code == 0


def plain(folder: Path, content: bytes) -> Path:
    """A file of that content, called a ZIP."""
    path = folder / "odd.zip"
    path.write_bytes(content)
    return path


def zipped(folder: Path, **members: bytes) -> Path:
    """A ZIP of these files; `_` stands for a point in their names."""
    path = folder / "odd.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name.replace("_", "."), content)
    return path


def encrypted(folder: Path) -> Path:
    """A ZIP whose entries say that they are encrypted."""
    content = bytearray(made(folder).read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        while at >= 0:
            content[at + place] |= 1
            at = content.find(mark, at + 4)
    return plain(folder, bytes(content))


def holding_a_zip(folder: Path) -> Path:
    """A ZIP of the ZIP that was downloaded."""
    return zipped(folder, export_zip=made(folder).read_bytes())


@pytest.mark.parametrize(
    ("build", "code", "words"),
    [
        (lambda folder: folder / "not there.zip", 2, ["There is no"]),
        (lambda folder: folder, 2, ["activities.csv"]),
        (lambda folder: plain(folder, b"<!DOCTYPE html><html>Sign in</html>"), 2, ["is no ZIP"]),
        (lambda folder: plain(folder, b""), 2, ["is no ZIP"]),
        (lambda folder: plain(folder, made(folder).read_bytes()[:900]), 65, ["damaged", "download"]),
        (encrypted, 65, ["encrypted"]),
        (holding_a_zip, 2, ["activities.csv"]),
        (lambda folder: zipped(folder, activities_csv=b""), 65, ["activities.csv"]),
        (lambda folder: zipped(folder, activities_csv=b"Foo,Bar\n1,2\n"), 65, ["activities.csv"]),
    ],
    ids=["missing", "no list", "html", "empty", "truncated", "encrypted", "zip in a zip", "blank list", "other list"],
)
def test_what_is_no_archive(offline: Cli, build: Callable[[Path], Path], code: int, words: list[str]) -> None:
    """It is said in one line what is wrong and what to do; nothing is kept."""
    outcome = offline("import", build(offline.home), "--json").failed(code, *words)
    assert outcome.json["error"]["hint"]
    assert offline.files("bronze", "imports") == offline.files("bronze", "export") == []
    assert not offline.layout.warehouse.exists()


def test_a_list_without_a_row(offline: Cli) -> None:
    """It is taken in, and says so; what an earlier archive had stays, also with --prune."""
    offline("import", made(offline.home)).done()
    empty = archive(offline.home / "empty.zip", [], athlete_id=ATHLETE, made=(2026, 6, 1, 0, 0, 0))
    outcome = offline("import", empty, "--prune")
    assert outcome.code == 0
    assert "has no activity" in outcome.stderr
    assert offline.one("select count(*) from activities") == 3


def test_a_bomb_among_the_files(offline: Cli) -> None:
    """A member that unpacks to more than a device file can be is refused by name; the rest comes in."""
    rows = [
        {"id": 1, "start": START, "file": "activities/1.gpx"},
        {"id": 2, "start": START, "file": "activities/2.gpx"},
    ]
    files = {"activities/1.gpx": gpx(START, 60), "activities/2.gpx": b" " * (400 << 20)}
    path = archive(offline.home / "bomb.zip", rows, files, athlete_id=ATHLETE)
    outcome = offline("import", path)
    assert "activities/2.gpx" in outcome.stderr
    assert offline.rows("select id from activities order by id") == [(1,), (2,)]
    assert offline.rows("select distinct activity_id from activity_streams") == [(1,)]
    assert offline.rows("select id from quarantine where kind = 'device_files'") == [("2",)]


@pytest.mark.slow
def test_whose_it_is(offline: Cli) -> None:
    """The profile says it; else --athlete, else the only one known; among several it has to be said."""
    offline("import", made(offline.home), "--athlete", 6).failed(2, "athlete 5's, not 6")
    assert "athlete is 0" in offline("import", made(offline.home, athlete_id=None)).stderr
    assert offline.rows("select distinct athlete_id from activities") == [(0,)]
    offline("import", made(offline.home, "own.zip")).done()
    assert offline.rows("select distinct athlete_id from activities") == [(ATHLETE,)]
    offline("import", made(offline.home, activities=4, athlete_id=None)).done()
    assert offline.rows("select distinct athlete_id from activities") == [(ATHLETE,)]
    other = archive(offline.home / "other.zip", [{"id": 99, "start": START}], athlete_id=6)
    offline("import", other).done()
    anonymous = made(offline.home, activities=5, athlete_id=None)
    offline("import", anonymous).failed(2, "2 athletes are known", "--athlete ID (5, 6)")
    offline("import", anonymous, "--athlete", ATHLETE).done()
    assert offline.rows("select athlete_id, count(*) from activities group by all order by all") == [(5, 5), (6, 1)]
    assert offline("verify").code == 0


def test_a_data_folder_that_is_read_only(offline: Cli) -> None:
    """78, naming the folder; nothing comes in."""
    if os.geteuid() == 0:
        offline.preexec = without_privileges
    path = made(offline.home)
    offline.data.mkdir()
    offline.data.chmod(stat.S_IRUSR | stat.S_IXUSR)
    offline("import", path).failed(78, "data")
    offline.data.chmod(stat.S_IRWXU)
    offline("import", path).done()


@pytest.fixture
def endless(offline: Cli) -> Path:
    """An archive that takes a while."""
    rows = [{"id": one, "start": START, "file": f"activities/{one}.gpx"} for one in range(1, 13)]
    files = {f"activities/{one}.gpx": gpx(START, 3_000, lat=one) for one in range(1, 13)}
    return archive(offline.home / "long.zip", rows, files, athlete_id=ATHLETE)


def test_two_at_once(offline: Cli, endless: Path) -> None:
    """The second one is refused and told who is first."""
    running = offline.start("import", endless)
    wait_until(lambda: offline.layout.lock.with_suffix(".json").exists(), "the lock")
    offline("import", made(offline.home)).failed(75, "`import`")
    running.finish().done()
    assert offline.one("select count(*) from activities") == 12


def test_interrupted(offline: Cli, endless: Path) -> None:
    """An interrupt ends it with its one line; the same command again completes, and nothing lies about."""
    running = offline.start("import", endless)
    wait_until(lambda: bool(offline.files("bronze", "imports")), "the archive in bronze")
    running.process.send_signal(signal.SIGTERM)  # SIGINT is ignored by what a shell runs in the background
    outcome = running.finish()
    assert outcome.code == 130, outcome.stderr
    assert outcome.failure
    offline("import", endless).done()
    assert offline.one("select count(distinct activity_id) from activity_streams") == 12
    assert offline("verify").code == 0


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IoFaults]:
    """What runs commands into faults."""
    with IoFaults(tmp_path_factory.mktemp("library")) as faults:
        yield faults


def check_fault(faults: IoFaults, cli: Cli, case: tuple[Call, Action], path: Path, wanted: dict[str, Any]) -> None:
    """A fault ends in one line or in all rows; the same command then has all rows, and a rebuild too."""
    call, action = case
    struck = faults.strike(cli, call, action, "import", str(path))
    outcome, what = struck.outcome, f"{action} at {call}"
    if outcome.code == 0:
        assert contents(cli) == wanted, what
    elif action in {"kill", "torn"}:
        assert outcome.code == -9, what
    elif action == "enospc" and not (call.kind == "fsync" and call.place in NAMELESS):
        assert outcome.code == 75, f"{what}: exit {outcome.code}, {outcome.stderr}"
        assert "space" in outcome.failure
    else:
        assert outcome.code in {65, 75, 78}, f"{what}: exit {outcome.code}, {outcome.stderr}"
        assert outcome.failure
    faults.run(cli, "import", str(path)).done()
    assert contents(cli) == wanted, what
    left = [path for path in cli.data.rglob("*") if path.suffix in {".tmp", ".wal", ".edit"} or path.name == "tmp"]
    assert not left, f"{what} left {left}"
    if call.number == 1:
        assert faults.run(cli, "verify").code == 0, what


def strike_all(faults: IoFaults, folder: Path, choose: Callable[[list[Call]], list[tuple[Call, Action]]]) -> None:
    """The faults that were chosen among all, each in a home of its own."""
    path = made(folder)
    first = Cli(folder / "first")
    first.home.mkdir()
    calls = faults.calls(first, "import", str(path))
    wanted = contents(first)
    failures = []
    for number, (call, action) in enumerate(choose(calls)):
        cli = Cli(folder / f"{number}")
        cli.home.mkdir()
        try:
            check_fault(faults, cli, (call, action), path, wanted)
        except AssertionError as error:
            failures.append(f"{action} at {call}: {str(error)[:800]}")
        shutil.rmtree(cli.home)
    assert not failures, "\n".join(failures)


def kept(call: Call) -> bool:
    """Where the archive, its journal, the samples and the facts are written."""
    return any(f"/{name}" in call.place for name in ("export", "imports", "streams", "device_files"))


@pytest.mark.slow
def test_faults_while_the_archive_is_kept(faults: IoFaults, tmp_path: Path) -> None:
    """A kill, no room or a broken disk while the archive and its samples are written costs nothing but time."""

    def choose(calls: list[Call]) -> list[tuple[Call, Action]]:
        mine = [call for call in calls if kept(call)]
        assert mine
        cases = [(call, action) for call in mine for action in FAULTS if call.kind in STRUCK_BY[action]]
        return cases[:: max(1, len(cases) // 5)]

    strike_all(faults, tmp_path, choose)


@pytest.mark.slow
@pytest.mark.parametrize("action", FAULTS)
def test_faults_throughout_an_import(faults: IoFaults, tmp_path: Path, action: Action) -> None:
    """The same at every so many calls that an import makes."""
    strike_all(
        faults, tmp_path, lambda calls: [(call, action) for call in calls if call.kind in STRUCK_BY[action]][::EVERY]
    )

"""Publishing by rename: the mode, no stray log, and an old file that stays whatever happens before the rename."""

from __future__ import annotations

import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from strava_stats.errors import CorruptData, DiskFull
from strava_stats.files import move_into_place
from strava_stats.warehouse import edit as edit_module
from strava_stats.warehouse.edit import WarehouseEdit
from strava_stats.warehouse.failures import duckdb_errors
from strava_stats.warehouse.query import Warehouse

NAMES = "select name from activities order by name"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A published file with one activity named `old`."""
    path = tmp_path / "warehouse" / "strava.duckdb"
    put(path, "old", anew=True)
    return path


def put(path: Path, name: str, *, anew: bool = False) -> None:
    with WarehouseEdit(path, path.parent.parent / "tmp", anew=anew, note=path.parent.parent / "note.json") as edit:
        insert(edit, name)
        edit.publish()


def insert(edit: WarehouseEdit, name: str) -> None:
    edit.run("insert into activities (id, name) select count(*), ? from activities", [name])
    edit.refresh_views({}, week_start="monday", timezone="Europe/London")


def names(path: Path) -> list[str]:
    with Warehouse(path) as warehouse:
        return [row[0] for row in warehouse.rows(NAMES)]


def files_beside(path: Path) -> set[str]:
    return {one.name for one in path.parent.iterdir()}


def test_a_published_file_is_read_only(published: Path) -> None:
    """The file has mode 0444, nothing lies beside it, and a second publish adds to it."""
    assert stat.S_IMODE(published.stat().st_mode) == 0o444
    assert files_beside(published) == {"strava.duckdb"}
    put(published, "new")
    assert names(published) == ["new", "old"]
    assert stat.S_IMODE(published.stat().st_mode) == 0o444


def test_anew_starts_from_nothing(published: Path) -> None:
    """Made anew, the file holds nothing of the old one."""
    put(published, "new", anew=True)
    assert names(published) == ["new"]


def test_a_stray_log_is_removed(published: Path) -> None:
    """A write-ahead log beside the file is gone after a publish, so that nothing replays it into the new file."""
    stray = published.with_name("strava.duckdb.wal")
    stray.write_bytes(b"left by a killed shell")
    put(published, "new", anew=True)
    assert files_beside(published) == {"strava.duckdb"}
    assert names(published) == ["new"]


def test_left_overs_of_a_killed_edit_are_removed(published: Path) -> None:
    """A half-made private copy and its log do not get into the next edit."""
    private = published.with_name(".strava.duckdb.edit")
    private.write_bytes(b"half a file")
    private.with_name(f"{private.name}.wal").write_bytes(b"half a log")
    put(published, "new")
    assert names(published) == ["new", "old"]
    assert files_beside(published) == {"strava.duckdb"}


def test_an_error_leaves_the_old_file(published: Path) -> None:
    """An edit that fails vanishes, and the published bytes are what they were."""
    before = published.read_bytes()
    note = published.parent.parent / "note.json"
    with pytest.raises(RuntimeError), WarehouseEdit(published, published.parent, anew=False, note=note) as edit:  # noqa: PT012
        insert(edit, "new")
        raise RuntimeError
    assert published.read_bytes() == before
    assert ".strava.duckdb.edit" not in files_beside(published)


def test_an_edit_that_is_not_published_vanishes(published: Path) -> None:
    """Without a publish nothing changes."""
    inode = published.stat().st_ino
    with WarehouseEdit(
        published, published.parent.parent / "tmp", anew=True, note=published.parent.parent / "note.json"
    ) as edit:
        insert(edit, "new")
    assert published.stat().st_ino == inode
    assert files_beside(published) == {"strava.duckdb"}


def test_a_crash_before_the_rename_leaves_the_old_file(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the machine stops just before the rename, the old file is there, whole, and the next edit works."""
    before = published.read_bytes()

    def crash(temporary: Path, final: Path) -> None:
        raise SystemExit(9)

    monkeypatch.setattr(edit_module, "move_into_place", crash)
    with pytest.raises(SystemExit):
        put(published, "new")
    assert published.read_bytes() == before
    monkeypatch.setattr(edit_module, "move_into_place", move_into_place)
    put(published, "newer")
    assert names(published) == ["newer", "old"]


@pytest.mark.parametrize("end", ["before its commit", "commit"])
def test_a_process_killed_in_an_edit_leaves_the_old_file(published: Path, end: str) -> None:
    """A process that dies without cleaning up leaves the published file readable, and nothing to the next edit."""
    script = (
        "import os, sys; from pathlib import Path; from strava_stats.warehouse.edit import WarehouseEdit\n"
        "path = Path(sys.argv[1])\n"
        "tmp, note = path.parent.parent / 'tmp', path.parent.parent / 'note.json'\n"
        "edit = WarehouseEdit(path, tmp, anew=False, note=note).__enter__()\n"
        "edit.run(\"insert into activities (id, name) values (7, 'lost')\"); "
        "sys.argv[2] == 'commit' and edit.run('commit'); os._exit(9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(published), end], check=False)
    assert killed.returncode == 9
    assert names(published) == ["old"]
    put(published, "new")
    assert names(published) == ["new", "old"]
    assert files_beside(published) == {"strava.duckdb"}


def test_old_readers_keep_reading(published: Path) -> None:
    """A reader that had the old file open goes on with it, also with what it had not read; a new one sees the new."""
    with closing(duckdb.connect(str(published), read_only=True)) as reader:
        assert reader.execute(NAMES).fetchall() == [("old",)]
        put(published, "new")
        put(published, "newer", anew=True)
        assert reader.execute(NAMES).fetchall() == [("old",)]
        assert reader.execute("select count(*) from gold_weekly").fetchall() == [(0,)]
    assert names(published) == ["newer"]


def test_an_open_file_stays_as_it_was(published: Path) -> None:
    """Who has the file open reads on, byte for byte, what was there when it was opened."""
    before = published.read_bytes()
    with published.open("rb") as opened:
        put(published, "new")
        assert opened.read() == before


def test_an_edit_does_not_wait_for_readers(published: Path) -> None:
    """A reader in the middle of a query does not keep a publish back."""
    with closing(duckdb.connect(str(published), read_only=True)) as reader:
        cursor = reader.execute("select * from range(1000000)")
        cursor.fetchone()
        put(published, "new")
    assert names(published) == ["new", "old"]


def test_no_room_for_the_copy_is_named(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk while copying is DiskFull, and nothing is left of the copy."""

    def refuse(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("strava_stats.warehouse.edit.shutil.copyfile", refuse)
    before = published.read_bytes()
    with pytest.raises(DiskFull):
        put(published, "new")
    assert published.read_bytes() == before
    monkeypatch.undo()
    put(published, "new")
    assert files_beside(published) == {"strava.duckdb"}


def test_a_path_with_a_quote(tmp_path: Path) -> None:
    """A data folder with quotes and blanks in its name works."""
    path = tmp_path / 'it\'s "my" data; --' / "strava.duckdb"
    put(path, "x", anew=True)
    assert names(path) == ["x"]


@pytest.mark.parametrize("text", ["Malformed JSON in file", "JSON transform error in file"])
def test_a_damaged_journal_is_named(tmp_path: Path, text: str) -> None:
    """DuckDB's word of a damaged journal becomes one line that names the file and leads to a rebuild."""
    journal = tmp_path / "bronze" / "activities" / "20260101T000000000000Z-7.jsonl.gz"
    with pytest.raises(CorruptData) as raised, duckdb_errors(tmp_path / "x.duckdb"):
        raise duckdb.InvalidInputException(f'Invalid Input Error: {text} "{journal}", in line 1\nmore')
    assert str(journal) in raised.value.message
    assert "--rebuild" in raised.value.hint
    assert "\n" not in str(raised.value)


def test_a_programming_error_passes(tmp_path: Path) -> None:
    """A mistake in our own SQL is not dressed up as damage."""
    with pytest.raises(duckdb.ParserException), duckdb_errors(tmp_path / "a" / "b"):
        raise duckdb.ParserException("syntax error")


def test_an_interrupt_in_a_statement_is_one(tmp_path: Path) -> None:
    """What DuckDB makes of Ctrl-C ends the command as anywhere else, and is no bug."""
    with pytest.raises(KeyboardInterrupt), duckdb_errors(tmp_path):
        raise RuntimeError("Query interrupted")

"""The restore drill, `make restore-drill`: a demo is backed up, brought back elsewhere, verified and compared."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.archives import archive, gpx
from tests.support.cli import Cli

from strava_stats.lake.layout import Layout
from strava_stats.warehouse.content import content_hashes
from strava_stats.warehouse.query import Warehouse


@pytest.mark.slow
def test_restore_drill(tmp_path: Path) -> None:
    """A demo and an archive, restored into a new folder: the same raw answers, rows, samples and runs; it verifies."""
    home = tmp_path / "a home"
    home.mkdir()
    cli = Cli(home)
    cli("demo", "--folder", "demo", "--activities", "150", "--years", "2").done()
    data, restored = home / "demo" / "data", home / "restored" / "data"
    (data / "sql").mkdir()
    (data / "sql" / "mine.sql").write_text("create or replace view mine as select count(*) as n from activities")
    cli("compact", "--data-dir", data).done()
    start = datetime(2019, 5, 4, 8, tzinfo=UTC)
    files = {"activities/1.gpx": gpx(start, seconds=60)}
    path = archive(home / "export.zip", [{"id": 1, "start": start, "file": "activities/1.gpx"}], files)
    cli("import", path, "--data-dir", data).done()
    path.unlink()
    backup = Path(cli("backup", "--data-dir", data).done().stdout.strip())
    assert backup.parent == home / "backups"
    cli("restore", backup, "--data-dir", restored, "--yes").done()
    assert "no finding" not in cli("verify", "--offline", "--data-dir", restored).done().stdout
    with Warehouse(Layout(data).warehouse) as before, Warehouse(Layout(restored).warehouse) as after:
        assert content_hashes(after) == content_hashes(before)
        assert after.rows("select * from mine") == [(151,)]
        samples = "select * exclude (fetched_at) from activity_streams order by t"
        assert len(after.rows(samples)) == 60
        assert after.rows(samples) == before.rows(samples)
        runs = "select run_id, command, status, calls, stages from runs order by all"
        assert after.rows(runs)[:1] == before.rows(runs)[:1]
    assert _digests(restored / "bronze") == _digests(data / "bronze")
    assert _digests(restored / "sql") == _digests(data / "sql")


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

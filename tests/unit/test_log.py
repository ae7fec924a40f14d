"""Where logs lie, how long they stay, and what happens when they cannot be written."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.clock import VirtualClock

from strava_stats.log import LoggedNarrator, RunLog
from strava_stats.narration import Silent


@pytest.fixture
def clock() -> VirtualClock:
    """Early in the morning of a day in November."""
    return VirtualClock(datetime.fromisoformat("2026-11-23T05:00:00+00:00"))


def write(folder: Path, clock: VirtualClock, text: str = "hello", **options: str) -> list[str]:
    """One command with one line; returns what was warned of."""
    warnings: list[str] = []
    with RunLog(folder, clock, "flow", options.values(), warn=warnings.append) as log:
        LoggedNarrator(Silent(), log).say(text)
    return warnings


def files(folder: Path) -> list[str]:
    """All files and links below, by name."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_where_logs_lie(tmp_path: Path, clock: VirtualClock) -> None:
    """By day, for people and for programs, and `latest.log` is the newest."""
    write(tmp_path, clock, "first")
    clock.sleep(60)
    write(tmp_path, clock, "second")
    assert files(tmp_path) == [
        "flow/2026/11/23/flow_20261123T050000Z.log",
        "flow/2026/11/23/flow_20261123T050100Z.log",
        "flow/latest.log",
        "flow/structured/2026/11/23/flow_20261123T050000Z.jsonl",
        "flow/structured/2026/11/23/flow_20261123T050100Z.jsonl",
    ]
    assert (tmp_path / "flow/latest.log").read_text().endswith("INFO    20261123T050100Z second\n")
    assert (tmp_path / "flow/latest.log").readlink() == Path("2026/11/23/flow_20261123T050100Z.log")


def test_two_in_one_second(tmp_path: Path, clock: VirtualClock) -> None:
    """Each has its own files."""
    write(tmp_path, clock, "first")
    write(tmp_path, clock, "second")
    texts = [path.read_text() for path in sorted((tmp_path / "flow/2026").rglob("*.log"))]
    assert [text.count("\n") for text in texts] == [1, 1]


def test_a_line_bears_its_run(tmp_path: Path, clock: VirtualClock) -> None:
    """What comes before a run bears the log's stamp, what comes after the run's own name."""
    with RunLog(tmp_path, clock, "flow", warn=pytest.fail) as log:
        narrator = LoggedNarrator(Silent(), log)
        narrator.warn("a mend")
        narrator.begin("run-1", 42)
        narrator.event("stage", stage="pull", error="it\nfailed")
    (path,) = (tmp_path / "flow/structured").rglob("*.jsonl")
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {
        "timestamp": "2026-11-23T05:00:00.000+00:00",
        "level": "warning",
        "event": "message",
        "run_id": "20261123T050000Z",
        "athlete_id": None,
        "command": "flow",
        "text": "a mend",
    }
    assert (second["run_id"], second["athlete_id"], second["level"]) == ("run-1", 42, "error")
    assert (tmp_path / "flow/latest.log").read_text().count("\n") == 2


def test_a_line_holds_no_secret(tmp_path: Path, clock: VirtualClock) -> None:
    """A known secret is in neither file."""
    write(tmp_path, clock, "it said hush-hush", secret="hush-hush")
    assert all(b"hush" not in path.read_bytes() for path in (tmp_path / "flow").rglob("flow_*"))


@pytest.fixture
def year(tmp_path: Path, clock: VirtualClock) -> Path:
    """A log each day for forty days, and a file of somebody else's."""
    for _ in range(40):
        write(tmp_path, clock)
        clock.sleep(timedelta(days=1).total_seconds())
    (tmp_path / "flow/2026/notes.txt").write_text("mine")
    write(tmp_path, clock)
    return tmp_path


def test_old_logs_go(year: Path) -> None:
    """Those for people after 14 days, JSON Lines after 30; empty folders with them, nothing else."""
    plain = list((year / "flow/2026").rglob("*.log")) + list((year / "flow").glob("20[!2]*/**/*.log"))
    plain += list((year / "flow/2027").rglob("*.log"))
    structured = list((year / "flow/structured").rglob("*.jsonl"))
    assert (len(plain), len(structured)) == (15, 31)
    assert (year / "flow/2026/notes.txt").exists()
    folders = [path for path in (year / "flow").rglob("*") if path.is_dir()]
    assert all(any(path.iterdir()) for path in folders)


def test_a_folder_that_cannot_be_written(tmp_path: Path, clock: VirtualClock) -> None:
    """It is said once, and nothing stops."""
    (tmp_path / "flow").write_text("in the way")
    (warning,) = write(tmp_path, clock)
    assert "LOGS_DIR" in warning

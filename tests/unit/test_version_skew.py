"""doctor: a scheduler that was left running on another build than the one at hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strava_stats import __version__
from strava_stats.cli.checks import Check, examine
from strava_stats.cli.context import Context


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STRAVA_STATS_HOME", str(tmp_path))
    for name in ("DATA_DIR", "STRAVA_STATS_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "data" / "state").mkdir(parents=True)
    return tmp_path


def told(home: Path, version: str, age: timedelta = timedelta(0)) -> None:
    memory = {"heartbeat_at": (datetime.now(UTC) - age).isoformat(), "version": version}
    (home / "data/state/scheduler.json").write_text(json.dumps(memory), encoding="utf-8")


def look() -> Check:
    return next(check for check in examine(Context(), offline=True) if check.name == "versions")


def test_no_scheduler_is_no_finding(home: Path) -> None:
    """Where no scheduler has ever run, there is nothing to compare."""
    assert home
    assert look().ok


@pytest.mark.parametrize(
    ("image", "scheduler", "fits"),
    [
        ("", __version__, True),
        ("", f"{__version__}+17", True),
        (f"{__version__}+17", f"{__version__}+17", True),
        (f"{__version__}+17", f"{__version__}+18", False),
        (f"{__version__}+17", "0.0.9+17", False),
        ("", "0.0.9", False),
        ("", "0.0.9+17", False),
    ],
)
def test_other_build_is_a_finding(
    image: str, scheduler: str, *, fits: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two images have to be of one build; with a virtual environment on either side the version has to be the same."""
    monkeypatch.setenv("STRAVA_STATS_IMAGE", image)
    told(home, scheduler)
    seen = look()
    assert seen.ok == fits
    assert scheduler in seen.detail
    assert "make schedule-restart" in seen.cure


def test_scheduler_that_fell_silent_is_no_finding(home: Path) -> None:
    """The version of a scheduler that does not run any more harms nobody."""
    told(home, "0.0.1", timedelta(days=3))
    assert look().ok


def test_unreadable_memory_is_named(home: Path) -> None:
    """A damaged file is a finding with its cure, not a crash."""
    (home / "data/state/scheduler.json").write_text("[]", encoding="utf-8")
    seen = look()
    assert not seen.ok
    assert "scheduler.json" in seen.detail

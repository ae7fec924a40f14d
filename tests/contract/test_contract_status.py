"""status is red when the data is older than the schedule allows, and green again after the catch-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from tests.support.sync_world import DAY, HOUR, World, new_world

from strava_stats.cli.context import Context
from strava_stats.cli.inspect import stand
from strava_stats.cli.metrics import prometheus
from strava_stats.flow import PullOptions, Steps
from strava_stats.scheduler.child import Child
from strava_stats.scheduler.cron_log import CronLog
from strava_stats.scheduler.loop import Scheduler
from strava_stats.scheduler.memory import MemoryFile
from strava_stats.settings import load_settings
from strava_stats.sync.plan import EnrichOptions
from strava_stats.sync.standing import Standing

FLOW = Steps(pull=PullOptions(), compact=True, enrich=EnrichOptions(since_days=21))
GREEN: list[str] = []


@dataclass
class Done:
    """A child that has ended."""

    code: int
    pid: int = 4242

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        """Too late."""

    def kill(self) -> None:
        """Too late."""


@dataclass
class Home:
    """A data folder with a scheduler over it; both live by the world's clock."""

    world: World
    folder: Path
    cron: str = "0 5 * * *"
    told: list[str] = field(default_factory=list)

    @property
    def memory(self) -> MemoryFile:
        return MemoryFile(self.world.layout.state)

    def start(self, options: Sequence[str]) -> Child:
        """The flow, in process."""
        run = self.world.run(FLOW)
        return Done(0 if run is not None and run.error is None else 69)

    def reap(self, own: Child | None) -> None:
        """No process, no orphan."""

    def _tell(self, title: str, _: str) -> None:
        self.told.append(title)

    def schedule(self, seconds: float) -> None:
        """A scheduler lives for so long."""
        clock = self.world.strava.clock
        end = clock.now() + timedelta(seconds=seconds)
        cron_file = self.folder / "strava.cron"
        cron_file.write_text(self.cron + "\n")
        Scheduler(
            cron_file,
            "UTC",
            check_options=lambda _: None,
            memory_file=self.memory,
            runner=self,
            log=CronLog(self.folder / "logs", ZoneInfo("UTC"), clock, lambda _: None),
            clock=clock,
            pid=1,
            stopping=lambda: clock.now() >= end,
            tell=self._tell,
            slice_seconds=900,
        ).run()

    def status(self) -> Standing:
        """As `strava-stats status` has it."""
        folder = self.world.strava.folder
        context = Context()
        context.settings = load_settings({}, folder, data_dir=folder / "data", secrets_dir=folder / "secrets")
        context.clock = self.world.strava.clock  # type: ignore[assignment]
        (found,), _ = stand(context)
        return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """It is noon, and the first flow has been made by hand."""
    world = new_world(tmp_path, [DAY * (number + 1) for number in range(3)])
    world.run(FLOW)
    return Home(world, tmp_path)


def test_a_scheduler_that_is_stopped_for_a_day(home: Home) -> None:
    """Green while it lives, red within hours of the first run that it misses, green after its catch-up."""
    home.schedule(3 * DAY)
    assert home.status().stale == GREEN
    home.world.advance(DAY)
    (line,) = home.status().stale
    assert "schedule --doctor" in line
    home.schedule(HOUR)
    assert home.status().stale == GREEN
    assert home.memory.load().caught_up == 1


def test_a_scheduler_that_is_stopped_between_two_runs(home: Home) -> None:
    """A restart of some hours, and a run that takes its time, alarm nobody."""
    home.schedule(2 * DAY)
    home.world.advance(18 * HOUR)  # from noon to an hour after the run that was due
    assert home.status().stale == GREEN


def test_a_schedule_of_each_week(home: Home) -> None:
    """The data may be as old as the schedule makes it, while the scheduler lives; without it, 36 hours."""
    home.cron = "0 5 * * 1"
    home.schedule(3 * DAY)
    home.memory.save(msgspec.structs.replace(home.memory.load(), pid=1))  # as if it had not ended
    assert home.status().stale == GREEN
    home.world.advance(HOUR)
    assert "hours ago" in home.status().stale[0]


def test_flows_that_fail(home: Home) -> None:
    """A living scheduler whose flows fail is red too; somebody is told once, and once that it is over."""
    home.schedule(DAY)
    home.world.strava.simulator.add_fault(action="status", status=503, path="/athlete/activities", times=None)
    home.schedule(DAY)
    assert home.status().stale != GREEN
    assert home.told == ["Strava sync failed"]
    home.world.strava.simulator.faults.clear()
    home.schedule(DAY)
    assert home.status().stale == GREEN
    assert home.told == ["Strava sync failed", "Strava sync works again"]


def test_figures_for_prometheus(home: Home) -> None:
    """Every line is a comment or a sample of a gauge that was declared before it; what is unknown has none."""
    home.schedule(DAY)
    found = home.status()
    lines = prometheus([found], home.memory.load().heartbeat_at).splitlines()
    declared = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(declared) == len(set(declared))
    samples = {}
    for line in lines:
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name.split("{")[0] in declared
            samples[name] = float(value)
    label = f'{{athlete_id="{home.world.athlete.id}"}}'
    assert samples[f"strava_stats_stale{label}"] == 0
    assert samples[f"strava_stats_activities{label}"] == 3
    assert found.last_success is not None
    assert samples[f"strava_stats_last_success_timestamp_seconds{label}"] == pytest.approx(
        found.last_success.timestamp(), abs=0.001
    )
    assert "strava_stats_stale 1" in prometheus([], None)
    nothing = Standing(7, 0, None, 0, None, None, None, None, None, None, 0, 100, 1000, ["never"])
    text = prometheus([nothing], None)
    assert 'strava_stats_stale{athlete_id="7"} 1' in text
    assert 'last_success_timestamp_seconds{athlete_id="7"}' not in text

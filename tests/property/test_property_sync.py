"""Whatever happens to a history, to Strava and to our process: a sweep of a Strava that stands still puts it right."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from tests.support.bronze_history import histories
from tests.support.sync_checks import Watch, check_reader
from tests.support.sync_world import DAY, FULL, HOUR, NARROW, UNLIMITED, World, interposed, new_world

from strava_stats.flow import Limits, PullOptions, Run, Steps
from strava_stats.sync.plan import EnrichOptions, Mode

Changes: TypeAlias = list[tuple[str, int, int]]
TIGHT = ((14, 90), (12, 80))
NAMES = ("Early", "Evening & <ride>", 'Quoted "x"', "Ünïcode 🚲")
SPORTS = ("Workout", "Run", "Ride", "Yoga")
GEAR = (None, "b10000001", "g20000002")
AGES = (0, HOUR, DAY, 3 * DAY, 20 * DAY, 40 * DAY, 400 * DAY, 3_000 * DAY, -2 * HOUR)
REMOTE = (
    "create", "create", "same_second", "rename", "sport", "gear", "distance", "kudos", "less_kudos", "comments",
    "private", "public", "delete", "delete", "restore", "restore", "poison", "cure", "hide", "show", "move",
)  # fmt: skip
FAULTS: tuple[dict[str, Any], ...] = (
    {"action": "status", "status": 500},
    {"action": "status", "status": 502, "kind": "html"},
    {"action": "status", "status": 429},
    {"action": "status", "status": 404, "path": "/activities/*"},
    {"action": "status", "status": 404, "kind": "html", "path": "/activities/*"},
    {"action": "drop"},
    {"action": "drop_mid_body"},
    {"action": "truncate"},
    {"action": "hang"},
    {"action": "body", "body": "[]", "path": "/athlete/activities"},
    {"action": "body", "body": "[", "path": "/athlete/activities"},
    {"action": "body", "body": '{"message":"ok"}', "path": "/athlete/activities"},
)
OUTWARD = ("wait", "wait", "skew", "fail", "fail", "recover", "narrow", "full", "flicker", "lose")
WAITS = (60, 20 * 60, 7 * HOUR, DAY, 8 * DAY)
SKEWS = (0, -HOUR, -600, 600, HOUR)
LOST = ("state", "warehouse", "activities")
PICKS = st.integers(0, 40)
CHANGES = st.lists(st.tuples(st.sampled_from(REMOTE + OUTWARD), PICKS, PICKS), max_size=5)
MEDDLING = st.lists(st.tuples(st.sampled_from(REMOTE), PICKS, PICKS), min_size=1, max_size=4)
MODES: st.SearchStrategy[Mode] = st.sampled_from(["default", "lite", "all"])
SELDOM = st.sampled_from([False, False, False, True])
PULLS = st.builds(PullOptions, mode=MODES, days=st.sampled_from([0, 3, 21]), allow_mass_delete=SELDOM)
ENRICHES = st.builds(
    EnrichOptions,
    since_days=st.sampled_from([3, 30]),
    only_changed=st.booleans(),
    all_missing=st.booleans(),
    backlog=st.sampled_from([0, 2]),
    refresh_old=st.sampled_from([0, 1]),
)
LIMITS = st.builds(Limits, max_calls=st.none() | st.integers(0, 12), cushion_15min=st.sampled_from([0, 0, 3]))


class SyncMachine(RuleBasedStateMachine):
    """Strava's side and ours, in any order."""

    world: World
    folder: Path

    @initialize(
        ages=st.lists(st.sampled_from(AGES), max_size=14),
        per_page=st.integers(3, 7),
        tight=st.booleans(),
        modes=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    )
    def begin(self, ages: list[int], per_page: int, tight: bool, modes: tuple[bool, bool, bool]) -> None:
        """An athlete with some activities; Strava's unknown habits are drawn."""
        self.folder = Path(tempfile.mkdtemp(prefix="sync-"))
        starts = [age + number for number, age in enumerate(ages)]
        limits = (TIGHT[0], TIGHT[1]) if tight else UNLIMITED
        self.world = new_world(
            self.folder, starts, per_page=per_page, limits=limits, sport_type="Workout", distance=0.0
        )
        self.tight = tight
        simulator = self.world.strava.simulator
        simulator.modes.bounds = "inclusive" if modes[0] else "exclusive"
        simulator.modes.not_found = "empty" if modes[1] else "json"
        simulator.modes.rotation = "always" if modes[2] else "when_new"
        self.watch = Watch(self.world)

    def teardown(self) -> None:
        """At the end of every story Strava stands still."""
        if hasattr(self, "world"):
            try:
                self.watch.settle()
            finally:
                shutil.rmtree(self.folder)

    @rule(first=CHANGES, options=PULLS, limits=LIMITS)
    def pull(self, first: Changes, options: PullOptions, limits: Limits) -> None:
        """List alone."""
        self._run(first, Steps(pull=self._paged(options), limits=limits))

    @rule(first=CHANGES, rebuild=st.booleans())
    def compact(self, first: Changes, rebuild: bool) -> None:
        """Load alone."""
        self._run(first, Steps(compact=True, rebuild=rebuild))

    @rule(first=CHANGES, options=ENRICHES, limits=LIMITS)
    def enrich(self, first: Changes, options: EnrichOptions, limits: Limits) -> None:
        """Details alone."""
        self._run(first, Steps(enrich=options, limits=limits))

    @rule(first=CHANGES, pull=PULLS, enrich=ENRICHES, limits=LIMITS)
    def flow(self, first: Changes, pull: PullOptions, enrich: EnrichOptions, limits: Limits) -> None:
        """The whole way."""
        self._run(first, Steps(pull=self._paged(pull), compact=True, enrich=enrich, limits=limits))

    @rule(
        first=CHANGES, pull=PULLS, enrich=ENRICHES, call=st.integers(1, 25), torn=st.sampled_from([0, 0, 1, 40, 5_000])
    )
    def flow_killed_at_a_call(
        self, first: Changes, pull: PullOptions, enrich: EnrichOptions, call: int, torn: int
    ) -> None:
        """The process is killed, or the power cut, while an answer is on its way."""
        steps = Steps(pull=self._paged(pull), compact=True, enrich=enrich)
        self._run(first, steps, kill_at_call=call, torn=torn)

    @rule(first=CHANGES, pull=PULLS, enrich=ENRICHES, operation=st.integers(1, 90))
    def flow_killed_at_the_disk(self, first: Changes, pull: PullOptions, enrich: EnrichOptions, operation: int) -> None:
        """The process is killed right before a file is synced, renamed, removed or cut."""
        self._run(first, Steps(pull=self._paged(pull), compact=True, enrich=enrich), kill_at_operation=operation)

    @rule(first=CHANGES, rebuild=st.booleans(), operation=st.integers(1, 25))
    def compact_killed_at_the_disk(self, first: Changes, rebuild: bool, operation: int) -> None:
        """The same while loading."""
        self._run(first, Steps(compact=True, rebuild=rebuild), kill_at_operation=operation)

    @rule(first=CHANGES, options=PULLS, page=st.integers(1, 4), changes=MEDDLING)
    def pull_while_things_change(self, first: Changes, options: PullOptions, page: int, changes: Changes) -> None:
        """Activities come and go between two pages."""

        def meddle() -> None:
            for change in changes:
                apply(self.world, *change)

        with interposed(self.world, page=page, act=meddle):
            self._run(first, Steps(pull=self._paged(options), compact=True), still=False)

    @rule(first=CHANGES, pull=PULLS, enrich=ENRICHES, call=st.integers(1, 12))
    def flow_with_company(self, first: Changes, pull: PullOptions, enrich: EnrichOptions, call: int) -> None:
        """A second command and a reader come along while one writes."""

        def look() -> None:
            self.world.intrude()
            check_reader(self.world)

        self._run(first, Steps(pull=self._paged(pull), compact=True, enrich=enrich), at_calls={call: look})

    def _paged(self, options: PullOptions) -> PullOptions:
        return PullOptions(
            options.mode, options.days, options.full_sweep_days, self.world.per_page, options.allow_mass_delete
        )

    def _run(self, first: Changes, steps: Steps, *, still: bool = True, **interference: Any) -> Run | None:
        for change in first:
            self._change(*change)
        is_fair = self._is_fair() and not interference
        run = self.watch.run(steps, still=still, **interference)
        if is_fair and run is not None and steps.limits == Limits():
            assert run.error is None, run.error
        return run

    def _change(self, change: str, pick: int, extra: int) -> None:
        """Something happens between two runs of ours."""
        world = self.world
        simulator = world.strava.simulator
        if change == "wait":
            world.advance(WAITS[pick % len(WAITS)])
        elif change == "skew":
            self.watch.excused_429 += 1  # a count kept by a clock that jumps is worth nothing until the next answer
            world.set_skew(SKEWS[pick % len(SKEWS)])
        elif change == "fail":
            fault = {"path": "/a*", **FAULTS[pick % len(FAULTS)]}
            simulator.add_fault(**fault, skip=extra % 6, times=1 + extra % 8)
        elif change == "recover":
            simulator.faults.clear()
        elif change in {"narrow", "full"}:
            world.grant(NARROW if change == "narrow" else FULL)
        elif change == "flicker":
            simulator.modes.athlete_count_flicker = not simulator.modes.athlete_count_flicker
        elif change == "lose":
            self.watch.excused_429 += 1
            world.lose(LOST[pick % len(LOST)])
        else:
            apply(world, change, pick, extra)

    def _is_fair(self) -> bool:
        """Whether nothing stands in the way of a run."""
        world = self.world
        has_faults = any(rule.times for rule in world.strava.simulator.faults.rules)
        return not (has_faults or self.tight or world.skew or world.is_crippled)


def apply(world: World, change: str, pick: int, extra: int) -> None:
    """One change on the far side; a change that makes no sense there is none."""
    simulator = world.strava.simulator
    alive = simulator.ids()
    acts: dict[str, Callable[[int], Any]] = {
        "rename": lambda one: simulator.edit(one, name=NAMES[extra % len(NAMES)]),
        "sport": lambda one: simulator.edit(one, sport_type=SPORTS[extra % len(SPORTS)]),
        "gear": lambda one: simulator.edit(one, gear_id=GEAR[extra % len(GEAR)]),
        "distance": lambda one: simulator.edit(one, distance=extra * 10.5),
        "comments": lambda one: simulator.edit(one, comment_count=extra),
        "kudos": lambda one: simulator.add_kudos(one, extra + 1),
        "less_kudos": lambda one: simulator.add_kudos(one, -min(extra, world.summary(one)["kudos_count"])),
        "private": simulator.make_private,
        "public": simulator.make_public,
        "delete": simulator.delete,
        "poison": simulator.poison,
        "cure": lambda one: simulator.poison(one, poisoned=False),
        "hide": lambda one: world.far.hidden.add(one) if len(world.far.hidden) + 1 < world.per_page else None,
        "show": world.far.hidden.discard,
        "move": lambda one: simulator.edit(one, start_date=f"20{20 + extra % 6}-03-{1 + extra % 28:02}T08:00:00Z"),
        "same_second": lambda one: simulator.create(start_date=world.summary(one)["start_date"], sport_type="Yoga"),
    }
    if change == "create":
        world.create(AGES[extra % len(AGES)] + pick, sport_type=SPORTS[pick % len(SPORTS)], distance=pick * 100.0)
    elif change == "restore":
        gone = sorted(set(histories(world.layout.data_dir)) - set(alive))
        if gone:
            simulator.restore(gone[pick % len(gone)])
    elif alive:
        acts[change](alive[pick % len(alive)])


QUICK = settings(
    max_examples=3,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def test_any_story_ends_well() -> None:
    """Remote changes, faults, kills, company and clocks in any order: the data converge, and nothing is lost before."""
    run_state_machine_as_test(SyncMachine, settings=QUICK)


@pytest.mark.slow
def test_many_long_stories_end_well() -> None:
    """The same, over longer and other stories each time."""
    run_state_machine_as_test(SyncMachine, settings=LONG)

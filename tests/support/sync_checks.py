"""What must hold after a run, and after a sweep of a Strava that stands still."""
# ruff: noqa: S608 - the names and ids in the queries are the test's own

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from tests.support.bronze_history import Version, differing, histories, lines
from tests.support.far_end import Seen
from tests.support.sync_world import DAY, FULL, UNLIMITED, World

from strava_stats.flow import PullOptions, Run, Steps
from strava_stats.sync.plan import EnrichOptions
from strava_stats.sync.state import State
from strava_stats.warehouse.content import content_hashes

COLUMNS = (
    "name", "type", "sport_type", "distance", "moving_time", "kudos_count", "comment_count", "visibility", "private",
    "gear_id", "commute", "athlete_count", "start_date", "start_date_local",
)  # fmt: skip
SHOWN = ", ".join(
    {
        "start_date": "strftime(start_date at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ')",
        "start_date_local": "strftime(start_date_local, '%Y-%m-%dT%H:%M:%SZ')",
    }.get(name, name)
    for name in COLUMNS
)
VERSIONS = """
select activity_id, op, changed, kudos_count, comment_count, epoch_us(observed_at)
from activity_versions order by activity_id, observed_at
"""
FEW = 10
LARGE = 10_000
ALWAYS = 36_500
"""Days: every activity is recent."""


def table(world: World) -> dict[int, tuple[Any, ...]]:
    """The live activities: id → compared columns."""
    return {row[0]: row[1:] for row in world.rows(f"select id, {SHOWN} from activities")}


def as_row(summary: Mapping[str, Any]) -> tuple[Any, ...]:
    """A summary as `table` shows it."""
    return tuple(summary.get(name) for name in COLUMNS)


def content(world: World) -> dict[str, Any]:
    """Hashes of all that a rebuild has to give again."""
    if not world.layout.warehouse.exists():
        return {}
    with world.reading() as warehouse:
        return dict(content_hashes(warehouse))


def check_versions(world: World) -> None:
    """The table of versions tells what bronze tells, each activity's in strict order; kudos end as they are."""
    found: dict[int, list[Version]] = {}
    times: dict[int, list[int]] = {}
    for one, op, changed, kudos, comments, at in world.rows(VERSIONS):
        assert op == "edited" or not changed
        assert len(changed or []) == len(set(changed or []))
        found.setdefault(one, []).append(Version(op, frozenset(changed or []), kudos, comments))
        times.setdefault(one, []).append(at)
    wanted = {one: past.versions for one, past in histories(world.layout.data_dir).items() if past.versions}
    for one in wanted.keys() | found.keys():
        assert found.get(one) == wanted.get(one), f"history of {one}: {found.get(one)}, bronze says {wanted.get(one)}"
        assert all(a < b for a, b in zip(times[one], times[one][1:], strict=False))
    last = dict(
        world.rows("select activity_id, arg_max(kudos_count, observed_at) from activity_kudos_history group by all")
    )
    assert last == {one: past[-1].kudos_count for one, past in wanted.items()}


def check_table(world: World) -> None:
    """Live rows are those that bronze says are live, with the last summary; details belong to live activities."""
    pasts = histories(world.layout.data_dir)
    assert table(world) == {one: as_row(past.body or {}) for one, past in pasts.items() if past.live}
    wanted = {(one,) for one, past in pasts.items() if past.live and past.has_details}
    assert set(world.rows("select activity_id from activity_details")) == wanted
    for name in ("activity_details", "activity_laps", "activity_splits_metric", "activity_best_efforts"):
        query = f"select activity_id from {name} where activity_id not in (select id from activities)"
        assert world.rows(query) == [], name


def check_all(world: World) -> None:
    """Both of these."""
    with world.reading() if world.layout.warehouse.exists() else nullcontext():
        check_table(world)
        check_versions(world)


def check_reader(world: World) -> None:
    """Whoever opens the published file while a run writes sees one state of it."""
    assert (
        world.rows("select activity_id from activity_details where activity_id not in (select id from activities)")
        == []
    )
    assert world.rows("select 1 from activities group by id having count(*) > 1") == []


@dataclass
class Watch:
    """Looks at each run of a world; remembers what it has seen of earlier ones."""

    world: World
    checked_absences: set[tuple[str, int]] = field(default_factory=set)
    seen_429: int = 0
    excused_429: int = 0
    was_allowed: bool = False
    """Mass deletion was allowed to a run that may not have asked for all it wanted: the next pull does."""

    def run(self, steps: Steps, *, still: bool = True, **interference: Any) -> Run | None:
        """A run and everything that has to hold after any one; `still`: nothing changes on the far side meanwhile."""
        world, simulator = self.world, self.world.strava.simulator
        calls = len(simulator.calls)
        self.was_allowed |= steps.pull is not None and steps.pull.allow_mass_delete
        quiet = self._needs_no_details()
        run = world.run(steps, **interference)
        self._absences()
        self._budget(steps, calls)
        if still and steps.enrich is not None and steps.enrich.only_changed and not steps.enrich.refresh_old:
            asked = {one.activity_id for one in world.far.seen if one.run == world.far.run and one.stage == "enrich"}
            assert not asked & quiet, f"details of {asked & quiet} were there and nothing was edited"
        if run is not None and run.status == "ok" and steps.pull is not None and not steps.pull.allow_mass_delete:
            self.was_allowed = False
        if run is not None and run.error is None and steps.compact:
            check_all(world)
        if run is not None and run.error is None and not any(call["fault"] for call in simulator.calls[calls:]):
            self._one_bad_thing(steps)
        return run

    def _one_bad_thing(self, steps: Steps) -> None:
        """Whoever asks for all missing details lacks those alone that wait in quarantine."""
        world = self.world
        is_bounded = steps.limits.max_calls is not None or world.strava.simulator.limits.read.limit_daily < LARGE
        if steps.enrich is None or not steps.enrich.all_missing or is_bounded:
            return
        waiting = {int(one) for kind, one in State(world.layout.state).quarantine() if kind == "activity_details"}
        query = "select id from activities where id not in (select activity_id from activity_details)"
        assert {row[0] for row in world.rows(query)} <= waiting

    def _needs_no_details(self) -> set[int]:
        """Activities, also deleted ones, whose details are in bronze and which were not edited since."""
        world = self.world
        return {
            one
            for one, past in histories(world.layout.data_dir).items()
            if past.has_details
            and past.detailed is not None
            and past.body is not None
            and not differing(past.detailed, past.body)
            and not differing(past.detailed, world.summary(one))
        }

    def _absences(self) -> None:
        """Each absence in bronze has its own 404 in the same run, which listed it nowhere, and is no mass of them."""
        world = self.world
        fresh: list[tuple[str, int]] = []
        for run_id, line in lines(world.layout.data_dir, "activities"):
            if line["kind"] == "absent" and (run_id, line["id"]) not in self.checked_absences:
                fresh.append((run_id, line["id"]))
        for run_id, one in fresh:
            self.checked_absences.add((run_id, one))
            number = world.run_ids[run_id]
            seen = [event for event in world.far.seen if event.activity_id == one]
            mine = [event for event in seen if event.run == number and event.stage == "pull"]
            assert any(event.kind == "detail" and event.status == 404 for event in mine), f"{one}: no 404 of its own"
            assert not any(event.kind == "listed" for event in mine), f"{one}: deleted although it was listed"
            self._scope(one, seen)
        if fresh and not self.was_allowed:
            before = len([past for past in histories(world.layout.data_dir).values() if past.live]) + len(fresh)
            most = max(Counter(run_id for run_id, _ in fresh).values())
            assert before < FEW or most * 2 <= before, f"{most} of {before} deleted at once"

    def _scope(self, one: int, seen: list[Seen]) -> None:
        """What was private when it was listed last is not believed to be gone by who cannot see private ones."""
        if self.world.scopes == FULL or self.was_allowed:
            return
        last = [event.summary for event in seen if event.kind == "listed"][-1]
        assert last["visibility"] != "only_me", f"{one} was private, and deleted under {self.world.scopes}"

    def _budget(self, steps: Steps, calls_before: int) -> None:
        """No refusal of our own making, and no more calls than allowed."""
        calls = self.world.strava.simulator.calls
        own = [call for call in calls[self.seen_429 :] if call["status"] == 429 and call["fault"] is None]
        self.seen_429 = len(calls)
        assert len(own) <= self.excused_429, own
        self.excused_429 = 0
        allowed = steps.limits.max_calls
        made = [call for call in calls[calls_before:] if "/oauth/" not in call["path"]]
        assert allowed is None or len(made) <= allowed

    # --- a Strava that stands still ----------------------------------------------------------------------------------

    def settle(self) -> None:
        """All faults gone, everything granted: one sweep converges, and a second run has nothing to do."""
        world = self.world
        simulator = world.strava.simulator
        simulator.faults.clear()
        for one in simulator.ids():
            simulator.poison(one, poisoned=False)
        simulator.modes.athlete_count_flicker = False
        simulator.limits.set_limits(*UNLIMITED)
        world.set_skew(0)
        if world.scopes != FULL or world.is_crippled:
            world.grant(FULL)
        world.advance(8 * DAY)  # what was in no listing and answered is not asked for again for a week
        self._undisturbed(Steps(compact=True))  # what a killed run has landed is loaded
        live_before = {one for one, past in histories(world.layout.data_dir).items() if past.live}
        self._sweep(live_before)
        query = "select id from activities where id not in (select activity_id from activity_details)"
        assert world.rows(query) == []
        assert world.rows(
            "select id from activities a join activity_details d on d.activity_id = a.id "
            "where d.summary_fingerprint is distinct from a.fingerprint or d.kudos_count < a.kudos_count"
        ) == []  # fmt: skip
        self._again()
        self._rebuild()

    def _sweep(self, live_before: set[int]) -> None:
        """A full listing, during which nothing changes, makes the live rows what Strava shows, field by field."""
        world = self.world
        steps = Steps(
            pull=PullOptions(mode="all", per_page=world.per_page, allow_mass_delete=True),
            compact=True,
            enrich=EnrichOptions(since_days=ALWAYS, only_changed=True, retry_quarantined=True),
        )
        run = self._undisturbed(steps)
        assert run.stages[0]["complete"]
        wanted = {one: as_row(world.summary(one)) for one in world.listed_ids()}
        found = table(world)
        wrong = {one: (found.get(one), row) for one, row in wanted.items() if found.get(one) != row}
        assert not wrong, f"ours and Strava's: {wrong}"
        still_there = {one for one in world.far.hidden & live_before if world.is_visible(one)}
        extra, lost = found.keys() - wanted.keys() - still_there, still_there - found.keys()
        assert not extra, f"gone from Strava, and live here: {extra}"
        assert not lost, f"hidden from listings, and gone here: {lost}"

    def _again(self) -> None:
        """Nothing changed: the fewest calls, no shard, the same file."""
        world = self.world
        steps = Steps(
            pull=PullOptions(per_page=world.per_page),
            compact=True,
            enrich=EnrichOptions(since_days=ALWAYS, only_changed=True),
        )
        before = content(world), self._files()
        run = self._undisturbed(steps)
        assert (content(world), self._files()) == before
        newest = sorted((row[-2] for row in table(world).values()), reverse=True)
        assert run.calls <= math.ceil(len(newest) / (world.per_page - 1)) * 2 + 2
        assert run.stages[-1]["calls"] == 0

    def _files(self) -> tuple[Any, ...]:
        """The shards, and which file is published."""
        shards = sorted(path.name for path in self.world.layout.shards.glob("*.parquet"))
        status = self.world.layout.warehouse.stat()
        return shards, status.st_ino, status.st_mtime_ns

    def _rebuild(self) -> None:
        """Made anew from bronze alone the content is the same."""
        before = content(self.world)
        self._undisturbed(Steps(compact=True, rebuild=True))
        assert content(self.world) == before

    def _undisturbed(self, steps: Steps) -> Run:
        """A run that has no reason to fail."""
        run = self.run(steps)
        assert run is not None
        assert run.error is None, run.error
        return run

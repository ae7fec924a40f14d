"""Whatever the order of imports, flows, kills and remote changes: the same rows, which bronze alone gives again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.archives import archive, gpx
from tests.support.import_world import bring, row, rows_of, try_to_bring
from tests.support.sync_checks import ALWAYS, as_row, table
from tests.support.sync_world import DAY, FULL, HOUR, NARROW, World, new_world

from strava_stats.flow import PullOptions, Run, Steps
from strava_stats.narration import Silent
from strava_stats.sync.compact import Calendar
from strava_stats.sync.plan import EnrichOptions, Mode
from strava_stats.sync.verify import verify

Remote: TypeAlias = tuple[str, int, int]
Local: TypeAlias = tuple[str, int, int]
AGES = (0, HOUR, DAY, 3 * DAY, 20 * DAY, 400 * DAY, 3_000 * DAY)
FIRST = 100 * DAY
"""How long ago the history begins."""
SPORTS = ("Run", "Ride", "Swim", "Yoga")
REMOTE = (
    "create", "create", "rename", "sport", "distance", "kudos", "less_kudos", "delete", "delete", "restore",
    "private", "public", "archive", "archive", "archive",
)  # fmt: skip
LOCAL = (
    "import", "import", "import", "prune", "flow", "sweep", "details", "streams", "compact", "narrow", "full",
    "import_killed", "import_killed", "flow_killed",
)  # fmt: skip
PICKS = st.integers(0, 40)
TURNS = st.lists(
    st.tuples(
        st.tuples(st.sampled_from(REMOTE), PICKS, PICKS),
        st.lists(st.tuples(st.sampled_from(LOCAL), PICKS, PICKS), max_size=2),
        st.lists(st.tuples(st.sampled_from(LOCAL), PICKS, PICKS), max_size=2),
    ),
    min_size=2,
    max_size=8,
)
NOT_COMPARED = frozenset({
    "runs", "quarantine",  # of each world's own
    "activity_versions",  # what was observed, and when
    "segments", "gear",  # also those that the details of what is gone have named
})  # fmt: skip
ALL_TABLES = "select table_name from duckdb_tables() where schema_name = 'main' order by all"


@dataclass
class Taken:
    """An archive, and the activities it lists."""

    path: Path
    number: int


@dataclass
class Story:
    """One world on its way through a history; the archives are in both alike."""

    world: World
    began: float
    archives: list[Taken] = field(default_factory=list)
    imported: set[int] = field(default_factory=set)

    # --- Strava's side -----------------------------------------------------------------------------------------------

    def change(self, what: str, pick: int, extra: int) -> None:
        """One remote change; one that makes no sense is none."""
        simulator = self.world.strava.simulator
        if what == "archive":
            self.take(pick)
            return
        if what == "create":
            start = self.began - AGES[extra % len(AGES)] - pick
            simulator.create(start=start, sport_type=SPORTS[pick % len(SPORTS)], distance=pick * 100.0)
            return
        if what == "restore":
            gone = sorted(self.ever - set(simulator.ids()))
            if gone:
                simulator.restore(gone[pick % len(gone)])
            return
        alive = simulator.ids()
        acts: dict[str, Callable[[int], Any]] = {
            "rename": lambda one: simulator.edit(one, name=f'Ünïcode, "{extra}" 🚲'),
            "sport": lambda one: simulator.edit(one, sport_type=SPORTS[extra % len(SPORTS)]),
            "distance": lambda one: simulator.edit(one, distance=extra * 10.5),
            "kudos": lambda one: simulator.add_kudos(one, extra + 1),
            "less_kudos": lambda one: simulator.add_kudos(one, -min(extra, self.world.summary(one)["kudos_count"])),
            "delete": simulator.delete,
            "private": simulator.make_private,
            "public": simulator.make_public,
        }
        if alive:
            acts[what](alive[pick % len(alive)])

    ever: set[int] = field(default_factory=set)

    def note(self) -> None:
        """What there ever was can be restored."""
        self.ever |= set(self.world.strava.simulator.ids())

    def take(self, flavour: int) -> None:
        """An archive of all that Strava has now; its newest activity and its date tell its age."""
        world, number = self.world, len(self.archives)
        world.strava.simulator.create(start=self.began + (number + 1) * DAY, sport_type="Run", distance=1_000.0)
        rows, files = [], {}
        for one in world.strava.simulator.ids():
            kind = (one + flavour) % 5
            name = f"activities/{one}.gpx"
            if kind in {1, 2}:
                start = datetime.fromisoformat(world.summary(one)["start_date"])
                files[name] = gpx(start, seconds=20 + flavour % 3, lat=50.0 + one % 9)
            elif kind == 3:
                files[name] = b"<gpx><trk><trkseg><trkpt lat="
            rows.append(row(world, one, file=name if kind else "", description=f"{number}", max_heartrate=150 + number))
        path = world.folder / f"export {number}.zip"
        archive(path, rows, files, made=(2020 + number, 1, 1, 0, 0, 0))
        self.archives.append(Taken(path, number))

    # --- our side ----------------------------------------------------------------------------------------------------

    def act(self, what: str, pick: int, extra: int) -> None:
        """One command, and what holds after any one that ends."""
        world = self.world
        if what in {"narrow", "full"}:
            world.grant(NARROW if what == "narrow" else FULL)
            return
        run: Run | None
        if what in {"import", "prune", "import_killed"}:
            if not self.archives:
                return
            taken = self.archives[pick % len(self.archives)]
            if what == "import_killed":
                run = try_to_bring(world, taken.path, kill_at_operation=1 + extra)
            else:
                run = bring(world, taken.path, prune=what == "prune")
                self.import_again(taken, prune=what == "prune")
            self.imported |= {taken.number} if run else set()
        else:
            run = world.run(self.steps(what), kill_at_operation=1 + 3 * extra if what == "flow_killed" else 0)
        if run is not None:
            assert run.error is None or world.is_crippled, run.error
            self.check()

    def steps(self, what: str) -> Steps:
        """What a command does."""
        mode: Mode = "all" if what == "sweep" else "default"
        pull = PullOptions(mode=mode, per_page=self.world.per_page, allow_mass_delete=True)
        streams = what in {"streams", "flow_killed"}
        enrich = EnrichOptions(since_days=30, all_missing=what == "details", streams=streams, only_changed=True)
        return {
            "compact": Steps(compact=True),
            "details": Steps(enrich=enrich),
            "streams": Steps(enrich=enrich),
        }.get(what) or Steps(pull=pull, compact=True, enrich=enrich)

    def import_again(self, taken: Taken, *, prune: bool) -> None:
        """Nothing is written, neither the warehouse nor bronze."""
        before = self.files()
        assert bring(self.world, taken.path, prune=prune).stages[0]["known"] is True
        assert self.files() == before

    def files(self) -> list[tuple[str, int, int]]:
        """All that is below data, without state."""
        layout = self.world.layout
        return sorted(
            (str(path), path.stat().st_ino, path.stat().st_mtime_ns)
            for path in layout.data_dir.rglob("*")
            if path.is_file() and layout.state not in path.parents
        )

    def check(self) -> None:
        """Nothing to find, and a rebuild elsewhere gives the same rows."""
        layout = self.world.layout
        secrets = self.world.strava.folder / "secrets"
        looks = verify(layout, secrets, Calendar("monday", "Europe/London"), Silent())
        assert not [(look.name, one) for look in looks for one in look.findings]

    def settle(self, order: int) -> None:
        """Import what was not yet, then the last archive, and sweep."""
        world = self.world
        world.advance(8 * DAY)  # what was in no listing and answered is not asked for again for a week
        world.grant(FULL)
        left = [taken for taken in self.archives if taken.number not in self.imported]
        for taken in left[::order]:
            bring(world, taken.path)
        bring(world, self.archives[-1].path, prune=True)
        options = EnrichOptions(since_days=ALWAYS, retry_quarantined=True, streams=True, refresh_streams=True)
        pull = PullOptions(mode="all", per_page=world.per_page, allow_mass_delete=True)
        run = world.run(Steps(pull=pull, compact=True, enrich=options))
        assert run is not None
        assert run.error is None, run.error
        self.check()
        assert table(world) == {one: as_row(world.summary(one)) for one in world.listed_ids()}
        ((rows, ids),) = world.rows("select count(*), count(distinct id) from activities")
        assert rows == ids


def live(folder: Path, turns: Sequence[tuple[Remote, list[Local], list[Local]]]) -> None:
    """The same history with two ways to follow it."""
    stories = []
    for way, name in enumerate("ab"):
        world = new_world(folder / name, [FIRST + DAY, FIRST + 2 * DAY], sport_type="Run", distance=1_500.0)
        story = Story(world, world.strava.simulator.now() - FIRST)
        stories.append(story)
        for remote, *locals_ in turns:
            story.note()
            story.change(*remote)
            for local in locals_[way]:
                story.act(*local)
        story.note()
        story.change("archive", 0, 0)
        story.settle(-1 if way else 1)
    first, second = stories
    names = [name for (name,) in first.world.rows(ALL_TABLES) if name not in NOT_COMPARED]
    ours, theirs = rows_of(first.world, names), rows_of(second.world, names)
    for name in names:
        assert ours[name] == theirs[name], name


STORY: list[tuple[Remote, list[Local], list[Local]]] = [
    (("archive", 1, 1), [("import", 0, 0)], [("flow", 0, 0)]),
    (("delete", 0, 0), [("sweep", 0, 0)], [("import", 0, 0)]),
    (("rename", 1, 3), [("import_killed", 0, 9)], [("streams", 0, 0)]),
]
LONG = settings(
    max_examples=6,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
def test_two_ways_through_one_history(tmp_path: Path) -> None:
    """Import first or flow first, with a deletion, an edit and a kill between: the same tables, as in a rebuild."""
    live(tmp_path, STORY)


@pytest.mark.slow
@LONG
@given(TURNS)
def test_many_ways_through_many_histories(turns: list[tuple[Remote, list[Local], list[Local]]]) -> None:
    """The same, with other histories each time."""
    with tempfile.TemporaryDirectory(prefix="imports-") as folder:
        live(Path(folder), turns)

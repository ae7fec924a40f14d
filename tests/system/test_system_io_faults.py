"""Every call that changes a file is killed at, torn, cut short, refused: one at a time, in the real process.

A first run enumerates the calls (DuckDB's too); each case then begins with a copy of one prepared home, meets one
fault, and is followed by the same command without one.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import duckdb
import pytest
from tests.support.cli import Cli, wait_until
from tests.support.io_faults import NEUTRAL, STRUCK_BY, Action, Call, IoFaults, Struck
from tests.support.served import Strava, settled_simulator
from tests.system.conftest import connect

from strava_stats.simulator import ServedSimulator

SceneName = Literal["first flow", "second flow", "rebuild", "refresh"]
Contents = dict[str, list[tuple[Any, ...]]]

DAY = 86_400
NOT_COMPARED = {"runs", "quarantine"}
ROWS = "select columns(lambda c: c not in ('fetched_at', 'run_id', 'observed_at')) from {table} order by all"
KILLED = -9
REFUSED = {65, 69, 75, 77, 78}
"""Codes that a fault of the disk may end with."""
TOKENS = "secrets/strava_token.json"
PARTS = 8
STEPS: dict[SceneName, int] = {"first flow": 13, "second flow": 13, "rebuild": 9, "refresh": 1}
REBUILT = 6
"""Every so many cases end with a rebuild."""
NAMELESS = {("fsync", f"data/warehouse/.strava.duckdb.edit{end}") for end in ("", ".wal")}
"""DuckDB says that an fsync failed, and not why."""
JOURNAL = re.compile(r"data/bronze/\w+/\*")
STATE = re.compile(r"data/state/\.?(listings|gear|quarantine|runs)")
SceneOf = Callable[["SceneName"], "Scene"]


def contents(cli: Cli) -> Contents:
    """All rows of all tables, without what depends on when a run was."""
    with duckdb.connect(cli.layout.warehouse, read_only=True, config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        names = connection.execute("select table_name from duckdb_tables() where schema_name = 'main'").fetchall()
        return {
            name: connection.execute(ROWS.format(table=name)).fetchall()
            for (name,) in names
            if name not in NOT_COMPARED
        }


def check_rows(cli: Cli, wanted: Contents, what: str) -> None:
    found = contents(cli)
    assert found.keys() == wanted.keys(), what
    for name, rows in wanted.items():
        lacking, added = (
            set(map(str, rows)) - set(map(str, found[name])),
            set(map(str, found[name])) - set(map(str, rows)),
        )
        assert found[name] == rows, f"{what}: {name} lacks {lacking} and has {added}"


def ids_in(found: Contents, table: str) -> set[int]:
    return {row[0] for row in found.get(table, [])}


def answered_in_bronze(cli: Cli) -> dict[str, set[int]]:
    """Run → activities whose details lie in its journal; half a last line does not count."""
    folder = cli.layout.bronze("activity_details")
    found: dict[str, set[int]] = {}
    for path in folder.iterdir() if folder.is_dir() else []:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        found[path.name.partition(".")[0]] = {json.loads(line)["id"] for line in whole.splitlines()}
    return found


@dataclass
class Scene:
    """A prepared home, the command that is struck in it, and what is there before and after."""

    command: Sequence[str]
    prepared: Cli
    strava: Strava
    refreshes: bool = False
    old: Contents = field(default_factory=dict)
    new: Contents = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def home(self, folder: Path) -> Cli:
        """A copy of the prepared home, with tokens that are as they were then."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.prepared.home, folder)
        cli = Cli(folder, dict(self.strava.env), self.prepared.secrets)
        if self.refreshes:
            connect(cli, self.strava, expires_at=1)
            self.strava.simulator.oauth.expire()
        self.strava.forget_calls()
        return cli

    def learn(self, faults: IoFaults, folder: Path) -> Scene:
        """Run it once without a fault: its calls, and the rows before and after."""
        cli = self.home(folder)
        self.old = contents(cli) if cli.layout.warehouse.exists() else {}
        self.calls = faults.calls(cli, *self.command)
        self.new = contents(cli)
        return self

    def fetched(self, cli: Cli) -> set[int]:
        """Activities whose details have come since the home was prepared."""
        before = answered_in_bronze(self.prepared)
        return {one for run, ids in answered_in_bronze(cli).items() if run not in before for one in ids}

    def targets(self, action: Action) -> list[Call]:
        """The calls that an action may strike."""
        calls = [call for call in self.calls if call.kind in STRUCK_BY[action]]
        if not self.refreshes:
            return calls
        return [call for call in calls if call.place.startswith("secrets/") or call == FIRST_ANSWER]

    def loses_token(self, call: Call) -> bool:
        """Whether a process that dies here takes to the grave what Strava has just put in place of the old token."""
        if not self.refreshes:
            return False
        stored = [at for at, one in enumerate(self.calls) if (one.kind, one.place) == ("rename", TOKENS)]
        return self.calls.index(FIRST_REQUEST) < self.calls.index(call) <= stored[-1]


FIRST_REQUEST = Call("request", "http", 1)
FIRST_ANSWER = Call("response", "http", 1)


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IoFaults]:
    """What runs commands into faults."""
    with IoFaults(tmp_path_factory.mktemp("library")) as faults:
        yield faults


@pytest.fixture(scope="module")
def scene_of(faults: IoFaults, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SceneOf]:
    """A scene by its name, made at first use."""
    scenes: dict[SceneName, Scene] = {}
    with ExitStack() as stack:

        def make(name: SceneName) -> Scene:
            folder = tmp_path_factory.mktemp(name.replace(" ", "_"))
            simulator = settled_simulator(6, 0.02)
            strava = Strava(simulator, stack.enter_context(ServedSimulator(simulator)))
            home = folder / "a home"
            home.mkdir()
            cli = Cli(home, dict(strava.env), [simulator.app.client_secret])
            connect(cli, strava)
            first, second = ("flow", "--backfill", "--per-page", "3"), ("flow", "--only-changed", "--per-page", "3")
            if name == "first flow":
                return Scene(first, cli, strava).learn(faults, folder / "learned")
            faults.run(cli, *first).done()
            if name == "refresh":
                return Scene(second, cli, strava, refreshes=True).learn(faults, folder / "learned")
            simulator.edit(strava.ids[1], name="Edited")
            simulator.add_kudos(strava.ids[2], 2)
            simulator.create(start=simulator.now() - 5 * DAY)
            if name == "second flow":
                return Scene(second, cli, strava).learn(faults, folder / "learned")
            faults.run(cli, *second).done()
            return Scene(("compact", "--rebuild"), cli, strava).learn(faults, folder / "learned")

        def scene(name: SceneName) -> Scene:
            if name not in scenes:
                scenes[name] = make(name)
            return scenes[name]

        yield scene


def check_published(scene: Scene, cli: Cli, action: Action | None = None) -> None:
    """At any time a whole file that holds no more than it may, read-only, and nothing beside it to be replayed."""
    warehouse = cli.layout.warehouse
    assert not warehouse.with_name(f"{warehouse.name}.wal").exists()
    if not warehouse.exists():
        assert not scene.old, "the published file is gone"
        return
    assert stat.S_IMODE(warehouse.stat().st_mode) == 0o444
    found = contents(cli)
    assert found.keys() == scene.new.keys()
    for table in ("activities", "activity_details"):
        assert ids_in(scene.old, table) <= ids_in(found, table) <= ids_in(scene.new, table), table
    if action == "kill":  # a refused write leaves time to publish the pages that were landed before it
        assert ids_in(found, "activities") in (ids_in(scene.old, "activities"), ids_in(scene.new, "activities"))


def check_tokens(cli: Cli) -> None:
    assert stat.S_IMODE(cli.token_file.stat().st_mode) == 0o600
    (token,) = json.loads(cli.token_file.read_text())["athletes"].values()
    assert token["access_token"]
    assert token["refresh_token"]


def check_outcome(scene: Scene, cli: Cli, struck: Struck, call: Call, action: Action) -> None:
    """The code is one that the manual knows; 0 only where nothing is missing."""
    outcome = struck.outcome
    shown = f"exit {outcome.code}\n{outcome.stderr}"
    if not struck.fired or outcome.code == 0:
        assert outcome.code == 0, shown
        check_rows(cli, scene.new, "exit 0, but rows are not those without a fault")
    elif action in {"kill", "torn"}:
        assert outcome.code == KILLED, shown
    elif action == "enospc" and (call.kind, call.place) not in NAMELESS:
        assert outcome.code == 75, shown
        assert "space" in outcome.failure
    else:
        assert action != "short", f"half a write was not gone on with: {shown}"
        assert outcome.code in REFUSED, shown
        assert outcome.failure


def strike(faults: IoFaults, scene: Scene, cli: Cli, call: Call, action: Action) -> Struck:
    """Run the command into a fault; what it leaves has to be sound, and nothing in bronze is paid for again."""
    durable = scene.fetched(cli)
    scene.strava.forget_calls()
    struck = faults.strike(cli, call, action, *scene.command)
    check_outcome(scene, cli, struck, call, action)
    check_published(scene, cli, action)
    check_tokens(cli)
    assert not durable & set(scene.strava.details()), "details fetched again"
    return struck


def check_mended(faults: IoFaults, scene: Scene, cli: Cli) -> None:
    """The same command again completes, pays for nothing twice, and leaves nothing lying about."""
    durable = scene.fetched(cli)
    scene.strava.forget_calls()
    faults.run(cli, *scene.command).done()
    assert not durable & set(scene.strava.details()), "details fetched again"
    check_rows(cli, scene.new, "rows are not those without a fault")
    check_published(scene, cli)
    check_tokens(cli)
    left = [path for path in cli.home.rglob("*") if path.suffix in {".tmp", ".wal", ".edit"} or path.name == "tmp"]
    left += list(cli.data.glob("bronze/*/*.jsonl"))
    assert not left, f"left over: {left}"


def check_rebuild(faults: IoFaults, scene: Scene, cli: Cli) -> None:
    faults.run(cli, "compact", "--rebuild").done()
    check_rows(cli, scene.new, "rows of a rebuild are not those without a fault")


def check_case(
    faults: IoFaults, scene: Scene, call: Call, action: Action, folder: Path, *, mend: bool = True, rebuild: bool = True
) -> None:
    """One fault in a fresh copy, then the same command without one."""
    cli = scene.home(folder)
    struck = strike(faults, scene, cli, call, action)
    if not struck.fired or not mend:  # threads take turns as they like: there may be a write less
        return
    if scene.refreshes:
        scene.strava.simulator.oauth.expire()  # only a refresh token that lives gets any further
    if action in {"kill", "torn"} and scene.loses_token(call):
        faults.run(cli, *scene.command).failed(77, "auth")
        connect(cli, scene.strava)
    check_mended(faults, scene, cli)
    if rebuild:
        check_rebuild(faults, scene, cli)


def check_all(faults: IoFaults, scene: Scene, calls: Sequence[Call], action: Action, folder: Path) -> None:
    """A case for each call, and then one report of those that failed."""
    changes = {call: before.kind not in NEUTRAL for before, call in pairwise(scene.calls)}
    failures = []
    for number, call in enumerate(calls):
        # Where the call before changed no file, a kill finds what the kill before found.
        mend = action != "kill" or scene.refreshes or changes.get(call, True)
        try:
            check_case(faults, scene, call, action, folder, mend=mend, rebuild=number % REBUILT == 0)
        except AssertionError as error:
            failures.append(f"{action} at {call}: {str(error)[:1500]}")
    assert not failures, f"{len(failures)} of {len(calls)} cases\n" + "\n".join(failures)


@pytest.mark.slow
def test_one_fault_after_another(faults: IoFaults, scene_of: SceneOf, tmp_path: Path) -> None:
    """A first flow that is started again and again and each time meets another fault gets to its end all the same.

    Each kind of call at each kind of place is met once, the kinds of fault taking turns.
    """
    scene = scene_of("first flow")
    cli = scene.home(tmp_path / "a home")
    for number, call in enumerate(first_of_each(scene.calls)):
        actions: list[Action] = [action for action in STRUCK_BY if call.kind in STRUCK_BY[action]]
        action = actions[number % len(actions)]
        try:
            if not strike(faults, scene, cli, call, action).fired:
                check_mended(faults, scene, cli)
                cli = scene.home(tmp_path / "a home")  # the way it has left does not lead to this call
                assert strike(faults, scene, cli, call, action).fired
        except AssertionError as error:
            raise AssertionError(f"{action} at {call}: {error}") from error
    check_mended(faults, scene, cli)
    check_rebuild(faults, scene, cli)


@pytest.mark.parametrize("kind", ["mkdir", "create", "write"])
def test_a_log_that_cannot_be_written(faults: IoFaults, scene_of: SceneOf, tmp_path: Path, kind: str) -> None:
    """It is said once, and the run does its work."""
    scene = scene_of("first flow")
    cli = scene.home(tmp_path / "a home")
    below = {"mkdir": "logs/*", "create": "logs/flow/*/*/*/*.log", "write": "logs/flow/*/*/*/*.log"}[kind]
    struck = faults.strike(cli, Call(kind, below, 1), "enospc", *scene.command)
    assert struck.fired
    assert struck.outcome.done().stderr.count("No log is written") == 1
    check_mended(faults, scene, cli)


def first_of_each(calls: Sequence[Call]) -> list[Call]:
    """The first call of each kind at each sort of file, in order."""
    found: dict[tuple[str, str], Call] = {}
    for call in calls:
        found.setdefault((call.kind, sort_of(call.place)), call)
    return list(found.values())


def sort_of(place: str) -> str:
    """All folders are of one sort; so are all journals, and all state that is replaced as a whole."""
    if "." not in place.rpartition("/")[2]:
        return "folder"
    return STATE.sub("state", JOURNAL.sub("journal", place))


@pytest.mark.parametrize(
    ("action", "kind"), [("kill", "response"), ("torn", "write"), ("enospc", "write"), ("eio", "rename")]
)
def test_a_fault_while_the_new_token_is_stored(
    faults: IoFaults, scene_of: SceneOf, tmp_path: Path, action: Action, kind: str
) -> None:
    """Only the death of the process between Strava's answer and the rename costs the refresh token."""
    scene = scene_of("refresh")
    call = [call for call in scene.targets(action) if call.kind == kind][-1]
    assert scene.loses_token(call)
    check_case(faults, scene, call, action, tmp_path / "a home", rebuild=False)


def test_two_processes_refresh_at_once(scene_of: SceneOf, tmp_path: Path) -> None:
    """Of two runs that share the secrets folder and find the token ended, one refreshes and the other waits for it."""
    scene = scene_of("refresh")
    first = scene.home(tmp_path / "one")
    second = Cli(tmp_path / "two", first.env | {"SECRETS_DIR": str(first.token_file.parent)}, first.secrets)
    shutil.copytree(scene.prepared.data, second.data)
    slow = scene.strava.simulator.add_fault("slow", path="/oauth/token", delay=1.5)
    running = first.start(*scene.command)
    wait_until(lambda: slow.hits == 1, "the first refresh")
    second(*scene.command).done()
    running.finish().done()
    assert len(scene.strava.calls("oauth")) == 1
    for cli in (first, second):
        check_rows(cli, scene.new, "rows are not those of a run alone")
    check_tokens(first)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", ["first flow", "second flow"])
def test_kill_at_every_call(faults: IoFaults, scene_of: SceneOf, tmp_path: Path, name: SceneName, part: int) -> None:
    """Killed at any call of a flow that changes a file or talks to Strava, the next flow makes up for it."""
    scene = scene_of(name)
    check_all(faults, scene, scene.targets("kill")[part::PARTS], "kill", tmp_path / "a home")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "action"),
    [(name, action) for name in STEPS for action in STRUCK_BY if action != "kill" or "flow" not in name],
)
def test_a_fault_at_every_so_many_calls(
    faults: IoFaults, scene_of: SceneOf, tmp_path: Path, name: SceneName, action: Action
) -> None:
    """After half a write, no room or a broken disk at any call the same command completes."""
    scene, step = scene_of(name), STEPS[name]
    check_all(faults, scene, scene.targets(action)[::step], action, tmp_path / "a home")

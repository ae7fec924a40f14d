"""`verify` finds every kind of damage, says what cures it, and is right about that."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.support.cli import Cli, Outcome, wait_until
from tests.support.served import Strava, settled_simulator
from tests.system.conftest import connect

from strava_stats.cli.main import main
from strava_stats.clock import SystemClock
from strava_stats.flow import writer_lock
from strava_stats.lake.layout import ACTIVITIES, DETAILS, GEAR, IMPORTS, KINDS
from strava_stats.simulator import ServedSimulator
from strava_stats.simulator.faults import Fault
from strava_stats.strava.budget import quarter_of

RECOMPACT = ("compact", "--rebuild")
BACKFILL = ("flow", "--backfill")
EARLIER = "20200101T000000000000Z-1"


@dataclass
class Here(Cli):
    """The command line in this process: a start of Python costs more than most checks."""

    capture: pytest.CaptureFixture[str] | None = None
    patch: pytest.MonkeyPatch | None = None

    def __call__(self, *arguments: str | int | Path, stdin: str | None = None) -> Outcome:
        assert self.capture is not None
        assert self.patch is not None
        environment = self.environment()
        for name in set(os.environ) - environment.keys():
            self.patch.delenv(name)
        for name, value in environment.items():
            self.patch.setenv(name, value)
        self.capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        streams = self.capture.readouterr()
        return self.checked(Outcome(int(ended.value.code or 0), streams.out, streams.err))


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Strava]]:
    """A home after two flows, with edits in between, and the Strava it came from."""
    home = tmp_path_factory.mktemp("verified") / "home"
    home.mkdir()
    with ServedSimulator(settled_simulator(30, 0.3)) as served:
        strava = Strava(served.simulator, served)
        cli = Cli(home, dict(strava.env))
        connect(cli, strava)
        cli("flow", "--backfill").done()
        strava.simulator.edit(strava.ids[3], name="Edited")
        strava.simulator.add_kudos(strava.ids[4], 2)
        streams = b'{"time":{"data":[0,1,2]},"heartrate":{"data":[100,101,null]}}'
        strava.simulator.faults.add(Fault("body", path="/activities/*/streams", body=streams, times=None))
        cli("flow", "--days", "30", "--streams").done()
        yield home, strava


@pytest.fixture
def cli(
    past: tuple[Path, Strava], home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Here:
    """The command line in a copy of that home."""
    shutil.copytree(past[0], home, dirs_exist_ok=True)
    return Here(home, dict(past[1].env), capture=capsys, patch=monkeypatch)


@pytest.fixture
def strava(past: tuple[Path, Strava]) -> Strava:
    """The Strava it came from; the call log is empty."""
    past[1].forget_calls()
    past[1].simulator.faults.clear()
    return past[1]


def process(cli: Cli) -> Cli:
    """The same home, a command a process."""
    return Cli(cli.home, cli.env)


def failures(outcome: Outcome) -> list[str]:
    return [line for line in outcome.stdout.splitlines() if line.startswith("FAIL ")]


def clean(outcome: Outcome) -> Outcome:
    assert failures(outcome) == []
    return outcome.done()


def fingerprints(*folders: Path) -> dict[str, tuple[int, str]]:
    """Path → mode and content of all files below."""
    files = [path for folder in folders for path in [folder, *folder.rglob("*")]]
    return {
        str(path): (path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
        for path in files
    }


def journal(cli: Cli, kind: str = ACTIVITIES, place: int = 0) -> Path:
    """One of the journals of a kind, oldest first."""
    return sorted(cli.layout.bronze(kind).glob("*.gz"))[place]


def edit_lines(path: Path, edit: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(gzip.compress(b"".join(edit(gzip.decompress(path.read_bytes()).splitlines(keepends=True)))))


def edit_shard(cli: Cli, query: str) -> None:
    """Replace the first shard by what a query over `shard` gives."""
    path = min(cli.layout.shards.glob("*.parquet"))
    with duckdb.connect() as connection:
        connection.execute("create table shard as from read_parquet($path)", {"path": str(path)})
        connection.execute(f"copy ({query}) to '{path}' (format parquet)")


def edit_warehouse(cli: Cli, statement: str) -> None:
    """As a client with write access does."""
    cli.layout.warehouse.chmod(0o644)
    with duckdb.connect(cli.layout.warehouse) as connection:
        connection.execute(statement)
    cli.layout.warehouse.chmod(0o444)


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def leave_plain(cli: Cli, torn: bytes) -> None:
    """An open journal of a run that was killed."""
    lines = b'{"seq":1,"kind":"listing","athlete_id":1,"fetched_at":"2026-01-01T00:00:00.000000Z","id":null,"ids":[]}\n'
    (cli.layout.bronze(ACTIVITIES) / f"{EARLIER}.jsonl").write_bytes(lines + torn)


def unpack(path: Path) -> None:
    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))


def write(path: Path, content: bytes = b"{") -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def overwrite(published: Path) -> None:
    published.unlink()
    published.write_bytes(b"{")
    published.chmod(0o444)


def merged_copy(cli: Cli) -> None:
    """A merge that was killed before the single shards went."""
    first = min(cli.layout.shards.glob("*.parquet"))
    shutil.copy(first, cli.layout.merged_shard(first.stem))


def forget_a_body(lines: list[bytes]) -> list[bytes]:
    """Another hash in the first note of an equal body."""
    place = next(place for place, line in enumerate(lines) if b'"kind":"same"' in line)
    head, _, _ = lines[place].rpartition(b'"hash":"')
    return [*lines[:place], head + b'"hash":"0123456789abcdef"}\n', *lines[place + 1 :]]


def remove(path: Path) -> None:
    path.unlink()


def restore(cli: Cli, past_home: Path) -> None:
    """Bring bronze back from a backup."""
    shutil.rmtree(cli.data / "bronze")
    shutil.copytree(past_home / "data" / "bronze", cli.data / "bronze")


Step = tuple[str, ...]


@dataclass(frozen=True)
class Damage:
    """What is done to a home, the finding (check, words of the message, words of the cure), and the cure."""

    name: str
    harm: Callable[[Cli], object]
    check: str
    message: str
    cure: str
    cured_by: tuple[Step | Callable[[Cli], object], ...] | str
    quick: bool = True


JOURNALS = [
    Damage(
        "flipped byte", lambda cli: flip_a_byte(journal(cli)), "journals", "does not read back", "a backup", "backup"
    ),
    Damage(
        "flipped byte, no backup",
        lambda cli: flip_a_byte(journal(cli)),
        "journals",
        "does not read back",
        "move it away, run `strava-stats compact --rebuild` and fetch it anew with `strava-stats flow --backfill`",
        (lambda cli: remove(journal(cli)), RECOMPACT, BACKFILL),
    ),
    Damage(
        "cut short",
        lambda cli: os.truncate(journal(cli, DETAILS), 500),
        "journals",
        "does not read back (EOFError)",
        "a backup",
        "backup",
    ),
    Damage(
        "empty", lambda cli: os.truncate(journal(cli, GEAR), 0), "journals", "does not read back", "a backup", "backup"
    ),
    Damage(
        "edited body",
        lambda cli: edit_lines(journal(cli), lambda lines: [lines[0].replace(b'"name":"', b'"name":"X'), *lines[1:]]),
        "journals",
        "line 1 holds another body than its hash says",
        "a backup",
        "backup",
    ),
    Damage(
        "line lost",
        lambda cli: edit_lines(journal(cli, DETAILS), lambda lines: [*lines[:3], *lines[4:]]),
        "journals",
        "line 4 has the number 5 where 4 was to come",
        "a backup",
        "backup",
    ),
    Damage(
        "no JSON",
        lambda cli: edit_lines(journal(cli), lambda lines: [*lines[:3], b"{garbage\n", b"more\n", *lines[5:]]),
        "journals",
        "line 4 is no journal line (and 2 more)",
        "a backup",
        "backup",
    ),
    Damage(
        "odd name",
        lambda cli: shutil.copy(journal(cli, GEAR), cli.layout.bronze(GEAR) / "a copy.jsonl.gz"),
        "journals",
        "is not named after a run",
        "move it out of data/bronze and run `strava-stats compact --rebuild`",
        (lambda cli: remove(cli.layout.bronze(GEAR) / "a copy.jsonl.gz"), RECOMPACT),
    ),
    Damage(
        "torn",
        lambda cli: leave_plain(cli, b'{"seq":2,"ki'),
        "journals",
        "ends in the middle of a line",
        "run `strava-stats compact`",
        (("compact",),),
    ),
    Damage(
        "plain and packed",
        lambda cli: unpack(journal(cli)),
        "journals",
        "packed and plain",
        "run `strava-stats compact`",
        (("compact",),),
    ),
    Damage(
        "summary that nobody stored",
        lambda cli: edit_lines(journal(cli, ACTIVITIES, 1), forget_a_body),
        "journals",
        "refers to 1 body that bronze does not hold",
        "run `strava-stats compact --rebuild`, then `strava-stats pull --all` and `strava-stats compact`",
        (RECOMPACT, ("pull", "--all"), ("compact",)),
    ),
]
SHARDS = [
    Damage(
        "shard lost",
        lambda cli: remove(min(cli.layout.shards.iterdir())),
        "shards",
        "30 rows lacking",
        "compact --rebuild",
        "rebuild",
    ),
    Damage(
        "row lost",
        lambda cli: edit_shard(cli, "from shard where seq <> 2"),
        "shards",
        "1 row lacking",
        "compact --rebuild",
        "rebuild",
    ),
    Damage(
        "foreign row",
        lambda cli: edit_shard(cli, "from shard union all (select * replace (1 as id) from shard limit 1)"),
        "shards",
        "1 row of no journal in bronze",
        "compact --rebuild",
        "rebuild",
    ),
    Damage("killed merge", merged_copy, "shards", "30 rows in another shard too", "compact --rebuild", "rebuild"),
    Damage(
        "garbage",
        lambda cli: min(cli.layout.shards.iterdir()).write_bytes(b"PAR1 no more"),
        "shards",
        "cannot be read",
        "compact --rebuild",
        "rebuild",
    ),
    Damage(
        "value changed",
        lambda cli: edit_shard(cli, "select * replace (if(seq = 2, 'Other', name) as name) from shard"),
        "rebuild",
        "are others when made anew",
        "compact --rebuild",
        (RECOMPACT,),
        quick=False,
    ),
]
WAREHOUSE = [
    Damage(
        "foreign row",
        lambda cli: edit_warehouse(cli, "insert into gear by name select 'b1' as id"),
        "rebuild",
        "table gear has ",
        "compact --rebuild",
        (RECOMPACT,),
        quick=False,
    ),
    Damage(
        "lap of no activity",
        lambda cli: edit_warehouse(cli, "insert into activity_laps by name select 5 as activity_id, 1 as lap_index"),
        "orphans",
        "table activity_laps has 1 row without an activity",
        "compact --rebuild",
        "rebuild",
    ),
    Damage(
        "versions lost",
        lambda cli: edit_warehouse(cli, "delete from activity_versions"),
        "orphans",
        "table activities has 30 rows whose last version",
        "compact --rebuild",
        "rebuild",
    ),
    Damage(
        "version of nothing",
        lambda cli: edit_warehouse(
            cli, "insert into activity_versions by name select 5 as activity_id, now() as observed_at, 'edited' as op"
        ),
        "orphans",
        "table activity_versions has 1 row that say",
        "compact --rebuild",
        "rebuild",
    ),
    Damage(
        "no database",
        lambda cli: overwrite(cli.layout.warehouse),
        "warehouse",
        "cannot be opened",
        "compact --rebuild",
        "rebuild",
    ),
    Damage(
        "stray log",
        lambda cli: write(cli.data / "warehouse" / "strava.duckdb.wal", b"of somebody"),
        "warehouse",
        "would be replayed",
        "run `strava-stats compact`",
        (("compact",),),
    ),
    Damage(
        "journal lost",
        lambda cli: remove(journal(cli, DETAILS, 1)),
        "warehouse",
        "bronze lost this journal",
        "a backup",
        "backup",
    ),
    Damage(
        "journal lost for good",
        lambda cli: remove(journal(cli, ACTIVITIES)),
        "warehouse",
        "bronze lost this journal",
        "accept the loss: run `strava-stats compact --rebuild` and fetch it anew with `strava-stats flow --backfill`",
        (RECOMPACT, BACKFILL),
    ),
]
AROUND = [
    Damage(
        "token of everybody",
        lambda cli: cli.token_file.chmod(0o644),
        "modes",
        "others can read the tokens (mode 0644)",
        "chmod 600 '",
        (lambda cli: cli.token_file.chmod(0o600),),
    ),
    Damage(
        "secrets of everybody",
        lambda cli: cli.token_file.parent.chmod(0o755),
        "modes",
        "others can look into the secrets folder",
        "chmod 700 '",
        (lambda cli: cli.token_file.parent.chmod(0o700),),
    ),
    Damage(
        "warehouse open for writing",
        lambda cli: cli.layout.warehouse.chmod(0o644),
        "modes",
        "open the warehouse for writing",
        "chmod 444 '",
        (lambda cli: cli.layout.warehouse.chmod(0o444),),
    ),
    Damage(
        "data of everybody",
        lambda cli: cli.data.chmod(0o777),
        "modes",
        "everybody can write the data folder",
        "chmod o-w '",
        (lambda cli: cli.data.chmod(0o775),),
    ),
    Damage(
        "garbage state",
        lambda cli: write(cli.data / "state" / "listings.json", b"\x00\x00"),
        "state",
        "state/listings.json: is not JSON",
        "delete it: losing it costs calls, never data",
        (lambda cli: remove(cli.data / "state" / "listings.json"),),
    ),
    Damage(
        "stranger in bronze",
        lambda cli: write(cli.data / "bronze" / "notes" / "todo.txt"),
        "orphans",
        "bronze/notes: does not belong there",
        "move it out of there",
        (lambda cli: shutil.rmtree(cli.data / "bronze" / "notes"),),
    ),
    Damage(
        "stranger among journals",
        lambda cli: write(cli.layout.bronze(GEAR) / "list.csv"),
        "orphans",
        "bronze/gear/list.csv: does not belong there",
        "move it out of there",
        (lambda cli: remove(cli.layout.bronze(GEAR) / "list.csv"),),
    ),
    Damage(
        "stranger among shards",
        lambda cli: shutil.copy(min(cli.layout.shards.iterdir()), cli.layout.shards / "mine.parquet"),
        "orphans",
        "activities/mine.parquet: does not belong there",
        "move it out of there",
        (lambda cli: remove(cli.layout.shards / "mine.parquet"),),
    ),
    Damage(
        "temporary file",
        lambda cli: write(cli.data / "state" / ".gear.json.1.tmp"),
        "orphans",
        "state/.gear.json.1.tmp: is half made",
        "delete it",
        (lambda cli: remove(cli.data / "state" / ".gear.json.1.tmp"),),
    ),
    Damage(
        "half an edit",
        lambda cli: write(cli.data / "warehouse" / ".strava.duckdb.edit"),
        "orphans",
        "warehouse/.strava.duckdb.edit: is half made",
        "delete it",
        (lambda cli: remove(cli.data / "warehouse" / ".strava.duckdb.edit"),),
    ),
    Damage(
        "scratch of a killed run",
        lambda cli: write(cli.layout.scratch / "x.parquet"),
        "orphans",
        "state/tmp: is half made",
        "delete it",
        (lambda cli: shutil.rmtree(cli.layout.scratch),),
    ),
]
ALL = [*JOURNALS, *SHARDS, *WAREHOUSE, *AROUND]


REBUILT = [one for one in ALL if one.cured_by == "rebuild"]


def carry_out(damage: Damage, cli: Cli, backup: Path) -> None:
    if isinstance(damage.cured_by, str):
        restore(cli, backup)
        return
    for step in damage.cured_by:
        if callable(step):
            step(cli)
        else:
            cli(*step).done()


@pytest.mark.slow
@pytest.mark.parametrize("damage", ALL, ids=lambda one: f"{one.check}-{one.name}".replace(" ", "-"))
def test_damage_is_found_and_its_cure_cures(damage: Damage, cli: Here, past: tuple[Path, Strava]) -> None:
    """Each damage is exactly one finding with exit code 3; after its cure nothing is found any more.

    Where the cure is a rebuild alone, it is carried out by the next test.
    """
    arguments = ("verify", "--offline", *(("--quick",) if damage.quick else ()))
    damage.harm(cli)
    outcome = cli(*arguments)
    (line,) = failures(outcome)
    what, _, cure = line.partition(" — ")
    assert what.startswith(f"FAIL {damage.check}: ")
    assert damage.message in what
    assert damage.cure in cure
    assert outcome.code == 3
    if damage.cured_by != "rebuild":
        carry_out(damage, cli, past[0])
        clean(cli(*arguments))


@pytest.mark.parametrize("damages", [REBUILT[::2], REBUILT[1::2]], ids=["even", "odd"])
def test_a_rebuild_cures_what_it_is_named_for(damages: list[Damage], cli: Here) -> None:
    """After several such damages at once, one rebuild leaves nothing to find."""
    for damage in damages:
        damage.harm(cli)
    assert len(failures(cli("verify", "--offline", "--quick"))) >= 2
    cli(*RECOMPACT).done()
    clean(cli("verify", "--offline"))


def test_a_clean_home_stays_as_it_is(cli: Here) -> None:
    """Nothing is found, every check says what it looked at, and no file, mode or folder is another afterwards."""
    before = fingerprints(cli.home)
    outcome = clean(process(cli)("verify", "--offline"))
    assert fingerprints(cli.home) == before
    lines = outcome.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"ok   {name}"
        for name in ("journals", "archives", "shards", "warehouse", "rebuild", "orphans", "modes", "state")
    ]
    assert "7 journals, " in lines[0]
    assert "2 shards, 31 rows" in lines[2] or "2 shards, 32 rows" in lines[2]


def test_damaged_homes_stay_as_they_are(cli: Here) -> None:
    """Also with findings nothing is mended behind the user's back."""
    cli.token_file.chmod(0o644)
    leave_plain(cli, b"{")
    before = fingerprints(cli.home)
    outcome = cli("verify")
    assert [line.split(":")[0] for line in failures(outcome)] == ["FAIL journals", "FAIL modes"]
    assert fingerprints(cli.home) == before


def test_json(cli: Here) -> None:
    """With --json, one object holds the findings, each with its cure, and every check."""
    cli.layout.warehouse.chmod(0o644)
    outcome = cli("verify", "--json", "--offline", "--quick")
    found = outcome.json
    assert (outcome.code, found["command"], found["status"]) == (3, "verify", "partial")
    (finding,) = found["findings"]
    assert finding.keys() == {"check", "subject", "message", "cure"}
    assert (finding["check"], finding["subject"]) == ("modes", str(cli.layout.warehouse))
    checks = {one["name"]: one for one in found["checks"]}
    assert [one["name"] for one in found["stages"]] == list(checks)
    assert "rebuild" not in checks
    assert checks["modes"]["findings"] == 1
    assert checks["journals"]["looked_at"].startswith("7 journals, ")


def test_before_anything_was_pulled(tmp_path: Path) -> None:
    """An empty home is no finding."""
    outcome = clean(Cli(tmp_path)("verify"))
    assert "there is none yet" in outcome.stdout


def test_what_waits_for_compact_is_no_finding(cli: Here, strava: Strava) -> None:
    """After a pull alone bronze has more than the warehouse; what that was made of is compared all the same."""
    strava.simulator.edit(strava.ids[1], name=f"Waits at {strava.simulator.now()}")
    cli("pull").done()
    outcome = clean(cli("verify", "--offline"))
    assert "ok   warehouse: 7 journals loaded, 1 journal waiting" in outcome.stdout
    assert "ok   rebuild" in outcome.stdout


def test_nothing_new_is_not_waiting(cli: Here, strava: Strava) -> None:
    """A run that found nothing new is in no warehouse, and nobody is asked to load it."""
    for command in ("pull", "compact", "pull"):
        cli(command).done()
    assert len(list(cli.layout.bronze(ACTIVITIES).iterdir())) == 4
    assert ", 0 journals waiting" in clean(cli("verify", "--offline", "--quick")).stdout


def test_another_versions_warehouse_is_no_finding(cli: Here) -> None:
    """What other SQL built is made anew by the next compact, and not held against this version's."""
    edit_warehouse(cli, "update meta.settings set value = 'other' where name = 'tables'")
    outcome = clean(cli("verify", "--offline"))
    assert "skip warehouse: another version built it: `strava-stats compact` makes it anew" in outcome.stdout


# ------------------------------------------------------------------------------------------------ beside a run


def test_torn_line_while_a_run_writes(cli: Here) -> None:
    """While the lock is held, what a writer leaves for a moment is no finding; damage still is one."""
    leave_plain(cli, b'{"seq":2,"ki')
    write(cli.layout.scratch / "x.parquet")
    with writer_lock(cli.layout, "flow", SystemClock()):
        outcome = clean(cli("verify", "--offline", "--quick"))
        assert "a run is writing: look again when it has ended" in outcome.stderr
        flip_a_byte(journal(cli))
        (line,) = failures(cli("verify", "--offline", "--quick"))
    assert "does not read back" in line
    assert len(failures(cli("verify", "--offline", "--quick"))) == 3


def test_a_run_that_begins_is_not_turned_away(cli: Here) -> None:
    """Looking for a writer never takes the lock that the next one asks for, not even behind a killed one's note."""
    (cli.layout.lock.with_suffix(".json")).write_text("{}")
    stop = threading.Event()
    refused: list[BaseException] = []

    def write_again_and_again() -> None:
        while not stop.is_set():
            try:
                with writer_lock(cli.layout, "flow", SystemClock()):
                    pass
            except Exception as error:  # noqa: BLE001 - whatever it is, it fails the test
                refused.append(error)

    writer = threading.Thread(target=write_again_and_again)
    writer.start()
    try:
        outcome = cli("verify", "--offline", "--quick")
    finally:
        stop.set()
        writer.join()
    clean(outcome)
    assert refused == []


def test_beside_a_flow(cli: Here, strava: Strava) -> None:
    """In the middle of a flow, with its journals open, nothing is found, and the flow ends as ever."""
    strava.simulator.edit(strava.ids[2], name="Meanwhile")
    fault = strava.simulator.add_fault("hang", path="/activities/*", skip=3)
    running = process(cli).start("flow")
    wait_until(lambda: fault.hits == 1 or running.process.poll() is not None, "the call that hangs")
    clean(cli("verify", "--offline"))
    strava.simulator.faults.clear()
    running.kill()
    cli("flow").done()
    clean(cli("verify", "--offline"))


def test_interrupted(cli: Here, tmp_path: Path) -> None:
    """An interrupt in the middle of the rebuild leaves no folder behind."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    verifying = process(cli)
    verifying.env["TMPDIR"] = str(scratch)
    for _ in range(10):  # on a busy machine it may be done before it is seen at work
        running = verifying.start("verify", "--offline")
        begun = lambda: any(scratch.glob("*/anew/bronze")) or running.process.poll() is not None  # noqa: B023, E731
        wait_until(begun, "the rebuild to begin")
        running.process.send_signal(signal.SIGTERM)  # SIGINT is ignored by what a shell runs in the background
        outcome = running.finish()
        if outcome.code != 0:
            break
    assert outcome.code == 130
    assert list(scratch.iterdir()) == []


# ---------------------------------------------------------------------------------------------------- counts


def test_strava_knows_more(cli: Here, strava: Strava) -> None:
    """More public activities of a sport than are here is a finding, for one call; `pull --all` cures it."""
    new = strava.simulator.create(name="Not here yet", start_date="2019-05-01T08:00:00Z", like=strava.ids[5])
    strava.simulator.edit(new, sport_type="Swim", visibility="everyone")
    outcome = cli("verify", "--quick")
    (line,) = failures(outcome)
    assert outcome.code == 3
    assert "FAIL counts: athlete " in line
    assert line.endswith("run `strava-stats pull --all`, then `strava-stats compact`")
    assert [call["path"].rsplit("/", 1)[1] for call in strava.simulator.calls] == ["stats"]
    cli("pull", "--all").done()
    cli("compact").done()
    clean(cli("verify", "--quick"))
    strava.simulator.delete(new)


@pytest.mark.parametrize(("status", "calls"), [(404, 1), (403, 1)])
def test_totals_that_cannot_be_had(cli: Here, strava: Strava, status: int, calls: int) -> None:
    """A refusal is no finding; what stands in the way is told."""
    strava.simulator.add_fault("status", path="/athletes/*", status=status)
    outcome = clean(cli("verify", "--quick"))
    assert "skip counts" in outcome.stdout
    assert "counts: no totals of athlete" in outcome.stderr
    assert len(strava.simulator.calls) == calls


def test_without_a_token_nothing_is_asked(cli: Here, strava: Strava) -> None:
    """Who has no token is told so, and that is no finding."""
    cli.token_file.unlink()
    outcome = clean(cli("verify", "--quick"))
    assert "skip counts: No athlete has given access yet" in outcome.stdout
    assert strava.simulator.calls == []


def test_an_empty_budget_is_not_waited_for(cli: Here, strava: Strava) -> None:
    """With no call left in the quarter hour the totals are left out at once."""
    budget = cli.data / "state" / "budget.json"
    known: dict[str, Any] = json.loads(budget.read_text())
    quarter = None
    while quarter != (quarter := quarter_of(datetime.now(UTC))):  # it may end just now
        budget.write_text(json.dumps(known | {"read_15min": [100, 100], "window_start": quarter.isoformat()}))
        strava.forget_calls()
        outcome = clean(cli("verify", "--quick"))
    assert "calls of this quarter hour are used up" in outcome.stderr
    assert strava.simulator.calls == []


def test_every_kind_of_journal_is_there(cli: Here) -> None:
    """The home that these tests damage has journals of each kind but of imports, so that they test something."""
    assert {kind for kind in KINDS if kind != IMPORTS and any(cli.layout.bronze(kind).iterdir())} == {*KINDS} - {
        IMPORTS
    }

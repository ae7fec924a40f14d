"""Kill -9 wherever it hurts, and two writers at once."""
# ruff: noqa: S608 - the names and ids in the queries are the test's own

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import Cli, Running, wait_until
from tests.support.served import Strava


def journal_lines(folder: Path) -> list[dict[str, Any]]:
    """All lines of a folder's journals, in order of run and line."""
    lines: list[dict[str, Any]] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines += [json.loads(line) for line in content.splitlines()]
    return lines


def landed(cli: Cli, kind: str = "activity_details") -> list[int]:
    """Ids whose bodies lie in bronze, in order."""
    return [line["id"] for line in journal_lines(cli.layout.bronze(kind)) if line["kind"] == "body"]


def killed_at(cli: Cli, strava: Strava, path: str, skip: int, *arguments: str) -> Running:
    """Run a command and kill it while it waits for the answer to its call number `skip` + 1 to `path`."""
    fault = strava.simulator.add_fault("hang", path=path, skip=skip)
    running = cli.start(*arguments)
    wait_until(lambda: fault.hits == 1 or running.process.poll() is not None, "the call that hangs")
    running.kill()
    strava.simulator.faults.clear()
    return running


def everything(cli: Cli) -> list[list[tuple[Any, ...]]]:
    return [
        cli.rows(f"select columns(lambda c: c not in ('fetched_at', 'run_id')) from {table} order by all")
        for table in ("activities", "activity_details", "activity_laps", "activity_segment_efforts")
    ]


@pytest.mark.parametrize("skip", [2, *(pytest.param(skip, marks=pytest.mark.slow) for skip in (0, 1, 3))])
def test_kill_in_the_middle_of_a_listing(connected: Cli, strava: Strava, flowed_home: Path, skip: int) -> None:
    """Killed at any page, the next flow is complete, and what is stored once is not stored again."""
    killed_at(connected, strava, "/athlete/activities", skip, "flow", "--backfill", "--per-page", "25")
    before = landed(connected, "activities")
    assert len(before) == len(set(before)) >= min(60, 24 * skip)
    connected("flow", "--backfill", "--per-page", "25").done()
    bodies = landed(connected, "activities")
    assert sorted(bodies) == sorted(strava.ids)
    assert everything(connected) == everything(Cli(flowed_home))


@pytest.mark.parametrize("skip", [17, *(pytest.param(skip, marks=pytest.mark.slow) for skip in (0, 1, 59))])
def test_kill_in_the_middle_of_the_details(connected: Cli, strava: Strava, flowed_home: Path, skip: int) -> None:
    """Killed at any detail, the next flow is complete, and no detail is fetched twice that was in bronze."""
    killed_at(connected, strava, "/activities/*", skip, "flow", "--backfill")
    assert landed(connected) == strava.ids[:skip]
    strava.forget_calls()
    connected("flow", "--backfill").done()
    assert strava.details() == strava.ids[skip:]
    assert sorted(landed(connected)) == sorted(strava.ids)
    assert everything(connected) == everything(Cli(flowed_home))


@pytest.mark.slow
def test_kill_twice(connected: Cli, strava: Strava) -> None:
    """Killed again at the second try, all three runs together fetch every detail once."""
    for _ in range(2):
        killed_at(connected, strava, "/activities/*", 9, "flow", "--backfill")
    connected("flow", "--backfill").done()
    assert sorted(landed(connected)) == sorted(strava.ids)
    answered = [call for call in strava.calls("detail") if call["status"] == 200]
    assert len(answered) == 60
    assert connected.one("select count(*) from activity_details") == 60


@pytest.mark.slow
def test_kill_in_enrich_alone_then_compact(connected: Cli, strava: Strava) -> None:
    """What a killed enrich has landed is loaded by `compact`, without a call."""
    connected("pull").done()
    killed_at(connected, strava, "/activities/*", 5, "enrich", "--all")
    strava.forget_calls()
    connected("compact").done()
    assert strava.simulator.calls == []
    assert {row[0] for row in connected.rows("select activity_id from activity_details")} == set(strava.ids[:5])
    connected("enrich", "--all").done()
    assert strava.details() == strava.ids[5:]


@pytest.mark.slow
def test_kill_while_recent_details_are_refreshed(flowed: Cli, strava: Strava) -> None:
    """A killed refresh of the window is taken up where it was, although the details exist."""
    killed_at(flowed, strava, "/activities/*", 2, "enrich", "--since-days", "40")
    first = strava.details()[:2]
    strava.forget_calls()
    flowed("enrich", "--since-days", "40").done()
    assert not set(first) & set(strava.details())
    assert strava.details()


@pytest.mark.slow
def test_kill_in_the_profile(connected: Cli, strava: Strava) -> None:
    """Killed after all details, while the athlete is asked for: nothing is fetched twice."""
    killed_at(connected, strava, "/athlete", 0, "flow", "--backfill")
    strava.forget_calls()
    connected("flow", "--backfill").done()
    assert strava.details() == []
    assert connected.one("select count(*) from athletes") == 1


def test_a_torn_last_line_is_cut_off(connected: Cli, strava: Strava) -> None:
    """Half a line at the end of an open journal goes, is said, and the rest counts."""
    killed_at(connected, strava, "/activities/*", 6, "flow", "--backfill")
    (journal,) = connected.layout.bronze("activity_details").glob("*.jsonl")
    whole = journal.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    journal.write_bytes(whole[: -len(last) // 2])
    strava.forget_calls()
    outcome = connected("flow", "--backfill").done()
    assert "torn last line" in outcome.stderr
    assert strava.details() == strava.ids[5:]
    assert connected.one("select count(*) from activity_details") == 60


@pytest.mark.slow
@pytest.mark.parametrize("garbage", [b"\0" * 5000, b"\xff\xfe{garbage\n", b'{"seq":7,"kind":"body"', b"\n\n"])
def test_garbage_behind_the_last_line_is_cut_off(connected: Cli, strava: Strava, garbage: bytes) -> None:
    """Zeros and other leavings of a power cut at the end of an open journal cost nothing."""
    killed_at(connected, strava, "/activities/*", 3, "flow", "--backfill")
    (journal,) = connected.layout.bronze("activity_details").glob("*.jsonl")
    journal.write_bytes(journal.read_bytes() + garbage)
    connected("flow", "--backfill").done()
    assert sorted(landed(connected)) == sorted(strava.ids)


@pytest.mark.parametrize("kind", ["activities", "activity_details"])
def test_garbage_in_the_middle_of_a_journal(flowed: Cli, kind: str) -> None:
    """A damaged line between good ones is 65, names the journal, and leaves the published file as it was."""
    before = flowed.layout.warehouse.read_bytes()
    (packed,) = flowed.layout.bronze(kind).iterdir()
    lines = gzip.decompress(packed.read_bytes()).splitlines(keepends=True)
    lines[3] = lines[3][:80] + b"\x00\xffgarbage\n"
    packed.write_bytes(gzip.compress(b"".join(lines)))
    flowed("compact", "--rebuild", "--json").failed(65, "backup")
    assert flowed.layout.warehouse.read_bytes() == before
    assert flowed("sql", "select 1").done()


@pytest.mark.parametrize("kind", ["activities", "activity_details"])
@pytest.mark.parametrize(
    "damage", ["checksum", *(pytest.param(one, marks=pytest.mark.slow) for one in ("cut", "not gzip", "empty"))]
)
def test_a_damaged_archive(flowed: Cli, kind: str, damage: str) -> None:
    """A closed journal that does not unpack to what was written is 65, never a warehouse with other rows."""
    (packed,) = flowed.layout.bronze(kind).iterdir()
    content = packed.read_bytes()
    packed.write_bytes(
        {
            "checksum": content[:-6] + bytes([content[-6] ^ 0xFF]) + content[-5:],
            "cut": content[: len(content) // 2],
            "not gzip": b"garbage" * 50,
            "empty": b"",
        }[damage]
    )
    flowed("compact", "--rebuild").failed(65, "backup")
    assert flowed.one("select count(*) from activities") == flowed.one("select count(*) from activity_details") == 60


@pytest.mark.slow
def test_an_open_and_a_closed_form_of_one_journal(flowed: Cli) -> None:
    """Killed between packing and unlinking, the plain form counts and the run is there once."""
    (packed,) = flowed.layout.bronze("activities").iterdir()
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.write_bytes(packed.read_bytes()[:-30])
    flowed("compact", "--rebuild").done()
    assert flowed.one("select count(*) from activities") == 60
    assert len(landed(flowed, "activities")) == 60


@pytest.mark.slow
def test_leftovers_are_cleared(flowed: Cli) -> None:
    """Half-made files of a killed run are gone after the next one."""
    leftover = flowed.layout.warehouse.with_name(".strava.duckdb.edit")
    for path in (leftover, leftover.with_name(leftover.name + ".wal"), flowed.layout.scratch / "half.parquet"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    flowed("compact", "--rebuild").done()
    assert [path.name for path in flowed.layout.warehouse.parent.iterdir()] == ["strava.duckdb"]
    assert not (flowed.layout.scratch / "half.parquet").exists()


@pytest.mark.slow
def test_a_stray_write_ahead_log_is_not_replayed(flowed: Cli, strava: Strava) -> None:
    """What a foreign client left beside the file is removed when the next one is published."""
    flowed.layout.warehouse.with_name("strava.duckdb.wal").write_bytes(b"")
    strava.simulator.create(start=strava.simulator.now() - 5 * 86_400)
    flowed("flow").done()
    assert [path.name for path in flowed.layout.warehouse.parent.iterdir()] == ["strava.duckdb"]
    assert flowed.one("select count(*) from activities") == 61


def test_two_flows_at_once(connected: Cli, strava: Strava) -> None:
    """The second says who holds the lock since when and ends with 75; readers are let in; a kill frees the lock."""
    fault = strava.simulator.add_fault("hang", path="/activities/*", skip=2)
    first = connected.start("flow", "--backfill")
    wait_until(lambda: fault.hits == 1, "the first flow to be in the middle")
    strava.forget_calls()
    for command in ("flow", "pull", "compact", "enrich"):
        outcome = connected(command, "--json").failed(75, "flow", str(first.process.pid), "since", "again")
        assert outcome.json["error"]["kind"] == "locked"
        assert outcome.json["command"] == command
    assert strava.simulator.calls == []
    connected("sql", "select count(*) from activities").done()
    assert connected("status").code in {0, 3}
    first.kill()
    strava.simulator.faults.clear()
    connected("flow", "--backfill").done()
    assert connected.one("select count(*) from activity_details") == 60


@pytest.mark.slow
def test_nothing_is_stored_twice(flowed: Cli, strava: Strava) -> None:
    """A second sweep notes that bodies are the same instead of storing them again."""
    flowed("flow", "--all", "--only-changed").done()
    assert sorted(landed(flowed, "activities")) == sorted(strava.ids)
    last = journal_lines(flowed.layout.bronze("activities"))[-1]
    assert (last["kind"], last["complete"], sorted(last["ids"])) == ("listing", True, sorted(strava.ids))


def test_bronze_holds_what_was_sent(flowed: Cli, strava: Strava) -> None:
    """Every body in bronze is, byte for byte, what the listing and the details sent."""
    for kind, sent in (("activities", strava.summary_bytes), ("activity_details", strava.detail_bytes)):
        for path in flowed.layout.bronze(kind).iterdir():
            for line in gzip.decompress(path.read_bytes()).splitlines():
                head = json.loads(line)
                if head["kind"] == "body":
                    assert "base64" not in head or base64.b64decode(head["base64"])
                    assert line[line.index(b'"body":') + 7 : -1] == sent(head["id"])

"""Full disks, folders that cannot be written, damaged files below data and secrets."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.cli import Cli
from tests.support.served import Strava
from tests.system.conftest import connect

GARBAGE = [
    b"",
    b"{",
    b"\x00" * 300,
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"records":[1,{"kind":1,"id":[]},null]}',
    b'{"4242424242":[]}',
]
PARTS = [  # each is JSON, and lacks something
    (
        "quarantine.json",
        b'{"records":[{"kind":"activity","id":"5"},{"kind":"activity_details","id":"x","attempts":"many"}]}',
    ),
    ("runs.jsonl", b'{"run_id":"x","command":"flow","athlete_id":4242424242}\n{"run_id":7}\n'),
    ("runs.jsonl", b'{"run_id":"x","command":"flow","athlete_id":4242424242,"status":"ok","finished_at":"2026"}\n'),
    ("listings.json", b'{"4242424242":{"watermark":5,"swept_at":"2026-13-01","athlete_at":[]}}'),
    ("gear.json", b'{"b1":5}'),
    ("budget.json", b'{"overall_15min":{"limit":0,"used":5}}'),
]


def limited_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("kilobytes", [20, *(pytest.param(one, marks=pytest.mark.slow) for one in (1, 300))])
def test_a_full_disk(connected: Cli, strava: Strava, kilobytes: int) -> None:
    """Where files cannot grow the run ends with 75 and a cure; with room again the next one completes."""
    connected.preexec = lambda: limited_files(kilobytes << 10)
    outcome = connected("flow", "--backfill", "--json").failed(75, "space", "free some room")
    assert outcome.json["error"]["kind"] == "disk_full"
    fetched = set(strava.details())
    connected.preexec = None
    connected("flow", "--backfill").done()
    assert connected.one("select count(*) from activities") == 60
    assert connected.one("select count(*) from activity_details") == 60
    assert len(fetched) <= 60


def test_a_full_disk_leaves_the_published_file(flowed: Cli, strava: Strava) -> None:
    """Room for the journal but not for the warehouse: 75, the file that is published stays, nothing is paid twice."""
    before = flowed.layout.warehouse.read_bytes()
    new = strava.simulator.create(start=strava.simulator.now() - 5 * 86_400)
    flowed.preexec = lambda: limited_files(200 << 10)
    flowed("flow", "--only-changed").failed(75, "space")
    assert flowed.layout.warehouse.read_bytes() == before
    assert [path.name for path in flowed.layout.warehouse.parent.iterdir()] == ["strava.duckdb"]
    flowed.preexec = None
    flowed("flow", "--only-changed").done()
    assert strava.details().count(new) == 1
    assert flowed.one("select count(*) from activities") == 61


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte, where root may make one."""
    place = tmp_path / "tiny disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_really_full_disk(connected: Cli, strava: Strava, tiny_disk: Path) -> None:
    """A data folder on a full file system: 75; once there is room the same command completes."""
    connected.env["DATA_DIR"] = str(tiny_disk / "data")
    outcome = connected("flow", "--backfill", "--json").failed(75, "space", "free some room")
    assert outcome.json["error"]["kind"] == "disk_full"
    subprocess.run(["mount", "-o", "remount,size=64m", tiny_disk], check=True)
    strava.forget_calls()
    connected("flow", "--backfill").done()
    assert connected.one("select count(*) from activity_details") == 60


@pytest.mark.parametrize("left", [3, *(pytest.param(one, marks=pytest.mark.slow) for one in (0, 12))])
def test_a_disk_filled_by_others(connected: Cli, tiny_disk: Path, left: int) -> None:
    """With next to nothing left not even state can be written: 75, one line, and no half file stays in place."""
    (tiny_disk / "data").mkdir()
    connected.env["DATA_DIR"] = str(tiny_disk / "data")
    with (tiny_disk / "other").open("wb", buffering=0) as other, suppress(OSError):
        while True:
            other.write(b"x" * 4096)
    os.truncate(tiny_disk / "other", (tiny_disk / "other").stat().st_size - left * 4096)
    connected("flow").failed(75, "space")
    (tiny_disk / "other").unlink()
    assert not connected.layout.warehouse.exists()
    assert connected("pull").code in {0, 75}


def test_a_data_folder_that_cannot_be_made(ordinary: Cli, connected: Cli, strava: Strava) -> None:
    """A place that is read-only: 78 naming the folder and the setting, before a call is spent."""
    place = connected.home / "locked"
    place.mkdir(mode=0o555)
    ordinary.env["DATA_DIR"] = str(place / "data")
    ordinary("flow").failed(78, "locked", "DATA_DIR")
    assert strava.simulator.calls == []


@pytest.mark.slow
def test_a_secrets_folder_that_cannot_be_made(ordinary: Cli, strava: Strava) -> None:
    """A place that is read-only: 78 naming the folder and the setting."""
    place = ordinary.home / "locked"
    place.mkdir(mode=0o555)
    ordinary.env["SECRETS_DIR"] = str(place / "secrets")
    code = strava.simulator.oauth.issue_code(strava.simulator.world.default.id, ("read",), 0)
    ordinary("auth", "--code", code).failed(78, "locked", "SECRETS_DIR")


def test_a_data_folder_that_turned_read_only(ordinary: Cli, flowed: Cli, strava: Strava) -> None:
    """A read-only data folder: 78 before a call is spent; reading goes on."""
    folders = [path for path in [flowed.data, *flowed.data.rglob("*")] if path.is_dir()]
    for path in folders:
        path.chmod(0o555)
    for path in flowed.data.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
    try:
        ordinary("flow").failed(78, "DATA_DIR")
        assert strava.simulator.calls == []
        ordinary("sql", "select count(*) from activities").done()
        assert ordinary("status").code in {0, 3}
        outcome = ordinary("doctor", "--json")
        assert outcome.code == 3
        assert "data folder" in [check["name"] for check in outcome.json["checks"] if not check["ok"]]
    finally:
        for path in folders:
            path.chmod(0o755)


def test_a_token_file_that_cannot_be_replaced(ordinary: Cli, connected: Cli, strava: Strava) -> None:
    """With a read-only secrets folder a token that has to be refreshed is not: 78, and the refresh token lives."""
    strava.simulator.oauth.expire()
    connected.token_file.parent.chmod(0o555)
    try:
        ordinary("flow").failed(78, "SECRETS_DIR")
    finally:
        connected.token_file.parent.chmod(0o755)
    assert strava.calls("oauth") == []
    ordinary("flow").done()


@pytest.mark.parametrize("name", ["data", "secrets"])
def test_a_file_in_the_place_of_a_folder(cli: Cli, strava: Strava, name: str) -> None:
    """A file where a folder belongs is 78 and named."""
    if name == "data":
        connect(cli, strava)
    (cli.home / name).write_text("a file")
    code = strava.simulator.oauth.issue_code(strava.simulator.world.default.id, ("read",), 0)
    cli(*(("flow",) if name == "data" else ("auth", "--code", code))).failed(78, f"{name.upper()}_DIR")


def test_a_corrupt_token_file(cli: Cli) -> None:
    """A token file that is none is 65 with the cure, whatever the command, and is left as it is."""
    cli.token_file.parent.mkdir()
    for arguments, content in (
        (("flow",), b""),
        (("status",), b"{"),
        (("auth", "--status"), b"\x00\xff" * 50),
        (("pull",), b"[]"),
        (("enrich",), b'{"version":9,"athletes":{}}'),
    ):
        cli.token_file.write_bytes(content)
        cli(*arguments).failed(65, "strava_token.json", "auth")
        assert cli.token_file.read_bytes() == content


@pytest.mark.parametrize(
    "garbage", [b"garbage" * 1000, *(pytest.param(one, marks=pytest.mark.slow) for one in (b"", b"\0" * 20_000))]
)
def test_a_corrupt_warehouse(flowed: Cli, strava: Strava, garbage: bytes) -> None:
    """A damaged warehouse is 65 for readers and made anew from bronze by the next run, without a detail call."""
    flowed.layout.warehouse.chmod(0o644)
    flowed.layout.warehouse.write_bytes(garbage)
    flowed("sql", "select 1").failed(65, "compact --rebuild")
    flowed("compact").done()
    assert flowed.one("select count(*) from activities") == flowed.one("select count(*) from activity_details") == 60
    assert strava.simulator.calls == []


def test_a_flow_mends_a_corrupt_warehouse(flowed: Cli, strava: Strava) -> None:
    """A flow makes a damaged warehouse anew by itself and fetches no details for it."""
    flowed.layout.warehouse.chmod(0o644)
    flowed.layout.warehouse.write_bytes(b"garbage" * 1000)
    flowed("flow", "--only-changed").done()
    assert flowed.one("select count(*) from activity_details") == 60
    assert strava.details() == []


@pytest.mark.slow
def test_a_damaged_block_in_the_warehouse(flowed: Cli) -> None:
    """A file whose head is right and whose middle is not never makes a traceback."""
    content = bytearray(flowed.layout.warehouse.read_bytes())
    for place in range(20_000, len(content), 50_000):
        content[place : place + 500] = b"\xa5" * 500
    flowed.layout.warehouse.chmod(0o644)
    flowed.layout.warehouse.write_bytes(content)
    flowed("sql", "select count(distinct name), sum(distance) from activities").failed(65, "compact --rebuild")
    flowed("compact", "--rebuild").done()
    assert flowed.one("select count(*) from activities") == 60


STATE_FILES = ("budget.json", "listings.json", "quarantine.json", "gear.json", "runs.jsonl", "writer.json")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(8))
def test_garbage_for_state(flowed: Cli, strava: Strava, number: int) -> None:
    """State files that are none are as good as no state: calls at most, never a failure, never a row."""
    for name in STATE_FILES:
        (flowed.layout.state / name).write_bytes(GARBAGE[number])
    assert flowed("status").code in {0, 3}
    flowed("plan").done()
    flowed("flow", "--only-changed").done()
    assert strava.details() == []
    assert flowed.one("select count(*) from activities") == 60
    flowed("status").done()


@pytest.mark.slow
def test_all_state_lacks_something(flowed: Cli) -> None:
    """State files of an older or a broken version are read as far as they go, and never end a command."""
    for name, content in PARTS:
        with (flowed.layout.state / name).open("ab" if name.endswith(".jsonl") else "wb") as file:
            file.write(content)
    for arguments in (("status",), ("plan",), ("flow", "--only-changed"), ("compact", "--rebuild"), ("status",)):
        assert flowed(*arguments).code in {0, 3}
    assert flowed.one("select count(*) from activities") == 60


@pytest.mark.slow
@pytest.mark.parametrize(("name", "content"), PARTS, ids=[f"{name}-{number}" for number, (name, _) in enumerate(PARTS)])
def test_state_that_lacks_something(flowed: Cli, name: str, content: bytes) -> None:
    """A state file of an older or a broken version is read as far as it goes, and never ends a command."""
    (flowed.layout.state / name).write_bytes(content)
    for arguments in (("status",), ("flow", "--only-changed"), ("compact", "--rebuild"), ("status",)):
        flowed(*arguments).done()
    assert flowed.one("select count(*) from activities") == 60


def test_state_that_is_lost(flowed: Cli, strava: Strava) -> None:
    """Without the state folder a flow lists everything again, and neither details nor rows are lost."""
    for path in flowed.layout.state.iterdir():
        path.unlink() if path.is_file() else None
    flowed("flow", "--only-changed").done()
    assert strava.details() == []
    assert flowed.one("select count(*) from activities") == 60
    assert len(flowed.files("activities")) == 1


@pytest.mark.slow
def test_a_shard_that_is_lost_or_damaged(flowed: Cli, strava: Strava) -> None:
    """Parquet is made from bronze: a damaged shard does not stop a rebuild, and nothing is asked for."""
    (shard,) = (flowed.data / "activities").iterdir()
    shard.write_bytes(b"PAR1 garbage")
    flowed("compact", "--rebuild").done()
    assert flowed.one("select count(*) from activities") == 60
    (shard,) = (flowed.data / "activities").iterdir()
    shard.unlink()
    flowed("flow", "--only-changed").done()
    assert flowed.one("select count(*) from activities") == 60
    assert strava.details() == []


@pytest.mark.slow
def test_foreign_files_are_left_alone(flowed: Cli) -> None:
    """What a file browser leaves in the data folder disturbs nothing."""
    for folder in ("bronze/activities", "activities", "warehouse", "state", "bronze"):
        (flowed.data / folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (flowed.data / folder / "notes.txt").write_text("mine")
    flowed("compact", "--rebuild").done()
    flowed("flow").done()
    assert (flowed.data / "activities" / "notes.txt").exists()
    assert flowed.one("select count(*) from activities") == 60


def test_a_broken_pipe_is_no_bug(flowed: Cli) -> None:
    """`sql … | head -1` ends without a traceback."""
    command = [
        *("sh", "-c"),
        '"$0" -m strava_stats sql "select * from range(2000000)" -f csv | head -1',
        sys.executable,
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, env=flowed.environment(), cwd=flowed.home, check=False
    )
    assert done.stdout == "range\n"
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


def test_runs_are_recorded(flowed: Cli) -> None:
    """Every run has its row with stages, calls and seconds, also one that published nothing."""
    flowed("pull").done()
    flowed("flow").done()
    flowed("compact", "--rebuild").done()
    rows = flowed.rows("select command, status, calls, stages from runs order by run_id")
    assert [row[:2] for row in rows][:3] == [("flow", "ok"), ("pull", "ok"), ("flow", "ok")]
    assert rows[1][2] == 2
    assert [stage["name"] for stage in json.loads(rows[2][3])] == ["pull", "compact", "enrich"]

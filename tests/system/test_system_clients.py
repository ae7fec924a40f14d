"""Other programs at the published file: readers see old or new, writers do no harm to what is published next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.cli import Cli
from tests.support.served import Strava

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can write to a file of mode 0444")

READER = """
import sys, duckdb
seen = set()
while True:
    connection = duckdb.connect(sys.argv[1], read_only=True)
    rows = connection.execute("select count(*), count(name), (select count(*) from activity_details) from activities")
    seen.add(rows.fetchone())
    connection.close()
    print(len(seen), flush=True)
"""
WRITER = """
import os, signal, sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("set checkpoint_threshold = '1TB'")
connection.execute("insert into activities (id, athlete_id, name) values (424242, 1, 'foreign')")
connection.execute("update activities set name = 'changed by another'")
if sys.argv[2] == "checkpoint":
    connection.execute("checkpoint")
print("written", flush=True)
if sys.argv[2] == "stay":
    sys.stdin.readline()
    connection.execute("insert into activities (id, athlete_id, name) values (434343, 1, 'late')")
    print("written", flush=True)
    sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""
FOREIGN = "select count(*) from activities where id in (424242, 434343) or name = 'changed by another'"


def client(script: str, cli: Cli, *arguments: str) -> subprocess.Popen[str]:
    """A program of its own at the published file."""
    return subprocess.Popen(
        [sys.executable, "-c", script, str(cli.layout.warehouse), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, "the client died"
    return line


def name_of(cli: Cli, activity_id: int) -> str:
    return str(cli.rows("select name from activities where id = ?", [activity_id])[0][0])


def log_of(cli: Cli) -> Path:
    return cli.layout.warehouse.with_name("strava.duckdb.wal")


def assert_clean(cli: Cli) -> None:
    assert cli.one(FOREIGN) == 0
    assert not log_of(cli).exists()
    assert cli.layout.warehouse.stat().st_mode & 0o777 == 0o444


def test_readers_neither_block_nor_break_a_flow(flowed: Cli, strava: Strava) -> None:
    """Clients that open, read and close all the time see each published file when they open again."""
    readers = [client(READER, flowed) for _ in range(2)]
    try:
        for reader in readers:
            assert said(reader) == "1"
        strava.simulator.edit(strava.ids[0], name="Seen by readers")
        strava.simulator.delete(strava.ids[1])
        flowed("flow").done()
        for reader in readers:
            while said(reader) == "1":
                pass
    finally:
        for reader in readers:
            reader.kill()
            reader.communicate()
    assert name_of(flowed, strava.ids[0]) == "Seen by readers"


def test_a_reader_that_stays_open_keeps_what_it_opened(flowed: Cli, strava: Strava) -> None:
    """A connection that is held over a publish goes on reading the old file, and the flow does not wait for it."""
    import duckdb  # noqa: PLC0415

    with duckdb.connect(str(flowed.layout.warehouse), read_only=True) as held:
        before = held.execute("select count(*) from activities").fetchall()
        strava.simulator.delete(strava.ids[0])
        flowed("flow", "--only-changed").done()
        assert held.execute("select count(*) from activities").fetchall() == before
    assert flowed.rows("select count(*) from activities") == [(before[0][0] - 1,)]


@pytest.mark.slow
@as_root
@pytest.mark.parametrize("manner", ["log", "checkpoint"])
@pytest.mark.parametrize("news", [True, False])
def test_a_killed_writer_leaves_nothing_behind(flowed: Cli, strava: Strava, manner: str, news: bool) -> None:
    """What a client wrote as root, into the file or its log, before it was killed is gone with the next flow."""
    writer = client(WRITER, flowed, manner)
    assert said(writer) == "written"
    writer.communicate()
    assert log_of(flowed).exists() is (manner == "log")
    if news:
        strava.simulator.edit(strava.ids[0], name="Edited")
    flowed("flow", "--only-changed").done()
    assert_clean(flowed)
    if news:
        assert name_of(flowed, strava.ids[0]) == "Edited"


@as_root
def test_a_writer_that_stays_does_not_stop_a_flow(flowed: Cli, strava: Strava) -> None:
    """A client that holds the file for writing through a flow, and writes after it, harms neither this nor the next."""
    writer = client(WRITER, flowed, "stay")
    assert said(writer) == "written"
    strava.simulator.edit(strava.ids[0], name="Edited")
    flowed("flow", "--only-changed").done()
    assert_clean(flowed)
    assert writer.stdin is not None
    writer.stdin.write("\n")
    writer.stdin.flush()
    assert said(writer) == "written"
    writer.communicate("\n")
    strava.simulator.edit(strava.ids[1], name="Edited too")
    flowed("flow", "--only-changed").done()
    assert_clean(flowed)
    assert flowed.one("select count(*) from activities where name like 'Edited%'") == 2

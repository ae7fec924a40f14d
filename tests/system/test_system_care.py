"""backup, restore, purge and forget as a user calls them."""

from __future__ import annotations

import gzip
import json
import os
import pty
import resource
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.archives import archive, gpx
from tests.support.cli import Cli, wait_until
from tests.support.served import Strava, settled_simulator
from tests.system.conftest import Serve, connect

PASSPHRASE = "correct horse battery"


def elsewhere(cli: Cli, name: str) -> Cli:
    """The same user with another, empty home."""
    home = cli.home.parent / name
    home.mkdir()
    return Cli(home, dict(cli.env), cli.secrets)


def everywhere(home: Path, needle: str) -> list[str]:
    """Files below a home that hold a text, packed journals unpacked; a DuckDB file is read as bytes."""
    found = []
    for path in sorted(home.rglob("*")):
        if path.is_file():
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            if needle.encode() in content or needle in path.name:
                found.append(str(path.relative_to(home)))
    return found


@pytest.mark.slow
def test_there_and_back_with_secrets(flowed: Cli) -> None:
    """Data, state and tokens come back; the passphrase is needed, and neither it nor a token is in the file."""
    flowed.env["BACKUP_PASSPHRASE"] = PASSPHRASE
    flowed.secrets.append(PASSPHRASE)
    report = flowed("backup", flowed.home / "b.tar", "--with-secrets", "--json").done().json
    backup = flowed.home / "b.tar"
    assert (report["path"], report["bytes"], report["with_secrets"]) == (str(backup), backup.stat().st_size, True)
    tokens = json.loads(flowed.token_file.read_text())["athletes"]
    for token in tokens.values():
        assert token["refresh_token"].encode() not in backup.read_bytes()
    assert PASSPHRASE.encode() not in backup.read_bytes()
    other = elsewhere(flowed, "other home")
    other.env["BACKUP_PASSPHRASE"] = "wrong"
    other("restore", backup, "--with-secrets", "--yes").failed(2, "does not open")
    del other.env["BACKUP_PASSPHRASE"]
    other("restore", backup, "--with-secrets", "--yes").failed(78, "BACKUP_PASSPHRASE")
    assert not (other.data / "bronze").exists()
    other.write_env(f"BACKUP_PASSPHRASE='{PASSPHRASE}'\n")
    outcome = other("restore", backup, "--with-secrets", "--yes", "--json").done()
    assert outcome.json["findings"] == []
    assert other.token_file.read_bytes() == flowed.token_file.read_bytes()
    assert other.token_file.stat().st_mode & 0o777 == 0o600
    assert other.one("select count(*) from activity_details") == 60
    assert other.rows("select run_id, status from runs") == flowed.rows("select run_id, status from runs")
    assert not other("flow", "--only-changed", "--json").done().stage("pull")["full"]
    assert other("status").done()


@pytest.mark.slow
def test_secrets_that_are_not_there(flowed: Cli) -> None:
    """Without tokens in the backup, or with others in place, --with-secrets says so before anything is done."""
    flowed("backup", flowed.home / "without.tar").done()
    flowed.env["BACKUP_PASSPHRASE"] = PASSPHRASE
    flowed("backup", flowed.home / "with.tar", "--with-secrets").done()
    other = elsewhere(flowed, "other home")
    other("restore", flowed.home / "without.tar", "--with-secrets", "--yes").failed(2, "without tokens")
    other.token_file.parent.mkdir(mode=0o700)
    other.token_file.write_text(json.dumps({"version": 1, "athletes": {}}))
    other("restore", flowed.home / "with.tar", "--with-secrets", "--yes").failed(2, "is there already")
    other("backup", "--with-secrets").failed(77, "no tokens")
    assert not (other.data / "bronze").exists()


def test_where_a_backup_goes(flowed: Cli) -> None:
    """By itself beside data, private and named after the time; the path is all of stdout, the size is told."""
    outcome = flowed("backup").done()
    path = Path(outcome.stdout.strip())
    assert path.parent == flowed.home / "backups"
    assert path.name.startswith("strava-stats-")
    assert path.stat().st_mode & 0o777 == 0o600
    assert f"{path.stat().st_size / 1e6:,.1f} MB" in outcome.stderr
    flowed("backup", path).failed(2, "is there already")
    listed = subprocess.run(["tar", "-tf", path], capture_output=True, text=True, check=True).stdout.splitlines()
    assert listed[-1] == "manifest.json"


def test_no_writer_beside_a_backup(connected: Cli, strava: Strava) -> None:
    """While a flow runs each of the four ends with 75 and has changed nothing."""
    fault = strava.simulator.add_fault("hang", path="/activities/*", skip=2)
    running = connected.start("flow", "--backfill")
    wait_until(lambda: fault.hits == 1, "the flow to be in the middle")
    connected("backup").failed(75, "flow")
    connected("purge", "--older-than", "1d", "--yes").failed(75, "flow")
    connected("forget", "--yes").failed(75, "flow")
    running.kill()
    assert connected.token_file.exists()
    assert not (connected.home / "backups").exists()
    assert not [call for call in strava.simulator.calls if "revoke" in call["path"]]


def test_nobody_to_ask(flowed: Cli) -> None:
    """Without a terminal what removes or replaces asks for --yes instead of going on."""
    flowed("backup", flowed.home / "b.tar").done()
    before = everywhere(flowed.home, "")
    for command in (["restore", flowed.home / "b.tar"], ["purge", "--older-than", "1d"], ["forget"]):
        flowed(*command).failed(2, "--yes")
        flowed(*command, "--json").failed(2, "--yes")
    assert everywhere(flowed.home, "") == before


@pytest.mark.parametrize(("answer", "left"), [("n", 60), ("y", 0)])
def test_asked_on_a_terminal(flowed: Cli, answer: str, left: int) -> None:
    """On a terminal it says what would go, and does it only after a yes."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "strava_stats", "purge", "--older-than", "0d"],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=flowed.environment(),
        cwd=flowed.home,
    )  # fmt: skip
    os.write(ours, f"{answer}\n".encode())
    _, said = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0
    assert "60 activities" in said
    assert "Backups are not touched" in said
    assert flowed.one("select count(*) from activities") == left


def test_a_full_disk(flowed: Cli) -> None:
    """No room for a backup or for what it holds: one line, 75, and no half file; with room it works."""
    flowed.preexec = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60 << 10, 60 << 10))
    flowed("backup").failed(75, "No space left")
    assert list((flowed.home / "backups").iterdir()) == []
    flowed.preexec = None
    backup = flowed("backup").done().stdout.strip()
    other = elsewhere(flowed, "other home")
    other.preexec = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60 << 10, 60 << 10))
    other("restore", backup, "--yes").failed(75, "No space left")
    assert not (other.data / "bronze").exists()
    assert not other.layout.scratch.exists()
    other.preexec = None
    other("restore", backup, "--yes").done()
    assert other.one("select count(*) from activities") == 60


def test_a_damaged_backup(flowed: Cli) -> None:
    """It is 65 and one line, and the data folder stays empty."""
    backup = Path(flowed("backup").done().stdout.strip())
    content = backup.read_bytes()
    backup.write_bytes(content[:5_000] + bytes([content[5_000] ^ 1]) + content[5_001:])
    other = elsewhere(flowed, "other home")
    other("restore", backup, "--yes").failed(65, "manifest")
    other("restore", other.home / "none.tar", "--yes").failed(2, "There is no backup")
    assert not (other.data / "bronze").exists()
    flowed("restore", flowed.home, "--yes").failed(2)


def test_nothing_to_back_up(cli: Cli) -> None:
    """A data folder without answers of Strava is rather a wrong name than worth a backup: no file is made."""
    cli("backup").failed(78, "nothing to back up", "DATA_DIR")
    assert not (cli.home / "backups").exists()


@pytest.mark.slow
def test_purge_and_what_follows(flowed: Cli, strava: Strava) -> None:
    """What is old is gone, stays gone over a sweep and a rebuild, and verify has no quarrel with Strava's totals."""
    middle = flowed.one("select start_date from activities order by start_date offset 30 limit 1")
    day = middle.date().isoformat()
    kept = flowed.one(f"select count(*) from activities where start_date >= '{day}T00:00:00Z'")  # noqa: S608 - our own day
    report = flowed("purge", "--older-than", day, "--yes", "--json").done().json
    assert (report["activities"], list(report["floors"].values())) == (60 - kept, [day])
    flowed("flow", "--all", "--backlog", "60").done()
    flowed("compact", "--rebuild").done()
    assert flowed.one("select count(*) from activities") == flowed.one("select count(*) from activity_details") == kept
    assert flowed.one("select count(distinct activity_id) from activity_versions") == kept
    outcome = flowed("verify").done()
    assert "FAIL" not in outcome.stdout
    assert flowed("purge", "--older-than", "soon", "--yes").failed(2, "is no age")
    assert flowed("purge", "--older-than", day, "--yes", "--athlete", "5").failed(2, "nothing of athlete 5")


@pytest.mark.slow
def test_a_killed_purge_is_a_finding(flowed: Cli) -> None:
    """Verify names a purge that did not come to its end, and the command that finishes it."""
    athlete = flowed.one("select any_value(athlete_id) from activities")
    flowed("purge", "--older-than", "1990-01-01", "--yes").done()
    floors = json.loads(flowed.layout.floor.read_text())
    floors["athletes"][str(athlete)]["purging"] = [1]
    flowed.layout.floor.write_text(json.dumps(floors))
    outcome = flowed("verify", "--offline")
    assert outcome.code == 3
    assert (
        f"strava-stats purge --athlete {athlete} --older-than 1026-11-23" in outcome.stdout or "purge" in outcome.stdout
    )
    flowed("purge", "--older-than", "1000y", "--yes").done()
    flowed("verify", "--offline").done()


def test_an_archive_and_what_is_removed_of_it(flowed: Cli) -> None:
    """Purge cuts it, forget takes it away, and no message, report or log tells what it holds."""
    rows = flowed.rows("select id, start_date from activities order by start_date")
    secret = {"name": "Round the Reservoir", "description": "with Alex"}
    files = {f"activities/{one}.gpx": gpx(start) for one, start in (rows[0], rows[-1])}
    path = archive(
        flowed.home / "export.zip",
        [{"id": one, "start": start, "file": f"activities/{one}.gpx", **secret} for one, start in rows],
        files,
    )
    said = [flowed("import", path).done()]
    day = rows[30][1].date().isoformat()
    said.append(flowed("purge", "--older-than", day, "--yes", "--json").done())
    report = said[-1].json
    assert (report["archives"], report["archives_left"], report["status"]) == (1, 0, "ok")
    said.append(flowed("verify", "--offline").done())
    shown = flowed.rows("select distinct activity_id from activity_streams")
    assert shown == [(rows[-1][0],)]
    said.append(flowed("import", path).done())
    assert "began before the floor" in said[-1].stderr
    (kept,) = flowed.layout.archives.iterdir()
    with zipfile.ZipFile(kept) as packed:
        assert f"activities/{rows[0][0]}.gpx" not in packed.namelist()
    said.append(flowed("forget", "--yes", "--json").done())
    assert said[-1].json["athletes"][0]["archives"] == 1
    assert list(flowed.layout.archives.iterdir()) == []
    told = "".join(one.stdout + one.stderr for one in said)
    logs = "".join(log.read_text() for log in (flowed.home / "logs").rglob("*") if log.is_file())
    for needle in (*secret.values(), "52.5", "13.4"):
        assert needle not in told
        assert needle not in logs


@pytest.fixture
def two(cli: Cli, serve: Serve) -> tuple[Cli, Strava, int, int]:
    """Two athletes with twenty activities each, flowed, and logs that name them."""
    strava = serve(settled_simulator(activities=20, athletes=2))
    cli.env.update(strava.env)
    first, second = sorted(strava.simulator.world.athletes)
    for athlete in (first, second):
        connect(cli, strava, athlete)
    cli("flow", "--backfill").done()
    cli.token_file.with_name("strava_token.json.corrupt-20260101T000000Z").write_text(f'{{"{first}":')
    log = cli.home / "logs" / "flow" / "flow_x.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"began\nathlete {first} done\nathlete {second} done\n{first}{second}\n")
    return cli, strava, first, second


@pytest.mark.slow
def test_forget_one_of_two(two: tuple[Cli, Strava, int, int]) -> None:
    """Access is revoked, nothing names the athlete any more, the other is as before, and it can be repeated."""
    cli, strava, first, second = two
    before = cli.rows(
        "select columns(c -> c <> 'fetched_at') from activities where athlete_id = ? order by id", [second]
    )
    report = cli("forget", "--athlete", first, "--yes", "--json").done().json
    assert [(one["athlete_id"], one["revoked"]) for one in report["athletes"]] == [(first, True)]
    assert strava.simulator.calls[-1]["path"] == "/oauth/revoke"
    assert everywhere(cli.home, str(first)) == ["logs/flow/flow_x.log"]
    log = (cli.home / "logs" / "flow" / "flow_x.log").read_text()
    assert log == f"began\nathlete {second} done\n{first}{second}\n"
    assert cli.rows("select * exclude (fetched_at) from activities order by id") == before
    assert cli.rows("select distinct athlete_id from runs") == [(second,)]
    cli("verify", "--offline").done()
    cli("forget", "--athlete", first, "--yes").done()
    cli("flow").done()
    assert cli.rows("select distinct athlete_id from activities") == [(second,)]


@pytest.mark.slow
def test_forget_all(two: tuple[Cli, Strava, int, int]) -> None:
    """Without --athlete all go in turn, each with what was imported; then there is nothing left to forget."""
    cli, strava, first, second = two
    start = datetime(2020, 1, 1, 8, tzinfo=UTC)
    for athlete in (first, second):
        path = archive(cli.home / f"{athlete}.zip", [{"id": athlete % 1000, "start": start}], athlete_id=athlete)
        cli("import", path).done()
        path.unlink()
    stranger = cli.layout.archives / "a.zip"
    stranger.write_bytes(b"all of it")
    outcome = cli("--athlete", str(first), "forget", "--yes").done()
    assert "1 file in data/bronze/export came by no import" in outcome.stderr
    assert (len(list(cli.layout.archives.iterdir())), stranger.exists()) == (2, True)
    assert cli("verify", "--offline").code == 3
    cli("forget", "--yes").done()
    assert [one for athlete in (first, second) for one in everywhere(cli.home / "data", str(athlete))] == []
    assert not cli.layout.warehouse.exists()
    assert list(cli.layout.archives.iterdir()) == []
    assert len([call for call in strava.simulator.calls if call["path"] == "/oauth/revoke"]) == 2
    cli("forget", "--yes").failed(2, "nothing here")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("STRAVA_CLIENT_SECRET", "wrong", 77),
        pytest.param("STRAVA_OAUTH_BASE_URL", "http://127.0.0.1:9/oauth", 69, marks=pytest.mark.slow),
    ],
)
def test_forget_when_access_cannot_be_revoked(flowed: Cli, name: str, value: str, code: int) -> None:
    """What cannot be revoked is not removed, unless what is here alone is asked for; it says what is left to do."""
    flowed.env[name] = value
    flowed("forget", "--yes").failed(code, "--local-only", "Nothing was removed")
    assert flowed.token_file.exists()
    assert flowed.one("select count(*) from activities") == 60
    outcome = flowed("forget", "--yes", "--local-only").done()
    assert "strava.com/settings/apps" in outcome.stderr
    assert not flowed.files("bronze", "activities")

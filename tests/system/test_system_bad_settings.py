"""Settings that cannot be right: each one line that names the variable and its cure, exit 78, and no call."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest
from tests.support.cli import Cli
from tests.support.served import Strava
from tests.system.conftest import connect

COMMANDS: Sequence[tuple[str, ...]] = (("flow",), ("status",), ("auth", "--status"))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PER_PAGE", "0", "1 to 200"),
        ("PER_PAGE", "201", "1 to 200"),
        ("PER_PAGE", "1e2", "1 to 200"),
        ("DAYS", "abc", "whole number"),
        ("DAYS", "-1", "whole number"),
        ("DAYS", "٣", "whole number"),
        ("FULL_SWEEP_DAYS", "1.5", "whole number"),
        ("TZ", "Nowhere/Land", "Europe/London"),
        ("TZ", "../../etc/passwd", "Europe/London"),
        ("WEEK_START", "friday", "monday or sunday"),
        ("STRAVA_API_BASE_URL", "foo", "http"),
        ("STRAVA_API_BASE_URL", "ftp://strava.com", "http"),
        ("STRAVA_API_BASE_URL", "http://127.0.0.1:99999", "http"),
        ("STRAVA_OAUTH_BASE_URL", "www.strava.com/oauth", "http"),
        ("STRAVA_REDIRECT_URI", "localhost", "http"),
        ("STRAVA_SCOPES", "everything", "activity:read_all"),
        ("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem", "PEM"),
        ("CURL_CA_BUNDLE", "no-such-bundle.pem", "PEM"),
        ("SSL_CERT_FILE", "no-such-bundle.pem", "PEM"),
    ],
)
def test_a_wrong_value(connected: Cli, strava: Strava, name: str, value: str, allowed: str) -> None:
    """The line names the variable, the value and what is allowed."""
    connected.env.pop(name, None)
    connected.write_env(f"{name}={value}\n")
    connected("flow").failed(78, name, value, allowed)
    assert strava.simulator.calls == []


def test_a_wrong_value_in_the_environment(connected: Cli) -> None:
    """It counts as one in .env does, and more than a right one there."""
    connected.write_env("PER_PAGE=100\n")
    connected.env["PER_PAGE"] = "1000"
    connected("flow").failed(78, "PER_PAGE", "1000", "1 to 200")


def test_a_wrong_setting_stops_every_command(connected: Cli) -> None:
    """Whatever the command, a wrong setting is told in the same way; with --json as an object too."""
    connected.env["PER_PAGE"] = "0"
    for command in COMMANDS:
        outcome = connected(*command, "--json").failed(78, "PER_PAGE")
        assert outcome.json["error"]["kind"] == "configuration"


@pytest.mark.parametrize("name", ["STRAVA_CLIENT_ID", "STRAVA_CLIENT_SECRET"])
@pytest.mark.parametrize("command", ["auth", "flow"])
def test_missing_credentials(connected: Cli, strava: Strava, name: str, command: str) -> None:
    """Without id or secret: 78, where to get them, and no question where nobody can answer."""
    connected.env[name] = "  "
    connected(command).failed(78, name, "https://www.strava.com/settings/api", ".env")
    assert strava.simulator.calls == []


def test_what_needs_no_credentials(flowed: Cli) -> None:
    """What asks Strava nothing works without credentials."""
    flowed.env["STRAVA_CLIENT_ID"] = flowed.env["STRAVA_CLIENT_SECRET"] = ""
    for arguments in (("compact",), ("status",), ("sql", "select 1")):
        flowed(*arguments).done()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("DAYS=7\nhunter2 was here\n", "line 2"),
        ("DAYS=7\n\n# a comment\n=value\n", "line 4"),
        ("{json: true}", "line 1"),
        ("DAYS\n", "line 1"),
    ],
)
def test_garbage_in_env(connected: Cli, content: str, line: str) -> None:
    """A line that is no assignment is named by its number; its content, perhaps a secret, is not shown."""
    connected.write_env(content)
    outcome = connected("flow").failed(78, ".env", line)
    assert "hunter2" not in outcome.stderr


@pytest.mark.parametrize("content", [b"\x7fELF\x02\x01\x00\xff\xfe", b"DAYS=7\nNAME=\xff\n", b"\xff\xfeD\0A\0Y\0S\0"])
def test_a_binary_env(connected: Cli, content: bytes) -> None:
    """A .env that is no UTF-8 text is 78."""
    connected.write_env(content)
    connected("flow").failed(78, ".env")


def test_zeros_in_env(connected: Cli) -> None:
    """A .env full of zeros (a crash of the machine) is 78, not a bug."""
    connected.write_env(b"DAYS=7\n" + b"\0" * 64)
    connected("flow").failed(78, ".env", "line 2")


def test_an_env_that_is_a_folder(connected: Cli) -> None:
    """A folder named .env is 78."""
    (connected.home / ".env").mkdir()
    connected("flow").failed(78, ".env")


def test_env_as_people_write_it(cli: Cli, strava: Strava) -> None:
    """Byte order mark, export, quotes, blanks, comments, CRLF and a dollar sign are read; the environment wins."""
    cli.env = {"DAYS": "3"}
    connect(cli, strava)
    cli.write_env(
        "\ufeff# settings\r\nexport STRAVA_CLIENT_ID = '12345'\r\nSTRAVA_CLIENT_SECRET=\"simulated-secret\" # mine\r\n"
        f"STRAVA_API_BASE_URL={strava.served.api_base_url}\r\nSTRAVA_OAUTH_BASE_URL={strava.served.oauth_base_url}\r\n"
        "UNRELATED=$HOME/$NOTHING\r\nDAYS=abc\r\n\r\n"
    )
    cli("flow").done()
    assert cli.one("select count(*) from activities") == 60


@pytest.mark.slow
def test_folders_of_the_command_line_win(connected: Cli, strava: Strava) -> None:
    """--data-dir and --secrets-dir are taken before the settings, relative to where the user stands."""
    secrets = connected.home / "secrets"
    secrets.rename(connected.home / "elsewhere")
    connected("flow", "--data-dir", "other data", "--secrets-dir=elsewhere").done()
    assert (connected.home / "other data" / "warehouse" / "strava.duckdb").exists()
    assert not connected.data.exists()
    assert not secrets.exists()
    assert strava.listings()


@pytest.mark.slow
def test_relative_folders_belong_to_the_root(connected: Cli) -> None:
    """A relative DATA_DIR is below the folder that .env lies in."""
    connected.env["DATA_DIR"] = "my data"
    connected("flow").done()
    assert (connected.home / "my data" / "warehouse" / "strava.duckdb").exists()


def test_a_ca_bundle_that_is_no_pem(connected: Cli) -> None:
    """A bundle without a certificate is 78 before anything is asked."""
    bundle = connected.home / "bundle.pem"
    bundle.write_text("not a certificate")
    connected.env["REQUESTS_CA_BUNDLE"] = str(bundle)
    connected("flow").failed(78, "REQUESTS_CA_BUNDLE")


@pytest.mark.slow
def test_netrc_is_not_used(connected: Cli, strava: Strava) -> None:
    """A ~/.netrc with a login for the host neither replaces the bearer nor leaks."""
    netrc = connected.home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password hunter2\ndefault login x password y\n")
    netrc.chmod(0o600)
    connected("flow").done()
    assert {call["status"] for call in strava.simulator.calls} == {200}
    strava.simulator.oauth.expire()
    connected("flow").done()
    connected("auth", "--revoke").done()
    assert strava.simulator.calls[-1]["status"] == 200


@pytest.mark.slow
def test_a_sunday_week(flowed: Cli) -> None:
    """WEEK_START=sunday begins the weeks of gold_weekly on Sundays at the next compact, without a call."""
    assert flowed.rows("select distinct dayname(week) from gold_weekly") == [("Monday",)]
    flowed.env["WEEK_START"] = "Sunday"
    flowed("compact").done()
    assert flowed.rows("select distinct dayname(week) from gold_weekly") == [("Sunday",)]


def test_a_wrong_setting_that_make_hands_on(connected: Cli) -> None:
    """DAYS=abc comes as --since-days abc too: the setting is named, not the option."""
    connected.env["DAYS"] = "abc"
    connected("flow", "--since-days", "abc").failed(78, "DAYS", "whole number")
    del connected.env["DAYS"]
    connected("flow", "--since-days", "abc").failed(2, "--since-days")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a folder in which nobody can make one")
def test_a_folder_that_cannot_be_made(connected: Cli) -> None:
    """It is named, with the settings that choose another."""
    connected("--data-dir", "/proc/none/here", "compact").failed(78, "/proc/none", "DATA_DIR")

"""auth as a process: every way to hand the code over, and what is stored."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from tests.support.cli import DEADLINE, Cli, Outcome
from tests.support.served import Strava

ADDRESS = re.compile(r"http://\S+/oauth/authorize\?\S+")


def authorise(text: str) -> str:
    """What a browser does: open the printed address and end at the redirect, whose address is given back."""
    found = ADDRESS.search(text)
    assert found, f"no address in {text!r}"
    answer = requests.get(found[0], allow_redirects=False, timeout=10)
    return str(answer.headers["Location"])


def redirect_of(cli: Cli) -> str:
    """Begin an authorisation and take it through the browser."""
    return authorise(cli("auth").failed(77, "auth --code").stdout)


def test_the_address_asks_for_what_is_needed(cli: Cli) -> None:
    """The printed address carries our application, the redirect, all scopes and a state."""
    query = parse_qs(urlsplit(ADDRESS.findall(cli("auth").failed(77).stdout)[0]).query)
    assert query["client_id"] == ["12345"]
    assert query["redirect_uri"] == ["http://localhost/exchange_token"]
    assert query["scope"] == ["read,activity:read_all,profile:read_all"]
    assert query["response_type"] == ["code"]
    assert len(query["state"][0]) > 10


@pytest.mark.parametrize("form", ["address", "code", "stdin", "stdin code"])
def test_the_ways_to_hand_over_the_code(cli: Cli, strava: Strava, form: str) -> None:
    """The redirect address or its bare code, as an option or on standard input; the file is 0600 in a 0700 folder."""
    address = redirect_of(cli)
    code = parse_qs(urlsplit(address).query)["code"][0]
    given = code if form.endswith("code") else address
    outcome = cli("auth", stdin=f"  {given}\n") if form.startswith("stdin") else cli("auth", "--code", given)
    if form == "stdin":  # its state is that of the first process, and a second address was printed since
        outcome.failed(77, "state")
        outcome = cli("auth", "--code", code)
    assert f"Connected athlete {strava.simulator.world.default.id}" in outcome.done().stdout
    assert stat.S_IMODE(cli.token_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(cli.token_file.parent.stat().st_mode) == 0o700
    (token,) = json.loads(cli.token_file.read_text())["athletes"].values()
    assert set(token["scopes"]) == {"read", "activity:read_all", "profile:read_all"}
    assert not list(cli.token_file.parent.glob("*.tmp")) + list(cli.token_file.parent.glob(".*.tmp"))


def test_pasting_into_the_process_that_asked(cli: Cli) -> None:
    """One process prints the address, reads the pasted answer and stores the token."""
    cli.env["PYTHONUNBUFFERED"] = "1"
    process = subprocess.Popen(
        [sys.executable, "-m", "strava_stats", "auth"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=cli.environment(),
        cwd=cli.home,
    )
    assert process.stdout is not None
    address = authorise(process.stdout.readline())
    stdout, stderr = process.communicate(address + "\n", timeout=DEADLINE)
    assert "Connected athlete" in cli.checked(Outcome(process.returncode, stdout, stderr)).done().stdout


def test_json_prints_the_outcome_alone(cli: Cli, strava: Strava) -> None:
    """With --json the address goes to stderr and the outcome is one object."""
    assert ADDRESS.search(cli("auth", "--json").failed(77).stderr)
    outcome = cli("auth", "--code", redirect_of(cli), "--json").done()
    assert outcome.json["athlete_id"] == strava.simulator.world.default.id
    assert outcome.json["missing_scopes"] == []


def test_a_foreign_state_is_refused(cli: Cli) -> None:
    """An address made for another authorisation is not taken, and its code is not spent."""
    address = redirect_of(cli)
    foreign = re.sub(r"state=[^&]+", "state=somebody-elses", address)
    cli("auth", "--code", foreign).failed(77, "state")
    assert not cli.token_file.exists()
    cli("auth", "--code", address).done()


@pytest.mark.slow
def test_a_used_code_is_refused(cli: Cli) -> None:
    """A code works once."""
    address = redirect_of(cli)
    cli("auth", "--code", address).done()
    cli("auth", "--code", address.replace("state=", "nostate=")).failed(77, "used up", "strava-stats auth")


@pytest.mark.slow
def test_a_fresh_code_is_tried_again(cli: Cli, strava: Strava) -> None:
    """A code that Strava does not know yet is accepted a moment later."""
    strava.simulator.add_fault(
        "status",
        path="/oauth/token",
        status=400,
        body=b'{"message":"Bad Request","errors":[{"resource":"AuthorizationCode","field":"code","code":"invalid"}]}',
    )
    cli("auth", "--code", redirect_of(cli)).done()


def test_a_denial_says_so(cli: Cli, strava: Strava) -> None:
    """Refused at Strava's page: 77, nothing stored."""
    strava.simulator.modes.deny = True
    address = redirect_of(cli)
    assert "error=access_denied" in address
    cli("auth", "--code", address).failed(77, "refused", "press Authorize")
    assert not cli.token_file.exists()


def test_garbage_is_a_usage_error(cli: Cli) -> None:
    """A pasted line that is no redirect is exit 2."""
    cli("auth", "--code", "hello world").failed(2, "paste")


def test_unticked_scopes_are_warned_of_and_refused_later(cli: Cli, strava: Strava) -> None:
    """`auth` warns of what was unticked; `pull` cannot do without any activity scope."""
    strava.simulator.modes.unticked_scopes = ["activity:read_all"]
    outcome = cli("auth", "--code", redirect_of(cli), "--json").done()
    assert "activity:read_all" in outcome.stderr
    assert (outcome.json["status"], outcome.json["missing_scopes"]) == ("partial", ["activity:read_all"])
    strava.forget_calls()
    cli("pull").failed(77, "auth")
    assert strava.listings() == []


def test_a_scope_that_strava_lost_is_named(connected_scopeless: Cli) -> None:
    """Where the stored scopes are not known, Strava's refusal says what is missing."""
    connected_scopeless("pull").failed(77, "scope", "tick")


@pytest.fixture
def connected_scopeless(cli: Cli, strava: Strava) -> Cli:
    """A token whose scopes the file does not tell and which may not read activities."""
    grant = strava.simulator.grant(("read",))
    athlete = grant["athlete"]["id"]
    token = {key: grant[key] for key in ("access_token", "refresh_token", "expires_at")}
    token |= {"athlete_id": athlete, "scopes": None, "client_id": "12345", "obtained_at": 1}
    cli.token_file.parent.mkdir()
    cli.token_file.write_text(json.dumps({"version": 1, "athletes": {str(athlete): token}}))
    return cli


@pytest.mark.slow
def test_read_without_all_is_warned_of(cli: Cli, strava: Strava) -> None:
    """activity:read is enough to pull, with a warning that private activities are invisible."""
    strava.simulator.make_private(strava.ids[0])
    cli.env["STRAVA_SCOPES"] = "read,activity:read"
    cli("auth", "--code", redirect_of(cli)).done()
    outcome = cli("flow").done()
    assert "Only You" in outcome.stderr
    assert cli.one("select count(*) from activities") == 59


def test_status_and_revoke(connected: Cli, strava: Strava) -> None:
    """--status shows who and what; --revoke gives it back at Strava and forgets the token."""
    athlete = strava.simulator.world.default.id
    shown = connected("auth", "--status", "--json").done().json["athletes"]
    assert shown[0]["athlete_id"] == athlete
    assert "activity:read_all" in shown[0]["scopes"]
    assert str(athlete) in connected("auth", "--status").done().stdout
    assert connected("auth", "--revoke", "--json").done().json["revoked"] == [athlete]
    assert strava.simulator.calls[-1]["path"] == "/oauth/revoke"
    connected("auth", "--status").failed(77, "No athlete")
    connected("flow").failed(77, "strava-stats auth")


def test_revoke_forgets_a_token_that_strava_does_not_know(connected: Cli, strava: Strava) -> None:
    """A grant that the athlete ended on strava.com is forgotten here too."""
    strava.simulator.oauth.forget(strava.simulator.world.default.id)
    connected("auth", "--revoke").done()
    assert json.loads(connected.token_file.read_text())["athletes"] == {}


@pytest.mark.slow
def test_a_corrupt_token_file_is_set_aside_by_auth(cli: Cli) -> None:
    """The damaged file is kept as a copy, and written anew."""
    cli.token_file.parent.mkdir()
    cli.token_file.write_text("{garbage")
    cli("flow").failed(65, "token", "auth")
    cli("auth", "--code", redirect_of(cli)).done()
    assert [path.read_text() for path in cli.token_file.parent.glob("*.corrupt-*")] == ["{garbage"]


def test_listen_catches_the_redirect(cli: Cli) -> None:
    """--listen opens a loopback port, and the browser's redirect to it finishes the job."""
    cli.env["PYTHONUNBUFFERED"] = "1"
    running = cli.start("auth", "--listen")
    assert running.process.stdout is not None
    line = running.process.stdout.readline()
    address = authorise(line)
    assert urlsplit(address).port
    assert requests.get(address.partition("?")[0] + "?favicon", timeout=10).status_code == 404
    assert "strava-stats" in requests.get(address, timeout=10).text
    outcome = running.finish().done()
    assert "Connected athlete" in outcome.stdout
    assert cli.token_file.exists()


def test_listen_needs_a_loopback_address(cli: Cli) -> None:
    """A redirect address elsewhere cannot be listened at."""
    cli.env["STRAVA_REDIRECT_URI"] = "https://example.org/exchange"
    cli("auth", "--listen").failed(78, "localhost", "STRAVA_REDIRECT_URI")


class Terminal:
    """A person at a pseudo-terminal: reads until a prompt, types an answer."""

    def __init__(self, cli: Cli, *arguments: str) -> None:
        self.shown = ""
        self.answered = 0  # what was shown before this place has been answered
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(cli.home)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests run in the background inherit it ignored
            os.execve(sys.executable, [sys.executable, "-m", "strava_stats", *arguments], cli.environment())  # noqa: S606

    def read(self) -> bool:
        """Take in what is shown next; False at the end."""
        ready, _, _ = select.select([self.descriptor], [], [], DEADLINE)
        assert ready, f"nothing more is shown: {self.shown}"
        try:
            more = os.read(self.descriptor, 65_536)
        except OSError:  # Linux says so when the other side is closed
            return False
        self.shown += more.decode("utf-8", "replace")
        return bool(more)

    def answer(self, prompt: str, text: str) -> None:
        """Wait for a prompt, with the blank that comes once the terminal is ready, and type."""
        while not self.shown[self.answered :].endswith(f"{prompt} "):
            assert self.read(), f"{prompt!r} never came: {self.shown}"
        self.answered = len(self.shown)
        os.write(self.descriptor, f"{text}\n".encode())

    def end(self) -> int:
        """The exit code."""
        while self.read():
            pass
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_terminal_without_credentials_is_guided(cli: Cli, strava: Strava) -> None:
    """The user is told where to make an application and asked for id and secret; .env (0600) is written."""
    for name in ("STRAVA_CLIENT_ID", "STRAVA_CLIENT_SECRET"):
        del cli.env[name]
    cli.env["BROWSER"] = "true"
    env_file = cli.write_env("# my settings\nTZ=Europe/Zurich\nexport STRAVA_CLIENT_ID=\nDAYS=14\n")
    terminal = Terminal(cli, "auth")
    terminal.answer("Client ID:", "not a number")
    terminal.answer("Client ID:", strava.simulator.app.client_id)
    terminal.answer("Client Secret:", strava.simulator.app.client_secret)
    terminal.answer("Paste that whole address here:", "")
    plain = re.sub(r"\s*\r?\n", "\n", terminal.shown)
    for words in ("https://www.strava.com/settings/api", "Authorization Callback Domain: localhost", "subscription"):
        assert words in plain
    address = ADDRESS.search(plain)
    assert address
    location = requests.get(address[0], allow_redirects=False, timeout=10).headers["Location"]
    terminal.answer("Paste that whole address here:", location)
    assert terminal.end() == 0, terminal.shown
    assert "Connected athlete" in terminal.shown
    assert strava.simulator.app.client_secret not in terminal.shown
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert env_file.read_text().splitlines() == [
        "# my settings",
        "TZ=Europe/Zurich",
        "DAYS=14",
        "STRAVA_CLIENT_ID=12345",
        f"STRAVA_CLIENT_SECRET={strava.simulator.app.client_secret}",
    ]
    cli("flow").done()


def test_leaving_the_guide_changes_nothing(cli: Cli) -> None:
    """Ctrl-C at the first question ends with one line, no traceback and no .env."""
    del cli.env["STRAVA_CLIENT_ID"]
    terminal = Terminal(cli, "auth")
    terminal.answer("Client ID:", "\x03")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    assert not (cli.home / ".env").exists()

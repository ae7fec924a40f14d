"""Somebody is told of stale data; what is told and to whom stays out of logs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.support.cli import Cli


class Mailbox(ThreadingHTTPServer):
    """A web hook that keeps what it gets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.got: list[dict[str, str]] = []
        self.status = 200

    @property
    def url(self) -> str:
        """As NOTIFY_URLS has it, with a password in it."""
        return f"json://someone:open-sesame@127.0.0.1:{self.server_address[1]}/"


class _Hook(BaseHTTPRequestHandler):
    server: Mailbox

    def do_POST(self) -> None:
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
        """Nothing."""


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A web hook on a loopback port."""
    with Mailbox() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_stale_data_is_told(flowed: Cli, mailbox: Mailbox) -> None:
    """Only when it is stale; the exit code stays 3 when nobody listens."""
    flowed.env["NOTIFY_URLS"] = f"{mailbox.url}\t{mailbox.url}?second"
    flowed.secrets.append("open-sesame")
    assert "2 addresses" in flowed("doctor", "--offline").stdout
    flowed("status", "--notify").done()
    assert mailbox.got == []
    assert flowed("status", "--notify", "--max-age", "0").code == 3
    assert ["stale" in one["title"] for one in mailbox.got] == [True, True]
    assert "hours ago" in mailbox.got[0]["message"]
    mailbox.status = 500
    outcome = flowed("status", "--notify", "--max-age", "0")
    assert (outcome.code, "number 1, 2 of NOTIFY_URLS" in outcome.stderr) == (3, True)


def test_addresses_that_are_none(flowed: Cli) -> None:
    """Doctor tells which one by its place; --notify without any is a setting to make."""
    flowed.env["NOTIFY_URLS"] = "json://127.0.0.1/ nonsense://open-sesame"
    flowed.secrets.append("open-sesame")
    outcome = flowed("doctor", "--offline")
    assert (outcome.code, "number 2 of NOTIFY_URLS" in outcome.stdout) == (3, True)
    del flowed.env["NOTIFY_URLS"]
    flowed("status", "--notify").failed(78, "NOTIFY_URLS")

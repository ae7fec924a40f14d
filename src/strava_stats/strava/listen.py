"""Catches the OAuth redirect on a loopback port."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

from strava_stats.errors import ConfigurationError, NotAuthorised

LOOPBACK = frozenset({"localhost", "127.0.0.1"})
READ_SECONDS = 10
PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>strava-stats</title>
<body style="font: 1.1rem system-ui; margin: 4rem auto; max-width: 32rem">
<h1>Thank you</h1><p>strava-stats has got Strava's answer. You can close this page and go back to the terminal.</p>
"""


class RedirectListener:
    """Listens from construction to exit (use it with `with`).

    `redirect_uri` is the address to hand to Strava: the one given, with the free port that was chosen when it has
    none (localhost is allowed with any port, API.md §1). With `state`, redirects with another state are ignored.
    `at` is the host and port to listen at where those of the address will not do: a container's loopback cannot be
    reached from outside, so it listens at all its addresses, and the engine hands on the host's loopback port alone.
    Raises ConfigurationError when the address is not http on a loopback host, or its port is taken.
    """

    def __init__(self, redirect_uri: str, state: str | None = None, at: tuple[str, int] | None = None) -> None:
        parts = urlsplit(redirect_uri)
        if parts.scheme != "http" or parts.hostname not in LOOPBACK:
            raise ConfigurationError(
                "Only an http:// address on localhost can be listened at",
                "set STRAVA_REDIRECT_URI to http://localhost:8765/exchange_token, or run `auth` without --listen",
            )
        self._caught: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._path = parts.path or "/"
        self._state = state
        self._server = self._bind(*(at or ("127.0.0.1", parts.port or 0)))
        port = self._server.server_address[1]
        self.redirect_uri = urlunsplit(parts._replace(netloc=f"{parts.hostname}:{port}"))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, timeout: float) -> str:
        """The full redirect address; raises NotAuthorised when none comes within `timeout` seconds."""
        try:
            return self._caught.get(timeout=timeout)
        except queue.Empty:
            raise NotAuthorised(
                f"No redirect from Strava arrived within {timeout:.0f} s",
                "run `strava-stats auth` again, or paste the address with `strava-stats auth --code`",
            ) from None

    def offer(self, target: str) -> bool:
        """Take the request target if it is the redirect; False for a favicon or a foreign request."""
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        is_ours = (parts.path or "/") == self._path and ("code" in query or "error" in query)
        if not is_ours or (self._state is not None and query.get("state", [""])[0] != self._state):
            return False
        self._caught.put(urlunsplit(urlsplit(self.redirect_uri)._replace(query=parts.query)))
        return True

    def _bind(self, host: str, port: int) -> ThreadingHTTPServer:
        offer = self.offer

        class Handler(_Handler):
            def take(self) -> bool:
                return offer(self.path)

        try:
            return _Server((host, port), Handler)
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} on {host} cannot be listened at: it is in use or not allowed",
                "set STRAVA_REDIRECT_URI to another port, such as http://localhost:8765/exchange_token",
            ) from error


def listen_for_redirect(
    redirect_uri: str,
    timeout: float,
    announce: Callable[[str], None] | None = None,
    state: str | None = None,
    at: tuple[str, int] | None = None,
) -> str:
    """Catch one redirect and return its full address; `announce` is told the address to hand to Strava first.

    Raises ConfigurationError (address or port) and NotAuthorised (nothing within `timeout` seconds).
    """
    with RedirectListener(redirect_uri, state, at) as listener:
        if announce is not None:
            announce(listener.redirect_uri)
        return listener.wait(timeout)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_port = False

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """A browser that hangs up is no event."""


class _Handler(BaseHTTPRequestHandler):
    timeout = READ_SECONDS

    def take(self) -> bool:
        """Whether this request was the redirect."""
        return False

    def do_GET(self) -> None:
        """Thank for the redirect; 404 for everything else."""
        taken = self.take()
        body = PAGE if taken else b"not found\n"
        self.send_response(HTTPStatus.OK if taken else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", "text/html; charset=utf-8" if taken else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Log nothing: the request line holds the code."""

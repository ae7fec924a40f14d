"""A corporate proxy that opens every TLS connection and shows certificates of its own authority instead."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

HOST = "strava.test"
"""Resolved by nobody: only a proxy leads there."""
NAMES = f"DNS:{HOST},IP:0.0.0.0"
KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
HOP_BY_HOP = frozenset({"connection", "proxy-connection", "keep-alive", "transfer-encoding"})


def openssl(*arguments: str | Path) -> None:
    """Run the openssl command."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl to make certificates with")
    subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """A private certificate authority: `root` is what a user has to trust, `chain` what servers show."""

    def __init__(self, folder: Path, name: str = "Example Corp Root") -> None:
        folder.mkdir(parents=True)
        self.root, self.chain = folder / "corp-root.pem", folder / "chain.pem"
        root_key, request, extensions = folder / "root.key", folder / "leaf.csr", folder / "leaf.ext"
        subject = ("-subj", f"/CN={name}")
        openssl("req", "-x509", *KEY.split(), "-days", "30", *subject, "-keyout", root_key, "-out", self.root)
        openssl("req", *KEY.split(), "-subj", f"/CN={HOST}", "-keyout", self.key, "-out", request)
        extensions.write_text(f"subjectAltName={NAMES}\nextendedKeyUsage=serverAuth\n", encoding="utf-8")
        signed = ("-CA", self.root, "-CAkey", root_key, "-CAcreateserial", "-days", "30", "-extfile", extensions)
        openssl("x509", "-req", "-in", request, *signed, "-out", self.chain)

    @property
    def key(self) -> Path:
        """The private key of what servers show."""
        return self.chain.with_suffix(".key")

    def context(self) -> ssl.SSLContext:
        """TLS as the proxy speaks it to us."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context

    def store(self, folder: Path) -> Path:
        """A folder of trusted certificates as a system keeps it, holding this authority alone."""
        folder.mkdir()
        shutil.copy(self.root, folder / "ca-certificates.crt")
        shutil.copy(self.root, folder / "corp-root.pem")
        openssl("rehash", folder)
        return folder


class _Handler(BaseHTTPRequestHandler):
    """CONNECT, then whatever comes through the opened tunnel is passed on in plain text."""

    protocol_version = "HTTP/1.1"
    server: Intercepting

    def do_CONNECT(self) -> None:
        self.server.tunnels.append(self.path)
        self.send_response(200, "Connection established")
        self.end_headers()
        self.open_tls()

    def open_tls(self) -> None:
        try:
            self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        except OSError:  # the client does not trust us
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        far_end = http.client.HTTPConnection(self.server.far_end, timeout=30)
        try:
            far_end.request(self.command, self.path, body, dict(self.headers.items()))
            answer = far_end.getresponse()
            content = answer.read()
        finally:
            far_end.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _pass_on  # noqa: N815 - the same

    def finish(self) -> None:
        """Close what TLS was opened on; the server knows only the socket below."""
        super().finish()
        self.connection.close()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Direct(_Handler):
    """The same without a proxy: TLS from the first byte."""

    def setup(self) -> None:
        super().setup()
        self.open_tls()

    def handle(self) -> None:
        if isinstance(self.connection, ssl.SSLSocket):
            super().handle()


class Intercepting(ThreadingHTTPServer):
    """The proxy on a loopback port, or with `direct` a web server that shows the same certificate."""

    daemon_threads = True

    def __init__(self, authority: Authority, far_end: str, *, direct: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Direct if direct else _Handler)
        self.context = authority.context()
        self.far_end = urlsplit(far_end).netloc
        self.tunnels: list[str] = []
        """Where clients wanted to be led, in order."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle of a handshake is nothing to print."""

    def shutdown_request(self, request: Any) -> None:
        """The plain socket has been taken over where TLS was opened."""
        if isinstance(request, socket.socket) and request.fileno() != -1:
            super().shutdown_request(request)


@contextmanager
def intercepting(authority: Authority, far_end: str, *, direct: bool = False) -> Iterator[Intercepting]:
    """Serve until the end of the block."""
    with Intercepting(authority, far_end, direct=direct) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()

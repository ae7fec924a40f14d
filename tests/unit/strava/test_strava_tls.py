from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clock import VirtualClock

from strava_stats.errors import StravaUnreachable
from strava_stats.strava import transport
from strava_stats.strava.budget_file import BudgetKeeper
from strava_stats.strava.client import Client, build_session

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


class Tokens:
    def access_token(self) -> str:
        return "t"

    def refresh_rejected(self, token: str) -> str:
        return token


def make_certificate(path: Path) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    subject = f"-subj /CN={path.stem} -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    files = ["-keyout", str(path.with_suffix(".key")), "-out", str(path)]
    subprocess.run([openssl, *command.split(), *subject.split(), *files], check=True, capture_output=True)
    return path


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for localhost, with its key beside it."""
    return make_certificate(tmp_path / "corp-root.pem")


@pytest.fixture
def url(certificate: Path) -> Iterator[str]:
    """An https server on loopback with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, args=(listener, context), daemon=True)
    thread.start()
    yield f"https://localhost:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                connection.recv(65_536)
                connection.sendall(ANSWER)
        except OSError:
            continue
        finally:
            plain.close()


def client(url: str, ca_bundle: Path | None) -> Client:
    clock = VirtualClock()
    return Client(url, Tokens(), BudgetKeeper(None, clock), clock, build_session(ca_bundle, url))


def test_ca_bundle_is_trusted(url: str, certificate: Path) -> None:
    """The user's own root certificate opens the way through a corporate proxy."""
    strava = client(url, certificate)
    assert strava.athlete().body == b"{}"
    strava.close()


def test_unknown_certificate(url: str) -> None:
    """A certificate that nobody vouches for ends in 69 at once, and the hint names the setting."""
    strava = client(url, None)
    with pytest.raises(StravaUnreachable, match="REQUESTS_CA_BUNDLE"):
        strava.athlete()
    strava.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's own verifier is asked")
def test_system_store_is_used_beside_the_bundle(
    url: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with SSL_CERT_FILE set, which makes OpenSSL forget the system's list."""
    other = make_certificate(tmp_path / "other.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    monkeypatch.setattr(transport, "SYSTEM_BUNDLES", ("/nowhere.pem", str(certificate)))
    strava = client(url, other)
    assert strava.athlete().body == b"{}"
    strava.close()


def test_plain_http_does_not_pay_for_tls() -> None:
    """Neither truststore nor a TLS context is loaded for a simulator on loopback."""
    session = build_session(None, "http://127.0.0.1:1")
    assert getattr(session.get_adapter("https://x"), "_context") is None  # noqa: B009

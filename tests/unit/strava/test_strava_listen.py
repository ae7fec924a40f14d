from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit

import pytest
import requests

from strava_stats.errors import ConfigurationError, NotAuthorised
from strava_stats.strava.listen import RedirectListener, listen_for_redirect


def get(url: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url.replace("localhost", "127.0.0.1"), timeout=5)


def test_catches_the_redirect() -> None:
    """The redirect is returned whole, at a free port when none was given; other requests get 404."""
    with RedirectListener("http://localhost/exchange_token", state="st") as listener:
        base = listener.redirect_uri
        assert urlsplit(base).port
        assert get(base.replace("exchange_token", "favicon.ico")).status_code == 404
        assert get(base).status_code == 404
        assert get(f"{base}?state=foreign&code=evil").status_code == 404
        page = get(f"{base}?state=st&code=abc&scope=read,activity:read_all")
        assert page.status_code == 200
        assert "abc" not in page.text
        assert listener.wait(5) == f"{base}?state=st&code=abc&scope=read,activity:read_all"


def test_listens_where_a_container_is_reached() -> None:
    """With a host and port of its own it listens there, and hands that port to Strava under the address's name."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with RedirectListener("http://localhost/exchange_token", at=("0.0.0.0", port)) as listener:  # noqa: S104 - a container
        assert listener.redirect_uri == f"http://localhost:{port}/exchange_token"
        get(f"{listener.redirect_uri}?code=abc")
        assert listener.wait(5).endswith("code=abc")


def test_denial_is_caught_too() -> None:
    """A refusal at Strava's page ends the wait as well."""

    def deny(uri: str) -> None:
        threading.Thread(target=get, args=(f"{uri}?error=access_denied",)).start()

    assert listen_for_redirect("http://127.0.0.1/x", 5, announce=deny).endswith("?error=access_denied")


def test_silent_connection_does_not_block() -> None:
    """A browser's spare connection that says nothing does not keep the redirect waiting."""
    with (
        RedirectListener("http://localhost/x") as listener,
        socket.create_connection(("127.0.0.1", urlsplit(listener.redirect_uri).port or 0)),
    ):
        get(f"{listener.redirect_uri}?code=abcd")
        assert listener.wait(5).endswith("code=abcd")


def test_timeout() -> None:
    """Without a redirect the wait ends with the cure."""
    with pytest.raises(NotAuthorised, match="--code"):
        listen_for_redirect("http://localhost/x", 0.01)


def test_port_in_use() -> None:
    """A taken port is named; exit 78."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=str(port)):
            RedirectListener(f"http://localhost:{port}/x")


@pytest.mark.parametrize("uri", ["https://localhost/x", "http://example.com/x", "http://0.0.0.0/x"])
def test_address_that_cannot_be_listened_at(uri: str) -> None:
    """Only http on a loopback host is listened at."""
    with pytest.raises(ConfigurationError, match="STRAVA_REDIRECT_URI"):
        RedirectListener(uri)

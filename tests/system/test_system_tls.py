"""TLS through a corporate proxy that shows certificates of a private authority, as Zscaler and its like do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cli import Cli
from tests.support.intercepting import HOST, Authority, Intercepting, intercepting
from tests.support.served import Strava
from tests.system.conftest import connect

WORDS = (
    f"The certificate shown for {HOST} is not trusted",
    "add its root certificate to the system's trust store",
    "REQUESTS_CA_BUNDLE",
)
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the system's store is a folder on Linux alone")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of the corporation."""
    return Authority(tmp_path_factory.mktemp("corp") / "own ca")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that vouches for nothing here."""
    return Authority(tmp_path_factory.mktemp("stranger") / "ca", "Some Other Root")


@pytest.fixture
def proxy(authority: Authority, strava: Strava, connected: Cli) -> Iterator[Intercepting]:
    """The only way to Strava, and settings that lead there."""
    with intercepting(authority, strava.served.api_base_url) as server:
        connected.env |= {
            "STRAVA_API_BASE_URL": f"https://{HOST}/api/v3",
            "STRAVA_OAUTH_BASE_URL": f"https://{HOST}/oauth",
            "HTTPS_PROXY": f"http://127.0.0.1:{server.port}",
        }
        yield server


def test_without_the_certificate(connected: Cli, proxy: Intercepting, strava: Strava) -> None:
    """One line that says what is not trusted, why, and both cures; tried once, and no call reaches Strava."""
    failure = connected("pull").failed(69, *WORDS).failure
    assert "unable to get local issuer certificate" in failure or sys.platform != "linux"
    assert proxy.tunnels == [f"{HOST}:443"]
    assert strava.simulator.calls == []


def test_json_says_the_same(connected: Cli, proxy: Intercepting) -> None:
    """With --json the failure is of the kind `unreachable`, with the same words."""
    error = connected("flow", "--json").failed(69).json["error"]
    assert error["kind"] == "unreachable"
    assert all(word in f"{error['message']} — {error['hint']}" for word in WORDS)


def test_sign_in_says_the_same(connected: Cli, proxy: Intercepting) -> None:
    """`auth` meets the proxy first, at the token address."""
    connected("auth", "--code", "0" * 40).failed(69, *WORDS)


def test_doctor_finds_it(connected: Cli, proxy: Intercepting, authority: Authority) -> None:
    """`doctor` names the certificate and the cure, and has no finding once the authority is trusted."""
    outcome = connected("doctor", "--json")
    (check,) = (one for one in outcome.json["checks"] if one["name"] == "strava")
    assert (outcome.code, check["ok"]) == (3, False)
    assert all(word in f"{check['detail']} — {check['cure']}" for word in WORDS)
    connected.env["REQUESTS_CA_BUNDLE"] = str(authority.root)
    connected("doctor").done()


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_bundle_of_a_setting(
    connected: Cli, proxy: Intercepting, strava: Strava, authority: Authority, setting: str
) -> None:
    """Each of the three names opens the way, for the refresh of a token and for data alike."""
    connect(connected, strava, expires_at=1)
    connected.env[setting] = str(authority.root)
    connected("flow").done()
    assert connected.one("select count(*) from activities") == 60
    assert set(proxy.tunnels) == {f"{HOST}:443"}
    assert len(strava.calls("oauth")) == 1


def test_the_bundle_of_env_file(connected: Cli, proxy: Intercepting, authority: Authority) -> None:
    """A relative path in `.env` is looked for beside it."""
    shutil.copy(authority.root, connected.home / "secrets" / "corp-root.pem")
    connected.write_env("REQUESTS_CA_BUNDLE=secrets/corp-root.pem\n")
    connected("pull").done()


@pytest.mark.parametrize("name", ["corp-bundle.pem", "corp-root.pem"])
def test_the_file_beside_the_tokens(connected: Cli, proxy: Intercepting, authority: Authority, name: str) -> None:
    """A file of one of these names in the secrets folder needs no setting."""
    shutil.copy(authority.root, connected.home / "secrets" / name)
    connected("pull").done()


@LINUX
def test_the_system_store(connected: Cli, proxy: Intercepting, authority: Authority, tmp_path: Path) -> None:
    """What OpenSSL finds by itself is trusted, with no setting of ours."""
    connected.env["SSL_CERT_DIR"] = str(authority.store(tmp_path / "store"))
    connected("pull").done()


@LINUX
def test_the_bundle_adds_to_the_system_store(
    connected: Cli, proxy: Intercepting, authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    """A bundle with another authority takes nothing away from what the system trusts."""
    connected.env["SSL_CERT_DIR"] = str(authority.store(tmp_path / "store"))
    connected.env["REQUESTS_CA_BUNDLE"] = str(stranger.root)
    connected("pull").done()


def test_another_authority_does_not_help(connected: Cli, proxy: Intercepting, stranger: Authority) -> None:
    """A bundle that lacks the proxy's root changes nothing."""
    connected.env["REQUESTS_CA_BUNDLE"] = str(stranger.root)
    connected("pull").failed(69, *WORDS)


@LINUX
def test_the_store_of_the_machine(connected: Cli, proxy: Intercepting, authority: Authority, tmp_path: Path) -> None:
    """The folder that `update-ca-certificates` fills: here with the authority in it, seen by our process alone."""
    store = authority.store(tmp_path / "store")
    mounting = ["unshare", "--mount", "sh", "-c", f'mount --bind "$0" {SYSTEM_CERTIFICATES} && exec "$@"', str(store)]
    if os.geteuid() != 0 or not SYSTEM_CERTIFICATES.is_dir() or shutil.which("unshare") is None:
        pytest.skip(f"only root may lay a folder over {SYSTEM_CERTIFICATES}")
    if subprocess.run([*mounting, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine allows no mounts of one's own")
    connected("pull").failed(69, *WORDS)
    connected.prefix = mounting
    connected("pull").done()


def test_no_proxy_is_honoured(connected: Cli, proxy: Intercepting, strava: Strava, authority: Authority) -> None:
    """A host in NO_PROXY is asked without the proxy, the others through it."""
    connected.env["REQUESTS_CA_BUNDLE"] = str(authority.root)
    with intercepting(authority, strava.served.api_base_url, direct=True) as server:
        # This machine under a name that is not left out of proxying by itself.
        connected.env["STRAVA_API_BASE_URL"] = f"https://0.0.0.0:{server.port}/api/v3"
        connected.env["NO_PROXY"] = "internal.test,0.0.0.0"
        connected("pull").done()
        assert proxy.tunnels == []
        connect(connected, strava, expires_at=1)
        connected("pull").done()
        assert proxy.tunnels == [f"{HOST}:443"]
        del connected.env["NO_PROXY"]
        connected("pull").done()
        assert f"0.0.0.0:{server.port}" in proxy.tunnels


def test_a_proxy_that_is_not_there(connected: Cli, proxy: Intercepting) -> None:
    """`doctor` tells a proxy that cannot be reached from a certificate that is not trusted."""
    proxy.server_close()
    outcome = connected("doctor", "--json")
    (check,) = (one for one in outcome.json["checks"] if one["name"] == "strava")
    assert (outcome.code, check["ok"]) == (3, False)
    assert "proxy" in check["detail"]
    assert "HTTPS_PROXY" in check["cure"]

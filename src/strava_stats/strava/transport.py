"""The one seam where bytes leave: a session built once, and a request in, an Answer or an Outage out."""

from __future__ import annotations

import gzip
import ssl
import sys
import zlib
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.utils import get_environ_proxies
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.exceptions import SSLError as TlsError

from strava_stats import __version__
from strava_stats.errors import ConfigurationError, StravaUnreachable
from strava_stats.strava.answers import Answer, Outage

USER_AGENT = f"strava-stats-msrvc/{__version__} (+own data, local)"
CHECK_CA = (
    "behind a corporate proxy, add its root certificate to the system's trust store, or point REQUESTS_CA_BUNDLE at it"
    " (PEM); else check this machine's clock"
)
CHECK_PROXY = "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY, then run the same command again"
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Debian, Red Hat, SUSE, Alpine and BSD."""
POOLS, CONNECTIONS = 2, 4
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
NETWORK_ERRORS = (requests.RequestException, HTTPError, OSError, EOFError, zlib.error)


class Bearer(AuthBase):
    """The access token as an AuthBase: `~/.netrc` would replace a plain header."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on `request`."""
        request.headers["Authorization"] = self._header
        return request


class SystemTrustAdapter(HTTPAdapter):
    """https that trusts what the operating system trusts, and a CA bundle besides.

    The TLS context is made at the first https request: a plain http simulator never pays for it.
    """

    def __init__(self, ca_bundle: Path | None) -> None:
        self._ca_bundle = ca_bundle
        self._context: ssl.SSLContext | None = None
        super().__init__()

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        """The connection pool for `request`, made with our TLS context."""
        if self._context is None:
            self._context = _tls_context(self._ca_bundle)
            self.init_poolmanager(POOLS, CONNECTIONS, ssl_context=self._context)
        return super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """The manager for `proxy`, with our TLS context for what is tunnelled through it."""
        if proxy.lower().startswith("https:"):
            kwargs["proxy_ssl_context"] = self._context
        return super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ARG002
        """Leave verification to the TLS context; the base class would add certifi's list to it."""
        conn.cert_reqs = "CERT_REQUIRED"


def build_session(ca_bundle: Path | None, base_url: str) -> requests.Session:
    """A session for `base_url`: proxies resolved once, no cookies, no netrc, the system's trust store.

    Raises ConfigurationError for a `ca_bundle` that is missing or holds no PEM certificate.
    """
    if ca_bundle is not None:
        _check_ca_bundle(ca_bundle)
    session = requests.Session()
    session.trust_env = False
    if (urlsplit(base_url).hostname or "") not in LOOPBACK:
        session.proxies = dict(get_environ_proxies(base_url))
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("https://", SystemTrustAdapter(ca_bundle))
    return session


def prepare(method: str, url: str, setting: str, **parts: Any) -> requests.PreparedRequest:
    """A request with our headers; ConfigurationError naming `setting` when `url` is no address."""
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
    request = requests.PreparedRequest()
    try:
        request.prepare(method=method, url=url, headers=headers, **parts)
    except (requests.RequestException, UnicodeError) as error:
        raise ConfigurationError(
            f"{setting} is not a usable address", f"set {setting} to an https:// address"
        ) from error
    return request


def send(session: requests.Session, request: requests.PreparedRequest, timeout: tuple[float, float]) -> Answer | Outage:
    """One attempt. A body cut short is an Outage; a certificate that does not verify raises StravaUnreachable."""
    try:
        with session.send(request, stream=True, timeout=timeout, allow_redirects=False) as response:
            return Answer(response.status_code, _read_body(response), response.headers)
    except (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL) as error:
        raise ConfigurationError("The proxy or API address cannot be used", CHECK_PROXY) from error
    except NETWORK_ERRORS as error:
        reason = _distrust(error)
        if reason is None:
            return _outage(error)
        host = urlsplit(request.url or "").hostname
        raise StravaUnreachable(f"The certificate shown for {host} is not trusted{reason}", CHECK_CA) from error


def _outage(error: Exception) -> Outage:
    if isinstance(error, requests.exceptions.ProxyError):
        return Outage("the proxy does not let the connection through", CHECK_PROXY)
    if isinstance(error, requests.exceptions.Timeout | TimeoutError) or "timed out" in str(error):
        return Outage("time-out")
    if isinstance(error, requests.exceptions.SSLError | TlsError):
        return Outage("no TLS connection", CHECK_CA)
    if "NameResolutionError" in repr(error):
        return Outage("the name of the API's server cannot be resolved")
    if "NewConnectionError" in repr(error):
        return Outage("no connection")
    return Outage("the connection was dropped")


def _distrust(error: Exception) -> str | None:
    """Why the certificate did not verify, in brackets, or "" when that is not said; None for every other error."""
    chain: dict[int, BaseException] = {}
    pending: list[Any] = [error]
    while pending:
        one = pending.pop()
        if isinstance(one, ssl.SSLCertVerificationError):
            reason = getattr(one, "verify_message", "").rstrip(".")
            return f" ({reason})" if reason else ""
        if isinstance(one, BaseException) and id(one) not in chain:
            chain[id(one)] = one
            pending += [one.__cause__, one.__context__, *one.args]  # urllib3 keeps the reason as an argument
    return "" if any("CERTIFICATE_VERIFY_FAILED" in str(one) for one in chain.values()) else None


def _read_body(response: requests.Response) -> bytes:
    headers = response.headers
    encoding = headers.get("Content-Encoding", "").strip().lower()
    if isinstance(response.raw, HTTPResponse):
        sent = bytes(response.raw.read(decode_content=False))
    else:
        # An adapter that is not urllib3's: what it hands out counts as decoded.
        sent, encoding = response.content, ""
    declared = headers.get("Content-Length", "")
    unmeasured = "Transfer-Encoding" in headers or ("Content-Encoding" in headers and not encoding)
    if not unmeasured and declared.isdecimal() and len(sent) != int(declared):
        raise EOFError("body shorter than its Content-Length")
    # A gzip stream has an end of its own, which urllib3 does not insist on.
    if encoding in {"gzip", "x-gzip"}:
        return gzip.decompress(sent)
    if encoding not in {"", "identity"}:
        raise EOFError("content encoding that was not asked for")
    return sent


def _check_ca_bundle(path: Path) -> None:
    if path.is_dir():
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except OSError as error:
        raise ConfigurationError(
            f"{path} is not a readable PEM file with certificates",
            "set REQUESTS_CA_BUNDLE to an existing PEM file, or leave it empty",
        ) from error


def _tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    import truststore  # noqa: PLC0415 - only https pays for it

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_bundle is None:
        return context
    if ca_bundle.is_dir():
        context.load_verify_locations(capath=ca_bundle)
    else:
        context.load_verify_locations(cafile=ca_bundle)
    if sys.platform == "linux":
        # SSL_CERT_FILE makes OpenSSL, and so truststore, forget the system's own list.
        for bundle in SYSTEM_BUNDLES:
            if Path(bundle).is_file():
                context.load_verify_locations(cafile=bundle)
                break
    return context

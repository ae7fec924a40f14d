"""Settings: the environment first, then `.env` at the repo root, then the defaults of `.env.example`.

Only entry points read settings; everything below them is handed plain values.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from strava_stats import __version__
from strava_stats.errors import ConfigurationError

T = TypeVar("T")

PER_PAGE_LIMIT = 200
LONGEST_SHOWN = 60
MOST_ZONES = 100
WIDEST_ZONE = 100_000  # m
NO_PLACES = frozenset({"localtime", "posixrules", "posix", "right"})  # DuckDB does not know them
ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_.]*\s*=")
DECIMAL = re.compile(r"[+-]?\d{1,9}(?:\.\d*)?", re.ASCII)
SCOPES = frozenset(
    {"read", "read_all", "profile:read_all", "profile:write", "activity:read", "activity:read_all", "activity:write"}
)


@dataclass(frozen=True)
class Settings:
    """All settings with their types; folders are absolute."""

    client_id: str | None
    client_secret: str | None = field(repr=False)
    redirect_uri: str
    scopes: tuple[str, ...]
    api_base_url: str
    oauth_base_url: str
    data_dir: Path
    secrets_dir: Path
    logs_dir: Path
    per_page: int
    days: int
    full_sweep_days: int
    timezone: str
    week_start: str
    ca_bundle: Path | None
    notify_urls: tuple[str, ...]
    backup_passphrase: str | None = field(repr=False)
    privacy_zones: tuple[tuple[float, float, float], ...] = field(repr=False)
    env_file: Path
    shown_data_dir: str | None

    @property
    def cron_file(self) -> Path:
        """When `schedule` runs the flow; beside `.env`, not a setting of its own."""
        return self.env_file.parent / "cron" / "strava.cron"


def repo_root() -> Path:
    """The folder that relative paths and `.env` belong to.

    `STRAVA_STATS_HOME` when set; else the checkout this package runs from; else the current folder (installed
    from a wheel).
    """
    home = os.environ.get("STRAVA_STATS_HOME")
    if home:
        return Path(home).expanduser().absolute()
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


def build_name() -> str:
    """The version; in an image with a checksum of what the image was made from: `0.1.0+1234567890`."""
    return os.environ.get("STRAVA_STATS_IMAGE") or __version__


def read_env_file(path: Path) -> dict[str, str]:
    """The assignments of a `.env` file; {} when there is none; ConfigurationError naming the line otherwise."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as UTF-8 text ({type(error).__name__})",
            "write it anew from .env.example, one NAME=value a line",
        ) from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#") and not ASSIGNMENT.match(line):
            raise ConfigurationError(
                f"{path} line {number} is not NAME=value", "mend or delete that line; .env.example shows the form"
            )
    from io import StringIO  # noqa: PLC0415 - dotenv costs 10 ms and `--help` needs none of it

    from dotenv import dotenv_values  # noqa: PLC0415

    return {name: value or "" for name, value in dotenv_values(stream=StringIO(text), interpolate=False).items()}


def load_settings(
    environ: Mapping[str, str] | None = None,
    root: Path | None = None,
    *,
    data_dir: Path | None = None,
    secrets_dir: Path | None = None,
    logs_dir: Path | None = None,
) -> Settings:
    """Read, check and type all settings; folders given as arguments (command line) win over both sources."""
    environ = os.environ if environ is None else environ
    root = repo_root() if root is None else root
    env_file = root / ".env"
    values = {**read_env_file(env_file), **{k: v for k, v in environ.items() if v.strip()}}

    def read(name: str, default: str, check: Callable[[str, str], T]) -> T:
        return check(name, values.get(name, "").strip() or default)

    def folder(name: str, default: str, given: Path | None) -> Path:
        # A path on the command line is relative to where the user stands, a setting to the repo root.
        return (
            given.expanduser().absolute()
            if given
            else root / Path(values.get(name, "").strip() or default).expanduser()
        )

    return Settings(
        client_id=values.get("STRAVA_CLIENT_ID", "").strip() or None,
        client_secret=values.get("STRAVA_CLIENT_SECRET", "").strip() or None,
        redirect_uri=read("STRAVA_REDIRECT_URI", "http://localhost/exchange_token", _url),
        scopes=read("STRAVA_SCOPES", "read,activity:read_all,profile:read_all", _scopes),
        api_base_url=read("STRAVA_API_BASE_URL", "https://www.strava.com/api/v3", _url).rstrip("/"),
        oauth_base_url=read("STRAVA_OAUTH_BASE_URL", "https://www.strava.com/oauth", _url).rstrip("/"),
        data_dir=folder("DATA_DIR", "data", data_dir),
        secrets_dir=folder("SECRETS_DIR", "secrets", secrets_dir),
        logs_dir=folder("LOGS_DIR", "logs", logs_dir),
        per_page=read("PER_PAGE", "200", _whole(1, PER_PAGE_LIMIT)),
        days=read("DAYS", "21", _whole(0, 36_500)),
        full_sweep_days=read("FULL_SWEEP_DAYS", "7", _whole(0, 36_500)),
        timezone=read("TZ", "Europe/London", _zone),
        week_start=read("WEEK_START", "monday", _one_of("monday", "sunday")),
        ca_bundle=_ca_bundle(values, root, folder("SECRETS_DIR", "secrets", secrets_dir)),
        notify_urls=tuple(values.get("NOTIFY_URLS", "").split()),
        backup_passphrase=values.get("BACKUP_PASSPHRASE") or None,
        privacy_zones=read("PRIVACY_ZONES", "", _zones),
        env_file=env_file,
        # Set by Compose: a container sees the data folder elsewhere than those who open what it publishes.
        shown_data_dir=None if data_dir else _absolute(environ.get("STRAVA_STATS_DATA_OUTSIDE", "")),
    )


def _absolute(path: str) -> str | None:
    return path if path.startswith("/") else None


def _wrong(name: str, value: str, allowed: str) -> ConfigurationError:
    shown = value if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]}…"
    return ConfigurationError(f"{name}={shown!r} is not valid", f"set {name} to {allowed}, in .env or the environment")


def _whole(low: int, high: int) -> Callable[[str, str], int]:
    def check(name: str, value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise _wrong(name, value, f"a whole number from {low} to {high}")
        return int(value)

    return check


def _one_of(*allowed: str) -> Callable[[str, str], str]:
    def check(name: str, value: str) -> str:
        if value.lower() not in allowed:
            raise _wrong(name, value, " or ".join(allowed))
        return value.lower()

    return check


def _url(name: str, value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in value):
        raise _wrong(name, value, "an http:// or https:// address")
    return value


def _scopes(name: str, value: str) -> tuple[str, ...]:
    scopes = tuple(scope for scope in re.split(r"[,\s]+", value) if scope)
    if not scopes or not set(scopes) <= SCOPES:
        raise _wrong(name, value, f"scopes out of {', '.join(sorted(SCOPES))}, separated by commas")
    return scopes


def _zone(name: str, value: str) -> str:
    value = value.removeprefix(":")  # POSIX allows it in TZ
    if value.split("/")[0] in NO_PLACES:
        raise _wrong(name, value, "a time zone such as Europe/London")
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _wrong(name, value, "a time zone such as Europe/London") from error
    return value


def _zones(name: str, value: str) -> tuple[tuple[float, float, float], ...]:
    """Circles as (degrees north, degrees east, metres). A wrong one is not shown: it says where somebody lives."""
    circles = [circle for circle in value.split(";") if circle.strip()]
    zones = []
    for number, circle in enumerate(circles, start=1):
        parts = [part.strip() for part in circle.split(",")]
        is_whole = len(parts) == len(("lat", "lng", "radius")) and all(DECIMAL.fullmatch(part) for part in parts)
        lat, lng, radius = map(float, parts) if is_whole else (0.0, 0.0, 0.0)
        if not (abs(lat) <= 90 and abs(lng) <= 180 and 0 < radius <= WIDEST_ZONE):  # noqa: PLR2004 - degrees
            raise ConfigurationError(
                f"Circle {number} of {name} is not valid",
                f"set {name} to latitude,longitude,radius in degrees and metres (up to {WIDEST_ZONE}), with ; between "
                "circles, in .env or the environment",
            )
        zones.append((lat, lng, radius))
    if len(zones) > MOST_ZONES:
        raise ConfigurationError(f"{name} has {len(zones)} circles", f"leave at most {MOST_ZONES}")
    return tuple(zones)


def _ca_bundle(values: Mapping[str, str], root: Path, secrets_dir: Path) -> Path | None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        value = values.get(name, "").strip()
        if not value:
            continue
        path = root / Path(value).expanduser()
        if not path.exists():
            raise _wrong(name, value, "the path of an existing PEM file, or leave it empty")
        return path
    own = (secrets_dir / name for name in ("corp-bundle.pem", "corp-root.pem"))
    return next((path for path in own if path.is_file()), None)

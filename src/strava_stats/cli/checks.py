"""What `doctor` looks at. Each check says what it saw; a finding comes with its cure."""

from __future__ import annotations

import json
import os
import platform
import shutil
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from strava_stats.cli.context import Context
from strava_stats.errors import StravaStatsError
from strava_stats.settings import build_name

LEAST_FREE = 500 << 20  # bytes
CLOCK_SLACK = 120.0  # seconds
TOKEN_MODE = 0o600
STRAVA_PATHS = {"www.strava.com": "/api/v3", "strava.com": "/api/v3", "api-v3.strava.com": ""}
SILENT = timedelta(hours=1)
"""A scheduler that has given no heartbeat for this long does not run: its version no longer matters."""


@dataclass(frozen=True)
class Check:
    """One look at the environment."""

    name: str
    ok: bool
    detail: str
    cure: str = ""


def examine(context: Context, *, offline: bool) -> list[Check]:
    """All checks, in the order in which a first run needs them."""
    checks = [guarded("python", _python, context), guarded("settings", _settings, context)]
    if "settings" not in context.__dict__:
        return checks
    looks: list[tuple[str, Callable[[Context], Check]]] = [
        ("duckdb", _duckdb),
        ("addresses", _addresses),
        ("proxy and CA", _way_out),
        ("notices", _notices),
        ("credentials", _credentials),
        ("token", _token),
        ("scopes", _scopes),
        ("data folder", lambda one: _folder("data folder", one.settings.data_dir, "DATA_DIR")),
        ("secrets folder", lambda one: _folder("secrets folder", one.settings.secrets_dir, "SECRETS_DIR")),
        ("logs folder", lambda one: _folder("logs folder", one.settings.logs_dir, "LOGS_DIR")),
        ("disk", _disk),
        ("warehouse", _warehouse),
        ("versions", _versions),
    ]
    checks += [guarded(name, look, context) for name, look in looks]
    if not offline:
        checks.append(guarded("strava", _reach, context))
        can_ask = all(check.ok for check in checks if check.name in {"credentials", "token", "strava"})
        if can_ask and context.layout.state.is_dir():
            checks.append(guarded("application", _application, context))
    return checks


def guarded(name: str, look: Callable[[Context], Check], context: Context) -> Check:
    """The check, or the failure that kept it from looking."""
    try:
        return look(context)
    except StravaStatsError as error:
        return Check(name, ok=False, detail=error.message, cure=error.hint)


def _python(_: Context) -> Check:
    return Check("python", sys.version_info >= (3, 11), platform.python_version(), "install Python 3.11 or newer")


def _settings(context: Context) -> Check:
    settings = context.settings
    if settings.env_file.exists() and settings.env_file.stat().st_mode & 0o077:
        return Check("settings", ok=False, detail=f"others can read {settings.env_file}", cure="chmod 600 that file")
    env = settings.env_file if settings.env_file.exists() else "no .env"
    return Check(
        "settings", ok=True, detail=f"{env}, API {settings.api_base_url}, CA bundle {settings.ca_bundle or 'system'}"
    )


def _duckdb(_: Context) -> Check:
    import duckdb  # noqa: PLC0415

    version = tuple(int(part) for part in duckdb.__version__.split(".")[:2])
    return Check(
        "duckdb", version >= (1, 4), duckdb.__version__, "run `make build` again: DuckDB 1.4 or newer is needed"
    )


def _addresses(context: Context) -> Check:
    settings = context.settings
    api, oauth = urlsplit(settings.api_base_url), urlsplit(settings.oauth_base_url)
    wanted = STRAVA_PATHS.get(api.hostname or "")
    wrong = ""
    if wanted is not None and api.path != wanted:
        wrong = f"STRAVA_API_BASE_URL={settings.api_base_url} has no right path"
    elif any(one.scheme == "http" and (one.hostname or "").endswith("strava.com") for one in (api, oauth)):
        wrong = "plain http would show the tokens to everybody on the way"
    return Check(
        "addresses",
        not wrong,
        wrong
        or f"API {settings.api_base_url}, OAuth {settings.oauth_base_url}; the application's callback domain has "
        f"to be {urlsplit(settings.redirect_uri).hostname}",
        "use https://www.strava.com/api/v3, or https://api-v3.strava.com with nothing behind it, and "
        "https://www.strava.com/oauth",
    )


def _way_out(context: Context) -> Check:
    """Whether a CA bundle can be read at all; proxies are named without the password in them."""
    bundle = context.settings.ca_bundle
    proxies = [f"{name} {_host_of(value)}" for name, value in sorted(getproxies().items()) if name != "no"]
    seen = f"{', '.join(proxies) or 'no proxy'}; {bundle or 'the system'} says whom to trust"
    if bundle is not None and bundle.is_file():
        try:
            ssl.create_default_context(cafile=str(bundle))
        except (ssl.SSLError, OSError) as error:
            return Check(
                "proxy and CA",
                ok=False,
                detail=f"{bundle} holds no usable certificate ({type(error).__name__})",
                cure="export the root certificate as PEM (Base64), see docs/operations.md",
            )
    return Check("proxy and CA", ok=True, detail=seen)


def _host_of(address: str) -> str:
    parts = urlsplit(address if "//" in address else f"//{address}")
    try:
        port = parts.port
    except ValueError:
        port = None
    return f"{parts.hostname or 'unreadable'}{f':{port}' if port else ''}"


def _notices(context: Context) -> Check:
    from strava_stats.notices import unusable  # noqa: PLC0415

    urls = context.settings.notify_urls
    wrong = unusable(urls) if urls else []
    return Check(
        "notices",
        not wrong,
        f"no service is known for number {', '.join(map(str, wrong))} of NOTIFY_URLS"
        if wrong
        else f"{len(urls)} address{'es'[: 2 * (len(urls) != 1)]} in NOTIFY_URLS",
        "write addresses as apprise does, such as mailto://… or ntfy://…, with blanks between them",
    )


def _credentials(context: Context) -> Check:
    client_id, _ = context.credentials()
    return Check("credentials", ok=True, detail=f"client id {client_id}, secret set")


def _token(context: Context) -> Check:
    # Looked at before the file is loaded, which tightens it.
    mode = context.tokens.path.stat().st_mode & 0o777 if context.tokens.path.exists() else TOKEN_MODE
    tokens = context.athletes()
    return Check(
        "token",
        mode == TOKEN_MODE,
        f"athletes {', '.join(str(one.athlete_id) for one in tokens)}, mode {mode:04o}",
        f"chmod 600 {context.tokens.path}",
    )


def _scopes(context: Context) -> Check:
    lacking = []
    for token in context.athletes():
        granted = set(token.scopes) if token.scopes is not None else None
        if granted is not None and "activity:read_all" not in granted:
            lacking.append(f"athlete {token.athlete_id} granted {','.join(sorted(granted)) or 'nothing'}")
    return Check(
        "scopes",
        not lacking,
        "; ".join(lacking) or "activity:read_all granted (or not said by Strava)",
        "run `strava-stats auth` again and tick all boxes",
    )


def _folder(name: str, path: Path, setting: str) -> Check:
    existing = next(one for one in (path, *path.parents) if one.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    return Check(
        name, writable, str(path), f"make {existing} writable for this user, or set {setting} to another folder"
    )


def _disk(context: Context) -> Check:
    path = context.settings.data_dir
    existing = next(one for one in (path, *path.parents) if one.exists())
    free = shutil.disk_usage(existing).free
    return Check("disk", free >= LEAST_FREE, f"{free / 1e9:.1f} GB free", "free at least 500 MB where the data lies")


def _warehouse(context: Context) -> Check:
    from strava_stats.warehouse.query import Warehouse, is_current  # noqa: PLC0415

    path = context.layout.warehouse
    if not path.exists():
        return Check("warehouse", ok=True, detail="none yet: `strava-stats flow` makes it")
    with Warehouse(path) as warehouse:
        current = is_current(warehouse)
    return Check("warehouse", current, str(path), "run `strava-stats compact`: it was built by another version")


def _versions(context: Context) -> Check:
    """Whether the scheduler that writes to these folders is of the same build: after an upgrade it may not be."""
    ours = build_name()
    path = context.layout.state / "scheduler.json"
    try:
        told = json.loads(path.read_bytes())
        beat, theirs = told.get("heartbeat_at"), told.get("version") or "one that does not tell"
        alive = bool(beat) and datetime.now(UTC) - datetime.fromisoformat(beat) <= SILENT
    except FileNotFoundError:
        alive, theirs = False, ""
    except (ValueError, TypeError, AttributeError):
        return Check("versions", ok=False, detail=f"{path} cannot be read", cure="run `make schedule-restart`")
    if not alive:
        return Check("versions", ok=True, detail=f"{ours}, no scheduler runs")
    return Check(
        "versions",
        same_build(ours, theirs),
        f"this is {ours}, the scheduler {theirs}",
        "run `make schedule-restart`: it starts the scheduler anew from the newest build",
    )


def same_build(one: str, other: str) -> bool:
    """Two names of `build_name` fit: images of one checksum, or one version where a side is no image."""
    both_images = "+" in one and "+" in other
    return one == other if both_images else one.partition("+")[0] == other.partition("+")[0]


def _reach(context: Context) -> Check:
    """One request without a token: it is answered 401, counts for no application, and carries Strava's clock."""
    from strava_stats.strava.answers import Outage  # noqa: PLC0415
    from strava_stats.strava.transport import prepare, send  # noqa: PLC0415

    url = f"{context.settings.api_base_url}/athlete"
    reply = send(context.session, prepare("GET", url, "STRAVA_API_BASE_URL"), (10.0, 10.0))
    if isinstance(reply, Outage):
        return Check(
            "strava",
            ok=False,
            detail=f"{url} cannot be reached: {reply.reason}",
            cure=f"check STRAVA_API_BASE_URL; {reply.hint}",
        )
    return _clock(url, reply.status, reply.headers.get("Date"))


def _application(context: Context) -> Check:
    """One call: a token that is refreshed says nothing of whether Strava still serves the application."""
    services = context.services()
    keeper = services.keeper_for()
    if min(keeper.remaining()) < 1:
        return Check("application", ok=True, detail="not asked: the calls of this quarter hour or day are used up")
    answer = services.client_for(context.athletes()[0], keeper).athlete()
    return Check(
        "application",
        answer.status == HTTPStatus.OK,
        f"answers with {answer.status}",
        "look at https://www.strava.com/settings/api: the application's owner needs a subscription",
    )


def _clock(url: str, status: int, date: str | None) -> Check:
    if status not in {200, 401}:
        return Check("strava", ok=False, detail=f"{url} answered {status}", cure="check STRAVA_API_BASE_URL")
    off = 0.0
    if date:
        off = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    return Check(
        "strava",
        abs(off) <= CLOCK_SLACK,
        f"answers; this clock is {off:+.0f} s off Strava's",
        "set this machine's clock (NTP)",
    )

"""auth: the way from nothing to a stored token."""

from __future__ import annotations

import os
import re
import secrets
import sys
import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_stats.cli.app import app, report
from strava_stats.cli.context import Context
from strava_stats.errors import NotAuthorised, UsageError
from strava_stats.files import make_folder, write_atomic

if TYPE_CHECKING:
    from strava_stats.strava.auth import Redirect
    from strava_stats.strava.token_store import Token

STATE_FILE = "auth_state"
LISTEN_SECONDS = 300.0
GUIDE = """\
Strava lets you read your own data through an API application of your own. Making one takes a minute:

  1. Open https://www.strava.com/settings/api (since June 2026 the owner of the application needs a subscription).
  2. Application Name: anything, e.g. "My own data" · Category: Data Importer · Website: http://localhost
     Authorization Callback Domain: localhost
  3. Copy "Client ID" and "Client Secret" from that page. They stay on this machine, in {env_file} (mode 0600).
"""


@app.command()
def auth(
    ctx: typer.Context,
    code: Annotated[
        str | None, typer.Option("--code", help="The redirect address the browser ended at, or its code.")
    ] = None,
    listen: Annotated[bool, typer.Option("--listen", help="Catch the redirect on a loopback port.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Who gave access to what.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Give access back and delete the token.")] = False,
) -> None:
    """Connect an athlete, or show or revoke the connection."""
    context: Context = ctx.obj
    if sum((code is not None, listen, status, revoke)) > 1:
        raise UsageError("--code, --listen, --status and --revoke exclude each other", "give one of them")
    if status:
        _show_status(context)
    elif revoke:
        _revoke(context)
    else:
        _connect(context, code, listen=listen)


def _connect(context: Context, pasted: str | None, *, listen: bool) -> None:
    from strava_stats.strava.auth import parse_redirect  # noqa: PLC0415 - heavy imports are lazy

    started = datetime.now(UTC)
    _ask_for_credentials(context)
    if pasted is None:
        pasted = _listen(context) if listen else _ask_for_redirect(context)
    redirect = parse_redirect(pasted)
    _check_state(context, redirect)
    token = context.oauth.exchange(redirect.code, redirect.scopes)
    context.tokens.save(token, replace_corrupt=True)
    (context.settings.secrets_dir / STATE_FILE).unlink(missing_ok=True)
    missing = _missing_scopes(context, token)
    if context.as_json:
        from strava_stats.cli.output import print_json  # noqa: PLC0415

        scopes = None if token.scopes is None else list(token.scopes)
        outcome = "partial" if missing else "ok"
        print_json(report("auth", outcome, started, athlete_id=token.athlete_id, scopes=scopes, missing_scopes=missing))
        return
    print(f"Connected athlete {token.athlete_id}{f' ({token.name})' if token.name else ''}.")
    context.narrator.say("Next: `strava-stats flow --backfill` (everything), then `strava-stats flow` every day.")


def _missing_scopes(context: Context, token: Token) -> list[str]:
    if token.scopes is None:
        return []
    granted = set(token.scopes)
    missing = [scope for scope in context.settings.scopes if scope not in granted and scope != "read"]
    if missing:
        context.narrator.warn(
            f"These boxes were not ticked: {', '.join(missing)}. Run `strava-stats auth` again and tick all of them, "
            + ("or activities stay invisible" if "activity:read_all" in missing else "or some data is missing")
        )
    return missing


def _ask_for_credentials(context: Context) -> None:
    """On a terminal, guide to an application of the user's own; elsewhere `credentials` says what is missing."""
    settings = context.settings
    if (settings.client_id and settings.client_secret) or not sys.stdin.isatty() or context.as_json:
        context.credentials()
        return
    print(GUIDE.format(env_file=settings.env_file), file=sys.stderr)
    client_id = typer.prompt("Client ID", err=True, value_proc=_client_id)
    client_secret = typer.prompt("Client Secret", hide_input=True, err=True).strip()
    write_env(settings.env_file, {"STRAVA_CLIENT_ID": client_id, "STRAVA_CLIENT_SECRET": client_secret})
    os.environ.pop("STRAVA_CLIENT_ID", None)
    os.environ.pop("STRAVA_CLIENT_SECRET", None)
    del context.settings
    context.credentials()
    print(f"Written to {settings.env_file}.\n", file=sys.stderr)


def _client_id(text: str) -> str:
    if not text.strip().isdigit():
        raise typer.BadParameter("the Client ID is a number")
    return text.strip()


def write_env(path: Path, values: dict[str, str]) -> None:
    """Set variables in a `.env` file, keeping every other line; mode 0600."""
    lines = path.read_text(encoding="utf-8-sig").splitlines() if path.exists() else []
    for name, value in values.items():
        mine = re.compile(rf"^\s*(?:export\s+)?{name}\s*=")
        lines = [line for line in lines if not mine.match(line)]
        lines.append(f"{name}={value}")
    write_atomic(path, "".join(f"{line}\n" for line in lines).encode(), mode=0o600)


def _print_address(context: Context, redirect_uri: str, state: str) -> None:
    """Print the address at which access is granted, and remember the state for the answer."""
    from strava_stats.strava.auth import authorize_url  # noqa: PLC0415

    settings = context.settings
    client_id, _ = context.credentials()
    url = authorize_url(settings.oauth_base_url, client_id, redirect_uri, settings.scopes, state)
    make_folder(settings.secrets_dir, mode=0o700)
    # A redirect may be pasted into another process: `auth` prints the address, `auth --code` finishes.
    write_atomic(settings.secrets_dir / STATE_FILE, state.encode(), mode=0o600)
    print("Open this address, press Authorize, and leave all boxes ticked:\n", file=sys.stderr)
    print(url, file=sys.stderr if context.as_json else sys.stdout, flush=True)
    if sys.stdin.isatty() and not os.environ.get("SSH_CONNECTION"):
        webbrowser.open(url)


def _ask_for_redirect(context: Context) -> str:
    _print_address(context, context.settings.redirect_uri, secrets.token_urlsafe(16))
    if not sys.stdin.isatty():
        pasted = sys.stdin.readline()
        if not pasted.strip():
            raise NotAuthorised(
                "Not connected yet: the address above has to be opened in a browser",
                "then run `strava-stats auth --code 'ADDRESS THE BROWSER ENDS AT'`",
            )
        return pasted
    print(
        "\nThe browser then ends at an address that begins with "
        f"{context.settings.redirect_uri} and cannot be opened: that is right.",
        file=sys.stderr,
    )
    return str(typer.prompt("Paste that whole address here", err=True))


def _listen(context: Context) -> str:
    from strava_stats.strava.listen import listen_for_redirect  # noqa: PLC0415

    state = secrets.token_urlsafe(16)
    # The Compose service sets it: there the host's port is published, and no other can be reached.
    host, _, port = os.environ.get("STRAVA_STATS_LISTEN", "").rpartition(":")
    at = (host, int(port)) if host else None
    return listen_for_redirect(
        context.settings.redirect_uri, LISTEN_SECONDS, lambda uri: _print_address(context, uri, state), state, at
    )


def _check_state(context: Context, redirect: Redirect) -> None:
    """A redirect that carries a state has to carry ours: another one was made for somebody else's browser."""
    if not redirect.state:
        return
    path = context.settings.secrets_dir / STATE_FILE
    expected = path.read_text().strip() if path.exists() else None
    if expected is not None and not secrets.compare_digest(expected.encode(), redirect.state.encode()):
        raise NotAuthorised(
            "The pasted address belongs to another authorisation (its state differs)",
            "run `strava-stats auth` again and paste the address that the newest link leads to",
        )


def _show_status(context: Context) -> None:
    from strava_stats.cli.output import print_json, print_table  # noqa: PLC0415

    started = datetime.now(UTC)
    rows = [
        {
            "athlete_id": token.athlete_id,
            "name": token.name,
            "scopes": None if token.scopes is None else ",".join(token.scopes),
            "connected_at": datetime.fromtimestamp(token.obtained_at, UTC).isoformat(),
            "access_expires_at": datetime.fromtimestamp(token.expires_at, UTC).isoformat(),
        }
        for token in context.tokens.load().values()
    ]
    if not rows:
        raise NotAuthorised("No athlete has given access yet", "run `strava-stats auth`")
    if context.as_json:
        print_json(report("auth", "ok", started, athletes=rows))
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])


def _revoke(context: Context) -> None:
    started = datetime.now(UTC)
    tokens = context.athletes()
    for token in tokens:
        context.oauth.revoke(token.refresh_token)
        context.tokens.remove(token.athlete_id)
        context.narrator.say(f"Access of athlete {token.athlete_id} is revoked at Strava, and the token is deleted.")
    if context.as_json:
        from strava_stats.cli.output import print_json  # noqa: PLC0415

        print_json(report("auth", "ok", started, revoked=[token.athlete_id for token in tokens]))

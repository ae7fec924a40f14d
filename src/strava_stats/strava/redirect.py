"""The authorise address and what comes back from it, pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode

from strava_stats.errors import NotAuthorised, UsageError

BARE_CODE = re.compile(r"[A-Za-z0-9_.~-]{4,200}")
WRAPPING = " \t\r\n'\"`<>\u200b\ufeff"
LONGEST = 8192
PASTE = "paste the whole address that the browser shows after you pressed Authorize, or the value of its `code`"


@dataclass(frozen=True, slots=True)
class Redirect:
    """What Strava sent back: the single-use `code`, our `state`, and the scopes left ticked (None: not said)."""

    code: str = field(repr=False)
    state: str | None
    scopes: tuple[str, ...] | None


def authorize_url(
    oauth_base_url: str, client_id: str, redirect_uri: str, scopes: Iterable[str], state: str, *, force: bool = False
) -> str:
    """The address at which the athlete grants `scopes`; `force` shows the page also when all was granted before."""
    query = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "approval_prompt": "force" if force else "auto",
        "scope": ",".join(scopes),
        "state": state,
    }
    return f"{oauth_base_url.rstrip('/')}/authorize?{urlencode(query, safe=',:')}"


def parse_redirect(text: str) -> Redirect:
    """Read a pasted redirect address, its bare query, or a bare code.

    Raises NotAuthorised when the athlete refused, UsageError when `text` is none of these.
    """
    text = text.strip(WRAPPING)
    if BARE_CODE.fullmatch(text):
        return Redirect(text, None, None)
    query = text.partition("?")[2] if "?" in text else text
    values = parse_qs(query.partition("#")[0]) if len(text) <= LONGEST else {}
    if "error" in values:
        raise _refused(values["error"][0])
    code = values.get("code", [""])[0]
    if not BARE_CODE.fullmatch(code):
        raise UsageError("That is neither a redirect address with a code nor a code", PASTE)
    return Redirect(code, values.get("state", [None])[0], split_scopes(values.get("scope", [""])[0]))


def split_scopes(value: object) -> tuple[str, ...] | None:
    """The scopes of a list with commas (redirect) or blanks (token answer); None when there are none to read."""
    if not isinstance(value, str):
        return None
    return tuple(dict.fromkeys(scope for scope in re.split(r"[,\s]+", value) if scope)) or None


def _refused(error: str) -> NotAuthorised:
    if error == "access_denied":
        return NotAuthorised("Access was refused at Strava's page", "run `strava-stats auth` again and press Authorize")
    return NotAuthorised("Strava's page reports an error", "run `strava-stats auth` again and use the new address")

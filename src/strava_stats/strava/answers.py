"""What an answer of the API means, pure: Answer → give it out, try again, or an error with its cure.

Statuses and bodies are those of error_catalog.json. An error's body may be HTML, empty, an array, or hold a string
where the list of problems belongs; nothing of it is ever quoted in a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

import msgspec

from strava_stats.errors import (
    ApplicationInactive,
    ConfigurationError,
    NotAuthorised,
    ScopeMissing,
    StravaStatsError,
    StravaUnreachable,
)

JSON_SPACE = b" \t\r\n"
SCOPE_NAME = re.compile(r"[a-z_:]{1,40}")
CHECK_API_URL = "check STRAVA_API_BASE_URL"
CHECK_NETWORK = "check the network and https://status.strava.com, then run the same command again"
AUTH_AGAIN = "run `strava-stats auth` to authorise again"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as Strava sent it: `body` is verbatim (content encoding undone), never shortened."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outage:
    """No usable answer came; another try may bring one. `hint` is what to do when none does."""

    reason: str
    hint: str = CHECK_NETWORK


@dataclass(frozen=True, slots=True)
class Problem:
    """One item of `errors`; missing parts are empty."""

    resource: str
    field: str
    code: str


class Verdict(Enum):
    """What the client does with an answer that is no outage."""

    GIVE = auto()
    TOKEN_REJECTED = auto()
    LIMITED = auto()
    BROKEN = auto()
    """500: an outage, or one resource that fails for good."""


BY_STATUS: dict[int, Verdict] = {
    HTTPStatus.PAYMENT_REQUIRED: Verdict.GIVE,
    HTTPStatus.TOO_MANY_REQUESTS: Verdict.LIMITED,
}
TRANSIENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


def problems(body: bytes) -> list[Problem]:
    """The `errors` of an error body; [] for whatever has none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    items = value.get("errors") if isinstance(value, dict) else None
    if not isinstance(items, list):
        return []
    return [Problem(_text(item, "resource"), _text(item, "field"), _text(item, "code")) for item in items if item]


def begins_as_json(body: bytes) -> bool:
    """Whether the first token opens an object or an array; what follows is not looked at."""
    return body[:64].lstrip(JSON_SPACE)[:1] in (b"{", b"[")


def judge(answer: Answer, *, may_be_absent: bool, may_be_broken: bool) -> Verdict | Outage:
    """The verdict on an answer of an API endpoint; raises the error for a refusal that no retry mends.

    `may_be_absent`: the endpoint names one resource, so that 404 is an answer. `may_be_broken`: 500 may be for good.
    """
    status = answer.status
    if status in BY_STATUS:
        return BY_STATUS[status]
    if status == HTTPStatus.NOT_FOUND and may_be_absent and not answer.body.strip():
        return Verdict.GIVE
    if status == HTTPStatus.OK or (status == HTTPStatus.NOT_FOUND and may_be_absent):
        # A web page's 404 (a proxy's, a wrong base URL's) must never pass for the deletion of an activity.
        return Verdict.GIVE if begins_as_json(answer.body) else _no_json(answer)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR and may_be_broken:
        return Verdict.BROKEN
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in TRANSIENT:
        return Outage(f"status {status}")
    return _judge_refusal(status, problems(answer.body), is_json=begins_as_json(answer.body))


def _judge_refusal(status: int, found: list[Problem], *, is_json: bool) -> Verdict:
    for problem in found:
        if error := refusal(status, problem):
            raise error
    if status == HTTPStatus.UNAUTHORIZED:
        return Verdict.TOKEN_REJECTED
    if status == HTTPStatus.FORBIDDEN and is_json:
        raise NotAuthorised(
            "Strava forbids this call (403)", f"check the application at strava.com/settings/api, or {AUTH_AGAIN}"
        )
    if status in range(300, 400):
        raise StravaUnreachable(f"The API address answers with a redirect ({status})", CHECK_API_URL)
    raise StravaUnreachable(
        f"The API address answered with status {status}",
        f"{CHECK_API_URL} and any proxy; then look for a newer version",
    )


def refusal(status: int, problem: Problem) -> StravaStatsError | None:  # noqa: PLR0911 - one return a rule
    """The error for one problem of error_catalog.json that API and OAuth calls share, or None."""
    resource, code = problem.resource.lower(), problem.code.lower()
    match (status, resource, problem.field.lower(), code):
        case (401, _, name, "missing"):
            scope = name.removesuffix("_permission")
            named = f" ({scope})" if SCOPE_NAME.fullmatch(scope) else ""
            return ScopeMissing(
                f"The athlete has not granted a scope that this call needs{named}",
                "run `strava-stats auth` and leave all boxes ticked",
            )
        case (401, "application", _, _):
            return NotAuthorised(
                "Strava rejects the application's credentials", "check STRAVA_CLIENT_SECRET and STRAVA_CLIENT_ID"
            )
        case (400, "application", "client_id", _):
            return NotAuthorised(
                "Strava does not know this application",
                "check STRAVA_CLIENT_ID; it is shown at strava.com/settings/api",
            )
        case (403, _, _, "inactive"):
            return ApplicationInactive(
                "Strava has deactivated this application: its owner has no subscription",
                "subscribe and re-activate the application at strava.com/settings/api, or get the free bulk export"
                " of your data under Settings, My Account",
            )
        case (403, "application", name, "exceeded") if "athlete" in name:
            return NotAuthorised(
                "This application has no place for another athlete", "raise its limit at strava.com/settings/api"
            )
        case (400, _, "after", "future"):
            return ConfigurationError(
                "Strava says that the time asked for (`after`) lies in the future", "set this machine's clock right"
            )
        case _:
            return None


def _no_json(answer: Answer) -> Outage:
    what = "an empty body" if not answer.body.strip() else "a page that is not JSON"
    return Outage(f"status {answer.status} with {what}", f"{CHECK_API_URL} and any proxy or sign-in page on the way")


def _text(item: Any, name: str) -> str:
    value = item.get(name) if isinstance(item, dict) else None
    return value if isinstance(value, str) else ""

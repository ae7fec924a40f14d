"""Requests and answers as plain values, the two ways an answer can fail to come, and Strava's JSON spelling."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

Json: TypeAlias = Any
"""What `json.loads` gives. `Any`, because every consumer looks at single keys of open-ended objects."""

JSON_TYPE = "application/json; charset=utf-8"
OAUTH_JSON_TYPE = "application/json; charset=UTF-8"
HTML_TYPE = "text/html; charset=utf-8"

_RAILS_ESCAPES = (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))


def encode_json(value: Json) -> bytes:
    """JSON as Strava spells it: no blanks, raw UTF-8, and `& < >` escaped as in the recorded segment names."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char, escape in _RAILS_ESCAPES:
        if char in text:
            text = text.replace(char, escape)
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `query` keeps order and repetitions, values percent-decoded; header names in any case."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Value of a header, whatever its letter case."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), None)

    def param(self, name: str) -> str | None:
        """Last value of a query parameter, as Rails reads it."""
        return dict(self.query).get(name)

    def form(self) -> dict[str, str]:
        """Form fields; query parameters stand in for fields that the body does not have."""
        text = self.body.decode("utf-8", "replace")
        return dict(self.query) | dict(parse_qsl(text, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer. `delay` is the number of seconds that a server waits before it sends the first byte."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    delay: float = 0.0

    def header(self, name: str) -> str | None:
        """Value of a header, whatever its letter case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Json:
        """The body parsed."""
        return json.loads(self.body)


class DroppedConnection(Exception):
    """The connection ends before the answer does; `partial` holds what was sent of it (None: not one byte).

    The partial answer's Content-Length still tells the full length.
    """

    def __init__(self, partial: Response | None = None) -> None:
        super().__init__("connection dropped by the simulated Strava")
        self.partial = partial


class HangingConnection(Exception):
    """The answer never comes; the caller's time-out has to end it."""


def json_response(status: int, value: Json, content_type: str = JSON_TYPE) -> Response:
    """An answer with a JSON body."""
    return Response(status, [("Content-Type", content_type)], encode_json(value))


_MESSAGES = {
    400: "Bad Request",
    401: "Authorization Error",
    402: "Payment Required",
    403: "Forbidden",
    404: "Resource Not Found",
    429: "Rate Limit Exceeded",
}


def error_response(status: int, resource: str = "", name: str = "", code: str = "") -> Response:
    """Strava's error body; without a code `errors` is empty (error_catalog.json)."""
    errors = [{"resource": resource, "field": name, "code": code}] if code else []
    return json_response(status, {"message": _MESSAGES[status], "errors": errors})

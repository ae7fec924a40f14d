"""Faults: rules that say which call goes wrong, and how. First matching rule wins; every rule counts its own calls."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, cast, get_args

from strava_stats.simulator.messages import (
    HTML_TYPE,
    JSON_TYPE,
    DroppedConnection,
    HangingConnection,
    Request,
    Response,
    encode_json,
    error_response,
)

Action = Literal["status", "body", "drop", "drop_mid_body", "truncate", "hang", "slow"]
Kind = Literal["json", "html", "empty", "non_object"]

_OUTAGE = frozenset({502, 503, 504, 597})
_HTML = b"<html><head><title>Strava | %d</title></head><body><h1>We'll be right back</h1></body></html>"
_TEXT = {500: "error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
_CATALOGUE: dict[int, tuple[str, ...]] = {
    400: (),
    401: ("Athlete", "access_token", "invalid"),
    402: (),
    403: ("Application", "Status", "Inactive"),
    404: (),
    429: ("Application", "overall rate limit", "exceeded"),
}


@dataclass(slots=True)
class Fault:
    """One rule.

    It matches a call by `method` and `path` (shell patterns; the path without `/api/v3`) and by the `query` values
    that it names; it lets `skip` matching calls pass and then hits `times` of them (None: for ever).

    - `status`: answer `status` with a body of `kind`, or with `body`. The real handler runs only if `processed`.
    - `body`: answer 200 (or `status`) with the bytes of `body`.
    - `drop`: close the connection before a byte is sent; `processed` says whether the call took effect
      (a refresh whose answer is lost after the token was rotated).
    - `drop_mid_body`: the call takes effect, `keep` of its body is sent, then the connection closes.
    - `truncate`: like that, but the Content-Length agrees with the shorter body.
    - `hang`: no answer. `slow`: the answer comes after `delay` seconds.
    """

    action: Action
    method: str = "*"
    path: str = "*"
    query: dict[str, str] = field(default_factory=dict)
    skip: int = 0
    times: int | None = 1
    status: int = 500
    kind: Kind = "json"
    body: bytes | None = None
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    processed: bool | None = None
    counted: bool | None = None
    keep: float = 0.5
    delay: float = 0.0
    id: int = 0
    hits: int = 0

    def matches(self, request: Request, path: str) -> bool:
        """Whether the rule speaks of this call; `path` has no `/api/v3`."""
        if not fnmatchcase(request.method, self.method) or not fnmatchcase(path, self.path):
            return False
        given = dict(request.query)
        return all(given.get(name) == value for name, value in self.query.items())

    @property
    def runs_handler(self) -> bool:
        """Whether the call takes effect although its answer is spoilt."""
        if self.processed is not None:
            return self.processed
        return self.action in ("drop_mid_body", "truncate", "slow")

    @property
    def counts(self) -> bool:
        """Whether the rate limiter sees the call: an outage or a drop at the edge does not reach it."""
        if self.counted is not None:
            return self.counted
        if self.action == "status":
            return self.status not in _OUTAGE
        return self.action not in ("drop", "hang") or self.runs_handler

    def own_response(self) -> Response:
        """The answer that the rule itself describes, without rate or date headers."""
        status = 200 if self.action == "body" and self.status == 500 else self.status
        body = self.body if self.body is not None else _body_of(self.kind, status)
        content_type = self.content_type or (HTML_TYPE if self.kind == "html" else JSON_TYPE)
        return Response(status, [("Content-Type", content_type), *self.headers.items()], body)

    def spoil(self, response: Response) -> Response:
        """Do to a finished answer what the rule says; raises for a drop and for a hang."""
        if self.action == "hang":
            raise HangingConnection
        if self.action == "drop":
            raise DroppedConnection
        kept = response.body[: int(len(response.body) * self.keep)]
        if self.action == "drop_mid_body":
            raise DroppedConnection(Response(response.status, response.headers, kept))
        if self.action == "truncate":
            headers = [(k, str(len(kept)) if k == "Content-Length" else v) for k, v in response.headers]
            return Response(response.status, headers, kept)
        return Response(response.status, response.headers, response.body, max(response.delay, self.delay))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Fault:
        """A rule from the control API; `body` is text, `body_base64` bytes. ValueError for anything unknown."""
        known = set(cls.__dataclass_fields__) - {"id", "hits"} | {"body_base64"}
        if unknown := set(value) - known:
            raise ValueError(f"unknown fault field {min(unknown)!r}")
        if value.get("action") not in get_args(Action) or value.get("kind", "json") not in get_args(Kind):
            raise ValueError(f"action is one of {get_args(Action)}, kind one of {get_args(Kind)}")
        fields = {name: item for name, item in value.items() if name != "body_base64"}
        if isinstance(fields.get("body"), str):
            fields["body"] = cast("str", fields["body"]).encode("utf-8", "surrogatepass")
        if "body_base64" in value:
            fields["body"] = base64.b64decode(value["body_base64"], validate=True)
        return cls(**fields)

    def as_dict(self) -> dict[str, Any]:
        """The rule for the control API; of the body only the length."""
        names = ("id", "action", "method", "path", "query", "skip", "times", "status", "kind", "hits")
        return {name: getattr(self, name) for name in names} | {"body_bytes": len(self.body or b"")}


def _body_of(kind: Kind, status: int) -> bytes:
    if kind == "html":
        return _HTML % status
    if kind == "empty":
        return b""
    if kind == "non_object":
        return b'["error"]'
    if status in _CATALOGUE:
        return error_response(status, *_CATALOGUE[status]).body
    return encode_json({"message": _TEXT.get(status, "error")})


class FaultBook:
    """The rules in force, in the order in which they were added."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []
        self._last_id = 0

    def add(self, fault: Fault) -> Fault:
        """Put a rule into force and give it an id."""
        self._last_id += 1
        fault.id = self._last_id
        self.rules.append(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> None:
        """Lift one rule, or all."""
        self.rules = [rule for rule in self.rules if fault_id is not None and rule.id != fault_id]

    def take(self, request: Request, path: str) -> Fault | None:
        """The rule that hits this call, if any; it has then been used once."""
        for rule in self.rules:
            if not rule.matches(request, path) or rule.times == 0:
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            rule.hits += 1
            rule.times = None if rule.times is None else rule.times - 1
            return rule
        return None

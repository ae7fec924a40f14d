"""A far end that plays a script: replies in order, the last one for ever; keeps the requests it got."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse

from strava_stats.strava.transport import build_session

BASE_URL = "http://strava.test/api/v3"
OAUTH_URL = "http://strava.test/oauth"


@dataclass
class Reply:
    """One scripted answer; `before` runs when the request arrives."""

    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict)
    before: Callable[[], object] | None = None


class FarEnd(BaseAdapter):
    def __init__(self, *script: Reply | Exception) -> None:
        super().__init__()
        self.script = list(script)
        self.requests: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.requests.append(request)
        reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(reply, Exception):
            raise reply
        if reply.before is not None:
            reply.before()
        raw = HTTPResponse(
            body=io.BytesIO(reply.body), headers=reply.headers, status=reply.status, preload_content=False
        )
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Nothing is held."""

    def session(self) -> requests.Session:
        session = build_session(None, BASE_URL)
        session.mount("http://", self)
        return session


def refusal(status: int, resource: str, name: str, code: str) -> Reply:
    errors = [{"resource": resource, "field": name, "code": code}]
    return Reply(status, json.dumps({"message": "x", "errors": errors}).encode())


def rates(quarter: int, day: int = 0, limits: str = "100,1000") -> dict[str, str]:
    usage = f"{quarter},{day or quarter}"
    return {
        "X-RateLimit-Limit": "200,2000",
        "X-RateLimit-Usage": usage,
        "X-ReadRateLimit-Limit": limits,
        "X-ReadRateLimit-Usage": usage,
    }

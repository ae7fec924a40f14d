"""A far end that answers with recorded bytes and headers, chosen by the path that is asked for."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from tests.support.recorded_files import Exchange
from urllib3 import HTTPResponse

from strava_stats.strava.client import build_session

Choose = Callable[[str, dict[str, str]], Exchange]


class Replay(BaseAdapter):
    """Answers each request with the exchange that `choose(path, query)` names; keeps the requests it got."""

    def __init__(self, choose: Choose) -> None:
        super().__init__()
        self.choose = choose
        self.requests: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.requests.append(request)
        parts = urlsplit(request.url or "")
        exchange = self.choose(parts.path, dict(parse_qsl(parts.query)))
        raw = HTTPResponse(
            body=io.BytesIO(exchange.body), headers=exchange.headers, status=exchange.status, preload_content=False
        )
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Nothing is held."""

    def session(self, base_url: str) -> requests.Session:
        session = build_session(None, base_url)
        session.mount("http://", self)
        return session


def in_turn(*exchanges: Exchange) -> Choose:
    """The exchanges one after the other, the last one for ever."""
    script = list(exchanges)
    return lambda _path, _query: script.pop(0) if len(script) > 1 else script[0]

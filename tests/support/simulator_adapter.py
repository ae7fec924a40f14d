"""A `requests` transport that ends in a `Simulator` of the same process: real client code, no sockets, no waiting."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPHeaderDict, HTTPResponse

from strava_stats.simulator import DroppedConnection, HangingConnection, Request, Response, Simulator


class SimulatorAdapter(BaseAdapter):
    """Mount it on a session: `session.mount("http://", SimulatorAdapter(simulator))`, likewise `https://`.

    A drop before the first byte is a ConnectionError; a drop in mid-body shows when the body is read (requests turns it
    into ChunkedEncodingError); a hang, or an answer slower than the read time-out, is a ReadTimeout.
    """

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self.simulator = simulator

    def send(  # noqa: PLR0917 - the signature of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Hand the request to the simulator and build what `requests` would have built from the wire."""
        try:
            answer = self.simulator.handle(_plain_request(request))
        except DroppedConnection as drop:
            if drop.partial is None:
                raise requests.ConnectionError("connection dropped", request=request) from drop
            answer = drop.partial
        except HangingConnection as hang:
            raise requests.ReadTimeout("read timed out", request=request) from hang
        limit = timeout[1] if isinstance(timeout, tuple) else timeout
        if limit is not None and answer.delay > limit:
            raise requests.ReadTimeout("read timed out", request=request)
        response = _response(request, answer)
        if not stream:
            response.content  # noqa: B018 - reading it is the point, as Session.send does
        return response

    def close(self) -> None:
        """Nothing to close."""


def _plain_request(request: requests.PreparedRequest) -> Request:
    parts = urlsplit(request.url or "")
    body: Any = request.body or b""
    return Request(
        request.method or "GET",
        unquote(parts.path),
        parse_qsl(parts.query, keep_blank_values=True),
        {
            name: value.decode("latin-1") if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        },
        body.encode() if isinstance(body, str) else bytes(body),
    )


def _response(request: requests.PreparedRequest, answer: Response) -> requests.Response:
    headers = HTTPHeaderDict()
    for name, value in answer.headers:
        headers.add(name, value)
    response = requests.Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict(headers.items())
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    response.url = request.url or ""
    response.request = request
    response.raw = HTTPResponse(
        body=io.BytesIO(answer.body),
        headers=headers,
        status=answer.status,
        preload_content=False,
        enforce_content_length=True,
        request_method=request.method,
    )
    return response

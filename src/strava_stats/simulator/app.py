"""The simulator on a loopback port: an ASGI application around `Simulator.handle`, and uvicorn to serve it.

Faults become real: a dropped connection is a cut socket, a hang is an answer that never comes.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from urllib.parse import parse_qsl

from strava_stats.simulator.core import Simulator
from strava_stats.simulator.messages import DroppedConnection, HangingConnection, Request, Response

if TYPE_CHECKING:
    import uvicorn

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

SHUTDOWN_SECONDS = 1


def asgi_app(simulator: Simulator) -> App:
    """The simulator as an ASGI application; it needs uvicorn below it to cut connections."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = await _read_request(scope, receive)
        try:
            response = simulator.handle(request)
        except DroppedConnection as drop:
            if drop.partial is None:
                _transport(send).abort()
            else:
                await _send_response(send, drop.partial)
                _transport(send).close()
        except HangingConnection:
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            if response.delay:
                await asyncio.sleep(response.delay)
            await _send_response(send, response)

    return app


async def _read_request(scope: Message, receive: Receive) -> Request:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(scope["method"], scope["path"], query, headers, body)


async def _send_response(send: Send, response: Response) -> None:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
    full = int(response.header("Content-Length") or len(response.body))
    await send({"type": "http.response.body", "body": response.body, "more_body": len(response.body) < full})


def _transport(send: Send) -> asyncio.Transport:
    # ASGI has no message for this; uvicorn's `send` is a method of the object that holds the socket.
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]
    return transport


def _server(simulator: Simulator, host: str, port: int) -> uvicorn.Server:
    import uvicorn  # noqa: PLC0415 - loaded only by who serves

    config = uvicorn.Config(
        asgi_app(simulator),
        host=host,
        port=port,
        http="h11",  # httptools would write every header name in lower case
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)


def _listen(host: str, port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only for sockets that name TCP: without it every answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(128)
    return listener


def serve(
    simulator: Simulator,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[int], None] | None = None,
) -> None:
    """Serve until interrupted. `port` 0 takes a free one; `ready` is told the port once connections are accepted."""
    listener = _listen(host, port)
    if ready is not None:
        ready(listener.getsockname()[1])
    _server(simulator, host, port).run(sockets=[listener])


class ServedSimulator:
    """A simulator served by a thread for as long as the `with` block lasts."""

    def __init__(self, simulator: Simulator, host: str = "127.0.0.1", port: int = 0) -> None:
        self.simulator = simulator
        self._host = host
        self._port = port

    def __enter__(self) -> Self:
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._uvicorn = _server(self.simulator, self._host, self._port)
        self._thread = threading.Thread(
            target=self._uvicorn.run, kwargs={"sockets": [listener]}, name="strava-simulator", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(timeout=10)

    @property
    def port(self) -> int:
        """The port in use."""
        return self._port

    @property
    def base_url(self) -> str:
        """Base URL of the new style, without `/api/v3`."""
        return f"http://{self._host}:{self._port}"

    @property
    def api_base_url(self) -> str:
        """Base URL of today's style, for STRAVA_API_BASE_URL."""
        return f"{self.base_url}/api/v3"

    @property
    def oauth_base_url(self) -> str:
        """For STRAVA_OAUTH_BASE_URL."""
        return f"{self.base_url}/oauth"

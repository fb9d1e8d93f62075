"""An application that answers with the path that it is asked for, behind the service's own protocol."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from overmind.http.connections import CONNECTION, Connections, ServerConfig
from overmind.http.protocol import ConnectionProtocol

HOST: Final = b"host: desk\r\n"
GET: Final = b"GET /a HTTP/1.1\r\n" + HOST
POST: Final = b"POST /a HTTP/1.1\r\n" + HOST
WHOLE, SLOW = GET + b"\r\n", b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
UPGRADE = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA\r\n"
LAST = b"GET /last HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n"

Request = tuple[str, str, bytes]


class Echo:
    """Notes what it is asked and answers with the path. `/slow` and the body of `/stream` wait for the gate."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.headers: list[dict[bytes, bytes]] = []
        self.cut = 0  # requests whose body never came
        self.gate = asyncio.Event()
        self.began = asyncio.Event()  # a request
        self.waits = asyncio.Event()  # `/slow`, for the gate
        self.connections: list[ConnectionProtocol] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.connections.append(scope["state"][CONNECTION])
        self.began.set()
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.cut += 1
                return
            body, more = body + message["body"], message["more_body"]
        self.seen.append((scope["method"], scope["path"], body))
        self.headers.append(dict(scope["headers"]))
        if scope["path"] == "/slow":
            self.waits.set()
            await self.gate.wait()
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
            await self.gate.wait()
            await send({"type": "http.response.body", "body": b""})
            return
        told = scope["path"].encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(told))]})
        await send({"type": "http.response.body", "body": told})


def protocol_of(echo: Echo) -> ConnectionProtocol:
    config = ServerConfig(echo, http=ConnectionProtocol, ws="none", lifespan="off", log_config=None, access_log=False)
    config.connections = Connections(64)
    return ConnectionProtocol(config, ServerState(), {}, asyncio.get_running_loop())

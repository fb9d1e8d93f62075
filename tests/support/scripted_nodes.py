"""Nodes on loopback with scripted answers: real HTTP and real WebSockets, without a chain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

Answer = Callable[[list[Any]], Any]


class Fault(Exception):
    """A JSON-RPC error to be sent exactly as given."""

    def __init__(self, **error: object) -> None:
        super().__init__()
        self.error = error


class RawAnswer(Exception):
    """A whole HTTP answer."""

    def __init__(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        super().__init__()
        self.body = body
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Node:
    """`answers[method]`: a result, one of the exceptions above, or a function or coroutine function of the params."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, list[Any]]] = []
        self.posts: list[Any] = []  # whole bodies
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.reshape: Callable[[Any], Any] = lambda answer: answer
        self.sockets: list[web.WebSocketResponse] = []
        self.subscribed: list[tuple[str, Any]] = []  # (method, params) in order of arrival
        self.arrived = asyncio.Event()
        self.port = 0

    def url(self, credentials: str = "", rest: str = "") -> str:
        return f"http://{credentials}127.0.0.1:{self.port}{rest}"

    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    def count(self, method: str) -> int:
        return sum(1 for asked, _ in self.asked if asked == method)

    async def until_asked(self, method: str, times: int = 1) -> None:
        while self.count(method) < times:
            self.arrived.clear()
            await self.arrived.wait()

    async def until_subscribed(self, times: int) -> None:
        while len(self.subscribed) < times:
            self.arrived.clear()
            await self.arrived.wait()

    async def tell(self, method: str, subscription: int, value: object = None) -> None:
        """Notifies a subscription, numbered by its place in `subscribed`, on the newest connection."""
        result = {"context": {"slot": 1}, "value": value}
        await self.say({"jsonrpc": "2.0", "method": method, "params": {"result": result, "subscription": subscription}})

    async def say(self, message: object) -> None:
        await self.sockets[-1].send_str(message if isinstance(message, str) else json.dumps(message))

    async def post(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.posts.append(body)
        self.headers.append(dict(request.headers))
        self.paths.append(request.path_qs)
        try:
            answer = [await self._answer(one) for one in body] if isinstance(body, list) else await self._answer(body)
        except RawAnswer as raw:
            return web.Response(body=raw.body, status=raw.status, headers=raw.headers)
        return web.Response(body=json.dumps(self.reshape(answer)).encode(), content_type="application/json")

    async def listen(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = json.loads(message.data)
                self.subscribed.append((asked["method"], asked["params"]))
                await self.say({"jsonrpc": "2.0", "id": asked["id"], "result": len(self.subscribed) - 1})
                self.arrived.set()
        return socket

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        method, params = request["method"], request.get("params", [])
        self.asked.append((method, params))
        self.arrived.set()
        told = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            return {**told, "result": await _result(self.answers[method], params)}
        except Fault as fault:
            return {**told, "error": fault.error}


async def _result(answer: Any, params: list[Any]) -> Any:
    if callable(answer):
        answer = answer(params)
    if isinstance(answer, Awaitable):
        answer = await answer
    if isinstance(answer, Exception):
        raise answer
    return answer


@asynccontextmanager
async def serving(*nodes: Node) -> AsyncIterator[None]:
    """Serves each node on a free port. Requests that still wait at the end are cancelled."""
    runners = []
    for node in nodes:
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/{rest:.*}", node.post)
        app.router.add_get("/{rest:.*}", node.listen)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        node.port = runner.addresses[0][1]
        runners.append(runner)
    try:
        yield
    finally:
        for node in nodes:
            for socket in node.sockets:
                await socket.close()
        for runner in runners:
            await runner.cleanup()


def dead_url() -> str:
    """An address where nobody listens: port 1 is never assigned."""
    return "http://127.0.0.1:1"

"""JSON-RPC over HTTP and WebSocket as a node speaks it, and the faults with which a server fails to answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import WSMsgType, web

from overmind.ports import Clock
from overmind.sandbox.localnet.errors import RpcFault
from overmind.sandbox.localnet.methods import NO_JSON, NO_REQUEST, OWN, answer
from overmind.sandbox.localnet.node import LocalNode
from overmind.sandbox.localnet.params import RpcParams
from overmind.sandbox.localnet.relay.http import RelayServer
from overmind.sandbox.localnet.shapes import Json
from overmind.sandbox.localnet.subscriptions import Subscriptions

BODY_MAX: Final = 50 * 1024
CALLS_MAX: Final = 1_000  # per batch
OUTBOX_MAX: Final = 50_000  # notifications that wait for one reader
SUBSCRIPTIONS_MAX: Final = 5_000  # per connection
_UNSUBSCRIBE, _SUBSCRIBE = "Unsubscribe", "Subscribe"
_HTML: Final = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_WRONG: Final = b'{"ok":true}'
_TOO_MANY: Final = b'{"jsonrpc":"2.0","error":{"code":429,"message":"Too many requests for a specific RPC call"}}'
_NULLABLE: Final = frozenset(  # fields that are null or absent on some nodes or versions
    (
        "apiVersion",
        "blockTime",
        "computeUnitsConsumed",
        "confirmationStatus",
        "fee",
        "innerInstructions",
        "loadedAccountsDataSize",
        "loadedAddresses",
        "logMessages",
        "logs",
        "memo",
        "owner",
        "postBalances",
        "postTokenBalances",
        "preBalances",
        "preTokenBalances",
        "programId",
        "rewards",
        "space",
        "transactionCount",
        "uiAmount",
        "uiAmountString",
        "unitsConsumed",
        "version",
    )
)


class RpcServer:
    def __init__(self, node: LocalNode, clock: Clock, relay: RelayServer | None = None) -> None:
        self._node, self._clock, self._relay = node, clock, relay
        self._subscriptions = Subscriptions(node)
        node.chain.watchers.append(self._subscriptions)
        self._connections: set[Connection] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._relay is not None and self._relay.serves(request.path):
            return await self._relay.handle(request)
        if request.method == "POST":
            return await self._post(request)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._serve_websocket(request)
        if request.method == "GET" and request.path == "/health":
            return web.Response(text="ok")
        return web.Response(status=405, text="Used HTTP Method is not allowed. POST is required\n")

    async def close(self) -> None:
        for connection in list(self._connections):
            await connection.close()

    # HTTP

    async def _post(self, request: web.BaseRequest) -> web.StreamResponse:
        if (request.content_length or 0) > BODY_MAX or len(body := await request.read()) > BODY_MAX:
            return web.Response(status=413, text="Payload Too Large")
        try:
            asked = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return _json(msgspec.json.encode(NO_JSON))
        active_faults = self._active_faults(asked)
        if active_faults.get("too_many_requests"):
            retry_after_s = self._node.chain.draws.faults.retry_after_s
            return web.Response(
                status=429, body=_TOO_MANY, content_type="application/json", headers={"Retry-After": str(retry_after_s)}
            )
        response = self._response_to(asked)
        if active_faults.get("silence"):
            return await self._silence(request)
        return _spoilt(response, active_faults)

    def _response_to(self, asked: object) -> object:
        if not isinstance(asked, list):
            return answer(self._node, asked)
        if not 0 < len(asked) <= CALLS_MAX:
            return NO_REQUEST
        return [response for call in asked if (response := answer(self._node, call)) is not None] or None

    def _active_faults(self, asked: object) -> dict[str, bool]:
        """The faults that apply to this request. The localnet's own methods get none."""
        draws = self._node.chain.draws
        faults = draws.faults
        calls = asked if isinstance(asked, list) else [asked]
        names = [str(call.get("method")) for call in calls if isinstance(call, dict)]
        if all(name.startswith(OWN) for name in names):
            return {}
        if faults.methods and not any(name in faults.methods for name in names):
            return {}
        rates = {
            "too_many_requests": faults.too_many_requests_ppm,
            "silence": faults.silence_ppm,
            "html": faults.html_ppm,
            "truncated": faults.truncated_ppm,
            "wrong_json": faults.wrong_json_ppm,
            "nulls": faults.nulls_ppm,
        }
        return {name: True for name, rate in rates.items() if draws.occurs(name, rate)}

    async def _silence(self, request: web.BaseRequest) -> web.StreamResponse:
        """Gives no answer to an executed request: the connection hangs, then breaks."""
        await self._clock.sleep(self._node.chain.draws.faults.silence_s)
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=504)

    # WebSocket

    async def _serve_websocket(self, request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=BODY_MAX, heartbeat=None)
        await socket.prepare(request)
        connection = Connection(socket, self._subscriptions)
        self._connections.add(connection)
        writing = asyncio.create_task(connection.write())
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._received(connection, message.data)
        finally:
            self._connections.discard(connection)
            connection.leave()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return socket

    def _received(self, connection: Connection, text: str | bytes) -> None:
        try:
            asked = msgspec.json.decode(text)
        except msgspec.DecodeError:
            connection.send(NO_JSON)
            return
        for call in asked if isinstance(asked, list) else [asked]:
            self._called(connection, call)

    def _called(self, connection: Connection, call: object) -> None:
        method = call.get("method") if isinstance(call, dict) else None
        if not isinstance(call, dict) or not isinstance(method, str):
            connection.send(NO_REQUEST)
        elif method.endswith((_SUBSCRIBE, _UNSUBSCRIBE)):
            connection.called(method, call)
        elif (response := answer(self._node, call)) is not None:
            connection.send(response)


class Connection:
    """One WebSocket with its subscriptions, and an outbox that the chain fills without waiting."""

    def __init__(self, socket: web.WebSocketResponse, subscriptions: Subscriptions) -> None:
        self._socket, self._subscriptions = socket, subscriptions
        self._mine: set[int] = set()
        self._outbox: deque[Json] = deque()
        self._filled = asyncio.Event()
        self._overflows = False

    def send(self, response: Json) -> None:
        """Queues a message. A reader that is too slow is cut off: it polls anyway, or connects again."""
        self._overflows = self._overflows or len(self._outbox) >= OUTBOX_MAX
        if not self._overflows:
            self._outbox.append(response)
        self._filled.set()

    def called(self, method: str, call: Mapping[str, object]) -> None:
        number = call.get("id")
        try:
            params = RpcParams(call.get("params"))
            if method.endswith(_UNSUBSCRIBE):
                self.send({"jsonrpc": "2.0", "result": self._unsubscribe(params), "id": number})
                return
            if self._is_full():
                raise RpcFault(-32000, "Internal Error: Subscription refused. Node subscription limit reached")
            made = self._subscriptions.add(method, params, self.send)
            self._mine.add(made.number)
            self.send({"jsonrpc": "2.0", "result": made.number, "id": number})
            self._subscriptions.notify_past(made)
        except RpcFault as refusal:
            self.send({"jsonrpc": "2.0", "error": refusal.body(), "id": number})

    def _is_full(self) -> bool:
        if len(self._mine) < SUBSCRIPTIONS_MAX:
            return False
        self._mine = {number for number in self._mine if self._subscriptions.holds(number)}  # Some ended by themselves.
        return len(self._mine) >= SUBSCRIPTIONS_MAX

    def _unsubscribe(self, params: RpcParams) -> bool:
        number = params.number(0)
        known = number in self._mine
        self._mine.discard(number)
        return self._subscriptions.remove(number) if known else False

    async def write(self) -> None:
        while not self._overflows:
            await self._filled.wait()
            self._filled.clear()
            while self._outbox and not self._overflows:
                try:
                    await self._socket.send_str(msgspec.json.encode(self._outbox.popleft()).decode())
                except ConnectionError:
                    return
        await self._socket.close()

    def leave(self) -> None:
        for number in self._mine:
            self._subscriptions.remove(number)

    async def close(self) -> None:
        await self._socket.close(code=1001)


def _spoilt(response: object, active_faults: Mapping[str, bool]) -> web.Response:
    """The HTTP response, changed by the faults that apply."""
    if active_faults.get("html"):
        return web.Response(status=502, text=_HTML, content_type="text/html")
    if active_faults.get("wrong_json"):
        return _json(_WRONG)
    if active_faults.get("nulls"):
        response = _with_nulls(response)
    body = b"" if response is None else msgspec.json.encode(response)
    return _json(body[: len(body) // 2] if active_faults.get("truncated") else body)


def _with_nulls(response: object) -> object:
    if isinstance(response, list | tuple):
        return [_with_nulls(one) for one in response]
    if not isinstance(response, dict):
        return response
    return {name: None if name in _NULLABLE else _with_nulls(one) for name, one in response.items()}


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")

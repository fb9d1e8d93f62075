"""One WebSocket connection to a node: sends subscriptions and reads notifications until it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import aiohttp

from overmind.solana.wire import Request, Unusable, decode, encode

OUTBOX_MAX: Final = 4_096
UNANSWERED_MAX: Final = 4_096
# A change is queried after its notification, so no account data need be sent.
_CONFIGS: Final[dict[str, dict[str, object]]] = {
    "signature": {"commitment": "confirmed"},
    "account": {"commitment": "confirmed", "encoding": "base64", "dataSlice": {"offset": 0, "length": 0}},
}


class WsConnection:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue(OUTBOX_MAX)
        self._id = 0
        self._unanswered: dict[int, str] = {}  # by request id
        self._subjects: dict[int, str] = {}  # by subscription id
        self._subscriptions: dict[str, int] = {}  # ids by subject
        self._overrun = False
        self.answered = False  # whether the node ever accepted a subscription

    def subscribe(self, kind: str, of: str) -> None:
        """`kind` is signature or account. A refused subscription stays silent; polling covers it."""
        self._unanswered[self._send(f"{kind}Subscribe", of, _CONFIGS[kind])] = of

    def unsubscribe(self, kind: str, of: str) -> None:
        subscription = self._subscriptions.pop(of, None)
        if subscription is not None:
            self._subjects.pop(subscription, None)
            self._send(f"{kind}Unsubscribe", subscription)

    async def listen(self, on_change: Callable[[str], None]) -> None:
        """Calls `heard` with each changed subject. Returns when the connection is lost or overrun."""
        sender = asyncio.create_task(self._send_all())
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._read(message.data, on_change)
                if self._overrun or len(self._unanswered) > UNANSWERED_MAX:
                    return
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            await self._socket.close()

    def _send(self, method: str, *params: object) -> int:
        self._id += 1
        try:
            self._outbox.put_nowait(encode(Request(self._id, method, params)))
        except asyncio.QueueFull:
            self._overrun = True  # The socket takes no more: `listen` gives the connection up.
        return self._id

    async def _send_all(self) -> None:
        try:
            while True:
                await self._socket.send_str((await self._outbox.get()).decode())
        except (aiohttp.ClientError, OSError):
            return  # The reader notices the loss too.

    def _read(self, message: str, on_change: Callable[[str], None]) -> None:
        try:
            content = decode(message.encode())
        except (Unusable, UnicodeError):
            return
        if not isinstance(content, dict):
            return
        if type(content.get("id")) is int:
            self._on_answer(content["id"], content.get("result"))
        elif isinstance(content.get("params"), dict):
            self._on_notification(content.get("method"), content["params"], on_change)

    def _on_answer(self, request: int, subscription: object) -> None:
        of = self._unanswered.pop(request, None)
        if of is not None and type(subscription) is int:
            self.answered = True
            self._subjects[subscription] = of
            self._subscriptions[of] = subscription

    def _on_notification(self, method: object, params: dict[str, Any], on_change: Callable[[str], None]) -> None:
        subscription = params.get("subscription")
        if type(subscription) is not int or subscription not in self._subjects:
            return
        of = self._subjects[subscription]
        if method == "signatureNotification":  # The node ends this subscription itself.
            del self._subjects[subscription]
            self._subscriptions.pop(of, None)
        on_change(of)

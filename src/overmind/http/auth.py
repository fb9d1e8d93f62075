"""Checks every request before any route: its host, its token, and the size and time of its body."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from typing import Final, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from overmind.config.secrecy import Secret
from overmind.http.bounds import BODY_BYTES_MAX
from overmind.http.connections import CONNECTION
from overmind.http.responses import JsonResponse, error_response

HEARD_BYTES_MAX: Final = 8 * BODY_BYTES_MAX
BODY_S: Final = 10.0  # to send the whole body
OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
READING: Final = ("GET", "HEAD")  # Without the token nobody may send a body, which would be kept.


class Client(Protocol):
    """Who sends the request."""

    def recognise(self) -> bool:
        """The request has the token. False: there is no place for it now."""
        ...


class Authenticator:
    def __init__(self, inside: ASGIApp, token: Secret, port: int) -> None:
        self._inside = inside
        self._credentials = f"Bearer {token.reveal()}".encode()
        # DNS rebinding: a page can point its own host name at us, but it cannot change this header.
        self._hosts = frozenset(f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost", "[::1]"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", scope["type"]
        headers = dict(scope["headers"])
        is_open = scope["path"] in OPEN_PATHS and scope["method"] in READING
        refusal = self._refusal(is_open, headers, scope["state"][CONNECTION])
        if refusal is None and scope["method"] != "GET":
            body = await _body(receive)
            if isinstance(body, JsonResponse):
                refusal = body
            else:
                receive = _replayed(body, receive)
        await (refusal or self._inside)(scope, receive, send)

    def _refusal(self, is_open: bool, headers: Mapping[bytes, bytes], client: Client) -> JsonResponse | None:
        if headers.get(b"host") not in self._hosts:
            return error_response(421, "wrong host", "call 127.0.0.1 or localhost, with the port")
        if hmac.compare_digest(headers.get(b"authorization", b""), self._credentials):
            return None if client.recognise() else error_response(503, "too many requests with the token are open")
        if is_open:
            return None
        answer = error_response(401, "unauthorized")
        answer.headers["www-authenticate"] = "Bearer"
        return answer


async def _body(receive: Receive) -> bytes | JsonResponse:
    """The whole body, or why not. A body that is too large is read to a bound, or the client would miss our answer."""
    parts, size = list[bytes](), 0
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return error_response(400, "the request body is incomplete")
                part = message.get("body", b"")
                size += len(part)
                if size <= BODY_BYTES_MAX:
                    parts.append(part)
                if not message.get("more_body", False) or size > HEARD_BYTES_MAX:
                    return b"".join(parts) if size <= BODY_BYTES_MAX else _too_large()
    except TimeoutError:
        return error_response(408, f"the request body did not arrive within {BODY_S:g} s")


def _too_large() -> JsonResponse:
    return error_response(413, f"a body of more than {BODY_BYTES_MAX} bytes", "send less at once")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Replays the body that was read already, then passes on what else arrives."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return give

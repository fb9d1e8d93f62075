"""A Bot API on the loopback, with HTTP as the real one speaks it, or as broken as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

TOKEN = "12345:" + "A" * 35
GARBAGE = (
    b"",
    b"<html>",
    b"\xff\xfe",
    b"[]",
    b'{"ok": 1}',
    b'{"ok": true, "result": 5}',
    b'{"ok": true, "result": {"a": 1}}',
    b"[" * 100_000,
    b'{"ok": true, "result": [' + b"[" * 50_000,
)


class TelegramServer:
    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.raw: bytes | None = None  # instead of an answer
        self.hangs = False
        self.retry_after = 0
        self.updates: list[dict[str, Any]] = []
        self.calls: list[tuple[str, Any]] = []  # path, body

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method = request.path.rpartition("/")[2]
        body = await request.json()
        self.calls.append((request.path, body))
        if self.hangs:
            await asyncio.Event().wait()
        if self.status in (301, 302):
            raise web.HTTPFound("/elsewhere")
        if self.raw is not None:
            return web.Response(body=self.raw, status=self.status)
        if self.status != 200:
            told = {"ok": False, "error_code": self.status, "description": f"no, {TOKEN}"}
            parameters = {"parameters": {"retry_after": self.retry_after}} if self.retry_after else {}
            return web.json_response({**told, **parameters}, status=self.status)
        return web.json_response({"ok": True, "result": self._result(method, body)})

    def _result(self, method: str, body: dict[str, Any]) -> object:
        if method == "getMe":
            return {"id": 12345, "is_bot": True, "username": "desk_bot"}
        if method == "getUpdates":
            return [one for one in self.updates if one.get("update_id", 10**9) >= body["offset"]][:100]
        return {"message_id": 1}


@asynccontextmanager
async def telegram_server() -> AsyncIterator[TelegramServer]:
    server, app = TelegramServer(), web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()

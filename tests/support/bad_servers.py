"""A server on the loopback that takes what is sent to it, or fails in one of the ways in which servers fail."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

MODES = ("takes", "500", "hangs", "closes", "garbage", "redirects")
_ANSWERS = {
    "takes": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nOK",
    "500": b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    "garbage": b"\x00\xff not http at all\r\n\r\n",
    "redirects": b"HTTP/1.1 302 Go\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
}


class BadServer:
    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.port = 0
        self.requests: list[tuple[str, str, bytes]] = []  # method, path, body
        self.came = asyncio.Event()  # set by each request
        self._server: asyncio.Server | None = None

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.requests]

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            words, lines = head.split(), head.lower().splitlines()
            length = next((int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")), 0)
            self.requests.append((words[0], words[1], await reader.readexactly(length)))
            self.came.set()
            if self.mode == "hangs":
                await asyncio.Event().wait()
            writer.write(_ANSWERS.get(self.mode, b""))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # The client gave up.
        finally:
            writer.close()


@asynccontextmanager
async def bad_server(mode: str) -> AsyncIterator[BadServer]:
    """On the loop of the test."""
    server = BadServer(mode)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextmanager
def server_in_thread(mode: str) -> Iterator[BadServer]:
    """On a loop of its own, for a client that blocks."""
    server, loop = BadServer(mode), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(_all_ended(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _all_ended(server: BadServer) -> None:
    await server.stop()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

"""The stream that tells open pages when to look again: the number of the newest durable entry, and the time.

A tick carries no data of the desk, so a page that lags loses nothing. All streams tick at the same moments, so that
pages ask together and share what is rendered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

import msgspec
from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from overmind.desk.engine import Engine
from overmind.http.responses import HttpRefusal
from overmind.ports import Clock

TICKS_MAX: Final = 64  # open streams; a browser needs one, however many tabs it has
TICK_S: Final = 0.5
HEARTBEAT_TICKS: Final = 2  # A page says "not live" after three seconds of silence.
RETRY_MS: Final = 1_000  # before a browser reconnects
MS: Final = 1_000_000
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


class Ticks:
    """All open streams of ticks."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._closing = asyncio.Event()
        self._open = 0

    @property
    def open(self) -> int:
        """How many there are."""
        return self._open

    def close(self) -> None:
        self._closing.set()

    def routes(self) -> APIRouter:
        router = APIRouter()

        @router.get("/desk/stream")
        async def stream() -> Response:
            if self._open >= TICKS_MAX or self._closing.is_set():
                raise HttpRefusal(503, f"{self._open} pages are live, at most {TICKS_MAX} may be", "close some of them")
            return StreamingResponse(self.ticks(), media_type="text/event-stream", headers=_HEADERS)

        return router

    async def ticks(self) -> AsyncGenerator[bytes, None]:
        """At most two a second, and at least one. Until the streams close or the page goes."""
        loop = asyncio.get_running_loop()
        self._open += 1
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            told = -1
            while not self._closing.is_set():
                seq = self._engine.durable_seq
                if seq != told or round(loop.time() / TICK_S) % HEARTBEAT_TICKS == 0:
                    yield _tick(seq, self._clock.now_ns())
                    told = seq
                await self._wait(_until_next(loop.time()))
        finally:
            self._open -= 1

    async def _wait(self, seconds: float) -> None:
        """Until then, or until the streams close."""
        waiting = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait((waiting,), timeout=seconds)
        finally:
            waiting.cancel()


def _until_next(now: float) -> float:
    """Until the next moment at which all streams tick. A moment that is nearly here is this one."""
    left = TICK_S - now % TICK_S
    return left if left > TICK_S / 10 else left + TICK_S


def _tick(seq: int, at_ns: int) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode({"seq": seq, "at_ms": at_ns // MS})

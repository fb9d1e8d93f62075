"""Runs all parts of a desk in one TaskGroup, and ends them in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from overmind.desk.app import DRAIN_S, App
from overmind.desk.interpreter import tune_interpreter
from overmind.ports import JournalFailed

LOCK_PATIENCE_S: Final = 10.0  # how long an end waits for another program's lock on the journal
DISK_PATIENCE_S: Final = 20.0  # and for a disk that hangs


@asynccontextmanager
async def running(app: App, drain_s: float = DRAIN_S) -> AsyncIterator[App]:
    """Runs the desk. On exit it settles open orders within the deadline, then stops.

    An order that is still open then is not lost: its ticket is in the journal, and the next start follows it.
    """
    tune_interpreter()
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(app.engine.run())
        services: list[asyncio.Task[None]] = []
        try:
            await app.open()
            services = [tasks.create_task(_until_cancelled(service)) for service in app.services]
            yield app
            await app.settle(drain_s)
        finally:
            for service in services:
                service.cancel()
            await asyncio.gather(*services, return_exceptions=True)
            if not writing.done():
                await _close(app)
                await app.anchor()
            writing.cancel()


async def _close(app: App) -> None:
    """Makes the last entries durable. A lock, or a disk that hangs, may prevent that: nobody was told of them then."""
    closing = asyncio.ensure_future(app.engine.close())
    try:
        await asyncio.wait((closing,), timeout=LOCK_PATIENCE_S)
        if not closing.done() and app.storage().locked is None:
            await asyncio.wait((closing,), timeout=DISK_PATIENCE_S - LOCK_PATIENCE_S)
        if not closing.done():
            why = app.storage().locked or f"the disk has not answered within {DISK_PATIENCE_S:g} s"
            raise JournalFailed(f"the last decisions were told to nobody and are not written: {why}")
        await closing
    finally:
        closing.cancel()


async def _until_cancelled(service: Callable[[], Awaitable[None]]) -> None:
    await service()

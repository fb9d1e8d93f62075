"""Runs what nobody may have to wait for. A part that fails is named in the log and in the alarms; the desk goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger("notices")


class Beside:
    def __init__(self) -> None:
        self.failed: list[str] = []  # parts that ended by a fault of ours

    @asynccontextmanager
    async def running(self, parts: Mapping[str, Callable[[], Awaitable[None]]]) -> AsyncIterator[None]:
        """For as long as the block lasts."""
        tasks = [asyncio.ensure_future(self._run(name, part)) for name, part in parts.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def alarms(self) -> list[str]:
        return [f"{name} ended by a fault: the log has it; restart the service" for name in self.failed]

    async def _run(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.ensure_future(part())
        try:
            await asyncio.wait((task,))
        finally:
            task.cancel()
        if (fault := task.exception()) is not None:
            self.failed.append(name)
            log.critical("a part beside the desk failed", part=name, why=type(fault).__name__, exc_info=fault)

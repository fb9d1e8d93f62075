"""Explains an old signal in a process of its own, at low priority: replaying many entries would delay decisions."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from overmind.http.responses import HttpRefusal

COMMAND: Final = (sys.executable, "-P", "-c", "import sys; from overmind.cli import main; sys.exit(main())")
PASSED_ON: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")  # of the environment; no secret is among them
NICENESS: Final = 10  # above that of the service
LOOK_EVERY_S: Final = 0.2  # whether the client has left
WAITING_MAX: Final = 8
SAID_CHARS_MAX: Final = 500


class Explainer:
    """One explanation at a time, first come first served."""

    def __init__(self, data_dir: Path, command: Sequence[str] = COMMAND) -> None:
        self._data_dir = data_dir
        self._command = command
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._closing = False

    async def explain(self, signal_id: str, gone: Callable[[], Awaitable[bool]]) -> bytes:
        """What `overmind explain` says, as JSON. Ends when the client is gone or the service stops."""
        if self._waiting >= WAITING_MAX:
            raise HttpRefusal(503, f"{self._waiting} explanations wait, at most {WAITING_MAX} may", "ask again later")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._explain(signal_id, gone)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Ends the explanation that is under way, and those that wait."""
        self._closing = True

    async def _explain(self, signal_id: str, gone: Callable[[], Awaitable[bool]]) -> bytes:
        await self._go_on(gone)
        process = await self._started(signal_id)
        saying = asyncio.ensure_future(process.communicate())
        try:
            while not saying.done():
                await asyncio.wait((saying,), timeout=LOOK_EVERY_S)
                if not saying.done():
                    await self._go_on(gone)
        finally:
            if not saying.done():
                with suppress(ProcessLookupError):
                    process.kill()
                await asyncio.wait((saying,))
        said, complained = saying.result()
        if process.returncode != 0:
            raise HttpRefusal(503, f"it cannot be explained: {complained.decode(errors='replace')[:SAID_CHARS_MAX]}")
        return said

    async def _started(self, signal_id: str) -> Process:
        # An id may begin with a dash, and is no option then.
        words = ("explain", "--json", "--data-dir", str(self._data_dir.absolute()), "--", signal_id)
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *self._command, *words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment
        )
        with suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        return process

    async def _go_on(self, gone: Callable[[], Awaitable[bool]]) -> None:
        if self._closing:
            raise HttpRefusal(503, "the service is stopping")
        if await gone():
            raise HttpRefusal(499, "the client has left")

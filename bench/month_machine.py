"""The machine of a virtual month: a loop whose turns are measured, a clock that can be set, and the keeper's process.

What the app does in threads only because a call may hang is done at once here: virtual time would wait for the thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from overmind.clock.clocks import thread_ns
from overmind.clock.virtual import VirtualClock, VirtualLoop
from overmind.desk.keeper import KeeperProcess
from overmind.journal.segments.sealed import Sealed
from overmind.journal.sqlite import SqliteJournal


class TimedLoop(VirtualLoop):
    """Measures each turn in processor time of its thread. A timer every few milliseconds would never let time jump."""

    longest_ns = 0

    def _run_once(self) -> None:
        used_ns = thread_ns()
        super()._run_once()  # asyncio's own step: the ready callbacks, once each
        TimedLoop.longest_ns = max(TimedLoop.longest_ns, thread_ns() - used_ns)


class MonthClock(VirtualClock):
    """A machine's clock that may be set wrong; the two others cannot."""

    def __init__(self, start_ns: int) -> None:
        super().__init__(start_ns)
        self.wrong_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.wrong_ns

    def steady_ns(self) -> int:
        return super().now_ns()

    def boot_ns(self) -> int:
        return super().now_ns()


class MonthJournal(SqliteJournal):
    """The journal on disk. It looks at its files in the loop's thread."""

    async def look(self) -> None:
        self._require_writer().look()


class ProcessInThread:
    """Waits for the keeper's process in a thread, because a virtual loop waits for threads and for no process."""

    def __init__(self, path: Path) -> None:
        self._process = KeeperProcess(path)

    async def state_after(self, seq: int) -> bytes:
        return await asyncio.to_thread(lambda: asyncio.run(self._process.state_after(seq)))

    async def segments(self, entries: int) -> AsyncGenerator[Sealed, None]:
        async def made() -> list[Sealed]:
            return [segment async for segment in self._process.segments(entries)]

        for segment in await asyncio.to_thread(lambda: asyncio.run(made())):
            yield segment

"""The machine of a virtual month: a loop whose turns are measured, a clock that can be set, and the keeper's processes.

What the app does in other threads is done at once here, and is not counted as the loop's: virtual time would wait for
the thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from overmind.clock.clocks import thread_ns
from overmind.clock.virtual import VirtualClock, VirtualLoop
from overmind.core.model.events import Entry
from overmind.journal.kept.keeping import keep_states
from overmind.journal.segments.keeper_process import state_after
from overmind.journal.segments.sealed import Sealed
from overmind.journal.segments.sealing import sealed_segments
from overmind.journal.sqlite import Batch, SqliteJournal


class TimedLoop(VirtualLoop):
    """Measures each turn in processor time of its thread. A timer every few milliseconds would never let time jump."""

    longest_ns = 0
    elsewhere_ns = 0  # of work that a real desk does in another thread

    def _run_once(self) -> None:
        used_ns = loop_ns()
        super()._run_once()  # asyncio's own step: the ready callbacks, once each
        TimedLoop.longest_ns = max(TimedLoop.longest_ns, loop_ns() - used_ns)


def loop_ns() -> int:
    """Processor time that the event loop has used for itself."""
    return thread_ns() - TimedLoop.elsewhere_ns


@contextmanager
def elsewhere() -> Iterator[None]:
    """What is done in the block is not the loop's work."""
    began_ns = thread_ns()
    try:
        yield
    finally:
        TimedLoop.elsewhere_ns += thread_ns() - began_ns


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
    """The journal on disk, written in the loop's thread. A run of hours needs no turns between two threads."""

    async def append(self, entries: Sequence[Entry]) -> None:
        writer = self._require_writer()
        with elsewhere():
            if entries:
                writer.append(entries)
            writer.checkpoint()

    async def look(self) -> None:
        with elsewhere():
            self._require_writer().look()

    async def _write(self, work: Callable[[Batch], None], batch: Batch) -> None:
        with elsewhere():
            work(batch)


class ProcessAwaited:
    """Makes what the keeper makes, as the keeper does in processes of their own: their memory is not the desk's.

    They do not have its lowest priority, because virtual time waits for them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._processes = ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1)

    async def state_after(self, seq: int) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._processes, state_after, self._path, seq)

    async def keep_states(self) -> bool:
        return await asyncio.get_running_loop().run_in_executor(self._processes, keep_states, self._path)

    async def segments(self, entries_min: int, entries_max: int) -> AsyncGenerator[Sealed, None]:
        loop = asyncio.get_running_loop()
        made = loop.run_in_executor(self._processes, _segments, self._path, entries_min, entries_max)
        for segment in await made:
            yield segment

    def close(self) -> None:
        self._processes.shutdown()


def _segments(path: Path, entries_min: int, entries_max: int) -> list[Sealed]:
    return list(sealed_segments(path, entries_min, entries_max))

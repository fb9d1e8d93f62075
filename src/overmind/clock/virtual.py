"""An event loop with virtual time: it jumps to the next timer instead of waiting. Backtest, demo and simulation use it.

Work in threads (a disk write) takes no virtual time. Its completion is handled only when nothing else is ready, so a
run depends on its inputs alone, never on the speed of the disk.
"""

from __future__ import annotations

import asyncio
import queue
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple, Unpack

from overmind.core.model.units import NS

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

THREAD_TIMEOUT_S = 600.0  # A thread that needs longer hangs; waiting for ever would hide it.


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now_s = 0.0
        self._in_threads = 0
        self._from_threads: queue.SimpleQueue[asyncio.Handle] = queue.SimpleQueue()
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.now_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._thread_done)
        return future

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._from_threads.put(handle)
        return handle

    async def shutdown_default_executor(self, within_s: float | None = None) -> None:
        """The runner calls it last. The thread that ends the others is waited for, as any other."""
        self._in_threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._in_threads -= 1

    def wait(self, timeout_s: float | None) -> None:
        """Called when nothing is ready: takes a thread's result if one is due, otherwise jumps to the next timer."""
        if self._in_threads or not self._from_threads.empty():
            handle = self._from_threads.get(timeout=THREAD_TIMEOUT_S)
            self.call_soon(handle._run)
        elif timeout_s is None:
            raise RuntimeError("deadlock: nothing is ready and no timer is set")
        else:
            # Up to the next whole nanosecond: sums of floats would otherwise drift, and miss a candle's closing time.
            # Never down: after 48 days of loop time a timer would stay ahead for ever.
            later_s = self.now_s + max(0.0, timeout_s)
            self.now_s = max(later_s, round(later_s, 9))

    def _thread_done(self, _: Future[Any] | asyncio.Future[Any]) -> None:
        self._in_threads -= 1


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self._loop.wait(timeout)
        return []


class VirtualClock:
    """`ports.Clock` on a VirtualLoop that began at `start_ns`."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns

    def now_ns(self) -> int:
        return self._start_ns + round(asyncio.get_running_loop().time() * NS)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to completion in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)

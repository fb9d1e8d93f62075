"""Calls that may hang, such as those that ask a disk, made one after the other in a thread of their own.

The event loop goes on meanwhile. The thread does not keep the process from ending, as the threads of a pool would.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from types import TracebackType
from typing import Final, Generic, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

WAITING_MAX: Final = 16  # calls that wait for one that hangs


class Hangs(OSError):
    """Too many calls wait for one that does not end."""


class _Call(Generic[T]):
    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self.made: Future[T] = Future()

    def make(self) -> None:
        if self.made.set_running_or_notify_cancel():
            with self:
                self.made.set_result(self._call())

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Whatever the call raises is for whoever waits for it."""
        if error is not None:
            self.made.set_exception(error)
        return True


class Aside(Executor):
    """First come, first served. The thread starts with the first call."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        wanted = _Call(lambda: fn(*args, **kwargs))
        self._waiting.put(wanted.make)
        return wanted.made

    async def run(self, call: Callable[[], T], within_s: float | None = None) -> T:
        """What the call returns or raises. Raises Hangs; TimeoutError after `within_s`, and the call goes on."""
        if self._waiting.qsize() >= WAITING_MAX:
            raise Hangs(f"{self._name}: an earlier call has not ended")
        async with asyncio.timeout(within_s):
            return await asyncio.get_running_loop().run_in_executor(self, call)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the thread after its last call. Whoever cares for that call waits for its future."""
        self._waiting.put(None)

    def _work(self) -> None:
        while (make := self._waiting.get()) is not None:
            make()

"""Calls that may hang, such as a look at a disk, made in a thread of their own: the event loop goes on meanwhile.

The thread does not keep the process from ending, as the threads of a pool would.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType
from typing import Final, Generic, TypeVar

T = TypeVar("T")

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


class Aside:
    """Makes one call at a time, first come first served. Its thread starts with the first call."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """What the call returns or raises. Raises Hangs."""
        if self._waiting.qsize() >= WAITING_MAX:
            raise Hangs(f"{self._name}: an earlier call has not ended")
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        wanted = _Call(call)
        self._waiting.put(wanted.make)
        return await asyncio.wrap_future(wanted.made)

    def close(self) -> None:
        """Ends the thread after its last call, and does not wait for that."""
        self._waiting.put(None)

    def _work(self) -> None:
        while (make := self._waiting.get()) is not None:
            make()

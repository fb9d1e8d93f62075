"""A bounded queue, and a thread that writes what is in it: whoever puts something in waits for no disk and no reader.

any thread      put(item)      full: the item is dropped and counted
its own thread  write(items)   may hang; only this thread hangs with it
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

from overmind.clock.clocks import uptime_ns
from overmind.core.model.units import NS

GATHER_S: Final = 0.005  # for texts that somebody waits for
TOGETHER_MAX: Final = 256  # items of one write

T = TypeVar("T")


class _Mark(threading.Event):
    """Set once everything that was put in before it has been written."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        self.last = last  # the thread ends after it


class Outlet(Generic[T]):
    def __init__(self, name: str, write: Callable[[Sequence[T]], bool], most: int, gather_s: float = GATHER_S) -> None:
        """`write` runs in the thread and says whether the items were written. `most` items wait at a time.

        `gather_s`: how long the thread waits for more. One write takes many then, and the thread seldom wakes up.
        """
        self._write = write
        self._most = most
        self._gather_s = gather_s
        self._awaited = threading.Event()  # somebody waits until all is written
        # Signal handlers may log while the same thread puts something in, so no lock may be held then.
        self._queue: SimpleQueue[T | _Mark] = SimpleQueue()
        self._counting = threading.RLock()
        self._lost = 0
        self._began_ns: int | None = None  # when the write that is under way began
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """How many items were dropped, or could not be written."""
        return self._lost

    @property
    def stalled_s(self) -> float:
        """For how long the write that is under way has taken."""
        began_ns = self._began_ns
        return 0.0 if began_ns is None else (uptime_ns() - began_ns) / NS

    def put(self, item: T, spare: int = 0) -> None:
        """`spare` places stay free for items that matter more."""
        if self._queue.qsize() < self._most - spare:
            self._queue.put(item)
        else:
            self._lose(1)

    def flush(self, within_s: float) -> bool:
        """Waits until everything that was put in before is written; False: it was not, in this time."""
        return self._mark(within_s, last=False)

    def close(self, within_s: float) -> bool:
        """The same, and ends the thread. A thread that hangs is left behind: it ends with the process."""
        return self._mark(within_s, last=True)

    def _mark(self, within_s: float, last: bool) -> bool:
        mark = _Mark(last)
        self._queue.put(mark)
        self._awaited.set()
        return mark.wait(within_s)

    def _lose(self, count: int) -> None:
        with self._counting:
            self._lost += count

    def _run(self) -> None:
        while True:
            found = self._gathered()
            marks = [one for one in found if isinstance(one, _Mark)]
            if items := [one for one in found if not isinstance(one, _Mark)]:
                self._began_ns = uptime_ns()
                if not self._write(items):
                    self._lose(len(items))
                self._began_ns = None
            for mark in marks:
                mark.set()
            if any(mark.last for mark in marks):
                return

    def _gathered(self) -> list[T | _Mark]:
        found = [self._queue.get()]
        if not isinstance(found[0], _Mark) and self._queue.qsize() < TOGETHER_MAX:
            self._awaited.wait(self._gather_s)
        self._awaited.clear()
        while len(found) < TOGETHER_MAX:
            try:
                found.append(self._queue.get_nowait())
            except Empty:
                break
        return found


def write_all(descriptor: int, octets: bytes) -> None:
    """Raises OSError, as when nobody reads any more."""
    while octets:
        octets = octets[os.write(descriptor, octets) :]

"""The lane of the signals: whoever works on signals holds it, for a short slice, and then lets the event loop turn.

    a stop, a pause, a close ───────────────────────────→ at once; while it is served, the lane rests
    sales      ┐
    reading    ├─ one holder at a time, a slice of it ──→ one turn of the loop for everything else ─┐
    entries    ┘          ↑ the lowest rank first, then the first to come ←─────────────────────────┘

A stop takes several turns of the loop from its socket to its answer, and so does a health probe. So it is the work of
one turn that delays it, however many requests wait. A slice is measured in processor time of the loop's thread: it must
not shrink because the machine does something else. To read it takes a system call, and a thread never uses more than
the time that passes. So a clock that needs no system call is read first.
"""

from __future__ import annotations

import asyncio
import enum
import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from overmind.clock.clocks import SystemClock, thread_ns

SLICE_NS: Final = 4_000_000  # in one turn of the loop; the signal that passes it is finished first
REST_S: Final = 0.02  # At most so long at a time does the lane rest, so that urgent requests cannot shut it.


class Rank(enum.IntEnum):
    """Who comes first. A sale never waits behind an entry, only behind the reading of what else has arrived."""

    SALE = 0
    READING = 1  # It shows what is a sale.
    ENTRY = 2


class Place(NamedTuple):
    """In the queue before the lane. It is kept until its owner leaves the lane, over all pauses."""

    rank: Rank
    number: int


class Turn:
    """Whoever holds the lane, or paused and will hold it again."""

    def __init__(self, lane: Lane, place: Place) -> None:
        self._lane = lane
        self._place = place
        self.holds = False

    async def __aenter__(self) -> Turn:
        await self.take()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.holds:
            self._lane.leave()

    async def go_on_as(self, rank: Rank) -> None:
        """Takes the last place of another rank. Goes on at once if nobody comes before that."""
        self._place = self._lane.place(rank)
        await self.pause()

    async def pause(self) -> None:
        """Called between two signals. Lets others go first if the slice is over, or if a better place waits."""
        if self._lane.wants_pause(self._place):
            self.holds = False
            self._lane.leave()
            await self.take()

    async def take(self) -> None:
        await self._lane.enter(self._place)
        self.holds = True


class Lane:
    def __init__(
        self,
        used_ns: Callable[[], int] = thread_ns,
        slice_ns: int = SLICE_NS,
        passed_ns: Callable[[], int] = SystemClock.steady_ns,
    ) -> None:
        """`used_ns`: the processor time that the loop's thread has used. `passed_ns`: a clock that never jumps."""
        self._used_ns = used_ns
        self._passed_ns = passed_ns
        self._slice_ns = slice_ns
        self._waiting: list[tuple[Place, asyncio.Future[None]]] = []  # a heap
        self._number = 0
        self._held = False
        self._began_ns: int | None = None  # when this turn's slice began, by `used_ns`; None: it has not
        self._began_passed_ns = 0  # the same by `passed_ns`
        self._urgent = 0  # requests
        self._rest: asyncio.TimerHandle | None = None
        self._rested = False  # The next slice is given, whatever is urgent.

    def held(self, rank: Rank) -> Turn:
        """Holds the lane for a block. Between two signals the block calls `pause`."""
        return Turn(self, self.place(rank))

    def place(self, rank: Rank) -> Place:
        """The last place of this rank."""
        self._number += 1
        return Place(rank, self._number)

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """Lets the lane rest for the block, but not for long at a time."""
        self._urgent += 1
        try:
            yield
        finally:
            self._urgent -= 1
            if not self._urgent and self._rest is not None:
                self._rest.cancel()
                self._rest = None
                self._give()

    def wants_pause(self, place: Place) -> bool:
        return self._is_over() or self._must_rest() or bool(self._waiting and self._waiting[0][0] < place)

    async def enter(self, place: Place) -> None:
        if not (self._held or self._waiting or self._must_rest() or self._is_over()):
            self._held = True
        else:
            await self._wait(place)
        if self._began_ns is None:
            self._began_ns, self._began_passed_ns = self._used_ns(), self._passed_ns()
            asyncio.get_running_loop().call_soon(self._turned)

    def leave(self) -> None:
        assert self._held, "nobody holds the lane"
        self._held = False
        self._give()

    async def _wait(self, place: Place) -> None:
        given = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (place, given))
        self._give()
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():  # The lane came together with the cancellation: give it back.
                self.leave()
            raise

    def _give(self) -> None:
        """Gives the lane to the best place, unless it is held, the slice is over, or it rests."""
        while self._waiting and self._waiting[0][1].done():  # Cancelled.
            heapq.heappop(self._waiting)
        if not self._waiting or self._held or self._is_over():
            return
        if not self._must_rest():
            self._held = True
            heapq.heappop(self._waiting)[1].set_result(None)
        elif self._rest is None:
            self._rest = asyncio.get_running_loop().call_later(REST_S, self._end_rest)

    def _end_rest(self) -> None:
        self._rest, self._rested = None, True
        self._give()

    def _turned(self) -> None:
        """The loop has turned: everything else that was ready has run."""
        self._began_ns, self._rested = None, False
        self._give()

    def _is_over(self) -> bool:
        if self._began_ns is None or self._passed_ns() - self._began_passed_ns < self._slice_ns:
            return False
        return self._used_ns() - self._began_ns >= self._slice_ns

    def _must_rest(self) -> bool:
        return self._urgent > 0 and not self._rested

"""The console of a service: one line for each decision and each outcome, for whoever sits before the terminal.

The event loop only puts entries into a bounded queue. A thread tells them, and only as many a second as a person can
follow. Lines that are left out are counted, and the journal has them all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Protocol

from overmind.clock.clocks import loop_turn, uptime_ns
from overmind.core.books.state import State
from overmind.core.model.events import (
    BalancesChecked,
    CloseCancelled,
    CloseOrdered,
    Deposited,
    Entry,
    MintAdmitted,
    MoveClosed,
    MovePlaced,
    OrderClosed,
    OrderFinal,
    OrderPlaced,
    PricesMarked,
    PricesMoved,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
)
from overmind.core.model.units import NS
from overmind.desk.feed import Feed
from overmind.desk.log.outlet import Outlet
from overmind.views.lines import Line, Teller

ENTRIES_MAX: Final = 1_000  # that wait for the thread
LINES_A_SECOND: Final = 40
TURNS_TO_QUEUE: Final = 4  # of the event loop, until what was committed last is in the queue
FLUSH_S: Final = 2.0  # for the last lines
UNTOLD: Final = (PricesMarked, PricesMoved, BalancesChecked)  # No line refers to them.
# Holds, rollbacks and the like are warnings, which the log shows on standard error.
INFO: Final = (
    OrderPlaced,
    SignalRefused,
    SignalRecorded,
    OrderClosed,
    MovePlaced,
    MoveClosed,
    Deposited,
    CloseOrdered,
    CloseCancelled,
    MintAdmitted,
)
DEBUG: Final = (*INFO, TicketRecorded, OrderFinal)


class Source(Protocol):
    """What the console asks an engine."""

    @property
    def state(self) -> State: ...

    def subscribe(self) -> Feed: ...

    def unsubscribe(self, feed: Feed) -> None: ...


class Console:
    def __init__(
        self,
        engine: Source,
        kinds: tuple[type, ...],
        shown: Callable[[Line], str],
        left_out: Callable[[int | None], str],
        write: Callable[[str], bool],
        lines_a_second: int = LINES_A_SECOND,
        now_ns: Callable[[], int] = uptime_ns,
    ) -> None:
        """`kinds` of events are told. `shown` is a line as text, `left_out` the text for so many lines that are not;
        None: for nobody knows how many.

        `write` may hang, in the thread, and says whether it wrote.
        """
        self._engine = engine
        self._kinds = kinds
        self._shown = shown
        self._left_out = left_out
        self._write = write
        self._most = lines_a_second
        self._now_ns = now_ns
        self._teller = Teller.after(engine.state)
        self._feed = engine.subscribe()
        self._second = 0  # by a clock that never jumps
        self._told = 0  # lines in this second
        self._untold = 0  # lines that were left out and not counted aloud yet
        self._lost_before = 0  # entries that had no room in the queue, counted in `_untold`
        # None: the feed lost some entries.
        self._outlet: Outlet[Entry | None] = Outlet("console", self._tell, ENTRIES_MAX)

    async def run(self) -> None:
        """Runs until it is cancelled."""
        try:
            while True:
                entries = await self._feed.next()
                if entries is None:
                    self._outlet.put(None)
                    continue
                for entry in entries:
                    if not isinstance(entry.event, UNTOLD):
                        self._outlet.put(entry)
        finally:
            self._engine.unsubscribe(self._feed)

    def close(self) -> None:
        """Gives the last lines a moment."""
        self._outlet.close(FLUSH_S)

    def _tell(self, entries: Sequence[Entry | None]) -> bool:
        """In the thread."""
        self._begin_second(self._now_ns() // NS)
        texts = list[str]()
        if self._told < self._most and self._untold:
            texts.append(self._left_out(self._untold))
            self._untold = 0
        for entry in entries:
            if entry is None:
                texts.append(self._left_out(None))
            elif not isinstance(entry.event, self._kinds):
                self._teller.skip(entry)
            elif self._told < self._most:
                texts.append(self._shown(self._teller.tell(entry)))
                self._told += 1
            else:
                self._teller.skip(entry)
                self._untold += 1
        return self._write("".join(f"{text}\n" for text in texts)) if texts else True

    def _begin_second(self, second: int) -> None:
        if second != self._second:
            self._second, self._told = second, 0
        lost = self._outlet.lost
        self._untold += lost - self._lost_before
        self._lost_before = lost


@contextlib.asynccontextmanager
async def telling(console: Console | None) -> AsyncIterator[None]:
    """The console tells for the duration of the block. None: nothing is told."""
    if console is None:
        yield
        return
    task = asyncio.ensure_future(console.run())
    try:
        yield
    finally:
        for _ in range(TURNS_TO_QUEUE):
            await loop_turn()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, console.close)

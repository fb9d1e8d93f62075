"""Lets work that woke together go on a little at a time, so that the event loop turns in between.

Hundreds of orders may have their outcome in one answer of a node, in one commit, or because the machine stood still.
Each books something, and together they would delay a stop. What is urgent goes first; else first come, first served.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

TURN_MAX: Final = 16  # in one turn of the loop: a few milliseconds, on a busy machine too


class Crowd:
    def __init__(self, turn_max: int = TURN_MAX) -> None:
        self._turn_max = turn_max
        self._left = turn_max  # in this turn
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._turning = False  # whether the end of this turn is awaited

    async def pass_through(self, urgent: bool) -> None:
        """Returns at once while this turn has room."""
        self._await_turn()
        if self._left:
            self._left -= 1
            return
        place = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._others).append(place)
        await place

    def _await_turn(self) -> None:
        if not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._turned)

    def _turned(self) -> None:
        """A turn has room for those who wait, then for those who come."""
        self._turning, self._left = False, self._turn_max
        for places in (self._urgent, self._others):
            while places and self._left:
                place = places.popleft()
                if not place.done():  # cancelled
                    self._left -= 1
                    place.set_result(None)
        if self._left < self._turn_max:
            self._await_turn()

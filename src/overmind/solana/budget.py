"""Bounds the rate and the number of concurrent requests to a node, and serves the most urgent first.

The order is exits, statuses, marks, entries; first come first served among equals. Some concurrent requests are
reserved for exits and statuses, so that other requests that hang cannot block them. Some turns are reserved for
entries, behind exits only, because statuses alone may want more than the rate limit for ever.
"""

from __future__ import annotations

import asyncio
import math
from typing import Final

from overmind.core.model.units import NS
from overmind.ports import Clock, Priority
from overmind.solana.retry_after import WAIT_MAX_S

IN_FLIGHT_MAX: Final = 64
IN_FLIGHT_KEPT: Final = 16  # of them, reserved for exits and statuses
WAITING_MAX: Final = 1_024
ENTRY_EVERY: Final = 4  # of so many turns that no exit takes, a waiting entry gets one
_URGENCY: Final = tuple(Priority)
_ENTRY_IS_DUE: Final = (Priority.EXIT, Priority.ENTRY, Priority.STATUS, Priority.MARK)


class QueueFull(Exception):
    """The queue is full, and nothing in it is less urgent."""


class RequestBudget:
    """A token bucket that fills at `per_s`, and a bound of concurrent requests. A batch costs a token per request."""

    def __init__(self, clock: Clock, per_s: float, *, waiting_max: int = WAITING_MAX) -> None:
        assert per_s > 0, per_s
        self._clock = clock
        self._per_s = per_s
        self._tokens = self._tokens_max = max(1.0, per_s)
        self._filled_ns = clock.now_ns()
        self._paused_until_ns = 0
        self._in_flight = 0
        self._passed_over = 0  # turns given to others while an entry waited
        self._waiting_max = waiting_max
        self._waiting: dict[Priority, dict[asyncio.Future[None], int]] = {priority: {} for priority in Priority}
        self._timer: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return sum(map(len, self._waiting.values()))

    @property
    def used(self) -> float:
        """The share of the requests that may be sent at once that is used up: 1 means that the next one waits."""
        if math.isinf(self._per_s):
            return 0.0
        earned = max(0, self._clock.now_ns() - self._filled_ns) / NS * self._per_s
        return 1 - max(0.0, min(self._tokens_max, self._tokens + earned)) / self._tokens_max

    async def acquire(self, priority: Priority, cost: int = 1) -> None:
        """Waits for a turn. The caller must `release` it. Raises QueueFull."""
        if not self._is_behind(priority) and self._admits(priority):
            self._take(priority, cost)
            return
        self._make_room(priority)
        turn = asyncio.get_running_loop().create_future()
        self._waiting[priority][turn] = cost
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if self._waiting[priority].pop(turn, None) is None and not turn.cancelled() and not turn.exception():
                self.release()  # The turn came, but the caller was cancelled.
            raise

    def release(self) -> None:
        self._in_flight -= 1
        assert self._in_flight >= 0
        self._serve()

    def pause(self, seconds: float) -> None:
        """Gives nobody a turn for so long, because the node asked for a pause."""
        pause_ns = round(min(seconds, WAIT_MAX_S) * NS)
        self._paused_until_ns = max(self._paused_until_ns, self._clock.now_ns() + pause_ns)

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.gather(self._timer, return_exceptions=True)

    def _is_behind(self, priority: Priority) -> bool:
        order = self._order()
        return any(self._waiting[other] for other in order[: order.index(priority) + 1])

    def _order(self) -> tuple[Priority, ...]:
        return _URGENCY if self._passed_over < ENTRY_EVERY - 1 else _ENTRY_IS_DUE

    def _make_room(self, priority: Priority) -> None:
        if self.waiting < self._waiting_max:
            return
        least = max(other for other in Priority if self._waiting[other])
        if least <= priority:
            raise QueueFull
        last, _ = self._waiting[least].popitem()
        if not last.done():  # It may have been cancelled just now.
            last.set_exception(QueueFull())

    def _admits(self, priority: Priority) -> bool:
        places = IN_FLIGHT_MAX if priority <= Priority.STATUS else IN_FLIGHT_MAX - IN_FLIGHT_KEPT
        return self._in_flight < places and self._lacking_s() == 0

    def _take(self, priority: Priority, cost: int) -> None:
        # A batch larger than the bucket overdraws it: the next requests wait.
        self._tokens -= cost
        self._in_flight += 1
        if priority is Priority.ENTRY or not self._waiting[Priority.ENTRY]:
            self._passed_over = 0
        elif priority is not Priority.EXIT:
            self._passed_over += 1

    def _lacking_s(self) -> float:
        """Until there is a token and no pause. Bounded, in case the clock was set back."""
        now_ns = self._clock.now_ns()
        if math.isinf(self._per_s):
            self._tokens = self._tokens_max
        else:
            earned = max(0, now_ns - self._filled_ns) / NS * self._per_s
            self._tokens = min(self._tokens_max, self._tokens + earned)
        self._filled_ns = now_ns
        paused_s = (self._paused_until_ns - now_ns) / NS
        if not 0 < paused_s <= WAIT_MAX_S:
            paused_s = 0.0
        return max(paused_s, (1 - self._tokens) / self._per_s, 0.0)

    def _serve(self) -> None:
        while (priority := self._next()) is not None:
            turn = next(iter(self._waiting[priority]))
            cost = self._waiting[priority].pop(turn)
            if not turn.done():
                self._take(priority, cost)
                turn.set_result(None)
        if any(self._waiting.values()) and self._timer is None and (lacking_s := self._lacking_s()):
            self._timer = asyncio.create_task(self._serve_after(lacking_s))

    def _next(self) -> Priority | None:
        return next((one for one in self._order() if self._waiting[one] and self._admits(one)), None)

    async def _serve_after(self, seconds: float) -> None:
        try:
            await self._clock.sleep(seconds)
        finally:
            self._timer = None
        self._serve()

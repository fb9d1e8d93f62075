"""Measures the turns of the event loop in processor time of its thread: whatever waits for the loop waits for a turn.

A timer comes back every few milliseconds. What the thread used since its last time is at least the longest turn
between the two, and at most that and the period. The machine's other load does not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypedDict

import msgspec

from overmind.clock.clocks import thread_ns

PERIOD_S: Final = 0.005
LONG_NS: Final = 20_000_000  # A turn that takes longer delays stops and exits. `TurnsRow` names it too.


class TurnsRow(TypedDict):
    """The turns of the event loop since the start, in processor time."""

    longest_turn_ms: float
    turns_over_20_ms: int


class LoopTurns(msgspec.Struct):
    """Counted since the service began to serve."""

    longest_ns: int = 0
    long: int = 0  # turns over LONG_NS

    def add(self, used_ns: int) -> None:
        self.longest_ns = max(self.longest_ns, used_ns)
        self.long += used_ns > LONG_NS

    def shown(self) -> TurnsRow:
        return {"longest_turn_ms": round(self.longest_ns / 1e6, 1), "turns_over_20_ms": self.long}


@contextmanager
def measuring(turns: LoopTurns, used_ns: Callable[[], int] = thread_ns) -> Iterator[None]:
    """Measures the running loop for as long as the block lasts."""
    loop, before_ns, ended = asyncio.get_running_loop(), used_ns(), False

    def come_back() -> None:
        nonlocal before_ns
        if not ended:
            now_ns = used_ns()
            turns.add(now_ns - before_ns)
            before_ns = now_ns
            loop.call_later(PERIOD_S, come_back)

    loop.call_later(PERIOD_S, come_back)
    try:
        yield
    finally:
        ended = True

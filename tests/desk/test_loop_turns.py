"""The longest turn of the event loop, in processor time."""

from __future__ import annotations

import asyncio

from overmind.clock.virtual import run_virtual
from overmind.desk.loop_turns import LONG_NS, PERIOD_S, LoopTurns, measuring

MS = 1_000_000


def measured(*turns_ms: int) -> LoopTurns:
    """Turns that use so much processor time each; a timer runs between them."""
    turns, used_ns = LoopTurns(), 0

    async def play() -> None:
        nonlocal used_ns
        with measuring(turns, lambda: used_ns):
            for one in turns_ms:
                used_ns += one * MS
                await asyncio.sleep(2 * PERIOD_S)
        used_ns += 1_000 * MS
        await asyncio.sleep(2 * PERIOD_S)

    run_virtual(play())
    return turns


def test_the_longest_turn_is_kept_and_long_ones_are_counted() -> None:
    assert measured(1, 7, 3) == LoopTurns(longest_ns=7 * MS, long=0)
    assert measured(1, 21, 3, 40, 20) == LoopTurns(longest_ns=40 * MS, long=2)
    assert measured(25).shown() == {"longest_turn_ms": 25.0, "turns_over_20_ms": 1}
    assert LONG_NS == 20 * MS

"""Work that woke together goes on a little at a time: what is urgent first, then first come, first served."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from overmind.desk.crowd import Crowd

MOST = 3


async def passed(crowd: Crowd, names: list[str], turns: int, cancelled: str = "") -> list[str]:
    """Who passed in each turn of the loop. A name in capitals is urgent."""
    told, rows = list[str](), list[str]()

    async def go(name: str) -> None:
        await crowd.pass_through(name.isupper())
        told.append(name)

    tasks = {name: asyncio.create_task(go(name)) for name in names}
    for turn in range(turns):
        await asyncio.sleep(0)
        rows.append("".join(told))
        told.clear()
        if turn == 0 and cancelled:
            tasks[cancelled].cancel()
    for task in tasks.values():
        with suppress(asyncio.CancelledError):
            await task
    return [row for row in rows if row]


def test_a_few_pass_at_once() -> None:
    assert asyncio.run(passed(Crowd(MOST), [*"abc"], 1)) == ["abc"]


def test_more_pass_turn_by_turn_and_the_urgent_first() -> None:
    assert asyncio.run(passed(Crowd(MOST), [*"abcdefgXhY"], 8)) == ["abc", "XYd", "efg", "h"]


def test_who_is_cancelled_takes_no_place() -> None:
    assert asyncio.run(passed(Crowd(MOST), [*"abcdefg"], 8, cancelled="e")) == ["abc", "dfg"]


def test_the_next_crowd_finds_room_again() -> None:
    async def twice() -> list[list[str]]:
        crowd = Crowd(MOST)
        return [await passed(crowd, [*"abcd"], 6), await passed(crowd, [*"efgh"], 6)]

    assert asyncio.run(twice()) == [["abc", "d"], ["efg", "h"]]

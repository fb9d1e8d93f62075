"""A feed wakes its reader for what it wants, and for nothing else."""

from __future__ import annotations

import asyncio

from overmind.core.model.events import DayRolled, Entry, PricesMarked
from overmind.desk.feed import Feed

MARKS = [Entry(number, 0, PricesMarked(())) for number in (1, 2, 4)]
DAY = Entry(3, 0, DayRolled(1))


def _is_day(entry: Entry) -> bool:
    return isinstance(entry.event, DayRolled)


def test_a_reader_sleeps_through_what_it_does_not_want() -> None:
    async def read() -> None:
        feed = Feed(8, _is_day)
        waiting = asyncio.create_task(feed.next())
        await asyncio.sleep(0)
        feed.publish(MARKS)
        await asyncio.sleep(0)
        assert not waiting.done()
        feed.publish([MARKS[0], DAY, MARKS[2]])
        assert await waiting == (DAY,)

    asyncio.run(read())


def test_only_what_is_wanted_counts_as_lag() -> None:
    feed = Feed(1, _is_day)
    feed.publish([*MARKS, DAY])
    assert asyncio.run(feed.next()) == (DAY,)
    feed.publish([DAY, DAY])
    assert asyncio.run(feed.next()) is None


def test_without_a_wish_a_reader_hears_everything() -> None:
    feed = Feed(8)
    feed.publish([MARKS[0], DAY])
    assert asyncio.run(feed.next()) == (MARKS[0], DAY)

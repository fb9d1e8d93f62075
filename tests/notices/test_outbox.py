"""The queue before a target is bounded, and what matters least goes first."""

from __future__ import annotations

import asyncio

from overmind.config.notice_kinds import Severity
from overmind.notices.notice import Notice
from overmind.notices.outbox import WAITING_MAX, Outbox

CRITICAL, INFO = Severity.CRITICAL, Severity.INFO


def notice(number: int, severity: Severity = INFO) -> Notice:
    return Notice(severity, "stop", "title", f"n{number}", number)


# What waits before (c: critical, i: not), what comes, and the place of what is dropped.
ROOM = """
iii | i | 0
cii | c | 1
cci | i | 2
ccc | c | 0
ccc | i | 0
ci  | i | -
"""


def test_the_oldest_that_is_not_critical_is_dropped() -> None:
    for row in ROOM.strip().splitlines():
        before, comes, dropped = (cell.strip() for cell in row.split("|"))
        outbox = Outbox(3)
        waiting = [notice(place, CRITICAL if letter == "c" else INFO) for place, letter in enumerate(before)]
        for one in waiting:
            assert outbox.put(one) is None
        found = outbox.put(notice(9, CRITICAL if comes == "c" else INFO))
        assert found == (None if dropped == "-" else waiting[int(dropped)]), row
        assert outbox.dropped == (dropped != "-")


def test_it_never_holds_more_than_its_bound() -> None:
    outbox = Outbox()
    for number in range(5 * WAITING_MAX):
        outbox.put(notice(number, CRITICAL if number % 3 else INFO))
    assert len(outbox) == WAITING_MAX
    assert outbox.dropped == 4 * WAITING_MAX


def test_the_first_stays_until_it_is_taken() -> None:
    async def run() -> None:
        outbox = Outbox(2)
        waiting = asyncio.ensure_future(outbox.first())
        await asyncio.sleep(0)
        assert not waiting.done()
        outbox.put(notice(1))
        first = await waiting
        assert (first, len(outbox)) == (notice(1), 1)
        outbox.put(notice(2))
        outbox.put(notice(3))  # drops the first, while it is being sent
        outbox.taken(first)
        assert await outbox.first() == notice(2)

    asyncio.run(run())

"""A transaction without a ticket is searched for in every entry, and in each only once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random

import pytest
from tests.support.journal_entries import entries
from tests.support.stepping_clock import SteppingClock

from overmind.core.model.events import DayRolled, Entry, Event, TicketRecorded
from overmind.core.model.ids import OrderId
from overmind.core.model.order import Ticket
from overmind.desk.ticket_search import SEARCHED_MAX, TicketSearch


class Log:
    """Counts the entries that are read."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.read = 0

    @property
    def durable_seq(self) -> int:
        return len(self.events)

    def entries(self, after: int) -> Iterator[Entry]:
        for entry in entries(self.events)[after:]:
            self.read += 1
            yield entry

    def add(self, count: int, *signatures: str) -> None:
        self.events += [DayRolled(day) for day in range(count)]
        self.events += [TicketRecorded(OrderId(f"{one}.0.0"), Ticket(one, b"")) for one in signatures]


def without(search: TicketSearch, *signatures: str, checked_seq: int = 0) -> list[str]:
    return asyncio.run(search.without_ticket(signatures, checked_seq))


def test_the_newest_entries_are_searched_first() -> None:
    log = Log()
    log.add(1_000, "old")
    log.add(50, "new")
    assert without(TicketSearch(log, SteppingClock(0)), "new", checked_seq=1_001) == []
    assert log.read <= 51
    assert without(TicketSearch(log, SteppingClock(0)), "old", checked_seq=1_001) == []


def test_no_entry_is_read_again_for_a_signature_that_has_no_ticket() -> None:
    log = Log()
    search = TicketSearch(log, SteppingClock(0))
    log.add(3_000, "ours")
    assert without(search, "theirs", "ours", "theirs", checked_seq=2_000) == ["theirs", "theirs"]
    assert log.read <= 3_003
    log.read = 0
    assert without(search, "theirs", checked_seq=2_000) == ["theirs"]
    assert log.read == 0
    log.add(10, "later")
    assert without(search, "theirs", "later", checked_seq=3_001) == ["theirs"]
    assert log.read <= 2 * 11


@pytest.mark.parametrize("seed", range(20))
def test_it_finds_what_reading_everything_finds(seed: int) -> None:
    rng, log = Random(seed), Log()
    search, names = TicketSearch(log, SteppingClock(0)), [f"t{number}" for number in range(12)]
    for _ in range(30):
        log.add(rng.randrange(5), *rng.sample(names[:8], rng.randrange(2)))
        has = {event.ticket.signature for event in log.events if isinstance(event, TicketRecorded)}
        asked = [name for name in rng.sample(names, rng.randrange(6)) if name in has or int(name[1:]) >= 8]
        checked_seq = rng.randrange(log.durable_seq + 2)
        assert without(search, *asked, checked_seq=checked_seq) == [name for name in asked if name not in has]


def test_it_remembers_only_so_many() -> None:
    search = TicketSearch(Log(), SteppingClock(0))
    names = [f"t{number}" for number in range(SEARCHED_MAX + 5)]
    assert without(search, *names) == names
    assert len(search._searched) == SEARCHED_MAX

"""Searches the journal for the tickets of transactions. It reads no entry twice for a signature that has none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import Final, Protocol

from overmind.core.model.events import Entry, TicketRecorded
from overmind.ports import Clock

ENTRIES_PER_PAUSE: Final = 200  # so that the event loop stays responsive
SEARCHED_MAX: Final = 10_000  # signatures that are remembered


class Committed(Protocol):
    """What an engine has committed."""

    @property
    def durable_seq(self) -> int: ...

    def entries(self, after: int) -> Iterator[Entry]: ...


class TicketSearch:
    def __init__(self, committed: Committed, clock: Clock) -> None:
        self._committed = committed
        self._clock = clock
        self._searched: dict[str, int] = {}  # signatures without a ticket, and up to which entry that was searched

    async def without_ticket(self, signatures: Sequence[str], checked_seq: int) -> list[str]:
        """The signatures that no ticket has. Begins with the entries after `checked_seq`, where nearly all tickets are.

        A ticket is journaled before its transaction is sent. So a signature that had none has none in older entries.
        """
        end = self._committed.durable_seq
        asked_before = {one: self._searched[one] for one in signatures if one in self._searched}
        new, old = set(signatures) - asked_before.keys(), set(asked_before)
        await self._search(new, checked_seq, end)
        await self._search(new, 0, min(checked_seq, end))
        await self._search(old, min(asked_before.values(), default=0), end)
        self._remember(new | old, end)
        return [one for one in signatures if one in new or one in old]

    async def _search(self, missing: set[str], after: int, up_to: int) -> None:
        """Removes the signatures that have a ticket among these entries."""
        if not missing or after >= up_to:
            return
        entries = takewhile(lambda entry: entry.seq <= up_to, self._committed.entries(after))
        while missing and (page := list(islice(entries, ENTRIES_PER_PAUSE))):
            missing -= {entry.event.ticket.signature for entry in page if isinstance(entry.event, TicketRecorded)}
            await self._clock.sleep(0)

    def _remember(self, missing: set[str], end: int) -> None:
        for signature in missing:
            self._searched.pop(signature, None)
            self._searched[signature] = end
        for oldest in list(islice(self._searched, max(0, len(self._searched) - SEARCHED_MAX))):
            del self._searched[oldest]

"""The entries that concern a source: of its signals, of their orders, and of sales that take its units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from fastapi import Query, Request
from msgspec.structs import replace

from overmind.clock.clocks import loop_turn
from overmind.core.books.brief_refusals import whole_by
from overmind.core.model.events import Entry, SignalRefused
from overmind.desk.answers.journal_pages import slice_after
from overmind.http.access.identity import identity_of
from overmind.http.archive import Archive, Pages
from overmind.http.responses import HttpRefusal
from overmind.journal.catalogue.concerned import Concern, Follower, find_placed
from overmind.journal.catalogue.topics import OF_SOURCE, topic
from overmind.journal.sqlite import SqliteJournal

SLICE_ENTRIES: Final = 2_000  # looked at for one page: 50 ms in the thread that reads
FOLLOWED_AT_ONCE: Final = 256  # in one turn of the event loop
SOURCE: Final = re.compile(r"(token:|user:)?[A-Za-z0-9._-]{1,64}")

Source = Annotated[
    str | None,
    Query(description="Only what concerns this source: a name of `hooks list`, `token:NAME` or `user:NAME`."),
]


class Page(NamedTuple):
    """`seq`: the last entry that was looked at; the next page begins after it."""

    entries: Sequence[Entry]
    seq: int


def source_asked(request: Request, source: str | None) -> str:
    """Whose entries are to be told; blank: everybody's. A token of a source is told of its own alone."""
    own = identity_of(request).source
    if own and source not in (None, own):
        raise HttpRefusal(403, f"this token hears of the source {own} alone", "leave `source` out")
    if source is not None and not SOURCE.fullmatch(source):
        raise HttpRefusal(400, "no name of a source", "ask for one of `overmind hooks list`, or token:NAME")
    return own or source or ""


def page_of(pages: Pages, source: str, follower: Follower, after: int, count: int) -> Page:
    """Found by the catalogue as far as it goes, and then by looking at each entry. Every entry is told whole."""
    journal, filed = pages.journal, pages.catalogue()
    found = [] if filed is None else filed.listed_after(topic(OF_SOURCE, source), after, count)
    known = [_whole(journal, journal.entry(seq)) for seq in found]
    if len(known) == count:
        return Page(known, known[-1].seq)
    rest, seq = slice_after(
        journal,
        follower,
        source,
        after=after if filed is None else max(after, filed.filed),
        entries=SLICE_ENTRIES,
        found_max=count - len(known),
    )
    return Page([*known, *(_whole(journal, concern.entry) for concern in rest)], seq)


def _whole(journal: SqliteJournal, entry: Entry) -> Entry:
    """A refusal names what it has in common with an earlier one, which another source may have got."""
    event = entry.event
    if not isinstance(event, SignalRefused):
        return entry
    return replace(entry, event=whole_by(journal.entry, event))


class AllEntries:
    """Follows the journal for whoever may see all of it."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def page(self, after: int, count: int) -> Page:
        entries = await self._archive.look(lambda pages: pages.page(after, count))
        return Page(entries, entries[-1].seq if entries else after)

    async def among(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        return entries

    def heartbeat(self, after: int) -> Sequence[bytes]:
        return (b": heartbeat\n\n",)


class OwnEntries:
    """Follows the journal for one source. What it is shown are the entries in their order."""

    def __init__(self, archive: Archive, source: str) -> None:
        self._archive = archive
        self._source = source
        self._follower = Follower()

    async def page(self, after: int, count: int) -> Page:
        def look(pages: Pages) -> Page:
            return page_of(pages, self._source, self._follower, after, count)

        return await self._archive.look(look)

    async def among(self, entries: Sequence[Entry]) -> list[Entry]:
        """Of new entries. An order that was placed before the first of all is looked up."""
        found = list[Entry]()
        for number, entry in enumerate(entries, start=1):
            if (concern := await self._concern(entry)) is not None and self._source in concern.sources:
                found.append(await self._told(concern))
            if number % FOLLOWED_AT_ONCE == 0:
                await loop_turn()
        return found

    def heartbeat(self, after: int) -> Sequence[bytes]:
        """With the number of the last entry that was looked at: whoever comes back goes on there."""
        return (b": heartbeat\nid: %d\n\n" % after,)

    async def _told(self, concern: Concern) -> Entry:
        if isinstance(concern.entry.event, SignalRefused):
            return await self._archive.look(lambda pages: _whole(pages.journal, concern.entry))
        return concern.entry

    async def _concern(self, entry: Entry) -> Concern | None:
        order_id = self._follower.missing(entry.event)
        if order_id is not None:
            placed = await self._archive.look(lambda pages: find_placed(pages.journal, order_id))
            if placed is not None:
                self._follower.learn(placed)
        return self._follower.concern(entry)

"""The journal in words, searchable, and by cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, get_args

import msgspec
from fastapi import APIRouter, Query
from markupsafe import Markup, escape
from pydantic import BeforeValidator
from starlette.requests import Request
from starlette.responses import Response

from overmind.core.model.desk_settings import Desk
from overmind.core.model.events import Entry, Event
from overmind.core.model.value import Value
from overmind.http.archive import Pages as Journal
from overmind.http.bounds import SEQ_MAX, whole_within
from overmind.http.pages.navigation import EVENT, EVENTS
from overmind.http.pages.records.sparing import Sparing
from overmind.http.pages.showing import Pages
from overmind.http.responses import HttpRefusal
from overmind.text.printable import json_bytes, printable
from overmind.views.screens.events import LOOKED_MAX, EventFilter, EventLine, Listed, Related, listed, related, told

SHOWN: Final = 100
TEXT_MAX: Final = 100  # characters that are searched for
KINDS: Final = tuple(sorted(kind.__name__ for kind in get_args(Event)))

Seq = Annotated[int, BeforeValidator(whole_within(0, SEQ_MAX)), Query(ge=0, le=SEQ_MAX)]


class Looked(Value, frozen=True):
    """One entry of the journal."""

    line: EventLine
    at_ns: int
    body: Markup  # as JSON, line by line
    related: tuple[Related, ...]


def events_router(pages: Pages) -> APIRouter:
    router, engine = APIRouter(), pages.app.engine

    sparing = Sparing[Listed](pages.recent)

    @router.get("/desk/events")
    async def events(request: Request, kind: str = "", find: str = "", before: Seq = 0) -> Response:
        if kind and kind not in KINDS:
            raise HttpRefusal(400, f"no kind of entry {kind[:64]!r}", "choose one of the list")
        wanted = EventFilter(kind, find.strip()[:TEXT_MAX], before)

        async def look() -> Mapping[str, object]:
            desk, last_seq = await engine.read(lambda state: (state.settings, state.seq))
            found = await sparing.look(request, lambda journal: _listed(journal, desk, last_seq, wanted))
            return {"listed": found, "wanted": wanted, "kinds": KINDS, "looked_max": LOOKED_MAX}

        return await pages.show(request, EVENTS, look)

    @router.get("/desk/events/{seq}")
    async def event(request: Request, seq: int) -> Response:
        async def look() -> Mapping[str, object]:
            desk, last_seq = await engine.read(lambda state: (state.settings, state.seq))
            if not 0 < seq <= last_seq:
                raise HttpRefusal(404, f"the journal has no entry {seq}", f"it ends at entry {last_seq}")
            return {
                "looked": await pages.recent.look(lambda journal: _looked(journal, desk, seq)),
                "last_seq": last_seq,
            }

        return await pages.show(request, EVENT, look, title=f"Entry {seq}")

    return router


def _listed(journal: Journal, desk: Desk, last_seq: int, wanted: EventFilter) -> Listed:
    return listed(journal, journal.past(), desk, last_seq, wanted, SHOWN)


def _looked(journal: Journal, desk: Desk, seq: int) -> Looked:
    past = journal.past()
    entry: Entry = journal.page(seq - 1, 1)[0]
    body = escape(printable(msgspec.json.format(json_bytes(entry.event), indent=2).decode(), keep="\n"))
    line = told([entry], journal, past, desk)[0]
    return Looked(line, entry.at_ns, body, tuple(related(journal, past, desk, entry)))

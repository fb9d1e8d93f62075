"""Looks into the journal for pages that ask again with every tick, so that open pages cost trading little.

What a look found is shown again for twenty times as long as the look took. A page that is loaded gets a new look.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from starlette.requests import Request

from overmind.http.archive import Pages as Journal
from overmind.http.pages.showing import FRAGMENT

TIMES: Final = 20  # one look at a time, so its view takes a twentieth of a core at most
SHARED_MAX_S: Final = 5.0
KEPT_MAX: Final = 32

T = TypeVar("T")


class Reads(Protocol):
    async def look(self, look: Callable[[Journal], T]) -> T:
        """As `Archive.look` does."""
        ...


class Found(NamedTuple, Generic[T]):
    what: T
    until_s: float  # by the loop's clock


class Sparing(Generic[T]):
    """Of one kind of view."""

    def __init__(self, recent: Reads) -> None:
        self._recent = recent
        self._found: OrderedDict[str, Found[T]] = OrderedDict()  # by path and query

    async def look(self, request: Request, look: Callable[[Journal], T]) -> T:
        """Raises as `Archive.look` does."""
        loop, address = asyncio.get_running_loop(), f"{request.url.path}?{request.url.query}"
        began_s, found = loop.time(), self._found.get(address)
        if found is not None and began_s < found.until_s and FRAGMENT in request.headers:
            return found.what
        what = await self._recent.look(look)
        ended_s = loop.time()
        self._found[address] = Found(what, ended_s + min(SHARED_MAX_S, TIMES * (ended_s - began_s)))
        self._found.move_to_end(address)
        while len(self._found) > KEPT_MAX:
            self._found.popitem(last=False)
        return what

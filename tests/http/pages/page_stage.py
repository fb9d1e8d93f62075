"""The page of a desk on paper, in virtual time and without a socket: requests come with the identity that they name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.types import Message

from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.config import MultiWalletConfig
from overmind.core.model.events import Entry
from overmind.core.model.units import NS
from overmind.desk.app import App
from overmind.desk.market import open_tape, paper
from overmind.desk.running import running
from overmind.http.access.identity import IDENTITY, Identity, Kind
from overmind.http.archive import Archive
from overmind.http.endpoints import Role
from overmind.http.pages import ROUTERS
from overmind.http.pages.assets import Assets, own_assets
from overmind.http.pages.showing import Pages
from overmind.http.responses import answer_errors
from overmind.journal.memory import MemoryJournal
from overmind.prices.tape import Tape
from overmind.sandbox.demo import demo_config

START_NS: Final = 1_760_000_000 * NS
OPERATOR: Final = Identity("olga", Role.OPERATE, Kind.USER, "csrf-of-olga")
READER: Final = Identity("vera", Role.READ, Kind.USER, "csrf-of-vera")
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str


class SlowJournal(MemoryJournal):
    """Becomes durable when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.takes_s = 0.0  # each batch

    async def append(self, entries: Sequence[Entry]) -> None:
        await asyncio.sleep(self.takes_s)
        await self.may_write.wait()
        await super().append(entries)


class PageStage:
    def __init__(self, app: App, journal: SlowJournal) -> None:
        self.app = app
        self.journal = journal
        self.pages = Pages(app, Archive(Path("no-journal.db"), "archive"), Assets(own_assets()))
        self.api = FastAPI(redirect_slashes=False)
        self.api.include_router(self.pages.assets.routes())
        for routes in ROUTERS:
            self.api.include_router(routes(self.pages))
        answer_errors(self.api)

    async def get(self, path: str, identity: Identity | None = OPERATOR, **headers: str) -> Answer:
        return await self._call("GET", path, identity, headers, b"")

    async def post(self, path: str, fields: dict[str, str], identity: Identity = OPERATOR) -> Answer:
        return await self._call("POST", path, identity, FORM, urlencode(fields).encode())

    async def fragment(self, path: str, identity: Identity = OPERATOR, **headers: str) -> Answer:
        return await self.get(path, identity, x_fragment="1", **headers)

    async def _call(
        self, method: str, path: str, identity: Identity | None, headers: dict[str, str], body: bytes
    ) -> Answer:
        place, _, query = path.partition("?")
        named = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "root_path": "",
            "path": place,
            "raw_path": place.encode(),
            "query_string": query.encode(),
            "headers": named,
            "server": ("127.0.0.1", 8080),
            "client": ("127.0.0.1", 1),
            "state": {IDENTITY: identity},
        }
        told = list[Message]()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            told.append(message)

        await self.api(scope, receive, send)
        return _answer(told)


def _answer(told: Sequence[Message]) -> Answer:
    start, *rest = told
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(one.get("body", b"") for one in rest).decode())


def staged(play: Callable[[PageStage], Awaitable[None]], folder: Path) -> None:
    """Plays the test with the page of a desk that is open."""

    async def main() -> None:
        config, journal = demo_config(1, folder), SlowJournal()
        app = App(config, journal, VirtualClock(START_NS), paper(config, _tape(config)))
        async with running(app):
            await play(PageStage(app, journal))

    run_virtual(main())


def _tape(config: MultiWalletConfig) -> Tape:
    """Read once for all tests."""
    if not _tapes:
        _tapes.append(open_tape(config))
    return _tapes[0]


_tapes: list[Tape] = []

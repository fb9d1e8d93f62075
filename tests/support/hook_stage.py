"""The hooks without a socket, in virtual time: a desk that decides, its sources, and who administers them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

from bench.desks import START_NS, bench_desk, bench_wallets, opening
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.types import Message
from tests.support.door import Line
from tests.support.hooked import BOT, CHART

from overmind.clock.instants import iso_seconds
from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.config.secrecy import Secret
from overmind.core.model.events import OrderPlaced
from overmind.desk.engine import BOUNDS, Bounds, Engine
from overmind.desk.lane import Lane
from overmind.desk.sources.store import write_sources
from overmind.http.access.access import Access
from overmind.http.access.identity import IDENTITY, Identity, Kind
from overmind.http.connections import CONNECTION
from overmind.http.endpoints import Role
from overmind.http.hooks.administration import HookAdministration
from overmind.http.hooks.hooks import Hooks
from overmind.http.hooks.known import KnownSources
from overmind.http.hooks.reading import Market
from overmind.http.intake import Intake
from overmind.http.responses import answer_errors
from overmind.journal.memory import MemoryJournal
from overmind.signals.decode import token_index

FIRED_AT = iso_seconds(START_NS)
DEFAULTS = {"strategy_type": "Arbitrage", "notional_usd": "50"}
ALERT = {"ticker": "SOLUSDC", "action": "buy", "position": "long", "contracts": "4", "fired_at": FIRED_AT}
ADMIN = Identity("api_token", Role.ADMIN, Kind.TOKEN)  # who administers; the hooks themselves ask nobody's


class StageAnswer(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Stage:
    def __init__(self, folder: Path, bounds: Bounds) -> None:
        sources = {one.name: replace(one, defaults=DEFAULTS, symbols={"SOLUSDC": "SOL"}) for one in (CHART, BOT)}
        write_sources(folder, sources)
        self.journal = MemoryJournal()
        self.clock = VirtualClock(START_NS)
        self.engine = Engine(self.journal, self.clock, bounds)
        self.begin = self.engine.begin  # Another one may take its place.
        self.access = Access(folder, Secret("nobody has it"), self.clock, self._seconds, 60, 60)
        self.known = KnownSources(folder, self.clock)
        self.api = FastAPI(redirect_slashes=False)
        answer_errors(self.api)

    @staticmethod
    def _seconds() -> float:
        return asyncio.get_running_loop().time()

    async def open(self) -> None:
        for command in opening(bench_desk(3), bench_wallets(4)):
            await self.engine.handle(command)
        settings = self.engine.state.settings
        market = Market(token_index(settings.tokens.values()), settings.quote)
        intake = Intake(self.engine, lambda *given: self.begin(*given), Lane(), market.tokens, market.quote, self.clock)
        self.api.include_router(Hooks(self.known, self.access, intake, market).routes())
        self.api.include_router(HookAdministration(self.known, self.engine, market).routes())

    def close(self) -> None:
        self.access.close()
        self.known.close()

    async def ask(self, path: str, **fields: object) -> StageAnswer:
        """A command of an admin."""
        return await self.post(path, json.dumps({"reason": "a test", **fields}).encode())

    async def post(self, path: str, body: bytes, kind: str = "text/plain; charset=utf-8") -> StageAnswer:
        return await self._call("POST", path, body, kind)

    async def get(self, path: str) -> StageAnswer:
        return await self._call("GET", path, b"", "")

    async def _call(self, method: str, path: str, body: bytes, kind: str) -> StageAnswer:
        told: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        async def send(message: Message) -> None:
            told.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"content-type", kind.encode())],
            "state": {CONNECTION: Line("52.89.214.238"), IDENTITY: ADMIN},
        }
        await self.api(scope, receive, send)
        return StageAnswer(told[0]["status"], dict(told[0]["headers"]), told[1]["body"].decode())


def on_stage(folder: Path, play: Callable[[Stage], Awaitable[None]], bounds: Bounds = BOUNDS) -> MemoryJournal:
    async def run() -> MemoryJournal:
        stage = Stage(folder, bounds)
        writing = asyncio.create_task(stage.engine.run())
        await stage.open()
        try:
            await play(stage)
        finally:
            stage.close()
        writing.cancel()
        return stage.journal

    return run_virtual(run())


def placed(journal: MemoryJournal) -> list[OrderPlaced]:
    return [entry.event for entry in journal.read() if isinstance(entry.event, OrderPlaced)]

"""A desk on paper that serves hooks in this process, with its two sources, and a client of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from overmind.config.secrecy import Secret
from overmind.core.model.events import Event
from overmind.desk.app import App
from overmind.desk.sources.changes import add_source
from overmind.desk.sources.source import Source, SourceKind, kept
from overmind.desk.sources.store import change_sources
from overmind.http.server import listen, serve_api
from overmind.journal.sqlite import SqliteJournal
from overmind.sandbox.selftest.scratch_desk import ScratchDesk, desk

TOKEN = "a-token-of-the-tests"
SECRET = "the-secret-of-the-sources-which-nobody-shows"
SYMBOLS = {"SOLUSDC": "SOL", "SOLUSD": "SOL", "SOLUSDT": "SOL", "ETHUSDC": "ETH"}
DEFAULTS = {"strategy_type": "TokenSniping", "notional_usd": "250"}
CHART = Source("chart", SourceKind.TRADINGVIEW, SYMBOLS, DEFAULTS, (kept(Secret(SECRET)),), "", "ann")
BOT = Source("bot", SourceKind.FREQTRADE, SYMBOLS, DEFAULTS, (kept(Secret(SECRET)),), "", "ann")
TO_CHART = f"/v1/hooks/tradingview/chart/{SECRET}"
TO_BOT = f"/v1/hooks/freqtrade/bot/{SECRET}"

Play = Callable[[aiohttp.ClientSession, App], Awaitable[None]]


def served(folder: Path, play: Play) -> list[Event]:
    """Plays with a session that has no token, and returns what the journal says afterwards."""
    for source in (CHART, BOT):
        change_sources(folder, add_source(source))
    journal = SqliteJournal.open(folder / "overmind.db")
    asyncio.run(_play(folder, journal, play))
    events = [entry.event for entry in journal.read()]
    journal.close()
    return events


async def _play(folder: Path, journal: SqliteJournal, play: Play) -> None:
    with listen(0) as listener:
        async with (
            desk(ScratchDesk(folder).seed_env(), journal=journal) as bench,
            serve_api(bench.app, folder / "overmind.db", listener, Secret(TOKEN)) as service,
            aiohttp.ClientSession(service.url, cookie_jar=aiohttp.DummyCookieJar()) as session,
        ):
            await play(session, bench.app)

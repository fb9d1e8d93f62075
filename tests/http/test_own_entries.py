"""A source hears of its own entries alone, from any number on, each once; and so does a token that it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from tests.support.hooked import TOKEN, served

from overmind.core.model.enums import Side
from overmind.core.model.events import Answer, Entry, OrderPlaced, SignalRefused
from overmind.desk.app import App
from overmind.http import own_entries
from overmind.http.access.changes import add_token
from overmind.http.access.records import change_tokens
from overmind.http.access.tokens import Token, digest_of

ALL = {"authorization": f"Bearer {TOKEN}"}
OF_CHART, OF_BOT, READER = (f"a-token-{name}-of-the-tests" for name in ("chart", "bot", "reader"))
TOKENS = (("c", "signal", OF_CHART, "chart"), ("b", "signal", OF_BOT, "bot"), ("r", "read", READER, "chart"))
BUY = {"strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 50}


def as_(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def add_tokens(folder: Path) -> None:
    for name, role, secret, source in TOKENS:
        token = Token(name, role, digest_of(secret.encode()).hex(), "", "ann", source)
        change_tokens(folder, add_token(token))


async def send(session: aiohttp.ClientSession, app: App, secret: str, **fields: Any) -> None:
    async with session.post("/v1/signals", json={**BUY, **fields}, headers=as_(secret)) as said:
        assert said.status == 202, await said.text()
    feed = app.engine.subscribe()
    while app.engine.state.open_orders:
        await feed.next()
    app.engine.unsubscribe(feed)


async def get(session: aiohttp.ClientSession, secret: str, path: str) -> tuple[int, Any]:
    async with session.get(path, headers=as_(secret)) as said:
        return said.status, await said.json()


async def told(session: aiohttp.ClientSession, secret: str, after: int = 0, asked: str = "") -> list[Entry]:
    """Page by page, until the journal's end."""
    found = list[Entry]()
    while True:
        status, page = await get(session, secret, f"/v1/events?after={after}&limit=2{asked}")
        assert status == 200, page
        found += msgspec.convert(page["events"], list[Entry])
        if page["last_seq"] == after:
            return found
        after = page["last_seq"]


@asynccontextmanager
async def streamed(session: aiohttp.ClientSession, secret: str, after: int) -> AsyncIterator[asyncio.Queue[Entry]]:
    """What an open stream brings."""
    heard = asyncio.Queue[Entry]()
    async with session.get(f"/v1/stream?after={after}", headers=as_(secret)) as said:
        assert said.status == 200, await said.text()

        async def listen() -> None:
            async for line in said.content:
                if line.startswith(b"data: "):
                    heard.put_nowait(msgspec.json.decode(line[6:], type=Entry))

        listening = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def play_trades(session: aiohttp.ClientSession, app: App) -> None:
    """Signals of two sources and of nobody's, orders that fill, refusals, and a sale that takes units of both."""
    for number in range(2):
        await send(session, app, OF_CHART, signal_id=f"chart-{number}")
        await send(session, app, OF_BOT, signal_id=f"bot-{number}")
        await send(session, app, TOKEN, signal_id=f"mine-{number}")
        for secret, name in ((TOKEN, "mine"), (OF_CHART, "chart"), (OF_BOT, "bot")):
            await send(session, app, secret, signal_id=f"{name}-refused-{number}", notional_usd=99_999)
    await send(
        session, app, OF_BOT, signal_id="bot-sale", action="Sell", notional_usd=None, quantity="0.01", scope="desk"
    )
    await send(session, app, TOKEN, signal_id="sale", action="Sell", notional_usd=None, quantity="all", scope="desk")


def ids_of(entries: list[Entry]) -> set[str]:
    return {str(one.event.signal.id) for one in entries if isinstance(one.event, Answer)}


def is_of(source: str, entry: Entry) -> bool:
    """Told of the source by the words of the entry, as a reader of the whole journal would see it."""
    text = msgspec.json.encode(entry.event).decode()
    return f'"{source}-' in text or '"sale' in text


def test_pages_of_a_source_have_its_own_entries_and_no_other(tmp_path: Path) -> None:
    async def play(session: aiohttp.ClientSession, app: App) -> None:
        await play_trades(session, app)
        everything = await told(session, TOKEN)
        for source, secret in (("chart", OF_CHART), ("bot", OF_BOT)):
            own = await told(session, secret)
            asked = await told(session, TOKEN, asked=f"&source={source}")
            seqs = [one.seq for one in own]
            assert own == asked
            assert seqs == [one.seq for one in everything if is_of(source, one)]
            assert len(seqs) == len(set(seqs)) > 8
            sales = [
                one.event for one in own if isinstance(one.event, OrderPlaced) and one.event.order.side is Side.SELL
            ]
            sold = [(str(one.signal.id), sorted(one.of_sources)) for one in sales]
            of_bot = [("bot-sale", ["bot"])] if source == "bot" else []
            assert sold == [*of_bot, *sold[len(of_bot) :]]
            assert {name for name, _ in sold[len(of_bot) :]} == {"sale"}
            for after in seqs[::3]:  # From any number on, also when an order was placed before it.
                assert [one.seq for one in await told(session, secret, after)] == [one for one in seqs if one > after]
        own = await told(session, OF_CHART)
        refused = [one.event for one in own if isinstance(one.event, SignalRefused)]
        assert [one.signal.id for one in refused] == ["chart-refused-0", "chart-refused-1"]
        assert all(one.refusals and one.brief is None for one in refused)

    add_tokens(tmp_path)
    served(tmp_path, play)


def test_a_stream_of_a_source_is_the_same_past_and_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_entries, "SLICE_ENTRIES", 3)

    async def play(session: aiohttp.ClientSession, app: App) -> None:
        await send(session, app, OF_CHART, signal_id="chart-before")
        async with streamed(session, OF_CHART, 0) as heard:
            await play_trades(session, app)
            own = await told(session, OF_CHART)
            assert [await heard.get() for _ in own] == own
            middle = own[len(own) // 2].seq
            rest = [one for one in own if one.seq > middle]
            async with streamed(session, OF_CHART, middle) as again:
                assert [await again.get() for _ in rest] == rest
                await send(session, app, OF_BOT, signal_id="bot-last")
                await send(session, app, OF_CHART, signal_id="chart-last")
                last = await told(session, OF_CHART, own[-1].seq)
                for entries in (heard, again):
                    assert [await entries.get() for _ in last] == last
                    assert entries.empty()

    add_tokens(tmp_path)
    served(tmp_path, play)


REFUSED = (
    (OF_CHART, "/v1/events?source=bot", 403, "hears of the source chart alone"),
    (OF_CHART, "/v1/stream?source=token:c", 403, "hears of the source chart alone"),
    (OF_CHART, "/v1/portfolio", 403, "may do no more"),
    (OF_CHART, "/v1/signals/bot-1", 403, "may do no more"),
    (OF_CHART, "/desk", 403, "may do no more"),
    (OF_CHART, "/metrics", 403, "may do no more"),
    (TOKEN, "/v1/events?source=" + "a" * 65, 400, "no name of a source"),
    (TOKEN, "/v1/stream?source=a%20b", 400, "no name of a source"),
)


def test_a_token_of_a_source_sees_nothing_else(tmp_path: Path) -> None:
    async def play(session: aiohttp.ClientSession, app: App) -> None:
        for secret, path, status, why in REFUSED:
            async with session.get(path, headers=as_(secret)) as said:
                assert (said.status, why in await said.text()) == (status, True), path
        async with session.post("/v1/signals", json={**BUY, "signal_id": "r"}, headers=as_(READER)) as said:
            assert said.status == 403
        async with session.post("/v1/portfolio/pause", json={"reason": "no"}, headers=as_(OF_CHART)) as said:
            assert said.status == 403
        new = {"reason": "a bot", "name": "new", "role": "operate", "source": "chart"}
        async with session.post("/v1/tokens", json=new, headers=ALL) as said:
            assert (said.status, "only sends signals" in await said.text()) == (400, True)
        async with session.post("/v1/tokens", json={**new, "role": "signal"}, headers=ALL) as said:
            made = (await said.json())["secret"]
        await send(session, app, made, signal_id="chart-new")
        assert ids_of(await told(session, OF_CHART)) == {"chart-new"}
        assert ids_of(await told(session, OF_BOT)) == set()
        (row,) = [row for row in (await get(session, TOKEN, "/v1/tokens"))[1] if row["name"] == "new"]
        assert row["source"] == "chart"

    add_tokens(tmp_path)
    served(tmp_path, play)

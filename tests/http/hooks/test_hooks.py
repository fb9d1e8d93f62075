"""Entries and exits by hooks, from the socket to the fill, in a service on paper (specification §7.14)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
from tests.support.hooked import TO_BOT, TO_CHART, served

from overmind.clock.instants import iso_seconds
from overmind.core.model.events import OrderClosed, OrderPlaced, SignalRefused
from overmind.core.model.ids import OrderId
from overmind.core.model.outcome import Filled
from overmind.desk.app import App

Json = dict[str, Any]


def alert(app: App, **more: str) -> Json:
    fired_at = iso_seconds(app.clock.now_ns())
    return {"ticker": "SOLUSDC", "action": "buy", "position": "long", "contracts": "4", "fired_at": fired_at, **more}


async def post(session: aiohttp.ClientSession, path: str, body: object, **headers: str) -> tuple[int, Json]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with session.post(path, data=raw, headers={"content-type": "text/plain", **headers}) as said:
        answer: Json = await said.json()
        return said.status, answer


async def settled(app: App) -> None:
    """Nothing is open any more."""
    feed = app.engine.subscribe()
    while app.engine.state.open_orders:
        await feed.next()
    app.engine.unsubscribe(feed)


def test_entries_and_exits_of_two_sources(tmp_path: Path) -> None:
    async def play(session: aiohttp.ClientSession, app: App) -> None:
        for path, body in (
            (TO_CHART, alert(app)),
            (TO_BOT, filled_entry()),
            (TO_CHART, alert(app, action="sell", contracts="1", notional_usd="9999", quantity="9999")),
            (TO_BOT, {**filled_exit(), "final": "True"}),
            (TO_CHART, alert(app, action="sell", position="flat")),
        ):
            status, said = await post(session, path, body)
            assert (status, said["status"]) == (202, "placed"), said
            await settled(app)
        for path, body, code in (
            (TO_CHART, alert(app, action="sell", position="flat", contracts="3"), "SOURCE_HOLDS_NOTHING"),
            (TO_CHART, alert(app, action="sell", position="short"), "SHORT_NOT_TRADED"),
            (TO_BOT, {**filled_entry(), "direction": "Short"}, "SHORT_NOT_TRADED"),
            (TO_CHART, alert(app, fired_at="2020-01-01T00:00:00Z"), "SIGNAL_STALE"),
        ):
            status, said = await post(session, path, body)
            assert (status, said["status"], said["refusals"][0]["code"]) == (202, "refused", code), said

        for body in (alert(app, order_id="last"), alert(app, action="sell", position="flat", order_id="last")):
            status, said = await post(session, TO_CHART, body)
            assert (status, said["status"]) == (202, "placed"), "an exit waits for its entry"
        await settled(app)
        assert not any(book.positions for book in app.engine.state.wallets.values())

    events = served(tmp_path, play)
    placed = [event for event in events if isinstance(event, OrderPlaced)]
    assert [(one.signal.source, one.order.side.value) for one in placed] == [
        ("chart", "Buy"),
        ("bot", "Buy"),
        ("chart", "Sell"),
        ("bot", "Sell"),
        ("chart", "Sell"),
        ("chart", "Buy"),
        ("chart", "Sell"),
    ]
    first, second, quarter, whole, rest = (one.order.spend.units for one in placed[:5])
    bought = [
        event.outcome.received_units
        for event in events
        if isinstance(event, OrderClosed) and isinstance(event.outcome, Filled) and event.order_id in ids_of(placed[:2])
    ]
    assert (first, second) == (250_000_000, 100_000_000)
    assert (quarter, whole, rest) == (bought[0] // 4, bought[1], bought[0] - bought[0] // 4)
    refused = [event.signal.source for event in events if isinstance(event, SignalRefused)]
    assert refused == ["chart", "chart", "bot", "chart"], "each refusal is in the journal"


def ids_of(placed: list[OrderPlaced]) -> set[OrderId]:
    return {one.order.id for one in placed}


def filled_entry() -> Json:
    fields = {"trade_id": "7", "pair": "SOL/USDC", "direction": "Long", "stake_amount": "100.0", "rate": "150.0"}
    return {"event": "entry", **fields, "amount": "0.666", "opened": "2020-01-01 00:00:00+00:00", "tag": "None"}


def filled_exit() -> Json:
    fields = {"trade_id": "7", "pair": "SOL/USDC", "direction": "Long", "amount": "0.666", "reason": "roi"}
    return {"event": "exit", **fields, "closed": "2020-01-01 00:00:00+00:00", "final": "False"}

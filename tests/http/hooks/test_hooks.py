"""The hooks of a service on paper: who is let in, and what is answered (specification §13.10)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace
from tests.support.hooked import CHART, SECRET, TO_BOT, TO_CHART, TOKEN, served

from overmind.clock.instants import iso_seconds
from overmind.core.model.events import OperatorActed, OrderClosed, OrderPlaced, SignalRefused
from overmind.core.model.ids import OrderId
from overmind.core.model.outcome import Filled
from overmind.desk.app import App
from overmind.desk.sources.store import write_sources

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

    events = served(tmp_path, play)
    placed = [event for event in events if isinstance(event, OrderPlaced)]
    assert [(one.signal.source, one.order.side.value) for one in placed] == [
        ("chart", "Buy"),
        ("bot", "Buy"),
        ("chart", "Sell"),
        ("bot", "Sell"),
        ("chart", "Sell"),
    ]
    first, second, quarter, whole, rest = (one.order.spend.units for one in placed)
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


def test_a_resend_is_known_even_if_the_source_has_other_defaults_by_then(tmp_path: Path) -> None:
    async def play(session: aiohttp.ClientSession, app: App) -> None:
        body = json.dumps(alert(app)).encode()
        assert (await post(session, TO_CHART, body))[1]["status"] == "placed"
        write_sources(tmp_path, {"chart": replace(CHART, defaults={**CHART.defaults, "notional_usd": "1"})})
        await looked(session)
        assert (await post(session, TO_CHART, body))[1]["status"] == "duplicate"

    served(tmp_path, play)


async def looked(session: aiohttp.ClientSession) -> None:
    """The service has read its files again: a command makes it do so."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    body = {"reason": "look", "name": "other", "kind": "freqtrade", "symbols": {"ETHUSDC": "ETH"}}
    body["defaults"] = {"strategy_type": "Momentum"}
    async with session.post("/v1/hooks", json=body, headers=headers) as said:
        assert said.status == 200, await said.text()


STRANGERS = (
    f"/v1/hooks/tradingview/chart/{SECRET}x",
    "/v1/hooks/tradingview/chart/guess",
    f"/v1/hooks/tradingview/nobody/{SECRET}",
    f"/v1/hooks/tradingview/bot/{SECRET}",
    f"/v1/hooks/freqtrade/chart/{SECRET}",
)


def test_a_stranger_learns_nothing_and_has_to_wait(tmp_path: Path) -> None:
    async def play(session: aiohttp.ClientSession, app: App) -> None:
        told = [await post(session, path, alert(app)) for path in STRANGERS]
        assert told[0][0] == 404
        assert {json.dumps(said) for status, said in told if status == 404} == {json.dumps(told[0][1])}
        assert [status for status, _ in told] == [404, 404, 404, 429, 429]
        assert (await post(session, TO_CHART, alert(app)))[0] == 202, "the right secret never waits"

    served(tmp_path, play)


def test_a_rotated_secret_is_good_for_a_day_or_ends_at_once(tmp_path: Path) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}

    async def rotate(session: aiohttp.ClientSession, at_once: bool) -> str:
        body = {"reason": "every quarter", "at_once": at_once}
        async with session.post("/v1/hooks/chart/rotate", json=body, headers=headers) as said:
            path: str = (await said.json())["path"]
            return path

    async def play(session: aiohttp.ClientSession, app: App) -> None:
        second = await rotate(session, at_once=False)
        for number, path in enumerate((TO_CHART, second)):
            assert (await post(session, path, alert(app, order_id=str(number))))[0] == 202
        async with session.get("/v1/hooks", headers=headers) as said:
            text = await said.text()
        assert [(row["name"], row["secrets"]) for row in json.loads(text)] == [("chart", 2), ("bot", 1)]
        assert SECRET not in text
        assert second.rpartition("/")[2] not in text
        third = await rotate(session, at_once=True)
        statuses = [(await post(session, path, alert(app, order_id="x")))[0] for path in (third, second, TO_CHART)]
        assert statuses == [202, 404, 404]

    acted = [event for event in served(tmp_path, play) if isinstance(event, OperatorActed)]
    assert [(one.by, one.action, one.about) for one in acted] == [("token:api_token", "RotateSource", "chart")] * 2


def test_a_source_that_the_desk_could_not_serve_is_not_added(tmp_path: Path) -> None:
    good = {"reason": "new", "name": "new", "kind": "tradingview", "symbols": {"SOLUSDC": "SOL"}}
    good["defaults"] = {"strategy_type": "Momentum"}
    cases: tuple[tuple[Mapping[str, object], int, str], ...] = (
        ({"symbols": {"SOLUSDC": "DOGE"}}, 409, "unknown symbol 'DOGE'"),
        ({"defaults": {}}, 409, "strategy_type: missing"),
        ({"defaults": {"strategy_type": "Momentum", "ttl_ms": "soon"}}, 409, "ttl_ms"),
        ({"defaults": {"strategy_type": "Momentum", "mint": "x"}}, 400, "no default of a source"),
        ({"name": "a b"}, 400, "a name that cannot be used"),
        ({"name": "chart"}, 409, "there is a source 'chart' already"),
        ({"kind": "discord"}, 400, "not the expected body"),
        ({"symbols": {}}, 400, "no symbols"),
    )

    async def play(session: aiohttp.ClientSession, app: App) -> None:
        headers = {"authorization": f"Bearer {TOKEN}"}
        for more, status, error in cases:
            async with session.post("/v1/hooks", json={**good, **more}, headers=headers) as said:
                told = await said.json()
                assert (said.status, error in told["error"]) == (status, True), told

    assert not [event for event in served(tmp_path, play) if isinstance(event, OperatorActed)]


def test_overload_is_told_so_that_the_sender_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TradingView repeats after a 503, and after no 429."""

    async def play(session: aiohttp.ClientSession, app: App) -> None:
        app.engine._bounds = replace(app.engine._bounds, open_orders_max=0)
        async with session.post(TO_CHART, json=alert(app)) as said:
            assert (said.status, said.headers["retry-after"]) == (503, "1"), await said.text()

    served(tmp_path, play)

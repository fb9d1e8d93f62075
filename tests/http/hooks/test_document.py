"""Every snippet of docs/hooks.md is sent as its program would send it, and does what the document says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import aiohttp
from tests.support.hooked import TO_BOT, TO_CHART, TOKEN, served

from overmind.clock.instants import iso_seconds
from overmind.core.model.enums import Side
from overmind.core.model.events import OrderPlaced
from overmind.desk.app import App
from overmind.http.reference.hook_shapes import FreqtradeFill, TradingViewAlert

DOCUMENT = (Path(__file__).parents[3] / "docs" / "hooks.md").read_text(encoding="utf-8")
SNIPPET = re.compile(r"```(?:json|sh|python) (\w+)\n(.*?)```", re.DOTALL)
ENTRY = {
    "trade_id": 7,
    "enter_tag": None,
    "pair": "SOL/USDC",
    "direction": "Long",
    "stake_amount": 99.99999999999997,
    "open_rate": 150.25,
    "amount": 0.6655,
    "sub_trade": False,
    "open_date": "2026-11-29 03:00:00+00:00",
}
EXIT = {**ENTRY, "close_date": "2026-11-29 04:00:00+00:00", "exit_reason": "roi", "is_final_exit": True}


def snippets(kind: str) -> list[str]:
    return [text for name, text in SNIPPET.findall(DOCUMENT) if name == kind]


def as_tradingview(message: str, fired_at: str, order: int, **strategy: str) -> bytes:
    """Each placeholder is filled in; what the alert does not have stays blank."""
    values = {"ticker": "SOLUSDC", "timenow": fired_at, "strategy.order.id": f"order {order}"}
    values |= {f"strategy.{name}": value for name, value in strategy.items()}
    return re.sub(r"\{\{(.*?)\}\}", lambda found: values.get(found[1], ""), message).encode()


async def send(session: aiohttp.ClientSession, app: App, path: str, body: bytes, kind: str, **headers: str) -> str:
    async with session.post(path, data=body, headers={"content-type": kind, **headers}) as said:
        answer = await said.json()
        assert (said.status, answer["status"]) == (202, "placed"), answer
    feed = app.engine.subscribe()
    while app.engine.state.open_orders:
        await feed.next()
    app.engine.unsubscribe(feed)
    return str(answer["status"])


def test_every_snippet_is_sent(tmp_path: Path) -> None:
    alerts, (config,), (shell,) = snippets("tradingview"), snippets("freqtrade"), snippets("curl")
    webhook = json.loads(config)["webhook"]

    async def play(session: aiohttp.ClientSession, app: App) -> None:
        now = iso_seconds(app.clock.now_ns())
        for number, message in enumerate(alerts):
            opens = {"order.action": "buy", "market_position": "long", "prev_market_position": "flat"}
            opens |= {"order.contracts": "2", "market_position_size": "2", "prev_market_position_size": "0"}
            closes = {"order.action": "sell", "market_position": "flat", "prev_market_position": "long"}
            closes |= {"order.contracts": "2", "market_position_size": "0", "prev_market_position_size": "2"}
            for order, strategy in enumerate((opens, closes)):
                body = as_tradingview(message, now, 2 * number + order, **strategy)
                await send(session, app, TO_CHART, body, "application/json")
        for event, values in (("entry_fill", ENTRY), ("exit_fill", EXIT)):
            body = {key: text.format(**values) for key, text in webhook[event].items()}
            assert webhook["format"] == "json"
            await send(session, app, TO_BOT, json.dumps(body).encode(), "application/json")
        words = shlex.split(shell.replace("TOKEN", TOKEN))
        path = words[2].removeprefix("https://HOST")
        given = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
        data = words[words.index("-d") + 1]
        await send(session, app, path, data.encode(), given["content-type"], authorization=given["authorization"])

    placed = [event for event in served(tmp_path, play) if isinstance(event, OrderPlaced)]
    sides = [(one.signal.source, one.order.side) for one in placed]
    both = [Side.BUY, Side.SELL]
    assert sides == [("chart", side) for side in both * len(alerts)] + [("bot", side) for side in both] + [
        ("", Side.BUY)
    ]
    assert placed[2 * len(alerts)].order.spend.units == 99_999_999


def test_the_reference_describes_what_the_document_sends() -> None:
    long, short = (set(json.loads(text)) for text in snippets("tradingview"))
    assert long == set(TradingViewAlert.__struct_fields__) > short - {"sentiment"}
    webhook = json.loads(snippets("freqtrade")[0])["webhook"]
    assert {*webhook["entry_fill"], *webhook["exit_fill"]} == set(FreqtradeFill.__struct_fields__)


def test_the_urls_of_the_document_are_those_of_hooks() -> None:
    for path in (TO_CHART, TO_BOT):
        assert path.rpartition("/")[0] + "/SECRET" in DOCUMENT
    for route in re.findall(r"location ~ (\S+) \{", DOCUMENT):
        assert all(re.match(route, path) for path in (TO_CHART, TO_BOT))
        assert not any(re.match(route, path) for path in ("/v1/hooks", "/v1/hooks/chart/rotate", "/v1/signals"))

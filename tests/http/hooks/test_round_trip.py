"""A freqtrade bot by its real webhook configuration: entries and exits in, and what became of them back to it.

The configuration, the receiver and the request are those of docs/hooks.md.
"""

from __future__ import annotations

import asyncio
import json
import runpy
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.http.hooks.test_document import ENTRY, EXIT, snippets
from tests.support.hooked import TO_BOT, TOKEN, served

from overmind.desk.answers import answers
from overmind.desk.app import App

ADMIN = {"authorization": f"Bearer {TOKEN}"}
WEBHOOK = json.loads(snippets("freqtrade")[0])["webhook"]
HEARD_S = 20.0


class Bot:
    """Keeps the answers that it believes and does not have yet, as the document says. It fails when it is told to."""

    def __init__(self, receiver: Mapping[str, Any]) -> None:
        self.kept = asyncio.Queue[dict[str, Any]]()
        self.faults: list[int] = []
        self.key = ""
        self._receiver = receiver
        self._last = ("", 0)

    async def hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert self._receiver["is_from_the_desk"](self.key, request.headers, body)
        assert not self._receiver["is_from_the_desk"](self.key, request.headers, body + b" ")
        if self.faults:
            status = self.faults.pop(0)
            return web.Response(status=status, headers={"location": "/elsewhere"} if status == 307 else {})
        answer = json.loads(body)
        if self._receiver["is_new"](answer, self._last):
            self.kept.put_nowait(answer)
            self._last = (answer["at"], answer["seq"])
        return web.Response(status=204 if answer["seq"] % 2 else 200)

    async def heard(self, *wanted: tuple[str, str]) -> list[dict[str, Any]]:
        """The next answers, by kind and side, with nothing between them."""
        async with asyncio.timeout(HEARD_S):
            found = [await self.kept.get() for _ in wanted]
        assert [(one["kind"], one.get("side", "")) for one in found] == list(wanted)
        return found


@asynccontextmanager
async def listening(bot: Bot) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/answers", bot.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/answers"
    finally:
        await runner.cleanup()


async def ask(session: aiohttp.ClientSession, path: str, **body: Any) -> Any:
    async with session.post(path, json={"reason": "the bot listens", **body}, headers=ADMIN) as said:
        assert said.status == 200, await said.text()
        return await said.json()


async def fills(session: aiohttp.ClientSession, event: str, values: Mapping[str, Any]) -> str:
    """Sends what freqtrade's webhook sends: each text of the configuration with its placeholders filled in."""
    body = {key: text.format(**values) for key, text in WEBHOOK[event].items()}
    async with session.post(TO_BOT, json=body) as said:
        assert said.status == 202, await said.text()
        return str((await said.json())["signal_id"])


def test_a_freqtrade_bot_hears_what_became_of_its_trades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LOOK_EVERY_S", 0.02)
    (tmp_path / "receiver.py").write_text(snippets("receiver")[0], encoding="utf-8")
    bot = Bot(runpy.run_path(str(tmp_path / "receiver.py")))

    async def play(session: aiohttp.ClientSession, app: App) -> None:
        async with listening(bot) as url:
            bot.key = (await ask(session, "/v1/hooks/bot/answers", url=url))["key"]
            bot.faults = [500, 307]  # A redirect is no acknowledgement, and nobody follows it.
            entry = await fills(session, "entry_fill", ENTRY)
            placed, bought = await bot.heard(("placed", "Buy"), ("filled", "Buy"))
            assert (placed["signal_id"], bought["symbol"]) == (entry, "SOL")
            exit_ = await fills(session, "exit_fill", EXIT)
            _, sold = await bot.heard(("placed", "Sell"), ("filled", "Sell"))
            assert (sold["signal_id"], sold["spent"], sold["own_quantity"]) == (exit_, *[bought["received"]] * 2)
            assert "automatic" not in sold
            await fills(session, "entry_fill", {**ENTRY, "trade_id": 8, "stake_amount": 99_990.0, "amount": 665.5})
            (refused,) = await bot.heard(("refused", ""))
            assert refused["refusals"]
            await fills(session, "entry_fill", {**ENTRY, "trade_id": 9})
            _, again = await bot.heard(("placed", "Buy"), ("filled", "Buy"))
            await ask(session, f"/v1/positions/{again['wallet_id']}/SOL/close")
            _, closed = await bot.heard(("placed", "Sell"), ("filled", "Sell"))
            assert (closed["automatic"], closed["own_quantity"]) == (True, again["received"])
            assert bot.kept.empty()
            token = (await ask(session, "/v1/tokens", name="bot", role="signal", source="bot"))["secret"]
            events = await as_documented(session, token)
        told = {one["seq"]: one["event"]["type"] for one in events["events"]}
        heard = [one["seq"] for one in (placed, bought, sold, refused, again, closed)]
        assert [told[seq] for seq in heard] == [
            *("OrderPlaced", "OrderClosed", "OrderClosed", "SignalRefused", "OrderClosed", "OrderClosed")
        ]

    served(tmp_path, play)


async def as_documented(session: aiohttp.ClientSession, token: str) -> Any:
    words = shlex.split(snippets("events")[0].replace("TOKEN", token))
    name, _, value = words[words.index("-H") + 1].partition(": ")
    async with session.get(words[2].removeprefix("https://HOST"), headers={name: value}) as said:
        assert said.status == 200, await said.text()
        return await said.json()

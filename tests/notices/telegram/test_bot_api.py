"""The Bot API over real HTTP: what is sent, what is understood, and that no error names the token."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from tests.support.fake_telegram import as_json
from tests.support.telegram_server import GARBAGE, TOKEN, TelegramServer, telegram_server

from overmind.config.notices import TelegramSettings
from overmind.config.secrecy import Secret
from overmind.core.model.units import NS
from overmind.notices.telegram import bot_api
from overmind.notices.telegram.bot_api import BotApi, TelegramSilent
from overmind.notices.telegram.wire import RETRY_MAX_S

Asks = Callable[[BotApi, TelegramServer], Awaitable[None]]


def ask(asks: Asks) -> TelegramServer:
    async def run() -> TelegramServer:
        async with telegram_server() as server, aiohttp.ClientSession() as session:
            settings = TelegramSettings(Secret(TOKEN), frozenset({1}), frozenset(), Secret(server.url))
            await asks(BotApi(session, settings), server)
            return server

    return asyncio.run(run())


async def silence(api: BotApi) -> TelegramSilent:
    """How it fails, after making sure that nothing of it names the token."""
    with pytest.raises(TelegramSilent) as silent:
        await api.updates(7)
    shown = "".join(traceback.format_exception(silent.value)) + repr(silent.value)
    assert TOKEN not in shown.replace(f'TOKEN = "{TOKEN}"', "")
    return silent.value


def test_what_is_asked_and_what_is_understood() -> None:
    async def asks(api: BotApi, server: TelegramServer) -> None:
        server.updates = [as_json(6, "/old", 0), as_json(7, "/stop", 5 * NS), {"update_id": 8, "poll": {"id": "9"}}]
        first, second = await api.updates(7)
        assert first.message is not None
        assert first.message.sender is not None
        told = (first.update_id, first.message.text, first.message.date, first.message.sender.id, first.message.chat)
        assert told == (7, "/stop", 5, 1, first.message.chat)
        assert (second.update_id, second.message) == (8, None)
        assert await api.username() == "desk_bot"
        await api.send(5, "<b>*_`plain")

    server = ask(asks)
    assert [path for path, _ in server.calls] == [
        f"/bot{TOKEN}/{method}" for method in ("getUpdates", "getMe", "sendMessage")
    ]
    asked, _, sent = (body for _, body in server.calls)
    assert asked == {"offset": 7, "timeout": bot_api.POLL_S, "allowed_updates": ["message"]}
    assert sent == {"chat_id": 5, "text": "<b>*_`plain", "link_preview_options": {"is_disabled": True}}


@pytest.mark.parametrize("status", [302, 400, 401, 404, 409, 429, 500, 502])
def test_no_other_status_is_an_answer(status: int) -> None:
    async def asks(api: BotApi, server: TelegramServer) -> None:
        server.status, server.retry_after = status, 17 if status == 429 else 0
        silent = await silence(api)
        assert silent.retry_after_s == server.retry_after

    assert len(ask(asks).calls) == 1  # No redirect is followed.


def test_a_server_cannot_make_us_wait_for_ever() -> None:
    async def asks(api: BotApi, server: TelegramServer) -> None:
        server.status, server.retry_after = 429, 10**9
        assert (await silence(api)).retry_after_s == RETRY_MAX_S

    ask(asks)


def test_garbage_is_no_answer() -> None:
    async def asks(api: BotApi, server: TelegramServer) -> None:
        for server.raw in GARBAGE:
            await silence(api)

    ask(asks)


def test_an_update_that_cannot_be_read_keeps_its_number_and_the_others() -> None:
    async def asks(api: BotApi, server: TelegramServer) -> None:
        broken = {"update_id": 8, "message": {"date": "x", "chat": 3}}
        server.updates = [as_json(7, "/status", 0), broken, {"nothing": 1}, as_json(9, "/stop", 0)]
        found = await api.updates(1)
        assert [(one.update_id, one.message is not None) for one in found] == [(7, True), (8, False), (9, True)]

    ask(asks)


def test_a_server_that_hangs_or_is_gone_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot_api, "POLL_S", 0.02)
    monkeypatch.setattr(bot_api, "PATIENCE_S", 0.02)

    async def asks(api: BotApi, server: TelegramServer) -> None:
        server.hangs = True
        assert str(await silence(api)) == "TimeoutError"

    url = ask(asks).url

    async def gone() -> None:
        async with aiohttp.ClientSession() as session:
            settings = TelegramSettings(Secret(TOKEN), frozenset({1}), frozenset(), Secret(url))
            await silence(BotApi(session, settings))

    asyncio.run(gone())


def test_an_answer_without_end_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot_api, "BYTES_MAX", 1_000)

    async def asks(api: BotApi, server: TelegramServer) -> None:
        server.raw = b'{"ok": true, "result": []}' + b" " * 2_000
        assert str(await silence(api)) == "ValueError"

    ask(asks)

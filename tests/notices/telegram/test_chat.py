"""What listed people do by chat: stop and pause, and look. Nobody else is heard, and nothing is lifted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import structlog
from tests.support.fake_telegram import ADA, BOB, CHAT_ENV, FakeTelegram, message
from tests.support.told_desk import CalmOutlook, shipped_tape, told_config, told_desk

from overmind.clock.virtual import run_virtual
from overmind.core.model.enums import WalletStatus
from overmind.core.model.events import OperatorActed
from overmind.core.model.ids import WalletId
from overmind.core.model.units import NS
from overmind.desk.app import App
from overmind.notices.telegram import chat as chat_module
from overmind.notices.telegram.acting import Actions
from overmind.notices.telegram.bot_api import TelegramSilent
from overmind.notices.telegram.chat import COMMANDS_A_MINUTE, QUEUE_MAX, TelegramChat
from overmind.notices.telegram.offset import FILE, FORGOTTEN_NS, Offset, read_offset, write_offset

During = Callable[[App, FakeTelegram], Awaitable[None]]
STOPPED = {WalletStatus.EMERGENCY}


def talk(folder: Path, during: During, telegram: FakeTelegram | None = None, after_s: float = 0.0) -> FakeTelegram:
    """Runs a desk with a chat while something is said."""
    config = told_config(folder, **CHAT_ENV)
    settings = config.notices.telegram
    assert settings is not None

    async def run() -> FakeTelegram:
        server = telegram or FakeTelegram()
        async with told_desk(config, after_s) as app:
            chat = TelegramChat(settings, Actions(app, CalmOutlook()), app.clock, folder)
            talking = asyncio.ensure_future(chat.converse(server))
            await during(app, server)
            talking.cancel()
            chat.close()
        return server

    return run_virtual(run())


def statuses(app: App) -> set[WalletStatus]:
    return {book.status for book in app.engine.state.wallets.values()}


def acted(app: App) -> list[OperatorActed]:
    return [entry.event for entry in app.engine.entries(0) if isinstance(entry.event, OperatorActed)]


async def said(app: App, server: FakeTelegram, *texts: str, user: int = ADA, age_s: int = 0) -> None:
    server.sends(*(message(text, app.clock.now_ns(), user, age_s) for text in texts))
    await app.clock.sleep(5)


@pytest.mark.parametrize("age_s", [0, 61, 80_000])
def test_a_stop_is_done_at_once_at_any_age_and_journaled_with_who(age_s: int, tmp_path: Path) -> None:
    async def during(app: App, server: FakeTelegram) -> None:
        await said(app, server, "/stop fire in\nthe house", age_s=age_s)
        assert statuses(app) == STOPPED
        (done,) = acted(app)
        assert (done.by, done.action, done.reason) == (
            f"telegram:{ADA}",
            "EmergencyStop",
            "asked for by Telegram: fire in the house",
        )

    assert "Stopped" in talk(tmp_path, during).texts[0]


def test_a_pause_holds_its_target_and_only_when_it_is_new(tmp_path: Path) -> None:
    async def during(app: App, server: FakeTelegram) -> None:
        await said(app, server, "/pause hft_wallet too hot", age_s=61)
        assert acted(app) == []
        await said(app, server, "/pause hft_wallet too hot")
        assert app.engine.state.wallets[WalletId("hft_wallet")].holds.keys() == {"operator"}
        await said(app, server, "/pause Arbitrage")
        assert [one.about for one in acted(app)] == ["hft_wallet operator", "Arbitrage operator"]
        await said(app, server, "/pause nobody", "/pause")

    texts = talk(tmp_path, during).texts
    assert "not done" in texts[0]
    assert texts[1].startswith("Paused: hft_wallet")
    assert "no wallet and no strategy" in texts[3]
    assert "/pause WALLET" in texts[4]


LIFTS = ("/resume hft_wallet", "/reactivate primary_wallet ok", "/lift", "/accept", "/unpause x", "/close w SOL")


def test_nothing_is_lifted_or_sold_by_chat(tmp_path: Path) -> None:
    async def during(app: App, server: FakeTelegram) -> None:
        await said(app, server, "/stop", "/pause hft_wallet")
        before = [{*book.holds} for book in app.engine.state.wallets.values()]
        done = len(acted(app))
        await said(app, server, *LIFTS)
        assert [{*book.holds} for book in app.engine.state.wallets.values()] == before
        assert len(acted(app)) == done

    answers = talk(tmp_path, during).texts[-len(LIFTS) :]
    assert ["Nothing is lifted by chat" in answer for answer in answers] == [True] * 5 + [False]
    assert "No such command" in answers[-1]


def test_nobody_else_is_answered_and_the_log_has_a_line_a_minute(tmp_path: Path) -> None:
    async def during(app: App, server: FakeTelegram) -> None:
        for _ in range(10):
            await said(app, server, *(["/stop", "/status"] * 50), user=BOB)
        assert statuses(app) != STOPPED
        await app.clock.sleep(60)
        await said(app, server, "/stop", user=BOB)

    with structlog.testing.capture_logs() as lines:
        assert talk(tmp_path, during).answers == []
    told = [line for line in lines if "nobody listed" in line["event"]]
    assert next((line["messages"], line["most_of_user"]) for line in told) == (100, BOB)
    assert len(told) == 2


def test_every_look_has_an_answer_of_the_views(tmp_path: Path) -> None:
    async def during(app: App, server: FakeTelegram) -> None:
        await said(app, server, "/help", "/status", "/wallets", "/positions", "/risk", "/why s1", "/dance", "hello")

    texts = talk(tmp_path, during).texts
    assert [text.partition("\n")[0][:12] for text in texts] == [
        "/status: whe",
        "Ready to tra",
        "primary_wall",
        "no positions",
        "exposure: 0 ",
        "no signal s1",
        "No such comm",
    ]
    assert all(0 < len(text) <= 4_096 for text in texts)


def test_a_restart_does_nothing_a_second_time(tmp_path: Path) -> None:
    server = FakeTelegram()

    async def pause(app: App, server: FakeTelegram) -> None:
        await said(app, server, "/pause hft_wallet")

    async def again(app: App, server: FakeTelegram) -> None:
        await app.clock.sleep(5)
        assert (len(acted(app)), server.answers) == (1, [])

    talk(tmp_path, pause, server)
    second = FakeTelegram()
    second.forgetful = True
    second.sends(message("/pause hft_wallet", shipped_tape().start_ns))
    talk(tmp_path, again, second, after_s=10)
    assert second.offsets[0] == read_offset(tmp_path).next == 102


def test_what_is_next_is_on_disk_before_a_command_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_folder: Path, _offset: Offset) -> None:
        raise OSError("no room")

    monkeypatch.setattr(chat_module, "write_offset", full)

    async def during(app: App, server: FakeTelegram) -> None:
        await said(app, server, "/pause hft_wallet")
        assert acted(app) == []
        await said(app, server, "/stop")
        assert statuses(app) == STOPPED

    texts = talk(tmp_path, during).texts
    assert texts[0].startswith("Not done")
    assert texts[1].startswith("Stopped")


def test_numbers_that_begin_anew_after_a_week_are_taken(tmp_path: Path) -> None:
    server = FakeTelegram()

    async def during(app: App, server: FakeTelegram) -> None:
        write_offset(tmp_path, Offset(9_000_000, app.clock.now_ns()))

    talk(tmp_path, during)

    async def later(app: App, server: FakeTelegram) -> None:
        await said(app, server, "/stop")
        assert statuses(app) == STOPPED

    talk(tmp_path, later, server, after_s=FORGOTTEN_NS / NS + 10)
    assert server.offsets[0] == 0


def test_a_file_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\x00")
    assert read_offset(tmp_path) == Offset()


def test_a_flood_of_a_listed_user_is_bounded_and_a_stop_in_it_is_done(tmp_path: Path) -> None:
    async def during(app: App, server: FakeTelegram) -> None:
        await said(app, server, *["/status"] * 1_000, "/stop")
        await app.clock.sleep(10)
        assert statuses(app) == STOPPED

    assert 1 < len(talk(tmp_path, during).answers) <= COMMANDS_A_MINUTE + QUEUE_MAX


def test_a_server_that_fails_is_asked_again_and_one_that_says_when_is_obeyed(tmp_path: Path) -> None:
    async def during(app: App, server: FakeTelegram) -> None:
        server.faults = [TelegramSilent("it answers 500")] * 3 + [TelegramSilent("it answers 429", 300.0)]
        began_ns = app.clock.now_ns()
        await said(app, server, "/stop")
        while statuses(app) != STOPPED:
            await app.clock.sleep(1)
        assert app.clock.now_ns() - began_ns > 300 * NS

    with structlog.testing.capture_logs() as lines:
        talk(tmp_path, during)
    events = [line["event"] for line in lines if "Telegram" in line["event"]]
    assert events == ["Telegram does not answer; commands are not heard", "Telegram answers again"]


def test_an_answer_that_is_not_taken_keeps_no_stop_waiting(tmp_path: Path) -> None:
    async def during(app: App, server: FakeTelegram) -> None:
        server.refused = [TelegramSilent("it answers 429", 500.0)]
        await said(app, server, "/status")
        await said(app, server, "/stop")
        assert statuses(app) == STOPPED
        assert server.answers == []
        await app.clock.sleep(600)

    assert len(talk(tmp_path, during).answers) == 2

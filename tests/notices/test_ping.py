"""The dead man's switch over real HTTP: asked while the desk can trade, told of a stop, and never waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import structlog
from tests.support.bad_servers import BadServer, bad_server
from tests.support.told_desk import CalmOutlook, shipped_tape, told_config, told_desk

from overmind.clock.clocks import JumpClock
from overmind.core.model.commands import EmergencyStop, ReactivateWallet
from overmind.core.model.ids import WalletId
from overmind.desk.app import App
from overmind.notices import ping
from overmind.notices.ping import DeadMansSwitch

SECRET = "3f2a9c11-7d7e-4a55-a4a9-0c4f3f9a1b2c"
During = Callable[[App, BadServer, CalmOutlook, JumpClock], Awaitable[None]]


def watch(folder: Path, mode: str, during: During) -> tuple[BadServer, DeadMansSwitch, list[dict[str, object]]]:
    async def run() -> tuple[BadServer, DeadMansSwitch]:
        async with bad_server(mode) as server:
            config = told_config(
                folder, OVERMIND_PING_URL=f"http://127.0.0.1:{server.port}/{SECRET}", OVERMIND_PING_EVERY_SEC="10"
            )
            assert config.notices.ping is not None
            clock = QuickClock(shipped_tape().start_ns)
            outlook = CalmOutlook()
            async with told_desk(config, clock=clock) as app:
                switch = DeadMansSwitch(config.notices.ping, app)
                running = asyncio.ensure_future(switch.run(outlook))
                await during(app, server, outlook, clock)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            return server, switch

    with structlog.testing.capture_logs() as lines:
        server, switch = asyncio.run(run())
    assert SECRET not in str(lines)
    return server, switch, [dict(line) for line in lines if "ping" in line["event"]]


class QuickClock(JumpClock):
    """A period of ten seconds takes ten milliseconds."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 1_000)


async def until(server: BadServer, is_so: Callable[[], bool]) -> None:
    """Looks again with each request."""
    async with asyncio.timeout(10):
        while not is_so():
            server.came.clear()
            await server.came.wait()


def paths(server: BadServer) -> list[str]:
    return [f"{method} {path.removeprefix(f'/{SECRET}')}" for method, path, _ in server.requests]


def test_it_is_asked_while_the_desk_can_trade_and_told_when_it_cannot(tmp_path: Path) -> None:
    async def during(app: App, server: BadServer, outlook: CalmOutlook, _: JumpClock) -> None:
        await until(server, lambda: len(server.requests) >= 3)
        assert paths(server)[:3] == ["GET /start", "GET ", "GET "]
        outlook.now = ["the chain does not answer"]
        await until(server, lambda: "POST /fail" in paths(server))
        assert server.requests[-1][2] == b"the chain does not answer"
        outlook.now = []
        count = len(server.requests)
        await until(server, lambda: "GET " in paths(server)[count:])

    watch(tmp_path, "takes", during)


def test_a_stop_is_told_before_the_period_ends_and_its_end_too(tmp_path: Path) -> None:
    async def during(app: App, server: BadServer, outlook: CalmOutlook, clock: JumpClock) -> None:
        await until(server, lambda: len(server.requests) >= 2)
        await app.engine.handle(EmergencyStop("fire"))
        await until(server, lambda: "POST /fail" in paths(server))
        assert server.requests[-1][2] == b"emergency stop: fire"
        await app.engine.handle(ReactivateWallet(WalletId("primary_wallet"), "checked"))
        count = len(server.requests)
        await until(server, lambda: "GET " in paths(server)[count:])

    watch(tmp_path, "takes", during)


@pytest.mark.parametrize("mode", ["500", "hangs", "closes", "garbage", "redirects"])
def test_a_switch_that_fails_holds_up_nothing_and_is_told_once(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ping, "PATIENCE_S", 0.02)

    async def during(app: App, server: BadServer, outlook: CalmOutlook, _: JumpClock) -> None:
        await until(server, lambda: len(server.requests) >= 3)
        await app.engine.handle(EmergencyStop("fire"))
        await until(server, lambda: "POST /fail" in paths(server))

    server, switch, lines = watch(tmp_path, mode, during)
    assert [line["event"] for line in lines] == ["the ping is not taken"]
    assert switch.alarms() == ["the ping of the dead man's switch is not taken"]
    assert all(path.startswith(f"/{SECRET}") for _, path, _ in server.requests)  # No redirect is followed.

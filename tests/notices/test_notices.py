"""A desk tells people what its journal says: critical things at least once, everything else at most once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.told_desk import JOURNAL, CalmOutlook, Taken, told_config, told_desk

from overmind.clock.virtual import run_virtual
from overmind.core.control.holds import OPERATOR
from overmind.core.model.commands import AddHold, EmergencyStop, ReactivateWallet, RecordAction, given_by
from overmind.core.model.controls import Scope
from overmind.core.model.ids import WalletId
from overmind.desk.app import App
from overmind.notices.memory import FILE, Memory, read_memory, write_memory
from overmind.notices.notices import LOOK_EVERY_S, Notices

W1 = WalletId("primary_wallet")
Telling = Callable[[App], Awaitable[None]]


def tell(folder: Path, target: Taken, during: Telling, outlook: CalmOutlook | None = None, **env: str) -> None:
    """Runs a desk with notices for one target while something happens to it."""
    config = told_config(folder, **env)

    async def run() -> None:
        async with told_desk(config) as app, notices(app, target, outlook or CalmOutlook()):
            await during(app)
            await app.clock.sleep(30)

    run_virtual(run())


@asynccontextmanager
async def notices(app: App, target: Taken, outlook: CalmOutlook) -> AsyncIterator[Notices]:
    one = Notices(app.config.notices, app, app.config.data_dir / JOURNAL, [target.target])
    async with one.telling(outlook):
        await app.clock.sleep(1)
        yield one


async def stop(app: App) -> None:
    await app.engine.handle(given_by(EmergencyStop("fire"), "ada"))


async def nothing(_: App) -> None:
    """Happens."""


def killed(folder: Path) -> None:
    """As a kill leaves what was told."""
    memory = read_memory(folder)
    assert memory is not None
    assert not memory.running
    write_memory(folder, Memory(memory.seen, memory.delivered, running=True))


def test_a_stop_is_told_once_for_all_wallets_with_who_and_why(tmp_path: Path) -> None:
    target = Taken()
    tell(tmp_path, target, stop)
    assert target.titles == ["service", "emergency stop", "operator", "service"]
    (_, text, severity) = target.got[1]
    assert severity == "critical"
    assert all(name in text for name in ("primary_wallet", "hft_wallet", "fire", "entry"))
    assert "EmergencyStop by ada: fire" in target.got[2][1]


def test_holds_that_lift_and_people_that_come_are_told(tmp_path: Path) -> None:
    async def during(app: App) -> None:
        await stop(app)
        await app.engine.handle(ReactivateWallet(W1, "checked"))
        await app.engine.handle(AddHold(Scope(W1), OPERATOR, "lunch"))
        await app.engine.handle(RecordAction("ada", "AddUser", "bob, admin", "new colleague"))

    target = Taken()
    tell(tmp_path, target, during)
    assert {"reactivated", "paused", "access changed"} <= {*target.titles}


def test_the_start_tells_the_holds_in_force_and_a_restart_repeats_nothing(tmp_path: Path) -> None:
    async def pause(app: App) -> None:
        await app.engine.handle(AddHold(Scope(), OPERATOR, "lunch"))

    first, second = Taken(), Taken()
    tell(tmp_path, first, pause)
    assert "paused" in first.titles
    tell(tmp_path, second, nothing)
    assert second.titles == ["service", "service"]
    assert "operator on portfolio: lunch" in second.got[0][1]


def test_a_start_after_a_kill_says_so_once(tmp_path: Path) -> None:
    tell(tmp_path, Taken(), nothing)
    killed(tmp_path)
    second, third = Taken(), Taken()
    tell(tmp_path, second, nothing)
    assert second.titles == ["started after a crash", "service", "service"]
    tell(tmp_path, third, nothing)
    assert "started after a crash" not in third.titles


def test_a_critical_notice_that_nobody_took_is_told_again_under_its_id(tmp_path: Path) -> None:
    async def during(app: App) -> None:
        await stop(app)
        await app.engine.handle(AddHold(Scope(W1), OPERATOR, "lunch"))

    deaf, second, third = Taken(takes=False), Taken(), Taken()
    tell(tmp_path, deaf, during)
    memory = read_memory(tmp_path)
    assert memory is not None
    assert memory.delivered < memory.seen
    tell(tmp_path, second, nothing)
    assert second.titles == ["service", "emergency stop", "service"]  # and no pause: that is not critical
    tell(tmp_path, third, nothing)
    assert "emergency stop" not in third.titles


def test_what_was_committed_after_the_last_look_is_told_by_the_next_start(tmp_path: Path) -> None:
    tell(tmp_path, Taken(), nothing)
    before = read_memory(tmp_path)

    async def alone() -> None:  # A desk without notices, as after a kill before anything was told.
        async with told_desk(told_config(tmp_path)) as app:
            await stop(app)

    run_virtual(alone())
    assert read_memory(tmp_path) == before
    target = Taken()
    tell(tmp_path, target, nothing)
    assert target.titles == ["service", "emergency stop", "operator", "service"]


def test_a_memory_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    tell(tmp_path, Taken(), stop)
    (tmp_path / FILE).write_bytes(b"{}")
    target = Taken()
    tell(tmp_path, target, nothing)
    assert target.titles == ["service", "service"]


def test_a_reason_not_to_be_ready_is_told_when_it_lasts_and_when_it_is_over(tmp_path: Path) -> None:
    outlook = CalmOutlook()

    async def during(app: App) -> None:
        outlook.now = ["the chain does not answer"]
        await app.clock.sleep(3 * LOOK_EVERY_S)
        outlook.now = []
        await app.clock.sleep(3 * LOOK_EVERY_S)

    target = Taken()
    tell(tmp_path, target, during, outlook)
    assert target.titles == ["service", "cannot trade", "over", "service"]


@pytest.mark.parametrize(
    ("env", "titles"),
    [
        ({"OVERMIND_NOTICES_SEVERITY": "critical"}, ["emergency stop"]),
        ({"OVERMIND_NOTICES_KINDS": "stop:off, service:off"}, ["operator"]),
        ({"OVERMIND_NOTICES_KINDS": "stop:digest, service:off, operator:off"}, ["what else happened"]),
    ],
)
def test_the_configuration_says_what_is_told(env: dict[str, str], titles: list[str], tmp_path: Path) -> None:
    target = Taken()
    tell(tmp_path, target, stop, **env)
    assert target.titles == titles


def test_a_part_that_fails_is_told_and_the_desk_goes_on(tmp_path: Path) -> None:
    class Broken(CalmOutlook):
        async def reasons(self) -> list[str]:
            raise AssertionError("a bug of ours")

    async def run() -> None:
        async with told_desk(told_config(tmp_path)) as app, notices(app, Taken(), Broken()) as one:
            await app.clock.sleep(3 * LOOK_EVERY_S)
            assert one.alarms() == ["looking at what is wrong ended by a fault: the log has it; restart the service"]
            await stop(app)

    run_virtual(run())

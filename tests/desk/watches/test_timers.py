"""Exits from a falling price to the sale through the whole engine, without a signal, and never by a bad mark."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import structlog
from bench.desks import PRICE_PICO, START_NS, USDC, bench_desk, bench_wallets, buy, opening
from msgspec import structs

from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.books.trust import fresh_price_pico
from overmind.core.exits.selling import EXITS_MAX
from overmind.core.model.commands import (
    AddHold,
    ClosePosition,
    CommandRefused,
    ConfigureDesk,
    ConfigureWallet,
    EmergencyStop,
)
from overmind.core.model.controls import Scope
from overmind.core.model.desk_settings import CostModel
from overmind.core.model.enums import WalletType
from overmind.core.model.events import OrderClosed, OrderPlaced
from overmind.core.model.ids import SOL, Mint, SignalId, WalletId
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.units import MICROS, NS, PPM
from overmind.core.model.wallet import Exits
from overmind.desk.engine import Engine
from overmind.desk.executor import Executor
from overmind.desk.watches.timers import StopFile, Watch
from overmind.journal.memory import MemoryJournal
from overmind.ports import Tick
from overmind.venues.paper import PERFECT, PaperVenue

DESK = bench_desk(2)
OTHER = next(mint for mint in DESK.tokens if mint != SOL)


class Feed:
    """Prices that a test sets; a price that is not set again grows old."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.prices = dict.fromkeys(DESK.tokens, PRICE_PICO)
        self.frozen: dict[Mint, int] = {}

    def ticks(self) -> Mapping[Mint, Tick]:
        at = {mint: self.frozen.get(mint, self._clock.now_ns()) for mint in self.prices}
        return {mint: Tick(mint, price, at[mint], 10**12, 50) for mint, price in self.prices.items()}

    def fall(self, mint: Mint, percent: int) -> None:
        self.prices[mint] = PRICE_PICO * (100 - percent) // 100


class Desk:
    def __init__(self, journal: MemoryJournal, tmp_path: Path) -> None:
        clock = VirtualClock(START_NS)
        self.journal, self.clock = journal, clock
        self.seen, self.true = Feed(clock), Feed(clock)  # the marked prices, and the venue's prices
        self.engine = Engine(journal, clock)
        venue = PaperVenue(self.true, clock, 1, PERFECT, USDC, DESK.tokens, CostModel(), lambda wallet, mint: True)
        self.executor = Executor(self.engine, venue, clock, 10, lambda: False)
        self.watch = Watch(self.engine, self.seen, clock, StopFile(tmp_path), 1.0)

    async def buy(self, number: int = 1, exits: Exits | None = None) -> None:
        signal = structs.replace(buy(number, OTHER, self.clock.now_ns()).signal, exits=exits)
        await self.engine.submit(signal)
        await self.executor.idle()
        await self.clock.sleep(0.5)

    def fall(self, percent: int) -> None:
        self.seen.fall(OTHER, percent)
        self.true.fall(OTHER, percent)

    def units(self) -> int:
        return sum(
            book.positions[OTHER].units for book in self.engine.state.wallets.values() if OTHER in book.positions
        )

    def exits(self) -> list[str]:
        """The exits without a signal, and their outcomes."""
        told = []
        for entry in self.journal.read():
            event = entry.event
            if isinstance(event, OrderPlaced) and ":" in event.signal.id:
                told.append(event.signal.id)
            if isinstance(event, OrderClosed) and ":" in event.order_id:
                outcome = event.outcome
                told.append(outcome.cause if isinstance(outcome, Rejected) else type(outcome).__name__)
        return told


@asynccontextmanager
async def running(journal: MemoryJournal, tmp_path: Path, wallets: int = 1) -> AsyncIterator[Desk]:
    desk = Desk(journal, tmp_path)
    tasks = [asyncio.create_task(run()) for run in (desk.engine.run, desk.executor.run, desk.watch.run)]
    for command in opening(DESK, bench_wallets(wallets)) if not desk.engine.state.seq else []:
        await desk.engine.handle(command)
    try:
        yield desk
    finally:
        for task in reversed(tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def played(tmp_path: Path, script: Callable[[Desk], object]) -> list[str]:
    """Runs a script on a desk that has bought $100 of a token at 150, with a stop at 5 %."""

    async def play() -> list[str]:
        async with running(MemoryJournal(), tmp_path) as desk:
            await desk.buy()
            result = script(desk)
            assert asyncio.iscoroutine(result)
            await result
            return desk.exits()

    return run_virtual(play())


def test_a_price_that_falls_is_sold(tmp_path: Path) -> None:
    async def fall(desk: Desk) -> None:
        desk.fall(4)
        await desk.clock.sleep(10)
        assert desk.units()
        desk.fall(12)
        await desk.clock.sleep(10)
        assert not desk.units()
        assert desk.engine.index.books[0].day_pnl_micros < -10 * MICROS

    assert played(tmp_path, fall) == [f"stop:wallet0:{OTHER}:0", "Filled"]


def test_more_than_one_decision_takes_is_sold_by_one_look(tmp_path: Path) -> None:
    wallets = EXITS_MAX + 3

    async def fall() -> tuple[int, list[str]]:
        async with running(MemoryJournal(), tmp_path, wallets) as desk:
            names = list(desk.engine.state.wallets)
            for number, name in enumerate(names):
                signal = buy(number, OTHER, desk.clock.now_ns()).signal
                await desk.engine.submit(structs.replace(signal, exclude=tuple(one for one in names if one != name)))
            await desk.clock.sleep(0.5)
            desk.fall(12)
            await desk.watch.look()
            placed = sum(book.exits_placed for book in desk.engine.state.wallets.values())
            await desk.clock.sleep(0.4)
            return placed, desk.exits()

    placed, told = run_virtual(fall())
    assert placed == wallets
    assert told.count("Filled") == wallets


def test_one_bad_mark_sells_nothing(tmp_path: Path) -> None:
    async def lie(desk: Desk) -> None:
        units = desk.units()
        desk.seen.fall(OTHER, 90)
        await desk.clock.sleep(1.1)  # One or two checks by the watch.
        desk.seen.fall(OTHER, 0)
        await desk.clock.sleep(60)
        assert desk.units() == units

    assert played(tmp_path, lie) == [f"stop:wallet0:{OTHER}:0", Cause.NOT_CONFIRMED]


def test_an_unconfirmed_high_price_takes_no_profit(tmp_path: Path) -> None:
    async def lie(desk: Desk) -> None:
        await desk.buy(2, Exits(take_profit_ppm=PPM // 10))
        units = desk.units()
        desk.seen.fall(OTHER, -50)
        await desk.clock.sleep(1.1)  # One or two checks by the watch.
        desk.seen.fall(OTHER, 0)
        await desk.clock.sleep(60)
        assert desk.units() == units
        desk.fall(-11)
        await desk.clock.sleep(60)
        assert not desk.units()

    told = played(tmp_path, lie)
    assert told[0] == f"profit:wallet0:{OTHER}:0"
    assert told[1] in (Cause.LIMIT_PRICE, Cause.SLIPPAGE)
    assert told[-1] == "Filled"


def test_a_missing_price_raises_an_alarm_and_sells_nothing(tmp_path: Path) -> None:
    async def freeze(desk: Desk) -> None:
        desk.fall(12)
        desk.seen.frozen[OTHER] = START_NS
        with structlog.testing.capture_logs() as lines:
            await desk.clock.sleep(100)
        alarms = [line for line in lines if line["event"] == "no fresh price, exits cannot be watched"]
        assert [(line["log_level"], line["wallet"], line["mint"]) for line in alarms] == [("error", "wallet0", OTHER)]
        assert not desk.exits()
        desk.seen.frozen.clear()
        await desk.clock.sleep(10)

    assert played(tmp_path, freeze) == [f"stop:wallet0:{OTHER}:0", "Filled"]


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    journal = MemoryJournal()

    async def before() -> None:
        async with running(journal, tmp_path) as desk:
            await desk.buy(1, Exits(stop_loss_ppm=PPM // 50))

    async def after() -> list[str]:
        async with running(journal, tmp_path) as desk:
            desk.fall(3)
            await desk.clock.sleep(10)
            return desk.exits()

    run_virtual(before())
    assert run_virtual(after()) == [f"stop:wallet0:{OTHER}:0", "Filled"]


def test_a_stop_that_liquidates_sells_and_lets_nothing_in(tmp_path: Path) -> None:
    async def stop(desk: Desk) -> None:
        await desk.engine.handle(EmergencyStop("because", liquidate=True))
        await desk.clock.sleep(10)
        assert not desk.units()
        await desk.buy(9)
        assert not desk.units()

    assert played(tmp_path, stop) == [f"liquidate:wallet0:{OTHER}:0", "Filled"]


def test_a_close_sells_slice_by_slice_through_a_silence_and_a_restart_until_nothing_is_left(tmp_path: Path) -> None:
    journal = MemoryJournal()

    async def before() -> int:
        async with running(journal, tmp_path) as desk:
            await desk.buy()
            await desk.buy(2)
            costs = structs.replace(DESK.costs, depth_micros=5_000 * MICROS)  # slices of $50
            await desk.engine.handle(ConfigureDesk(structs.replace(DESK, costs=costs)))
            desk.true.fall(OTHER, 50)  # No quote confirms the mark.
            await desk.engine.handle(ClosePosition(WalletId("wallet0"), OTHER, "leave"))
            await desk.clock.sleep(20)
            desk.true.fall(OTHER, 0)
            await desk.clock.sleep(5)
            return desk.units()

    async def after() -> list[str]:
        async with running(journal, tmp_path) as desk:
            assert desk.engine.state.wallets[WalletId("wallet0")].closing == {OTHER: "leave"}
            await desk.clock.sleep(120)
            assert not desk.units()
            assert not desk.engine.state.wallets[WalletId("wallet0")].closing
            await desk.buy(3)
            await desk.clock.sleep(60)
            assert desk.units()  # The close ended with the position, so the new position stays.
            return desk.exits()

    assert run_virtual(before())
    told = run_virtual(after())
    assert told[0] == f"close:wallet0:{OTHER}:0"
    assert told[1] != "Filled"
    assert told.count("Filled") >= 4


def test_an_impossible_exit_is_logged_once(tmp_path: Path) -> None:
    async def empty(desk: Desk) -> None:
        accounts = desk.engine.state.wallets[desk.engine.index.books[0].wallet.id].accounts
        desk.engine.state.ledger.transfer(
            desk.engine.state.ledger.balance(accounts.sol_float, SOL), SOL, accounts.sol_float, "@fees"
        )
        desk.fall(12)
        with structlog.testing.capture_logs() as lines:
            await desk.clock.sleep(10)
        assert [line["cause"] for line in lines if line["event"] == "exit is due and not possible"] == ["stop"]
        (alarm,) = [line for line in lines if line["event"] == "cannot pay for an exit"]
        address = desk.engine.index.books[0].wallet.public_key
        assert alarm | {"log_level": "error", "wallet": "wallet0", "sol": 0.0, "needed": 0.0001} == alarm
        assert alarm["fix"] == f"send SOL to {address}"

    assert not played(tmp_path, empty)


def test_a_missing_emergency_wallet_is_logged_once_per_reason(tmp_path: Path) -> None:
    async def sweep(desk: Desk) -> None:
        with structlog.testing.capture_logs() as lines:
            await desk.engine.handle(EmergencyStop("because", liquidate=True, sweep=True))
            await desk.clock.sleep(10)
            safe = structs.replace(bench_wallets(2)[1], type=WalletType.EMERGENCY)
            await desk.engine.handle(AddHold(Scope(), f"deficit:{safe.id}", "a stolen key"))
            await desk.engine.handle(ConfigureWallet(safe))
            await desk.clock.sleep(10)
        alarms = [line for line in lines if line["event"] == "no Emergency wallet to sweep the proceeds into"]
        assert [line["why"] for line in alarms] == [
            "no wallet of the type Emergency is configured",
            "wallet1 is held by deficit:wallet1",
        ]

    assert played(tmp_path, sweep)


def test_ids_of_our_own_cannot_come_from_outside(tmp_path: Path) -> None:
    async def claim(desk: Desk) -> None:
        signal = buy(1, OTHER, desk.clock.now_ns()).signal
        with pytest.raises(CommandRefused, match="ids with ':' are reserved"):
            await desk.engine.submit(structs.replace(signal, id=SignalId(f"stop:wallet0:{OTHER}:0")))

    assert not played(tmp_path, claim)


@pytest.mark.parametrize("heartbeat_s", [0, 10])
@pytest.mark.parametrize("drops", [False, True], ids=["keeps its last price", "drops it"])
def test_a_price_is_stale_at_the_same_second_whether_or_not_each_mark_is_journaled(
    tmp_path: Path, heartbeat_s: int, drops: bool
) -> None:
    """The source falls silent after 7 s of an unchanged price, which are journaled only later, by the heartbeat."""

    async def play() -> list[bool]:
        async with running(MemoryJournal(), tmp_path) as desk:
            await desk.engine.handle(ConfigureDesk(structs.replace(DESK, mark_heartbeat_ns=heartbeat_s * NS)))
            await desk.clock.sleep(7)
            desk.seen.frozen[OTHER] = desk.clock.now_ns()
            await desk.clock.sleep(1)
            if drops:
                del desk.seen.prices[OTHER]
            fresh = []
            for _ in range(35):
                await desk.clock.sleep(1)
                fresh.append(fresh_price_pico(desk.engine.state, OTHER, desk.clock.now_ns()) is not None)
            return fresh

    fresh = run_virtual(play())
    assert fresh == [True] * fresh.count(True) + [False] * fresh.count(False)
    assert fresh.count(True) == 29


def test_a_price_of_the_future_does_not_outlive_its_correction(tmp_path: Path) -> None:
    async def play() -> int:
        async with running(MemoryJournal(), tmp_path) as desk:
            desk.seen.frozen[OTHER] = desk.clock.now_ns() + 3_600 * NS
            desk.seen.fall(OTHER, 50)
            await desk.clock.sleep(2)
            desk.seen.frozen.clear()
            desk.seen.fall(OTHER, 1)
            await desk.clock.sleep(2)
            return desk.engine.state.price_pico(OTHER)

    assert run_virtual(play()) == PRICE_PICO * 99 // 100

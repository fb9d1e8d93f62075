"""The work that `bench.budget` counts. Callgrind runs it as a script, on the tree that PYTHONPATH names.

Each `mark()` ends one piece of work and begins the next. What lies between two marks repeats to a few instructions:
the hash seed is fixed, the journal is in memory, the clock is virtual.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from msgspec.structs import replace

from bench.desks import PRICE_PICO, START_NS, PureDesk, bench_wallets, buy, marks
from bench.measure import quiet_collector
from bench.selection import _ranked, _settled
from bench.trading import Trading, trading
from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.model.commands import ConfigureDesk, ConfigureWallet, SubmitSignal
from overmind.core.model.desk_settings import BOOKING_RULES, Desk, Routing
from overmind.core.model.enums import LearnerMode
from overmind.core.model.route import Expected, RouteName
from overmind.core.model.units import NS
from overmind.desk.log.decisions import DecisionLog
from overmind.desk.watches.timers import StopFile, Watch
from overmind.journal.memory import MemoryJournal

WALLETS = 50
WARMING = 300  # trades before the first that counts: every wallet and every token has been used
PAIRS = 20  # one ranked decision, and its settlement
BATCHES = 5  # of prices
TRADES_WARMING, TRADES, TRADES_PER_S = 60, 60, 10  # on paper, beside seconds of background work
HEARTBEAT_NS = 10 * NS
ROUTES = {
    RouteName.PUBLIC: Expected(),
    RouteName.RELAY: Expected(990_000, 1, tip_lamports=10_000, tip_max_lamports=50_000),
}
LOOK_S = 1.0  # between two looks at prices, exits and moves, as a live desk has it


def mark() -> None:
    """Ends one piece of work: Callgrind writes its count when the process enters this function of the C library."""
    os.getppid()


def main() -> None:
    desk, learning = PureDesk(WALLETS), _learning()
    desk.run(ConfigureDesk(_beating(desk.desk)), START_NS)
    for one in (desk, learning):
        _warm(one)
    with quiet_collector():
        _decide_and_settle(desk)
        _mark_prices(desk)
        _decide_and_settle(learning)
    run_virtual(_trade())


def _learning() -> PureDesk:
    """A desk whose learner decides, with wallets that have two routes each."""
    desk = PureDesk(WALLETS)
    costs = replace(desk.desk.costs, miss_bps=50.0, in_flight_bps=0.5, fee_max_lamports=150_000)
    routing = Routing(LearnerMode.ON, routes=ROUTES)
    configured = replace(_beating(desk.desk), booking_rules=BOOKING_RULES, costs=costs, routing=routing)
    desk.run(ConfigureDesk(configured), START_NS)
    for wallet in bench_wallets(WALLETS):
        desk.run(ConfigureWallet(replace(wallet, routes=tuple(ROUTES))), START_NS)
    return desk


def _beating(desk: Desk) -> Desk:
    """Journals prices as a desk with the usual configuration does."""
    return replace(desk, mark_heartbeat_ns=HEARTBEAT_NS)


def _warm(desk: PureDesk) -> None:
    for number in range(WARMING):
        _settled(desk, _ranked(desk, *_signal(desk, number)))


def _signal(desk: PureDesk, number: int) -> tuple[SubmitSignal, int]:
    at_ns = START_NS + number * 1_000_000
    return buy(number, desk.mints[number % len(desk.mints)], at_ns), at_ns


def _decide_and_settle(desk: PureDesk) -> None:
    """Settles every order before the next decision, which therefore finds one changed wallet."""
    for number in range(WARMING, WARMING + PAIRS):
        command, at_ns = _signal(desk, number)
        mark()
        order = _ranked(desk, command, at_ns)
        mark()
        _settled(desk, order)
    mark()


def _mark_prices(desk: PureDesk) -> None:
    """Marks all tokens: the desk revalues every position, checks every limit and refreshes the index."""
    began_ns = desk.state.at_ns
    for number in range(1, BATCHES + 1):
        at_ns = began_ns + number * NS
        desk.run(marks(desk.desk, at_ns, PRICE_PICO + number), at_ns)
        desk.index.refresh()
    mark()


async def _trade() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with trading(MemoryJournal(), clock=VirtualClock(START_NS)) as desk, asyncio.TaskGroup() as tasks:
            await desk.engine.handle(ConfigureDesk(_beating(desk.engine.state.settings)))
            watch = Watch(desk.engine, desk.prices, desk.clock, StopFile(Path(folder)), LOOK_S)
            services = [tasks.create_task(one) for one in (watch.run(), DecisionLog(desk.engine).run())]
            await _one_by_one(desk, TRADES_WARMING)
            with quiet_collector():
                mark()
                await _one_by_one(desk, TRADES)
                mark()
            for service in services:
                service.cancel()


async def _one_by_one(desk: Trading, count: int) -> None:
    for _ in range(count):
        await desk.trade()
        await desk.clock.sleep(1 / TRADES_PER_S)


if __name__ == "__main__":
    main()

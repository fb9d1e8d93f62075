"""The emergency drill: a scratch desk on an embedded chain buys, is stopped, sells everything, and is let go on.

Keys, chain and maker are made for it, so no desk of the machine is touched. What it runs is the code of a live desk.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from overmind.clock.clocks import JumpClock, uptime_ns
from overmind.core.books.state import State
from overmind.core.model.commands import EmergencyStop, ReactivateWallet
from overmind.core.model.enums import StrategyType, TradeAction, WalletStatus
from overmind.core.model.ids import Mint, SignalId
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, NS, PPM
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.desk.market import connected, open_tape
from overmind.desk.running import running
from overmind.journal.memory import MemoryJournal
from overmind.sandbox.demo import demo_config, demo_env
from overmind.sandbox.rehearsal import FINAL_S, books_equal_chain, embedded
from overmind.solana.chain import RpcChain
from overmind.views.decisions import DecisionStatus

SEED: Final = 7
BUY_MICROS: Final = 500 * MICROS
STRATEGIES: Final = (StrategyType.TOKEN_SNIPING, StrategyType.ARBITRAGE)
WITHIN_S: Final = 60.0  # from the stop until everything is sold
LOOK_EVERY_S: Final = 0.1
REASON: Final = "emergency drill"


class Drilled(Value, frozen=True):
    bought: int  # positions
    stop_ms: float  # until the stop was durable
    refused: bool  # a buy after it
    left: int  # positions that were not sold in time
    sold_s: float
    books_equal_chain: bool
    reactivated: bool

    @property
    def passed(self) -> bool:
        return self.bought > 0 and self.refused and not self.left and self.books_equal_chain and self.reactivated


async def drill(folder: Path) -> Drilled:
    """`folder` stays empty. Raises what a desk raises."""
    tape = open_tape(demo_config(SEED, folder))
    clock = JumpClock(tape.start_ns + (tape.end_ns - tape.start_ns) // 2)
    async with (
        embedded(demo_env(SEED, folder), tape, clock) as (config, rpc),
        connected(config, clock) as connect,
        running(App(config, MemoryJournal(), clock, connect), FINAL_S) as app,
    ):
        await app.look()
        for number, strategy in enumerate(STRATEGIES):
            await app.submit(_buy(app.engine.state, number, strategy))
        await app.settle(WITHIN_S)
        bought = _positions(app.engine.state)
        began_ns = uptime_ns()
        await app.engine.handle(EmergencyStop(REASON, liquidate=True))
        stopped_ns = uptime_ns()
        refused = (await app.submit(_buy(app.engine.state, len(STRATEGIES), STRATEGIES[0]))).status
        left = await _sold(app)
        sold_ns = uptime_ns()
        final = await app.settle_finally(WITHIN_S)
        async with RpcChain(rpc, clock) as chain:
            equal = final and await books_equal_chain(app.engine.state, chain)
        for wallet_id in config.wallets:
            await app.engine.handle(ReactivateWallet(wallet_id, REASON))
        statuses = {book.status for book in app.engine.state.wallets.values()}
        return Drilled(
            bought=bought,
            stop_ms=(stopped_ns - began_ns) / 1e6,
            refused=refused is DecisionStatus.REFUSED,
            left=left,
            sold_s=(sold_ns - stopped_ns) / NS,
            books_equal_chain=equal,
            reactivated=statuses == {WalletStatus.ACTIVE},
        )


def _buy(state: State, number: int, strategy: StrategyType) -> Signal:
    """Each of another token, as long as there are some."""
    mints = sorted(mint for mint in state.marks if mint in state.settings.tokens)
    return Signal(
        id=SignalId(f"drill-{number}"),
        strategy=strategy,
        action=TradeAction.BUY,
        mint=Mint(mints[number % len(mints)]),
        risk_tolerance_ppm=PPM,
        notional_micros=BUY_MICROS,
    )


async def _sold(app: App) -> int:
    """Waits until everything is sold; the positions that are left when the time is over."""
    try:
        async with asyncio.timeout(WITHIN_S):
            while _positions(app.engine.state):
                await app.look()
                await app.clock.sleep(LOOK_EVERY_S)
    except TimeoutError:
        return _positions(app.engine.state)
    return 0


def _positions(state: State) -> int:
    return sum(len(book.positions) for book in state.wallets.values())

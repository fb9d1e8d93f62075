"""The only place that knows concrete classes: builds a desk and runs it all in one TaskGroup."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from msgspec import structs

from overmind.clock import SteadyClock
from overmind.config import MultiWalletConfig, WalletConfig
from overmind.core.messages import (
    CommandRefused,
    ConfigureDesk,
    ConfigureWallet,
    FoundDesk,
    LiftHold,
    RecordDeposit,
    RemoveWallet,
    Scope,
)
from overmind.core.model import (
    LAMPORTS,
    PPM,
    SOL,
    DepositId,
    Desk,
    Mint,
    Money,
    Signal,
    Token,
    TradingMode,
    WalletId,
    ppm_of,
    units_of,
    value_micros,
)
from overmind.core.state import SOL_DECIMALS, State
from overmind.decisions import Decision, decision_of
from overmind.engine import Engine
from overmind.executor import Executor
from overmind.log import DecisionLog
from overmind.ports import Clock, Journal, Prices
from overmind.prices.tape import LoopedTape, Tape, TapePrices, load_tape, shipped_tape_path
from overmind.venues.paper import PaperModel, PaperVenue
from overmind.watch import StopFile, Watch

MARK_EVERY_S: Final = 1.0
FLOAT_LAMPORTS: Final = LAMPORTS  # a paper wallet's SOL for fees and rent
FLOAT_SHARE_MAX_PPM: Final = 100_000  # and never more than a tenth of a small wallet's capital
STALE_CANDLES: Final = 2
DRAIN_S: Final = 30.0
SETTLE_POLL_S: Final = 0.02
GC_THRESHOLDS: Final = (50_000, 20, 100)
SWITCH_S: Final = 0.0005  # The journal's thread waits this long for the interpreter, not the usual 5 ms.


class App:
    """One running desk on paper: engine, executor and watch over one journal."""

    def __init__(
        self,
        config: MultiWalletConfig,
        journal: Journal,
        clock: Clock,
        tape: Tape,
        *,
        seed: int = 0,
        historical: bool = False,
        model: PaperModel | None = None,
    ) -> None:
        """`historical`: the clock runs on tape time, and prices are as old as their candles."""
        if not __debug__:
            raise CommandRefused("asserts guard the books: run without -O and without PYTHONOPTIMIZE")
        if config.mode is not TradingMode.PAPER:
            raise CommandRefused("this version executes on paper only: set SNIPER_TRADING_MODE=paper")
        self.config = config
        self.clock = clock = SteadyClock(clock)
        self.engine = Engine(journal, clock)
        clock.never_before(self.engine.state.at_ns)
        self.stop_file = StopFile(config.data_dir)
        self._journal = journal
        self._desk = config.desk
        self._prices: Prices = LoopedTape(tape, clock)
        every_s = MARK_EVERY_S
        if historical:
            self._prices = TapePrices(tape, clock)
            self._desk = structs.replace(config.desk, mark_age_max_ns=STALE_CANDLES * tape.step_ns)
            every_s = tape.step_ns / 1e9
        venue = PaperVenue(
            prices=self._prices,
            clock=clock,
            seed=seed,
            model=model or PaperModel(),
            quote=config.desk.quote,
            tokens=config.desk.tokens,
            costs=config.desk.costs,
            has_account=self._has_account,
        )
        self.executor = Executor(self.engine, venue, clock, config.max_concurrent_wallets, self.stop_file.exists)
        self.decision_log = DecisionLog(self.engine)
        self.watch = Watch(self.engine, self._prices, clock, self.stop_file, every_s)

    @property
    def desk(self) -> Desk:
        return self._desk

    async def submit(self, signal: Signal, received_at_ns: int | None = None) -> Decision:
        """Decide on a signal; durable on return. Raises CommandRefused, EngineBusy, EngineStopped."""
        if self.stop_file.exists():
            await self.watch.heed_stop_file()
        answered = await self.engine.submit(signal, received_at_ns)
        return decision_of(answered.events, answered.duplicate)

    async def open(self) -> None:
        """Bring the journal up to the configuration: identity, settings, wallets, first prices, paper capital."""
        handle, config = self.engine.handle, self.config
        await handle(FoundDesk(config.mode, config.cluster.value, genesis_hash=""))
        await self.configure(self._desk)
        if self._journal.degraded is None:
            await handle(LiftHold(Scope(), "disk_full", "the journal has room again"))
        for wallet in config.wallets.values():
            await handle(ConfigureWallet(wallet.wallet))
        for wallet_id in list(self.engine.state.wallets):
            if wallet_id not in config.wallets:
                await handle(RemoveWallet(wallet_id))
        await self.watch.look()
        await self._fund()

    async def configure(self, desk: Desk) -> None:
        """Change the portfolio-wide settings; durable on return."""
        await self.engine.handle(ConfigureDesk(desk))
        self._desk = desk

    async def add_wallet(self, wallet: WalletConfig) -> None:
        """One more wallet while the desk runs, with its share of the paper capital; durable on return."""
        await self.engine.handle(ConfigureWallet(wallet.wallet))
        self.config = structs.replace(self.config, wallets={**self.config.wallets, wallet.wallet.id: wallet})
        await self._fund()

    async def settle(self, deadline_s: float = DRAIN_S) -> bool:
        """Wait until no order is open; False if some still are when the time is up."""
        try:
            async with asyncio.timeout(deadline_s):
                while self.engine.state.open_orders:
                    await self.clock.sleep(SETTLE_POLL_S)
                await self.engine.read(lambda state: state.seq)
        except TimeoutError:
            return False
        return True

    async def _fund(self) -> None:
        for deposit in paper_deposits(self.engine.state, self.config):
            await self.engine.handle(deposit)

    def _has_account(self, wallet_id: WalletId, mint: Mint) -> bool:
        return mint in self.engine.state.wallets[wallet_id].token_accounts


def tune_interpreter() -> None:
    """For a process that is a desk: nearly nothing of ours is cyclic garbage, and searching for it stalls decisions."""
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(*GC_THRESHOLDS)


@asynccontextmanager
async def running(app: App, drain_s: float = DRAIN_S) -> AsyncIterator[App]:
    """Run the desk; on leaving, settle what is under way within the deadline, then stop.

    What is still open then is not lost: its ticket is in the journal, and the next start follows it.
    """
    tune_interpreter()
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(app.engine.run())
        services: list[asyncio.Task[None]] = []
        try:
            await app.open()
            running = (app.executor.run(), app.watch.run(), app.decision_log.run())
            services = [tasks.create_task(service) for service in running]
            yield app
            await app.settle(drain_s)
        finally:
            for service in services:
                service.cancel()
            await asyncio.gather(*services, return_exceptions=True)
            if not writing.done():
                await app.engine.close()
            writing.cancel()


def paper_deposits(state: State, config: MultiWalletConfig) -> list[RecordDeposit]:
    """The paper capital, split by allocation (evenly where nothing is allocated), each wallet's once for ever.

    A wallet gets its share as SOL for fees and the rest as quote currency. What was given out already is gone: other
    shares at a later start make no new money.
    """
    mark, wallets = state.marks.get(SOL), config.wallets
    if mark is None:
        raise CommandRefused("paper capital needs a price of SOL: check OVERMIND_PRICE_TAPE")
    allocated = sum(wallet.wallet.allocation_ppm for wallet in wallets.values())
    deposits: list[RecordDeposit] = []
    left = max(0, config.paper_capital_micros - state.deposited_micros)
    for wallet_id, wallet in wallets.items():
        if f"paper:{wallet_id}:cash" in state.deposits:
            continue
        share_ppm = wallet.wallet.allocation_ppm if allocated else PPM // len(wallets)
        capital = min(left, ppm_of(config.paper_capital_micros, share_ppm))
        left -= capital
        lamports = min(FLOAT_LAMPORTS, units_of(ppm_of(capital, FLOAT_SHARE_MAX_PPM), mark.price_pico, SOL_DECIMALS))
        cash = capital - value_micros(lamports, mark.price_pico, SOL_DECIMALS)
        sides = (("float", Money(lamports, SOL)), ("cash", Money(cash, config.desk.quote.mint)))
        for name, money in sides:
            deposit_id = DepositId(f"paper:{wallet_id}:{name}")
            if money.units and deposit_id not in state.deposits:
                deposits.append(RecordDeposit(deposit_id, wallet_id, money, to_float=name == "float"))
    return deposits


def tokens_by_symbol(desk: Desk) -> Mapping[str, Token]:
    return {token.symbol: token for token in desk.tokens.values()}


def open_tape(config: MultiWalletConfig) -> Tape:
    """The configured price tape, or the shipped one. Raises TapeError."""
    return load_tape(config.price_tape or shipped_tape_path(), tokens_by_symbol(config.desk))

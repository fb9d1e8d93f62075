"""Asks what a sale would bring, while a price is doubted and somebody holds the token: a witness for sales alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.costs import rent_lamports
from overmind.core.exits.exit_rules import sellable_units
from overmind.core.model.enums import Side, StrategyType
from overmind.core.model.ids import Mint, OrderId, SignalId
from overmind.core.model.money import Money
from overmind.core.model.order import Order
from overmind.core.model.units import MICROS, units_of, value_micros_up
from overmind.desk.engine import Engine
from overmind.ports import Clock, Tick
from overmind.venues.proceeds import SaleProceeds, Unproven

POLL_S: Final = 1.0
TRIED_MICROS: Final = 1_000 * MICROS  # so much is sold in a simulation, at the last price that was believed

log = structlog.get_logger("prices")


class ProceedsWitness:
    """`ports.SecondSource` for tokens that are doubted, as long as `run()` runs."""

    def __init__(self, engine: Engine, proceeds: SaleProceeds, clock: Clock, name: str) -> None:
        self.name = name
        self._engine = engine
        self._proceeds = proceeds
        self._clock = clock
        self._ticks: dict[Mint, Tick] = {}
        self._unproven: dict[Mint, str] = {}  # already logged

    def ticks(self) -> Mapping[Mint, Tick]:
        return self._ticks

    async def run(self) -> None:
        """Runs until cancelled. It asks nothing while every price is believed."""
        while True:
            await self.poll()
            await self._clock.sleep(POLL_S)

    async def poll(self) -> None:
        state = self._engine.state
        found = {mint: await self._tick(state, mint) for mint in list(state.doubted)}
        self._ticks = {mint: tick for mint, tick in found.items() if tick is not None}

    async def _tick(self, state: State, mint: Mint) -> Tick | None:
        order = sale_to_try(state, mint)
        if order is None:
            return None
        try:
            price_pico = await self._proceeds.price_pico(order)
        except Unproven as unproven:
            if mint not in self._unproven:
                log.warning("a sale cannot be simulated", mint=mint, source=self.name, why=str(unproven))
            self._unproven[mint] = str(unproven)
            return None
        self._unproven.pop(mint, None)
        return Tick(mint, price_pico, self._clock.now_ns(), 0, 0)


def sale_to_try(state: State, mint: Mint) -> Order | None:
    """A sale by the wallet that holds most, small enough not to move the market; None: nobody holds the token."""
    holders = [book for book in state.wallets.values() if sellable_units(state, book, mint)]
    if not holders:
        return None
    book = max(holders, key=lambda one: sellable_units(state, one, mint))
    return _order(state, book, mint)


def _order(state: State, book: WalletBook, mint: Mint) -> Order:
    desk, token, price_pico = state.settings, book.positions[mint].token, state.price_pico(mint)
    most = sellable_units(state, book, mint)
    units = min(most, max(1, units_of(TRIED_MICROS, price_pico, token.decimals))) if price_pico else most
    return Order(
        id=OrderId(f"proceeds:{book.wallet.id}:{mint}"),
        signal_id=SignalId(f"proceeds:{book.wallet.id}:{mint}"),
        wallet_id=book.wallet.id,
        strategy=StrategyType.ARBITRAGE,
        side=Side.SELL,
        spend=Money(units, mint),
        receive=desk.quote.mint,
        received_min=1,
        notional_micros=value_micros_up(units, price_pico, token.decimals),
        loss_max_micros=0,
        fee_max_lamports=desk.costs.fee_max_lamports,
        rent_max_lamports=rent_lamports(desk, book, desk.quote.mint),
        slippage_max_bps=desk.exit_slippage_bps[-1],
        mark_pico=price_pico,
        expires_at_ns=state.at_ns + desk.signal_ttl_ns,
        part=0,
        attempt=0,
    )

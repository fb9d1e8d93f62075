"""Every venue and every fake with its environment, for `test_venue.py`. A new one adds itself to FACTORIES."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import msgspec
from tests.support.stepping_clock import SteppingClock

from overmind.core.model.desk_settings import CostModel
from overmind.core.model.enums import MoveKind, Side, StrategyType
from overmind.core.model.ids import SOL, Mint, OrderId, SignalId, WalletId
from overmind.core.model.money import Money, Token
from overmind.core.model.order import Move, Order
from overmind.core.model.units import MICROS, NS, PICO
from overmind.ports import Tick, Venue
from overmind.venues.depth.classes import Level
from overmind.venues.depth.market import DeepMarket
from overmind.venues.depth.reading import shipped_costs
from overmind.venues.paper import PaperModel, PaperVenue

USDC = Token("USDC", Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6, "token")
BONK = Token("Bonk", Mint("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB263pRPu1Sn"), 5, "token")
SOL_TOKEN = Token("SOL", SOL, 9, "token")


class World(Protocol):
    """A running venue with its environment. Time may be virtual or that of a real chain."""

    venue: Venue
    orders: int  # number of orders in tests of many; fewer where each costs real time
    life_s: float  # a ticket that has not landed by then never will; its proof may take a little longer

    def order(self, number: int, side: Side, **changes: object) -> Order:
        """Of a token that has a price, of a size that the market takes easily, for a wallet that can pay all of them.

        Made now: two with the same number may differ in nothing but the time until which they may be sent.
        """

    def unpriced(self) -> Order:
        """An order of a token without a price."""

    def move(self, number: int, money: Money, **changes: object) -> Move:
        """A transfer of that money to one of our wallets, which has no token account before the first one."""

    def closing(self, number: int) -> Move:
        """A reclaim of an empty token account of the wallet."""

    async def restart(self) -> Venue:
        """A venue in another process: it knows only the configuration and its keys."""

    async def wait(self, seconds: float) -> None:
        """Lets that much time pass."""


def order_of(number: int, side: Side, now_ns: int, **changes: object) -> Order:
    """An order of every world: one SOL for $150, or the reverse."""
    usdc, sol = Money(150 * MICROS, USDC.mint), Money(NS, SOL)
    order = Order(
        id=OrderId(f"s{number}.0.0"),
        signal_id=SignalId(f"s{number}"),
        wallet_id=WalletId("w1"),
        strategy=StrategyType.ARBITRAGE,
        side=side,
        spend=usdc if side is Side.BUY else sol,
        receive=SOL if side is Side.BUY else USDC.mint,
        received_min=990_000_000 if side is Side.BUY else 148_500_000,
        notional_micros=150 * MICROS,
        loss_max_micros=0,
        fee_max_lamports=100_000,
        rent_max_lamports=2_039_280,
        slippage_max_bps=100,
        mark_pico=150 * PICO,
        expires_at_ns=now_ns + 30 * NS,
        part=0,
        attempt=0,
    )
    return msgspec.structs.replace(order, **changes)


def move_of(number: int, money: Money, receiver: str, now_ns: int, **changes: object) -> Move:
    """A move of every world."""
    move = Move(
        id=OrderId(f"move:rebalance:{number}"),
        kind=MoveKind.REBALANCE,
        wallet_id=WalletId("w1"),
        money=money,
        to_address=receiver,
        to_wallet=WalletId("w2"),
        notional_micros=MICROS,
        fee_max_lamports=100_000,
        rent_max_lamports=2_039_280,
        placed_ns=now_ns,
        not_before_ns=now_ns,
        expires_at_ns=now_ns + 30 * NS,
        reason="below its target",
    )
    return msgspec.structs.replace(move, **changes)


def closing_of(number: int, owner: str, now_ns: int) -> Move:
    """A reclaim of the account of a token that the wallet does not hold."""
    into_itself = {"kind": MoveKind.RECLAIM, "to_wallet": WalletId("w1"), "rent_max_lamports": 0}
    return move_of(number, Money(0, BONK.mint), owner, now_ns, **into_itself)


class PaperWorld:
    orders = 60
    life_s = 60.0

    def __init__(self, model: PaperModel, level: Level | None = None) -> None:
        """`level`: of a market with depth and memory; None: a plain one."""
        self.clock = SteppingClock(1_750_000_000 * NS)
        self.model = model
        self.level = level
        self.venue: Venue = self._venue()

    def ticks(self) -> Mapping[Mint, Tick]:
        return {SOL: Tick(SOL, 150 * PICO, self.clock.now_ns(), 3_000_000 * MICROS, 40)}

    def _venue(self) -> Venue:
        tokens = {SOL: SOL_TOKEN, BONK.mint: BONK}
        return PaperVenue(
            self,
            self.clock,
            7,
            self.model,
            USDC,
            tokens,
            CostModel(),
            lambda wallet, mint: False,
            market=None if self.level is None else self._deep(self.level),
        )

    def _deep(self, level: Level) -> DeepMarket:
        of = shipped_costs(level).class_of("SOL").token_class()
        return DeepMarket(lambda mint: of, self, self.clock, CostModel())

    def traded_micros(self, mint: Mint, at_ns: int, window_ns: int) -> int:
        return 36_000_000 * MICROS

    def volatility_ppm(self, mint: Mint, at_ns: int, window_ns: int) -> int:
        return 12_000

    def order(self, number: int, side: Side, **changes: object) -> Order:
        return order_of(number, side, self.clock.now_ns(), **changes)

    def unpriced(self) -> Order:
        return self.order(0, Side.BUY, receive=BONK.mint)

    def move(self, number: int, money: Money, **changes: object) -> Move:
        return move_of(number, money, "another wallet", self.clock.now_ns(), **changes)

    def closing(self, number: int) -> Move:
        return closing_of(number, "the wallet itself", self.clock.now_ns())

    async def restart(self) -> Venue:
        return self._venue()

    async def wait(self, seconds: float) -> None:
        self.clock.advance_to(self.clock.now_ns() + round(seconds * NS))


@asynccontextmanager
async def paper(model: PaperModel, level: Level | None = None) -> AsyncIterator[World]:
    yield PaperWorld(model, level)


FACTORIES: dict[str, Callable[[], AbstractAsyncContextManager[World]]] = {
    "paper": lambda: paper(PaperModel()),
    "paper by classes": lambda: paper(PaperModel(), Level.NORMAL),
    "rough paper": lambda: paper(PaperModel(failure_ppm=300_000, expiry_ppm=200_000, route_down_ppm=100_000)),
}

"""Orders as the engine places them, for tests of swap servers."""

from __future__ import annotations

from overmind.core.model.enums import Side, StrategyType
from overmind.core.model.ids import Mint, OrderId, SignalId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.order import Order
from overmind.core.model.units import MICROS, PICO


def order(spend: Mint, receive: Mint, units: int, side: Side = Side.BUY) -> Order:
    return Order(
        id=OrderId("s1.0.1"),
        signal_id=SignalId("s1"),
        wallet_id=WalletId("w1"),
        strategy=StrategyType.ARBITRAGE,
        side=side,
        spend=Money(units, spend),
        receive=receive,
        received_min=1,
        notional_micros=1_000 * MICROS,
        loss_max_micros=100 * MICROS,
        fee_max_lamports=100_000,
        rent_max_lamports=2_100_000,
        slippage_max_bps=100,
        mark_pico=150 * PICO,
        expires_at_ns=2**62,
        part=0,
        attempt=1,
    )

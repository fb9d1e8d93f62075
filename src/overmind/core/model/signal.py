"""A signal, checked for shape at the door."""

from __future__ import annotations

from decimal import Decimal

from overmind.core.model.enums import SizingMethod, StrategyType, TradeAction, WalletType
from overmind.core.model.ids import Mint, SignalId, WalletId
from overmind.core.model.units import DAY_NS, PPM
from overmind.core.model.value import Value
from overmind.core.model.wallet import Exits


class RiskBudget(Value, frozen=True):
    """How much a buy may lose over a distance of the price, instead of how much it is to spend. One of the two."""

    method: SizingMethod = SizingMethod.STOP
    micros: int | None = None
    equity_ppm: int | None = None  # of the portfolio's equity when it is decided
    multiple_ppm: int = 2 * PPM  # of the volatility: how many times it is the distance
    horizon_ns: int = DAY_NS  # over which the volatility counts


class Signal(Value, frozen=True):
    """A wish to trade, checked for shape at the door (`overmind.signals.decode`)."""

    id: SignalId
    strategy: StrategyType
    action: TradeAction
    mint: Mint
    risk_tolerance_ppm: int
    notional_micros: int | None = None
    quantity: Decimal | None = None  # whole tokens, exactly as typed; base units need the token's decimals
    target_price_pico: int | None = None
    confidence_ppm: int = PPM
    preferred_type: WalletType | None = None
    exclude: tuple[WalletId, ...] = ()
    slippage_max_bps: int | None = None  # None: the desk's ceiling for the strategy
    ttl_ns: int | None = None
    at_ns: int | None = None  # the sender's timestamp; None: the time at our door
    mev_protected: bool = False
    exits: Exits | None = None
    risk: RiskBudget | None = None  # of a buy without an amount

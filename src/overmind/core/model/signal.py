"""A decoded signal."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from overmind.core.model.enums import SaleScope, SizingMethod, Split, StrategyType, TradeAction, WalletType
from overmind.core.model.ids import Mint, SignalId, WalletId
from overmind.core.model.units import DAY_NS, PPM
from overmind.core.model.value import Value
from overmind.core.model.wallet import Exits


class RiskBudget(Value, frozen=True):
    """How much a buy may lose over a price distance, instead of the amount to spend. One of the two amounts is set."""

    method: SizingMethod = SizingMethod.STOP
    micros: int | None = None
    equity_ppm: int | None = None  # of the portfolio's equity at the decision
    multiple_ppm: int = 2 * PPM  # of the volatility: the multiple that is the distance
    horizon_ns: int = DAY_NS  # the period of the volatility


class Sender(Value, frozen=True, omit_defaults=True):
    """What a source says of its own position. A sale takes the same share of its lots here, never the same amount."""

    trade: str = ""  # how the source names the position; blank: it has one for each token
    amount: Decimal | None = None  # of the source's own order
    before: Decimal | None = None  # its position before that order, if it says so
    closes: bool = False  # its order ends the position
    # its order opens or covers a short position, which the desk does not trade; what it closes before that is sold
    short: bool = False


class Signal(Value, frozen=True, omit_defaults=True):
    """A request to trade, decoded and checked by `overmind.signals.decode`.

    A field is not journaled while it has its default, so a default never changes.
    """

    id: SignalId
    strategy: StrategyType
    action: TradeAction
    mint: Mint
    risk_tolerance_ppm: int
    notional_micros: int | None = None
    quantity: Decimal | None = None  # whole tokens, exactly as typed; base units depend on the token's decimals
    target_price_pico: int | None = None
    confidence_ppm: int = PPM
    preferred_type: WalletType | None = None
    exclude: tuple[WalletId, ...] = ()
    slippage_max_bps: int | None = None  # None: the desk's ceiling for the strategy
    ttl_ns: int | None = None
    at_ns: int | None = None  # the sender's timestamp; None: the time of arrival
    mev_protected: bool = False
    exits: Exits | None = None
    risk: RiskBudget | None = None  # for a buy without an amount
    scope: SaleScope = SaleScope.STRATEGY  # of a sale: whose lots it may take
    sell_all: bool = False  # a sale of everything within its scope, instead of an amount
    source: str = ""  # who sent it: a source by webhook, `token:NAME` or `user:NAME`; blank: the desk's own token
    sender: Sender | None = None  # of a webhook
    split: Split | None = None  # of a buy; None: the desk's setting
    parts_max: int | None = None  # wallets that may serve it; None: the desk's setting


def same_content(first: Signal, second: Signal) -> bool:
    """Whether two signals with one id ask for the same. The time may differ: a sender may stamp each attempt anew. So
    may the token, which may be a new one. A source's id is made of the body, so it cannot ask for anything else.
    """
    if second.sender is not None and first.source == second.source:
        return True
    return replace(first, at_ns=None, source="") == replace(second, at_ns=None, source="")

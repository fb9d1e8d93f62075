"""The shape of a signal as its sender writes it. `signals.decode` reads it, and knows which fields exclude others."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from overmind.core.model.enums import SaleScope, SizingMethod, Split, StrategyType, TradeAction, WalletType
from overmind.core.model.ids import Mint
from overmind.core.model.units import BPS
from overmind.core.model.value import Value
from overmind.http.reference.schemas import ID_PATTERN
from overmind.signals.decode import HOLD_MAX_MS, HORIZON_MAX_MS, PARTS_MAX, TTL_MAX_MS

NUMBER: Final = r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"

SenderId = Annotated[str, Meta(pattern=ID_PATTERN)]
Digits = Annotated[str, Meta(pattern=rf"^\+?{NUMBER}$")]  # keeps every digit
Amount = Annotated[float, Meta(gt=0)] | Digits
Quantity = Annotated[float, Meta(gt=0)] | Annotated[str, Meta(pattern=rf"^(\+?{NUMBER}|[aA][lL][lL])$")]
Share = Annotated[float, Meta(ge=0, le=1)] | Digits
Horizon = Annotated[int, Meta(ge=1, le=HORIZON_MAX_MS)] | Digits
Slippage = Annotated[int, Meta(ge=1, le=BPS)] | Digits
TimeToLive = Annotated[int, Meta(ge=1, le=TTL_MAX_MS)] | Digits
Parts = Annotated[int, Meta(ge=2, le=PARTS_MAX)] | Digits
HeldFor = Annotated[int, Meta(ge=1, le=HOLD_MAX_MS)] | Digits


class SignalBody(Value, frozen=True, forbid_unknown_fields=True):
    """A request to trade. A Buy or Sell names exactly one amount. A null is as if the field were left out."""

    signal_id: SenderId  # the idempotency key: a known id gets its first answer again
    strategy_type: StrategyType
    action: TradeAction  # a Hold is recorded and executes nothing
    symbol: str | None = None  # of a listed token; this or `mint`
    mint: Mint | None = None
    notional_usd: Amount | None = None  # the amount in USD
    quantity: Quantity | None = None  # the amount in whole tokens, or "all" of a sale
    risk_budget_usd: Amount | None = None  # of a buy, instead of an amount: what the position may lose
    risk_budget_percent: Amount | None = None  # the same, in percent of the portfolio's equity
    sizing: SizingMethod | None = None  # the distance of the price that a risk budget is divided by
    volatility_multiple: Amount | None = None  # how many times the volatility that distance is; 2 unless given
    volatility_horizon_ms: Horizon | None = None  # the time over which the volatility counts; a day unless given
    target_price: Amount | None = None  # the limit price, USD per whole token; not for MarketBuy and MarketSell
    confidence: Share | None = None  # recorded, decides nothing
    risk_tolerance: Share | None = None  # wallets with a higher risk level are refused; the default is the strategy's
    preferred_wallet_type: WalletType | None = None  # a preference in the ranking, not a filter
    exclude_wallets: list[SenderId] | None = None  # wallets that may not take it
    max_slippage_bps: Slippage | None = None  # the most slippage that the order may allow
    ttl_ms: TimeToLive | None = None  # the time to live: after it nothing is sent for this signal
    timestamp: float | str | None = None  # when the sender made it: ISO 8601 or unix seconds
    mev_protected: bool | None = None  # true: an entry is never sent by a public route
    stop_loss_percent: Amount | None = None  # of a buy: sold when the price falls so far below the average cost
    trailing_stop_percent: Amount | None = None  # of a buy: so far below the highest price since the purchase
    take_profit_percent: Amount | None = None  # of a buy: so far above the average cost
    max_hold_ms: HeldFor | None = None  # of a buy: sold when the position is that old
    scope: SaleScope | None = None  # of a sale: the lots of its strategy, which is the default, of its token, or of all
    split: Split | None = None  # of a buy: whether several wallets may serve it; the desk's setting unless given
    split_parts_max: Parts | None = None  # how many may; the desk's setting unless given
    meta: dict[str, object] | None = None  # the sender's own notes; nothing reads it

"""The strategies of the bots: pure functions of prices and holdings.

They read no clock and ask nobody, so a bot on a service, a bot inside the desk and a run over history share them.
They are examples of how to write a bot, and no advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Trade:
    """What a strategy wants now. `usd` None: all that it holds of the token."""

    action: str  # Buy or Sell
    symbol: str
    usd: Decimal | None

    @property
    def amount(self) -> dict[str, str]:
        """The field of a signal that says how much."""
        return {"quantity": "all"} if self.usd is None else {"notional_usd": str(self.usd)}


def momentum(symbol: str, price: Decimal, before: Decimal, held: bool, usd: Decimal, enter: Decimal) -> Trade | None:
    """Holds a token while its price rises: time-series momentum, without going short.

    The return over the lookback is `price / before - 1`. At `enter` or more it buys for `usd`; `enter` has to be above
    the costs of buying and selling. At zero or less it sells all. Between the two it does nothing, so that a price that
    goes sideways does not cost a fee with every bar.

    Source: "Time Series Momentum", Journal of Financial Economics 104 (2012), pages 228 to 250: the sign of the past
    return, position by position. The two thresholds are ours.
    """
    gain = price / before - 1
    if not held and gain >= enter:
        return Trade("Buy", symbol, usd)
    if held and gain <= 0:
        return Trade("Sell", symbol, None)
    return None


def rebalancing(
    weights: Mapping[str, Decimal], values: Mapping[str, Decimal], equity: Decimal, band: Decimal
) -> list[Trade]:
    """Brings each token back to its weight of the equity, once it is off by more than the band. Sales come first.

    The target is `weight * equity`. A token trades when `|value - target| > band * target`, and then all the way to
    its target. A weight of zero sells everything. Amounts are rounded down to cents, so that no sale is too large.

    Source: "Opportunistic Rebalancing", Journal of Financial Planning 21 (2008), number 1: look often, trade only
    outside a band that is relative to the target.
    """
    sales, purchases = [], []
    for symbol, weight in weights.items():
        target, value = weight * equity, values[symbol]
        usd = abs(value - target).quantize(CENT, ROUND_DOWN)
        if abs(value - target) <= band * target or usd == 0:
            continue
        if value < target:
            purchases.append(Trade("Buy", symbol, usd))
        else:
            sales.append(Trade("Sell", symbol, usd if target > 0 else None))
    return sales + purchases

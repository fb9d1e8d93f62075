"""What is believed of each route, wallet and strategy beyond the configuration, with 95 % intervals."""

from __future__ import annotations

from math import sqrt
from typing import Final

from overmind.core.books.state import State
from overmind.core.learning.belief import (
    ROUTE_LANDING,
    ROUTE_SLOTS,
    STRATEGY_BIAS,
    WALLET_BIAS,
    WALLET_LANDING,
    Belief,
    Kind,
    variance_at,
)
from overmind.core.learning.sigmoid import MICRO
from overmind.core.model.value import Value

TWO_SIDED: Final = 1.96  # standard deviations


class Believed(Value, frozen=True):
    """One number that was learned. 0 is what the configuration says."""

    of: str  # "route", "wallet", "strategy", or "wallet in a strategy"
    name: str
    what: str
    unit: str
    mean: float
    low: float
    high: float
    outcomes: int | None  # behind it; null: not counted by itself

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out what the configuration says."""
        return self.low > 0 or self.high < 0


def believed(state: State) -> tuple[Believed, ...]:
    """Routes first, then strategies, then wallets."""
    learned, at_ns = state.learned, state.at_ns
    rows = []
    for name, route in sorted(learned.routes.items()):
        landing = _row("route", name, "landing", "logits", route.landing, ROUTE_LANDING, at_ns, route.outcomes)
        rows += [
            landing,
            _row("route", name, "slots to land", "slots", route.slots, ROUTE_SLOTS, at_ns, route.outcomes),
        ]
    for strategy, bias in sorted(learned.strategies.items()):
        rows.append(_row("strategy", strategy, "shortfall", "bps", bias, STRATEGY_BIAS, at_ns, None))
    for wallet_id, wallet in sorted(learned.wallets.items()):
        rows.append(
            _row("wallet", wallet_id, "landing", "logits", wallet.landing, WALLET_LANDING, at_ns, wallet.outcomes)
        )
        for strategy, bias in sorted(wallet.bias.items()):
            name = f"{wallet_id} in {strategy}"
            rows.append(_row("wallet in a strategy", name, "shortfall", "bps", bias, WALLET_BIAS, at_ns, None))
    return tuple(rows)


def _row(
    of: str, name: str, what: str, unit: str, belief: Belief, kind: Kind, at_ns: int, outcomes: int | None
) -> Believed:
    mean, off = belief.mean / MICRO, TWO_SIDED * sqrt(variance_at(belief, kind, at_ns)) / MICRO
    return Believed(of, name, what, unit, mean, mean - off, mean + off, outcomes)

"""What was learned says about a choice: a bounded correction of each expected cost, and the wallet that it favours.

It sees only wallets that the gate has proposed. What it favours passes the gate like any other.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from overmind.core.books.state import State
from overmind.core.entries.drawing import Draw
from overmind.core.learning.choice import is_told_apart
from overmind.core.learning.forecast import Micros, Pair, Stakes, corrections, cost_of, costs_of, gap_deviation
from overmind.core.learning.learned import PUBLIC, Learned
from overmind.core.learning.sigmoid import MICRO, landing_ppm, logit_of
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import WalletId
from overmind.core.model.route import RouteName
from overmind.core.model.selection import Advice
from overmind.core.model.units import PPM

WalletOnRoute = tuple[WalletId, RouteName]
NOTHING: Final = np.zeros(1, np.int64)


def stakes_of(desk: Desk) -> Stakes:
    return Stakes(round(desk.costs.miss_bps * MICRO), round(desk.routing.late_bps * MICRO))


def nominal_of(desk: Desk, route: RouteName = PUBLIC) -> tuple[int, int]:
    """What the configuration expects of the route: micro-logits of landing, and micro-slots."""
    expected = desk.routing.routes.get(route) or desk.routing
    return logit_of(expected.landing_ppm), expected.slots * MICRO


def wallet_offsets(learned: Learned, wallet_id: WalletId, strategy: StrategyType) -> tuple[int, int]:
    """What was learned of a wallet: micro-logits of landing, and millionths of a basis point of its fills."""
    wallet = learned.wallets.get(wallet_id)
    if wallet is None:
        return 0, 0
    bias = wallet.bias.get(strategy)
    return wallet.landing.mean, bias.mean if bias is not None else 0


def corrections_of(
    desk: Desk, learned: Learned, strategy: StrategyType, logits: Micros, biases: Micros, route: RouteName = PUBLIC
) -> Micros:
    """By wallet, what is added to its expected cost on this route, given the wallets' offsets."""
    stakes, (logit, slots) = stakes_of(desk), nominal_of(desk, route)
    known, of_strategy = learned.routes.get(route), learned.strategies.get(strategy)
    nominal = nominal_cost(desk, route)
    if known is not None:
        logit, slots = logit + known.landing.mean, max(0, slots + known.slots.mean)
    bias = of_strategy.mean if of_strategy is not None else 0
    return corrections(nominal, costs_of(stakes, logits + logit, slots, biases + bias))


def correction_of(
    desk: Desk, learned: Learned, wallet_id: WalletId, strategy: StrategyType, route: RouteName = PUBLIC
) -> int:
    """The same of one wallet."""
    logit, bias = wallet_offsets(learned, wallet_id, strategy)
    correction: int = corrections_of(desk, learned, strategy, NOTHING + logit, NOTHING + bias, route)[0].item()
    return correction


def favours(
    state: State, strategy: StrategyType, wanted: WalletOnRoute, other: WalletOnRoute, gap_bps: float, at_ns: int
) -> bool:
    """Whether what looks cheaper by this much is told apart from what the cost model chose."""
    one, chosen = (Pair(name, route, *nominal_of(state.settings, route)) for name, route in (wanted, other))
    off = gap_deviation(state.learned, stakes_of(state.settings), strategy, one, chosen, at_ns)
    return is_told_apart(round(gap_bps * MICRO), off)


def advice_of(
    state: State, favoured: WalletOnRoute, chosen: WalletOnRoute, strategy: StrategyType, correction: int, decided: bool
) -> Advice:
    """The advice, with its forecast for what is chosen."""
    wallet_id, route = chosen
    logit, slots = nominal_of(state.settings, route)
    known = state.learned.routes.get(route)
    if known is not None:
        logit, slots = logit + known.landing.mean, max(0, slots + known.slots.mean)
    of_wallet, _ = wallet_offsets(state.learned, wallet_id, strategy)
    expected = nominal_cost(state.settings, route) + correction
    landing = landing_ppm(logit + of_wallet)
    return Advice(favoured[0], landing, slots, correction, decided, expected, route=favoured[1])


def nominal_cost(desk: Desk, route: RouteName = PUBLIC) -> int:
    """What the configuration expects not landing and landing late to cost, in millionths of a basis point."""
    return cost_of(stakes_of(desk), *nominal_of(desk, route))


def compared(
    advice: Advice, costs: NDArray[np.float64], chosen: int, nominal: int, favoured: int, draw: Draw | None
) -> Advice:
    """The advice with how the chosen place compares with the cost model's and with its own, and the chance it had."""
    if chosen == nominal == favoured and draw is None:
        return advice
    return replace(
        advice,
        gain=_micro(costs[chosen] - costs[favoured]),
        baseline=None if chosen == nominal else _micro(costs[nominal] - costs[chosen]),
        propensity_ppm=PPM if draw is None else draw.drawn.propensity_ppm,
        favoured_ppm=0 if draw is None else draw.chances_ppm.get(favoured, 0),
        explored=draw is not None and chosen != preferred_of(advice, nominal, favoured),
    )


def _micro(bps: np.float64) -> int:
    return round(bps.item() * MICRO)


def preferred_of(advice: Advice, nominal: int, favoured: int) -> int:
    """What is chosen if nothing is drawn."""
    return favoured if advice.decided else nominal

"""What a choice of wallet and route is expected to cost through not landing, landing late, and filling badly.

In millionths of a basis point of the notional, in whole numbers. The nominal forecast has what the configuration says;
the learned one differs from it by at most `CORRECTION_MAX`.
"""

from __future__ import annotations

from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from overmind.core.learning.belief import (
    ROUTE_LANDING,
    ROUTE_SLOTS,
    WALLET_BIAS,
    WALLET_LANDING,
    Belief,
    Kind,
    variance_at,
)
from overmind.core.learning.learned import Learned
from overmind.core.learning.sigmoid import MICRO, landing_all_ppm, landing_ppm
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import WalletId
from overmind.core.model.units import PPM
from overmind.core.model.value import Value

Micros = NDArray[np.int64]
CORRECTION_MAX: Final = 25 * MICRO


class Stakes(Value, frozen=True):
    """What is lost when an order does not land, and with each slot that it lands later."""

    miss: int  # millionths of a basis point
    late: int  # the same, per slot


class Pair(Value, frozen=True):
    """One wallet on one route, and what the configuration expects of it."""

    wallet_id: WalletId
    route: str
    logit: int  # micro-logits of landing
    slots: int  # micro-slots to land


def cost_of(stakes: Stakes, logit: int, slots: int, bias: int = 0) -> int:
    """The expected cost of one pair."""
    landing = landing_ppm(logit)
    return (stakes.miss * (PPM - landing) + (stakes.late * slots // MICRO + bias) * landing) // PPM


def costs_of(stakes: Stakes, logits: Micros, slots: Micros | int, biases: Micros) -> Micros:
    """`cost_of` of many pairs."""
    landing = landing_all_ppm(logits)
    landed: Micros = biases + stakes.late * slots // MICRO
    costs: Micros = (stakes.miss * (PPM - landing) + landed * landing) // PPM
    return costs


def corrections(nominal: Micros | int, learned: Micros) -> Micros:
    """What the learned forecast adds to the nominal one, within its bound."""
    bounded: Micros = np.minimum(np.maximum(learned - nominal, -CORRECTION_MAX), CORRECTION_MAX)
    return bounded


def gap_deviation(learned: Learned, stakes: Stakes, strategy: StrategyType, one: Pair, other: Pair, at_ns: int) -> int:
    """How far the difference between the costs of two pairs may be off: one standard deviation.

    What both share, such as a route, does not make their difference less sure.
    """
    total = 0
    if one.route != other.route:
        for pair in (one, other):
            known = learned.routes.get(pair.route)
            slope = _landing_slope(learned, stakes, pair)
            total += _spread(known.landing if known else None, ROUTE_LANDING, at_ns, slope)
            total += _spread(known.slots if known else None, ROUTE_SLOTS, at_ns, stakes.late)
    if one.wallet_id != other.wallet_id:
        for pair in (one, other):
            wallet = learned.wallets.get(pair.wallet_id)
            slope = _landing_slope(learned, stakes, pair)
            total += _spread(wallet.landing if wallet else None, WALLET_LANDING, at_ns, slope)
            total += _spread(wallet.bias.get(strategy) if wallet else None, WALLET_BIAS, at_ns, MICRO)
    return isqrt(total)


def _landing_slope(learned: Learned, stakes: Stakes, pair: Pair) -> int:
    """How the cost changes with the logit of landing: in millionths of a basis point per logit."""
    route, wallet = learned.routes.get(pair.route), learned.wallets.get(pair.wallet_id)
    offset = (route.landing.mean if route else 0) + (wallet.landing.mean if wallet else 0)
    landing = landing_ppm(pair.logit + offset)
    return stakes.miss * (landing * (PPM - landing) // PPM) // PPM


def _spread(belief: Belief | None, kind: Kind, at_ns: int, slope: int) -> int:
    variance = kind.variance if belief is None else variance_at(belief, kind, at_ns)
    return slope * slope * variance // (MICRO * MICRO)

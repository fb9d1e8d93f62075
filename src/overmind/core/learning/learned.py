"""The fold: each finished order moves what is believed of its route, its wallet and its strategy, once."""

from __future__ import annotations

from typing import Final

import msgspec

from overmind.core.learning.belief import (
    ROUTE_LANDING,
    ROUTE_SLOTS,
    SQUARE,
    STRATEGY_BIAS,
    WALLET_BIAS,
    WALLET_LANDING,
    Belief,
    Kind,
    correct,
    prior,
    variance_at,
)
from overmind.core.learning.sigmoid import MICRO, landing_ppm
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import WalletId
from overmind.core.model.route import RouteName
from overmind.core.model.units import PPM
from overmind.core.model.value import Value

PUBLIC: Final = RouteName.PUBLIC  # the one route that there is: the JSON-RPC of every provider
SLOTS_NOISE: Final = 4 * SQUARE  # variance of one measured latency
SLOTS_CLIP: Final = 8 * MICRO  # one outlier teaches no more than this
BIAS_NOISE: Final = 900 * SQUARE  # variance of one measured shortfall: 30 basis points
BIAS_CLIP: Final = 90 * MICRO


class RouteBeliefs(msgspec.Struct):
    """How a route differs from what the configuration says of it."""

    landing: Belief
    slots: Belief
    outcomes: int = 0


class WalletBeliefs(msgspec.Struct):
    landing: Belief
    bias: dict[StrategyType, Belief] = msgspec.field(default_factory=dict)
    outcomes: int = 0


class Learned(msgspec.Struct):
    routes: dict[str, RouteBeliefs] = msgspec.field(default_factory=dict)
    wallets: dict[WalletId, WalletBeliefs] = msgspec.field(default_factory=dict)
    strategies: dict[StrategyType, Belief] = msgspec.field(default_factory=dict)


class Observation(Value, frozen=True):
    """What one finished order showed, less what was expected of it."""

    route: str
    wallet_id: WalletId
    strategy: StrategyType
    logit: int  # of landing, as the configuration has it, in micro-logits
    landed: bool
    slots_off: int | None = None  # micro-slots later than expected; None: not measured
    bias_off: int | None = None  # micro-basis-points worse than expected; None: there is no fill


def observe(learned: Learned, seen: Observation, at_ns: int) -> None:
    """Folds one outcome in. The caller gives each outcome once, in the order of the journal."""
    route = learned.routes.get(seen.route)
    if route is None:
        route = RouteBeliefs(prior(ROUTE_LANDING, at_ns), prior(ROUTE_SLOTS, at_ns))
        learned.routes[seen.route] = route
    wallet = learned.wallets.get(seen.wallet_id)
    if wallet is None:
        wallet = learned.wallets[seen.wallet_id] = WalletBeliefs(prior(WALLET_LANDING, at_ns))
    route.outcomes += 1
    wallet.outcomes += 1
    _see_landing(route.landing, wallet.landing, seen.logit, seen.landed, at_ns)
    if seen.slots_off is not None:
        _see(((route.slots, ROUTE_SLOTS),), seen.slots_off, SLOTS_NOISE, SLOTS_CLIP, at_ns)
    if seen.bias_off is not None:
        of_strategy = _belief(learned.strategies, seen.strategy, STRATEGY_BIAS, at_ns)
        of_pair = _belief(wallet.bias, seen.strategy, WALLET_BIAS, at_ns)
        both = ((of_strategy, STRATEGY_BIAS), (of_pair, WALLET_BIAS))
        _see(both, seen.bias_off, BIAS_NOISE, BIAS_CLIP, at_ns)


def _belief(beliefs: dict[StrategyType, Belief], strategy: StrategyType, kind: Kind, at_ns: int) -> Belief:
    known = beliefs.get(strategy)
    if known is None:
        known = beliefs[strategy] = prior(kind, at_ns)
    return known


def _see_landing(route: Belief, wallet: Belief, logit: int, landed: bool, at_ns: int) -> None:
    """An extended Kalman step of a yes or no: `slope` is the derivative of the probability, and its variance too."""
    expected = landing_ppm(logit + route.mean + wallet.mean)
    slope = max(1, expected * (PPM - expected) // PPM)
    route_variance = variance_at(route, ROUTE_LANDING, at_ns)
    wallet_variance = variance_at(wallet, WALLET_LANDING, at_ns)
    whole = PPM * SQUARE + slope * (route_variance + wallet_variance)
    surprise = (PPM if landed else 0) - expected
    for belief, kind, variance in ((route, ROUTE_LANDING, route_variance), (wallet, WALLET_LANDING, wallet_variance)):
        by = variance * surprise * MICRO // whole
        correct(belief, kind, by, variance - variance * variance * slope // whole, at_ns)


def _see(beliefs: tuple[tuple[Belief, Kind], ...], off: int, noise: int, clip: int, at_ns: int) -> None:
    """A Kalman step of one number that is the sum of these beliefs and noise. An outlier is clipped first."""
    variances = [variance_at(belief, kind, at_ns) for belief, kind in beliefs]
    whole = noise + sum(variances)
    surprise = off - sum(belief.mean for belief, _ in beliefs)
    surprise = min(max(surprise, -clip), clip)
    for (belief, kind), variance in zip(beliefs, variances, strict=True):
        correct(belief, kind, variance * surprise // whole, variance - variance * variance // whole, at_ns)

"""The product's policies: the cost model alone, and with what it has learned. The learner is the product's own code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.routing.runner import Result, View
from bench.routing.world import Floats, World
from overmind.core.books.execution_score import excess_all_ppm, faded_ppm, moved_ppm
from overmind.core.learning.choice import draw, is_told_apart
from overmind.core.learning.forecast import Pair, Stakes, corrections, costs_of, gap_deviation
from overmind.core.learning.learned import Learned, Observation, observe
from overmind.core.learning.sigmoid import MICRO
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import SignalId, WalletId
from overmind.core.model.units import NS

STRATEGIES = tuple(StrategyType)
HEADROOM_BPS, IN_FLIGHT_BPS, MISS_BPS = 2.0, 0.5, 50  # the product's defaults
MISS_HALF_LIFE_NS = 1_800 * NS
Micros = NDArray[np.int64]


def _micros(values: Floats | float) -> Micros:
    rounded: Micros = np.rint(np.asarray(values) * MICRO).astype(np.int64)
    return rounded


def _logits(landing: Floats) -> Micros:
    bounded = np.clip(landing, 0.0005, 0.9995)
    return _micros(np.log(bounded / (1.0 - bounded)))


class CostModel:
    """The lowest expected cost, as the configuration has it."""

    name = "cost model"

    def __init__(self, world: World, seed: int) -> None:
        del seed
        self._missed_ppm = np.zeros(len(world.wallets), np.int64)
        self._missed_ns = np.zeros(len(world.wallets), np.int64)

    def choose(self, view: View) -> int:
        return int(self._costs(view, _logits(view.landing), _micros(view.slots)).argmin())

    def learn(self, result: Result) -> None:
        """Scores the attempt, as `overmind.core.books.execution_score` does."""
        wallet, at_ns = int(result.view.wallets[result.place]), round(result.at_s * NS)
        age_ns = at_ns - int(self._missed_ns[wallet])
        before = faded_ppm(int(self._missed_ppm[wallet]), age_ns, MISS_HALF_LIFE_NS)
        self._missed_ppm[wallet] = moved_ppm(before, not result.landed)
        self._missed_ns[wallet] = max(at_ns, int(self._missed_ns[wallet]))

    def _costs(self, view: View, logits: Micros, slots: Micros) -> Micros:
        """Of every pair, in millionths of a basis point."""
        known = _micros(view.fee_bps + HEADROOM_BPS * view.headroom + IN_FLIGHT_BPS * view.crowd)
        ages_ns = round(view.signal.at_s * NS) - self._missed_ns[view.wallets]
        known += MISS_BPS * excess_all_ppm(self._missed_ppm[view.wallets], ages_ns, MISS_HALF_LIFE_NS)
        return known + costs_of(stakes(view), logits, slots, _filled(view))


def stakes(view: View) -> Stakes:
    return Stakes(round(view.edge_bps * MICRO), round(view.decay_bps * MICRO))


def _filled(view: View) -> Micros:
    """What only a fill costs."""
    return _micros(view.shortfall_bps + view.rent_bps)


class Learning(CostModel):
    """The cost model with the learned correction: the cheapest pair, unless the beliefs cannot tell it apart."""

    name = "learned"

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        self._seed = str(seed)
        self._learned = Learned()
        self._wallet_names = [WalletId(wallet.name) for wallet in world.wallets]
        self._route_names = [route.name for route in world.routes]
        self._wallet_logit = np.zeros(len(world.wallets), np.int64)
        self._bias = np.zeros((len(world.wallets), world.strategies), np.int64)
        self._route_logit = np.zeros(len(world.routes), np.int64)
        self._route_slots = np.zeros(len(world.routes), np.int64)

    def choose(self, view: View) -> int:
        logits, slots = _logits(view.landing), _micros(view.slots)
        nominal = self._costs(view, logits, slots)
        costs = nominal + self._corrections(view, logits, slots)
        return self._chosen(view, logits, slots, nominal, costs)

    def _chosen(self, view: View, logits: Micros, slots: Micros, nominal: Micros, costs: Micros) -> int:
        best, baseline = int(costs.argmin()), int(nominal.argmin())
        if best == baseline:
            return best
        strategy = STRATEGIES[view.signal.strategy]
        one, other = (self._pair(view, place, logits, slots) for place in (best, baseline))
        off = gap_deviation(self._learned, stakes(view), strategy, one, other, round(view.signal.at_s * NS))
        return best if is_told_apart(int(costs[baseline] - costs[best]), off) else baseline

    def _pair(self, view: View, place: int, logits: Micros, slots: Micros) -> Pair:
        wallet, route = self._wallet_names[view.wallets[place]], self._route_names[view.routes[place]]
        return Pair(wallet, route, int(logits[place]), int(slots[place]))

    def _corrections(self, view: View, logits: Micros, slots: Micros) -> Micros:
        w, r, at_stake, filled = view.wallets, view.routes, stakes(view), _filled(view)
        learned_logits = logits + self._route_logit[r] + self._wallet_logit[w]
        learned_slots = np.maximum(slots + self._route_slots[r], 0)
        learned = costs_of(at_stake, learned_logits, learned_slots, filled + self._bias[w, view.signal.strategy])
        return corrections(costs_of(at_stake, logits, slots, filled), learned)

    def learn(self, result: Result) -> None:
        super().learn(result)
        view, place = result.view, result.place
        w, r = int(view.wallets[place]), int(view.routes[place])
        slots_off = bias_off = None
        if result.landed:
            slots_off = round((result.slots - float(view.slots[place])) * MICRO)
            bias_off = round((result.shortfall_bps - float(view.shortfall_bps[place])) * MICRO)
        seen = Observation(
            self._route_names[r],
            self._wallet_names[w],
            STRATEGIES[view.signal.strategy],
            int(_logits(view.landing)[place]),
            result.landed,
            slots_off,
            bias_off,
        )
        observe(self._learned, seen, round(result.at_s * NS))
        route, wallet = self._learned.routes[seen.route], self._learned.wallets[seen.wallet_id]
        self._route_logit[r], self._route_slots[r] = route.landing.mean, route.slots.mean
        self._wallet_logit[w] = wallet.landing.mean
        if seen.strategy in wallet.bias:
            self._bias[w, view.signal.strategy] = wallet.bias[seen.strategy].mean


class Exploring(Learning):
    """The same with inverse-gap weighting among the few cheapest."""

    name = "learned, exploring"

    def _chosen(self, view: View, logits: Micros, slots: Micros, nominal: Micros, costs: Micros) -> int:
        return draw(costs.tolist(), self._seed, SignalId(f"s{view.signal.number}")).place

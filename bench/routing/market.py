"""A market that worlds are made of: routes that drift, wallets that differ a little, beliefs that are a little wrong.

All constants are assumptions. A difference of basis points means nothing; the order of the policies is the finding.
What lands here depends on more than the learner models: congestion, open orders and fee policies bend it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.routing.world import Belief, Floats, Luck, Route, Signal, Step, Truth, Wallet

TYPES = ("Primary", "Secondary", "HFT", "Conservative", "Experimental", "Arbitrage", "MEVProtection")
SHARES = (10, 5, 10, 6, 8, 6, 5)  # of 50 wallets
CAPITAL_USD = {"Conservative": 5_000.0, "Experimental": 2_000.0}
EDGES_BPS = np.array((60.0, 25.0, 40.0, 70.0, 50.0, 45.0, 80.0, 35.0))  # by strategy
DECAYS_BPS = np.array((6.0, 5.0, 1.5, 7.0, 3.0, 2.0, 5.0, 1.0))  # per slot
HOUR_S, DAY_S = 3_600.0, 86_400.0


@dataclass(frozen=True)
class Knobs:
    """What makes one world different from another. The defaults are the drifting world."""

    drift: float = 0.5  # deviation of a route's landing, in logits; it forgets in 12 h
    outages: bool = True  # of each route, about 6 h in each 2.5 days
    wallet_spread: float = 0.25  # deviation of a wallet's landing, in logits
    bias_bps: float = 4.0  # deviation of a wallet's shortfall in a strategy
    belief_logit: float = 0.4  # how far the landing beliefs are off
    belief_scale: float = 0.3  # how far edges and decays are off, as a share
    swapped: bool = False  # the beliefs of the best and the worst route are exchanged
    noise_bps: float = 30.0  # of one measured shortfall
    one_route: bool = False  # as the desk has it today: only wallets differ
    same: bool = False  # all wallets use the same route and fee
    flips_s: float = 0.0  # how often good and bad routes change places; 0: never
    heavy_tail: bool = False  # of the latency
    size_logit: float = 0.0  # how much less an order of $1,000 lands than one of $100
    capital: float = 1.0  # of the wallets
    gap_s: float = 60.0  # mean time between signals
    outage_of: int | None = None  # this route lands nothing in the middle third
    adversary: int | None = None  # this route is good until it has been trusted for some hours, then bad, then good


class Market:
    mints = 300
    strategies = len(EDGES_BPS)

    def __init__(self, name: str, seed: int, wallets: int, signals: int, knobs: Knobs) -> None:
        self.name, self._signals, self._knobs = name, signals, knobs
        self._rng = rng = np.random.Generator(np.random.PCG64(seed))
        count = 1 if knobs.same or knobs.one_route else 5
        self.routes = tuple(Route(f"route{n}", fee) for n, fee in enumerate((0.002, 0.006, 0.015, 0.03, 0.01)[:count]))
        self.wallets = tuple(self._wallet(number) for number in range(wallets))
        self._base_logit = rng.normal(1.6, 0.7, count)
        self._base_slots = rng.uniform(1.5, 4.0, count)
        self._wallet_logit = rng.normal(0.0, 0.0 if knobs.same else knobs.wallet_spread, wallets)
        self._bias = rng.normal(0.0, 0.0 if knobs.same else knobs.bias_bps, (wallets, self.strategies))
        self._believe(count)

    def _wallet(self, number: int) -> Wallet:
        rng, kind = self._rng, _type_of(number)
        routes = (0,) if len(self.routes) == 1 else tuple(int(n) for n in rng.permutation(5)[:2])
        strategies = tuple(sorted(int(n) for n in rng.permutation(self.strategies)[:4]))
        capital = CAPITAL_USD.get(kind, 20_000.0) * self._knobs.capital
        return Wallet(f"wallet{number}", kind, capital, routes, strategies, position_max_usd=capital / 4)

    def _believe(self, count: int) -> None:
        rng, knobs = self._rng, self._knobs
        off = 0.0 if knobs.same else knobs.belief_logit
        self._believed_logit = self._base_logit + rng.uniform(-off, off, count)
        self._believed_slots = self._base_slots * (1.0 if knobs.same else rng.uniform(0.8, 1.2, count))
        scale = 0.0 if knobs.same else knobs.belief_scale
        self._believed_edges = EDGES_BPS * rng.uniform(1 - scale, 1 + scale, self.strategies)
        self._believed_decays = DECAYS_BPS * rng.uniform(1 - scale, 1 + scale, self.strategies)
        if knobs.swapped:
            best, worst = int(self._base_logit.argmax()), int(self._base_logit.argmin())
            for believed in (self._believed_logit, self._believed_slots):
                believed[[best, worst]] = believed[[worst, best]]

    def steps(self) -> Iterator[Step]:
        knobs, rng, count = self._knobs, self._rng, len(self.routes)
        at_s, drift = 0.0, rng.normal(0.0, knobs.drift, count)
        outages = self._outages(count)
        congestion = 0.0
        for number in range(self._signals):
            gap_s = float(rng.exponential(0.5) if rng.random() < 0.3 else rng.exponential(knobs.gap_s / 0.7))
            at_s += gap_s
            keep = np.exp(-gap_s / (12 * HOUR_S))
            drift = drift * keep + rng.normal(0.0, 1.0, count) * knobs.drift * np.sqrt(1 - keep * keep)
            keep = np.exp(-gap_s / HOUR_S)
            congestion = congestion * keep + float(rng.normal()) * 0.7 * float(np.sqrt(1 - keep * keep))
            keep = np.exp(-gap_s / (2 * DAY_S))
            shock = rng.normal(0.0, 0.0 if knobs.same else knobs.bias_bps, self._bias.shape[0])
            strategy = int(rng.integers(self.strategies))
            self._bias[:, strategy] = self._bias[:, strategy] * keep + shock * np.sqrt(1 - keep * keep)
            out = np.array([any(a <= at_s < b for a, b in spans) for spans in outages])
            yield self._step(number, at_s, strategy, drift, congestion, out)

    def _outages(self, count: int) -> list[list[tuple[float, float]]]:
        spans: list[list[tuple[float, float]]] = [[] for _ in range(count)]
        end_s = self._signals * self._knobs.gap_s * 1.3
        for one in spans:
            at_s = float(self._rng.exponential(2.5 * DAY_S))
            while self._knobs.outages and at_s < end_s:
                length_s = float(self._rng.exponential(6 * HOUR_S))
                one.append((at_s, at_s + length_s))
                at_s += length_s + float(self._rng.exponential(2.5 * DAY_S))
        if self._knobs.outage_of is not None:
            spans[self._knobs.outage_of].append((end_s / 4, end_s / 2))
        return spans

    def _step(
        self, number: int, at_s: float, strategy: int, drift: Floats, congestion: float, out: NDArray[np.bool_]
    ) -> Step:
        rng, knobs = self._rng, self._knobs
        notional = float(np.clip(np.exp(rng.normal(5.3, 0.8)), 50.0, 3_000.0))
        signal = Signal(
            number, at_s, strategy, int(rng.zipf(1.6) % self.mints), notional, float(rng.exponential(1_200.0))
        )
        size = np.log(notional / 100.0)
        shortfall = 2.0 + notional / 500.0
        slope = 0.35
        logit = self._base_logit + drift - 2.5 * out - slope * congestion - knobs.size_logit * size / np.log(10.0)
        slots = self._base_slots + 4.0 * out + 0.6 * max(congestion, 0.0)
        logit, slots = self._turned(at_s, number, logit, slots)
        luck = Luck(
            float(rng.random()),
            float(_pareto(rng) if knobs.heavy_tail else rng.gamma(3.0, 1 / 3.0)),
            float(rng.normal(0.0, knobs.noise_bps)),
            min(float(rng.exponential(150.0)), 1_800.0),
        )
        edge, decay = float(EDGES_BPS[strategy]), float(DECAYS_BPS[strategy])
        bias = self._bias[:, strategy].copy()
        wallet_logit, width = self._wallet_logit, len(self.routes)

        def truth(crowd: NDArray[np.int64]) -> Truth:
            of_wallet = wallet_logit - 0.25 * crowd
            landing = 1.0 / (1.0 + np.exp(-(logit[None, :] + of_wallet[:, None])))
            late = np.broadcast_to(slots[None, :], landing.shape)
            worse = np.broadcast_to((shortfall + bias)[:, None], (len(bias), width))
            return Truth(landing, late, worse, edge, decay)

        wide = (len(self.wallets), width)
        believed_logit = self._believed_logit - 1.2 * slope * congestion
        believed = Belief(
            np.broadcast_to(1.0 / (1.0 + np.exp(-believed_logit)), wide),
            np.broadcast_to(self._believed_slots + 0.5 * max(congestion, 0.0), wide),
            np.full(wide, shortfall),
            float(self._believed_edges[strategy]),
            float(self._believed_decays[strategy]),
        )
        return Step(signal, believed, truth, luck)

    def _turned(self, at_s: float, number: int, logit: Floats, slots: Floats) -> tuple[Floats, Floats]:
        """Regimes that change, and a route that is good until it is trusted."""
        knobs = self._knobs
        if knobs.flips_s and int(at_s // knobs.flips_s) % 2:
            logit, slots = logit[::-1], slots[::-1]
        if knobs.adversary is not None:
            logit, slots = logit.copy(), slots.copy()
            good = int(at_s // (3 * HOUR_S)) % 2 == 0
            logit[knobs.adversary] = 3.0 if good else -1.0
            slots[knobs.adversary] = 1.5 if good else 6.0
        return logit, slots


def _type_of(number: int) -> str:
    place = number * 7 % 50  # A small desk has some of each.
    for kind, share in zip(TYPES, SHARES, strict=True):
        if place < share:
            return kind
        place -= share
    raise AssertionError(number)


def _pareto(rng: np.random.Generator) -> float:
    """Of mean 1, with a tail so heavy that its variance is infinite."""
    return float((1.0 + rng.pareto(1.8)) * 0.8 / 1.8)

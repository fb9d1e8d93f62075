"""Runs policies through a world side by side. Each has its own money; all meet the same signals and the same luck.

The gate is here: a policy sees only the pairs of wallet and route that may take the signal.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.routing.world import Floats, Signal, Step, Truth, World

Slots = NDArray[np.intp]
RENT_USD = 0.204 * 0.4  # of a new token account, times how often it is lost
MARGIN = 1.1  # of the notional, that a wallet must have


@dataclass(frozen=True)
class View:
    """The pairs that may take a signal, and what the desk believes of each."""

    signal: Signal
    wallets: Slots
    routes: Slots
    usual: NDArray[np.bool_]  # whether it is the wallet's usual route
    fee_bps: Floats
    rent_bps: Floats
    headroom: Floats  # the share of the wallet's room that the order uses up
    crowd: Floats  # open orders in the wallet
    load: Floats  # open orders and positions, of what the wallet may have
    landing: Floats
    slots: Floats
    shortfall_bps: Floats
    edge_bps: float
    decay_bps: float


@dataclass(frozen=True)
class Result:
    """How an order ended, and what was believed when it was placed."""

    view: View
    place: int  # of the pair in the view
    at_s: float
    landed: bool
    slots: float
    shortfall_bps: float  # measured
    reward_bps: float  # implementation shortfall with all costs, as it was measured


class Policy(Protocol):
    name: str

    def choose(self, view: View) -> int: ...

    def learn(self, result: Result) -> None: ...


MakePolicy = Callable[[World, int], Policy]


@dataclass
class Score:
    """What one policy came to, signal by signal."""

    regret: list[float] = field(default_factory=list)  # expected, against the best pair that might take the signal
    value: list[float] = field(default_factory=list)  # expected
    refused: int = 0
    breaches: int = 0
    decisions: str = ""  # a hash of all choices


class Desk:
    """The wallets of one policy."""

    def __init__(self, world: World, policy: Policy) -> None:
        count = len(world.wallets)
        self.world, self.policy, self.score = world, policy, Score()
        self._free = np.array([wallet.capital_usd for wallet in world.wallets])
        self._position_max = np.array([wallet.position_max_usd for wallet in world.wallets])
        self._open_max = np.array([wallet.orders_max for wallet in world.wallets])
        self._open = np.zeros(count, np.int64)
        self.crowd = np.zeros(count, np.int64)
        self._accounts = np.zeros((count, world.mints), np.bool_)
        self._fees = np.array([route.fee_usd for route in world.routes])
        self._pairs = [self._pairs_of(strategy) for strategy in range(world.strategies)]
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._dues, self._hash = 0, sha256()

    def _pairs_of(self, strategy: int) -> tuple[Slots, Slots, NDArray[np.bool_]]:
        found = [
            (w, r, n == 0)
            for w, wallet in enumerate(self.world.wallets)
            if strategy in wallet.strategies
            for n, r in enumerate(wallet.routes)
        ]
        wallets, routes, usual = zip(*found, strict=True) if found else ((), (), ())
        return np.array(wallets, np.intp), np.array(routes, np.intp), np.array(usual, np.bool_)

    def take(self, step: Step) -> None:
        signal = step.signal
        self._settle_until(signal.at_s)
        may = self._may(signal)
        view = self._view(step, may)
        if not len(view.wallets):
            self.score.refused += 1
            self._hash.update(b"-")
            return
        truth = step.truth(self.crowd)
        values = _expected(truth, view)
        place = self.policy.choose(view)
        wallet, route = int(view.wallets[place]), int(view.routes[place])
        self.score.breaches += not may[wallet]
        self.score.value.append(float(values[place]))
        self.score.regret.append(float(values.max() - values[place]))
        self._hash.update(f"{wallet},{route};".encode())
        self._place(step, truth, view, place)

    def finish(self) -> Score:
        self.score.decisions = self._hash.hexdigest()
        return self.score

    def _may(self, signal: Signal) -> NDArray[np.bool_]:
        may: NDArray[np.bool_] = (
            (self._free >= MARGIN * signal.notional_usd)
            & (self._position_max >= signal.notional_usd)
            & (self._open < self._open_max)
        )
        return may

    def _view(self, step: Step, may: NDArray[np.bool_]) -> View:
        signal, believed = step.signal, step.believed
        wallets, routes, usual = self._pairs[signal.strategy]
        fits = may[wallets]
        wallets, routes = wallets[fits], routes[fits]
        per_usd = 10_000.0 / signal.notional_usd
        return View(
            signal,
            wallets,
            routes,
            usual[fits],
            self._fees[routes] * per_usd,
            np.where(self._accounts[wallets, signal.mint], 0.0, RENT_USD * per_usd),
            signal.notional_usd / np.minimum(self._free, self._position_max)[wallets],
            self.crowd[wallets].astype(np.float64),
            (self._open / self._open_max)[wallets],
            believed.landing[wallets, routes],
            believed.slots[wallets, routes],
            believed.shortfall_bps[wallets, routes],
            believed.edge_bps,
            believed.decay_bps,
        )

    def _place(self, step: Step, truth: Truth, view: View, place: int) -> None:
        signal, luck = step.signal, step.luck
        wallet, route = int(view.wallets[place]), int(view.routes[place])
        self._free[wallet] -= signal.notional_usd
        self._open[wallet] += 1
        self.crowd[wallet] += 1
        landed = luck.lands < truth.landing[wallet, route]
        slots = luck.late * truth.slots[wallet, route]
        shortfall = truth.shortfall_bps[wallet, route] + luck.shortfall_bps
        gained = truth.edge_bps - truth.decay_bps * slots - shortfall - view.rent_bps[place] if landed else 0.0
        reward = float(gained - view.fee_bps[place])

        def settle(at_s: float) -> None:
            self.crowd[wallet] -= 1
            if landed:
                self._accounts[wallet, signal.mint] = True
                self._at(at_s + signal.hold_s, release)
            else:
                release(at_s)
            self.policy.learn(Result(view, place, at_s, bool(landed), float(slots), float(shortfall), reward))

        def release(_: float) -> None:
            self._free[wallet] += signal.notional_usd
            self._open[wallet] -= 1

        self._at(signal.at_s + luck.settles_s, settle)

    def _at(self, at_s: float, act: Callable[[float], None]) -> None:
        self._dues += 1
        heapq.heappush(self._due, (at_s, self._dues, act))

    def _settle_until(self, at_s: float) -> None:
        while self._due and self._due[0][0] <= at_s:
            due_s, _, act = heapq.heappop(self._due)
            act(due_s)


def _expected(truth: Truth, view: View) -> Floats:
    """What each pair brings on average, in basis points of the notional."""
    w, r = view.wallets, view.routes
    fill = truth.edge_bps - truth.decay_bps * truth.slots[w, r] - truth.shortfall_bps[w, r] - view.rent_bps
    values: Floats = truth.landing[w, r] * fill - view.fee_bps
    return values


def run(world: World, policies: Sequence[Policy]) -> dict[str, Score]:
    desks = [Desk(world, policy) for policy in policies]
    for step in world.steps():
        for desk in desks:
            desk.take(step)
    return {desk.policy.name: desk.finish() for desk in desks}

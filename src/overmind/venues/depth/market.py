"""A market with depth and memory: how deep a pool is, what earlier orders did to it, and how orders reach the chain.

- Depth follows from the volume of a rolling time, and never falls below a floor.
- A fill moves its pool. Half of that recovers in each half-life.
- Failures, latency and drift grow with the volatility of the same rolling time.
- Fees have heavy tails. A transaction that may not pay what its moment asks never lands.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import Final, Protocol

import msgspec

from overmind.core.model.desk_settings import CostModel
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.order import Order, Work
from overmind.core.model.units import NS, PPM, ppm_of
from overmind.ports import Clock, Tick
from overmind.venues.depth.classes import TokenClass
from overmind.venues.depth.quantiles import bell_ppm, drawn
from overmind.venues.paper_market import Draws, Fate, Pool

HOUR_NS: Final = 3_600 * NS
HOUR_MS: Final = 3_600_000
HALVINGS_MAX: Final = 64  # after so many nothing is left
CHANCE_MAX_PPM: Final = 900_000  # of anything that goes wrong, however wild the market is
DRIFT_MAX_PPM: Final = 500_000


class Activity(Protocol):
    """What was traded, and how far prices moved, as far as it is known at an instant."""

    def traded_micros(self, mint: Mint, at_ns: int, window_ns: int) -> int:
        """The value that is traded in so much time."""

    def volatility_ppm(self, mint: Mint, at_ns: int, window_ns: int) -> int:
        """The standard deviation of the price over an hour, measured over this time; 0: unknown, or none."""


class Pressure(msgspec.Struct):
    """What fills did to a pool, and when the last of them was."""

    micros: int
    at_ns: int


def recovered(micros: int, age_ns: int, half_life_ns: int) -> int:
    """What is left of a pressure: half of it after each half-life, and a straight line between."""
    halvings, rest_ns = divmod(max(0, age_ns), half_life_ns)
    if halvings > HALVINGS_MAX:
        return 0
    size = abs(micros) >> halvings
    left = size - size * rest_ns // (2 * half_life_ns)
    return left if micros > 0 else -left


class DeepMarket:
    """`PaperMarket` by classes of tokens."""

    remembers = True

    def __init__(
        self,
        class_of: Callable[[Mint], TokenClass],
        activity: Activity,
        clock: Clock,
        costs: CostModel,
    ) -> None:
        self._class_of = class_of
        self._activity = activity
        self._clock = clock
        self._costs = costs
        self._pressures: dict[Mint, Pressure] = {}

    def pool(self, order: Order, tick: Tick) -> Pool:
        return self.pool_of(order.mint, tick.at_ns)

    def pool_of(self, mint: Mint, at_ns: int) -> Pool:
        """The pool of a token as it is now, with the depth of what was known at `at_ns`."""
        of = self._class_of(mint)
        traded = self._activity.traded_micros(mint, at_ns, of.depth_window_ns)
        depth = max(of.depth_floor_micros, ppm_of(traded, of.depth_per_volume_ppm))
        kept = (PPM - of.pool_fee_ppm) * (2 * PPM - of.spread_ppm) // (2 * PPM)
        most = ppm_of(depth, of.depth_share_max_ppm)  # The depth may have shrunk since the fills.
        pressure = max(-most, min(self._pressure(mint, of), most))
        return Pool(depth, kept, of.depth_share_max_ppm, pressure)

    def _pressure(self, mint: Mint, of: TokenClass) -> int:
        known = self._pressures.get(mint)
        if known is None:
            return 0
        return recovered(known.micros, self._clock.now_ns() - known.at_ns, of.impact_half_life_ns)

    def filled(self, order: Order, pool: Pool, value_micros: int) -> None:
        self._pressures[order.mint] = Pressure(pool.pressed(order.side, value_micros), self._clock.now_ns())

    def fate(self, work: Work, tick: Tick | None, draws: Draws) -> Fate:
        """A move has no price: it pays what SOL pays, in a usual hour."""
        of = self._class_of(SOL if tick is None else tick.mint)
        hourly_ppm = of.volatility_usual_ppm
        if tick is not None:
            hourly_ppm = self._activity.volatility_ppm(tick.mint, tick.at_ns, of.depth_window_ns)
        excess_ppm = max(0, hourly_ppm * PPM // of.volatility_usual_ppm - PPM)
        latency_ms = drawn(of.latency_ms, draws.latency)
        latency_ms += ppm_of(ppm_of(latency_ms, of.latency_rise_ppm), excess_ppm)
        failure_ppm = min(CHANCE_MAX_PPM, of.failure_ppm + ppm_of(of.failure_rise_ppm, excess_ppm))
        priority = drawn(of.priority_fee_lamports, draws.fee)
        roll = draws.roll - of.route_down_ppm
        tip_max = work.tip_max_lamports if isinstance(work, Order) else 0
        is_dear = self._costs.fee_lamports + priority > work.fee_max_lamports - tip_max
        return Fate(
            route_down=roll < 0,
            expires=0 <= roll < of.expiry_ppm or is_dear,
            fails=of.expiry_ppm <= roll < of.expiry_ppm + failure_ppm,
            latency_ms=latency_ms,
            priority_lamports=priority,
            tip_lamports=drawn(of.tip_lamports, draws.tip),
            drift_ppm=0 if tick is None else drift_ppm(hourly_ppm, latency_ms, draws.drift),
        )


def drift_ppm(hourly_ppm: int, latency_ms: int, number: int) -> int:
    """How far the price moves until an order lands: a bell curve whose deviation grows with the root of the time."""
    share = isqrt(latency_ms * PPM * PPM // HOUR_MS)  # in parts of a million
    found = hourly_ppm * share * bell_ppm(number) // (PPM * PPM)
    return max(-DRIFT_MAX_PPM, min(found, DRIFT_MAX_PPM))

"""What a market on paper does to an order: the pool that it meets, and its way to the chain. Pure arithmetic.

Integers alone, so that a replay and another processor agree to the last unit. Amounts are rounded against the trader.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from overmind.core.model.enums import BUY, Side
from overmind.core.model.order import Order, Work
from overmind.core.model.units import BPS, PPM
from overmind.core.model.value import Value
from overmind.ports import Tick


class Pool(Value, frozen=True):
    """A constant-product pool (x times y stays k), as values at the price of its middle.

    `pressure` is what was bought less what was sold, and what the pool has not recovered from: it holds this much more
    of the quote currency than at its middle.
    """

    depth_micros: int  # the reserve of one side at the middle: this value moves the price by about 100 %
    kept_ppm: int  # what the pool's fee and half the spread leave of an amount
    share_max_ppm: int  # of the depth: a larger order finds no offer
    pressure_micros: int = 0

    def paid(self, side: Side, value_micros: int) -> tuple[int, int]:
        """What an order of this value gets of what the middle price promises, before costs, as a ratio.

        With reserves of depth + pressure and the product of the middle, a purchase of v gets
        depth² ÷ ((depth + pressure) × (depth + pressure + v)) of it, a sale
        (depth + pressure)² ÷ (depth² + v × (depth + pressure)).
        """
        reserve, square = self.depth_micros + self.pressure_micros, self.depth_micros * self.depth_micros
        if side is BUY:
            return square, reserve * (reserve + value_micros)
        return reserve * reserve, square + value_micros * reserve

    def impact_bps(self, side: Side, value_micros: int) -> int:
        """How much worse than the middle, rounded up; 0 where an earlier order moved the price in this one's favour."""
        got, promised = self.paid(side, value_micros)
        return max(0, -(-(promised - got) * BPS // promised))

    def received(self, side: Side, value_micros: int, at_middle: tuple[int, int]) -> int:
        """Base units, rounded down. `at_middle`: what the order would get at exactly the middle, as a ratio."""
        got, promised = self.paid(side, value_micros)
        return at_middle[0] * got * self.kept_ppm // (at_middle[1] * promised * PPM)

    def pressed(self, side: Side, value_micros: int) -> int:
        """The pressure after an order of this value."""
        if side is BUY:
            return self.pressure_micros + value_micros
        got, promised = self.paid(side, value_micros)
        return self.pressure_micros - value_micros * got // promised

    def holds(self, side: Side, value_micros: int) -> bool:
        """Whether the pool offers anything for this much. Orders before it, which it has not recovered from, count."""
        after = self.pressed(side, value_micros) if self.pressure_micros else value_micros
        return max(value_micros, abs(after)) * PPM <= self.depth_micros * self.share_max_ppm


class Draws(NamedTuple):
    """The random numbers for one order or move."""

    digest: bytes
    roll: int  # 0 to PPM
    latency: int  # this and the others: 64 bits
    drift: int
    fee: int
    tip: int


class Fate(Value, frozen=True):
    """What becomes of a signed order or move on its way to the chain."""

    route_down: bool  # nothing can be sent
    expires: bool  # it never lands
    fails: bool  # it lands and reverts
    latency_ms: int  # until it lands
    priority_lamports: int  # on top of the cost model's fee
    tip_lamports: int  # that a protected route asks for
    drift_ppm: int = 0  # how far the price moves until it lands; positive: the order receives more


class PaperMarket(Protocol):
    """How a market treats orders on paper."""

    remembers: bool
    """Whether fills move its pools. An order then meets the pool as it is when it is signed, and chance depends on its
    id alone: amounts differ with what was traded before.
    """

    def pool(self, order: Order, tick: Tick) -> Pool:
        """The pool that the order meets at this price."""

    def fate(self, work: Work, tick: Tick | None, draws: Draws) -> Fate:
        """`tick`: the price that an order lands at; None: a move, which has none."""

    def filled(self, order: Order, pool: Pool, value_micros: int) -> None:
        """An order of this value will be filled from this pool."""

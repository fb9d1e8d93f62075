"""The protected route on paper: it lands, takes its time and asks for a tip as the configuration expects of it.

The public route stays as it is. Chance is drawn from the order alone, as everything on paper is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from overmind.core.model.order import Order, Work
from overmind.core.model.route import Expected, RouteName
from overmind.core.model.units import PPM
from overmind.ports import Tick
from overmind.venues.paper_market import Draws, Fate, PaperMarket, Pool

SLOT_MS: Final = 400
TIP_MIN_LAMPORTS: Final = 1_000  # that a relay accepts


class RoutedMarket:
    """A market whose orders go by several routes."""

    def __init__(self, market: PaperMarket, routes: Mapping[RouteName, Expected]) -> None:
        self._market = market
        self._routes = routes
        self.remembers = market.remembers

    def pool(self, order: Order, tick: Tick) -> Pool:
        return self._market.pool(order, tick)

    def filled(self, order: Order, pool: Pool, value_micros: int) -> None:
        self._market.filled(order, pool, value_micros)

    def fate(self, work: Work, tick: Tick | None, draws: Draws) -> Fate:
        """A move goes by the public route. So does an order whose route is not there any more: it never lands."""
        fate = self._market.fate(work, tick, draws)
        if not isinstance(work, Order) or work.route is RouteName.PUBLIC:
            return replace(fate, tip_lamports=0)
        expected = self._routes.get(work.route)
        if expected is None:
            return replace(fate, expires=True)
        rest, landing = divmod(draws.tip, PPM)
        usual_ms = expected.slots * SLOT_MS
        tip = max(TIP_MIN_LAMPORTS, expected.tip_lamports // 2 + rest % (expected.tip_lamports + 1))
        return replace(
            fate,
            expires=landing >= expected.landing_ppm or tip > work.tip_max_lamports,
            latency_ms=usual_ms // 2 + draws.latency % (usual_ms + 1),
            tip_lamports=tip,
        )

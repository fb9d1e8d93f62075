"""What a route is expected to cost one entry, in basis points of the notional, term by term.

It is the same for every wallet on the route. What a wallet adds stands in `ranking`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from overmind.core.books.route_health import failing_ppm
from overmind.core.books.state import State
from overmind.core.entries.routes import tip_max_lamports
from overmind.core.model.route import PUBLIC_ALONE, Expected, RouteName
from overmind.core.model.units import BPS, PPM


class RouteTerms(NamedTuple):
    priority: float  # the priority fee beyond that of every swap
    tip: float
    landing: float  # the share that does not land, times what a failure costs
    latency: float  # the slots to land, times what a slot costs
    health: float  # how much more often than that its newest orders failed, times what a failure costs

    @property
    def total(self) -> float:
        return self.priority + self.tip + self.landing + self.latency + self.health


NO_TERMS = RouteTerms(0.0, 0.0, 0.0, 0.0, 0.0)


def route_terms(state: State, route: RouteName, notional_micros: int, at_ns: int) -> RouteTerms:
    """The terms of a route of this desk. A desk without named routes has one, and compares nothing."""
    desk = state.settings
    expected, costs = desk.routing.routes.get(route), desk.costs
    if expected is None:
        return NO_TERMS
    notional = notional_micros or 1
    tip = _tip_lamports(state, route, expected, notional_micros)
    return RouteTerms(
        priority=state.sol_value_micros_up(expected.priority_lamports) / notional * BPS,
        tip=state.sol_value_micros_up(tip) / notional * BPS,
        landing=costs.miss_bps * ((PPM - expected.landing_ppm) / PPM),
        latency=desk.routing.late_bps * expected.slots,
        health=costs.miss_bps / PPM * failing_ppm(state, route, at_ns),
    )


def least_lamports(state: State, routes: Sequence[RouteName], notional_micros: int) -> int:
    """The least priority fee and tip that one of these routes is expected to take. Without a named route: nothing."""
    named = state.settings.routing.routes
    return min(
        (
            named[route].priority_lamports + _tip_lamports(state, route, named[route], notional_micros)
            for route in routes
            if route in named
        ),
        default=0,
    )


def _tip_lamports(state: State, route: RouteName, expected: Expected, notional_micros: int) -> int:
    """The tip that is expected, within the cap of this order."""
    return min(expected.tip_lamports, tip_max_lamports(state, route, notional_micros))


def routes_of(state: State) -> tuple[RouteName, ...]:
    return tuple(state.settings.routing.routes) or PUBLIC_ALONE

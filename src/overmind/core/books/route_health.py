"""How often a route's newest orders failed: the same fading share as a wallet's (`execution_score`), for the ranking.

So a route that fails is left after a few orders, and tried again when the share has faded. An order that landed and
reverted speaks for its route. One that was never sent says nothing, unless the route itself was down.
"""

from __future__ import annotations

from overmind.core.books.book import RouteHealth
from overmind.core.books.execution_score import excess_ppm, faded_ppm, moved_ppm
from overmind.core.books.state import State
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.route import RouteName


def failing_ppm(state: State, route: RouteName, at_ns: int) -> int:
    """What counts against the route now."""
    health = state.route_health.get(route)
    if health is None or not health.missed_ppm:
        return 0
    return excess_ppm(health.missed_ppm, at_ns - health.missed_ns, state.settings.costs.miss_half_life_ns)


def see(state: State, route: RouteName, outcome: Outcome) -> None:
    """Counts one finished order."""
    landed = has_landed(outcome)
    if landed is None:
        return
    health = state.route_health.setdefault(route, RouteHealth())
    half_life_ns = state.settings.costs.miss_half_life_ns
    missed_ppm = faded_ppm(health.missed_ppm, state.at_ns - health.missed_ns, half_life_ns)
    health.missed_ppm = moved_ppm(missed_ppm, not landed)
    health.missed_ns = max(state.at_ns, health.missed_ns)


def has_landed(outcome: Outcome) -> bool | None:
    """None: it was not sent, so it tells nothing about the way to the chain."""
    match outcome:
        case Filled() | Failed():
            return True
        case Expired():
            return False
        case Rejected(cause=cause):
            return False if cause is Cause.ROUTE_DOWN else None

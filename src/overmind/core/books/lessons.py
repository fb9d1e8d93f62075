"""What a finished entry teaches: whether it landed, how late, and how far its fill was from what was expected.

Each order teaches once, when no fork can undo its outcome any more.
"""

from __future__ import annotations

from overmind.core.books.route_health import has_landed
from overmind.core.books.state import State
from overmind.core.learning.learned import Observation, observe
from overmind.core.learning.sigmoid import MICRO, logit_of
from overmind.core.learning.standing import Forecast, see_cost, see_landing
from overmind.core.model.desk_settings import CostModel, Desk
from overmind.core.model.enums import LEARNER_OFF
from overmind.core.model.money import Token
from overmind.core.model.order import Order, Ticket
from overmind.core.model.outcome import Failed, Filled, Outcome
from overmind.core.model.selection import Advice
from overmind.core.model.units import BPS, value_micros


def learn(state: State, order: Order, token: Token, ticket: Ticket | None, outcome: Outcome) -> None:
    """Folds the outcome of one order into what is learned."""
    forecasts = state.standing.forecasts
    forecast = forecasts.pop(order.id, None) if forecasts else None
    if state.learner_mode is LEARNER_OFF or not order.is_entry:
        return
    landed = has_landed(outcome)
    if landed is None:
        return
    routing, slots = state.settings.routing, _slots(ticket, outcome)
    expected = routing.routes.get(order.route) or routing
    if forecast is not None:
        see_landing(state.standing, forecast, landed)
        if forecast.baseline is not None:
            taken = forecast.slots if slots is None else slots * MICRO
            cost = measured_cost(state.settings, order, token, outcome, taken)
            see_cost(state.standing, forecast, cost, order.notional_micros)
    seen = Observation(
        order.route,
        order.wallet_id,
        order.strategy,
        logit_of(expected.landing_ppm),
        landed,
        None if slots is None else (slots - expected.slots) * MICRO,
        _worse(state.settings.costs, order, token, outcome) if isinstance(outcome, Filled) else None,
    )
    observe(state.learned, seen, state.at_ns)
    state.touched.append((order.wallet_id, order.mint, order.strategy))


def expect(state: State, order: Order, advice: Advice) -> None:
    """Keeps what was forecast of an entry until it is finished, and counts the entry in those of the day."""
    routing = state.settings.routing
    nominal_ppm = (routing.routes.get(order.route) or routing).landing_ppm
    standing, notional = state.standing, order.notional_micros
    standing.forecasts[order.id] = Forecast(
        advice.landing_ppm, nominal_ppm, advice.slots, advice.expected, advice.baseline
    )
    standing.entered_today_micros += notional
    standing.explored_today_micros += notional * advice.explored
    if order.attempt == 0 and order.part == 0:
        standing.signals_today += 1
        standing.explored_today += advice.explored


def measured_cost(desk: Desk, order: Order, token: Token, outcome: Outcome, slots: int) -> int:
    """What executing an order did cost, in millionths of a basis point: what was learned forecasts the same.

    What did not land, or landed and reverted, costs what a failure is configured to cost.
    """
    if not isinstance(outcome, Filled):
        return round(desk.costs.miss_bps * MICRO)
    return round(desk.routing.late_bps * MICRO) * slots // MICRO + _worse(desk.costs, order, token, outcome)


def _slots(ticket: Ticket | None, outcome: Outcome) -> int | None:
    """From signing to landing. None: the venue has no slots."""
    if ticket is None or not ticket.slot or not isinstance(outcome, Filled | Failed) or not outcome.slot:
        return None
    return max(0, outcome.slot - ticket.slot)


def _worse(costs: CostModel, order: Order, token: Token, fill: Filled) -> int:
    """How much worse than expected against the mark of the decision, in millionths of a basis point."""
    worth = value_micros(fill.received_units, order.mark_pico, token.decimals)
    shortfall = (fill.spent_units - worth) * BPS * MICRO // fill.spent_units
    impact_bps = order.notional_micros * BPS // (costs.depth_micros + order.notional_micros)
    return shortfall - impact_bps * MICRO - round(costs.half_spread_bps * MICRO)

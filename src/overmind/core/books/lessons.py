"""What a finished entry teaches: whether it landed, how late, and how far its fill was from what was expected.

Each order teaches once, when no fork can undo its outcome any more.
"""

from __future__ import annotations

from overmind.core.books.route_health import has_landed
from overmind.core.books.state import State
from overmind.core.learning.learned import Observation, observe
from overmind.core.learning.sigmoid import MICRO, logit_of
from overmind.core.model.desk_settings import CostModel
from overmind.core.model.enums import LearnerMode
from overmind.core.model.money import Token
from overmind.core.model.order import Order, Ticket
from overmind.core.model.outcome import Failed, Filled, Outcome
from overmind.core.model.units import BPS, value_micros


def learn(state: State, order: Order, token: Token, ticket: Ticket | None, outcome: Outcome) -> None:
    """Folds the outcome of one order into what is learned."""
    routing = state.settings.routing
    if routing.learner is LearnerMode.OFF or not order.is_entry:
        return
    landed = has_landed(outcome)
    if landed is None:
        return
    slots, expected = _slots(ticket, outcome), routing.routes.get(order.route) or routing
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

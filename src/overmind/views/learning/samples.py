"""The finished entries of a journal: what was forecast of each, what it did cost, and which chance its choice had."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from overmind.core.books.apply import apply
from overmind.core.books.lessons import measured_cost
from overmind.core.books.route_health import has_landed
from overmind.core.books.state import State, forget_changes
from overmind.core.learning.sigmoid import MICRO
from overmind.core.learning.standing import MEASURED_MAX, Forecast
from overmind.core.model.enums import LEARNER_CANARY, StrategyType
from overmind.core.model.events import Entry, OrderClosed, OrderFinal, OrderPlaced, OrderRolledBack
from overmind.core.model.ids import OrderId
from overmind.core.model.money import Token
from overmind.core.model.order import Order, Ticket
from overmind.core.model.outcome import Failed, Filled, Outcome
from overmind.core.model.selection import Selection
from overmind.core.model.units import PPM
from overmind.core.model.value import Value

LATEST_MAX: Final = 100_000  # of the newest ones; older ones are forgotten


class Slots(Value, frozen=True):
    """From signing to landing."""

    taken: float
    forecast: float
    configured: float


class Sample(Value, frozen=True):
    """One finished entry. Costs are in basis points of its amount, with all that was known of it beforehand."""

    at_ns: int
    strategy: StrategyType
    landed: bool
    landing: float  # the forecast that it lands
    configured: float  # the same as configured
    cost: float  # as measured
    expected: float  # as forecast
    gain: float  # how much cheaper the learner's own choice was forecast
    baseline: float | None  # what the cost model's choice was forecast to cost beyond this one; None: this is it
    agrees: bool  # the learner would have chosen the same
    decided: bool  # the learner was asked
    propensity: float  # the chance of what was chosen; 1: nothing was drawn
    supported: bool  # something was drawn, and the learner's choice could have been
    in_canary: bool = False  # the mode was canary, so that a hash of the signal's id said whether the learner decides
    slots: Slots | None = None  # None: it did not land, or the venue has no slots


class Samples:
    """A fold over a journal, beside the state."""

    def __init__(self) -> None:
        self.state = State()
        self.found: list[Sample] = []
        self._placed: dict[OrderId, tuple[int, Selection, bool]] = {}

    def follow(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._see(entry)
            apply(self.state, entry)
            forget_changes(self.state)
            if len(self.found) > 2 * LATEST_MAX:
                del self.found[:LATEST_MAX]

    def _see(self, entry: Entry) -> None:
        """Before the entry is applied: then the state still knows what it ends."""
        state = self.state
        match entry.event:
            case OrderPlaced(order=order, selection=selection) if selection.advice is not None:
                if order.attempt == 0:
                    self._placed[order.id] = (entry.at_ns, selection, state.learner_mode is LEARNER_CANARY)
            case OrderClosed(order_id=order_id, outcome=outcome, provisional=False):
                known = state.open_orders[order_id]
                if known.token is not None:
                    self._end(known.order, known.token, known.ticket, outcome)
            case OrderFinal(order_id=order_id):
                booked = state.provisional[order_id]
                self._end(booked.order, booked.token, booked.ticket, booked.outcome)
            case OrderRolledBack(order_id=order_id, outcome=outcome):
                booked = state.provisional[order_id]
                self._end(booked.order, booked.token, booked.ticket, outcome)
            case _:
                pass  # It ends no order.

    def _end(self, order: Order, token: Token, ticket: Ticket | None, outcome: Outcome) -> None:
        placed = self._placed.pop(order.id, None)
        forecast, landed = self.state.standing.forecasts.get(order.id), has_landed(outcome)
        if placed is not None and forecast is not None and landed is not None:
            desk, taken = self.state.settings, _slots(ticket, outcome)
            slots = forecast.slots if taken is None else taken * MICRO
            bounded = min(max(measured_cost(desk, order, token, outcome, slots), -MEASURED_MAX), MEASURED_MAX)
            configured = (desk.routing.routes.get(order.route) or desk.routing).slots
            told = None if taken is None else Slots(taken, forecast.slots / MICRO, configured)
            self.found.append(_sample(placed, order, forecast, landed, bounded, told))


def _slots(ticket: Ticket | None, outcome: Outcome) -> int | None:
    if ticket is None or not ticket.slot or not isinstance(outcome, Filled | Failed) or not outcome.slot:
        return None
    return max(0, outcome.slot - ticket.slot)


def _sample(
    placed: tuple[int, Selection, bool],
    order: Order,
    forecast: Forecast,
    landed: bool,
    measured: int,
    slots: Slots | None,
) -> Sample:
    at_ns, selection, in_canary = placed
    advice, terms = selection.advice, selection.terms
    assert advice is not None, selection
    known = terms.total - terms.learned - terms.landing - terms.latency
    return Sample(
        at_ns=at_ns,
        strategy=order.strategy,
        landed=landed,
        landing=forecast.landing_ppm / PPM,
        configured=forecast.nominal_ppm / PPM,
        cost=known + measured / MICRO,
        expected=known + forecast.expected / MICRO,
        gain=advice.gain / MICRO,
        baseline=None if advice.baseline is None else advice.baseline / MICRO,
        agrees=(advice.wallet_id, advice.route) == (order.wallet_id, order.route),
        decided=advice.decided,
        propensity=advice.propensity_ppm / PPM,
        supported=advice.favoured_ppm > 0,
        in_canary=in_canary,
        slots=slots,
    )

"""Round trips: each part of a lot that a sale took, from the order that bought it to the order that sold it.

Lots are FIFO, as the books take them. A round trip bears its share of the costs of both orders; shares are by units,
in whole micro-dollars, and the shares of one order add up to its costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from overmind.core.books.positions import Lot
from overmind.core.books.realised import Costs, Disposal, How, Realised
from overmind.core.model.enums import BUY
from overmind.core.model.ids import OrderId, WalletId, is_own
from overmind.core.model.money import Token
from overmind.core.model.order import Order
from overmind.core.model.outcome import Filled, Outcome
from overmind.core.model.units import PPM
from overmind.views.accounts import shares


class Trip(msgspec.Struct, frozen=True):
    wallet_id: WalletId
    strategy: str
    token: Token
    units: int
    opened_ns: int  # 0: unknown
    closed_ns: int
    cost_micros: int  # of the lot's part, without fees
    proceeds_micros: int
    fees_micros: int  # of both orders: fee and rent
    risked_micros: int  # what the entry could lose down to its stop, with its costs; 0: it had no stop
    bought_by: str  # the order or the deposit
    sold_by: OrderId
    reason_in: str
    reason_out: str

    @property
    def pnl_micros(self) -> int:
        return self.proceeds_micros - self.cost_micros - self.fees_micros


class Bought(msgspec.Struct):
    """A filled buy, of which parts are sold later."""

    order: Order
    units: int
    costs_micros: int
    risked_micros: int
    sold_units: int = 0
    charged_micros: int = 0

    def charge(self, units: int) -> tuple[int, int]:
        """The costs and the risk of the next sold units."""
        self.sold_units += units
        due = self.costs_micros * self.sold_units // self.units
        costs, self.charged_micros = due - self.charged_micros, due
        return costs, self.risked_micros * units // self.units


class RoundTrips:
    """Tell it each filled order with what the books realised by it."""

    def __init__(self) -> None:
        self.bought: dict[str, Bought] = {}
        self.sold: dict[OrderId, list[Trip]] = {}

    def fill(self, at_ns: int, order: Order, outcome: Outcome, realised: Sequence[Realised], stop_ppm: int) -> None:
        """`stop_ppm`: how far below its cost a buy is sold; 0: it has no stop."""
        if not isinstance(outcome, Filled):
            return
        costs = sum(one.micros for one in realised if isinstance(one, Costs))
        if order.side is BUY:
            if not order.to_float:
                risked = outcome.spent_units * stop_ppm // PPM + costs if stop_ppm else 0
                self.bought[order.id] = Bought(order, outcome.received_units, costs, risked)
            return
        sales = [one for one in realised if isinstance(one, Disposal) and one.how is How.SALE]
        self.sold[order.id] = [trip for sale in sales for trip in self._trips(at_ns, order, sale, costs)]

    def undo(self, order: Order) -> None:
        """A fork took the order's outcome back."""
        self.bought.pop(order.id, None)
        for trip in self.sold.pop(order.id, ()):
            if (buy := self.bought.get(trip.bought_by)) is not None:
                buy.charge(-trip.units)

    def _trips(self, at_ns: int, order: Order, sale: Disposal, costs: int) -> Iterator[Trip]:
        lots = _merged(sale)
        weights = [lot.units for lot in lots]
        parts = zip(lots, shares(sale.proceeds_micros, weights), shares(costs, weights), strict=True)
        for lot, proceeds, exit_costs in parts:
            buy = self.bought.get(lot.origin)
            entry_costs, risked = buy.charge(lot.units) if buy is not None else (0, 0)
            yield Trip(
                wallet_id=sale.wallet_id,
                strategy=lot.owner,
                token=sale.token,
                units=lot.units,
                opened_ns=lot.opened_ns,
                closed_ns=at_ns,
                cost_micros=lot.cost_micros,
                proceeds_micros=proceeds,
                fees_micros=entry_costs + exit_costs,
                risked_micros=risked,
                bought_by=lot.origin,
                sold_by=order.id,
                reason_in=reason_of(buy.order) if buy is not None else "deposit",
                reason_out=reason_of(order),
            )


def _merged(sale: Disposal) -> list[Lot]:
    """The parts of one lot as one. What was sold beyond the known lots, after a fork, is a lot without cost."""
    lots: dict[tuple[str, str, int], Lot] = {}
    for lot in sale.lots:
        known = lots.setdefault(
            (lot.origin, lot.owner, lot.opened_ns), Lot(lot.strategy, 0, 0, lot.opened_ns, lot.origin)
        )
        known.units += lot.units
        known.cost_micros += lot.cost_micros
    beyond = sale.units - sum(lot.units for lot in sale.lots)
    return [*lots.values(), *([Lot(None, beyond, 0)] if beyond else [])]


def reason_of(order: Order) -> str:
    """What made the order: a signal, or the cause of an exit that the desk made itself."""
    return order.signal_id.partition(":")[0] if is_own(order.signal_id) else "signal"

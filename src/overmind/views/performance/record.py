"""Folds the entries of a journal into what a report tells of a time. It applies each entry once.

It begins at the journal's first entry, because a sale in the time may end a buy from before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from overmind.core.books.apply import apply
from overmind.core.books.brief_refusals import codes_of
from overmind.core.books.realised import Costs, How, Realised
from overmind.core.books.state import State, forget_changes
from overmind.core.model.codes import Code
from overmind.core.model.enums import SELL_ACTIONS
from overmind.core.model.events import (
    Entry,
    OrderClosed,
    OrderPlaced,
    OrderRolledBack,
    PricesMarked,
    PricesMoved,
    SignalRecorded,
    SignalRefused,
)
from overmind.core.model.ids import Mint, OrderId, is_own
from overmind.core.model.order import Order
from overmind.core.model.outcome import Outcome
from overmind.core.model.signal import Signal
from overmind.views.account_rows import Period
from overmind.views.bridge import bridge
from overmind.views.performance.executions import Execution, execution_of
from overmind.views.performance.growth import Growth
from overmind.views.performance.refused import RefusedBuys
from overmind.views.performance.round_trips import RoundTrips, Trip
from overmind.views.performance.samples import HOUR_NS, Samples


class Record:
    """Fold every entry of a journal from the first on, up to the end of the time, then `close`."""

    def __init__(self, period: Period) -> None:
        self.period = period
        self.state = State()
        self.growth = Growth()
        self.samples = Samples()
        self.trips = RoundTrips()
        self.executions: dict[OrderId, Execution] = {}
        self.traded: set[Mint] = set()
        self.first_codes: Counter[str] = Counter()  # refused signals by their first rule
        self.all_codes: Counter[str] = Counter()  # and by every rule that they broke
        self.refused = RefusedBuys()
        self.recorded = 0
        self.sales_micros = self.other_micros = self.costs_micros = 0  # what was realised in the time
        self.opening = self.closing = bridge(self.state)
        self.begin_ns: int | None = None  # when the first entry of the time came; None: none has come yet
        self._deposited_micros = 0

    def fold_all(self, entries: Iterable[Entry]) -> None:
        """Reads no further than the time needs."""
        for entry in entries:
            if entry.at_ns >= self.period.to_ns:
                break
            self.fold(entry)
        self.close()

    def fold(self, entry: Entry) -> None:
        state = self.state
        if entry.at_ns >= self.period.from_ns:
            if self.begin_ns is None:
                self._begin(entry.at_ns)
            self._pass_time(entry.at_ns)
        before_ns, deposited = state.at_ns, state.deposited_micros
        ended = self._ended(entry)
        apply(state, entry)
        if self.begin_ns is not None:
            self._count(entry, state.deposited_micros - deposited, max(before_ns, entry.at_ns))
        if ended is not None:
            self._end(entry, *ended)
        forget_changes(state)

    def close(self) -> None:
        if self.begin_ns is not None and self.state.desk is not None:
            self._look()
        self.refused.close(self.state)
        self.closing = bridge(self.state)

    @property
    def closed_trips(self) -> list[Trip]:
        """Those that ended within the time, in the order of their ends."""
        return [one for trips in self.trips.sold.values() for one in trips if one.closed_ns >= self.period.from_ns]

    def _begin(self, at_ns: int) -> None:
        self.begin_ns = at_ns
        self.opening = bridge(self.state)
        self._deposited_micros = self.state.deposited_micros
        self.growth.begin(at_ns, self.state.equity_micros)
        if self.state.desk is not None:
            self._look()

    def _pass_time(self, at_ns: int) -> None:
        state = self.state
        since_ns = max(state.at_ns, self.begin_ns or 0)
        self.samples.pass_time(state, at_ns - since_ns)
        if at_ns // HOUR_NS != state.at_ns // HOUR_NS and state.desk is not None:
            self._look()

    def _look(self) -> None:
        self.samples.look(self.state, self.growth, self.state.deposited_micros - self._deposited_micros)

    def _ended(self, entry: Entry) -> tuple[Order, Outcome] | None:
        """The order that this entry ends, or ends otherwise. Ask before it is applied: then the books forget it."""
        match entry.event:
            case OrderClosed(order_id=order_id, outcome=outcome):
                return self.state.open_orders[order_id].order, outcome
            case OrderRolledBack(order_id=order_id, outcome=outcome):
                order = self.state.provisional[order_id].order
                self.trips.undo(order)
                return order, outcome
            case _:
                return None

    def _count(self, entry: Entry, flow_micros: int, at_ns: int) -> None:
        state = self.state
        if state.equity_micros != self.growth.equity_micros or flow_micros:
            self.growth.step(at_ns, state.equity_micros, flow_micros)
            if flow_micros and not self.executions and not self.opening.equity_usd:
                self.samples = Samples()  # The desk is being funded: charts and benchmarks begin when it is.
                self._look()
        for one in state.realised:
            self._realise(one)
        match entry.event:
            case SignalRefused() as refused:
                codes = codes_of(refused)
                self.first_codes.update(codes[:1])
                self.all_codes.update(codes)
                self._refuse(refused.signal, codes, entry.at_ns)
            case SignalRecorded():
                self.recorded += 1
            case OrderPlaced(signal=signal) if signal.action in SELL_ACTIONS and not is_own(signal.id):
                self.refused.sell(state, signal, entry.at_ns)
            case PricesMarked() | PricesMoved():
                self.refused.mark(state, entry.at_ns)
            case _:
                pass

    def _refuse(self, signal: Signal, codes: Sequence[Code], at_ns: int) -> None:
        if signal.action in SELL_ACTIONS:
            self.refused.sell(self.state, signal, at_ns)
        if codes:
            self.refused.refuse(self.state, signal, codes[0], at_ns)

    def _realise(self, one: Realised) -> None:
        if isinstance(one, Costs):
            self.costs_micros += one.micros
        elif one.how in (How.SALE, How.SALE_UNDONE):
            self.sales_micros += one.realised_micros
        else:
            self.other_micros += one.realised_micros

    def _end(self, entry: Entry, order: Order, outcome: Outcome) -> None:
        realised = _by_outcome(entry, self.state.realised)
        own_ppm = order.exits.stop_loss_ppm if order.exits is not None else None
        stop_ppm = self.state.wallets[order.wallet_id].wallet.limits.stop_loss_ppm or own_ppm or 0
        self.trips.fill(entry.at_ns, order, outcome, realised, stop_ppm)
        if self.begin_ns is not None:
            self.executions[order.id] = execution_of(self.state.settings, order, outcome, realised)
            if not order.to_float:
                self.traded.add(order.mint)


def _by_outcome(entry: Entry, realised: Sequence[Realised]) -> Sequence[Realised]:
    """Without the costs that a fork gave back: they come first, before those of the new outcome."""
    if not isinstance(entry.event, OrderRolledBack):
        return realised
    undone = next(number for number, one in enumerate(realised) if isinstance(one, Costs))
    return [*realised[:undone], *realised[undone + 1 :]]

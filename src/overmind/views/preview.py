"""Explains the choice for a signal: why each wallet would be chosen or refused."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from overmind.core.books.apply import apply
from overmind.core.books.brief_refusals import whole_in
from overmind.core.books.state import State, forget_changes
from overmind.core.decide import decide
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.explain import Candidate, entry_candidates, exit_candidates
from overmind.core.model.commands import SubmitSignal
from overmind.core.model.enums import TradeAction
from overmind.core.model.events import (
    Answer,
    Entry,
    OrderClosed,
    OrderEvent,
    OrderFinal,
    OrderLandedOtherwise,
    OrderPlaced,
    OrderRolledBack,
    OrderTakenFromChain,
    SignalEvent,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
)
from overmind.core.model.ids import OrderId
from overmind.core.model.signal import Signal
from overmind.views.decisions import Decision, decision_of, shown_sizing
from overmind.views.refusals import shown

SELLS = (TradeAction.SELL, TradeAction.MARKET_SELL)


class Route(msgspec.Struct, frozen=True):
    wallet_id: str | None
    selection_reason: str
    refusals: list[dict[str, object]]
    candidates: list[dict[str, object]]
    sizing: dict[str, object] | None = None  # how a risk budget became an amount


def route(state: State, signal: Signal, at_ns: int) -> Route:
    """The decision that the engine would make now, and why each wallet is chosen or refused. Changes nothing."""
    command = SubmitSignal(signal, at_ns)
    events = tuple(event for event in decide(state, SelectionIndex(state), command, at_ns) if isinstance(event, Answer))
    decision = decision_of(events)
    explain = exit_candidates if signal.action in SELLS else entry_candidates
    return Route(
        wallet_id=decision.wallet_id,
        selection_reason=decision.selection_reason,
        refusals=[shown(refusal) for refusal in decision.refusals],
        candidates=[_shown(candidate) for candidate in explain(state, signal, at_ns)],
        sizing=None if decision.sizing is None else shown_sizing(decision.sizing),
    )


def _shown(candidate: Candidate) -> dict[str, object]:
    terms = candidate.terms
    return {
        "wallet_id": candidate.wallet_id,
        "eligible": candidate.eligible,
        "refusals": [shown(refusal) for refusal in candidate.refusals],
        "expected_cost_bps": None if terms is None else round(terms.total, 4),
        "terms": None if terms is None else {name: getattr(terms, name) for name in terms.__struct_fields__},
        **({} if candidate.sizing is None else {"sizing": shown_sizing(candidate.sizing)}),
    }


class Explained(msgspec.Struct, frozen=True):
    """All that the journal records of one signal."""

    signal_id: str
    seq: int
    at_ns: int
    decision: Decision
    candidates: list[dict[str, object]]  # at the time of the decision
    life: list[Entry]

    def to_json(self) -> dict[str, object]:
        return {**msgspec.structs.asdict(self), "decision": self.decision.to_json()}


def explain(entries: Iterable[Entry], seq: int) -> Explained:
    """Recomputes the state before entry `seq`, the signal's first decision, and collects what followed."""
    state = State()
    answers: list[Answer] = []
    life: list[Entry] = []
    orders: set[OrderId] = set()
    candidates: tuple[Candidate, ...] = ()
    signal: Signal | None = None
    refused: SignalRefused | None = None
    for entry in entries:
        if entry.seq == seq:
            assert isinstance(entry.event, Answer), entry
            signal = entry.event.signal
            refused = whole_in(state, entry.event) if isinstance(entry.event, SignalRefused) else None
            chances = exit_candidates if signal.action in SELLS else entry_candidates
            candidates = chances(state, signal, entry.at_ns)
        if signal is None:
            apply(state, entry)
            forget_changes(state)
        elif _belongs(entry, signal, orders):
            life.append(entry)
            if isinstance(entry.event, Answer):
                answers.append(refused or entry.event)
        elif not orders:
            break  # Refused or recorded: nothing follows.
    assert signal is not None, seq
    first = [event for event in answers if not isinstance(event, OrderPlaced) or event.order.attempt == 0]
    return Explained(
        signal_id=signal.id,
        seq=seq,
        at_ns=life[0].at_ns,
        decision=decision_of(tuple(first)),
        candidates=[_shown(candidate) for candidate in candidates],
        life=life,
    )


def _belongs(entry: Entry, signal: Signal, orders: set[OrderId]) -> bool:
    """Whether an entry belongs to the signal. Adds the signal's orders to `orders`."""
    event = entry.event
    if not isinstance(event, OrderEvent | SignalEvent):
        return False
    match event:
        case OrderPlaced(order=order):
            if order.signal_id != signal.id:
                return False
            orders.add(order.id)
            return True
        case (
            TicketRecorded(order_id=order_id)
            | OrderLandedOtherwise(order_id=order_id)
            | OrderTakenFromChain(order_id=order_id)
            | OrderClosed(order_id=order_id)
            | OrderFinal(order_id=order_id)
            | OrderRolledBack(order_id=order_id)
        ):
            return order_id in orders
        case SignalRefused(signal=answered) | SignalRecorded(signal=answered):
            return answered.id == signal.id

"""What a source is told of an entry: a flat object, with amounts as exact decimal strings."""

from __future__ import annotations

import enum

from msgspec import structs

from overmind.clock.instants import iso
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import Side
from overmind.core.model.events import (
    Entry,
    OrderClosed,
    OrderEvent,
    OrderFinal,
    OrderLandedOtherwise,
    OrderPlaced,
    OrderRolledBack,
    OrderTakenFromChain,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
)
from overmind.core.model.ids import OrderId, SignalId, WalletId, is_own
from overmind.core.model.order import Order
from overmind.core.model.outcome import Failed, Outcome, Rejected
from overmind.core.model.value import Value
from overmind.journal.catalogue.concerned import Concern
from overmind.text.amount import Amount
from overmind.text.printable import json_bytes
from overmind.views.amounts import symbol_of, usd_of
from overmind.views.decisions import decision_of
from overmind.views.orders import booked_amounts, outcome_name, whole_amount
from overmind.views.refusals import RefusalRow


class Kind(enum.StrEnum):
    """What happened."""

    PLACED = "placed"  # an order holds its capital; another attempt in another wallet is placed again
    REFUSED = "refused"
    RECORDED = "recorded"  # a Hold
    FILLED = "filled"
    FAILED = "failed"  # it landed and reverted
    EXPIRED = "expired"
    REJECTED = "rejected"  # before anything was sent
    FINAL = "final"  # no fork can undo the outcome any more
    ROLLED_BACK = "rolled_back"  # a fork undid the outcome, and this one replaced it
    LANDED_OTHERWISE = "landed_otherwise"  # an operator has to look at it


class Answer(Value, frozen=True, omit_defaults=True):
    """One answer to a source. What does not apply is left out."""

    id: str  # the same each time that it is sent, and another one for an entry that takes its number after a restore
    seq: int  # of the journal's entry: answers come in this order
    source: str
    kind: Kind
    at: str  # ISO 8601, UTC
    signal_id: SignalId  # one with a colon is of the desk's own cause, such as a stop loss
    automatic: bool = False  # the desk sells without a signal
    order_id: OrderId | None = None
    wallet_id: WalletId | None = None
    side: str = ""
    symbol: str = ""
    own_quantity: str | None = None  # of a sale: how much of it was the source's own
    notional_usd: Amount | None = None  # at the mark of the decision
    selection_reason: str = ""
    outcome: str = ""  # after a fork: what it has become
    provisional: bool = False  # booked, but a fork may still undo it
    spent: str | None = None  # whole units of the token that was given
    received: str | None = None
    price: str | None = None  # quote currency for one token
    fee_sol: str | None = None
    tip_sol: str | None = None  # paid to a protected route, beside the fee
    cause: str = ""  # why it was not filled
    detail: str = ""
    refusals: list[RefusalRow] | None = None  # the first one is the reason

    def body(self) -> bytes:
        return json_bytes(self)


def answer_to(source: str, concern: Concern, desk: Desk) -> Answer | None:
    """None: nobody has to act on it, such as a recorded ticket. A refusal has to be whole: `whole_by` makes it so."""
    entry, placed = concern.entry, concern.placed
    if isinstance(entry.event, SignalRefused | SignalRecorded):
        return _of_signal(source, entry, entry.event)
    if placed is None or not isinstance(entry.event, OrderEvent):
        return None
    head = structs.replace(
        _head(source, entry, placed.signal.id),
        order_id=placed.order.id,
        wallet_id=placed.order.wallet_id,
        side=Side(placed.order.side).value,
        symbol=symbol_of(desk, placed.order.mint),
        own_quantity=_own_quantity(source, placed, desk),
    )
    return _of_order(head, entry.event, placed, desk)


def _own_quantity(source: str, placed: OrderPlaced, desk: Desk) -> str | None:
    """None: it is a buy, or a sale of before sales told whose units they take."""
    units, order = placed.of_sources.get(source, 0), placed.order
    return whole_amount(desk, order.mint, units) if units else None


def _head(source: str, entry: Entry, signal_id: SignalId) -> Answer:
    """The kind is set by whoever knows it."""
    answer_id, at = f"{source}-{entry.seq}-{entry.at_ns}", iso(entry.at_ns)
    return Answer(answer_id, entry.seq, source, Kind.RECORDED, at, signal_id, automatic=is_own(signal_id))


def _of_signal(source: str, entry: Entry, event: SignalRefused | SignalRecorded) -> Answer:
    head = _head(source, entry, event.signal.id)
    if isinstance(event, SignalRecorded):
        return head
    told = decision_of((event,)).to_json()
    reason, refusals = told["selection_reason"], told["refusals"]
    return structs.replace(head, kind=Kind.REFUSED, selection_reason=reason, refusals=refusals)


def _of_order(head: Answer, event: OrderEvent, placed: OrderPlaced, desk: Desk) -> Answer | None:
    order = placed.order
    match event:
        case OrderPlaced():
            reason, notional = decision_of((placed,)).selection_reason, usd_of(order.notional_micros)
            return structs.replace(head, kind=Kind.PLACED, notional_usd=notional, selection_reason=reason)
        case OrderClosed(outcome=outcome, provisional=provisional):
            kind = Kind(outcome_name(outcome))
            return structs.replace(head, kind=kind, provisional=provisional, **_booked(desk, order, outcome))
        case OrderRolledBack(outcome=outcome):
            name = outcome_name(outcome)
            return structs.replace(head, kind=Kind.ROLLED_BACK, outcome=name, **_booked(desk, order, outcome))
        case OrderFinal():
            return structs.replace(head, kind=Kind.FINAL)
        case OrderLandedOtherwise(why=why):
            return structs.replace(head, kind=Kind.LANDED_OTHERWISE, detail=why)
        case TicketRecorded() | OrderTakenFromChain():
            return None


def _booked(desk: Desk, order: Order, outcome: Outcome) -> dict[str, str | None]:
    why = {}
    if isinstance(outcome, Failed | Rejected):
        why = {"cause": outcome.cause.value, "detail": outcome.detail}
    return {**booked_amounts(desk, order, outcome), **why}

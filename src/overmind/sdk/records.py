"""The executor's records: the decision or rejection of each signal, and the outcome of each order."""

from __future__ import annotations

import msgspec

from overmind.core.model.enums import StrategyType
from overmind.core.model.events import Entry, OrderClosed, OrderRolledBack
from overmind.core.model.ids import OrderId, SignalId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.order import Order
from overmind.core.model.outcome import Failed, Filled, Rejected
from overmind.core.model.value import Value
from overmind.views.decisions import Decision


class RejectedSignal(Value, frozen=True):
    """The input was no valid signal, or a known id with other content. Nothing was decided."""

    signal_id: SignalId | None  # None: it could not be read
    error: str
    status: str = "rejected"

    def to_json(self) -> dict[str, object]:
        return {"signal_id": self.signal_id, "status": self.status, "error": self.error}


class ExecutionRecord(Value, frozen=True):
    """The outcome of one order in base units, exactly as booked."""

    order_id: OrderId
    signal_id: SignalId
    wallet_id: WalletId
    strategy: StrategyType
    side: str
    status: str  # filled, failed, expired, rejected
    spent: Money
    received: Money
    fee_lamports: int
    rent_lamports: int
    cause: str | None  # why it was not filled
    detail: str
    at_ns: int
    seq: int  # its entry in the journal
    provisional: bool = False  # a fork may still undo it; then another record of this order follows
    rolled_back: bool = False  # a fork undid the record before; this is the new outcome

    def to_json(self) -> dict[str, object]:
        fields = msgspec.to_builtins(self)
        assert isinstance(fields, dict), self
        return fields


Record = Decision | RejectedSignal | ExecutionRecord


def execution_record(order: Order, entry: Entry) -> ExecutionRecord:
    """The record of an order that was closed, or whose booked outcome a fork undid."""
    assert isinstance(entry.event, OrderClosed | OrderRolledBack), entry
    outcome = entry.event.outcome
    fill = outcome if isinstance(outcome, Filled) else None
    no = outcome if isinstance(outcome, Failed | Rejected) else None
    fee = outcome.fee_lamports if isinstance(outcome, Filled | Failed) else 0
    return ExecutionRecord(
        order_id=order.id,
        signal_id=order.signal_id,
        wallet_id=order.wallet_id,
        strategy=order.strategy,
        side=order.side.value,
        status=type(outcome).__name__.lower(),
        spent=Money(fill.spent_units if fill else 0, order.spend.mint),
        received=Money(fill.received_units if fill else 0, order.receive),
        fee_lamports=fee,
        rent_lamports=fill.rent_lamports if fill else 0,
        cause=no.cause.value if no else None,
        detail=no.detail if no else "",
        at_ns=entry.at_ns,
        seq=entry.seq,
        provisional=isinstance(entry.event, OrderClosed) and entry.event.provisional,
        rolled_back=isinstance(entry.event, OrderRolledBack),
    )

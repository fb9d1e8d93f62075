"""What a caller is told about its signal (SPEC §13: Decision)."""

from __future__ import annotations

import enum

from overmind.core.gate import shown
from overmind.core.messages import Answer, OrderPlaced, Refusal, SignalRecorded, SignalRefused
from overmind.core.model import OrderId, SignalId, Value, WalletId
from overmind.core.ranking import reason


class DecisionStatus(enum.StrEnum):
    PLACED = "placed"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    RECORDED = "recorded"


class Decision(Value, frozen=True):
    signal_id: SignalId
    status: DecisionStatus
    order_id: OrderId | None
    wallet_id: WalletId | None
    orders: tuple[OrderId, ...]
    selection_reason: str
    refusals: tuple[Refusal, ...]
    unlisted: int = 0

    def to_json(self) -> dict[str, object]:
        return {
            "signal_id": self.signal_id,
            "status": self.status.value,
            "order_id": self.order_id,
            "wallet_id": self.wallet_id,
            "orders": list(self.orders),
            "selection_reason": self.selection_reason,
            "refusals": [shown(refusal) for refusal in self.refusals],
            **({"wallets_unlisted": self.unlisted} if self.unlisted else {}),
        }


def decision_of(events: tuple[Answer, ...], duplicate: bool = False) -> Decision:
    """The decision that these first events of a signal record."""
    first = events[0]
    orders = tuple(event for event in events if isinstance(event, OrderPlaced))
    status = {OrderPlaced: DecisionStatus.PLACED, SignalRefused: DecisionStatus.REFUSED}.get(
        type(first), DecisionStatus.RECORDED
    )
    return Decision(
        signal_id=first.signal.id,
        status=DecisionStatus.DUPLICATE if duplicate else status,
        order_id=orders[0].order.id if orders else None,
        wallet_id=orders[0].order.wallet_id if orders else None,
        orders=tuple(event.order.id for event in orders),
        selection_reason=_reason(first, orders),
        refusals=first.refusals if isinstance(first, SignalRefused) else (),
        unlisted=first.unlisted if isinstance(first, SignalRefused) else 0,
    )


def _reason(first: Answer, orders: tuple[OrderPlaced, ...]) -> str:
    match first:
        case OrderPlaced(order=order, selection=selection):
            if order.side == "Sell":
                more = f" and {len(orders) - 1} more" if len(orders) > 1 else ""
                return f"{order.wallet_id}{more} holds the token"
            return reason(selection.terms, selection.candidates)
        case SignalRefused(refusals=refusals):
            return f"no wallet may take it: {refusals[0].code}"
        case SignalRecorded():
            return "Hold is recorded and executes nothing"

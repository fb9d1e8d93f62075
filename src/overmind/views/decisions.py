"""The decision on a signal, as its sender reads it (specification §13.2)."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final, NotRequired, TypedDict

from overmind.core.entries.ranking import reason
from overmind.core.model.codes import Refusal
from overmind.core.model.events import Answer, OrderPlaced, SignalRecorded, SignalRefused
from overmind.core.model.ids import OrderId, SignalId, WalletId
from overmind.core.model.order import Order
from overmind.core.model.selection import Plan, Sizing
from overmind.core.model.units import MICROS, PPM
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import usd_of
from overmind.views.refusals import RefusalRow, grouped

PERCENT: Final = PPM // 100


class DecisionStatus(enum.StrEnum):
    PLACED = "placed"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    RECORDED = "recorded"


class CapRow(TypedDict):
    """A limit that a sizing met."""

    code: str
    usd: Amount  # the most that it lets through


class SizingRow(TypedDict):
    """How a risk budget became an amount."""

    sizing: str
    risk_budget_usd: Amount
    distance_percent: float  # of the price, over which the budget may be lost
    wanted_usd: Amount  # budget / distance
    caps: list[CapRow]
    capped_by: list[str]  # the codes of the limits that made it smaller
    notional_usd: Amount  # what was ordered


class PlacedRow(TypedDict):
    """One order of a decision."""

    order_id: OrderId
    wallet_id: WalletId
    notional_usd: Amount  # at the mark of the decision


class SplitRow(TypedDict):
    """How a buy was divided among wallets, and what it would have cost in one."""

    wanted_usd: Amount
    placed_usd: Amount  # less than wanted, if the signal allows it and no more fits
    parts: int
    expected_cost_bps: float  # of what was placed
    best_single_wallet_id: WalletId | None  # null: no wallet could have taken all of it
    best_single_cost_bps: float | None


class DecisionRow(TypedDict):
    """The decision on a signal."""

    signal_id: SignalId
    status: str  # placed, refused, recorded (a Hold), or duplicate: the first answer again
    order_id: OrderId | None  # of the first order
    wallet_id: WalletId | None
    orders: list[PlacedRow]  # several, if several wallets serve the signal
    selection_reason: str
    refusals: list[RefusalRow]  # a row for each code and limit; the first one is the reason
    wallets_unlisted: NotRequired[int]  # wallets whose refusals were not recorded one by one
    sizing: NotRequired[SizingRow]
    split: NotRequired[SplitRow]  # of a buy that was divided
    notes: NotRequired[list[str]]  # what was cut from the signal's numbers


class PlacedOrder(Value, frozen=True):
    """One order of a decision."""

    order_id: OrderId
    wallet_id: WalletId
    notional_micros: int

    def to_json(self) -> PlacedRow:
        notional = usd_of(self.notional_micros)
        return {"order_id": self.order_id, "wallet_id": self.wallet_id, "notional_usd": notional}


class Decision(Value, frozen=True):
    signal_id: SignalId
    status: DecisionStatus
    order_id: OrderId | None
    wallet_id: WalletId | None
    orders: tuple[PlacedOrder, ...]
    selection_reason: str
    refusals: tuple[Refusal, ...]
    unlisted: int = 0
    sizing: Sizing | None = None  # how a risk budget became the order's amount
    plan: Plan | None = None  # how a buy was divided

    def to_json(self, notes: Sequence[str] = ()) -> DecisionRow:
        """`notes`: what was cut from the signal's numbers."""
        row: DecisionRow = {
            "signal_id": self.signal_id,
            "status": self.status.value,
            "order_id": self.order_id,
            "wallet_id": self.wallet_id,
            "orders": [order.to_json() for order in self.orders],
            "selection_reason": self.selection_reason,
            "refusals": grouped(self.refusals),
        }
        if self.unlisted:
            row["wallets_unlisted"] = self.unlisted
        if self.sizing is not None:
            row["sizing"] = shown_sizing(self.sizing)
        if self.plan is not None:
            row["split"] = shown_plan(self.plan, len(self.orders))
        if notes:
            row["notes"] = list(notes)
        return row


def shown_sizing(sizing: Sizing) -> SizingRow:
    """A sizing in USD and percent, for people and programs."""
    return {
        "sizing": sizing.how.value,
        "risk_budget_usd": usd_of(sizing.budget_micros),
        "distance_percent": sizing.distance_ppm / (PPM // 100),
        "wanted_usd": usd_of(sizing.wanted_micros),
        "caps": [{"code": code.value, "usd": usd_of(micros)} for code, micros in sizing.caps],
        "capped_by": [code.value for code in sizing.binding],
        "notional_usd": usd_of(sizing.notional_micros),
    }


def shown_plan(plan: Plan, parts: int) -> SplitRow:
    return {
        "wanted_usd": usd_of(plan.wanted_micros),
        "placed_usd": usd_of(plan.placed_micros),
        "parts": parts,
        "expected_cost_bps": round(plan.cost_bps, 4),
        "best_single_wallet_id": plan.alone,
        "best_single_cost_bps": None if plan.alone_bps is None else round(plan.alone_bps, 4),
    }


def decision_of(events: tuple[Answer, ...], duplicate: bool = False) -> Decision:
    """The decision that a signal's first events record."""
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
        orders=tuple(map(_placed, orders)),
        selection_reason=_reason(first, orders),
        refusals=first.refusals if isinstance(first, SignalRefused) else (),
        unlisted=first.unlisted if isinstance(first, SignalRefused) else 0,
        sizing=first.sizing if isinstance(first, OrderPlaced) else None,
        plan=first.plan if isinstance(first, OrderPlaced) else None,
    )


def _placed(event: OrderPlaced) -> PlacedOrder:
    return PlacedOrder(event.order.id, event.order.wallet_id, event.order.notional_micros)


def _reason(first: Answer, orders: tuple[OrderPlaced, ...]) -> str:
    match first:
        case OrderPlaced(order=order, selection=selection, sizing=sizing):
            if order.side == "Sell":
                more = f" and {len(orders) - 1} more" if len(orders) > 1 else ""
                return f"{order.wallet_id}{more} holds the token"
            if first.plan is not None:
                return _divided(first.plan, order)
            if order.parts:
                return f"part {order.part + 1} of {order.parts} of a buy that several wallets serve"
            advice = selection.advice
            explored = advice is not None and advice.explored
            chosen = reason(selection.terms, selection.candidates, explored)
            if advice is not None and explored:
                chosen = f"drawn to explore, with a chance of {advice.propensity_ppm / PERCENT:.2g} %: {chosen}"
            return chosen if sizing is None else f"{chosen}; {_sized(sizing)}"
        case SignalRefused(refusals=refusals):
            return f"no wallet may take it: {refusals[0].code}"
        case SignalRecorded():
            return "Hold is recorded and executes nothing"


def _divided(plan: Plan, order: Order) -> str:
    among = f"{order.parts} wallets" if order.parts > 1 else order.wallet_id
    told = f"expected cost {plan.cost_bps:.1f} bps with {among}"
    if plan.placed_micros < plan.wanted_micros:
        told += f", {_usd(plan.placed_micros)} of {_usd(plan.wanted_micros)}: no more fits"
    if plan.alone is None or plan.alone_bps is None:
        return f"{told}; no wallet alone could take it"
    return f"{told}; {plan.alone} alone would cost {plan.alone_bps:.1f} bps"


def _sized(sizing: Sizing) -> str:
    wanted = f"{_usd(sizing.budget_micros)} at a {sizing.how} distance of {sizing.distance_ppm / PERCENT:g} %"
    by = ", ".join(sizing.binding)
    return f"{wanted} wants {_usd(sizing.wanted_micros)}" + (f", {by} caps it" if by else "")


def _usd(micros: int) -> str:
    return f"${micros / MICROS:,.2f}"

"""What a journal tells about the costs of its orders: one sample for each order that was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import BUY, TradingMode
from overmind.core.model.events import DeskConfigured, DeskFounded, Entry, OrderClosed, OrderPlaced, TicketRecorded
from overmind.core.model.ids import OrderId
from overmind.core.model.order import Order
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import BPS, MICROS, NS, value_micros


class Simulated(Exception):
    """The journal is of a paper desk: its fills are a model's own, and would confirm that model."""


class Sample(NamedTuple):
    """A sent order and its end."""

    class_name: str
    at_ns: int  # when it was decided
    value_usd: float  # at the mark of the decision
    shortfall_bps: float | None  # how much worse than that mark; None: it was not filled
    priority_lamports: int | None  # beyond the fee of every swap; None: it never landed
    latency_ms: int | None  # from its ticket to its outcome; None: it never landed
    outcome: str


class Open(NamedTuple):
    order: Order
    placed_ns: int
    ticket_ns: int | None


def samples_of(entries: Iterable[Entry], class_of: Callable[[str], str]) -> list[Sample]:
    """In the order of outcomes. `class_of`: the class of a token's symbol. Raises Simulated.

    A provisional outcome counts as it was first booked. What the desk no longer knows the decimals of is left out.
    """
    desk: Desk | None = None
    found: list[Sample] = []
    known: dict[OrderId, Open] = {}
    for entry in entries:
        match entry.event:
            case DeskFounded(mode=mode):
                if mode is TradingMode.PAPER:
                    raise Simulated
            case DeskConfigured(desk=configured):
                desk = configured
            case OrderPlaced(order=order):
                known[order.id] = Open(order, entry.at_ns, None)
            case TicketRecorded(order_id=order_id) if order_id in known:
                known[order_id] = known[order_id]._replace(ticket_ns=entry.at_ns)
            case OrderClosed(order_id=order_id, outcome=outcome) if order_id in known:
                sample = _sample(known.pop(order_id), outcome, entry.at_ns, desk, class_of)
                if sample is not None:
                    found.append(sample)
            case _:
                pass  # Nothing that an order costs.
    return found


def _sample(
    one: Open, outcome: Outcome, at_ns: int, desk: Desk | None, class_of: Callable[[str], str]
) -> Sample | None:
    order = one.order
    token = None if desk is None else desk.tokens.get(order.mint)
    if desk is None or token is None or one.ticket_ns is None or not order.mark_pico:
        return None
    shortfall = landed_fee = latency = None
    match outcome:
        case Filled(fee_lamports=fee):
            shortfall, landed_fee = _shortfall_bps(order, outcome, token.decimals), fee
        case Failed(fee_lamports=fee):
            landed_fee = fee
        case Expired() | Rejected():
            pass
    if landed_fee is not None:
        latency = (at_ns - one.ticket_ns) * 1_000 // NS
    return Sample(
        class_of(token.symbol),
        one.placed_ns,
        order.notional_micros / MICROS,
        shortfall,
        None if landed_fee is None else max(0, landed_fee - desk.costs.fee_lamports),
        latency,
        type(outcome).__name__.lower(),
    )


def _shortfall_bps(order: Order, fill: Filled, decimals: int) -> float:
    """The quote currency counts as dollars, as everywhere."""
    if order.side is BUY:
        worth = value_micros(fill.received_units, order.mark_pico, decimals)
        return (fill.spent_units - worth) / fill.spent_units * BPS
    worth = value_micros(fill.spent_units, order.mark_pico, decimals)
    return (worth - fill.received_units) / max(1, worth) * BPS

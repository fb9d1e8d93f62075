"""How orders ended and what they cost against the price at which they were decided (implementation shortfall).

See A. Perold, "The Implementation Shortfall", 1988: here the arrival price is the mark of the decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import floor

import msgspec

from overmind.core.books.realised import Costs, Realised
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import BUY
from overmind.core.model.order import Order
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.route import RouteName
from overmind.core.model.units import BPS
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import sol_of, usd_of
from overmind.views.trades import shortfall_micros

EXPIRED = "EXPIRED"


class Execution(msgspec.Struct, frozen=True):
    """One ended order."""

    wallet_id: str
    cause: str  # why it did not fill; blank: it filled
    sent: bool  # it was on the chain, filled or failed
    amount_micros: int  # paid for a buy, brought by a sale
    shortfall_micros: int  # positive: worse than the mark
    fee_lamports: int
    rent_lamports: int
    costs_micros: int  # of fee and rent, at the mark of that time
    route: RouteName = RouteName.PUBLIC


def execution_of(desk: Desk, order: Order, outcome: Outcome, realised: Sequence[Realised]) -> Execution:
    costs = [one for one in realised if isinstance(one, Costs)]
    fee, rent = sum(one.fee_lamports for one in costs), sum(one.rent_lamports for one in costs)
    paid = sum(one.micros for one in costs)
    match outcome:
        case Filled(spent_units=spent, received_units=received):
            amount = spent if order.side is BUY else received
            short = shortfall_micros(desk, order, outcome) if not order.to_float else 0
            return Execution(order.wallet_id, "", True, amount, short, fee, rent, paid, order.route)
        case Failed(cause=cause):
            return Execution(order.wallet_id, cause.value, True, 0, 0, fee, rent, paid, order.route)
        case Rejected(cause=cause):
            return Execution(order.wallet_id, cause.value, False, 0, 0, fee, rent, paid, order.route)
        case Expired():
            return Execution(order.wallet_id, EXPIRED, False, 0, 0, fee, rent, paid, order.route)


class ExecutionRow(Value, frozen=True):
    """Of one wallet, or of all."""

    wallet_id: str
    route: str  # blank: all of them
    orders: int
    filled: int
    failed: int  # on the chain, for a fee
    not_sent: int  # rejected before, or never landed
    volume_usd: Amount
    shortfall_usd: Amount  # against the mark of the decision
    shortfall_bps: float | None  # of the volume
    shortfall_median_bps: float | None  # of single fills
    shortfall_p95_bps: float | None
    fee_sol: Amount
    rent_sol: Amount  # net of what came back with an order
    costs_usd: Amount  # fee and rent
    causes: dict[str, int]  # of orders that did not fill


def rows_by_route(executions: Sequence[Execution]) -> Iterator[ExecutionRow]:
    """Of each wallet by each route that it took."""
    for wallet_id, route in sorted({(one.wallet_id, one.route) for one in executions}):
        yield execution_row(
            wallet_id, (one for one in executions if (one.wallet_id, one.route) == (wallet_id, route)), route
        )


def cost_rate(executions: Iterable[Execution]) -> float:
    """Shortfall, fees and rent of all orders by the volume of those that filled. Without a fill 0."""
    known = list(executions)
    volume = sum(one.amount_micros for one in known)
    return sum(one.shortfall_micros + one.costs_micros for one in known) / volume if volume else 0.0


def execution_row(name: str, executions: Iterable[Execution], route: str = "") -> ExecutionRow:
    known = list(executions)
    filled = [one for one in known if not one.cause]
    volume, short = sum(one.amount_micros for one in filled), sum(one.shortfall_micros for one in filled)
    each = sorted(one.shortfall_micros * BPS / one.amount_micros for one in filled if one.amount_micros)
    failed = sum(1 for one in known if one.cause and one.sent)
    return ExecutionRow(
        wallet_id=name,
        route=route,
        orders=len(known),
        filled=len(filled),
        failed=failed,
        not_sent=len(known) - len(filled) - failed,
        volume_usd=usd_of(volume),
        shortfall_usd=usd_of(short),
        shortfall_bps=short * BPS / volume if volume else None,
        shortfall_median_bps=quantile(each, 0.5),
        shortfall_p95_bps=quantile(each, 0.95),
        fee_sol=sol_of(sum(one.fee_lamports for one in known)),
        rent_sol=sol_of(sum(one.rent_lamports for one in known)),
        costs_usd=usd_of(sum(one.costs_micros for one in known)),
        causes=dict(Counter(one.cause for one in known if one.cause).most_common()),
    )


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Between the two nearest values, in proportion: as numpy's default method does."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low = floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

"""Which wallet SHOULD take a signal: the lowest expected cost in basis points of the notional, term by term.

Floats live here and nowhere else in the core: they rank wallets that the gate has already admitted, and nothing more.

See specification §9.
"""

from __future__ import annotations

from overmind.core.books.book import WalletBook
from overmind.core.books.execution_score import excess_ppm
from overmind.core.books.state import State
from overmind.core.entries.costs import pays_rent
from overmind.core.entries.request import EntryRequest
from overmind.core.entries.route_costs import NO_TERMS, RouteTerms
from overmind.core.model.desk_settings import Desk
from overmind.core.model.selection import CostTerms
from overmind.core.model.units import BPS, PPM
from overmind.core.model.value import Value


class CommonTerms(Value, frozen=True):
    """The terms that are equal for every wallet. They are summed in a fixed order, so that the vector in
    `selection_index` and the scalar here agree to the last bit.
    """

    desk: Desk
    fee: float
    rent: float
    slippage: float
    headroom_bps: float
    preference_bps: float
    at_ns: int


def common_terms(state: State, request: EntryRequest, at_ns: int) -> CommonTerms:
    desk = state.settings
    costs, notional = desk.costs, float(request.notional_micros or 1)
    return CommonTerms(
        desk=desk,
        fee=state.sol_value_micros_up(costs.fee_lamports) / notional * BPS,
        rent=request.rent_micros / notional * BPS * (costs.rent_lost_ppm / PPM),
        slippage=costs.half_spread_bps + float(request.impact_bps),
        headroom_bps=costs.headroom_bps,
        preference_bps=costs.preference_bps,
        at_ns=at_ns,
    )


def cost_terms(
    common: CommonTerms, book: WalletBook, request: EntryRequest, capacity_micros: int, route: RouteTerms = NO_TERMS
) -> CostTerms:
    """The expected cost of this entry in this wallet, on this route.

    fee and rent: what the chain charges, rent weighted by how often it is never reclaimed; slippage: half the spread
    plus the constant-product impact n / (depth + n); headroom: the share of the wallet's capacity that is used up;
    preference: a discount for the signal's preferred wallet type; in_flight: what each open entry of the wallet delays;
    execution: how far the share of its newest attempts that failed is above a quarter, times what a failure costs.
    """
    costs = common.desk.costs
    preferred = request.signal.preferred_type is not None and book.wallet.type is request.signal.preferred_type
    return CostTerms(
        common.fee,
        common.rent if pays_rent(common.desk, book, request.signal.mint) else 0.0,
        common.slippage,
        common.headroom_bps * (float(request.notional_micros) / float(max(1, capacity_micros))),
        -common.preference_bps if preferred else 0.0,
        costs.in_flight_bps * book.entries_open,
        execution_bps(common, book) if costs.miss_bps and book.missed_ppm else 0.0,
        0.0,
        *route,
    )


def execution_bps(common: CommonTerms, book: WalletBook) -> float:
    costs = common.desk.costs
    missed_ppm = excess_ppm(book.missed_ppm, common.at_ns - book.missed_ns, costs.miss_half_life_ns)
    return costs.miss_bps / PPM * missed_ppm


def reason(terms: CostTerms, candidates: int, explored: bool = False) -> str:
    """One line for operators."""
    shown = {
        "fee": terms.fee,
        "rent": terms.rent,
        "slippage": terms.slippage,
        "headroom": terms.headroom,
        "preferred type": terms.preference,
        "in flight": terms.in_flight,
        "failed attempts": terms.execution,
        "priority fee": terms.priority,
        "tip": terms.tip,
        "landing": terms.landing,
        "latency": terms.latency,
        "failing route": terms.health,
        "learned": terms.learned,
    }
    parts = ", ".join(f"{name} {bps:+.1f}" for name, bps in shown.items() if bps)
    among = f"{'one' if explored else 'lowest'} of {candidates} wallets" if candidates > 1 else "only wallet that fits"
    return f"expected cost {terms.total:.1f} bps, {among} ({parts})"

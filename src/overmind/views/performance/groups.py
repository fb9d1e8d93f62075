"""Round trips as rows, and what those of one strategy, wallet, token or hour came to.

Win rate, profit factor and expectancy as in V. Tharp, "Trade Your Way to Financial Freedom", chapters 6 and 7: the R of
a trade is its result by the risk that it began with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from overmind.clock.instants import iso_seconds
from overmind.core.model.units import DAY_NS, MICROS, NS, SCALE
from overmind.views.amounts import tokens_of, usd_of
from overmind.views.performance.round_trips import Trip
from overmind.views.performance.samples import HOUR_NS
from overmind.views.performance.told import GroupRow, TradeRow

Key = Callable[[Trip], str]
BY: Final[dict[str, Key]] = {
    "strategy": lambda trip: trip.strategy,
    "wallet": lambda trip: trip.wallet_id,
    "token": lambda trip: trip.token.symbol,
    "hour": lambda trip: f"{(trip.opened_ns or trip.closed_ns) % DAY_NS // HOUR_NS:02}:00",
}


def grouped(trips: Sequence[Trip], by: str) -> tuple[GroupRow, ...]:
    """Hours in their order, others with the largest PnL first."""
    parts: defaultdict[str, list[Trip]] = defaultdict(list)
    for trip in trips:
        parts[BY[by](trip)].append(trip)
    rows = [group_row(name, parts[name]) for name in sorted(parts)]
    return tuple(rows if by == "hour" else sorted(rows, key=lambda row: -row.pnl_usd))


def group_row(name: str, trips: Sequence[Trip]) -> GroupRow:
    results = [trip.pnl_micros for trip in trips]
    wins, losses = [one for one in results if one > 0], [one for one in results if one < 0]
    risks = [trip.pnl_micros / trip.risked_micros for trip in trips if trip.risked_micros > 0]
    held = [trip.closed_ns - trip.opened_ns for trip in trips if trip.opened_ns]
    return GroupRow(
        name=name,
        trades=len(trips),
        wins=len(wins),
        win_rate=len(wins) / len(trips) if trips else None,
        pnl_usd=usd_of(sum(results)),
        fees_usd=usd_of(sum(trip.fees_micros for trip in trips)),
        expectancy_usd=_mean_usd(results),
        profit_factor=sum(wins) / -sum(losses) if losses else None,
        average_win_usd=_mean_usd(wins),
        average_loss_usd=_mean_usd(losses),
        expectancy_r=sum(risks) / len(risks) if risks else None,
        best_usd=usd_of(max(results)) if results else None,
        worst_usd=usd_of(min(results)) if results else None,
        duration_s=sum(held) / len(held) / NS if held else None,
    )


def trade_row(trip: Trip) -> TradeRow:
    quantity = trip.units / SCALE[trip.token.decimals]
    return TradeRow(
        entered_at=iso_seconds(trip.opened_ns) if trip.opened_ns else "",
        exited_at=iso_seconds(trip.closed_ns),
        wallet_id=trip.wallet_id,
        strategy=trip.strategy,
        symbol=trip.token.symbol,
        mint=trip.token.mint,
        quantity=tokens_of(trip.units, trip.token.decimals),
        entry_price=trip.cost_micros / MICROS / quantity if quantity else None,
        exit_price=trip.proceeds_micros / MICROS / quantity if quantity else None,
        cost_usd=usd_of(trip.cost_micros),
        proceeds_usd=usd_of(trip.proceeds_micros),
        fees_usd=usd_of(trip.fees_micros),
        pnl_usd=usd_of(trip.pnl_micros),
        pnl_percent=100 * trip.pnl_micros / trip.cost_micros if trip.cost_micros else None,
        r=trip.pnl_micros / trip.risked_micros if trip.risked_micros > 0 else None,
        duration_s=(trip.closed_ns - trip.opened_ns) / NS if trip.opened_ns else None,
        reason_in=trip.reason_in,
        reason_out=trip.reason_out,
        entry_order=trip.bought_by,
        exit_order=trip.sold_by,
    )


def _mean_usd(micros: Sequence[int]) -> float | None:
    return sum(micros) / len(micros) / MICROS if micros else None

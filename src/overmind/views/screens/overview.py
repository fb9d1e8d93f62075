"""The overview: where the desk stands, what holds it, and what needs a person now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.model.enums import WalletStatus
from overmind.core.model.ids import SOL
from overmind.core.model.units import DAY_NS
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import cash_of, usd_of
from overmind.views.reports import limit_utilization
from overmind.views.risk import Use, portfolio_risk
from overmind.views.screens.attention import Attention, attention
from overmind.views.screens.holds import HeldRow, held_rows
from overmind.views.stats import ExecutionStats, execution_stats
from overmind.views.utilisation import percent_of


class WalletBrief(Value, frozen=True):
    """A wallet, as far as the whole desk's figures need it."""

    wallet_id: str
    wallet_type: str
    status: str
    equity_micros: int
    day_pnl_micros: int
    cash_micros: int
    positions_micros: int
    positions: int
    most_used: float  # percent
    most_used_limit: str  # blank: it has none

    @property
    def equity_usd(self) -> Amount:
        return usd_of(self.equity_micros)

    @property
    def day_pnl_usd(self) -> Amount:
        return usd_of(self.day_pnl_micros)


class Overview(Value, frozen=True):
    equity_usd: Amount
    day_pnl_usd: Amount
    day_pnl_percent: float  # of the equity at 00:00 UTC plus later deposits
    cash_usd: Amount
    positions_usd: Amount
    sol_float_usd: Amount
    drawdown_usd: Amount
    drawdown_percent: float  # of the highest equity
    utilisation: float  # percent: value-weighted mean over the active wallets
    wallets: int
    active_wallets: int
    positions: int
    open_orders: int
    provisional: int
    trades_today: int
    limits: dict[str, Use]
    stats: ExecutionStats
    attention: tuple[Attention, ...]
    holds: tuple[HeldRow, ...]
    best: tuple[WalletBrief, ...]  # by the PnL of the day
    worst: tuple[WalletBrief, ...]
    day_ends_ns: int
    priced_ns: int | None  # the newest price of SOL


def wallet_briefs(state: State) -> Iterator[WalletBrief]:
    """The state may change between two rows."""
    return (_brief(state, book) for book in [*state.wallets.values()])


def overview(state: State, briefs: Sequence[WalletBrief], at_ns: int, alarms: tuple[str, ...] = ()) -> Overview:
    capital = state.day_base.capital_micros(state.deposited_micros)
    peak = state.peak_gain_micros + state.deposited_micros
    day_pnl = sum(one.day_pnl_micros for one in briefs)
    cash, positions = sum(one.cash_micros for one in briefs), sum(one.positions_micros for one in briefs)
    active = [one for one in briefs if one.status == WalletStatus.ACTIVE]
    weight = sum(one.equity_micros for one in active)
    by_day = sorted((one for one in briefs if one.day_pnl_micros), key=lambda one: one.day_pnl_micros)
    sol = state.marks.get(SOL)
    return Overview(
        equity_usd=usd_of(state.equity_micros),
        day_pnl_usd=usd_of(day_pnl),
        day_pnl_percent=day_pnl * 100 / capital if capital > 0 else 0.0,
        cash_usd=usd_of(cash),
        positions_usd=usd_of(positions),
        sol_float_usd=usd_of(state.equity_micros - cash - positions),
        drawdown_usd=usd_of(max(0, peak - state.equity_micros)),
        drawdown_percent=percent_of(max(0, peak - state.equity_micros), peak),
        utilisation=sum(one.most_used * one.equity_micros for one in active) / weight if weight else 0.0,
        wallets=len(briefs),
        active_wallets=len(active),
        positions=sum(one.positions for one in briefs),
        open_orders=len(state.open_orders),
        provisional=len(state.provisional),
        trades_today=state.trades_today,
        limits=portfolio_risk(state, None).limits,
        stats=execution_stats(state),
        attention=attention(state, at_ns, alarms),
        holds=held_rows(state),
        best=tuple(one for one in reversed(by_day) if one.day_pnl_micros > 0)[:5],
        worst=tuple(one for one in by_day if one.day_pnl_micros < 0)[:5],
        day_ends_ns=(state.day + 1) * DAY_NS,
        priced_ns=None if sol is None else sol.at_ns,
    )


def _brief(state: State, book: WalletBook) -> WalletBrief:
    used = limit_utilization(state, book)
    most = max(used, key=lambda name: used[name], default="")
    return WalletBrief(
        wallet_id=book.wallet.id,
        wallet_type=book.wallet.type.value,
        status=book.status.value,
        equity_micros=book.equity_micros,
        day_pnl_micros=book.day_pnl_micros,
        cash_micros=cash_of(state, book),
        positions_micros=book.positions_micros,
        positions=len(book.positions),
        most_used=used.get(most, 0.0),
        most_used_limit=most,
    )

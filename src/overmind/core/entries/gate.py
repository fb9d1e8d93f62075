"""Whether an entry may be made: yes or no, at once and without reasons.

Every decision asks this; only a "no" is explained, by `rules`. The rules and the portfolio's rows of `limit_table` are
written out here, the wallet's rows in `broken_limits`, because a walk through the table takes several times as long.
A row that is not written out is asked itself, so a new limit holds from the moment that it stands in the table. A
property holds both answers equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.admission import barred, not_admitted
from overmind.core.entries.broken_limits import OTHER_ROWS, broken_limits
from overmind.core.entries.limit_row import Limit, PortfolioPlace, WalletPlace
from overmind.core.entries.limit_table import PORTFOLIO_LIMITS
from overmind.core.entries.request import EntryRequest, slippage_ceiling_bps
from overmind.core.entries.routes import entry_routes
from overmind.core.entries.rules import FUTURE_MAX_NS, all_in_emergency
from overmind.core.model.codes import Code
from overmind.core.model.enums import MEV_PROTECTION as MEV
from overmind.core.model.enums import WalletType
from overmind.core.model.ids import SOL
from overmind.core.model.mints import OFF
from overmind.core.model.route import PUBLIC_ALONE
from overmind.core.model.units import NOTIONAL_MAX_MICROS, ppm_of

WRITTEN_OUT: Final = frozenset(
    {
        Code.PRICE_IMPACT,
        Code.ORDER_TOO_SMALL,
        Code.PORTFOLIO_EXPOSURE,
        Code.PORTFOLIO_POSITIONS,
        Code.PORTFOLIO_TRADES,
        Code.ASSET_CONCENTRATION,
        Code.STRATEGY_CONCENTRATION,
    }
)
OTHER_PORTFOLIO_LIMITS: Final = tuple(limit for limit in PORTFOLIO_LIMITS if limit.code not in WRITTEN_OUT)


def signal_may_enter(
    state: State,
    request: EntryRequest,
    at_ns: int,
    received_at_ns: int,
    others: Sequence[Limit[PortfolioPlace]] = OTHER_PORTFOLIO_LIMITS,
) -> bool:
    """Whether `rules.signal_refusals` finds nothing."""
    desk, signal, notional = state.settings, request.signal, request.notional_micros
    mint, strategy = signal.mint, signal.strategy
    ceiling_bps = slippage_ceiling_bps(desk, strategy)
    if (
        state.holds
        or at_ns >= request.stale_at_ns
        or at_ns - received_at_ns > desk.selection_timeout_ns
        or (signal.at_ns is not None and signal.at_ns > at_ns + FUTURE_MAX_NS)
        or request.slippage_max_bps > ceiling_bps
        or request.impact_bps > ceiling_bps
        or mint not in desk.tokens
        or (state.unlisted and barred(state, mint, strategy))
        or (desk.admission is not OFF and not_admitted(state, mint))
        or mint in state.mints.blocked
        or (state.mints.allowed is not None and mint not in state.mints.allowed)
        or (request.mark_pico and not 0 < notional <= NOTIONAL_MAX_MICROS)
        or 0 < notional < desk.order_min_micros
        or state.paused.get(strategy)
        or (state.doubted and (mint in state.doubted or SOL in state.doubted))
    ):
        return False
    mark, sol_mark = state.marks.get(mint), state.marks.get(SOL)
    if mark is None or sol_mark is None or at_ns - min(mark.at_ns, sol_mark.at_ns) > desk.mark_age_max_ns:
        return False
    equity = state.equity_micros
    if (
        state.exposure_micros + notional > ppm_of(equity, desk.portfolio_exposure_max_ppm)
        or state.assets.get(mint, 0) + notional > ppm_of(equity, desk.asset_max_ppm)
        or state.strategies.get(strategy, 0) + notional > ppm_of(equity, desk.strategy_max_ppm)
        or (desk.day_trades_max and state.trades_today + state.entries_open >= desk.day_trades_max)
        or (desk.positions_max and mint not in state.users and len(state.users) >= desk.positions_max)
        or all_in_emergency(state)
    ):
        return False
    if not others:
        return True
    place = PortfolioPlace(state, mint, strategy)
    return all(limit.refusal(place, request) is None for limit in others)


def wallet_may_enter(
    state: State,
    book: WalletBook,
    request: EntryRequest,
    at_ns: int,
    others: Sequence[Limit[WalletPlace]] = OTHER_ROWS,
) -> bool:
    """Whether `rules.wallet_refusals` finds nothing."""
    desk, signal, wallet = state.settings, request.signal, book.wallet
    mint, strategy = signal.mint, signal.strategy
    share = wallet.strategies.get(strategy)
    if (
        book.holds
        or wallet.type is WalletType.EMERGENCY
        or wallet.id in signal.exclude
        or (not desk.multi_wallet_enabled and wallet.id != desk.default_wallet)
        or share is None
        or not share.enabled
        or wallet.limits.risk_level_ppm > signal.risk_tolerance_ppm
        or (
            (desk.routing.routes or signal.mev_protected or wallet.type is MEV or wallet.routes != PUBLIC_ALONE)
            and not entry_routes(state, wallet, signal)
        )
        or book.cooldowns.get(mint, 0) > at_ns
        or broken_limits(state, book, request, at_ns)
    ):
        return False
    if not others:
        return True
    place = WalletPlace(state, book, at_ns, mint, strategy)
    return all(limit.refusal(place, request) is None for limit in others)

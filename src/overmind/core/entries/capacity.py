"""The largest entry that the rules which do not depend on the signal admit. The selection index keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.limit_row import Limit, Scope, WalletPlace
from overmind.core.entries.limit_table import AT_RISK_RULES, WALLET_LIMITS
from overmind.core.model.codes import Code
from overmind.core.model.enums import EMERGENCY, StrategyType
from overmind.core.model.ids import SOL
from overmind.core.model.units import NOTIONAL_MAX_MICROS, PPM, ppm_of

# Rows of the table that `wallet_capacity_micros` writes out, because it runs after each trade, or that say nothing
# before the signal is known (EXPECTED_COST). Any other row is asked itself. A property holds this equal to the rows.
WRITTEN_OUT: Final = frozenset(
    {
        Code.DAILY_LOSS,
        Code.DAILY_LOSS_HEADROOM,
        Code.EXPECTED_COST,
        Code.TRADES_TODAY,
        Code.CONCURRENT_POSITIONS,
        Code.POSITION_SIZE,
        Code.INSUFFICIENT_QUOTE,
        Code.INSUFFICIENT_SOL,
        Code.WALLET_EXPOSURE,
        Code.RATE_LIMIT,
    }
)
OF_WALLET: Final = tuple(limit for limit in WALLET_LIMITS if limit.scope in (Scope.ALL, Scope.TOKEN))
OTHERS: Final = tuple(limit for limit in OF_WALLET if limit.code not in WRITTEN_OUT)


def capacity_micros(state: State, book: WalletBook, strategy: StrategyType) -> int:
    """The largest entry that the rules which ignore the signal's token and time admit now; -1 when blocked.

    `wallet_refusals` may still refuse it (token account rent, position in this token, rate), never the reverse: a
    wallet whose capacity is below the notional is refused by `wallet_refusals` too.
    """
    return strategy_capacity_micros(book, strategy, wallet_capacity_micros(state, book))


def wallet_capacity_micros(state: State, book: WalletBook, others: Sequence[Limit[WalletPlace]] = OTHERS) -> int:
    """The part of `capacity_micros` that is the same for all strategies of the wallet."""
    desk, wallet, limits = state.settings, book.wallet, book.wallet.limits
    if (
        book.holds
        or wallet.type is EMERGENCY
        or (not desk.multi_wallet_enabled and wallet.id != desk.default_wallet)
        or book.trades_today + book.entries_open >= limits.trades_per_day_max
    ):
        return -1
    balance = state.ledger.balance
    if balance(book.accounts.sol_float, SOL) < desk.costs.fee_max_lamports + desk.reserve_float_lamports:
        return -1
    fee = state.sol_value_micros_up(desk.costs.fee_max_lamports)
    pnl = book.day_pnl_micros
    at_stops = pnl - book.at_risk_micros if desk.booking_rules >= AT_RISK_RULES else pnl
    loss_max = limits.daily_loss_max_micros
    loss_room = loss_max - book.loss_in_flight_micros - fee + (at_stops if at_stops < 0 else 0)
    if loss_room < 0 or -pnl >= loss_max or not loss_max:
        return -1
    capacity = min(
        limits.position_max_micros,
        ppm_of(book.equity_micros, limits.exposure_max_ppm) - book.positions_micros - book.entries_micros,
        balance(book.accounts.free, desk.quote.mint),
        # Without a stop loss of the wallet the signal's counts: then `wallet_refusals` says.
        loss_room * PPM // limits.stop_loss_ppm if limits.stop_loss_ppm else NOTIONAL_MAX_MICROS,
        NOTIONAL_MAX_MICROS,
    )
    return capacity if not others else min(capacity, limits_capacity_micros(state, book, others))


def limits_capacity_micros(state: State, book: WalletBook, limits: Sequence[Limit[WalletPlace]] = OF_WALLET) -> int:
    """The largest entry that these rows of the table admit, before token and strategy are known."""
    place = WalletPlace(state, book, state.at_ns)
    return min(NOTIONAL_MAX_MICROS, *(limit.capacity_micros(place) for limit in limits))


def strategy_capacity_micros(book: WalletBook, strategy: StrategyType, wallet_capacity: int) -> int:
    share = book.wallet.strategies.get(strategy)
    if wallet_capacity < 0 or share is None or not share.enabled:
        return -1
    share_room = ppm_of(book.equity_micros, share.share_ppm) - book.deployed_micros(strategy)
    if share_room < 0:
        return -1
    room = share_room if share_room < wallet_capacity else wallet_capacity
    return room if room < share.position_max_micros else share.position_max_micros

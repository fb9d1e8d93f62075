"""The largest entry that the rules which do not depend on the signal admit. The selection index keeps it."""

from __future__ import annotations

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.model.enums import StrategyType, WalletType
from overmind.core.model.ids import SOL
from overmind.core.model.units import NOTIONAL_MAX_MICROS, PPM, ppm_of


def capacity_micros(state: State, book: WalletBook, strategy: StrategyType) -> int:
    """The largest entry that the rules which ignore the signal's token and time admit now; -1 when blocked.

    `wallet_refusals` may still refuse it (token account rent, position in this token, rate), never the reverse: a
    wallet whose capacity is below the notional is refused by `wallet_refusals` too.
    """
    return strategy_capacity_micros(book, strategy, wallet_capacity_micros(state, book))


def wallet_capacity_micros(state: State, book: WalletBook) -> int:
    """The part of `capacity_micros` that is the same for all strategies of the wallet."""
    desk, wallet, limits = state.settings, book.wallet, book.wallet.limits
    if (
        book.holds
        or wallet.type is WalletType.EMERGENCY
        or (not desk.multi_wallet_enabled and wallet.id != desk.default_wallet)
        or book.trades_today + book.entries_open >= limits.trades_per_day_max
    ):
        return -1
    balance = state.ledger.balance
    if balance(book.accounts.sol_float, SOL) < desk.costs.fee_max_lamports + desk.reserve_float_lamports:
        return -1
    loss = max(0, -book.day_pnl_micros)
    fee = state.sol_value_micros_up(desk.costs.fee_max_lamports)
    loss_room = limits.daily_loss_max_micros - loss - book.loss_in_flight_micros - fee
    if loss_room < 0 or loss >= limits.daily_loss_max_micros:
        return -1
    return min(
        limits.position_max_micros,
        ppm_of(book.equity_micros, limits.exposure_max_ppm) - book.positions_micros - book.entries_micros,
        balance(book.accounts.free, desk.quote.mint),
        # Without a stop loss of the wallet the signal's counts: then `wallet_refusals` says.
        loss_room * PPM // limits.stop_loss_ppm if limits.stop_loss_ppm else NOTIONAL_MAX_MICROS,
        NOTIONAL_MAX_MICROS,
    )


def strategy_capacity_micros(book: WalletBook, strategy: StrategyType, wallet_capacity: int) -> int:
    share = book.wallet.strategies.get(strategy)
    if wallet_capacity < 0 or share is None or not share.enabled:
        return -1
    share_room = ppm_of(book.equity_micros, share.share_ppm) - book.deployed_micros(strategy)
    return max(-1, min(wallet_capacity, share.position_max_micros, share_room))

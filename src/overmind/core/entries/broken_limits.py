"""Which limits of a wallet an entry would break, written out in one function because each decision asks it.

The table (`limit_table`) says with what numbers. A row that is not written out here is asked itself, so a new limit
holds from the moment that it stands in the table. A property holds this equal to the table.
"""

from __future__ import annotations

from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.costs import expected_cost_bps, loss_max_micros, rent_lamports
from overmind.core.entries.limit_table import AT_RISK_RULES, WALLET_LIMITS, rate_used
from overmind.core.entries.request import EntryRequest
from overmind.core.model.codes import Code
from overmind.core.model.ids import SOL
from overmind.core.model.units import ppm_of

WRITTEN_OUT: Final = frozenset(
    {
        Code.DAILY_LOSS,
        Code.DAILY_LOSS_HEADROOM,
        Code.EXPECTED_COST,
        Code.TRADES_TODAY,
        Code.CONCURRENT_POSITIONS,
        Code.POSITION_SIZE,
        Code.STRATEGY_POSITION_SIZE,
        Code.STRATEGY_SHARE,
        Code.INSUFFICIENT_QUOTE,
        Code.INSUFFICIENT_SOL,
        Code.WALLET_EXPOSURE,
        Code.RATE_LIMIT,
    }
)
ROWS: Final = {limit.code: limit for limit in WALLET_LIMITS}
OTHER_ROWS: Final = tuple(limit for limit in WALLET_LIMITS if limit.code not in WRITTEN_OUT)


def broken_limits(state: State, book: WalletBook, request: EntryRequest, at_ns: int) -> list[Code]:
    """Of those that are written out here, in no order."""
    broken: list[Code] = []
    desk, signal, notional, wallet = state.settings, request.signal, request.notional_micros, book.wallet
    mint, strategy, limits, equity = signal.mint, signal.strategy, wallet.limits, book.equity_micros
    pnl, loss_max = book.day_pnl_micros, limits.daily_loss_max_micros
    at_stops = pnl - book.at_risk_micros if desk.booking_rules >= AT_RISK_RULES else pnl
    if -pnl >= loss_max or not loss_max:
        broken.append(Code.DAILY_LOSS)
    elif (
        book.loss_in_flight_micros + loss_max_micros(desk, book, request) - (at_stops if at_stops < 0 else 0) > loss_max
    ):
        broken.append(Code.DAILY_LOSS_HEADROOM)
    cost_max_bps = desk.expected_cost_max_bps
    if cost_max_bps and notional > 0 and expected_cost_bps(state, book, request) > cost_max_bps:
        broken.append(Code.EXPECTED_COST)
    if book.trades_today + book.entries_open >= limits.trades_per_day_max:
        broken.append(Code.TRADES_TODAY)
    used = used_by_strategy = 0
    is_new = not book.uses(mint)
    if not is_new or mint in book.dust:
        price_pico = state.price_pico(mint)
        used, used_by_strategy = book.used_micros(mint, price_pico), book.used_by_micros(mint, strategy, price_pico)
    if is_new and book.mints_in_use >= limits.positions_max:
        broken.append(Code.CONCURRENT_POSITIONS)
    if used + notional > limits.position_max_micros:
        broken.append(Code.POSITION_SIZE)
    if (share := wallet.strategies.get(strategy)) is not None:
        if used_by_strategy + notional > share.position_max_micros:
            broken.append(Code.STRATEGY_POSITION_SIZE)
        if book.deployed_micros(strategy) + notional > ppm_of(equity, share.share_ppm):
            broken.append(Code.STRATEGY_SHARE)
    balance, costs = state.ledger.balance, desk.costs
    if notional > balance(book.accounts.free, desk.quote.mint):
        broken.append(Code.INSUFFICIENT_QUOTE)
    lamports = costs.fee_max_lamports + rent_lamports(desk, book, mint) + desk.reserve_float_lamports
    if lamports > balance(book.accounts.sol_float, SOL):
        broken.append(Code.INSUFFICIENT_SOL)
    if book.positions_micros + book.entries_micros + notional > ppm_of(equity, limits.exposure_max_ppm):
        broken.append(Code.WALLET_EXPOSURE)
    if rate_used(desk, book, at_ns) >= desk.rate_max_per_s:
        broken.append(Code.RATE_LIMIT)
    return broken

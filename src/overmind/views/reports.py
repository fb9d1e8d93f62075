"""Wallets and the portfolio as an operator reads them. Amounts are floats for display; no decision uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.model.controls import Hold
from overmind.core.model.enums import WalletStatus
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.units import PPM
from overmind.core.model.value import Value
from overmind.core.model.wallet import Exits
from overmind.text.amount import Amount
from overmind.views.amounts import cash_of, sol_of, symbol_of, token_of, tokens_of, usd_of
from overmind.views.bridge import Bridge, bridge
from overmind.views.utilisation import percent_of, wallet_uses

SHORTFALL_WORST_BPS: Final = 100  # a mean shortfall of this much scores 0


class HoldRow(Value, frozen=True):
    scope: str  # a wallet, a strategy, or `portfolio`
    cause: str
    reason: str
    since_ns: int
    until_ns: int | None  # None: until somebody lifts it


class ExitRow(Value, frozen=True):
    """A wallet's own exit rules besides its stop loss. None: no such rule."""

    trailing_stop_percent: float | None
    take_profit_percent: float | None
    max_hold_ms: int | None


class WalletMetrics(Value, frozen=True):
    wallet_id: WalletId
    wallet_type: str
    status: str
    holds: tuple[str, ...]
    sol_balance: Amount  # SOL for fees and SOL positions together
    token_balances: dict[str, Amount]
    total_value_usd: Amount
    daily_pnl: Amount
    total_pnl: Amount
    trade_count_today: int  # entries that were filled since 00:00 UTC: what the limit of trades a day counts
    last_trade_time: int | None  # nanoseconds since 1970
    risk_utilization: float  # percent: the most used of its limits
    utilization: dict[str, float]  # percent, limit by limit
    performance_score: float  # 0-5
    updated_at: int
    rolled_back: int = 0  # executions that a fork undid; counted by their new outcome
    # Spent before a fork took it back, in whole tokens; the balances above are net of it.
    owed: dict[str, Amount] = msgspec.field(default_factory=dict)
    hold_details: tuple[HoldRow, ...] = ()
    exits: ExitRow | None = None


class PortfolioSummary(Value, frozen=True):
    total_wallets: int
    active_wallets: int
    total_value_usd: Amount
    cash_usd: Amount
    positions_usd: Amount
    sol_float_usd: Amount
    daily_pnl: Amount
    realized_pnl: Amount
    unrealized_pnl: Amount
    deposited_usd: Amount
    risk_utilization: float  # percent: value-weighted mean over the active wallets
    exposure: float  # percent of the portfolio's equity
    open_positions: int
    open_orders: int
    holds: tuple[str, ...]  # on the whole portfolio, and paused strategies
    updated_at: int
    provisional_orders: int = 0  # booked, and a fork may still undo them
    hold_details: tuple[HoldRow, ...] = ()  # of the portfolio and of paused strategies
    wallet_holds: tuple[HoldRow, ...] = ()  # of single wallets
    bridge: Bridge | None = None  # from deposits to equity, exact; None only in a summary of before


def wallet_metrics(state: State, book: WalletBook) -> WalletMetrics:
    desk = state.settings
    tokens = {desk.quote.symbol: tokens_of(cash_of(state, book), desk.quote.decimals)}
    for position in book.positions.values():
        tokens[position.token.symbol] = tokens_of(position.units, position.token.decimals)
    utilization = limit_utilization(state, book)
    return WalletMetrics(
        wallet_id=book.wallet.id,
        wallet_type=book.wallet.type.value,
        status=book.status.value,
        holds=tuple(sorted(book.holds)),
        sol_balance=sol_of(state.ledger.owned(book.accounts, SOL)),
        token_balances=tokens,
        total_value_usd=usd_of(book.equity_micros),
        daily_pnl=usd_of(book.day_pnl_micros),
        total_pnl=usd_of(book.realised_micros + book.unrealised_micros),
        trade_count_today=book.trades_today,
        last_trade_time=book.last_trade_ns,
        risk_utilization=max(utilization.values(), default=0.0),
        utilization=utilization,
        performance_score=performance_score(book),
        updated_at=state.at_ns,
        rolled_back=book.rolled_back,
        owed={symbol_of(desk, mint): _owed(state, book, mint) for mint in sorted(book.in_suspense)},
        hold_details=hold_rows(book.wallet.id, book.holds),
        exits=None if book.wallet.exits is None else exit_row(book.wallet.exits),
    )


def exit_row(exits: Exits) -> ExitRow:
    return ExitRow(
        trailing_stop_percent=None if exits.trailing_ppm is None else exits.trailing_ppm * 100 / PPM,
        take_profit_percent=None if exits.take_profit_ppm is None else exits.take_profit_ppm * 100 / PPM,
        max_hold_ms=None if exits.hold_max_ns is None else exits.hold_max_ns // 10**6,
    )


def hold_rows(scope: str, holds: Mapping[str, Hold]) -> tuple[HoldRow, ...]:
    return tuple(
        HoldRow(scope, hold.cause, hold.reason, hold.since_ns, hold.until_ns) for _, hold in sorted(holds.items())
    )


def wide_holds(state: State) -> tuple[HoldRow, ...]:
    paused = [row for strategy, holds in sorted(state.paused.items()) for row in hold_rows(strategy.value, holds)]
    return (*hold_rows("portfolio", state.holds), *paused)


def _owed(state: State, book: WalletBook, mint: Mint) -> Amount:
    accounts = book.accounts
    units = state.ledger.balance(accounts.suspense, mint) + state.ledger.balance(accounts.float_suspense, mint)
    token = token_of(state.settings, mint)
    return tokens_of(-units, token.decimals if token is not None else 0)


def limit_utilization(state: State, book: WalletBook) -> dict[str, float]:
    """How much of each limit is used, in percent."""
    return {use.name: use.percent for use in wallet_uses(state, book)}


def performance_score(book: WalletBook) -> float:
    """0-5 from execution quality: the fill rate of the last executions times how near to the mark they filled.

    Not from PnL, which is the strategy's. 0.0 when nothing ran.
    """
    fills = [one.shortfall_bps for one in book.quality if one.filled]
    if not fills:
        return 0.0
    kept_bps = max(0, SHORTFALL_WORST_BPS * len(fills) - max(0, sum(fills)))
    hundredths = 5 * 100 * kept_bps // (SHORTFALL_WORST_BPS * len(book.quality))  # Rounded down.
    return hundredths / 100


def portfolio_summary(state: State) -> PortfolioSummary:
    books = list(state.wallets.values())
    active = [book for book in books if book.status is WalletStatus.ACTIVE]
    weight = sum(book.equity_micros for book in active)
    used = sum(max(limit_utilization(state, book).values(), default=0.0) * book.equity_micros for book in active)
    positions = sum(book.positions_micros for book in books)
    cash = sum(cash_of(state, book) for book in books)
    return PortfolioSummary(
        total_wallets=len(books),
        active_wallets=len(active),
        total_value_usd=usd_of(state.equity_micros),
        cash_usd=usd_of(cash),
        positions_usd=usd_of(positions),
        sol_float_usd=usd_of(state.equity_micros - positions - cash),
        daily_pnl=usd_of(sum(book.day_pnl_micros for book in books)),
        realized_pnl=usd_of(sum(book.realised_micros for book in books)),
        unrealized_pnl=usd_of(sum(book.unrealised_micros for book in books)),
        deposited_usd=usd_of(state.deposited_micros),
        risk_utilization=used / weight if weight else 0.0,
        exposure=percent_of(state.exposure_micros, state.equity_micros),
        open_positions=sum(len(book.positions) for book in books),
        open_orders=len(state.open_orders),
        holds=portfolio_holds(state),
        updated_at=state.at_ns,
        provisional_orders=len(state.provisional),
        hold_details=wide_holds(state),
        wallet_holds=tuple(row for book in books for row in hold_rows(book.wallet.id, book.holds)),
        bridge=bridge(state),
    )


def portfolio_holds(state: State) -> tuple[str, ...]:
    """On the whole portfolio, and paused strategies."""
    paused = sorted(f"{strategy} paused" for strategy, holds in state.paused.items() if holds)
    return (*sorted(state.holds), *paused)

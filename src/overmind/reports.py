"""What the books say, in the words and units of an operator: USD as floats for the eye, never for a decision."""

from __future__ import annotations

from overmind.core.book import OpenOrder, WalletBook
from overmind.core.ledger import free, held, sol_float, sol_float_held
from overmind.core.model import LAMPORTS, MICROS, PPM, SCALE, SOL, OrderId, Side, Value, WalletId, WalletStatus, ppm_of
from overmind.core.state import State

SHORTFALL_WORST_BPS = 100.0  # a mean shortfall of this much scores nothing


class WalletMetrics(Value, frozen=True):
    wallet_id: WalletId
    wallet_type: str
    status: str
    holds: tuple[str, ...]
    sol_balance: float  # float and position together
    token_balances: dict[str, float]
    total_value_usd: float
    daily_pnl: float
    total_pnl: float
    trade_count_today: int
    last_trade_time: int | None  # nanoseconds since 1970
    risk_utilization: float  # percent: the most used of its limits
    utilization: dict[str, float]  # percent, limit by limit
    performance_score: float  # 0-5
    updated_at: int


class PortfolioSummary(Value, frozen=True):
    total_wallets: int
    active_wallets: int
    total_value_usd: float
    cash_usd: float
    positions_usd: float
    sol_float_usd: float
    daily_pnl: float
    realized_pnl: float
    unrealized_pnl: float
    deposited_usd: float
    risk_utilization: float  # percent: value-weighted mean over the active wallets
    exposure: float  # percent of the portfolio's equity
    open_positions: int
    open_orders: int
    holds: tuple[str, ...]  # on the whole portfolio, and paused strategies
    updated_at: int


class ExecutionStats(Value, frozen=True):
    total_executions: int
    successful_executions: int
    failed_executions: int
    expired_executions: int
    rejected_executions: int
    open_executions: int
    signals: int
    signals_refused: int
    signals_recorded: int
    wallet_usage: dict[str, int]

    @property
    def success_rate(self) -> float:
        """The share of executions that filled; 0.0 when nothing ran."""
        return self.successful_executions / self.total_executions if self.total_executions else 0.0


class PositionRow(Value, frozen=True):
    wallet_id: WalletId
    symbol: str
    mint: str
    quantity: float
    average_cost_usd: float
    value_usd: float
    unrealized_pnl: float
    strategies: tuple[str, ...]


class OrderRow(Value, frozen=True):
    order_id: OrderId
    wallet_id: WalletId
    strategy: str
    side: str
    symbol: str
    notional_usd: float
    state: str
    detail: str


def wallet_metrics(state: State, book: WalletBook) -> WalletMetrics:
    ledger, wallet_id, desk = state.ledger, book.wallet.id, state.settings
    lamports = sum(ledger.balance(one(wallet_id), SOL) for one in (free, held, sol_float, sol_float_held))
    quote = ledger.balance(free(wallet_id), desk.quote.mint) + ledger.balance(held(wallet_id), desk.quote.mint)
    tokens = {desk.quote.symbol: _tokens(quote, desk.quote.decimals)}
    for position in book.positions.values():
        tokens[position.token.symbol] = _tokens(position.units, position.token.decimals)
    utilization = limit_utilization(book)
    return WalletMetrics(
        wallet_id=wallet_id,
        wallet_type=book.wallet.type.value,
        status=book.status.value,
        holds=tuple(sorted(book.holds)),
        sol_balance=lamports / LAMPORTS,
        token_balances=tokens,
        total_value_usd=_usd(book.equity_micros),
        daily_pnl=_usd(book.day_pnl_micros),
        total_pnl=_usd(book.realised_micros + book.unrealised_micros),
        trade_count_today=book.trades_today,
        last_trade_time=book.last_trade_ns,
        risk_utilization=max(utilization.values()),
        utilization=utilization,
        performance_score=performance_score(book),
        updated_at=state.at_ns,
    )


def limit_utilization(book: WalletBook) -> dict[str, float]:
    """How much of each limit is used, in percent."""
    limits = book.wallet.limits
    largest = max((position.value_micros for position in book.positions.values()), default=0)
    return {
        "daily_loss": _percent(max(0, -book.day_pnl_micros), limits.daily_loss_max_micros),
        "position_size": _percent(largest, limits.position_max_micros),
        "exposure": _percent(
            book.positions_micros + book.entries_micros, ppm_of(book.equity_micros, limits.exposure_max_ppm)
        ),
        "concurrent_positions": _percent(book.mints_in_use, limits.positions_max),
        "trades_today": _percent(book.trades_today + book.entries_open, limits.trades_per_day_max),
    }


def performance_score(book: WalletBook) -> float:
    """0-5 from execution quality: the fill rate of the last executions times how near to the mark they filled.

    Not from PnL, which is the strategy's. 0.0 when nothing ran.
    """
    if not book.quality:
        return 0.0
    fills = [one.shortfall_bps for one in book.quality if one.filled]
    if not fills:
        return 0.0
    shortfall = max(0.0, sum(fills) / len(fills))
    return round(5.0 * len(fills) / len(book.quality) * max(0.0, 1.0 - shortfall / SHORTFALL_WORST_BPS), 2)


def portfolio_summary(state: State) -> PortfolioSummary:
    books = list(state.wallets.values())
    active = [book for book in books if book.status is WalletStatus.ACTIVE]
    weight = sum(book.equity_micros for book in active)
    used = sum(max(limit_utilization(book).values()) * book.equity_micros for book in active)
    positions = sum(book.positions_micros for book in books)
    cash = sum(_cash(state, book) for book in books)
    return PortfolioSummary(
        total_wallets=len(books),
        active_wallets=len(active),
        total_value_usd=_usd(state.equity_micros),
        cash_usd=_usd(cash),
        positions_usd=_usd(positions),
        sol_float_usd=_usd(state.equity_micros - positions - cash),
        daily_pnl=_usd(sum(book.day_pnl_micros for book in books)),
        realized_pnl=_usd(sum(book.realised_micros for book in books)),
        unrealized_pnl=_usd(sum(book.unrealised_micros for book in books)),
        deposited_usd=_usd(state.deposited_micros),
        risk_utilization=used / weight if weight else 0.0,
        exposure=_percent(state.exposure_micros, state.equity_micros),
        open_positions=sum(len(book.positions) for book in books),
        open_orders=len(state.open_orders),
        holds=(
            *sorted(state.holds),
            *sorted(f"{strategy} paused" for strategy, holds in state.paused.items() if holds),
        ),
        updated_at=state.at_ns,
    )


def execution_stats(state: State) -> ExecutionStats:
    books = list(state.wallets.values())
    return ExecutionStats(
        total_executions=sum(book.executions for book in books),
        successful_executions=sum(book.filled for book in books),
        failed_executions=sum(book.failed for book in books),
        expired_executions=sum(book.expired for book in books),
        rejected_executions=sum(book.rejected for book in books),
        open_executions=len(state.open_orders),
        signals=state.signals,
        signals_refused=state.refused,
        signals_recorded=state.recorded,
        wallet_usage={book.wallet.id: book.executions for book in books},
    )


def positions(state: State) -> list[PositionRow]:
    return [
        PositionRow(
            wallet_id=book.wallet.id,
            symbol=position.token.symbol,
            mint=position.token.mint,
            quantity=_tokens(position.units, position.token.decimals),
            average_cost_usd=position.average_cost_pico / 10**12,
            value_usd=_usd(position.value_micros),
            unrealized_pnl=_usd(position.unrealised_micros),
            strategies=tuple(sorted(position.units_by)),
        )
        for book in state.wallets.values()
        for position in book.positions.values()
    ]


def open_order_row(state: State, known: OpenOrder) -> OrderRow:
    order = known.order
    token = state.settings.tokens.get(order.mint)
    return OrderRow(
        order_id=order.id,
        wallet_id=order.wallet_id,
        strategy=order.strategy.value,
        side=Side(order.side).value,
        symbol=token.symbol if token else order.mint,
        notional_usd=_usd(order.notional_micros),
        state="placed" if known.ticket is None else "signed",
        detail="" if known.ticket is None else known.ticket.signature,
    )


def _cash(state: State, book: WalletBook) -> int:
    quote, wallet_id = state.settings.quote.mint, book.wallet.id
    return state.ledger.balance(free(wallet_id), quote) + state.ledger.balance(held(wallet_id), quote)


def _usd(micros: int) -> float:
    return micros / MICROS


def _tokens(units: int, decimals: int) -> float:
    return units / SCALE[decimals]


def _percent(part: int, whole: int) -> float:
    """Of nothing, everything is too much."""
    if whole <= 0:
        return 100.0 if part > 0 else 0.0
    return part * PPM // whole / (PPM / 100)

"""A report of performance as programs read it: all of it as JSON. The page, the files and the terminal show the same.

Money is exact. Ratios and returns are floats; a figure that nothing can be said about is null.
"""

from __future__ import annotations

from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.performance.executions import ExecutionRow
from overmind.views.performance.returns import ReturnFigures


class DrawdownRow(Value, frozen=True):
    depth: float  # a fraction, never positive
    peak_at: str
    trough_at: str
    recovered_at: str | None  # None: not yet


class DayRow(Value, frozen=True):
    """A day of UTC or, with `day` cut to the month, a month."""

    day: str
    equity_usd: Amount  # at its end
    flow_usd: Amount  # deposits less withdrawals
    gain_usd: Amount  # equity less the flow and the equity before
    day_return: float  # time-weighted
    drawdown: float  # at its end, from the highest end before
    trades: int  # round trips that ended
    trades_usd: Amount  # what they brought, net


class TradeRow(Value, frozen=True):
    """A round trip: a part of a lot, from its buy to its sale."""

    entered_at: str  # blank: unknown
    exited_at: str
    wallet_id: str
    strategy: str
    symbol: str
    mint: str
    quantity: Amount
    entry_price: float | None  # USD for a whole token, without costs
    exit_price: float | None
    cost_usd: Amount
    proceeds_usd: Amount
    fees_usd: Amount  # fee and rent of both orders, its share of them
    pnl_usd: Amount  # proceeds - cost - fees
    pnl_percent: float | None  # of the cost
    r: float | None  # PnL by what the entry could lose down to its stop; None: it had no stop
    duration_s: float | None
    reason_in: str
    reason_out: str
    entry_order: str
    exit_order: str


class GroupRow(Value, frozen=True):
    """Round trips of one strategy, wallet, token or hour, or all of them."""

    name: str
    trades: int
    wins: int
    win_rate: float | None  # the share with a PnL above zero
    pnl_usd: Amount
    fees_usd: Amount
    expectancy_usd: float | None  # the mean PnL of a trade
    profit_factor: float | None  # gains by losses; None: no trade lost
    average_win_usd: float | None
    average_loss_usd: float | None  # never positive
    expectancy_r: float | None  # the mean R of those that have one
    best_usd: Amount | None
    worst_usd: Amount | None
    duration_s: float | None  # mean


class BenchmarkRow(Value, frozen=True):
    """One dollar that stayed in something else for the same time."""

    name: str
    from_day: str  # its first price in the time
    total: float


class RefusedRow(Value, frozen=True):
    code: str
    signals: int  # that it refused first
    signals_with: int  # that broke it, also after another rule
    followed: int  # buys among those that it refused first of which it can be told what they would have come to
    would_usd: Amount | None  # what these would have earned, less the desk's mean costs; negative: lost


class UseRow(Value, frozen=True):
    """How much of a limit was used, by one look an hour."""

    scope: str  # a wallet, or `portfolio`
    limit: str
    code: str
    mean_percent: float
    highest_percent: float
    highest_at: str
    days: dict[str, float]  # the highest of each day, in percent


class BridgeRow(Value, frozen=True):
    """One term of equity at the end. The terms add up to it, to the micro-dollar."""

    term: str
    usd: Amount


class Point(Value, frozen=True, array_like=True):
    """For the charts."""

    at_s: int
    equity_usd: float
    deposits_usd: float  # net, since the beginning of the time
    index: float  # growth of one dollar
    held: float | None  # growth of one dollar in the benchmark


class Overall(Value, frozen=True):
    returns: ReturnFigures
    drawdown: DrawdownRow
    equity_begin_usd: Amount
    equity_end_usd: Amount
    flow_usd: Amount  # deposits less withdrawals
    gain_usd: Amount
    exposure: float | None  # mean of positions and open buys by equity, weighted by time
    time_invested: float | None  # the share of the time with any of them
    volume_usd: Amount  # of all fills
    turnover: float | None  # volume by mean equity
    turnover_yearly: float | None


class Report(Value, frozen=True):
    from_at: str
    to_at: str
    entries: int
    mode: str
    cluster: str
    overall: Overall
    trades_total: GroupRow
    by_strategy: tuple[GroupRow, ...]
    by_wallet: tuple[GroupRow, ...]
    by_token: tuple[GroupRow, ...]
    by_hour: tuple[GroupRow, ...]  # of the entry, UTC
    benchmarks: tuple[BenchmarkRow, ...]
    months: tuple[DayRow, ...]
    days: tuple[DayRow, ...]
    execution: tuple[ExecutionRow, ...]  # all wallets first
    execution_by_route: tuple[ExecutionRow, ...]  # of each wallet by each route that it took
    refusals: tuple[RefusedRow, ...]
    uses: tuple[UseRow, ...]
    bridge: tuple[BridgeRow, ...]
    assumptions: tuple[str, ...]
    settings: dict[str, str]  # in force at the end
    points: tuple[Point, ...]
    trades: tuple[TradeRow, ...]

"""A report from what was recorded of a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from overmind.clock.instants import iso_seconds
from overmind.core.books.state import State
from overmind.core.model.enums import TradingMode
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.numbers import scaled
from overmind.views.amounts import symbol_of, usd_of
from overmind.views.bridge import MICRO_DECIMALS, Bridge
from overmind.views.performance.days import (
    day_ends,
    day_name,
    day_rows,
    first_prices,
    held_index,
    month_rows,
    points_of,
    returns_of,
)
from overmind.views.performance.executions import cost_rate, execution_row, rows_by_route
from overmind.views.performance.groups import group_row, grouped, trade_row
from overmind.views.performance.record import Record
from overmind.views.performance.returns import DAYS_OF_YEAR, figures_of
from overmind.views.performance.samples import WALLETS_HOURLY, Use
from overmind.views.performance.settings import settings_of
from overmind.views.performance.told import (
    BenchmarkRow,
    BridgeRow,
    DrawdownRow,
    Overall,
    RefusedRow,
    Report,
    UseRow,
)

ALL: Final = "all"
MAINNET: Final = "mainnet"
DAYS_MIN: Final = 90  # for figures of a year
ASSUMPTIONS: Final = (
    "Returns are time-weighted: a deposit or a withdrawal changes equity and no return.",
    "Equity is valued at the desk's own marks, with the SOL for fees and rent in it.",
    "A year has 365 days. Cash earns 0 %. A day without an entry has a return of 0.",
    "Costs of a round trip are fee and rent of both its orders, in proportion to what it sold of them.",
    "R is the result by what the entry could lose down to its stop, with its costs. A trade without a stop has none.",
    "The shortfall of a fill is measured against the mark at its decision.",
    "Use of limits, days and charts are looked at once an hour; the deepest drawdown counts every entry.",
    "Buy and hold puts equal parts into the tokens at their first price in this time, without any cost.",
    "A refused buy is followed as if all of it had been bought at the mark of its refusal, to its exits or to the next"
    " sale of the token by its strategy, less this desk's mean costs. It takes no capital from others.",
)


def report_of(record: Record, assumptions: Sequence[str] = ()) -> Report:
    """`assumptions`: of whoever made the journal, such as those of a market model."""
    state, trips = record.state, record.closed_trips
    hours = record.samples.hours
    ends = day_ends(hours)
    returns = returns_of(ends)
    begin = _micros(record.opening.equity_usd)
    held = _held(record)
    founded = state.founded
    mode, cluster = (founded.mode.value, founded.cluster) if founded is not None else ("", "")
    executions = list(record.executions.values())
    wallets = sorted({one.wallet_id for one in executions})
    return Report(
        from_at=iso_seconds(record.begin_ns or 0),
        to_at=iso_seconds(state.at_ns),
        entries=state.seq,
        mode=mode,
        cluster=cluster,
        overall=_overall(record, begin, returns),
        trades_total=group_row(ALL, trips),
        by_strategy=grouped(trips, "strategy"),
        by_wallet=grouped(trips, "wallet"),
        by_token=grouped(trips, "token"),
        by_hour=grouped(trips, "hour"),
        benchmarks=tuple(_benchmarks(record, held)),
        months=tuple(month_rows(ends, trips, begin)),
        days=tuple(day_rows(ends, trips, begin)),
        execution=(
            execution_row(ALL, executions),
            *(execution_row(name, [one for one in executions if one.wallet_id == name]) for name in wallets),
        ),
        execution_by_route=tuple(rows_by_route(executions)),
        refusals=tuple(_refusals(record, cost_rate(executions))),
        uses=tuple(_use_row(scope, use) for (scope, _), use in record.samples.uses.items() if use.highest),
        bridge=tuple(_bridge(record)),
        assumptions=(*_of_venue(mode, cluster), *_of_time(state, len(returns)), *assumptions, *ASSUMPTIONS),
        settings=settings_of(state),
        points=tuple(points_of(hours, held)),
        trades=tuple(map(trade_row, trips)),
    )


def _refusals(record: Record, rate: float) -> Iterator[RefusedRow]:
    """`rate`: what trading a dollar costs this desk, on either side."""
    told = {code.value: one for code, one in record.refused.told.items()}
    for code, count in record.all_codes.most_common():
        one = told.get(code)
        would = None
        if one is not None:
            would = usd_of(one.sold_micros - one.bought_micros - round(rate * (one.sold_micros + one.bought_micros)))
        yield RefusedRow(code, record.first_codes[code], count, 0 if one is None else one.followed, would)


def _use_row(scope: str, use: Use) -> UseRow:
    return UseRow(
        scope=scope,
        limit=use.name,
        code=use.code.value,
        mean_percent=use.total / use.looks,
        highest_percent=use.highest,
        highest_at=iso_seconds(use.highest_ns),
        days={day_name(day): percent for day, percent in use.days.items()},
    )


def _of_time(state: State, days: int) -> Iterator[str]:
    if days < DAYS_MIN:
        yield f"Figures of a year over {days} day{'' if days == 1 else 's'} say little: chance decides them."
    if state.provisional:
        yield f"{len(state.provisional)} orders are provisional: a fork may still undo them."
    if len(state.wallets) > WALLETS_HOURLY:
        yield f"Of {len(state.wallets)} wallets the use of limits is looked at once a day."


def _of_venue(mode: str, cluster: str) -> Iterator[str]:
    if mode == TradingMode.PAPER:
        yield "This desk traded on paper: its fills, fees and failures are those of the paper venue, not of a market."
    elif mode and cluster != MAINNET:
        yield f"This desk traded on {cluster}, where tokens have no worth: its fills are not those of a market."


def _overall(record: Record, begin: int, returns: Sequence[float]) -> Overall:
    opening, closing, samples = record.opening, record.closing, record.samples
    flow = _micros(closing.deposits_usd) - _micros(opening.deposits_usd)
    end = _micros(closing.equity_usd)
    volume = sum(one.amount_micros for one in record.executions.values())
    watched = samples.watched_ns
    turnover = volume / (samples.equity_ns / watched) if watched else None
    deepest = record.growth.deepest
    return Overall(
        returns=figures_of(returns),
        drawdown=DrawdownRow(
            depth=deepest.depth,
            peak_at=iso_seconds(deepest.peak_ns) if deepest.depth else "",
            trough_at=iso_seconds(deepest.trough_ns) if deepest.depth else "",
            recovered_at=None if deepest.recovered_ns is None else iso_seconds(deepest.recovered_ns),
        ),
        equity_begin_usd=usd_of(begin),
        equity_end_usd=usd_of(end),
        flow_usd=usd_of(flow),
        gain_usd=usd_of(end - begin - flow),
        exposure=samples.exposure_ns / watched if watched else None,
        time_invested=samples.invested_ns / watched if watched else None,
        volume_usd=usd_of(volume),
        turnover=turnover,
        turnover_yearly=turnover * DAYS_OF_YEAR / len(returns) if turnover is not None and returns else None,
    )


def _held(record: Record) -> list[Mint]:
    """What buy and hold holds: the tokens that the desk traded; SOL if it traded none."""
    return sorted(record.traded) or [SOL]


def _benchmarks(record: Record, held: Sequence[Mint]) -> Iterator[BenchmarkRow]:
    hours, state = record.samples.hours, record.state
    if not hours or state.desk is None:
        return
    first = first_prices(hours, held)
    last = hours[-1]
    if len(first) > 1:
        index = held_index(last, first)
        assert index is not None, first
        yield BenchmarkRow("buy and hold, equal parts", iso_seconds(hours[0].at_ns)[:10], index - 1)
    for mint, price in first.items():
        began = next(hour for hour in hours if hour.prices.get(mint))
        total = last.prices.get(mint, price) / price - 1
        yield BenchmarkRow(f"buy and hold {_name(state, mint)}", iso_seconds(began.at_ns)[:10], total)
    yield BenchmarkRow("cash", iso_seconds(hours[0].at_ns)[:10], 0.0)


def _name(state: State, mint: Mint) -> str:
    return "SOL" if mint == SOL else symbol_of(state.settings, mint)


def _bridge(record: Record) -> Iterator[BridgeRow]:
    opening, closing = map(_terms, (record.opening, record.closing))
    terms = (
        ("equity at the beginning", opening["equity"]),
        ("deposits less withdrawals", closing["deposits"] - opening["deposits"]),
        ("sales: proceeds less cost", record.sales_micros),
        ("other ends of lots (withdrawn, written off, taken by a fork)", record.other_micros),
        ("fees and rent", -record.costs_micros),
        ("change of unrealized gains", closing["unrealized"] - opening["unrealized"]),
        ("revaluation of the SOL float", closing["float"] - opening["float"]),
        ("change of suspense", closing["suspense"] - opening["suspense"]),
    )
    total, end = sum(micros for _, micros in terms), closing["equity"]
    assert total == end, (total, end, terms)
    for term, micros in terms:
        yield BridgeRow(term, usd_of(micros))
    yield BridgeRow("equity at the end", usd_of(end))


def _terms(bridge: Bridge) -> dict[str, int]:
    """In micro-dollars, since decimals lose digits when they are subtracted."""
    return {
        "equity": _micros(bridge.equity_usd),
        "deposits": _micros(bridge.deposits_usd),
        "unrealized": _micros(bridge.unrealized_usd),
        "float": _micros(bridge.float_revaluation_usd),
        "suspense": _micros(bridge.suspense_usd),
    }


def _micros(usd: Decimal) -> int:
    units = scaled(usd, MICRO_DECIMALS)
    assert units is not None, usd
    return units

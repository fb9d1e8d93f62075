"""What is recorded of a time: round trips, executions, refusals, and a bridge that adds up for any journal."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sim.simulate import Kind, simulate
from tests.support.core_desk import NOON_NS, CoreDesk, rows
from tests.support.effort import examples
from tests.views.test_accounts import ALWAYS, GOLDEN, NEXT_DAY, accounts_of, play

from overmind.clock.instants import INSTANT_MAX_NS
from overmind.core.books.realised import How
from overmind.core.model.enums import TradingMode
from overmind.core.model.events import DeskFounded, Entry
from overmind.core.model.units import DAY_NS
from overmind.views.account_rows import Period
from overmind.views.performance.growth import Growth
from overmind.views.performance.record import Record
from overmind.views.performance.report import report_of
from overmind.views.performance.returns import total_return
from overmind.views.performance.samples import PORTFOLIO, Samples
from overmind.views.performance.told import Report, TradeRow


def record_of(entries: list[Entry], period: Period = ALWAYS) -> Record:
    record = Record(period)
    record.fold_all(entries)
    return record


def report(steps: str, period: Period = ALWAYS) -> Report:
    return report_of(record_of(CoreDesk(steps).entries, period))


def told(row: TradeRow) -> str:
    """`0.5 eth 1000>1100 -0.02 momentum a>b signal>stop 2R`: quantity, cost, proceeds, fees, whose, orders, reasons."""
    fees = f" -{row.fees_usd}" if row.fees_usd else ""
    orders = f"{row.entry_order.removesuffix('.0.0') or '?'}>{row.exit_order.removesuffix('.0.0')}"
    whose = row.strategy.removesuffix("Trading").lower()
    r = "" if row.r is None else f" {row.r:.2f}R"
    money = f"{row.cost_usd}>{row.proceeds_usd}"
    return f"{row.quantity} {row.symbol.lower()} {money}{fees} {whose} {orders} {row.reason_in}>{row.reason_out}{r}"


BUY, SELL = "buy eth $1000 id a; fill", "sell eth 0.5 id b; fill"
TABLE = f"""
steps | trades
w1; {BUY}; mark eth 2200 |
w1; {BUY}; mark eth 2200; {SELL} | 0.5 eth 1000>1100 momentum a>b signal>signal
w1; {BUY}; sell eth 0.2 id b; fill; sell eth all id c; fill | 0.2 eth 400>400 momentum a>b signal>signal, \
0.3 eth 600>600 momentum a>c signal>signal
# FIFO, each lot with its own strategy.
w1; {BUY}; buy eth $1000 by arbitrage id c; fill; sell eth 0.75 id b; fill | \
0.5 eth 1000>1000 momentum a>b signal>signal, 0.25 eth 500>500 arbitrage c>b signal>signal
w1; deposit w1 0.5 eth; mark eth 2200; sell eth all id b; fill | 0.5 eth 1000>1100 deposit d3>b deposit>signal
# Fees of both orders: the half that is sold bears half of those of the buy. They are worth $0.10 and $0.05.
w1; buy eth $1000 id a; fill fee 1000000; sell eth 0.25 id b; fill fee 500000; sell eth all id c; fill | \
0.25 eth 500>500 -0.1 momentum a>b signal>signal, 0.25 eth 500>500 -0.05 momentum a>c signal>signal
# The reason of an exit of the desk's own; R by the distance of the stop, with costs.
w1 stop 10; {BUY}; mark eth 1700; exits; fill | 0.5 eth 1000>850 momentum a>stop:w1:eth:0 signal>stop -1.50R
# What a fork undid is no trade; what it did not is one.
w1; {BUY}; sell eth 0.5 id b; fill provisional; roll back b.0.0 as expired |
w1; {BUY}; sell eth 0.5 id b; fill provisional; roll back b.0.0 as expired; sell eth all id c; fill at 2400 | \
0.5 eth 1000>1200 momentum a>c signal>signal
w1; {BUY}; sell eth 0.5 id b; fill provisional; roll back b.0.0 as filled at 2100 | \
0.5 eth 1000>1050 momentum a>b signal>signal
# The costs of what replaced it are its own.
w1; {BUY}; sell eth 0.5 id b; fill fee 1000000 provisional; roll back b.0.0 as filled at 2100 fee 500000 | \
0.5 eth 1000>1050 -0.05 momentum a>b signal>signal
# A fork took the buy back before the sale was filled: sold from nothing.
w1; {BUY} provisional; sell eth all id b; roll back a.0.0 as expired; fill b.0.0 at 2200 | \
0.5 eth 0>1100 deposit ?>b deposit>signal
"""


@pytest.mark.parametrize(("steps", "then"), rows(TABLE))
def test_round_trips(steps: str, then: str) -> None:
    assert ", ".join(map(told, report(steps).trades)) == then


def test_groups_add_up_to_all_trades() -> None:
    found = report(
        f"w1; w2; {BUY}; mark eth 2200; {SELL}; buy eth $1100 by arbitrage id c; fill; mark eth 2000;"
        " sell eth all id d; fill; buy btc $100 by arbitrage id e; fill; sell btc all id f; fill"
    )
    total = found.trades_total
    assert (total.trades, total.wins, str(total.pnl_usd)) == (3, 1, "0")
    assert (total.profit_factor, total.expectancy_usd) == (1.0, 0.0)
    assert (total.average_win_usd, total.average_loss_usd) == (100.0, -100.0)
    for rows_of in (found.by_strategy, found.by_wallet, found.by_token, found.by_hour):
        assert sum(row.trades for row in rows_of) == 3
        assert sum(row.pnl_usd for row in rows_of) == total.pnl_usd
    assert [(row.name, row.pnl_usd) for row in found.by_strategy] == [("MomentumTrading", 100), ("Arbitrage", -100)]


def test_executions_refusals_and_costs() -> None:
    found = report(
        "w1; buy eth $1000 id a; fill at 2010 fee 5000; buy eth $1000 id b; fail fee 7000; buy btc $10 id c; expire;"
        " buy eth $99999999 id d"
    )
    everything, one = found.execution
    assert (one.wallet_id, everything.orders, everything.filled, everything.failed) == ("w1", 3, 1, 1)
    assert everything.not_sent == 1
    assert everything.shortfall_bps == pytest.approx(10 / 2010 * 10_000, rel=1e-5)
    assert str(everything.fee_sol) == "0.000012"
    assert everything.causes == {"SLIPPAGE": 1, "EXPIRED": 1}
    assert found.refusals[0].signals == 1
    assert sum(row.signals for row in found.refusals) == 1
    assert [(row.term, row.usd) for row in found.bridge if row.usd and "fees" in row.term] == [
        ("fees and rent", -0.0012)
    ]


def test_a_part_of_the_time_begins_with_what_there_was() -> None:
    """The sale of the second day ends a buy of the first: it is told with its entry, and returns begin at 0."""
    steps = f"w1; {BUY}; mark eth 2200; {NEXT_DAY}; mark eth 2200; {SELL}"
    midnight = NOON_NS + DAY_NS // 2
    second = report(steps, Period(midnight, INSTANT_MAX_NS))
    assert [told(row) for row in second.trades] == ["0.5 eth 1000>1100 momentum a>b signal>signal"]
    assert str(second.overall.equity_begin_usd) == "10100"
    assert [row.usd for row in second.bridge if "deposits" in row.term] == [0]
    first = report(steps, Period(0, midnight))
    assert (first.trades, str(first.overall.equity_end_usd)) == ((), "10100")
    assert first.overall.returns.total == pytest.approx(0.01)


def test_a_deposit_changes_no_return() -> None:
    steps = f"w1; {BUY}; mark eth 2200; {{}}; {NEXT_DAY}; {{}}"
    plain, funded = (report(steps.format(flow, flow)) for flow in ("wait 0", "deposit w1 7000 usd"))
    assert funded.days[0].day_return == plain.days[0].day_return
    assert str(funded.overall.flow_usd) == "24000"
    lasting = report(f"w1; {BUY}; mark eth 2200; deposit w1 7000 usd; {NEXT_DAY}; accept w1 usd -5000")
    assert lasting.days[0].day_return == pytest.approx(0.01)
    assert lasting.overall.drawdown.depth == pytest.approx(-100 / 17_100)  # What ETH lost, of all that there was.


def test_buy_and_hold_is_what_prices_did() -> None:
    found = report(f"w1; {BUY}; buy btc $100 id c; fill; mark eth 3000; mark btc 25000")
    told_of = {row.name: row.total for row in found.benchmarks}
    assert told_of == pytest.approx(
        {"buy and hold, equal parts": 0.0, "buy and hold ETH": 0.5, "buy and hold BTC": -0.5, "cash": 0.0}
    )


def test_a_journal_without_a_trade() -> None:
    found = report("w1")
    assert (found.trades, found.trades_total.win_rate, found.trades_total.profit_factor) == ((), None, None)
    assert found.overall.exposure == found.overall.turnover is None
    assert [row.term for row in found.bridge][-1] == "equity at the end"
    assert report_of(record_of([])).overall.returns.days == 0


@pytest.mark.parametrize(
    ("mode", "cluster", "said"),
    [
        (TradingMode.PAPER, "paper", ["on paper"]),
        (TradingMode.LIVE, "localnet", ["on localnet, where tokens have no worth"]),
        (TradingMode.LIVE, "mainnet", []),
    ],
)
def test_what_is_no_market_is_called_so(mode: TradingMode, cluster: str, said: list[str]) -> None:
    record = record_of(CoreDesk("w1").entries)
    record.state.founded = DeskFounded(mode, cluster, "genesis")
    lines = report_of(record, ["the model's depth is an assumption"]).assumptions
    assert [line for line in lines if "This desk traded" in line] == [
        next(line for line in lines if part in line) for part in said
    ]
    assert "the model's depth is an assumption" in lines
    assert "Figures of a year over 1 day say little: chance decides them." in lines


def test_many_wallets_are_looked_at_once_a_day() -> None:
    desk = CoreDesk("w1; w2; buy eth $1000 id a; fill")
    for wallets_hourly, looks in ((2, 3), (1, 1)):
        samples = Samples(wallets_hourly)
        for _ in range(3):
            samples.look(desk.state, Growth(), 0)
        assert {use.looks for (scope, _), use in samples.uses.items() if scope != PORTFOLIO} == {looks}
        assert {use.looks for (scope, _), use in samples.uses.items() if scope == PORTFOLIO} == {3}


# For all journals


def check(entries: list[Entry], cut_ns: int) -> None:
    record = record_of(entries)
    found = report_of(record)  # It asserts that the bridge adds up.
    kept, _ = accounts_of(entries)
    booked = sum(row.gain_micros for row in kept.gains if row.how in (How.SALE, How.SALE_UNDONE))
    trips = record.closed_trips
    assert sum(one.proceeds_micros - one.cost_micros for one in trips) == booked == record.sales_micros
    assert sum(row.micros for row in kept.costs) == record.costs_micros
    of_orders = [row for row in kept.costs if row.origin.signal_id]
    for field in ("fee_lamports", "rent_lamports"):
        total = sum(getattr(one, field) for one in record.executions.values())
        assert total == sum(getattr(row, field) for row in of_orders), field
    assert sum(one.costs_micros for one in record.executions.values()) == sum(row.micros for row in of_orders)
    assert sum(one.fees_micros for one in trips if one.fees_micros > 0) <= sum(
        row.micros for row in kept.costs if row.micros > 0
    )
    assert total_return([row.day_return for row in found.days]) == pytest.approx(record.growth.index - 1, abs=1e-9)
    assert found.overall.returns.drawdown_daily >= record.growth.deepest.depth - 1e-9
    parts = [report_of(record_of(entries, part)) for part in (Period(0, cut_ns), Period(cut_ns, INSTANT_MAX_NS))]
    assert all(one.usd == other.usd for one, other in [(parts[0].bridge[-1], parts[1].bridge[0])])
    for earlier, later in pairwise(found.days):
        assert later.equity_usd - earlier.equity_usd == pytest.approx(later.flow_usd + later.gain_usd, abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("forks", [False, True])
def test_long_scripts_add_up(seed: int, forks: bool) -> None:
    entries = play(Random(seed), 1 + seed, 150, forks)
    check(entries, entries[len(entries) // 2].at_ns)


@pytest.mark.soak
@settings(derandomize=True, max_examples=examples(100), deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 3), st.integers(5, 80), st.integers(0, 100), st.booleans())
def test_every_small_script_adds_up(rng: Random, wallets: int, commands: int, percent: int, forks: bool) -> None:
    entries = play(rng, wallets, commands, forks)
    check(entries, entries[(len(entries) - 1) * percent // 100].at_ns)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.jsonl")), ids=lambda path: path.stem)
def test_every_old_journal_has_a_report(path: Path) -> None:
    _, *lines = path.read_bytes().splitlines()  # The state comes first.
    entries = [msgspec.json.decode(line, type=Entry) for line in lines]
    check(entries, entries[len(entries) // 2].at_ns)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["plain", "chain"])
@pytest.mark.parametrize("seed", range(30_000, 30_004))
def test_the_journals_of_the_simulator_have_reports(kind: Kind, seed: int) -> None:
    entries = simulate(seed, kind).journal.entries
    check(entries, entries[len(entries) // 2].at_ns)

"""Reports, records, log lines and `verify` after a fork has undone an outcome."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import structlog
from tests.support.core_desk import CoreDesk

from overmind.cli import books
from overmind.core.model.events import Entry, OrderClosed, OrderPlaced, OrderRolledBack
from overmind.core.model.ids import Mint, OrderId
from overmind.desk.log.decisions import log_entry
from overmind.journal.sqlite import SqliteJournal
from overmind.sdk.records import execution_record
from overmind.views import reports
from overmind.views.stats import execution_stats
from overmind.views.verify import invariant_problems, verify

FORKED = (
    "w1; buy eth $1000 id a; fill provisional fee 5000; sell eth 0.2 id b; fill; roll back a.0.0 as failed fee 7000;"
    "accept w1 usd +1 because found; buy btc $500 id c; fill provisional; buy btc $600 id d; fill provisional;"
    "final d.0.0;"
    "buy btc $700 id e"
)


def test_a_rolled_back_order_counts_by_its_new_outcome() -> None:
    desk = CoreDesk(FORKED)
    stats = execution_stats(desk.state)
    assert (stats.total_executions, stats.successful_executions, stats.failed_executions) == (4, 3, 1)
    assert (stats.provisional_executions, stats.rolled_back_executions, stats.open_executions) == (1, 1, 1)
    assert stats.success_rate == 0.75
    assert reports.portfolio_summary(desk.state).provisional_orders == 1
    assert reports.wallet_metrics(desk.state, desk.book("w1")).rolled_back == 1


@pytest.mark.parametrize(
    ("steps", "owed", "balances"),
    [
        ("sell eth 0.2 id b; fill; roll back a.0.0 as expired", {"ETH": 0.2}, {"USDC": 10_300.0}),
        ("final; sell eth all; fill provisional; buy btc $9900; fill; roll back as expired", {"USDC": 1_000.0}, None),
        ("final; sell eth all; fill", {}, {"USDC": 9_900.0}),
    ],
)
def test_debts_are_shown_by_symbol(steps: str, owed: dict[str, float], balances: dict[str, float] | None) -> None:
    desk = CoreDesk(f"w1; buy eth $1000 id a; fill provisional; {steps}")
    metrics = reports.wallet_metrics(desk.state, desk.book("w1"))
    assert metrics.owed == owed
    assert balances is None or metrics.token_balances == balances
    summary = reports.portfolio_summary(desk.state)
    parts = summary.cash_usd + summary.positions_usd + summary.sol_float_usd
    assert parts == pytest.approx(summary.total_value_usd)
    assert summary.sol_float_usd == pytest.approx(100)


def test_records_of_one_order() -> None:
    desk = CoreDesk(FORKED)
    placed = [entry.event for entry in desk.entries if isinstance(entry.event, OrderPlaced)]
    order = placed[0].order
    ends = [
        entry
        for entry in desk.entries
        if isinstance(entry.event, OrderClosed | OrderRolledBack) and entry.event.order_id == order.id
    ]
    first, second = (execution_record(order, entry) for entry in ends)
    assert (first.status, first.provisional, first.rolled_back) == ("filled", True, False)
    assert (second.status, second.provisional, second.rolled_back) == ("failed", False, True)
    assert (second.fee_lamports, second.spent.units) == (7_000, 0)


def lines_of(desk: CoreDesk) -> list[dict[str, object]]:
    with structlog.testing.capture_logs() as lines:
        for entry in desk.entries:
            log_entry(entry, None)
    return [dict(line) for line in lines]


def test_an_operator_is_warned_of_forks_and_of_what_was_accepted() -> None:
    lines = {str(line["event"]): line for line in lines_of(CoreDesk(FORKED))}
    rolled_back, adjusted = lines["order rolled back"], lines["balance adjusted"]
    assert (rolled_back["log_level"], rolled_back["order_id"]) == ("warning", "a.0.0")
    assert (rolled_back["outcome"], rolled_back["fee_lamports"]) == ("failed", 7_000)
    assert (adjusted["log_level"], adjusted["wallet"], adjusted["units"]) == ("warning", "w1", 1_000_000)
    assert adjusted["why"] == "found"
    assert lines["order final"]["order_id"] == "d.0.0"
    held = [line for line in lines_of(CoreDesk("w1; chain w1 usd -5")) if line["event"] == "hold added"]
    assert [(line["log_level"], line["cause"]) for line in held] == [("warning", "deficit:w1")]


def test_a_provisional_close_says_so() -> None:
    closed = [line for line in lines_of(CoreDesk(FORKED)) if line["event"] == "order closed"]
    assert [line.get("provisional", False) for line in closed] == [True, False, True, True]


async def _written(path: Path, entries: list[Entry]) -> None:
    journal = SqliteJournal.open(path)
    await journal.append(entries)
    journal.close()


def test_orders_say_what_is_final(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(_written(tmp_path / "overmind.db", CoreDesk(FORKED).entries))
    books.orders(as_json=True, data_dir=tmp_path)
    rows = json.loads(capsys.readouterr().out)
    states = {row["order_id"]: row["state"] for row in rows}
    assert states == {
        "a.0.0": "failed (rolled back)",
        "b.0.0": "filled",
        "c.0.0": "filled (provisional)",
        "d.0.0": "filled",
        "e.0.0": "placed",
    }
    assert "a fork undid: filled spent 1000 USD" in next(row["detail"] for row in rows if row["order_id"] == "a.0.0")
    assert verify(tmp_path / "overmind.db").ok


def test_verify_knows_what_a_fork_may_leave() -> None:
    desk = CoreDesk(FORKED.partition("accept")[0] + "deposit w1 1 btc")
    assert invariant_problems(desk.state) == []
    book = desk.book("w1")
    book.in_suspense.clear()
    assert invariant_problems(desk.state) == ["w1: nothing is listed as owed, the books owe eth"]
    book.in_suspense.add(Mint("eth"))
    desk.state.ledger.transfer(5, Mint("eth"), "@market", book.accounts.suspense)
    desk.state.ledger.transfer(5, Mint("eth"), book.accounts.suspense, "@market")
    desk.state.ledger.transfer(7, Mint("btc"), "@market", book.accounts.suspense)
    problems = invariant_problems(desk.state)
    assert "@suspense/w1 btc: 7, a suspense account only owes" in problems
    assert any("btc: position of" in problem for problem in problems)
    assert any("btc, eth" in problem for problem in problems)


def test_verify_finds_a_position_that_no_account_has_and_an_account_without_a_position() -> None:
    desk = CoreDesk("w1; buy eth $1000; fill")
    desk.state.ledger.transfer(10, Mint("eth"), "w1/free", "@market")
    desk.state.ledger.transfer(10, Mint("btc"), "@market", "w1/free")
    assert invariant_problems(desk.state) == [
        "w1 btc: position of 0, books say 10",
        "w1 eth: position of 50000000, books say 49999990",
    ]


def test_verify_finds_an_order_that_is_open_and_booked() -> None:
    desk = CoreDesk("w1; buy eth $1000 id a; fill provisional; buy eth $1000 id b")
    desk.state.provisional[OrderId("b.0.0")] = desk.state.provisional[OrderId("a.0.0")]
    assert invariant_problems(desk.state) == ["order b.0.0 is open, and booked provisionally as well"]

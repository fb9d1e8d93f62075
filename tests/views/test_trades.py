"""Trades and signals as they are asked for: a trade realises what the accounts book for its order, to the last unit."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from tests.support.core_desk import CoreDesk
from tests.support.random_commands import RandomCommands, attempt
from tests.views.test_accounts import accounts_of

from overmind.journal.catalogue.past import Past, Search
from overmind.journal.database import Disk
from overmind.journal.recovery import state_at
from overmind.journal.sqlite import SqliteJournal
from overmind.views.past import BadSearch
from overmind.views.signals import signals_in
from overmind.views.trades import TradeRow, effects_of, span_of, trades_of

ALL = Search(10_000)


@contextlib.contextmanager
def journal_of(desk: CoreDesk, folder: Path) -> Iterator[SqliteJournal]:
    with contextlib.closing(SqliteJournal.open(folder / "overmind.db", Disk(synchronous="OFF"))) as journal:
        asyncio.run(journal.append(desk.entries))
        yield journal


def trades(desk: CoreDesk, folder: Path, search: Search = ALL) -> list[TradeRow]:
    with journal_of(desk, folder) as journal:
        works = Past(journal, None).fills(search)
        if not works.ids:
            return []
        first, last = span_of(works)
        state = state_at(journal, first - 1)
        entries = [entry for entry in desk.entries if state.seq < entry.seq <= last]
        return trades_of(works, desk.state.settings, effects_of(state, entries, set(works.ids)))


def test_a_trade_tells_what_it_cost_and_realised(tmp_path: Path) -> None:
    buy, sale = trades(
        CoreDesk("w1; buy eth $1000 id a; fill fee 100000; mark eth 2200; sell eth all id b; fill"), tmp_path
    )
    assert (buy.side, buy.quantity, buy.price, str(buy.amount_usd)) == ("Buy", "0.5", "2000", "1000")
    assert (str(buy.cost_usd), buy.cost_bps, str(buy.realized_usd)) == ("0.01", 0.1, "-0.01")
    assert (sale.side, sale.quantity, sale.price, str(sale.realized_usd)) == ("Sell", "0.5", "2200", "100")
    assert (sale.order_id, sale.signal_id, sale.wallet_id) == ("b.0.0", "b", "w1")
    assert buy.expected_bps > 0
    assert not buy.provisional


def test_only_what_was_filled_and_stayed_is_a_trade(tmp_path: Path) -> None:
    script = (
        "w1; w2; buy eth $100 id a; reject a.0.0; reject a.0.1; buy eth $100 id b; fill b.0.0 provisional;"
        " roll back b.0.0 as expired; buy eth $100 id c; fill c.0.0 provisional; buy eth $100 id d"
    )
    (row,) = trades(CoreDesk(script), tmp_path)
    assert (row.order_id, row.provisional) == ("c.0.0", True)


@pytest.mark.parametrize("seed", range(4))
def test_trades_realise_what_the_accounts_book(tmp_path: Path, seed: int) -> None:
    desk, chance = CoreDesk(prices={}), RandomCommands(Random(seed), 4, forks=seed % 2 == 0, moves=True)
    for command in chance.opening():
        attempt(desk, command)
    for _ in range(300):
        desk.now_ns += chance.later_ns()
        attempt(desk, chance.command(desk))
    kept, _ = accounts_of(desk.entries)
    booked: Counter[str] = Counter()
    for gain in kept.gains:
        booked[gain.origin.id] += gain.gain_micros
    for cost in kept.costs:
        booked[cost.origin.id] -= cost.micros
    rows = trades(desk, tmp_path)
    assert rows
    for row in rows:
        assert Decimal(str(row.realized_usd)).scaleb(6) == booked[row.order_id], row


def test_each_signal_has_its_answer_and_what_became_of_it(tmp_path: Path) -> None:
    script = (
        "w1; w2; buy eth $100 id a; fill; buy eth $999999999 id b; buy btc $100 id c; reject c.0.0;"
        " buy eth $100 id d; close w1 eth"
    )
    desk = CoreDesk(script)
    with journal_of(desk, tmp_path) as journal:
        rows = signals_in(Past(journal, None), desk.state.desk, ALL)
    assert [(row.signal_id, row.status, row.outcome, row.size) for row in rows[:4]] == [
        ("a", "placed", "filled", "$100.00"),
        ("b", "refused", "", "$999,999,999.00"),
        ("c", "placed", "open", "$100.00"),
        ("d", "placed", "open", "$100.00"),
    ]
    assert rows[2].orders == ("c.0.0", "c.0.1")
    assert rows[1].refusals[0]["code"] == "PRICE_IMPACT"
    assert [row.own for row in rows] == [False] * 4 + [True] * len(rows[4:])
    assert rows[4:]


def test_signals_are_found_by_strategy_and_by_code(tmp_path: Path) -> None:
    desk = CoreDesk("w1; buy eth $100 id a; stop; buy eth $5 id b; buy eth $5 id c")
    with journal_of(desk, tmp_path) as journal:
        past = Past(journal, None)

        def found(strategy: str = "", code: str | None = None) -> list[str]:
            return [row.signal_id for row in signals_in(past, desk.state.desk, ALL, strategy, code)]

        assert found() == found("MomentumTrading") == ["a", "b", "c"]
        assert found(code="") == found(code="PORTFOLIO_STOPPED") == ["b", "c"]
        assert found("AIDecision") == found(code="POSITION_SIZE") == []
        with pytest.raises(BadSearch, match="no code 'NONSENSE'"):
            found(code="NONSENSE")

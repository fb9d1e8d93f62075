"""Orders, moves and refusals as they are asked for: closed ones in the order of placing, then what is open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.core_desk import CoreDesk

from overmind.core.books.apply import apply
from overmind.core.books.state import State
from overmind.journal.catalogue.past import Past, Search
from overmind.journal.database import Disk
from overmind.journal.sqlite import SqliteJournal
from overmind.views.past import (
    REFUSALS_LISTED_MAX,
    BadSearch,
    moves_in,
    narrowed,
    opened_moves,
    opened_orders,
    orders_in,
    refusals_in,
)

ALL = Search(1_000)


@contextlib.contextmanager
def past_of(desk: CoreDesk, folder: Path) -> Iterator[Past]:
    with contextlib.closing(SqliteJournal.open(folder / "overmind.db", Disk(synchronous="OFF"))) as journal:
        asyncio.run(journal.append(desk.entries))
        yield Past(journal, None)


def test_closed_orders_come_first_and_open_ones_have_their_time(tmp_path: Path) -> None:
    desk = CoreDesk("w1; w2; buy eth $100 id a; buy eth $100 id b; fill b.0.0; buy eth $100 id c; reject c.0.0")
    with past_of(desk, tmp_path) as past:
        rows = orders_in(past, opened_orders(desk.state), ALL)
        assert [(row.order_id, row.state) for row in rows] == [
            ("b.0.0", "filled"),
            ("c.0.0", "rejected"),
            ("a.0.0", "placed"),
            ("c.0.1", "placed"),
        ]
        assert all(row.placed_at for row in rows)
        only_open = orders_in(past, opened_orders(desk.state), ALL, only_open=True)
        assert only_open == rows[2:]
        assert orders_in(past, opened_orders(desk.state), Search(0)) == rows[2:]
        assert orders_in(past, opened_orders(desk.state), Search(9, wallet="w3")) == []


def test_what_closed_since_the_state_was_read_is_shown_once_as_closed(tmp_path: Path) -> None:
    desk, before = CoreDesk("w1; buy eth $100 id a; fill"), State()
    for entry in desk.entries[:-1]:
        apply(before, entry)
    opened = opened_orders(before)
    assert [row.order_id for _, row in opened.orders] == ["a.0.0"]
    with past_of(desk, tmp_path) as past:
        assert [(row.order_id, row.state) for row in orders_in(past, opened, ALL)] == [("a.0.0", "filled")]
        assert orders_in(past, opened, ALL, only_open=True) == []


def test_a_desk_that_is_not_configured_has_no_past(tmp_path: Path) -> None:
    with past_of(CoreDesk("w1"), tmp_path) as past:
        assert orders_in(past, opened_orders(State()), ALL) == []
        assert moves_in(past, opened_moves(State(), 0), ALL) == []
        assert refusals_in(past, None, ALL, None) == []


def test_a_refusal_lists_its_first_refusals_and_counts_the_others(tmp_path: Path) -> None:
    desk = CoreDesk("; ".join(f"w{number}" for number in range(30)) + "; buy eth $999999999 id no")
    with past_of(desk, tmp_path) as past:
        (row,) = refusals_in(past, desk.state.desk, ALL, None)
    assert (row.signal_id, row.symbol, len(row.refusals)) == ("no", "ETH", REFUSALS_LISTED_MAX)
    assert row.unlisted > 0


@pytest.mark.parametrize(
    ("wallet", "token", "problem"),
    [
        ("nobody", None, "no wallet 'nobody' in the journal; one of: w1"),
        (None, "DOGE", "no token 'DOGE' is listed; one of: "),
        (None, "", "no token '' is listed"),
    ],
)
def test_a_search_for_what_there_cannot_be_is_refused(wallet: str | None, token: str | None, problem: str) -> None:
    with pytest.raises(BadSearch, match=problem):
        narrowed(CoreDesk("w1").state, ALL, wallet, token)


def test_a_token_is_named_by_symbol_or_by_mint_also_when_it_is_listed_no_more() -> None:
    state = CoreDesk("w1").state
    assert narrowed(state, ALL, "w1", "eth").mint == narrowed(state, ALL, "w1", "ETH").mint == "eth"
    assert narrowed(state, ALL, None, "7" * 44).mint == "7" * 44


def test_an_unknown_code_is_refused(tmp_path: Path) -> None:
    desk = CoreDesk("w1")
    with past_of(desk, tmp_path) as past, pytest.raises(BadSearch, match="no code 'BECAUSE'"):
        refusals_in(past, desk.state.desk, ALL, "BECAUSE")

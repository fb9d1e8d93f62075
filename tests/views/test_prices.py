"""Prices as everybody reads them: the newest that is believed, exactly, with its time."""

from __future__ import annotations

from overmind.core.books.state import State
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Mark, Token
from overmind.views.prices import prices

ETH, GONE = Mint("eth"), Mint("gone")
DESK = Desk(quote=Token("USDC", Mint("usdc"), 6), tokens={SOL: Token("SOL", SOL, 9), ETH: Token("ETH", ETH, 8)})


def test_prices_are_exact_and_by_symbol() -> None:
    state = State(desk=DESK)
    state.marks = {
        SOL: Mark(SOL, 123_456_789_012_345, 7),
        ETH: Mark(ETH, 1, 8),
        GONE: Mark(GONE, 10**12, 9),  # no longer listed
    }
    state.doubted = {SOL: Mark(SOL, 1_000_000_000_000, 10)}
    shown = [(row.symbol, row.mint, str(row.price_usd), row.at_ns, row.doubted) for row in prices(state)]
    assert shown == [
        ("ETH", ETH, "0.000000000001", 8, False),
        ("SOL", SOL, "123.456789012345", 7, True),
        ("gone", GONE, "1", 9, False),
    ]


def test_a_desk_without_a_price_tells_none() -> None:
    assert prices(State(desk=DESK)) == []

"""Round trips in few bytes, for the page's own code: words are numbers of a list, and what follows is left out."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import Final

from overmind.clock.instants import instant_ns
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.views.performance.told import TradeRow

PRICE_DIGITS: Final = 8
Cell = int | float | str | None


class TradeList(Value, frozen=True):
    """`rows` have: end in unix seconds, duration in seconds, then words (wallet, strategy, token), quantity, prices of
    entry and exit, fees, PnL, percent, R, words (reasons in and out), and the orders."""

    words: list[str]
    rows: list[tuple[Cell, ...]]


def trade_list(trades: Sequence[TradeRow]) -> TradeList:
    words: dict[str, int] = {}

    def word(text: str) -> int:
        return words.setdefault(text, len(words))

    rows: list[tuple[Cell, ...]] = [
        (
            instant_ns(row.exited_at) // NS,
            None if row.duration_s is None else round(row.duration_s),
            word(row.wallet_id),
            word(row.strategy),
            word(row.symbol),
            _short(row.quantity),
            _short(row.entry_price),
            _short(row.exit_price),
            _short(row.fees_usd),
            _short(row.pnl_usd),
            None if row.pnl_percent is None else round(row.pnl_percent, 2),
            None if row.r is None else round(row.r, 2),
            word(row.reason_in),
            word(row.reason_out),
            row.entry_order,
            row.exit_order,
        )
        for row in trades
    ]
    return TradeList(list(words), rows)


def _short(number: float | None) -> Cell:
    """To eight digits; a whole number without a point."""
    if number is None or number == 0:
        return number if number is None else 0
    rounded = round(number, PRICE_DIGITS - 1 - floor(log10(abs(number))))
    return round(rounded) if rounded == round(rounded) else rounded

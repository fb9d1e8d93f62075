"""The newest prices, and those that are shown and not believed."""

from __future__ import annotations

from collections.abc import Iterator

from overmind.core.books.state import State
from overmind.core.books.trust import credible_band, doubt_text
from overmind.core.model.ids import Mint
from overmind.core.model.money import Mark
from overmind.core.model.units import PICO
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import price_of, symbol_of


class PriceRow(Value, frozen=True):
    """What a token costs by the newest price that the desk believes: it values positions and judges limits."""

    symbol: str
    mint: str
    price_usd: Amount
    at_ns: int  # when it was seen, in nanoseconds since 1970
    doubted: bool  # a newer price is not believed: `doubted` of `/v1/risk` says why


class DoubtRow(Value, frozen=True):
    """A token whose newest price is not believed. Prices are USD, exact."""

    symbol: str
    mint: str
    shown: str
    believed: str | None  # the newest that was; None: there never was one
    lowest: str  # no exit sells below this now
    highest: str
    why: str
    fix: str


def prices(state: State) -> list[PriceRow]:
    return [*price_rows(state)]


def price_rows(state: State) -> Iterator[PriceRow]:
    """By symbol. The state may change between two rows: each row is of one price."""
    desk = state.settings
    for symbol, mint in sorted((symbol_of(desk, mint), mint) for mint in state.marks):
        mark = state.marks[mint]
        yield PriceRow(symbol, mint, price_of(mark.price_pico), mark.at_ns, mint in state.doubted)


def doubts(state: State) -> tuple[DoubtRow, ...]:
    return tuple(_row(state, mark) for _, mark in sorted(state.doubted.items()))


def _row(state: State, mark: Mark) -> DoubtRow:
    band, symbol = credible_band(state, mark), symbol_of(state.settings, mark.mint)
    believed = state.price_pico(mark.mint)
    return DoubtRow(
        symbol=symbol,
        mint=mark.mint,
        shown=_usd(mark.price_pico),
        believed=_usd(believed) if believed else None,
        lowest=_usd(band.low_pico),
        highest=_usd(band.high_pico),
        why=doubt_text(state, mark),
        fix=f"look the price up elsewhere, then `overmind accept-price {symbol} PRICE --reason …`",
    )


def _usd(pico: int) -> str:
    whole, part = divmod(pico, PICO)
    return f"{whole}.{part:012}".rstrip("0").rstrip(".")


def accepted_text(state: State, mint: Mint, price_pico: int) -> str:
    return f"{symbol_of(state.settings, mint)}: new prices are measured against {_usd(price_pico)} USD from now on"

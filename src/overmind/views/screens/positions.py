"""Every position: what it is worth now, how far its stops are, and how long it is held."""

from __future__ import annotations

from collections.abc import Iterator

from overmind.core.books.book import WalletBook
from overmind.core.books.positions import Position
from overmind.core.books.state import State
from overmind.core.books.triggers import exit_at_ns, profit_pico, stop_pico, trail_pico
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import price_of, tokens_of, usd_of


class PositionScreenRow(Value, frozen=True):
    wallet_id: str
    symbol: str
    mint: str
    quantity: Amount
    cost_usd: Amount
    average_usd: Amount  # of a token
    price_usd: Amount | None  # the newest mark; None: it has none
    is_doubted: bool  # a newer price is not believed
    value_usd: Amount
    pnl_usd: Amount
    pnl_percent: float  # of its cost
    stop_usd: Amount | None  # the highest of its stops
    stop_percent: float | None  # how far the price may fall until then
    trails: bool  # that one follows the price
    profit_usd: Amount | None
    profit_percent: float | None  # how far the price must rise until then
    opened_ns: int  # of its oldest lot
    held_ns: int
    sold_by_ns: int | None
    strategies: tuple[str, ...]
    closing: str  # why an operator wants it sold; blank: nobody does
    is_dust: bool


def screen_positions(state: State, at_ns: int) -> Iterator[PositionScreenRow]:
    """The state may change between two rows: what was sold meanwhile is left out."""
    for book in [*state.wallets.values()]:
        for mint, position in [*book.positions.items()]:
            if book.positions.get(mint) is position:
                yield position_row(state, book, position, at_ns)


def position_row(state: State, book: WalletBook, position: Position, at_ns: int) -> PositionScreenRow:
    mint, token = position.token.mint, position.token
    pico = state.price_pico(mint)
    value = position.value_micros(pico)
    pnl = value - position.cost_micros
    fixed, trail, profit = stop_pico(book, position), trail_pico(book, position), profit_pico(book, position)
    stop = max((one for one in (fixed, trail) if one is not None), default=None)
    return PositionScreenRow(
        wallet_id=book.wallet.id,
        symbol=token.symbol,
        mint=mint,
        quantity=tokens_of(position.units, token.decimals),
        cost_usd=usd_of(position.cost_micros),
        average_usd=price_of(position.average_cost_pico),
        price_usd=price_of(pico) if mint in state.marks else None,
        is_doubted=mint in state.doubted,
        value_usd=usd_of(value),
        pnl_usd=usd_of(pnl),
        pnl_percent=pnl * 100 / position.cost_micros if position.cost_micros > 0 else 0.0,
        stop_usd=None if stop is None else price_of(stop),
        stop_percent=None if stop is None else _away(pico, stop),
        trails=stop is not None and stop == trail and stop != fixed,
        profit_usd=None if profit is None else price_of(profit),
        profit_percent=None if profit is None else _away(profit, pico),
        opened_ns=position.opened_ns,
        held_ns=max(0, at_ns - position.opened_ns),
        sold_by_ns=exit_at_ns(book, position),
        strategies=tuple(sorted(position.units_by)),
        closing=book.closing.get(mint, ""),
        is_dust=mint in book.dust,
    )


def _away(high_pico: int, low_pico: int) -> float | None:
    """How far the higher price is above the lower one, in percent of the price that is higher. None without prices."""
    return (high_pico - low_pico) * 100 / high_pico if high_pico > 0 and low_pico > 0 else None

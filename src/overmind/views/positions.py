"""Positions as an operator reads them, with the prices at which they will be sold."""

from __future__ import annotations

from collections.abc import Iterator

from overmind.core.books.book import WalletBook
from overmind.core.books.positions import Position
from overmind.core.books.state import State
from overmind.core.books.triggers import exit_at_ns, profit_pico, stop_pico, trail_pico
from overmind.core.model.ids import WalletId
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import price_of, tokens_of, usd_of


class PositionRow(Value, frozen=True):
    wallet_id: WalletId
    symbol: str
    mint: str
    quantity: Amount
    average_cost_usd: Amount
    value_usd: Amount
    unrealized_pnl: Amount
    strategies: tuple[str, ...]
    quantity_by_strategy: dict[str, Amount]  # what each may sell; "deposit": what came without an order
    # Exit prices and time: the stricter of the wallet's rule and the signals' rules. None: no such rule.
    stop_price_usd: Amount | None = None
    trailing_stop_price_usd: Amount | None = None  # follows the highest price confirmed by two marks
    take_profit_price_usd: Amount | None = None
    sold_by_ns: int | None = None
    closing: str | None = None  # why an operator wants it sold now
    dust: bool = False  # worth less than OVERMIND_DUST_USD


def positions(state: State) -> list[PositionRow]:
    return [*position_rows(state)]


def position_rows(state: State) -> Iterator[PositionRow]:
    """The state may change between two rows: what was sold meanwhile is left out."""
    for book in [*state.wallets.values()]:
        for mint, position in [*book.positions.items()]:
            if book.positions.get(mint) is position:
                yield _position_row(state, book, position)


def _position_row(state: State, book: WalletBook, position: Position) -> PositionRow:
    value = position.value_micros(state.price_pico(position.token.mint))
    return PositionRow(
        wallet_id=book.wallet.id,
        symbol=position.token.symbol,
        mint=position.token.mint,
        quantity=tokens_of(position.units, position.token.decimals),
        average_cost_usd=price_of(position.average_cost_pico),
        value_usd=usd_of(value),
        unrealized_pnl=usd_of(value - position.cost_micros),
        strategies=tuple(sorted(position.units_by)),
        quantity_by_strategy={
            owner: tokens_of(units, position.token.decimals) for owner, units in sorted(position.units_by.items())
        },
        stop_price_usd=None if (stop := stop_pico(book, position)) is None else price_of(stop),
        trailing_stop_price_usd=None if (trail := trail_pico(book, position)) is None else price_of(trail),
        take_profit_price_usd=None if (profit := profit_pico(book, position)) is None else price_of(profit),
        sold_by_ns=exit_at_ns(book, position),
        closing=book.closing.get(position.token.mint),
        dust=position.token.mint in book.dust,
    )

"""Amounts for display: USD and whole tokens as floats, and the symbols of tokens. No decision uses them."""

from __future__ import annotations

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.units import MICROS, PICO, SCALE


def cash_of(state: State, book: WalletBook) -> int:
    return state.ledger.owned(book.accounts, state.settings.quote.mint)


def usd_of(micros: int) -> float:
    return micros / MICROS


def price_of(pico: int) -> float:
    return pico / PICO


def tokens_of(units: int, decimals: int) -> float:
    return units / SCALE[decimals]


def token_of(desk: Desk, mint: Mint) -> Token | None:
    """None: it is no longer listed."""
    return desk.quote if mint == desk.quote.mint else desk.tokens.get(mint)


def symbol_of(desk: Desk, mint: Mint) -> str:
    token = token_of(desk, mint)
    return token.symbol if token is not None else mint

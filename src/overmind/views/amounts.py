"""Amounts for display, exact in JSON, and the symbols of tokens. No decision uses them."""

from __future__ import annotations

from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import SOL_DECIMALS, State
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.text.amount import Amount

USD_DECIMALS: Final = 6  # micro-USD
PRICE_DECIMALS: Final = 12  # prices are in pico-USD


def cash_of(state: State, book: WalletBook) -> int:
    return state.ledger.owned(book.accounts, state.settings.quote.mint)


def usd_of(micros: int) -> Amount:
    return Amount.of(micros, USD_DECIMALS)


def price_of(pico: int) -> Amount:
    return Amount.of(pico, PRICE_DECIMALS)


def tokens_of(units: int, decimals: int) -> Amount:
    return Amount.of(units, decimals)


def sol_of(lamports: int) -> Amount:
    return Amount.of(lamports, SOL_DECIMALS)


def token_of(desk: Desk, mint: Mint) -> Token | None:
    """None: it is no longer listed."""
    return desk.quote if mint == desk.quote.mint else desk.tokens.get(mint)


def symbol_of(desk: Desk, mint: Mint) -> str:
    token = token_of(desk, mint)
    return token.symbol if token is not None else mint


def dollars(amount: float) -> str:
    """For people."""
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"

"""The maximum costs of an entry: the fall to its stop loss, the fee, and the rent of a new token account."""

from __future__ import annotations

from overmind.core.books.book import WalletBook
from overmind.core.entries.request import EntryRequest
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import Mint
from overmind.core.model.signal import Signal
from overmind.core.model.units import PPM


def loss_max_micros(book: WalletBook, ask: EntryRequest) -> int:
    """The day's loss that this order can cause: the stop loss on its notional, and all costs."""
    return -(-ask.notional_micros * entry_stop_ppm(book, ask.signal) // PPM) + costs_micros(book, ask)


def costs_micros(book: WalletBook, ask: EntryRequest) -> int:
    """The maximum fee, and rent if the wallet lacks the token account."""
    return ask.fee_micros if ask.signal.mint in book.token_accounts else ask.fee_micros + ask.rent_micros


def entry_stop_ppm(book: WalletBook, signal: Signal) -> int:
    """How far the price may fall before a stop loss sells: the wallet's, else the signal's; 0: there is none."""
    if stop_ppm := book.wallet.limits.stop_loss_ppm:
        return stop_ppm
    return (signal.exits.stop_loss_ppm or 0) if signal.exits is not None else 0


def rent_lamports(desk: Desk, book: WalletBook, mint: Mint) -> int:
    return 0 if mint in book.token_accounts else desk.costs.rent_of(desk.tokens.get(mint, desk.quote))

"""Dust: positions that are worth less than the desk's bound. They go with the next sale, or are written off."""

from __future__ import annotations

from collections.abc import Iterator

from overmind.core.books.book import OpenOrder, WalletBook
from overmind.core.books.state import State
from overmind.core.books.trust import fresh_price_pico
from overmind.core.model.commands import CommandRefused, WriteOff
from overmind.core.model.events import CloseCancelled, DustWrittenOff
from overmind.core.model.ids import Mint, is_own
from overmind.core.model.units import MICROS, value_micros


def with_rest(state: State, mint: Mint, units: int, sellable: int, decimals: int, at_ns: int) -> int:
    """What a sale takes: all that it may take in this wallet, if it would leave dust of it at a fresh mark."""
    bound, rest = state.settings.dust_micros, sellable - units
    if not (bound and rest):
        return units
    price_pico = fresh_price_pico(state, mint, at_ns)
    return sellable if price_pico and value_micros(rest, price_pico, decimals) < bound else units


def end_close(state: State, known: OpenOrder) -> Iterator[CloseCancelled]:
    """After an order that was not filled: a close of dust is tried once, since nobody may want it at any price."""
    order = known.order
    book, mint = state.wallets[order.wallet_id], order.mint
    if is_own(order.signal_id) and mint in book.closing and mint in book.dust:
        yield CloseCancelled(order.wallet_id, mint, f"{order.id} was not filled, and what is left is dust")


def write_off(state: State, book: WalletBook, command: WriteOff) -> Iterator[DustWrittenOff]:
    wallet_id, mint, position = command.wallet_id, command.mint, book.positions[command.mint]
    name, bound = f"{position.token.symbol} in {wallet_id}", state.settings.dust_micros / MICROS
    if mint not in book.dust:
        price_pico = state.price_pico(mint)
        worth = f"is worth {position.value_micros(price_pico) / MICROS} USD" if price_pico else "has no price"
        raise CommandRefused(f"{name} {worth}: only less than {bound} USD is written off. Close it instead")
    if mint in book.entries or mint in book.reserved or mint in book.in_suspense:
        raise CommandRefused(f"{name} has an open order or owes what a fork took: write it off when that has ended")
    if any((one.order.wallet_id, one.order.mint) == (wallet_id, mint) for one in state.provisional.values()):
        raise CommandRefused(f"{name} has an outcome that a fork may still undo: write it off when it is final")
    yield DustWrittenOff(wallet_id, mint, position.units, command.reason)

"""At which prices a position may be due to be sold: kept beside it, so that a mark finds what is due by comparing.

`watch` follows everything that moves them: the position, its exits, its peak, the wallet's limits and exits.
"""

from __future__ import annotations

from overmind.core.book import WalletBook
from overmind.core.model import PPM, Exits
from overmind.core.positions import NEVER_PICO, Position, stricter, strictest


def exits_of(book: WalletBook, position: Position) -> Exits | None:
    """What the signals that bought it and the wallet that holds it want; of two wishes the stricter counts."""
    return strictest(position.exits, book.wallet.exits)


def stop_loss_ppm(book: WalletBook, position: Position) -> int | None:
    """The stricter of the wallet's threshold (0: none) and what the signals wanted."""
    own, wanted = book.wallet.limits.stop_loss_ppm or None, position.exits.stop_loss_ppm if position.exits else None
    return own if wanted is None else wanted if own is None else min(own, wanted)


def stop_pico(book: WalletBook, position: Position) -> int | None:
    """At or below it the stop loss is due; None: there is none."""
    stop_ppm = stop_loss_ppm(book, position)
    return None if stop_ppm is None else position.average_cost_pico * (PPM - stop_ppm) // PPM


def profit_pico(book: WalletBook, position: Position) -> int | None:
    """At or above it the take-profit is due; None: there is none, also where nothing was paid."""
    exits = exits_of(book, position)
    if exits is None or exits.take_profit_ppm is None:
        return None
    return -(-position.average_cost_pico * (PPM + exits.take_profit_ppm) // PPM) or None


def exit_at_ns(book: WalletBook, position: Position) -> int | None:
    """When it has been held long enough: a signal's time counts from what it bought, the wallet's from the oldest lot
    that is still held."""
    exits = book.wallet.exits
    held_ns = exits.hold_max_ns if exits is not None else None
    return stricter(position.exit_by_ns, None if held_ns is None else position.opened_ns + held_ns)


def watch(book: WalletBook, position: Position, price_pico: int) -> None:
    """Set the prices anew, and whether the newest one has reached them."""
    mint, exits = position.token.mint, exits_of(book, position)
    position.due_below_pico = stop_pico(book, position) or 0
    position.trailing_ppm, position.due_above_pico = PPM, NEVER_PICO
    if exits is not None:
        position.trailing_ppm = PPM if exits.trailing_ppm is None else exits.trailing_ppm
        position.due_below_pico = max(position.due_below_pico, position.trail_pico)
        position.due_above_pico = profit_pico(book, position) or NEVER_PICO
    if position.due_below_pico < price_pico < position.due_above_pico:
        book.reached.discard(mint)
    else:
        book.reached.add(mint)
    if (by_ns := exit_at_ns(book, position)) is not None:
        book.timed[mint] = by_ns
    else:
        book.timed.pop(mint, None)


def forget(book: WalletBook, position: Position) -> None:
    """It is sold."""
    book.reached.discard(position.token.mint)
    book.timed.pop(position.token.mint, None)

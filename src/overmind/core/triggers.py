"""At which prices a position may be due to be sold: kept beside it, so that a mark finds what is due by comparing.

`watch` follows everything that moves them: the position, its exits, its peak, the wallet's limits.
"""

from __future__ import annotations

from overmind.core.book import WalletBook
from overmind.core.model import PPM
from overmind.core.positions import NEVER_PICO, Position


def stop_loss_ppm(book: WalletBook, position: Position) -> int | None:
    """The stricter of the wallet's threshold (0: none) and what the signals wanted."""
    own, wanted = book.wallet.limits.stop_loss_ppm or None, position.exits.stop_loss_ppm if position.exits else None
    return own if wanted is None else wanted if own is None else min(own, wanted)


def stop_pico(book: WalletBook, position: Position) -> int | None:
    """At or below it the stop loss is due; None: there is none."""
    stop_ppm = stop_loss_ppm(book, position)
    return None if stop_ppm is None else position.average_cost_pico * (PPM - stop_ppm) // PPM


def profit_pico(position: Position) -> int | None:
    """At or above it the take-profit is due; None: there is none, also where nothing was paid."""
    exits = position.exits
    if exits is None or exits.take_profit_ppm is None:
        return None
    return -(-position.average_cost_pico * (PPM + exits.take_profit_ppm) // PPM) or None


def watch(book: WalletBook, position: Position, price_pico: int) -> None:
    """Set the prices anew, and whether the newest one has reached them."""
    mint, exits = position.token.mint, position.exits
    position.due_below_pico = stop_pico(book, position) or 0
    if exits is not None:
        position.trailing_ppm = PPM if exits.trailing_ppm is None else exits.trailing_ppm
        position.due_below_pico = max(position.due_below_pico, position.trail_pico)
        position.due_above_pico = profit_pico(position) or NEVER_PICO
    if position.due_below_pico < price_pico < position.due_above_pico:
        book.reached.discard(mint)
    else:
        book.reached.add(mint)
    if position.exit_by_ns is not None:
        book.timed[mint] = position.exit_by_ns


def forget(book: WalletBook, position: Position) -> None:
    """It is sold."""
    book.reached.discard(position.token.mint)
    book.timed.pop(position.token.mint, None)

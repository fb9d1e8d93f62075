"""At which prices a position may be due to be sold, and whether the newest one has reached them.

`watch` follows whatever moves them: the position, its exits, the wallet's limits and exits; `reach` the marks alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from overmind.core.books.book import WalletBook
from overmind.core.books.positions import Position, stricter, strictest
from overmind.core.model.controls import ExitCause
from overmind.core.model.units import PPM
from overmind.core.model.wallet import Exits


def exits_of(book: WalletBook, position: Position) -> Exits | None:
    """What the signals that bought it and the wallet that holds it want; of two wishes the stricter counts."""
    return strictest(position.exits, book.wallet.exits)


def has_exits(book: WalletBook, position: Position) -> bool:
    """Whether anything but the stop loss of the wallet's limits may make it due."""
    return position.exits is not None or book.wallet.exits is not None


def stop_loss_ppm(book: WalletBook, position: Position) -> int | None:
    """The stricter of the wallet's threshold (0: none) and what the signals wanted."""
    own, wanted = book.wallet.limits.stop_loss_ppm or None, position.exits.stop_loss_ppm if position.exits else None
    return own if wanted is None else wanted if own is None else min(own, wanted)


def stop_pico(book: WalletBook, position: Position) -> int | None:
    """At or below it the stop loss is due; None: there is none."""
    stop_ppm = stop_loss_ppm(book, position)
    return None if stop_ppm is None else position.average_cost_pico * (PPM - stop_ppm) // PPM


def trailing_ppm(book: WalletBook, position: Position) -> int | None:
    """How far below its peak it is sold; None: it is not."""
    exits = exits_of(book, position)
    return None if exits is None else exits.trailing_ppm


def trail_pico(book: WalletBook, position: Position) -> int | None:
    """At or below it the trailing stop is due; None: there is none."""
    trailing = trailing_ppm(book, position)
    return None if trailing is None else position.peak_pico * (PPM - trailing) // PPM


def profit_pico(book: WalletBook, position: Position) -> int | None:
    """At or above it the take-profit is due; None: there is none, also where nothing was paid."""
    exits = exits_of(book, position)
    if exits is None or exits.take_profit_ppm is None:
        return None
    return -(-position.average_cost_pico * (PPM + exits.take_profit_ppm) // PPM) or None


def reached(book: WalletBook, position: Position, price_pico: int) -> Iterator[tuple[ExitCause, int]]:
    """The rule: which of the prices that make it due this one has reached, the most urgent cause first.

    Zero is no price. `valuation` computes the same for all positions at once, and a property holds it to this.
    """
    if not price_pico:
        return
    if (stop := stop_pico(book, position)) is not None and price_pico <= stop:
        yield ExitCause.STOP_LOSS, stop
    if not has_exits(book, position):
        return
    if (trail := trail_pico(book, position)) is not None and price_pico <= trail:
        yield ExitCause.TRAILING_STOP, trail
    if (profit := profit_pico(book, position)) is not None and price_pico >= profit:
        yield ExitCause.TAKE_PROFIT, profit


def exit_at_ns(book: WalletBook, position: Position) -> int | None:
    """When it has been held long enough: a signal's time counts from what it bought, the wallet's from the oldest lot
    that is still held."""
    exits = book.wallet.exits
    if exits is None or exits.hold_max_ns is None:
        return position.exit_by_ns
    return stricter(position.exit_by_ns, position.opened_ns + exits.hold_max_ns)


def shown_twice_pico(before_pico: int, price_pico: int) -> int:
    """What two marks in a row have reached. A peak is for ever, and one mark may be a mistake."""
    return min(before_pico, price_pico)


def watch(book: WalletBook, position: Position, price_pico: int) -> None:
    """Follow everything that says when it is due."""
    reach(book, position, price_pico)
    if (by_ns := exit_at_ns(book, position)) is not None:
        book.timed[position.token.mint] = by_ns
    else:
        book.timed.pop(position.token.mint, None)


def reach(book: WalletBook, position: Position, price_pico: int) -> None:
    """Note whether the newest price has reached one at which it may be due."""
    if next(reached(book, position, price_pico), None) is not None:
        book.reached.add(position.token.mint)
    else:
        book.reached.discard(position.token.mint)


def forget(book: WalletBook, position: Position) -> None:
    """It is sold; how that went is history, unless it is still told."""
    exiting = book.exiting.get(position.token.mint)
    if exiting is not None and not exiting.open:
        del book.exiting[position.token.mint]
    book.reached.discard(position.token.mint)
    book.timed.pop(position.token.mint, None)
    book.closing.pop(position.token.mint, None)

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
    """The exits of the signals that bought it and of its wallet; of two values the stricter counts."""
    return strictest(position.exits, book.wallet.exits)


def has_exits(book: WalletBook, position: Position) -> bool:
    """Whether it has any exit besides the stop loss of the wallet's limits."""
    return position.exits is not None or book.wallet.exits is not None


def stop_loss_ppm(book: WalletBook, position: Position) -> int | None:
    """The stricter of the wallet's stop loss (0: none) and the signals'."""
    own, wanted = book.wallet.limits.stop_loss_ppm or None, position.exits.stop_loss_ppm if position.exits else None
    return own if wanted is None else wanted if own is None else min(own, wanted)


def stop_pico(book: WalletBook, position: Position) -> int | None:
    """The stop loss is due at or below this price; None: there is none."""
    stop_ppm = stop_loss_ppm(book, position)
    return None if stop_ppm is None else position.average_cost_pico * (PPM - stop_ppm) // PPM


def trailing_ppm(book: WalletBook, position: Position) -> int | None:
    """How far below its peak the trailing stop sells; None: there is none."""
    exits = exits_of(book, position)
    return None if exits is None else exits.trailing_ppm


def trail_pico(book: WalletBook, position: Position) -> int | None:
    """The trailing stop is due at or below this price; None: there is none."""
    trailing = trailing_ppm(book, position)
    return None if trailing is None else position.peak_pico * (PPM - trailing) // PPM


def set_stops(book: WalletBook, position: Position) -> None:
    """Recomputes its stop loss and what its highest stop brings, after a change of anything but the price."""
    stop_ppm = book.wallet.limits.stop_loss_ppm
    if stop_ppm and not has_exits(book, position):  # The usual case, written out for speed.
        units, scale = position.units, position.scale
        position.stop_pico = stop = position.cost_micros * scale // units * (PPM - stop_ppm) // PPM
        position.floor_micros = units * stop // scale
        return
    position.stop_pico = highest = stop_pico(book, position)
    if has_exits(book, position) and (trail := trail_pico(book, position)) is not None:
        highest = trail if highest is None else max(highest, trail)
    position.floor_micros = None if highest is None else position.units * highest // position.scale


def profit_pico(book: WalletBook, position: Position) -> int | None:
    """The take-profit is due at or above this price; None: there is none, or the position cost nothing."""
    exits = exits_of(book, position)
    if exits is None or exits.take_profit_ppm is None:
        return None
    return -(-position.average_cost_pico * (PPM + exits.take_profit_ppm) // PPM) or None


def reached(book: WalletBook, position: Position, price_pico: int) -> Iterator[tuple[ExitCause, int]]:
    """The triggers that this price has reached, the most urgent cause first.

    Zero is no price. `valuation` computes the same for all positions at once, and a property test compares the two.
    """
    if not price_pico:
        return
    if (stop := position.stop_pico) is not None and price_pico <= stop:
        yield ExitCause.STOP_LOSS, stop
    if not has_exits(book, position):
        return
    if (trail := trail_pico(book, position)) is not None and price_pico <= trail:
        yield ExitCause.TRAILING_STOP, trail
    if (profit := profit_pico(book, position)) is not None and price_pico >= profit:
        yield ExitCause.TAKE_PROFIT, profit


def exit_at_ns(book: WalletBook, position: Position) -> int | None:
    """When its maximum holding time ends: a signal's counts from its buy, the wallet's from the oldest held lot."""
    exits = book.wallet.exits
    if exits is None or exits.hold_max_ns is None:
        return position.exit_by_ns
    return stricter(position.exit_by_ns, position.opened_ns + exits.hold_max_ns)


def shown_twice_pico(before_pico: int, price_pico: int) -> int:
    """The price that two marks in a row have reached. A peak stays for ever, and one mark may be wrong."""
    return min(before_pico, price_pico)


def watch(book: WalletBook, position: Position, price_pico: int) -> None:
    """Recomputes all triggers of a position."""
    reach(book, position, price_pico)
    if (by_ns := exit_at_ns(book, position)) is not None:
        book.timed[position.token.mint] = by_ns
    else:
        book.timed.pop(position.token.mint, None)


def reach(book: WalletBook, position: Position, price_pico: int) -> None:
    """Notes whether the newest price has reached a trigger. Without a price, the first one has to be looked at."""
    if has_exits(book, position):
        is_reached = next(reached(book, position, price_pico), None) is not None
    else:  # The usual case, written out for speed.
        is_reached = position.stop_pico is not None and price_pico <= position.stop_pico
    if is_reached or not price_pico:
        book.reached.add(position.token.mint)
    else:
        book.reached.discard(position.token.mint)


def forget(book: WalletBook, position: Position) -> None:
    """Forgets the tries of a sold position, unless one is still open."""
    exiting = book.exiting.get(position.token.mint)
    if exiting is not None and not exiting.open:
        del book.exiting[position.token.mint]
    book.reached.discard(position.token.mint)
    book.timed.pop(position.token.mint, None)
    book.closing.pop(position.token.mint, None)

"""When a failed exit or move is retried, and when a token that a stop loss sold may be bought again."""

from __future__ import annotations

from typing import Final

from overmind.core.books.book import DOUBLINGS_MAX, Exiting, Trying, WalletBook
from overmind.core.books.state import State
from overmind.core.books.trust import sells_in_parts
from overmind.core.model.controls import ExitCause
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import Mint
from overmind.core.model.order import Order
from overmind.core.model.outcome import Cause, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import NS

STOPS: Final = (f"{ExitCause.STOP_LOSS}:", f"{ExitCause.TRAILING_STOP}:")
PRICE_UNCONFIRMED: Final = (Cause.NOT_CONFIRMED, Cause.LIMIT_PRICE)  # no quote confirms the price that made an exit due
OF_MARKET: Final = (Cause.SLIPPAGE, Cause.PRICE_IMPACT, Cause.NO_LIQUIDITY, Cause.QUOTE_OFF_MARK, Cause.REVERTED)
UNCONFIRMED_DOUBLINGS_MAX: Final = 2
DOUBTED_PACE_NS: Final = 15 * NS  # between two slices that are sold at a price that is not believed


def after_exit(state: State, book: WalletBook, order: Order, outcome: Outcome) -> None:
    """A fill starts the cooldown; a failure schedules a retry."""
    exiting = book.exiting[order.mint]
    exiting.open = False
    if isinstance(outcome, Filled):
        start_cooldown(state, book, order, state.at_ns)
        book.cooled_before.pop(order.mint, None)
        exiting.tries = 0
        exiting.after_ns = state.at_ns + DOUBTED_PACE_NS if sells_in_parts(state, order.mint) else 0
        exiting.rung = max(0, exiting.rung - 1)
    else:
        _undo_cooldown(book, order.mint)
        _try_later(state.settings, exiting, outcome, state.at_ns)
    if order.mint not in book.positions:
        del book.exiting[order.mint]


def _try_later(desk: Desk, exiting: Exiting, outcome: Outcome, at_ns: int) -> None:
    """A market cause widens the slippage; every failure lengthens the pause."""
    cause = outcome.cause if isinstance(outcome, Failed | Rejected) else None
    if (
        cause in PRICE_UNCONFIRMED
    ):  # No attempt failed on the chain, so the pause is short; but quotes are not free either.
        exiting.rung, exiting.tries = 0, min(exiting.tries, UNCONFIRMED_DOUBLINGS_MAX)
    elif cause in OF_MARKET:
        exiting.rung = min(exiting.rung + 1, len(desk.exit_slippage_bps) - 1)
    exiting.after_ns = at_ns + (desk.exit_retry_ns << min(exiting.tries, DOUBLINGS_MAX))
    exiting.tries += 1


def schedule_retry(state: State, trying: Trying, outcome: Outcome) -> None:
    """Schedules a retry after a failure; the pause doubles each time."""
    trying.open = False
    if isinstance(outcome, Filled):
        trying.tries = trying.after_ns = 0
        return
    trying.after_ns = state.at_ns + (state.settings.exit_retry_ns << min(trying.tries, DOUBLINGS_MAX))
    trying.tries += 1


def start_cooldown(state: State, book: WalletBook, order: Order, at_ns: int) -> None:
    if state.settings.cooldown_ns and order.signal_id.startswith(STOPS):
        book.cooled_before.setdefault(order.mint, book.cooldowns.get(order.mint, 0))
        book.cooldowns[order.mint] = at_ns + state.settings.cooldown_ns


def _undo_cooldown(book: WalletBook, mint: Mint) -> None:
    """An unfilled stop starts no cooldown: the one from before its sale is restored."""
    before_ns = book.cooled_before.pop(mint, None)
    if before_ns is not None:
        book.cooldowns[mint] = before_ns

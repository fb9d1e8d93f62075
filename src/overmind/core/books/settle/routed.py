"""What an order on a protected route changes beside its capital: the tips of the day, and since when an exit waits."""

from __future__ import annotations

from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.model.enums import SELL
from overmind.core.model.ids import Mint
from overmind.core.model.order import Order
from overmind.core.model.outcome import Failed, Filled, Outcome

TRIES_APART: Final = 10  # times the patience of an exit: tries that lie so far apart are those of different exits


def placed(state: State, book: WalletBook, order: Order, at_ns: int) -> None:
    """Reserves the tip in those of the day, and notes since when an exit waits for a protected route."""
    state.tips_today_lamports += order.tip_max_lamports
    if order.side is SELL and order.route.protects and not waits(state, book, order.mint, at_ns):
        book.relayed_ns[order.mint] = at_ns


def closed(state: State, book: WalletBook, order: Order, outcome: Outcome) -> None:
    """Only the tip that was paid stays in those of the day."""
    state.tips_today_lamports += tip_of(outcome) - order.tip_max_lamports
    if order.side is SELL and isinstance(outcome, Filled):
        book.relayed_ns.pop(order.mint, None)


def rolled_back(state: State, booked: Outcome, outcome: Outcome) -> None:
    state.tips_today_lamports = max(0, state.tips_today_lamports + tip_of(outcome) - tip_of(booked))


def day_rolled(state: State) -> None:
    """Open orders count in the day in which they end."""
    state.tips_today_lamports = sum(known.order.tip_max_lamports for known in state.open_orders.values())


def tip_of(outcome: Outcome) -> int:
    return outcome.tip_lamports if isinstance(outcome, Filled | Failed) else 0


def waits(state: State, book: WalletBook, mint: Mint, at_ns: int) -> bool:
    """Whether protected tries to sell it began so recently that they are of the same exit."""
    since_ns = book.relayed_ns.get(mint)
    return since_ns is not None and at_ns - since_ns < state.settings.routing.exit_public_after_ns * TRIES_APART

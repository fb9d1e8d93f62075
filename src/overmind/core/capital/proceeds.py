"""Sweeps: after a liquidation with a sweep, each wallet's free quote currency goes to the Emergency wallet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.books.wallet_limits import REMOVED
from overmind.core.capital.transfers import can_pay, costs_lamports, free_units, transfer
from overmind.core.control.balances import holds_of_chain
from overmind.core.model.enums import MoveKind, Side, WalletType
from overmind.core.model.events import MovePlaced
from overmind.core.model.money import Money
from overmind.core.model.units import MICROS

SWEEP_MIN_MICROS: Final = MICROS  # a smaller amount is not worth a transfer


def emergency_wallet(state: State) -> WalletBook | None:
    """The first Emergency wallet that is safe; None: there is none, and `why_nowhere` says why."""
    return next((book for book in _emergency_wallets(state) if not _unsafe_causes(state, book)), None)


def why_nowhere(state: State) -> str:
    """Why no proceeds can be swept; blank: they can be."""
    if emergency_wallet(state) is not None:
        return ""
    held = [
        f"{book.wallet.id} is held by {', '.join(_unsafe_causes(state, book))}" for book in _emergency_wallets(state)
    ]
    return "; ".join(held) or "no wallet of the type Emergency is configured"


def _emergency_wallets(state: State) -> list[WalletBook]:
    return [book for book in state.wallets.values() if book.wallet.type is WalletType.EMERGENCY]


def _unsafe_causes(state: State, book: WalletBook) -> list[str]:
    """The holds that make a wallet unsafe: its key may be stolen, it has a debt, or nobody can sign for it any more."""
    return [*holds_of_chain(state, book), *({REMOVED} & book.holds.keys())]


def due_sweeps(state: State, at_ns: int) -> Iterator[MovePlaced]:
    """One sweep per sweeping wallet, once none of its sales is open, so that one transfer carries many proceeds."""
    sweeping = [book for book in state.wallets.values() if book.sweeping and _is_worth_it(state, book, at_ns)]
    receiver = emergency_wallet(state) if sweeping else None
    if receiver is None:
        return
    selling = {known.order.wallet_id for known in state.open_orders.values() if known.order.side is Side.SELL}
    for book in sweeping:
        lamports = sum(costs_lamports(state, receiver, state.settings.quote.mint))
        if book is not receiver and book.wallet.id not in selling and can_pay(state, book, lamports):
            money = Money(free_units(state, book, state.settings.quote.mint), state.settings.quote.mint)
            yield transfer(state, MoveKind.SWEEP, book, receiver, money, "proceeds of the liquidation", at_ns)


def _is_worth_it(state: State, book: WalletBook, at_ns: int) -> bool:
    ready = not book.sweep.open and at_ns >= book.sweep.after_ns and REMOVED not in book.holds
    return ready and free_units(state, book, state.settings.quote.mint) >= SWEEP_MIN_MICROS

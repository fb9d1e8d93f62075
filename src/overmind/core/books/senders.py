"""What sources say of their own positions, so that an exit sells the same share of what their entries hold here.

A source counts in its own units, such as contracts: none of its amounts is ever an amount of the desk. Its entries
count whether the desk took them or not.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from overmind.core.books.state import State
from overmind.core.model.enums import SELL_ACTIONS
from overmind.core.model.ids import Mint
from overmind.core.model.signal import Sender, Signal

POSITIONS_MAX: Final = 64  # of one source in one token; the oldest is forgotten


def follow_sender(state: State, signal: Signal, sender: Sender) -> None:
    """Keeps what the source holds after its order. What it does not say is not known any more."""
    if sender.short and not sender.closes:
        return
    held = state.senders.setdefault(signal.source, {}).setdefault(signal.mint, {})
    before = _before(held, sender)
    held.pop(sender.trade, None)
    after = None if sender.amount is None else _after(signal, before, sender.amount)
    if after is not None and after > 0 and not sender.closes:
        held[sender.trade] = after
        if len(held) > POSITIONS_MAX:
            del held[next(iter(held))]
    if not held:
        _forget(state, signal.source, signal.mint)


def share_of_source(state: State, signal: Signal, held_units: int) -> int:
    """So many of the units that its entries hold. An exit that ends its position, or whose share nobody knows, takes
    all.
    """
    sender = signal.sender
    assert sender is not None, signal
    before = _before(state.senders.get(signal.source, {}).get(signal.mint, {}), sender)
    if sender.closes or sender.amount is None or before is None or sender.amount >= before:
        return held_units
    (sold, sold_of), (whole, whole_of) = sender.amount.as_integer_ratio(), before.as_integer_ratio()
    return held_units * sold * whole_of // (sold_of * whole)


def _before(held: dict[str, Decimal], sender: Sender) -> Decimal | None:
    return sender.before if sender.before is not None else held.get(sender.trade)


def _after(signal: Signal, before: Decimal | None, amount: Decimal) -> Decimal | None:
    if signal.action in SELL_ACTIONS:
        return None if before is None else before - amount
    return amount if before is None else before + amount


def _forget(state: State, source: str, mint: Mint) -> None:
    of_source = state.senders[source]
    del of_source[mint]
    if not of_source:
        del state.senders[source]

"""An exit that comes before its entry is filled. Its sender tells it once, and then takes the position for closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from overmind.core.books.state import State
from overmind.core.exits.exit_rules import sellable_units, seller_of
from overmind.core.model.enums import SELL_ACTIONS
from overmind.core.model.signal import Signal
from overmind.ports import Clock

WAIT_S: Final = 1.5  # TradingView gives up after three seconds, and does not send again then.
LOOK_EVERY_S: Final = 0.05


async def entries_done(signal: Signal, state: Callable[[], State], clock: Clock) -> bool:
    """Waits a while for the entries that the exit would sell. False: they are still on their way, and nothing else is
    there to sell.
    """
    for _ in range(round(WAIT_S / LOOK_EVERY_S)):
        if not is_early(state(), signal):
            return True
        await clock.sleep(LOOK_EVERY_S)
    return not is_early(state(), signal) or _holds(state(), signal)


def is_early(state: State, signal: Signal) -> bool:
    """Whether an entry of the source in this token is still on its way. What is decided already is not early."""
    return (
        signal.action in SELL_ACTIONS
        and signal.id not in state.decided
        and any(
            known.order.is_entry and known.order.mint == signal.mint and known.signal.source == signal.source
            for known in state.open_orders.values()
        )
    )


def _holds(state: State, signal: Signal) -> bool:
    seller = seller_of(state, signal)
    return any(sellable_units(state, book, signal.mint, seller) for book in state.wallets.values())

"""An exit that comes before its entry is filled. Its sender tells it once, and then takes the position for closed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final

from overmind.core.books.book import OpenOrder
from overmind.core.books.state import State
from overmind.core.exits.exit_rules import sellable_units, seller_of
from overmind.core.model.enums import SELL_ACTIONS
from overmind.core.model.ids import SignalId
from overmind.core.model.signal import Signal
from overmind.ports import Clock

WAIT_S: Final = 1.5  # TradingView gives up after three seconds, and does not send again then.
LOOK_EVERY_S: Final = 0.05


async def entries_done(signal: Signal, state: Callable[[], State], clock: Clock) -> bool:
    """Waits a while for the entries that were on their way before the exit, and for no later ones. False: some still
    are, and nothing else is there to sell.
    """
    if signal.action not in SELL_ACTIONS or signal.id in state().decided:
        return True
    before = {known.signal.id for known in _entries(state(), signal)}
    for _ in range(round(WAIT_S / LOOK_EVERY_S)):
        if not _any_of(before, state(), signal):
            return True
        await clock.sleep(LOOK_EVERY_S)
    return not _any_of(before, state(), signal) or _holds(state(), signal)


def _any_of(ids: Collection[SignalId], state: State, signal: Signal) -> bool:
    return bool(ids) and any(known.signal.id in ids for known in _entries(state, signal))


def _entries(state: State, signal: Signal) -> Iterator[OpenOrder]:
    """Those of the source in the token that are not filled yet."""
    for known in state.open_orders.values():
        if known.order.is_entry and known.order.mint == signal.mint and known.signal.source == signal.source:
            yield known


def _holds(state: State, signal: Signal) -> bool:
    seller = seller_of(state, signal)
    return any(sellable_units(state, book, signal.mint, seller) for book in state.wallets.values())

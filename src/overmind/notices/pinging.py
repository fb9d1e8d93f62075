"""What a dead man's switch is told: whether the desk can trade. Pure, so that one table says all of it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

from overmind.core.books.state import State
from overmind.core.control.breakers import EMERGENCY
from overmind.core.model.enums import WalletStatus, WalletType
from overmind.core.model.value import Value

LASTS_PERIODS: Final = 2  # not ready for so many looks in a row is told; one silent node for a moment is not


class Signal(enum.StrEnum):
    """The end of the address that is asked."""

    ALIVE = ""
    FAIL = "/fail"


class Ping(Value, frozen=True):
    signal: Signal
    text: str = ""  # why; the switch keeps it


def ping_for(stop: str, reasons: Sequence[str], looks: int) -> Ping | None:
    """`stop`: the emergency stop's reason; blank: there is none. `looks`: in a row in which there were reasons.

    None: nothing is sent, so that the switch itself alarms if that lasts.
    """
    if stop:
        return Ping(Signal.FAIL, f"emergency stop: {stop}")
    if not reasons:
        return Ping(Signal.ALIVE)
    return Ping(Signal.FAIL, "; ".join(reasons)) if looks >= LASTS_PERIODS else None


def stop_in(state: State) -> str:
    """Why the emergency stop holds the desk; blank: some wallet that trades is active, or none was ever stopped."""
    books = [book for book in state.wallets.values() if book.wallet.type is not WalletType.EMERGENCY]
    if any(book.status is WalletStatus.ACTIVE for book in books):
        return ""
    return next((book.holds[EMERGENCY].reason for book in books if EMERGENCY in book.holds), "")

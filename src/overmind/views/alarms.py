"""What an operator has to look at now: mints that are not admitted and matter, accounts that are not used, a journal
that may be an older copy, a clock that jumped, and a learner that fell back.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Final

from overmind.core.books.state import State
from overmind.core.books.wallet_limits import RESTORED
from overmind.core.control.balances import unknown_signatures
from overmind.core.control.history import wallets_unknown
from overmind.core.control.holds import lifted_by
from overmind.core.model.controls import CLOCK, Scope
from overmind.core.model.ids import Mint
from overmind.views.amounts import symbol_of
from overmind.views.orders import book_fix


class Alarm(enum.StrEnum):
    """What an alarm is about. The metrics count the alarms of each."""

    CLOCK = "clock"
    HISTORY = "history"
    LANDING = "landing"
    ADMISSION = "admission"
    LEARNER = "learner"


def history_alarms(state: State) -> tuple[str, ...]:
    """What is not known of the time after the journal's last entry."""
    if (hold := state.holds.get(RESTORED)) is None:
        return ()
    unknown = [state.holds[cause].reason for cause in sorted(unknown_signatures(state))]
    return (f"the history of {', '.join(wallets_unknown(state))} is not known: {hold.reason}", *unknown)


def clock_alarms(state: State) -> tuple[str, ...]:
    """A clock that is not believed. Its hold names what it said."""
    hold = state.holds.get(CLOCK)
    return () if hold is None else (f"{hold.reason}: entries wait for {lifted_by(Scope(), CLOCK).rstrip(',')}",)


def landing_alarms(state: State) -> tuple[str, ...]:
    """Orders whose capital stays held until an operator books them."""
    return tuple(
        f"order {known.order.id}: {known.otherwise}; {book_fix(known.order.id)}"
        for known in state.open_orders.values()
        if known.otherwise
    )


def admission_alarms(state: State) -> tuple[str, ...]:
    """A mint matters while its token is held or bought, or pays for everything. Others are only not bought."""
    desk = state.settings
    matter = {desk.quote.mint, *(mint for book in state.wallets.values() for mint in book.positions)}
    matter |= {known.order.mint for known in state.open_orders.values()}
    mints = [
        f"the mint of {symbol_of(desk, mint)} is not admitted: {admission.reason}"
        for mint, admission in sorted(state.admissions.items())
        if admission.of_mint and mint in matter
    ]
    accounts = [
        f"the account of {wallet_id} for {symbol_of(desk, Mint(mint))} is not used: {flaw}"
        for wallet_id, flaws in sorted(state.account_flaws.items())
        for mint, flaw in flaws.items()
    ]
    return (*mints, *accounts)


def learner_alarms(state: State) -> tuple[str, ...]:
    """That the desk itself took the decision from the learner, until somebody has looked."""
    standing = state.standing
    if not standing.cause.automatic:
        return ()
    return (
        f"the learner fell back to {state.learner_mode}: {standing.reason}; look, then set its mode with `learn mode`",
    )


STATE_ALARMS: Final[Mapping[Alarm, Callable[[State], tuple[str, ...]]]] = {
    Alarm.CLOCK: clock_alarms,
    Alarm.HISTORY: history_alarms,
    Alarm.LANDING: landing_alarms,
    Alarm.ADMISSION: admission_alarms,
    Alarm.LEARNER: learner_alarms,
}


def state_alarms(state: State) -> dict[Alarm, tuple[str, ...]]:
    """All alarms of the books, by what they are about; blank where there is none."""
    return {alarm: look(state) for alarm, look in STATE_ALARMS.items()}

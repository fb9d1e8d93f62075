"""Holds: named causes on a wallet, a strategy or the portfolio. A hold with an end time is lifted once, by an event.

See specification §10.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from overmind.core.books.state import State
from overmind.core.books.wallet_limits import REMOVED, RESTORED
from overmind.core.control.balances import is_of_chain
from overmind.core.model.commands import CommandRefused, LiftHold, TrustClock
from overmind.core.model.controls import CLOCK, Hold, Scope
from overmind.core.model.events import Event, HoldAdded, HoldLifted
from overmind.core.model.units import DAY_NS

OPERATOR: Final = "operator"
DISK_FULL: Final = "disk_full"
DAY_TRADES: Final = "day_trades"
EDITED: Final = "edited_journal"  # An entry was changed: nothing that the journal says is certain.
OF_STATUS: Final = frozenset({"inactive", "suspended", "maintenance"})  # causes that the status in a wallet's file sets


def lift_expired(state: State, at_ns: int) -> Iterator[Event]:
    """Lifts the holds whose time is over. The journal's time never runs backwards, so a lifted hold does not return.

    Those that end with the day end when it rolls, which may be a moment later (`control.day`).
    """
    day_ends_ns = (state.day + 1) * DAY_NS
    waits = at_ns >= day_ends_ns
    for timed in list(state.timed):
        if timed.until_ns <= at_ns and not (waits and timed.until_ns == day_ends_ns):
            yield HoldLifted(timed.scope, timed.cause, "its time is over")


def holds_of(state: State, scope: Scope) -> dict[str, Hold]:
    if scope.wallet_id is not None:
        if (book := state.wallets.get(scope.wallet_id)) is None:
            raise CommandRefused(f"no wallet {scope.wallet_id!r}; known: {known_wallets(state)}")
        return book.holds
    if scope.strategy is not None:
        return state.paused.get(scope.strategy, {})
    return state.holds


def knows_history(state: State) -> bool:
    """Whether the journal tells what happened. If not, sales wait as well: what they sell may be sold already."""
    return RESTORED not in state.holds and EDITED not in state.holds


def holds_on_moves(holds: Mapping[str, Hold]) -> list[str]:
    """The holds that concern moves of capital as well. Used-up trades of the day concern entries alone."""
    return sorted(cause for cause in holds if cause != DAY_TRADES)


def lift_hold(state: State, lift: LiftHold) -> Iterator[Event]:
    """Lifts a hold by hand; an absent hold is no error. Raises CommandRefused if only another action may lift it."""
    scope, cause = lift.scope, lift.cause
    only = lifted_only_by(scope, cause)
    if only is not None and cause != DISK_FULL:  # The start lifts this one, after it has made room.
        raise CommandRefused(f"only {only} lifts {cause}")
    if cause in holds_of(state, scope):
        yield HoldLifted(scope, cause, lift.reason)


def trust_clock(state: State, trust: TrustClock) -> Iterator[Event]:
    """Lifts the hold of a clock that jumped, because what it says now is believed."""
    if not trust.reason.strip():
        raise CommandRefused("a blank reason: say why the time is right; it is journaled")
    if CLOCK in state.holds:
        yield HoldLifted(Scope(), CLOCK, trust.reason)


def lifted_by(scope: Scope, cause: str) -> str:
    """The command or action that lifts a hold."""
    target = scope.wallet_id or scope.strategy or "portfolio"
    named = "" if cause == OPERATOR else f" --hold {cause}"
    return lifted_only_by(scope, cause) or f"`overmind resume {target}{named} --reason …`"


def lifted_only_by(scope: Scope, cause: str) -> str | None:
    """The action that is required before the hold may end; None: any operator with a reason may lift it."""
    if cause == "emergency" and scope.wallet_id is not None:
        return f"`overmind reactivate {scope.wallet_id} --reason …`"
    if is_of_chain(cause):
        return f"`overmind accept {cause.partition(':')[2] or scope.wallet_id or 'WALLET'} --reason …`"
    if cause == REMOVED and scope.wallet_id is not None:
        return "a start with the wallet in OVERMIND_MANAGED_WALLETS"
    if cause in OF_STATUS and scope.wallet_id is not None:
        return "a start with another status in the wallet's file"
    if cause == CLOCK and scope == Scope():
        return "the right time, or `overmind accept-time --reason …`,"
    if cause == RESTORED:
        return "the chain, or `overmind accept-history WALLET --reason …` for each,"
    return "a start with room on the disk" if cause == DISK_FULL else None


def add_hold(state: State, scope: Scope, hold: Hold) -> Iterator[Event]:
    if hold.cause not in holds_of(state, scope):
        yield HoldAdded(scope, hold)


def known_wallets(state: State) -> str:
    return ", ".join(state.wallets) or "none"

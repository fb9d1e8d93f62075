"""Holds: a set of named causes on a wallet, a strategy or the portfolio. One that has a time ends by an event, once."""

from __future__ import annotations

from collections.abc import Iterator

from overmind.core.messages import CommandRefused, Event, Hold, HoldAdded, HoldLifted, Scope
from overmind.core.state import State


def over_by(state: State, at_ns: int) -> Iterator[Event]:
    """Lift what has come to its end. The journal's time never runs backwards, so nothing that was lifted returns."""
    for timed in list(state.timed):
        if timed.until_ns <= at_ns:
            yield HoldLifted(timed.scope, timed.cause, "its time is over")


def holds_of(state: State, scope: Scope) -> dict[str, Hold]:
    if scope.wallet_id is not None:
        if (book := state.wallets.get(scope.wallet_id)) is None:
            raise CommandRefused(f"no wallet {scope.wallet_id!r}; known: {known_wallets(state)}")
        return book.holds
    if scope.strategy is not None:
        return state.paused.get(scope.strategy, {})
    return state.holds


def add_hold(state: State, scope: Scope, hold: Hold) -> Iterator[Event]:
    if hold.cause not in holds_of(state, scope):
        yield HoldAdded(scope, hold)


def known_wallets(state: State) -> str:
    return ", ".join(state.wallets) or "none"

"""Resolves the names that an operator types: a wallet, a strategy, the portfolio, or a position by its symbol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from overmind.clock.instants import iso_seconds
from overmind.core.books.state import State
from overmind.core.control.breakers import returning
from overmind.core.control.holds import OPERATOR, holds_of, lifted_by, lifted_only_by
from overmind.core.model.commands import CommandRefused
from overmind.core.model.controls import Hold, Scope
from overmind.core.model.defaults import STRATEGIES
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.value import Value

PORTFOLIO: Final = "portfolio"


class LiftableHold(Value, frozen=True):
    cause: str
    reason: str
    until_ns: int | None  # None: until it is lifted
    lifted_by: str  # how an operator lifts it


class TargetHolds(Value, frozen=True):
    """The holds on a target, after a pause or a resume."""

    target: str
    holds: tuple[str, ...]
    held: tuple[LiftableHold, ...]
    returns: tuple[LiftableHold, ...] = ()  # come back with the next price: their limits are still reached
    above: tuple[LiftableHold, ...] = ()  # on the whole portfolio: they hold this target too


def scope_of(state: State, target: str) -> Scope:
    """A wallet id wins over a strategy of the same name. Raises CommandRefused for an unknown name."""
    if WalletId(target) in state.wallets:
        return Scope(WalletId(target))
    if target.lower() == PORTFOLIO:
        return Scope()
    strategy = STRATEGIES.get(target.lower())
    if strategy is None:
        known = f"{', '.join(state.wallets)}; {', '.join(StrategyType)}; {PORTFOLIO}"
        raise CommandRefused(f"{target!r} is no wallet and no strategy; known: {known}")
    return Scope(strategy=strategy)


def path_of(scope: Scope) -> str:
    """Its path in the HTTP API."""
    if scope.wallet_id is not None:
        return f"/v1/wallets/{quote(scope.wallet_id, safe='')}"
    return f"/v1/strategies/{scope.strategy}" if scope.strategy is not None else "/v1/portfolio"


def holds_on(state: State, target: str, scope: Scope) -> TargetHolds:
    """Raises CommandRefused for an unknown wallet."""
    holds = [hold for _, hold in sorted(holds_of(state, scope).items())]
    above = [] if scope == Scope() else [hold for _, hold in sorted(state.holds.items())]
    return TargetHolds(
        target,
        tuple(one.cause for one in holds),
        _liftable(scope, holds),
        _liftable(scope, [] if state.desk is None else returning(state, scope, state.at_ns)),
        _liftable(Scope(), above),
    )


def _liftable(scope: Scope, holds: Sequence[Hold]) -> tuple[LiftableHold, ...]:
    return tuple(LiftableHold(one.cause, one.reason, one.until_ns, lifted_by(scope, one.cause)) for one in holds)


def what_still_holds(found: TargetHolds) -> list[str]:
    """One line for each hold that is left, that comes back at once, or that is on the whole portfolio."""
    back = (f"{row.cause} comes back with the next price ({row.reason}): its limit is reached" for row in found.returns)
    above = (f"the portfolio is held by {describe_hold(row)}" for row in found.above)
    return [*map(describe_hold, found.held), *back, *above]


def cause_to_lift(found: TargetHolds, scope: Scope, named: str | None) -> str:
    """The cause to lift: the named one, or else that of `pause`.

    Raises CommandRefused if it is not held, or if an operator may not lift it. A resume that names nothing, of a
    target without holds, succeeds."""
    cause = named if named is not None else OPERATOR
    if cause not in found.holds and (found.holds or named is not None):
        raise CommandRefused(f"{found.target} is not held by {cause[:64]!r}; {_described(found)}")
    if (only := lifted_only_by(scope, cause)) is not None:
        raise CommandRefused(f"only {only} lifts {cause}")
    return cause


def _described(found: TargetHolds) -> str:
    return f"it is held by {'; '.join(map(describe_hold, found.held))}" if found.held else "nothing holds it"


def describe_hold(row: LiftableHold) -> str:
    """A hold in one line: cause, end, reason, and what lifts it."""
    until = f"until {iso_seconds(row.until_ns)}" if row.until_ns is not None else "until it is lifted"
    return f"{row.cause} {until} ({row.reason}): {row.lifted_by}"


def mint_held(state: State, wallet_id: WalletId, token: str) -> Mint:
    """The mint of a position, named by its symbol in any case or by its mint. Raises CommandRefused."""
    book = state.wallets.get(wallet_id)
    if book is None:
        raise CommandRefused(f"no wallet {wallet_id!r}; known: {', '.join(state.wallets)}")
    for mint, position in book.positions.items():
        if token == mint or token.upper() == position.token.symbol.upper():
            return mint
    held = ", ".join(position.token.symbol for position in book.positions.values()) or "nothing"
    raise CommandRefused(f"wallet {wallet_id} holds no {token!r}; it holds {held}")

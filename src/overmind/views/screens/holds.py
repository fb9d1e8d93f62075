"""The holds in force: in short for the head of every view, and row by row with what lifts each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.state import State
from overmind.core.books.wallet_limits import REMOVED
from overmind.core.control.breakers import EMERGENCY
from overmind.core.control.holds import DAY_TRADES, OF_STATUS, OPERATOR, lifted_by, lifted_only_by
from overmind.core.model.controls import Hold, Scope
from overmind.core.model.value import Value
from overmind.views.targets import PORTFOLIO

# Somebody wanted these, or they are the usual end of a day: nothing is wrong.
EXPECTED: Final = frozenset({OPERATOR, REMOVED, DAY_TRADES, *OF_STATUS})


class HoldChip(Value, frozen=True):
    """One cause, wherever it holds."""

    cause: str
    name: str  # of the cause, for people
    where: str  # portfolio, strategies, or how many wallets
    reason: str
    until_ns: int | None  # the latest end; None: one of them stays until somebody lifts it
    is_danger: bool


class HeldRow(Value, frozen=True):
    kind: str  # wallets, strategies or portfolio: also a part of its address
    target: str  # a wallet, a strategy, or `portfolio`
    cause: str
    name: str  # of the cause, for people
    reason: str
    since_ns: int
    until_ns: int | None
    lifted_by: str
    is_danger: bool
    verb: str  # of the form that lifts it: reactivate or resume; blank: no form does


def hold_chips(state: State) -> tuple[HoldChip, ...]:
    """Those that something is wrong with come first."""
    by_cause: dict[str, list[tuple[Scope, Hold]]] = {}
    for scope, hold in _holds(state):
        by_cause.setdefault(hold.cause, []).append((scope, hold))
    chips = (_chip(state, cause, held) for cause, held in by_cause.items())
    return tuple(sorted(chips, key=lambda chip: (not chip.is_danger, chip.cause)))


def held_rows(state: State) -> tuple[HeldRow, ...]:
    """The newest first, and first those that something is wrong with."""
    rows = (_row(scope, hold) for scope, hold in _holds(state))
    return tuple(sorted(rows, key=lambda row: (not row.is_danger, -row.since_ns, row.target)))


def _holds(state: State) -> Iterator[tuple[Scope, Hold]]:
    yield from ((Scope(), hold) for hold in state.holds.values())
    yield from ((Scope(strategy=by), hold) for by, holds in state.paused.items() for hold in holds.values())
    for book in state.wallets.values():
        yield from ((Scope(book.wallet.id), hold) for hold in book.holds.values())


def _chip(state: State, cause: str, held: list[tuple[Scope, Hold]]) -> HoldChip:
    ends = [hold.until_ns for _, hold in held]
    until_ns = None if None in ends else max(end for end in ends if end is not None)
    where, reason = _where(state, [scope for scope, _ in held]), _reason([hold.reason for _, hold in held])
    return HoldChip(cause, _name(cause), where, reason, until_ns, _danger(cause))


def _reason(reasons: list[str]) -> str:
    """The first one, and how many others there are."""
    others = len({*reasons}) - 1
    return f"{reasons[0]}; and {others} more" if others else reasons[0]


def _where(state: State, scopes: list[Scope]) -> str:
    wallets = [scope.wallet_id for scope in scopes if scope.wallet_id is not None]
    named = [_target(scope) for scope in scopes if scope.wallet_id is None]
    if len(wallets) == 1:
        return ", ".join([*named, wallets[0]])
    if wallets:
        every = len(wallets) == len(state.wallets)
        named.append(f"all {len(wallets)} wallets" if every else f"{len(wallets)} wallets")
    return ", ".join(named)


def _row(scope: Scope, hold: Hold) -> HeldRow:
    verb = "" if lifted_only_by(scope, hold.cause) else "resume"
    if hold.cause == EMERGENCY and scope.wallet_id is not None:
        verb = "reactivate"
    return HeldRow(
        kind="wallets" if scope.wallet_id is not None else "strategies" if scope.strategy is not None else PORTFOLIO,
        target=_target(scope),
        cause=hold.cause,
        name=_name(hold.cause),
        reason=hold.reason,
        since_ns=hold.since_ns,
        until_ns=hold.until_ns,
        lifted_by=lifted_by(scope, hold.cause).rstrip(","),
        is_danger=_danger(hold.cause),
        verb=verb,
    )


def _target(scope: Scope) -> str:
    return scope.wallet_id or scope.strategy or PORTFOLIO


def _name(cause: str) -> str:
    return "paused" if cause == OPERATOR else cause


def _danger(cause: str) -> bool:
    return cause not in EXPECTED

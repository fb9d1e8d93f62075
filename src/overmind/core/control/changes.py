"""Operator's changes at run time: a wallet's limits and shares, and which mints may be bought (specification §4.5).

All faults are reported at once, as for a configuration. No change may exceed the desk's ceilings; only the wallet's own
file may, because whoever deploys the desk answers for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from overmind.core.books.state import State
from overmind.core.books.wallet_limits import (
    ALLOCATION,
    ENABLED,
    RISK,
    SHARE,
    Values,
    admitted,
    allocated_ppm,
    enabled_ppm,
    kind_of,
    percent,
    shown,
    values_of,
    wanted_allocations,
    wanted_values,
)
from overmind.core.control.holds import known_wallets
from overmind.core.model.commands import AcceptPrice, ChangeLimits, ChangeMints, CommandRefused
from overmind.core.model.controls import Change, MintLists, MintVerb, Remark
from overmind.core.model.events import Event, LimitsChanged, MintsChanged, PriceAccepted
from overmind.core.model.ids import LimitName, Mint, WalletId
from overmind.core.model.units import PPM, PRICE_MAX_PICO

MINTS_MAX: Final = 1_000  # per list: each change journals the whole list
_SUMMED: Final = {SHARE, ENABLED}
_HIGHEST: Final = {SHARE: PPM, ALLOCATION: PPM, RISK: PPM, ENABLED: 1}  # Upper bounds of kinds that have no ceiling.


def change_limits(state: State, change: ChangeLimits, at_ns: int) -> Iterator[Event]:
    wallet_id = change.wallet_id
    if wallet_id not in state.wallets:
        raise CommandRefused(f"no wallet {wallet_id!r}; known: {known_wallets(state)}")
    _require_who_and_reason(change.who, change.reason)
    known = state.changes.get(wallet_id, {})
    changes = {name: one for name, one in known.items() if change.changes.get(name, one.value) == one.value}
    for name, value in change.changes.items():
        if value is not None and name not in changes:
            changes[name] = Change(value, change.who, change.reason, at_ns)
    if faults := [*_faults(state, change), *_sum_faults(state, change, changes)]:
        raise CommandRefused(f"wallet {wallet_id}: {'; '.join(faults)}")
    if changes != known:
        yield LimitsChanged(wallet_id, dict(sorted(changes.items())), change.who, change.reason)


def _faults(state: State, change: ChangeLimits) -> Iterator[str]:
    """Faults of each value by itself."""
    by_files = values_of(state.wallets[change.wallet_id].configured)
    for name, value in change.changes.items():
        kind = kind_of(name)
        if kind is None or (name not in by_files and value is not None):
            yield f"{name} is no limit of this wallet; it has {', '.join(sorted(by_files))}"
        elif value is not None and not 0 <= value <= _HIGHEST.get(kind, value):
            yield f"{name}: {shown(kind, value)} is out of bounds"
        elif value is not None and (allowed := _admitted(state, name, value, by_files)) != value:
            yield _too_wide(name, kind, value, allowed)


def _admitted(state: State, name: LimitName, value: int, by_files: Values) -> int:
    return admitted(name, value, by_files[name], state.settings.ceilings)


def _too_wide(name: LimitName, kind: str, value: int, allowed: int) -> str:
    if kind == RISK:
        return f"{name}: {shown(kind, value)} is below the files' {shown(kind, allowed)}, and it can only be raised"
    most = f"at most {shown(kind, allowed)}, the wider of the desk's ceiling and the wallet's own file"
    return f"{name}: {shown(kind, value)} is too wide; {most}"


def _sum_faults(state: State, change: ChangeLimits, changes: dict[LimitName, Change]) -> Iterator[str]:
    """Faults of the sums over several limits, reported only if this command changes a limit of that sum."""
    kinds, kinds_left = {kind_of(name) for name in change.changes}, {kind_of(name) for name in changes}
    book, ceilings = state.wallets[change.wallet_id], state.settings.ceilings
    total = enabled_ppm(wanted_values(book.configured, changes, ceilings))
    # A sum that the files alone exceed is not refused here.
    if total > PPM and kinds & _SUMMED and kinds_left & _SUMMED:
        yield f"the enabled shares would sum to {percent(total)}; at most 100 %"
    if ALLOCATION in kinds:
        wanted = _allocations(state, change.wallet_id, changes)
        if (total := allocated_ppm(state, wanted)) > PPM:
            yield f"the allocations of all wallets would sum to {total / PPM}; at most 1"


def _allocations(state: State, wallet_id: WalletId, changes: dict[LimitName, Change]) -> dict[WalletId, int]:
    wanted, own = wanted_allocations(state), changes.get(LimitName(ALLOCATION))
    wanted.pop(wallet_id, None)
    return wanted if own is None else {**wanted, wallet_id: own.value}


def accept_price(state: State, accepted: AcceptPrice) -> Iterator[Event]:
    """The price is not a mark: it says which marks may be believed from now on."""
    mint, price_pico = accepted.mint, accepted.price_pico
    if mint not in state.doubted and mint not in state.marks:
        raise CommandRefused(f"{mint} was never priced: there is no price to accept")
    if not 0 < price_pico <= PRICE_MAX_PICO:
        raise CommandRefused(f"{price_pico} pico-USD is no price: write a positive number of USD")
    if not accepted.reason.strip():
        raise CommandRefused("say where the price is from: the journal keeps it, and it may not be blank")
    yield PriceAccepted(mint, price_pico, accepted.reason)


def change_mints(state: State, change: ChangeMints, at_ns: int) -> Iterator[Event]:
    _require_who_and_reason(change.who, change.reason)
    lists = _changed_lists(state.mints, change, Remark(change.who, change.reason, at_ns))
    if lists != state.mints:
        yield MintsChanged(lists, change.who, change.reason)


def _changed_lists(lists: MintLists, change: ChangeMints, remark: Remark) -> MintLists:
    """A mint that is already on the list keeps its first remark."""
    blocked, allowed, mint = lists.blocked, lists.allowed, change.mint
    if change.verb is MintVerb.ALLOW_ALL:
        return MintLists(blocked, None)
    if not mint:
        raise CommandRefused(f"{change.verb}: name a token")
    match change.verb:
        case MintVerb.BLOCK:
            return MintLists(_with(blocked, mint, remark), allowed)
        case MintVerb.UNBLOCK:
            return MintLists(_without(blocked, mint), allowed)
        case MintVerb.ALLOW:
            return MintLists(blocked, _with(allowed or {}, mint, remark))
        case MintVerb.DISALLOW:
            if allowed is None:
                raise CommandRefused(f"there is no allow list to take {mint} from: block it instead")
            return MintLists(blocked, _without(allowed, mint))
        case _:
            assert_never(change.verb)


def _with(mints: dict[Mint, Remark], mint: Mint, remark: Remark) -> dict[Mint, Remark]:
    if mint not in mints and len(mints) >= MINTS_MAX:
        raise CommandRefused(f"the list has {MINTS_MAX} mints, the maximum: remove one first")
    return dict(sorted({mint: remark, **mints}.items()))


def _without(mints: dict[Mint, Remark], mint: Mint) -> dict[Mint, Remark]:
    return {one: remark for one, remark in mints.items() if one != mint}


def _require_who_and_reason(who: str, reason: str) -> None:
    if not who.strip() or not reason.strip():
        raise CommandRefused("say who changes it and why: the journal keeps both, and neither may be blank")

"""The limits in force: the values of a wallet's files, an operator's changes, and the desk's ceilings.

Every limit has a name, as a wallet's JSON has it, and a whole number in its own unit. So all of them are read, bounded
and shown the same way. Nothing here is ever above both the ceiling and the wallet's own file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import asdict, replace

from overmind.core.books.aggregates import configure
from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.model.codes import LIMIT_FIELDS, Ceilings, Limits, Unit
from overmind.core.model.controls import Change
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import LimitName, WalletId
from overmind.core.model.units import MICROS, PPM
from overmind.core.model.wallet import StrategyShare, Wallet

Values = dict[LimitName, int]

REMOVED: Final = "removed"  # the hold of a wallet that the files no longer name
RESTORED: Final = "restored"  # the portfolio's hold while its journal may be an older copy
POSITION, STOP, RISK = "max_position_size", "stop_loss_threshold", "risk_level"  # These have rules of their own below.
ALLOCATION, SHARE, ENABLED = "allocation", "share", "enabled"
FIELDS: Final = {row.name: row.field for row in LIMIT_FIELDS}
OF_WALLET: Final = (*FIELDS, ALLOCATION)
OF_STRATEGY: Final = (SHARE, POSITION, ENABLED)
UNITS: Final = {
    **{row.name: row.unit for row in LIMIT_FIELDS},
    ALLOCATION: Unit.RATIO,
    SHARE: Unit.PERCENT,
    ENABLED: Unit.FLAG,
}
_ONLY_RAISED: Final = frozenset(row.name for row in LIMIT_FIELDS if row.only_raised)
_STRATEGIES: Final = frozenset(map(str, StrategyType))
NO_STOP_PPM: Final = PPM + 1  # the width of a stop loss of 0, which means none


def kind_of(name: LimitName) -> str | None:
    """The name without its strategy. None: no limit has this name."""
    strategy, dot, kind = name.rpartition(".")
    if not dot:
        return kind if kind in OF_WALLET else None
    return kind if strategy in _STRATEGIES and kind in OF_STRATEGY else None


def shown(kind: str, value: int) -> str:
    """A limit's value for people."""
    match UNITS[kind]:
        case Unit.USD:
            return f"${_plain(value / MICROS)}"
        case Unit.PERCENT:
            return "none" if kind == STOP and not value else percent(value)
        case Unit.RATIO:
            return _plain(value / PPM)
        case Unit.FLAG:
            return "true" if value else "false"
        case _:  # counted in whole numbers
            return f"{value:,}"


def percent(ppm: int) -> str:
    return f"{_plain(ppm * 100 / PPM)} %"


def _plain(amount: float) -> str:
    """Without trailing zeros."""
    return f"{amount:,.6f}".rstrip("0").rstrip(".")


def name_of(strategy: StrategyType, kind: str) -> LimitName:
    return LimitName(f"{strategy}.{kind}")


def values_of(wallet: Wallet) -> Values:
    limits = asdict(wallet.limits)
    values = {LimitName(name): limits[field] for name, field in FIELDS.items()}
    values[LimitName(ALLOCATION)] = wallet.allocation_ppm
    for strategy, share in wallet.strategies.items():
        values[name_of(strategy, SHARE)] = share.share_ppm
        values[name_of(strategy, POSITION)] = share.position_max_micros
        values[name_of(strategy, ENABLED)] = int(share.enabled)
    return values


def with_values(wallet: Wallet, values: Values) -> Wallet:
    limits = Limits(**{field: values[LimitName(name)] for name, field in FIELDS.items()})
    strategies = {
        strategy: StrategyShare(
            share_ppm=values[name_of(strategy, SHARE)],
            position_max_micros=values[name_of(strategy, POSITION)],
            enabled=bool(values[name_of(strategy, ENABLED)]),
        )
        for strategy in wallet.strategies
    }
    return replace(wallet, limits=limits, strategies=strategies, allocation_ppm=values[LimitName(ALLOCATION)])


def ceiling_of(kind: str, ceilings: Ceilings) -> int | None:
    """None: the desk has no ceiling for it."""
    return asdict(ceilings).get(FIELDS.get(kind, ""))


def admitted(name: LimitName, wanted: int, by_files: int, ceilings: Ceilings) -> int:
    """The wanted value, or the nearest one that the ceiling or the wallet's own file admits."""
    kind = kind_of(name)
    assert kind is not None, name
    ceiling = ceiling_of(kind, ceilings)
    if kind in _ONLY_RAISED:
        return max(wanted, by_files)
    if ceiling is None:
        return wanted
    if kind != STOP:
        return min(wanted, max(by_files, ceiling))
    if _width_ppm(wanted) <= max(_width_ppm(by_files), ceiling):
        return wanted
    return by_files if _width_ppm(by_files) >= ceiling else ceiling


def _width_ppm(stop_loss_ppm: int) -> int:
    return stop_loss_ppm or NO_STOP_PPM


def wanted_values(configured: Wallet, changes: Mapping[LimitName, Change], ceilings: Ceilings) -> Values:
    """Each value by itself. A change of a strategy that the files do not give to the wallet has no effect."""
    return {
        name: admitted(name, changes[name].value, value, ceilings) if name in changes else value
        for name, value in values_of(configured).items()
    }


def enabled_ppm(values: Values) -> int:
    """The sum of the shares of the enabled strategies."""
    shares = [(name.removesuffix(ENABLED), on) for name, on in values.items() if name.endswith(f".{ENABLED}")]
    return sum(values[LimitName(strategy + SHARE)] for strategy, on in shares if on)


def in_force(configured: Wallet, changes: Mapping[LimitName, Change], ceilings: Ceilings) -> Wallet:
    """If the changed shares of strategies sum to over 100 %, the lower of file and change holds for each."""
    values = wanted_values(configured, changes, ceilings)
    if enabled_ppm(values) > PPM:
        values |= {
            name: min(values[name], value)
            for name, value in values_of(configured).items()
            if kind_of(name) in (SHARE, ENABLED)
        }
    return with_values(configured, values)


def put_in_force(state: State, book: WalletBook) -> None:
    """Call it after the files, the ceilings or the changes have changed. `fit_allocations` handles allocations."""
    changes = state.changes.get(book.configured.id)
    wallet = in_force(book.configured, changes, state.settings.ceilings) if changes else book.configured
    configure(state, book, wallet)


def wanted_allocations(state: State) -> dict[WalletId, int]:
    """The allocations that an operator changed, by wallet, in ppm of the portfolio's capital."""
    name = LimitName(ALLOCATION)
    return {wallet_id: changes[name].value for wallet_id, changes in state.changes.items() if name in changes}


def allocated_ppm(state: State, wanted: Mapping[WalletId, int]) -> int:
    """The sum of the allocations of all wallets that the files name."""
    return sum(
        wanted.get(wallet_id, book.configured.allocation_ppm)
        for wallet_id, book in state.wallets.items()
        if REMOVED not in book.holds
    )


def fit_allocations(state: State) -> None:
    """The wanted allocations. If they sum to over 100 %, the lower of file and change holds for each wallet."""
    wanted = wanted_allocations(state)
    fits = not wanted or allocated_ppm(state, wanted) <= PPM
    for wallet_id, ppm in wanted.items():
        book = state.wallets[wallet_id]
        allocation_ppm = ppm if fits else min(ppm, book.configured.allocation_ppm)
        book.wallet = replace(book.wallet, allocation_ppm=allocation_ppm)

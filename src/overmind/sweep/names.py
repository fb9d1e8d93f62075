"""The settings that a sweep may vary: variables of the desk, and limits, allocation and exits of its wallets.

A name without a point is a variable. `WALLET.LIMIT` is named as `overmind limits set` names it, or as a wallet's file
names an exit; `*` is every wallet. A value is checked as the configuration would check it, before anything is played.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from overmind.config import MultiWalletConfig, WalletConfig
from overmind.config.files import InvalidValue
from overmind.config.limit_changes import read_changes
from overmind.config.misspelt import meant_by
from overmind.config.problems import ConfigError, Problem
from overmind.config.variables.paper import PAPER_PRICES, PRICE_TAPE
from overmind.config.variables.table import GROUPS
from overmind.config.variables.variable import Variable
from overmind.config.wallet_files import EXITS
from overmind.core.books.wallet_limits import ALLOCATION, Values, enabled_ppm, values_of, with_values
from overmind.core.model.ids import LimitName, WalletId
from overmind.core.model.units import PPM
from overmind.core.model.wallet import Exits, Wallet

EVERY_WALLET: Final = "*"
POINT: Final = "."
# What these say has no effect on a backtest, or is what the sweep's own keys say.
LEFT_OUT: Final = ("Mode and chain", "Wallets", "Service", "Door", "Notices")
VARIED: Final[Mapping[str, Variable[object]]] = {
    variable.name: variable
    for group, variables in GROUPS.items()
    for variable in variables
    if group not in LEFT_OUT and variable.name not in (PAPER_PRICES.name, PRICE_TAPE.name)
}
KNOWN: Final = frozenset(variable.name for variables in GROUPS.values() for variable in variables)
FORMS: Final = "name a variable such as OVERMIND_ASSET_MAX_PERCENT, or a limit such as hft_wallet.max_position_size"


def fault_of(name: str, values: Iterable[str], wallets: Mapping[WalletId, WalletConfig]) -> InvalidValue | None:
    """What is wrong with the name, or with the first bad one of its values."""
    if POINT not in name:
        return _fault_of_variable(name, values)
    wallet, _, limit = name.partition(POINT)
    if wallet != EVERY_WALLET and wallet not in wallets:
        return InvalidValue(f"there is no wallet {wallet!r}", f"name {', '.join(wallets)}, or * for every wallet")
    for value in values:
        if (fault := _fault_of_limit(limit, value, _chosen(wallet, wallets))) is not None:
            return fault
    return None


def _fault_of_variable(name: str, values: Iterable[str]) -> InvalidValue | None:
    variable = VARIED.get(name)
    if variable is None:
        meant = meant_by(name)
        if name in KNOWN:
            return InvalidValue("it has no effect on a backtest, or the sweep's own keys say it", FORMS)
        return InvalidValue("it is no setting", FORMS if meant is None else f"did you mean {meant}?")
    for value in values:
        if isinstance(read := variable.kind.read(value), InvalidValue):
            return read
    return None


def _fault_of_limit(limit: str, value: str, wallets: Iterable[Wallet]) -> InvalidValue | None:
    if limit in EXITS:
        read = EXITS[limit][1].read(value)
        return read if isinstance(read, InvalidValue) else None
    wanted = read_changes({limit: value})
    if isinstance(wanted, tuple):
        return InvalidValue(wanted[0].problem, f"{wanted[0].fix}, or an exit: {', '.join(EXITS)}")
    for wallet in wallets:
        missing = [name for name in wanted if name not in values_of(wallet)]
        if missing:
            return InvalidValue(f"{wallet.id} has no {missing[0]}", "name a strategy that the wallet's file gives it")
    return None


def variables_of(settings: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if POINT not in name}


def with_settings(config: MultiWalletConfig, settings: Mapping[str, str]) -> MultiWalletConfig:
    """The configuration with the settings of its wallets. Its variables are read already. Raises ConfigError."""
    wallets = {wallet_id: one.wallet for wallet_id, one in config.wallets.items()}
    allocated: set[WalletId] = set()
    for name, value in settings.items():
        of, point, limit = name.partition(POINT)
        if not point:
            continue
        for wallet in _chosen(of, config.wallets):
            wallets[wallet.id] = _changed(wallets[wallet.id], limit, value)
            if limit == ALLOCATION:
                allocated.add(wallet.id)
    wallets = _sharing_the_rest(wallets, allocated)
    changed = {
        wallet_id: WalletConfig(wallets[wallet_id], one.key, one.source) for wallet_id, one in config.wallets.items()
    }
    return msgspec.structs.replace(config, wallets=changed)


def _chosen(name: str, wallets: Mapping[WalletId, WalletConfig]) -> list[Wallet]:
    return [one.wallet for wallet_id, one in wallets.items() if name in (EVERY_WALLET, wallet_id)]


def _changed(wallet: Wallet, limit: str, value: str) -> Wallet:
    """The value was checked before."""
    if limit in EXITS:
        field, measure = EXITS[limit]
        exits = msgspec.structs.replace(wallet.exits or Exits(), **{field: measure.read(value)})
        return msgspec.structs.replace(wallet, exits=exits)
    wanted = read_changes({limit: value})
    assert not isinstance(wanted, tuple), wanted
    values: Values = values_of(wallet) | {name: number for name, number in wanted.items() if number is not None}
    if enabled_ppm(values) > PPM:
        percent = enabled_ppm(values) * 100 / PPM
        raise _refused(f"the enabled shares of {wallet.id} sum to {percent:g} percent", "lower them to 100 together")
    return with_values(wallet, values)


def _sharing_the_rest(wallets: Mapping[WalletId, Wallet], allocated: set[WalletId]) -> dict[WalletId, Wallet]:
    """Wallets whose allocation does not vary share what the others leave, in the proportion that they have."""
    if not allocated:
        return dict(wallets)
    taken = sum(wallets[wallet_id].allocation_ppm for wallet_id in allocated)
    if taken > PPM:
        raise _refused(f"the allocations sum to {taken / PPM:g}", "lower them to at most 1 together")
    others = [wallet for wallet in wallets.values() if wallet.id not in allocated]
    known = sum(wallet.allocation_ppm for wallet in others)
    fit: dict[WalletId, Wallet] = {}
    for wallet in wallets.values():
        share = wallet.allocation_ppm
        if wallet.id not in allocated and known:
            share = share * (PPM - taken) // known
        fit[wallet.id] = with_values(wallet, values_of(wallet) | {LimitName(ALLOCATION): share})
    return fit


def _refused(problem: str, fix: str) -> ConfigError:
    return ConfigError((Problem("these settings", problem, fix),))

"""Double entry: every change is a transfer, so each mint always sums to zero.

A reservation is not a special concept. It is a transfer from a wallet's free account to its held account, later
spent or released. SOL that pays fees and rent has accounts of its own (`float`), apart from a SOL position. What a fork
took back after it was spent stands in the wallet's suspense account, below zero, until it is made good.
"""

from __future__ import annotations

import msgspec

from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.value import Value

# Accounts of the outside; they may be negative.
MARKET, FEES, RENT, DEPOSITS, TIPS = "@market", "@fees", "@rent", "@deposits", "@tips"


def free(wallet_id: WalletId) -> str:
    return f"{wallet_id}/free"


def held(wallet_id: WalletId) -> str:
    return f"{wallet_id}/held"


def sol_float(wallet_id: WalletId) -> str:
    return f"{wallet_id}/float"


def sol_float_held(wallet_id: WalletId) -> str:
    return f"{wallet_id}/float_held"


def suspense(wallet_id: WalletId) -> str:
    return f"@suspense/{wallet_id}"


class WalletAccounts(Value, frozen=True):
    """The names of a wallet's accounts, built once, since every trade uses them two dozen times."""

    free: str
    held: str
    sol_float: str
    sol_float_held: str
    suspense: str
    float_suspense: str  # the float's debt, apart from that of a SOL position
    written_off: str  # units of dust that no position counts any more

    @property
    def names(self) -> tuple[str, ...]:
        floats = (self.sol_float, self.sol_float_held, self.float_suspense)
        return (self.free, self.held, self.suspense, *floats, self.written_off)


def accounts_of(wallet_id: WalletId) -> WalletAccounts:
    return WalletAccounts(
        free(wallet_id),
        held(wallet_id),
        sol_float(wallet_id),
        sol_float_held(wallet_id),
        suspense(wallet_id),
        f"{suspense(wallet_id)}/float",
        f"{wallet_id}/written_off",
    )


class Ledger(msgspec.Struct):
    accounts: dict[str, dict[Mint, int]] = msgspec.field(default_factory=dict)

    def balance(self, account: str, mint: Mint) -> int:
        mints = self.accounts.get(account)
        return mints.get(mint, 0) if mints is not None else 0

    def balance_of_both(self, account: str, other: str, mint: Mint) -> int:
        """The sum of two accounts: what is free and what is held, in one call, for speed."""
        mints, more = self.accounts.get(account), self.accounts.get(other)
        return (mints.get(mint, 0) if mints is not None else 0) + (more.get(mint, 0) if more is not None else 0)

    def transfer(self, units: int, mint: Mint, source: str, target: str) -> None:
        """All or nothing: a wallet's account never becomes negative."""
        if units <= 0:
            assert units == 0, (units, mint, source, target)
            return
        accounts = self.accounts
        sources, targets = accounts.get(source), accounts.get(target)
        if sources is None:
            sources = accounts[source] = {}
        if targets is None:
            targets = accounts[target] = {}
        left = sources.get(mint, 0) - units
        assert left >= 0 or source[0] == "@", (units, mint, source, target, left)
        sources[mint] = left
        targets[mint] = targets.get(mint, 0) + units

    def owned(self, accounts: WalletAccounts, mint: Mint) -> int:
        """All that a wallet has of a mint by the books: held units and float included, debts by a fork subtracted."""
        return sum(self.balance(name, mint) for name in accounts.names)

    def totals(self) -> dict[Mint, int]:
        """Always zero for every mint."""
        totals: dict[Mint, int] = {}
        for mints in self.accounts.values():
            for mint, units in mints.items():
                totals[mint] = totals.get(mint, 0) + units
        return totals

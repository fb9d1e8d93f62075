"""The accounts of one executed transaction before and after it, and whether it counts as landed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from solders.account import Account
from solders.pubkey import Pubkey

from overmind.core.model.value import Value
from overmind.sandbox.localnet import tokens
from overmind.sandbox.localnet.svm import ExecutedTransaction
from overmind.sandbox.localnet.wire import Wire

TABLE_HEADER_BYTES = 56  # in an address lookup table, before its addresses

Read = Callable[[str], Account | None]


class Involved(Value, frozen=True):
    """All accounts of a transaction, including those that it loads from tables."""

    keys: tuple[str, ...]
    loaded: tuple[int, int]
    writable: tuple[int, ...]

    @property
    def loaded_addresses(self) -> dict[str, tuple[str, ...]]:
        write, read = self.loaded
        end = len(self.keys)
        return {"writable": self.keys[end - write - read : end - read], "readonly": self.keys[end - read :]}


class LocalSimulation(Value, frozen=True):
    """What a transaction would do if it were executed now."""

    ran: ExecutedTransaction
    involved: Involved
    before: tuple[Account | None, ...]
    after: tuple[Account | None, ...]


def involved(wire: Wire, read: Read) -> Involved:
    if not wire.lookups:
        return Involved(wire.keys, (0, 0), wire.writable)
    to_write = [key for table, indexes, _ in wire.lookups for key in _resolved(read(table), indexes)]
    to_read = [key for table, _, indexes in wire.lookups for key in _resolved(read(table), indexes)]
    first = len(wire.keys)
    writable = wire.writable + tuple(range(first, first + len(to_write)))
    return Involved((*wire.keys, *to_write, *to_read), (len(to_write), len(to_read)), writable)


def _resolved(table: Account | None, indexes: bytes) -> list[str]:
    """The addresses at these indexes. An index beyond the table is skipped; the VM rejects such a transaction."""
    held = b"" if table is None else table.data[TABLE_HEADER_BYTES:]
    places = [slice(32 * index, 32 * index + 32) for index in indexes]
    return [str(Pubkey.from_bytes(held[place])) for place in places if len(held[place]) == 32]


def has_landed(ran: ExecutedTransaction, payer_before: Account | None, payer_after: Account | None) -> bool:
    """True for a success or a failure that paid its fee. A transaction that the VM rejects before execution never
    lands.
    """
    if ran.err is None:
        return True
    before = 0 if payer_before is None else payer_before.lamports
    return before != (0 if payer_after is None else payer_after.lamports)


def lamports(accounts: Sequence[Account | None]) -> tuple[int, ...]:
    return tuple(0 if account is None else account.lamports for account in accounts)


def token_balances(
    accounts: Sequence[Account | None], decimals: Callable[[str], int]
) -> tuple[tokens.LocalTokenBalance, ...]:
    found = []
    for index, account in enumerate(accounts):
        if account is None or not tokens.is_token_account(account):
            continue
        data = account.data
        mint = tokens.key_text(data[:32])
        found.append(
            tokens.LocalTokenBalance(
                index=index,
                mint=mint,
                owner=tokens.key_text(data[32:64]),
                program=tokens.PROGRAMS[account.owner],
                amount=int.from_bytes(data[64:72], "little"),
                decimals=decimals(mint),
            )
        )
    return tuple(found)

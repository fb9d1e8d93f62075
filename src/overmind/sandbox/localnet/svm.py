"""The only access to LiteSVM: executes, simulates, reads and sets accounts. A panic becomes a value.

LiteSVM checks no blockhash and keeps no history here; the chain does both.
"""

from __future__ import annotations

from typing import Final

import msgspec
from solders.account import Account
from solders.clock import Clock
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction_metadata import FailedTransactionMetadata, SimulatedTransactionInfo, TransactionMetadata

from overmind.core.model.value import Value
from overmind.sandbox.localnet.guard import guarded
from overmind.sandbox.localnet.wire import Wire

SYSTEM: Final = Pubkey.default()
EMPTY_RECORD: Final = (
    '{"logs":[],"inner_instructions":[],"compute_units_consumed":0,"return_data":{"program_id":[],"data":[]}}'
)
NOTHING: Final = Account(0, b"", SYSTEM, False, 0)


class ExecutedTransaction(Value, frozen=True):
    """The result of an executed transaction. `err` is in the node's JSON form."""

    err: object
    fee: int
    units: int
    record: str


class Simulated(Value, frozen=True):
    ran: ExecutedTransaction
    after: dict[str, Account]  # the accounts that it would have written; empty when it fails


class _Failed(msgspec.Struct):
    err: object
    meta: msgspec.Raw


class Svm:
    def __init__(self) -> None:
        self._vm = LiteSVM().with_blockhash_check(False).with_transaction_history(0)
        self._verifies = True
        self._at = (-1, -1)

    def get(self, address: str) -> Account | None:
        return self._vm.get_account(Pubkey.from_string(address))

    def put(self, address: str, account: Account | None) -> None:
        """Sets an account; None removes it."""
        self._vm.set_account(Pubkey.from_string(address), NOTHING if account is None else account)

    def owned_by(self, program: str) -> list[tuple[str, Account]]:
        return [(str(key), account) for key, account in self._vm.get_program_accounts(Pubkey.from_string(program))]

    def rent(self, size: int) -> int:
        return self._vm.minimum_balance_for_rent_exemption(size)

    def enter(self, slot: int, epoch: int, at_s: int) -> None:
        """Sets the clock that programs read."""
        if self._at != (slot, at_s):
            self._at = (slot, at_s)
            self._vm.set_clock(Clock(slot, at_s, epoch, epoch + 1, at_s))

    def run(self, wire: Wire, verify: bool = True) -> ExecutedTransaction:
        """Executes a transaction, by default with signature checks. A failure during execution pays its fee."""
        self._verify(verify)
        result = guarded(lambda: self._vm.send_transaction(wire.transaction))
        if result is None:
            return ExecutedTransaction("SanitizeFailure", 0, 0, EMPTY_RECORD)
        return _ran(result)

    def simulate(self, wire: Wire, verify: bool) -> Simulated:
        self._verify(verify)
        result = guarded(lambda: self._vm.simulate_transaction(wire.transaction))
        if result is None:
            return Simulated(ExecutedTransaction("SanitizeFailure", 0, 0, EMPTY_RECORD), {})
        if isinstance(result, SimulatedTransactionInfo):
            return Simulated(_ran(result.meta()), {str(key): account for key, account in result.post_accounts()})
        return Simulated(_ran(result), {})

    def _verify(self, verify: bool) -> None:
        if verify is not self._verifies:
            self._vm = self._vm.with_sigverify(verify)
            self._verifies = verify


def _ran(result: TransactionMetadata | FailedTransactionMetadata) -> ExecutedTransaction:
    if isinstance(result, TransactionMetadata):
        return ExecutedTransaction(None, result.fee(), result.compute_units_consumed(), result.to_json())
    failed = msgspec.json.decode(result.to_json(), type=_Failed)
    meta = result.meta()
    return ExecutedTransaction(failed.err, meta.fee(), meta.compute_units_consumed(), bytes(failed.meta).decode())

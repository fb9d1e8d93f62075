"""A node's errors: JSON-RPC codes, their bodies, and transaction errors in a real node's wording."""

from __future__ import annotations

import re
from typing import Final

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
CLEANED_UP: Final = -32001
PREFLIGHT_FAILURE: Final = -32002
SIGNATURE_FAILURE: Final = -32003
NOT_AVAILABLE: Final = -32004
UNHEALTHY: Final = -32005
SLOT_SKIPPED: Final = -32007
UNSUPPORTED_VERSION: Final = -32015
MIN_CONTEXT: Final = -32016


class RpcFault(Exception):
    """An error as the client gets it. `data` is left out of the body when it is None."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data

    def body(self) -> dict[str, object]:
        body: dict[str, object] = {"code": self.code, "message": self.message}
        return body if self.data is None else body | {"data": self.data}


def invalid(message: str) -> RpcFault:
    return RpcFault(INVALID_PARAMS, message)


def unhealthy(slots_behind: int | None) -> RpcFault:
    words = "Node is unhealthy" if slots_behind is None else f"Node is behind by {slots_behind} slots"
    return RpcFault(UNHEALTHY, words, {"numSlotsBehind": slots_behind})


def min_context(slot: int) -> RpcFault:
    return RpcFault(MIN_CONTEXT, "Minimum context slot has not been reached", {"contextSlot": slot})


def preflight_failure(err: object, result: dict[str, object]) -> RpcFault:
    return RpcFault(PREFLIGHT_FAILURE, f"Transaction simulation failed: {describe(err)}", result)


_TRANSACTION: Final = {
    "AccountInUse": "Account in use",
    "AccountLoadedTwice": "Account loaded twice",
    "AccountNotFound": "Attempt to debit an account but found no record of a prior credit.",
    "ProgramAccountNotFound": "Attempt to load a program that does not exist",
    "InsufficientFundsForFee": "Insufficient funds for fee",
    "InvalidAccountForFee": "This account may not be used to pay transaction fees",
    "AlreadyProcessed": "This transaction has already been processed",
    "BlockhashNotFound": "Blockhash not found",
    "CallChainTooDeep": "Loader call chain is too deep",
    "MissingSignatureForFee": "Transaction requires a fee but has no signature present",
    "InvalidAccountIndex": "Transaction contains an invalid account reference",
    "SignatureFailure": "Transaction did not pass signature verification",
    "InvalidProgramForExecution": "This program may not be used for executing instructions",
    "SanitizeFailure": "Transaction failed to sanitize accounts offsets correctly",
    "AccountBorrowOutstanding": "Transaction processing left an account with an outstanding borrowed reference",
    "UnsupportedVersion": "Transaction version is unsupported",
    "InvalidWritableAccount": "Transaction loads a writable account that cannot be written",
    "TooManyAccountLocks": "Transaction locked too many accounts",
    "AddressLookupTableNotFound": "Transaction loads an address table account that doesn't exist",
    "InvalidAddressLookupTableOwner": "Transaction loads an address table account with an invalid owner",
    "InvalidAddressLookupTableData": "Transaction loads an address table account with invalid data",
    "InvalidAddressLookupTableIndex": "Transaction address table lookup uses an invalid index",
    "InvalidRentPayingAccount": "Transaction leaves an account with a lower balance than rent-exempt minimum",
    "MaxLoadedAccountsDataSizeExceeded": "Transaction exceeded max loaded accounts data size cap",
    "InvalidLoadedAccountsDataSizeLimit": "LoadedAccountsDataSizeLimit set for transaction must be greater than 0.",
    "UnbalancedTransaction": "Sum of account balances before and after transaction do not match",
}
_INSTRUCTION: Final = {
    "GenericError": "generic instruction error",
    "InvalidArgument": "invalid program argument",
    "InvalidInstructionData": "invalid instruction data",
    "InvalidAccountData": "invalid account data for instruction",
    "AccountDataTooSmall": "account data too small for instruction",
    "InsufficientFunds": "insufficient funds for instruction",
    "IncorrectProgramId": "incorrect program id for instruction",
    "MissingRequiredSignature": "missing required signature for instruction",
    "AccountAlreadyInitialized": "instruction requires an uninitialized account",
    "UninitializedAccount": "instruction requires an initialized account",
    "NotEnoughAccountKeys": "insufficient account keys for instruction",
    "ExternalAccountLamportSpend": "instruction spent from the balance of an account it does not own",
    "ExternalAccountDataModified": "instruction modified data of an account it does not own",
    "ReadonlyLamportChange": "instruction changed the balance of a read-only account",
    "ReadonlyDataModified": "instruction modified data of a read-only account",
    "UnsupportedProgramId": "Unsupported program id",
    "MissingAccount": "An account required by the instruction is missing",
    "InvalidAccountOwner": "Invalid account owner",
    "IllegalOwner": "Provided owner is not allowed",
    "ComputationalBudgetExceeded": "Computational budget exceeded",
    "ProgramFailedToComplete": "Program failed to complete",
    "ProgramFailedToCompile": "Program failed to compile",
    "PrivilegeEscalation": "Cross-program invocation with unauthorized signer or writable account",
    "Immutable": "Account is immutable",
    "IncorrectAuthority": "Incorrect authority provided",
    "ArithmeticOverflow": "Program arithmetic overflowed",
    "InvalidSeeds": "Provided seeds do not result in a valid address",
    "CallDepth": "Cross-program invocation call depth too deep",
    "AccountNotExecutable": "instruction expected an executable account",
    "AccountNotRentExempt": "An account does not have enough lamports to be rent-exempt",
    "UnbalancedInstruction": "sum of account balances before and after instruction do not match",
}


def describe(err: object) -> str:
    """A transaction error in a node's wording, e.g. `Error processing Instruction 2: custom program error: 0x1`."""
    match err:
        case str():
            return _TRANSACTION.get(err, _spaced(err))
        case {"InstructionError": [index, cause]}:
            return f"Error processing Instruction {index}: {_instruction(cause)}"
        case {"InsufficientFundsForRent": {"account_index": index}}:
            return f"Transaction results in an account ({index}) with insufficient funds for rent"
        case {"DuplicateInstruction": index}:
            return f"Transaction contains a duplicate instruction ({index}) that is not allowed"
        case _:
            return str(err)


def _instruction(cause: object) -> str:
    match cause:
        case str():
            return _INSTRUCTION.get(cause, _spaced(cause))
        case {"Custom": int(number)}:
            return f"custom program error: {number:#x}"
        case {"BorshIoError": _} | {"BorshIoError": str()}:
            return "Failed to serialize or deserialize account data"
        case _:
            return str(cause)


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()

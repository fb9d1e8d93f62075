"""The JSON shapes of a node's answers for accounts, statuses and simulations, made on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from solders.account import Account

from overmind.sandbox.localnet import landing, tokens
from overmind.sandbox.localnet.encoding import to_base58, to_base64
from overmind.sandbox.localnet.errors import INVALID_REQUEST, RpcFault
from overmind.sandbox.localnet.history import Landed
from overmind.sandbox.localnet.landing import LocalSimulation

BASE58_DATA_MAX: Final = 128  # bytes of account data that a node shows in base58
_TOO_LONG: Final = "Encoded binary (base 58) data should be less than 128 bytes, please use Base64 encoding."
Json = dict[str, object]


class Compiled(msgspec.Struct, rename="camel"):
    """A compiled instruction. The VM's JSON puts a list's length, as a list of its own, before its items."""

    program_id_index: int
    accounts: list[int | list[int]]
    data: list[int | list[int]]

    def keys(self, of: Sequence[str]) -> list[str]:
        return [of[index] for index in self.accounts[1:] if isinstance(index, int)]

    def payload(self) -> bytes:
        return bytes(one for one in self.data[1:] if isinstance(one, int))


class Called(msgspec.Struct, rename="camel"):
    """An instruction that a program called."""

    instruction: Compiled
    stack_height: int


class TransactionRecord(msgspec.Struct):
    """The VM's record of an executed transaction."""

    logs: list[str]
    inner_instructions: list[list[Called]]
    compute_units_consumed: int
    return_data: Json


record_of = msgspec.json.Decoder(TransactionRecord).decode


def account(found: Account | None, encoding: str, piece: slice, decimals: Callable[[str], int]) -> Json | None:
    if found is None:
        return None
    shown = _parsed(found, decimals) if encoding == "jsonParsed" else None
    return {
        "data": shown if shown is not None else _data(found.data[piece], encoding),
        "executable": found.executable,
        "lamports": found.lamports,
        "owner": str(found.owner),
        "rentEpoch": tokens.RENT_EPOCH,
        "space": len(found.data),
    }


def _data(raw: bytes, encoding: str) -> object:
    if encoding in ("base58", "binary"):
        if len(raw) > BASE58_DATA_MAX:
            raise RpcFault(INVALID_REQUEST, _TOO_LONG)
        return to_base58(raw) if encoding == "binary" else [to_base58(raw), "base58"]
    return [to_base64(raw), "base64"]


def _parsed(found: Account, decimals: Callable[[str], int]) -> Json | None:
    """The parsed form of mints and token accounts; None for other accounts, which are always shown as bytes."""
    if found.owner not in tokens.PROGRAMS:
        return None
    program = "spl-token" if found.owner == tokens.TOKEN_PROGRAM else "spl-token-2022"
    if tokens.is_mint(found):
        return {"program": program, "parsed": {"type": "mint", "info": _mint(found)}, "space": len(found.data)}
    if tokens.is_token_account(found):
        info = _token_account(found, decimals)
        return {"program": program, "parsed": {"type": "account", "info": info}, "space": len(found.data)}
    return None


def _mint(found: Account) -> Json:
    mint = tokens.read_mint(found)
    return {
        "decimals": mint.decimals,
        "freezeAuthority": mint.freeze_authority,
        "isInitialized": mint.initialized,
        "mintAuthority": mint.authority,
        "supply": str(mint.supply),
    }


def _token_account(found: Account, decimals: Callable[[str], int]) -> Json:
    state = tokens.read_token_account(found)
    places = decimals(state.mint)
    info: Json = {
        "isNative": state.native_reserve is not None,
        "mint": state.mint,
        "owner": state.owner,
        "state": "frozen" if state.frozen else "initialized",
        "tokenAmount": tokens.ui_amount(state.amount, places),
    }
    if state.delegate is not None:
        info |= {"delegate": state.delegate, "delegatedAmount": tokens.ui_amount(state.delegated_amount, places)}
    if state.native_reserve is not None:
        info["rentExemptReserve"] = tokens.ui_amount(state.native_reserve, places)
    if state.close_authority is not None:
        info["closeAuthority"] = state.close_authority
    return info


def outcome(err: object) -> Json:
    return {"Ok": None} if err is None else {"Err": err}


def status(landed: Landed, head_height: int, root_height: int) -> Json:
    final = landed.height <= root_height
    level = "finalized" if final else "confirmed" if landed.height < head_height else "processed"
    return {
        "confirmationStatus": level,
        "confirmations": None if final else head_height - landed.height,
        "err": landed.err,
        "slot": landed.slot,
        "status": outcome(landed.err),
    }


def in_address_list(landed: Landed, head_height: int, root_height: int) -> Json:
    return {
        "blockTime": landed.at_s,
        "confirmationStatus": status(landed, head_height, root_height)["confirmationStatus"],
        "err": landed.err,
        "memo": None,
        "signature": landed.signature,
        "slot": landed.slot,
    }


def simulated(simulation: LocalSimulation, decimals: Callable[[str], int]) -> Json:
    """The value of simulateTransaction, and the data of a failed preflight."""
    record = record_of(simulation.ran.record)
    before, after = simulation.before, simulation.after
    ran = simulation.ran.err is None or bool(simulation.ran.units)
    pre, post = landing.lamports(before), list(landing.lamports(after))
    if ran and simulation.ran.err is not None:
        post[0] -= simulation.ran.fee  # a failed transaction pays its fee too
    return {
        "err": simulation.ran.err,
        "logs": record.logs,
        "accounts": None,
        "unitsConsumed": simulation.ran.units,
        "loadedAccountsDataSize": sum(len(one.data) for one in before if one is not None),
        "returnData": return_data(record.return_data),
        "innerInstructions": None,
        "replacementBlockhash": None,
        "fee": simulation.ran.fee if ran else None,
        "preBalances": pre,
        "postBalances": post,
        "preTokenBalances": token_balances(landing.token_balances(before, decimals)),
        "postTokenBalances": token_balances(landing.token_balances(after, decimals)),
        "loadedAddresses": simulation.involved.loaded_addresses,
    }


def return_data(returned: Json) -> Json | None:
    data, program = returned.get("data"), returned.get("program_id")
    if not isinstance(data, list) or not isinstance(program, list) or not data:
        return None
    return {"programId": to_base58(bytes(program)), "data": [to_base64(bytes(data)), "base64"]}


def token_balances(balances: Sequence[tokens.LocalTokenBalance]) -> list[Json]:
    return [
        {
            "accountIndex": one.index,
            "mint": one.mint,
            "owner": one.owner,
            "programId": one.program,
            "uiTokenAmount": tokens.ui_amount(one.amount, one.decimals),
        }
        for one in balances
    ]


def inner_instructions(groups: list[list[Called]]) -> list[Json]:
    return [
        {"index": index, "instructions": [_inner(one) for one in group]} for index, group in enumerate(groups) if group
    ]


def _inner(one: Called) -> Json:
    instruction = one.instruction
    return {
        "programIdIndex": instruction.program_id_index,
        "accounts": instruction.accounts[1:],
        "data": to_base58(instruction.payload()),
        "stackHeight": one.stack_height,
    }

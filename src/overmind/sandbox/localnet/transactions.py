"""The JSON shapes of a landed transaction in each encoding: base64, base58, json, jsonParsed."""

from __future__ import annotations

import struct
from typing import Final

from overmind.sandbox.localnet import shapes, wire
from overmind.sandbox.localnet.encoding import to_base58, to_base64
from overmind.sandbox.localnet.errors import UNSUPPORTED_VERSION, RpcFault, invalid
from overmind.sandbox.localnet.history import Landed
from overmind.sandbox.localnet.landing import Involved
from overmind.sandbox.localnet.shapes import Json
from overmind.sandbox.localnet.tokens import TOKEN, TOKEN_2022, ui_amount

TOP_LEVEL: Final = 1
_SYSTEM: Final = str(wire.SYSTEM)


def transaction(landed: Landed, encoding: str, version_max: int | None) -> Json:
    """The result of getTransaction. Raises RpcFault -32015 for a version above the client's maximum."""
    return {
        "slot": landed.slot,
        **in_block(landed, encoding, version_max),
        "blockTime": landed.at_s,
    }


def in_block(landed: Landed, encoding: str, version_max: int | None) -> Json:
    shown: Json = {"transaction": _encoded(landed, encoding), "meta": meta(landed, encoding)}
    if version_max is not None:
        shown["version"] = "legacy" if landed.version is None else landed.version
    if landed.version is not None and (version_max is None or landed.version > version_max):
        raise RpcFault(
            UNSUPPORTED_VERSION,
            f"Transaction version ({landed.version}) is not supported by the requesting client. Please try the "
            f'request again with the following configuration parameter: "maxSupportedTransactionVersion": '
            f"{landed.version}",
        )
    return shown


def meta(landed: Landed, encoding: str) -> Json:
    record = shapes.record_of(landed.record)
    involved = Involved(landed.keys, landed.loaded, landed.writable)
    inner = record.inner_instructions
    shown: Json = {
        "err": landed.err,
        "status": shapes.outcome(landed.err),
        "fee": landed.fee,
        "preBalances": landed.pre,
        "postBalances": landed.post,
        "innerInstructions": _inner_parsed(landed, inner)
        if encoding == "jsonParsed"
        else shapes.inner_instructions(inner),
        "logMessages": record.logs,
        "preTokenBalances": _stored(shapes.token_balances(landed.tokens_pre)),
        "postTokenBalances": _stored(shapes.token_balances(landed.tokens_post)),
        "rewards": [],
        "loadedAddresses": involved.loaded_addresses,
        "computeUnitsConsumed": record.compute_units_consumed,
    }
    returned = shapes.return_data(record.return_data)
    return shown if returned is None else shown | {"returnData": returned}


def _stored(balances: list[Json]) -> list[Json]:
    """A node's store does not distinguish a uiAmount of zero from none: it returns null."""
    for balance in balances:
        amount = balance["uiTokenAmount"]
        if isinstance(amount, dict) and not amount["uiAmount"]:
            amount["uiAmount"] = None
    return balances


def _encoded(landed: Landed, encoding: str) -> object:
    match encoding:
        case "base64":
            return [to_base64(landed.raw), "base64"]
        case "base58":
            return [to_base58(landed.raw), "base58"]
        case "binary":
            return to_base58(landed.raw)
        case "json":
            return _apart(landed)
        case "jsonParsed":
            return _parsed(landed)
        case _:
            raise invalid(
                f"Invalid params: unknown variant `{encoding}`, expected one of "
                "`binary`, `base64`, `base58`, `json`, `jsonParsed`."
            )


def _apart(landed: Landed) -> Json:
    transaction = wire.read(landed.raw).transaction
    message = transaction.message
    header = message.header
    shown: Json = {
        "header": {
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
            "numRequiredSignatures": header.num_required_signatures,
        },
        "accountKeys": [str(key) for key in message.account_keys],
        "recentBlockhash": str(message.recent_blockhash),
        "instructions": [
            {
                "programIdIndex": one.program_id_index,
                "accounts": list(one.accounts),
                "data": to_base58(one.data),
                "stackHeight": TOP_LEVEL,
            }
            for one in message.instructions
        ],
    }
    if landed.version is not None:
        shown["addressTableLookups"] = _lookups(landed)
    return {"signatures": [str(one) for one in transaction.signatures], "message": shown}


def _lookups(landed: Landed) -> list[Json]:
    return [
        {"accountKey": table, "writableIndexes": list(write), "readonlyIndexes": list(read)}
        for table, write, read in wire.read(landed.raw).lookups
    ]


def _parsed(landed: Landed) -> Json:
    parts = wire.read(landed.raw)
    message = parts.transaction.message
    own = len(parts.keys)
    shown: Json = {
        "accountKeys": [
            {
                "pubkey": key,
                "signer": index < parts.signed,
                "source": "transaction" if index < own else "lookupTable",
                "writable": index in landed.writable,
            }
            for index, key in enumerate(landed.keys)
        ],
        "recentBlockhash": parts.blockhash,
        "instructions": [
            _instruction(landed.keys[one.program_id_index], [landed.keys[i] for i in one.accounts], one.data, TOP_LEVEL)
            for one in message.instructions
        ],
    }
    if landed.version is not None:
        shown["addressTableLookups"] = _lookups(landed)
    return {"signatures": [str(one) for one in parts.transaction.signatures], "message": shown}


def _instruction(program: str, accounts: list[str], data: bytes, depth: int) -> Json:
    """Parses System transfers and token transfers; shows everything else as accounts and bytes, like a node."""
    parsed = None
    if program == _SYSTEM and len(data) == 12 and data[:4] == b"\2\0\0\0" and len(accounts) >= 2:
        (lamports,) = struct.unpack_from("<Q", data, 4)
        info: Json = {"source": accounts[0], "destination": accounts[1], "lamports": lamports}
        parsed = {"type": "transfer", "info": info}
        name = "system"
    elif program in (TOKEN, TOKEN_2022) and len(data) == 10 and data[0] == 12 and len(accounts) >= 4:
        amount, decimals = struct.unpack_from("<QB", data, 1)
        source, mint, destination, authority = accounts[:4]
        info = {"source": source, "mint": mint, "destination": destination, "authority": authority}
        parsed = {"type": "transferChecked", "info": info | {"tokenAmount": ui_amount(amount, decimals)}}
        name = "spl-token" if program == TOKEN else "spl-token-2022"
    if parsed is None:
        return {"programId": program, "accounts": accounts, "data": to_base58(data), "stackHeight": depth}
    return {"program": name, "programId": program, "parsed": parsed, "stackHeight": depth}


def _inner_parsed(landed: Landed, groups: list[list[shapes.Called]]) -> list[Json]:
    shown: list[Json] = []
    for index, group in enumerate(groups):
        instructions = [_called(landed, one) for one in group]
        if instructions:
            shown.append({"index": index, "instructions": instructions})
    return shown


def _called(landed: Landed, one: shapes.Called) -> Json:
    called = one.instruction
    program = landed.keys[called.program_id_index]
    return _instruction(program, called.keys(landed.keys), called.payload(), one.stack_height)

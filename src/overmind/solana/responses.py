"""Reads nodes' answers. Any field may be missing, null or nonsense; then the answer counts as none (ChainSilent).

Nothing is guessed in a direction that costs money: an unclear status counts as the weaker one, and balances that do not
match their accounts are refused.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any, Final

import msgspec
from solders.pubkey import Pubkey

from overmind.core.model.ids import Mint
from overmind.core.model.numbers import digits
from overmind.core.model.value import Value
from overmind.ports import AccountBytes, AccountsRead, ChainSilent, ChainTip, Effects, Status, TokenBalance
from overmind.solana.wire import is_count

UNITS_MAX: Final = 2**64 - 1
_TOKEN_ACCOUNT: Final = Struct("<32s32sQ")  # mint, owner, amount: the same in both token programs
_STAGES: Final = {"processed": (False, False), "confirmed": (True, False), "finalized": (True, True)}


class TokenAccount(Value, frozen=True):
    address: str
    mint: Mint
    units: int
    program: str


class OwnerBalances(Value, frozen=True):
    """The balances of one wallet at `confirmed`. The answers may be of different slots: `slot` is the lowest."""

    owner: str
    slot: int
    slot_max: int
    lamports: int  # of the wallet itself, without those inside its token accounts
    accounts: tuple[TokenAccount, ...]

    @property
    def units(self) -> dict[Mint, int]:
        """Units of each mint, over all its accounts. Mints without an account are absent."""
        totals: dict[Mint, int] = {}
        for account in self.accounts:
            totals[account.mint] = totals.get(account.mint, 0) + account.units
        return totals


class SignatureInfo(Value, frozen=True):
    signature: str
    slot: int
    failed: bool


def table(content: object, what: str) -> dict[str, Any]:
    """A JSON object."""
    if isinstance(content, dict):
        return content
    raise ChainSilent(f"a node's {what} is not a JSON object")


def count(content: object, what: str) -> int:
    """An unsigned 64-bit integer."""
    if type(content) is int and is_count(content):
        return content
    raise ChainSilent(f"a node's {what} is not an unsigned 64-bit integer")


def text(content: object, what: str) -> str:
    if isinstance(content, str) and content:
        return content
    raise ChainSilent(f"a node's {what} is not a text")


def listed(content: object, what: str) -> list[Any]:
    if isinstance(content, list):
        return content
    raise ChainSilent(f"a node's {what} is not a list")


def in_context(content: object, what: str) -> tuple[int, Any]:
    """The slot of the answer, and the answer."""
    answer = table(content, what)
    if "value" not in answer:
        raise ChainSilent(f"a node's {what} has no value")
    return count(table(answer.get("context"), f"context of {what}").get("slot"), f"slot of {what}"), answer["value"]


def tip(content: object) -> ChainTip:
    info = table(content, "epoch info")
    found = ChainTip(count(info.get("absoluteSlot"), "slot"), count(info.get("blockHeight"), "block height"))
    if found.height > found.slot:
        raise ChainSilent("a node's block height is above its slot, which cannot be")
    return found


def status(content: object) -> Status | None:
    if content is None:
        return None
    found = table(content, "signature status")
    confirmed, finalized = _stage(found)
    failed = _error(found) is not None
    return Status(count(found.get("slot"), "slot of a status"), failed, confirmed, finalized)


def signature_info(content: object) -> SignatureInfo:
    found = table(content, "signature of an address")
    slot = count(found.get("slot"), "slot of a signature")
    return SignatureInfo(text(found.get("signature"), "signature"), slot, found.get("err") is not None)


def effects(content: dict[str, Any], static: tuple[str, ...], slot: int) -> Effects:
    """From the `meta` of a transaction, or from a simulation, which has the same fields."""
    error = _error(content)
    accounts = static + _loaded(content.get("loadedAddresses"))
    before, after = _lamports(content.get("preBalances")), _lamports(content.get("postBalances"))
    if not len(before) == len(after) == len(accounts):
        raise ChainSilent(
            f"a node tells {len(before)} balances before and {len(after)} after of {len(accounts)} accounts"
        )
    tokens = _tokens(content.get("preTokenBalances"), content.get("postTokenBalances"), len(accounts))
    return Effects(error, count(content.get("fee"), "fee"), accounts, before, after, tokens, slot)


class CannotSimulate(ChainSilent):
    """The node's software cannot tell what a transaction would change. Asking again changes nothing."""


def simulated(content: object, static: tuple[str, ...], slot: int) -> Effects:
    value = table(content, "simulation")
    if value.get("err") == "BlockhashNotFound":
        raise ChainSilent("the node does not know the transaction's blockhash, yet or any more")
    error = _error(value)
    present = [value.get(name) is not None for name in _BALANCES]
    if all(present):
        # A failure before anything ran has no fee.
        return effects(value if error is None else {**value, "fee": value.get("fee") or 0}, static, slot)
    if error is not None:
        return Effects(error, 0, static, (), (), (), slot)
    missing = ", ".join(name for name, there in zip(_BALANCES, present, strict=True) if not there)
    raise CannotSimulate(
        f"the node cannot simulate balances (no {missing} in its answer): use one that runs Agave 3.0 or later"
    )


def token_accounts(content: Iterable[object], owner: str, program: str) -> Iterable[TokenAccount]:
    for entry in content:
        found = table(entry, "token account")
        account = table(found.get("account"), "token account")
        mint, holder, units = _unpacked(listed(account.get("data"), "token account's data"))
        if holder != owner or account.get("owner") != program:
            raise ChainSilent("a node returns a token account of another owner or program")
        yield TokenAccount(text(found.get("pubkey"), "address of a token account"), Mint(mint), units, program)


def accounts(content: object, asked: int) -> AccountsRead:
    """As many accounts as were asked for, each where it was asked for."""
    slot, value = in_context(content, "accounts")
    found = listed(value, "accounts")
    if len(found) != asked:
        raise ChainSilent(f"a node tells {len(found)} accounts, and {asked} were asked for")
    return AccountsRead(slot, tuple(_account(one) for one in found))


def _account(content: object) -> AccountBytes | None:
    if content is None:
        return None
    found = table(content, "account")
    return AccountBytes(text(found.get("owner"), "owner of an account"), decoded(found.get("data"), "account's data"))


def decoded(content: object, what: str) -> bytes:
    """Bytes as nodes write them: [text, "base64"]."""
    pair = listed(content, what)
    try:
        if len(pair) == 2 and pair[1] == "base64" and isinstance(pair[0], str):
            return base64.b64decode(pair[0], validate=True)
    except (binascii.Error, ValueError):
        pass
    raise ChainSilent(f"a node's {what} is not in base64")


_BALANCES: Final = ("preBalances", "postBalances", "preTokenBalances", "postTokenBalances")


def _stage(found: dict[str, Any]) -> tuple[bool, bool]:
    """Whether it is confirmed, and whether it is finalised.

    Old nodes sent only the number of confirmations, and null once it was final. A node that leaves both out looks the
    same, so null does not count as final: the transaction landed, and no more is known.
    """
    stage = found.get("confirmationStatus")
    if stage is not None:
        if not isinstance(stage, str) or stage not in _STAGES:
            raise ChainSilent("a node's confirmation status is unknown")
        return _STAGES[stage]
    confirmations = found.get("confirmations")
    if confirmations is None:
        return False, False
    return count(confirmations, "number of confirmations") > 0, False


def _error(found: dict[str, Any]) -> str | None:
    """The error as JSON. Nodes send it as `err` and as `status`: one is enough, and both must agree."""
    errors: list[object] = [found["err"]] if "err" in found else []
    result = found.get("status")
    if isinstance(result, dict) and ("Ok" in result) != ("Err" in result):
        errors.append(result.get("Err"))
    if not errors or len({one is None for one in errors}) != 1:
        raise ChainSilent("a node reports neither or both of success and failure")
    return None if errors[0] is None else msgspec.json.encode(errors[0]).decode()


def _loaded(content: object) -> tuple[str, ...]:
    """Addresses from lookup tables, the writable ones first, in the order of their indexes."""
    if content is None:
        return ()
    loaded = table(content, "loaded addresses")
    both = [one for kind in ("writable", "readonly") for one in listed(loaded.get(kind) or [], "loaded addresses")]
    return tuple(text(address, "loaded address") for address in both)


def _lamports(content: object) -> tuple[int, ...]:
    return tuple(count(one, "balance in lamports") for one in listed(content, "list of balances"))


def _tokens(before: object, after: object, accounts: int) -> tuple[TokenBalance, ...]:
    """An account that changed its owner or mint becomes two: one that was emptied, and one that was filled."""
    pre, post = _token_units(before, accounts), _token_units(after, accounts)
    keys = sorted(pre.keys() | post.keys())
    return tuple(TokenBalance(*key, pre_units=pre.get(key, 0), post_units=post.get(key, 0)) for key in keys)


def _token_units(content: object, accounts: int) -> dict[tuple[int, Mint, str], int]:
    units: dict[tuple[int, Mint, str], int] = {}
    for entry in listed(content, "list of token balances"):
        found = table(entry, "token balance")
        index = count(found.get("accountIndex"), "index of an account")
        if index >= accounts:
            raise ChainSilent(f"a node reports a token balance of account {index} of {accounts}")
        key = index, Mint(text(found.get("mint"), "mint")), text(found.get("owner"), "owner of a token account")
        units[key] = _units(table(found.get("uiTokenAmount"), "token amount").get("amount"))
    return units


def _units(content: object) -> int:
    """An amount as a string of digits; JavaScript's numbers are too small for it."""
    units = digits(content, UNITS_MAX) if isinstance(content, str) else content
    return count(units, "token amount")


def _unpacked(data: Sequence[object]) -> tuple[str, str, int]:
    raw = decoded(data, "token account's data")
    if len(raw) < _TOKEN_ACCOUNT.size:
        raise ChainSilent(f"a node returns a token account of {len(raw)} bytes")
    mint, owner, units = _TOKEN_ACCOUNT.unpack_from(raw)
    return str(Pubkey(mint)), str(Pubkey(owner)), units

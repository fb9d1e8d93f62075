"""Reads a mint account's bytes, with every extension of Token-2022. What cannot be read is a finding, never a guess.

Layouts: solana-facts §2.4, §2.5 and §2.6. The program's own enum fixes the type and the length of each extension. One
of another length than its type has is unreadable, because its fields cannot be trusted.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from msgspec.structs import replace
from solders.pubkey import Pubkey

from overmind.core.model.mints import Authorities, Finding, Flaw, MintFacts, MintLook
from overmind.ports import AccountBytes
from overmind.solana.extensions import AccountKind, Unreadable, extensions
from overmind.solana.tokens import MINT_BYTES, TOKEN_2022_PROGRAM, TOKEN_ACCOUNT_BYTES, TOKEN_PROGRAMS

PROGRAM_NAMES: Final = {str(program): name for name, program in TOKEN_PROGRAMS.items()}

_MINT: Final = Struct("<I32sQBBI32s")  # mint authority, supply, decimals, initialized, freeze authority
_FEE: Final = Struct("<32s32sQQQHQQH")  # authorities, withheld; twice: epoch, most, bps
_FROZEN: Final = 2  # of an account's states
_EMPTY: Final = bytes(32)


def look_at(account: AccountBytes | None, slot: int) -> MintLook:
    """The facts of a mint account, or why there are none."""
    if account is None:
        return MintLook(None, Finding(Flaw.NO_MINT, "the chain has no such account"))
    if account.owner not in PROGRAM_NAMES:
        return MintLook(None, Finding(Flaw.WRONG_PROGRAM, f"it belongs to {account.owner}, which is no token program"))
    try:
        return MintLook(_read(account, slot))
    except Unreadable as unreadable:
        return MintLook(None, Finding(Flaw.UNREADABLE, str(unreadable)))


def _read(account: AccountBytes, slot: int) -> MintFacts:
    raw = account.raw
    if len(raw) < MINT_BYTES:
        raise Unreadable(f"{len(raw)} bytes, and a mint has at least {MINT_BYTES}")
    has, minter, _supply, decimals, initialized, freezes, freezer = _MINT.unpack_from(raw)
    if initialized != 1 or has > 1 or freezes > 1:
        raise Unreadable("it is not an initialized mint")
    authorities = Authorities(mint=_address(minter) if has else "", freeze=_address(freezer) if freezes else "")
    facts = MintFacts(PROGRAM_NAMES[account.owner], decimals, slot, authorities)
    if len(raw) == MINT_BYTES:
        return facts
    if account.owner != str(TOKEN_2022_PROGRAM):
        raise Unreadable(f"{len(raw)} bytes, and a mint of this program has {MINT_BYTES}")
    if any(raw[MINT_BYTES:TOKEN_ACCOUNT_BYTES]):
        raise Unreadable("its padding is not empty")
    for kind, content in extensions(raw, AccountKind.MINT):
        facts = _extended(facts, kind, content)
    return facts


def _extended(facts: MintFacts, kind: int, content: bytes) -> MintFacts:
    name, length = EXTENSIONS.get(kind, ("", None))
    if not name:
        return replace(facts, unknown_extensions=(*facts.unknown_extensions, kind))
    if length is not None and len(content) != length:
        raise Unreadable(f"{name} of {len(content)} bytes, and it has {length}")
    facts = replace(facts, extensions=(*facts.extensions, name))
    match name:
        case "TransferFeeConfig":
            setter, _withdraws, _withheld, _epoch, _most, older, _epoch, _most, newer = _FEE.unpack(content)
            # The newer fee may begin with the next epoch, and it can be seen before.
            return replace(_with(facts, transfer_fee=setter), fee_bps=max(older, newer))
        case "DefaultAccountState":
            return replace(facts, default_frozen=content[0] == _FROZEN)
        case "PausableConfig":
            return replace(_with(facts, pause=content[:32]), paused=content[32] != 0)
        case "TransferHook":
            return _with(facts, transfer_hook=content[:32], transfer_hook_program=content[32:])
        case _ if (role := _ROLES.get(name)) is not None:
            return _with(facts, **{role: content[:32]})
        case _:
            return facts


def _with(facts: MintFacts, **holders: bytes) -> MintFacts:
    """The facts with these holders of authorities. 32 zeros stand for nobody."""
    named = {role: "" if raw == _EMPTY else _address(raw) for role, raw in holders.items()}
    return replace(facts, authorities=replace(facts.authorities, **named))


def _address(raw: bytes) -> str:
    return str(Pubkey(raw))


# By type: name and length. None: of any length, because it holds text. Extensions of accounts never stand in a mint, so
# they count as unknown.
EXTENSIONS: Final[dict[int, tuple[str, int | None]]] = {
    1: ("TransferFeeConfig", _FEE.size),
    3: ("MintCloseAuthority", 32),
    4: ("ConfidentialTransferMint", 65),
    6: ("DefaultAccountState", 1),
    9: ("NonTransferable", 0),
    10: ("InterestBearingConfig", 52),
    12: ("PermanentDelegate", 32),
    14: ("TransferHook", 64),
    16: ("ConfidentialTransferFeeConfig", 129),
    18: ("MetadataPointer", 64),
    19: ("TokenMetadata", None),
    20: ("GroupPointer", 64),
    21: ("TokenGroup", 80),
    22: ("GroupMemberPointer", 64),
    23: ("TokenGroupMember", 72),
    24: ("ConfidentialMintBurn", 196),
    25: ("ScaledUiAmount", 56),
    26: ("PausableConfig", 33),
    28: ("PermissionedBurn", 32),
}
# The extensions that begin with the address of who controls them.
_ROLES: Final = {
    "MintCloseAuthority": "close",
    "ConfidentialTransferMint": "confidential",
    "InterestBearingConfig": "interest",
    "PermanentDelegate": "permanent_delegate",
    "ScaledUiAmount": "scaled_amount",
    "PermissionedBurn": "burn",
}

"""What speaks against buying a token, by what its mint can do to its holders. The list declares exceptions.

See specification §15 for the policies, and `core.model.mints` for what is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.model.mints import AdmissionPolicy, Authorities, DeclaredMint, Finding, Flaw, MintFacts
from overmind.core.model.money import Token

# Who holds them can take, lock or charge what we hold, or keep it from being sold.
_DANGERS: Final = {
    "permanent_delegate": Flaw.PERMANENT_DELEGATE,
    "freeze": Flaw.FREEZE_AUTHORITY,
    "pause": Flaw.PAUSABLE,
    "transfer_hook": Flaw.TRANSFER_HOOK,
    "transfer_hook_program": Flaw.TRANSFER_HOOK,
    "transfer_fee": Flaw.TRANSFER_FEE_AUTHORITY,
    "close": Flaw.MINT_CLOSE_AUTHORITY,
    "burn": Flaw.PERMISSIONED_BURN,
}
# Who holds them can make more units, or change how amounts are shown, but not touch what we hold.
_CAUTIONS: Final = {
    "mint": Flaw.MINT_AUTHORITY,
    "interest": Flaw.SHOWN_AMOUNT,
    "scaled_amount": Flaw.SHOWN_AMOUNT,
    "confidential": Flaw.CONFIDENTIAL,
}
_CONFIDENTIAL: Final = frozenset({"ConfidentialTransferMint", "ConfidentialTransferFeeConfig", "ConfidentialMintBurn"})


def findings(policy: AdmissionPolicy, token: Token, facts: MintFacts) -> Iterator[Finding]:
    """What speaks against a listed token, the worst first."""
    strict = policy is AdmissionPolicy.STRICT
    yield from _identity(token, facts)
    yield from _authorities(token.declared, facts.authorities, strict)
    yield from _states(token.declared or DeclaredMint(), facts)
    if strict and not _CONFIDENTIAL.isdisjoint(facts.extensions):
        yield Finding(Flaw.CONFIDENTIAL, "amounts of the token may be hidden")


def _identity(token: Token, facts: MintFacts) -> Iterator[Finding]:
    if facts.program != token.program:
        yield Finding(Flaw.WRONG_PROGRAM, f"a mint of {facts.program}, listed as one of {token.program}")
    if facts.decimals != token.decimals:
        yield Finding(Flaw.WRONG_DECIMALS, f"{facts.decimals} decimals, listed with {token.decimals}")
    if facts.unknown_extensions:
        kinds = ", ".join(map(str, facts.unknown_extensions))
        yield Finding(Flaw.UNKNOWN_EXTENSION, f"extensions of type {kinds}, whose effect is not known")


def _authorities(declared: DeclaredMint | None, found: Authorities, strict: bool) -> Iterator[Finding]:
    """What a list declares must be met exactly. Without a declaration only harmless authorities are let through."""
    known = declared.authorities if declared is not None else Authorities()
    for role, flaw in (*_DANGERS.items(), *_CAUTIONS.items()):
        holder, expected = getattr(found, role), getattr(known, role)
        if declared is not None and holder != expected:
            yield Finding(Flaw.DEVIATION, f"{role} is {holder or 'nobody'}, declared is {expected or 'nobody'}")
        elif declared is None and holder and (strict or role in _DANGERS):
            yield Finding(flaw, f"{role} is {holder}, and the token list declares nobody")


def _states(declared: DeclaredMint, facts: MintFacts) -> Iterator[Finding]:
    if facts.default_frozen:
        yield Finding(Flaw.DEFAULT_FROZEN, "new accounts of the token are frozen")
    if facts.paused:
        yield Finding(Flaw.PAUSED, "transfers of the token are paused")
    if "NonTransferable" in facts.extensions:
        yield Finding(Flaw.NON_TRANSFERABLE, "the token cannot be transferred, so it cannot be sold")
    if facts.fee_bps > declared.transfer_fee_max_bps:
        most = declared.transfer_fee_max_bps
        yield Finding(Flaw.TRANSFER_FEE, f"a transfer loses up to {facts.fee_bps} bps, declared are {most}")

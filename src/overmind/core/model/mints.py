"""What a token's mint can do to those who hold the token, as it was read from the chain."""

from __future__ import annotations

import enum
from typing import Final

from overmind.core.model.value import Value


class AdmissionPolicy(enum.StrEnum):
    """How far a mint is trusted before its token is bought (specification §15)."""

    OFF = "off"  # The token list is the only word about a token.
    CHECKED = "checked"  # Nobody may take, lock or charge what we hold, but those whom the list declares.
    STRICT = "strict"  # Nobody may change anything about the token, but those whom the list declares.


OFF: Final = AdmissionPolicy.OFF  # A member is looked up in its class each time; every decision asks for this one.


class Authorities(Value, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who may do what to a token and to its holders. Empty: nobody may."""

    mint: str = ""  # makes new units
    freeze: str = ""  # locks an account; also sets whether new accounts are frozen
    permanent_delegate: str = ""  # takes or burns the units of any account
    transfer_hook: str = ""  # names the program that every transfer runs
    transfer_hook_program: str = ""  # can refuse any transfer
    transfer_fee: str = ""  # sets the share that every transfer loses, two epochs ahead
    pause: str = ""  # stops all transfers
    close: str = ""  # closes the mint while no unit exists; a new mint may then have other extensions
    interest: str = ""  # changes how amounts are shown
    scaled_amount: str = ""  # changes how amounts are shown
    confidential: str = ""  # approves accounts for confidential transfers
    burn: str = ""  # must agree to every burn


class DeclaredMint(Value, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a token list says about a mint. The chain must agree exactly, apart from the fee, which may be lower."""

    authorities: Authorities = Authorities()
    transfer_fee_max_bps: int = 0


class MintFacts(Value, frozen=True, omit_defaults=True):
    """A mint account, decoded. `slot` is that of the answer, and no part of the mint."""

    program: str  # the owner of the account
    decimals: int
    slot: int
    authorities: Authorities = Authorities()
    extensions: tuple[str, ...] = ()  # by name, in the order of the account
    unknown_extensions: tuple[int, ...] = ()
    fee_bps: int = 0  # of a transfer, now or in the next epochs: the higher one
    default_frozen: bool = False
    paused: bool = False


class Flaw(enum.StrEnum):
    """Why a mint is not admitted."""

    NO_MINT = "NO_MINT"
    UNREADABLE = "UNREADABLE"
    WRONG_PROGRAM = "WRONG_PROGRAM"
    WRONG_DECIMALS = "WRONG_DECIMALS"
    UNKNOWN_EXTENSION = "UNKNOWN_EXTENSION"
    PERMANENT_DELEGATE = "PERMANENT_DELEGATE"
    FREEZE_AUTHORITY = "FREEZE_AUTHORITY"
    MINT_AUTHORITY = "MINT_AUTHORITY"
    DEFAULT_FROZEN = "DEFAULT_FROZEN"
    PAUSABLE = "PAUSABLE"
    PAUSED = "PAUSED"
    TRANSFER_HOOK = "TRANSFER_HOOK"
    TRANSFER_FEE = "TRANSFER_FEE"
    TRANSFER_FEE_AUTHORITY = "TRANSFER_FEE_AUTHORITY"
    MINT_CLOSE_AUTHORITY = "MINT_CLOSE_AUTHORITY"
    NON_TRANSFERABLE = "NON_TRANSFERABLE"
    PERMISSIONED_BURN = "PERMISSIONED_BURN"
    CONFIDENTIAL = "CONFIDENTIAL"
    SHOWN_AMOUNT = "SHOWN_AMOUNT"
    DEVIATION = "DEVIATION"


class Finding(Value, frozen=True):
    """One reason against a mint: what was found, in words."""

    flaw: Flaw
    detail: str

    def __str__(self) -> str:
        return f"{self.flaw}: {self.detail}"


class MintLook(Value, frozen=True):
    """One look at a mint: its facts, or why there are none."""

    facts: MintFacts | None
    fault: Finding | None = None


class Admission(Value, frozen=True):
    """The newest verdict on a mint. Without findings it is admitted."""

    facts: MintFacts | None
    findings: tuple[Finding, ...] = ()

    @property
    def reason(self) -> str:
        return "; ".join(map(str, self.findings))

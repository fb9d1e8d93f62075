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
    # Of mints that no list has.
    NOT_LOOKED_AT = "NOT_LOOKED_AT"  # the chain or a server did not answer, or too many looks were asked for
    TOO_MANY_MINTS = "TOO_MANY_MINTS"
    LOW_LIQUIDITY = "LOW_LIQUIDITY"
    PRICE_IMPACT = "PRICE_IMPACT"
    ROUND_TRIP_LOSS = "ROUND_TRIP_LOSS"
    NOT_SALEABLE = "NOT_SALEABLE"  # a buy and a sale right after it cannot be simulated


# What the market says, unlike what the mint is. It may change at any moment, and keeps from buying alone.
OF_MARKET: Final = frozenset(
    {
        Flaw.NOT_LOOKED_AT,
        Flaw.TOO_MANY_MINTS,
        Flaw.LOW_LIQUIDITY,
        Flaw.PRICE_IMPACT,
        Flaw.ROUND_TRIP_LOSS,
        Flaw.NOT_SALEABLE,
    }
)


class Finding(Value, frozen=True):
    """One reason against a mint: what was found, in words."""

    flaw: Flaw
    detail: str

    def __str__(self) -> str:
        return f"{self.flaw}: {self.detail}"


class Trial(Value, frozen=True, omit_defaults=True):
    """What the market of a mint that no list has said: its liquidity, and a simulated buy and sale."""

    liquidity_micros: int
    impact_bps: int = 0  # of the buy or the sale: the higher one
    spent_units: int = 0  # of the quote currency; 0: nothing could be simulated
    back_units: int = 0  # what the sale of all that was bought brings at its rate
    fault: str = ""  # why nothing could be simulated


class UnlistedRules(Value, frozen=True):
    """What a mint that no list has must show before it is bought. The defaults are those of old journals: none is."""

    mints_max: int = 0  # that are known at once; 0: none is bought
    liquidity_min_micros: int = 0
    trial_micros: int = 0  # the amount of the simulated buy
    impact_max_bps: int = 0
    round_trip_max_bps: int = 0  # that the simulated buy and sale may lose


class MintLook(Value, frozen=True):
    """One look at a mint: its facts, or why there are none. Of a mint that no list has: a trial besides, if the facts
    allow one.
    """

    facts: MintFacts | None
    fault: Finding | None = None
    trial: Trial | None = None


class Admission(Value, frozen=True):
    """The newest verdict on a mint. Without findings it is admitted."""

    facts: MintFacts | None
    findings: tuple[Finding, ...] = ()
    trial: Trial | None = None  # of a mint that no list has

    @property
    def reason(self) -> str:
        return "; ".join(map(str, self.findings))

    @property
    def of_mint(self) -> tuple[Finding, ...]:
        """What is wrong with the mint itself. The market's findings are left out."""
        return tuple(one for one in self.findings if one.flaw not in OF_MARKET)


class TurnedAway(Value, frozen=True):
    """A mint that no list has and that was not admitted."""

    at_ns: int
    admission: Admission

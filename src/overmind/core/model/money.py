"""Money is an integer with a mint; a token says how many decimals it has; a mark is a journaled price."""

from __future__ import annotations

from overmind.core.model.ids import Mint
from overmind.core.model.mints import DeclaredMint
from overmind.core.model.value import Value


class Money(Value, frozen=True):
    """An amount of one token in base units (lamports for SOL). Never a float."""

    units: int
    mint: Mint


class Token(Value, frozen=True):
    symbol: str
    mint: Mint
    decimals: int
    program: str = "token"  # or "token-2022"
    declared: DeclaredMint | None = None  # what the list says about its mint; None: nothing


class UnlistedToken(Value, frozen=True):
    """A token that no list has and that was admitted."""

    token: Token
    at_ns: int  # when it was last tried
    traded: bool = True  # False: it is not priced or bought any more, and only its empty accounts are left


class Witness(Value, frozen=True, omit_defaults=True):
    """What a second source of another operator says about the same price."""

    source: str
    price_pico: int
    at_ns: int
    of_sale: bool = False  # what a simulated sale of ours brings: it confirms sales and nothing else


class Mark(Value, frozen=True, omit_defaults=True):
    """A journaled price: the only kind that gates and values."""

    mint: Mint
    price_pico: int
    at_ns: int
    witness: Witness | None = None  # None: there is no second source, or it has no price of this token

"""Tokens that can be bought and not sold at their price. The offers of their sales look like any other.

For tests of what a desk asks before it buys a token that nobody knows.
"""

from __future__ import annotations

import enum
from typing import Final

from msgspec.structs import replace

from overmind.sandbox.maker import legs
from overmind.sandbox.maker.drafts import Draft
from overmind.solana import tokens

TAX_PARTS: Final = 2  # one in so many units of what a taxed sale should bring does not come
_ALL: Final = 2**64 - 1


class Honeypot(enum.StrEnum):
    REVERTS = "reverts"  # a sale is offered and signed, and reverts
    TAXED = "taxed"  # a sale brings much less than it offers


def sour(draft: Draft, kind: Honeypot | None) -> Draft:
    """The transaction of a sale of such a token; None: it is none."""
    swap = draft.swap
    match kind:
        case None:
            return draft
        case Honeypot.TAXED:
            less = replace(swap, out_units=swap.out_units - swap.out_units // TAX_PARTS)
            return replace(draft, legs=tuple(legs.legs(less)))
        case Honeypot.REVERTS:
            given, maker = swap.given, swap.maker
            too_much = tokens.transfer_checked(
                given.vault, given.mint, given.vault, maker, _ALL, given.token.decimals, given.program
            )
            return replace(draft, legs=(*draft.legs, too_much))

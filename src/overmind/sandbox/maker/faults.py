"""Fault injection: each way in which a swap server can be broken or hostile, for tests of its clients.

The seed decides which answers are spoilt, and how.
"""

from __future__ import annotations

import enum
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec.structs import replace
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction

from overmind.core.model.units import PPM
from overmind.core.model.value import Value
from overmind.sandbox.maker import legs
from overmind.sandbox.maker.drafts import ComputeBudget, Draft
from overmind.solana import tokens

STOLEN_LAMPORTS: Final = 1_000_000
DEAD_HASH: Final = Hash(blake2b(b"no block ever had this", digest_size=32).digest())
RETRY_AFTER_S: Final = 1
_ABSURD: Final = "9" * 40
_UNCOUNTABLE: Final = msgspec.Raw(b"1e-9999999999")  # its exact value takes ten billion digits


class Fault(enum.StrEnum):
    # Faults of the server.
    NEVER_ANSWERS = "never-answers"
    SLOW = "slow"
    HTML = "html"
    TRUNCATED = "truncated"
    NOT_AN_OBJECT = "not-an-object"
    ENDLESS = "endless"
    NULLS = "nulls"
    SERVER_ERROR = "server-error"
    RATE_LIMITED = "rate-limited"
    UNAUTHORIZED = "unauthorized"
    # Faults of the offer.
    SWAPPED_MINTS = "swapped-mints"
    OTHER_AMOUNT = "other-amount"
    ZERO_AMOUNT = "zero-amount"
    ABSURD_AMOUNT = "absurd-amount"
    NEGATIVE_AMOUNT = "negative-amount"
    ABSURD_NUMBER = "absurd-number"
    PRICE_X100 = "price-x100"
    NO_TRANSACTION = "no-transaction"
    TELLS_OTHER_FEE_PAYER = "tells-other-fee-payer"
    # Faults of the transaction that the offer does not show.
    EXPIRED_BLOCKHASH = "expired-blockhash"
    LESS_OUTPUT = "less-output"
    MORE_INPUT = "more-input"
    OTHER_RECIPIENT = "other-recipient"
    DRAIN_SOL = "drain-sol"
    DELEGATE = "delegate"
    OTHER_FEE_PAYER = "other-fee-payer"
    ABSURD_FEE = "absurd-fee"
    NOT_COSIGNED = "not-cosigned"


class MakerFaults(Value, frozen=True):
    """No faults by default."""

    kinds: tuple[Fault, ...] = ()
    share_ppm: int = PPM  # share of the answers that are spoilt
    seed: int = 0
    slow_s: float = 2.0

    def draw(self, number: int) -> Fault | None:
        """The fault of the answer `number`, if any."""
        if not self.kinds:
            return None
        drawn = int.from_bytes(blake2b(f"{self.seed}:{number}".encode(), digest_size=8).digest(), "little")
        return self.kinds[drawn // PPM % len(self.kinds)] if drawn % PPM < self.share_ppm else None


def spoil_draft(draft: Draft, fault: Fault | None) -> Draft:
    """Changes the transaction so that it differs from the offer."""
    swap = draft.swap
    match fault:
        case Fault.EXPIRED_BLOCKHASH:
            return replace(draft, blockhash=DEAD_HASH)
        case Fault.LESS_OUTPUT:
            return _with_legs(draft, replace(swap, out_units=swap.out_units // 2))
        case Fault.MORE_INPUT:
            return _with_legs(draft, replace(swap, in_units=swap.in_units * 2))
        case Fault.OTHER_RECIPIENT:
            there = legs.pay_out(replace(swap, taker=swap.maker))
            return replace(draft, legs=tuple(there if leg == legs.pay_out(swap) else leg for leg in draft.legs))
        case Fault.DRAIN_SOL:
            return replace(draft, legs=(*draft.legs, _theft(draft)))
        case Fault.DELEGATE:
            return replace(draft, legs=(*draft.legs, _delegation(draft)))
        case Fault.OTHER_FEE_PAYER:
            return replace(draft, payer=swap.maker)
        case Fault.ABSURD_FEE:
            return replace(draft, budget=ComputeBudget(1_400_000, 1_000_000_000))
        case Fault.NOT_COSIGNED:
            return replace(draft, cosigned=False)
        case _:
            return draft


def _with_legs(draft: Draft, swap: legs.Swap) -> Draft:
    return replace(draft, legs=tuple(legs.legs(swap)))


def _theft(draft: Draft) -> Instruction:
    return tokens.system_transfer(draft.swap.taker, draft.swap.maker, STOLEN_LAMPORTS)


def _delegation(draft: Draft) -> Instruction:
    """ApproveChecked: lets the maker spend the trader's tokens later."""
    swap = draft.swap
    packed = bytes([tokens.APPROVE_CHECKED]) + b"\xff" * 8 + bytes([swap.given.token.decimals])
    accounts = [
        AccountMeta(swap.taker_gives_from, False, True),
        AccountMeta(swap.given.mint, False, False),
        AccountMeta(swap.maker, False, False),
        AccountMeta(swap.taker, True, False),
    ]
    return Instruction(swap.given.program, packed, accounts)


def spoil_answer(body: bytes, fault: Fault | None, maker: str) -> bytes:
    """The answer's bytes after the fault."""
    match fault:
        case Fault.HTML:
            return b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
        case Fault.TRUNCATED:
            return body[: len(body) // 2]
        case Fault.NOT_AN_OBJECT:
            return b"[" + body + b"]"
        case Fault.ENDLESS:
            return body + b" " * 8_000_000
        case None:
            return body
        case _:
            content = msgspec.json.decode(body, type=dict[str, object])
            return msgspec.json.encode({**content, **_changes(content, fault, maker)})


def _changes(content: dict[str, object], fault: Fault, maker: str) -> dict[str, object]:
    match fault:
        case Fault.NULLS:
            return dict.fromkeys(content)
        case Fault.SWAPPED_MINTS:
            return {"inputMint": content.get("outputMint"), "outputMint": content.get("inputMint")}
        case Fault.OTHER_AMOUNT:
            return {"inAmount": f"{content.get('inAmount')}0"}
        case Fault.ZERO_AMOUNT:
            return {"outAmount": "0", "otherAmountThreshold": "0"}
        case Fault.ABSURD_AMOUNT:
            return {"outAmount": _ABSURD, "otherAmountThreshold": _ABSURD}
        case Fault.ABSURD_NUMBER:
            return {"priceImpact": _UNCOUNTABLE}
        case Fault.NEGATIVE_AMOUNT:
            return {"outAmount": f"-{content.get('outAmount')}", "otherAmountThreshold": "-1"}
        case Fault.NO_TRANSACTION:
            return {"transaction": None}
        case Fault.TELLS_OTHER_FEE_PAYER:
            return {"signatureFeePayer": maker, "gasless": True}
        case _:
            return {}

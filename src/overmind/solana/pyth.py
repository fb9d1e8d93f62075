"""Reads a price from an account of Pyth's receiver program, and refuses whatever is not one.

The layout is that of `PriceUpdateV2` of pyth-solana-receiver-sdk 1.1: discriminator, write authority, verification
level, the price message, the slot. The receiver program writes such an account only after it has checked signatures of
the guardians; `Full` means two thirds of them. Anybody may post an old price anew, so its own time counts.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256
from struct import Struct
from typing import Final

from overmind.core.model.units import BPS, NS, PRICE_MAX_PICO
from overmind.core.model.value import Value

RECEIVER_PROGRAM: Final = "rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ"
DISCRIMINATOR: Final = sha256(b"account:PriceUpdateV2").digest()[:8]
ACCOUNT_BYTES: Final = 134  # one more than a fully verified price takes: the level of a partial one has a number too
FEED_ID_BYTES: Final = 32
FULL: Final = 1  # of the levels: 0 is partial
AGE_MAX_NS: Final = 60 * NS
FUTURE_MAX_NS: Final = 5 * NS
CONFIDENCE_MAX_BPS: Final = 100  # a price that is less certain confirms nothing
EXPONENT_MIN, EXPONENT_MAX = -18, 0
_PICO_DIGITS: Final = 12
# discriminator, write authority, verification level, feed id, price, confidence, exponent, publish time
_HEAD: Final = Struct("<8s32sB32sqQiq")


class PythFeed(Value, frozen=True):
    """Where the price of one token stands, and which price it is."""

    account: str
    feed_id: bytes


class PythPrice(Value, frozen=True):
    price_pico: int
    at_ns: int  # when it was published


class PriceRefused(Exception):
    """Why the account gives no price that may confirm another."""


def read_price(content: object, feed: PythFeed, now_ns: int) -> PythPrice:
    """`content` is an account as `getMultipleAccounts` gives it in base64. Raises PriceRefused."""
    discriminator, _, level, feed_id, price, confidence, exponent, published_s = _HEAD.unpack_from(_data(content))
    if discriminator != DISCRIMINATOR:
        raise PriceRefused("it holds no price update")
    if level != FULL:
        raise PriceRefused("it is not fully verified")
    if feed_id != feed.feed_id:
        raise PriceRefused(f"it is of the feed {feed_id.hex()}, not {feed.feed_id.hex()}")
    if not EXPONENT_MIN <= exponent <= EXPONENT_MAX:
        raise PriceRefused(f"its exponent {exponent} is outside {EXPONENT_MIN} to {EXPONENT_MAX}")
    if price <= 0:
        raise PriceRefused(f"its price {price} is not positive")
    if confidence * BPS > price * CONFIDENCE_MAX_BPS:
        raise PriceRefused(f"it is only certain to {confidence} of {price}, more than {CONFIDENCE_MAX_BPS} bps")
    at_ns = published_s * NS
    if at_ns > now_ns + FUTURE_MAX_NS:
        raise PriceRefused("it is from the future")
    if now_ns - at_ns > AGE_MAX_NS:
        raise PriceRefused(f"it is {(now_ns - at_ns) // NS} s old")
    price_pico = _pico(price, exponent)
    if not 0 < price_pico <= PRICE_MAX_PICO:
        raise PriceRefused(f"its price {price}e{exponent} cannot be counted")
    return PythPrice(price_pico, at_ns)


def _data(content: object) -> bytes:
    if not isinstance(content, dict):
        raise PriceRefused("the account does not exist")
    if content.get("owner") != RECEIVER_PROGRAM:
        raise PriceRefused(f"the account does not belong to {RECEIVER_PROGRAM}")
    match content.get("data"):
        case [str() as text, "base64"]:
            try:
                raw = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                raise PriceRefused("the account is not readable") from None
        case _:
            raise PriceRefused("the account is not readable")
    if len(raw) != ACCOUNT_BYTES:
        raise PriceRefused(f"the account has {len(raw)} bytes, not {ACCOUNT_BYTES}")
    return raw


def _pico(price: int, exponent: int) -> int:
    """Pico-USD per whole token, rounded down."""
    digits = _PICO_DIGITS + exponent
    return int(price * 10**digits) if digits >= 0 else price // int(10**-digits)

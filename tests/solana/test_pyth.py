"""A price of the oracle is read to the last digit, or refused with the reason."""

from __future__ import annotations

import base64
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overmind.core.model.units import NS, PICO
from overmind.solana.pyth import DISCRIMINATOR, RECEIVER_PROGRAM, PriceRefused, PythFeed, PythPrice, read_price

NOW_S = 1_764_000_000
FEED = PythFeed("account", bytes(range(32)))
# SOL at $147.48123456, certain to 5 cents, of now.
TRUE: dict[str, Any] = {
    "owner": RECEIVER_PROGRAM,
    "discriminator": DISCRIMINATOR,
    "level": 1,
    "feed_id": FEED.feed_id,
    "price": 14_748_123_456,
    "confidence": 5_000_000,
    "exponent": -8,
    "published_s": NOW_S,
    "bytes": 134,
    "encoding": "base64",
}


def account(**changes: Any) -> dict[str, Any]:
    said = {**TRUE, **changes}
    message = pack("<32sqQiq", *(said[name] for name in ("feed_id", "price", "confidence", "exponent", "published_s")))
    head = said["discriminator"] + bytes(32) + bytes([said["level"]]) + message + bytes(64)
    data = base64.b64encode(head[: said["bytes"]]).decode()
    return {"owner": said["owner"], "data": [said.get("data", data), said["encoding"]], "lamports": 1}


def test_the_discriminator_is_the_known_one() -> None:
    assert DISCRIMINATOR.hex() == "22f123639d7ef4cd"


@pytest.mark.parametrize(
    ("changes", "pico"),
    [
        ({}, 147_481_234_560_000),
        ({"price": 15, "exponent": 0, "confidence": 0}, 15 * PICO),
        ({"price": 123_456, "exponent": -10, "confidence": 1}, 12_345_600),
        ({"price": 1_999_999, "exponent": -18, "confidence": 0}, 1),
        ({"published_s": NOW_S - 60}, 147_481_234_560_000),
        ({"published_s": NOW_S + 5}, 147_481_234_560_000),
        ({"confidence": 147_481_234}, 147_481_234_560_000),
    ],
)
def test_a_price_is_read_exactly(changes: dict[str, object], pico: int) -> None:
    published_s = int(str(changes.get("published_s", NOW_S)))
    assert read_price(account(**changes), FEED, NOW_S * NS) == PythPrice(pico, published_s * NS)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"owner": "11111111111111111111111111111111"}, "does not belong to rec5"),
        ({"discriminator": bytes(8)}, "holds no price update"),
        ({"level": 0}, "not fully verified"),
        ({"level": 2}, "not fully verified"),
        ({"feed_id": bytes(32)}, "of the feed 00"),
        ({"price": 0}, "not positive"),
        ({"price": -1}, "not positive"),
        ({"confidence": 147_481_235}, "only certain to"),
        ({"exponent": 1}, "exponent 1 is outside"),
        ({"exponent": -19}, "exponent -19 is outside"),
        ({"price": 2**63 - 1, "exponent": 0, "confidence": 0}, "cannot be counted"),
        ({"price": 1, "exponent": -18, "confidence": 0}, "cannot be counted"),
        ({"published_s": NOW_S - 61}, "61 s old"),
        ({"published_s": NOW_S + 6}, "from the future"),
        ({"published_s": -(2**63)}, "s old"),
        ({"bytes": 133}, "133 bytes, not 134"),
        ({"data": "!"}, "not readable"),
        ({"encoding": "base58"}, "not readable"),
    ],
)
def test_whatever_is_wrong_is_refused_with_the_reason(changes: dict[str, object], why: str) -> None:
    with pytest.raises(PriceRefused, match=why):
        read_price(account(**changes), FEED, NOW_S * NS)


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["owner", "data", "x"]), inner),
)


@given(Json)
def test_nothing_that_a_node_says_is_taken_for_a_price(content: object) -> None:
    with pytest.raises(PriceRefused):
        read_price(content, FEED, NOW_S * NS)


@given(st.binary(min_size=134, max_size=134))
def test_no_bytes_of_another_kind_are_taken_for_a_price(raw: bytes) -> None:
    data = [base64.b64encode(raw).decode(), "base64"]
    with pytest.raises(PriceRefused):
        read_price({"owner": RECEIVER_PROGRAM, "data": data}, FEED, NOW_S * NS)

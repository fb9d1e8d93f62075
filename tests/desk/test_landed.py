"""What an operator books of a transaction that reads differently from its order: all of it, to the last unit."""

import msgspec
import pytest
from tests.solana.test_settlement import BUY, FEE, GOT, PAID, RENT, SLOT, US, effects, us
from tests.support.core_desk import CoreDesk
from tests.support.hostile_transactions import BONK, NEW, USDC

from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.outcome import Cause, Failed, Filled
from overmind.desk.landed import taken, unsigned_orders_like
from overmind.ports import Effects, TokenBalance

OTHER = ("our new", NEW, US, 0, 7)
FAILED = Failed(FEE, Cause.NOT_VERIFIED, "booked from the chain by an operator: why", SLOT)
CASES: dict[str, tuple[Effects, Filled | Failed, dict[Mint, int]]] = {
    "received too little": (
        effects(us(), tokens=(PAID, ("our bonk", BONK, US, 5, 6))),
        Filled(100, 1, FEE, 0, SLOT),
        {},
    ),
    "spent too much": (
        effects(us(), tokens=(("our usdc", USDC, US, 1_000, 800), GOT)),
        FAILED,
        {USDC.mint: -200, BONK.mint: 42},
    ),
    "received nothing": (effects(us(), tokens=(PAID,)), FAILED, {USDC.mint: -100}),
    "another token came too": (
        effects(us(-FEE - RENT), ("our new", 0, RENT), tokens=(PAID, GOT, OTHER)),
        FAILED,
        {SOL: -RENT, USDC.mint: -100, BONK.mint: 42, NEW.mint: 7},
    ),
    "a fee beyond what was held": (
        effects(us(-FEE - 9), fee=FEE + 9, tokens=(PAID, GOT)),
        FAILED,
        {SOL: -9, USDC.mint: -100, BONK.mint: 42},
    ),
    "it failed": (effects(us(), error='"x"'), Failed(FEE, Cause.REVERTED, '"x"', SLOT), {}),
}


@pytest.mark.parametrize(("landed", "outcome", "changes"), CASES.values(), ids=CASES.keys())
def test_what_is_booked(landed: Effects, outcome: Filled | Failed, changes: dict[Mint, int]) -> None:
    assert taken(landed, BUY, "why") == (outcome, changes)


@pytest.mark.parametrize(
    ("steps", "spent", "got", "found"),
    [
        ("w1; buy eth $1000", 1_000_000_000, 50_000_000, ["s1.0.0"]),
        ("w1; buy eth $1000; buy eth $1000", 1_000_000_000, 50_000_000, ["s1.0.0", "s2.0.0"]),
        ("w1; buy eth $1000; sign", 1_000_000_000, 50_000_000, []),
        ("w1; buy eth $1000", 999_999_999, 50_000_000, []),
        ("w1; buy eth $1000", 1_000_000_000, 1, []),
        ("w1 sol 0; w2; buy eth $1000", 1_000_000_000, 50_000_000, []),
        ("w1; deposit w1 1 eth; sell eth all", 1_000_000_000, 50_000_000, []),
    ],
)
def test_an_unknown_transaction_is_compared_with_the_orders_that_were_not_signed(
    steps: str, spent: int, got: int, found: list[str]
) -> None:
    state = CoreDesk(steps).state
    book, quote = state.wallets[WalletId("w1")], state.settings.quote.mint
    book.wallet = msgspec.structs.replace(book.wallet, public_key=US)
    tokens = (
        TokenBalance(1, quote, US, 2_000_000_000, 2_000_000_000 - spent),
        TokenBalance(2, Mint("eth"), US, 0, got),
    )
    landed = Effects(None, FEE, (US, "usdc", "eth"), (10**9, RENT, RENT), (10**9 - FEE, RENT, RENT), tokens, SLOT)
    assert unsigned_orders_like(state, landed) == found

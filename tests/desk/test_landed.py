"""What an operator books of a transaction that reads differently from its order: all of it, to the last unit."""

import pytest
from tests.solana.test_settlement import BUY, FEE, GOT, PAID, RENT, SLOT, US, effects, us
from tests.support.hostile_transactions import BONK, NEW, USDC

from overmind.core.model.ids import SOL, Mint
from overmind.core.model.outcome import Cause, Failed, Filled
from overmind.desk.landed import taken
from overmind.ports import Effects

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

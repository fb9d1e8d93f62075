"""The effects of a transaction, read from balances: one row per kind of change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.hostile_transactions import BONK, NEW, OWNER, SOL_TOKEN, THIEF, USDC, address, order

from overmind.core.model.ids import SOL
from overmind.core.model.money import Token
from overmind.core.model.order import Order
from overmind.core.model.outcome import Cause, Failed, Filled
from overmind.ports import Effects, TokenBalance
from overmind.solana.settlement import Unsettled, cause_of, outside_costs, outside_order, settle

US, THEM = str(OWNER.pubkey()), str(THIEF.pubkey())
WRAPPED = str(address(SOL_TOKEN))
RENT, FEE, SLOT = 2_039_280, 13_000, 77
U64_MAX = 2**64 - 1
BUY = order(USDC, BONK, 100, 40, fee_max_lamports=FEE, rent_max_lamports=RENT)
BUY_SOL = order(USDC, SOL_TOKEN, 100, 40, fee_max_lamports=FEE, rent_max_lamports=RENT)
SELL_SOL = order(SOL_TOKEN, USDC, 100, 40, fee_max_lamports=FEE, rent_max_lamports=RENT)

Line = tuple[str, int, int]  # an account, its lamports before and after
Tokens = tuple[str, Token, str, int, int]  # an account, its mint and owner, units before and after


def effects(*lines: Line, tokens: tuple[Tokens, ...] = (), fee: int = FEE, error: str | None = None) -> Effects:
    """The wallet's own line comes first. Token accounts without a line of their own keep their rent."""
    known = {account: (before, after) for account, before, after in lines}
    for account, *_ in tokens:
        known.setdefault(account, (RENT, RENT))
    names = tuple(known)
    balances = tuple(
        TokenBalance(names.index(account), token.mint, owner, before, after)
        for account, token, owner, before, after in tokens
    )
    before, after = zip(*known.values(), strict=True)
    return Effects(error, fee, names, before, after, balances, SLOT)


def us(gained: int = -FEE, before: int = 10**9) -> Line:
    return US, before, before + gained


PAID: Tokens = ("our usdc", USDC, US, 1_000, 900)
GOT: Tokens = ("our bonk", BONK, US, 5, 47)
CASES: dict[str, tuple[Order, Effects, Filled | str]] = {
    # Tokens for tokens.
    "a swap": (BUY, effects(us(), tokens=(PAID, GOT)), Filled(100, 42, FEE, 0, SLOT)),
    "with a new account": (
        BUY,
        effects(us(-FEE - RENT), ("our bonk", 0, RENT), tokens=(PAID, GOT)),
        Filled(100, 42, FEE, RENT, SLOT),
    ),
    "with an account whose address had some lamports": (
        BUY,
        effects(us(-FEE - RENT + 9), ("our bonk", 9, RENT), tokens=(PAID, GOT)),
        Filled(100, 42, FEE, RENT - 9, SLOT),
    ),
    "with two new accounts": (
        BUY,
        effects(us(-FEE - 2 * RENT), ("our bonk", 0, RENT), ("our new", 0, RENT),
                tokens=(PAID, GOT, ("our new", NEW, US, 0, 0))),
        Filled(100, 42, FEE, 2 * RENT, SLOT),
    ),
    "a token that keeps a fee for itself": (
        BUY,
        effects(us(), tokens=(PAID, ("our bonk", BONK, US, 5, 44))),
        Filled(100, 39, FEE, 0, SLOT),
    ),
    "over several accounts of ours": (
        BUY,
        effects(us(), tokens=(PAID, ("ours too", USDC, US, 9, 4), GOT, ("and this", BONK, US, 0, 1))),
        Filled(105, 43, FEE, 0, SLOT),
    ),
    "others are not our business": (
        BUY,
        effects(us(), (THEM, 5, 9), tokens=(PAID, GOT, ("theirs", NEW, THEM, 7, 0), ("more", SOL_TOKEN, THEM, 0, 3))),
        Filled(100, 42, FEE, 0, SLOT),
    ),
    "an account that we were given by somebody": (
        BUY,
        effects(us(), tokens=(PAID, ("theirs", BONK, THEM, 42, 0), ("theirs", BONK, US, 0, 42))),
        Filled(100, 42, FEE, 0, SLOT),
    ),
    "a tip": (BUY, effects(us(-FEE - 500), tokens=(PAID, GOT)), Filled(100, 42, FEE + 500, 0, SLOT)),
    "lamports that came with it": (BUY, effects(us(-FEE + 1), tokens=(PAID, GOT)), f"also changed {{'{SOL}': 1}}"),
    "another token left": (BUY, effects(us(), tokens=(PAID, GOT, ("our new", NEW, US, 7, 6))), "also changed"),
    "another token came": (BUY, effects(us(), tokens=(PAID, GOT, ("our new", NEW, US, 7, 8))), "also changed"),
    "an account of ours was closed": (
        BUY,
        effects(us(-FEE + RENT), ("our new", RENT, 0), tokens=(PAID, GOT, ("our new", NEW, US, 0, 0))),
        "closes token accounts",
    ),
    "nothing came": (BUY, effects(us(), tokens=(PAID,)), "spent 100, received 0"),
    "nothing left": (BUY, effects(us(), tokens=(GOT,)), "spent 0, received 42"),
    "the other way round": (
        BUY,
        effects(us(), tokens=(("our usdc", USDC, US, 900, 1_000), ("our bonk", BONK, US, 47, 5))),
        "spent -100, received -42",
    ),
    "nothing at all": (BUY, effects(us()), "spent 0, received 0"),
    "a whole mint": (
        BUY,
        effects(us(), tokens=(("our usdc", USDC, US, U64_MAX, 0), ("our bonk", BONK, US, 0, U64_MAX))),
        Filled(U64_MAX, U64_MAX, FEE, 0, SLOT),
    ),
    # SOL for tokens, through a wrapped account that comes and goes.
    "SOL is bought": (BUY_SOL, effects(us(42 - FEE), (WRAPPED, 0, 0), tokens=(PAID,)), Filled(100, 42, FEE, 0, SLOT)),
    "SOL is sold": (
        SELL_SOL,
        effects(us(-100 - FEE), (WRAPPED, 0, 0), tokens=(("our usdc", USDC, US, 5, 47),)),
        Filled(100, 42, FEE, 0, SLOT),
    ),
    "SOL is sold, with a new account": (
        SELL_SOL,
        effects(us(-100 - FEE - RENT), ("our usdc", 0, RENT), tokens=(("our usdc", USDC, US, 0, 42),)),
        Filled(100, 42, FEE, RENT, SLOT),
    ),
    "a tip with SOL is part of the price": (
        SELL_SOL,
        effects(us(-101 - FEE), tokens=(("our usdc", USDC, US, 5, 47),)),
        Filled(101, 42, FEE, 0, SLOT),
    ),
    "SOL is bought, and stays wrapped": (
        BUY_SOL,
        effects(us(-FEE - RENT), (WRAPPED, 0, RENT + 42), tokens=(PAID, (WRAPPED, SOL_TOKEN, US, 0, 42))),
        "leaves wrapped SOL behind",
    ),
    "SOL is sold, and the empty account stays": (
        SELL_SOL,
        effects(us(-100 - FEE - RENT), (WRAPPED, 0, RENT),
                tokens=(("our usdc", USDC, US, 5, 47), (WRAPPED, SOL_TOKEN, US, 0, 0))),
        "leaves wrapped SOL behind",
    ),
    # Others can create that account and send to it at any time: this must neither stop nor change a swap.
    "SOL is bought, over an account that somebody made": (
        BUY_SOL,
        effects(us(42 - FEE + RENT + 7), (WRAPPED, RENT + 7, 0), tokens=(PAID, (WRAPPED, SOL_TOKEN, US, 7, 0))),
        Filled(100, 42, FEE, 0, SLOT),
    ),
    "SOL is sold, over an account that somebody made": (
        SELL_SOL,
        effects(us(-100 - FEE + RENT + 7), (WRAPPED, RENT + 7, 0),
                tokens=(("our usdc", USDC, US, 5, 47), (WRAPPED, SOL_TOKEN, US, 7, 0))),
        Filled(100, 42, FEE, 0, SLOT),
    ),
    "SOL is sold, over an address that somebody sent more to than we sell": (
        SELL_SOL,
        effects(us(-100 - FEE + 999), (WRAPPED, 999, 0), tokens=(("our usdc", USDC, US, 5, 47),)),
        Filled(100, 42, FEE, 0, SLOT),
    ),
    "tokens are swapped while wrapped SOL lies about": (
        BUY,
        effects(us(), (WRAPPED, RENT + 7, RENT + 7), tokens=(PAID, GOT, (WRAPPED, SOL_TOKEN, US, 7, 7))),
        Filled(100, 42, FEE, 0, SLOT),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_settled_outcome(name: str) -> None:
    wanted, changed, expected = CASES[name]
    if isinstance(expected, Filled):
        assert settle(changed, wanted) == expected
    else:
        with pytest.raises(Unsettled) as unsettled:
            settle(changed, wanted)
        assert expected in str(unsettled.value)


ERRORS = [
    ('{"InstructionError":[3,{"Custom":1}]}', Cause.REVERTED),
    ('{"InstructionError":[0,"ComputationalBudgetExceeded"]}', Cause.REVERTED),
    ('{"InsufficientFundsForRent":{"account_index":0}}', Cause.WALLET_FUNDS),
    ('"InsufficientFundsForFee"', Cause.WALLET_FUNDS),
    ('"AccountNotFound"', Cause.WALLET_FUNDS),
    ('"SomethingNew"', Cause.REVERTED),
    ("{}", Cause.REVERTED),
    ("[]", Cause.REVERTED),
    ("null", Cause.REVERTED),
    ("7", Cause.REVERTED),
    ("", Cause.REVERTED),
    ("{", Cause.REVERTED),
    ("[[[[" * 1_000, Cause.REVERTED),
    ('{"InstructionError"' + "x" * 1_000, Cause.REVERTED),
]


@pytest.mark.parametrize(("error", "cause"), ERRORS)
def test_why_it_reverted(error: str, cause: Cause) -> None:
    """The cause of the failure, from any form of a node's answer. A short text is kept."""
    failed = settle(effects(us(), error=error), BUY)
    assert failed == Failed(FEE, cause, error[:200], SLOT)
    assert cause_of(error) is cause


def test_a_failure_without_balances_has_them_not() -> None:
    """A simulation that failed before anything ran."""
    assert settle(Effects('"AccountNotFound"', 0, (US,), (), (), ()), BUY) == Failed(
        0, Cause.WALLET_FUNDS, '"AccountNotFound"'
    )


@pytest.mark.parametrize(
    ("fill", "order_words", "cost_words"),
    [
        (Filled(100, 40, FEE, RENT), None, None),
        (Filled(99, 41, 1, 0), None, None),
        (Filled(101, 40, FEE, RENT), "it spends 101, at most 100", None),
        (Filled(100, 39, FEE, RENT), "it receives 39, at least 40", None),
        (Filled(100, 40, FEE + 1, RENT), None, "its fee is 13001 lamports, at most 13000"),
        (Filled(100, 40, FEE, RENT + 1), None, "its rent is 2039281 lamports, at most 2039280"),
    ],
)
def test_within_its_order(fill: Filled, order_words: str | None, cost_words: str | None) -> None:
    assert outside_order(BUY, fill) == order_words
    assert outside_costs(BUY, fill) == cost_words


units = st.integers(0, U64_MAX)


@given(units, units, st.integers(0, 10**9), st.integers(0, 10**9), st.booleans())
def test_deposits_by_strangers_change_nothing(spent: int, got: int, rent: int, left: int, selling: bool) -> None:
    """Lamports that were at the wrapped account's address before do not change the reading of the swap."""
    wanted = SELL_SOL if selling else BUY_SOL
    token: Tokens = ("our usdc", USDC, US, *((0, got) if selling else (spent, 0)))
    sol = -spent if selling else got
    told = [
        outcome(effects(us(sol - FEE + lay, 10**20), (WRAPPED, lay, 0), tokens=(token, *entry)), wanted)
        for lay, entry in ((0, ()), (rent + left, ((WRAPPED, SOL_TOKEN, US, left, 0),)), (left, ()))
    ]
    assert told[0] == told[1] == told[2]


def outcome(changed: Effects, wanted: Order) -> Filled | Failed | None:
    try:
        return settle(changed, wanted)
    except Unsettled:
        return None

"""A tip leaves by exactly one transfer to an account of the relay, up to the order's cap; it is booked apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from tests.support.effort import examples
from tests.support.hostile_transactions import (
    BONK,
    FEE_MAX,
    LISTED,
    OWNER,
    PAIRS,
    RECEIVE,
    SOL_TOKEN,
    SPEND,
    THIEF,
    USDC,
    TrialChain,
    address,
    budget,
    harm,
    offered,
    order,
    swap,
)

from overmind.core.model.money import Token
from overmind.core.model.order import Order
from overmind.core.model.outcome import Failed, Filled, Rejected
from overmind.core.model.route import RouteName
from overmind.sandbox.localnet.relay import TIP_ACCOUNTS
from overmind.solana.firewall import verify
from overmind.solana.settlement import outside_costs, settle
from overmind.solana.tipping import tip_of
from overmind.solana.tokens import system_transfer

US, THEM = OWNER.pubkey(), THIEF.pubkey()
CAP = 50_000
TIPS = frozenset(TIP_ACCOUNTS)
RELAYED = {"route": RouteName.RELAY, "tip_max_lamports": CAP}


def tip(lamports: int = CAP, account: str = TIP_ACCOUNTS[3], payer: Pubkey = US) -> Instruction:
    return system_transfer(payer, Pubkey.from_string(account), lamports)


def refusal(wanted: Order, *more: Instruction, pair: tuple[Token, Token] = (USDC, BONK)) -> str | None:
    found = verify(wanted, str(US), LISTED, offered([*swap(*pair), *more]), tip_accounts=TIPS)
    return None if found is None else found.detail


@pytest.mark.parametrize("pair", PAIRS)
def test_one_tip_up_to_the_cap_passes_on_the_route_of_the_relay_alone(pair: tuple[Token, Token]) -> None:
    relayed, public = order(*pair, **RELAYED), order(*pair)
    assert refusal(relayed, tip(), pair=pair) is None
    assert refusal(relayed, tip(1_000), pair=pair) is None
    assert refusal(public, pair=pair) is None
    assert "lamports of ours to" in (refusal(public, tip(), pair=pair) or "")


ATTACKS: dict[str, tuple[tuple[Instruction, ...], str]] = {
    "no tip": ((), "it tips 0 times"),
    "above the cap": ((tip(CAP + 1),), "it tips 50001 lamports, at most 50000"),
    "two tips": ((tip(1_000), tip(1_000, TIP_ACCOUNTS[0])), "it tips 2 times"),
    "two tips to one account": ((tip(1_000), tip(1_000)), "it tips 2 times"),
    "to a foreign account": ((tip(account=str(THEM)),), "it transfers 50000 lamports of ours to"),
    "a tip, and a transfer to a foreign account": ((tip(), tip(1, str(THEM))), "it transfers 1 lamports of ours"),
    "a tip that somebody else pays": ((tip(payer=THEM),), "it tips 0 times"),
    "to our own wallet": ((tip(account=str(US)),), "lamports of ours to"),
    "with another instruction of the system program": (
        (Instruction(tip().program_id, b"\x00" + bytes(tip().data)[1:], tip().accounts),),
        "instruction 0 of the system program",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(attack: str) -> None:
    more, words = ATTACKS[attack]
    assert words in (refusal(order(USDC, BONK, **RELAYED), *more) or "nothing")


def test_an_order_that_may_not_tip_goes_by_no_relay() -> None:
    assert "it tips 1000 lamports, at most 0" in (refusal(order(USDC, BONK, route=RouteName.RELAY), tip(1_000)) or "")


def test_the_fee_and_the_tip_share_what_was_reserved() -> None:
    def told(limit: int, fee_max: int) -> Rejected | None:
        made = [*budget(limit, 1_000_000), *swap(USDC, BONK)[2:], tip()]
        wanted = order(USDC, BONK, fee_max_lamports=fee_max, **RELAYED)
        return verify(wanted, str(US), LISTED, offered(made), tip_accounts=TIPS)

    fee = 10_000 + 40_000  # two signatures, and the compute limit at its price
    assert told(40_000, fee + CAP) is None
    found = told(40_000, fee + CAP - 1)
    assert found is not None
    assert "the fee at its compute limit is 50000 lamports, at most 49999" in found.detail


def test_a_relay_that_names_an_account_of_ours_gains_nothing() -> None:
    """Wrapping SOL would then count as a tip, and no order tips so much."""
    wrapped = str(address(SOL_TOKEN))
    wanted = order(SOL_TOKEN, USDC, **RELAYED)
    found = verify(wanted, str(US), LISTED, offered(swap(SOL_TOKEN, USDC)), tip_accounts=frozenset({wrapped}))
    assert found is not None
    assert "it tips" in found.detail


@pytest.mark.parametrize("pair", PAIRS)
@given(lamports=st.integers(1_000, CAP))
@settings(max_examples=examples(25), deadline=None)
def test_a_tip_is_booked_apart_from_price_and_fee(pair: tuple[Token, Token], lamports: int) -> None:
    chain = TrialChain()
    for account in TIP_ACCOUNTS:
        chain.svm.airdrop(Pubkey.from_string(account), 10**9)
    wanted, plain = order(*pair, **RELAYED), order(*pair)
    bare = settle(chain.effects(offered(swap(*pair)).raw), plain)
    tipped = offered([*swap(*pair), tip(lamports)])
    assert tip_of(wanted, tipped.raw) == lamports
    fill = settle(chain.effects(tipped.raw), wanted, tip_of(wanted, tipped.raw))
    assert isinstance(bare, Filled)
    assert isinstance(fill, Filled)
    assert (fill.spent_units, fill.received_units) == (bare.spent_units, bare.received_units)
    assert (fill.fee_lamports, fill.rent_lamports, fill.tip_lamports) == (
        bare.fee_lamports,
        bare.rent_lamports,
        lamports,
    )
    assert (fill.spent_units, fill.received_units) == (SPEND, RECEIVE)


PAYEES = (TIP_ACCOUNTS[0], TIP_ACCOUNTS[7], str(THEM), str(US), str(address(SOL_TOKEN)))
TRANSFERS = st.lists(st.tuples(st.sampled_from(PAYEES), st.integers(0, 2 * CAP), st.booleans()), max_size=3)


@given(transfers=TRANSFERS, pair=st.sampled_from(PAIRS), relayed=st.booleans())
@settings(max_examples=examples(150), deadline=None)
def test_whatever_passes_does_no_harm(
    transfers: list[tuple[str, int, bool]], pair: tuple[Token, Token], relayed: bool
) -> None:
    more = [tip(lamports, account, US if ours else THEM) for account, lamports, ours in transfers]
    made = offered([*swap(*pair), *more])
    wanted = order(*pair, **(RELAYED if relayed else {}))
    if verify(wanted, str(US), LISTED, made, tip_accounts=TIPS) is not None:
        return
    of_ours = [lamports for account, lamports, ours in transfers if ours and account in TIPS]
    assert of_ours == [] if not relayed else len(of_ours) == 1
    chain = TrialChain()
    for account in TIP_ACCOUNTS:
        chain.svm.airdrop(Pubkey.from_string(account), 10**9)
    _, after = chain.attempt(made.raw)
    assert after is None or harm(wanted, chain.before, after) is None


def test_a_transaction_that_fails_pays_no_tip() -> None:
    chain = TrialChain()
    failing = offered([*swap(USDC, BONK, out=10**18), tip()])
    wanted = order(USDC, BONK, **RELAYED)
    found = settle(chain.effects(failing.raw), wanted, tip_of(wanted, failing.raw))
    assert isinstance(found, Failed)
    assert found.tip_lamports == 0


def test_what_no_order_may_tip_is_no_tip() -> None:
    assert tip_of(order(USDC, BONK), offered([*swap(USDC, BONK), tip()]).raw) == 0
    assert tip_of(order(USDC, BONK, **RELAYED), b"no transaction") == 0


@pytest.mark.parametrize(
    ("fee", "tipped", "words"),
    [
        (FEE_MAX - CAP, CAP, None),
        (FEE_MAX - CAP + 1, CAP, "its fee is 100001 lamports with its tip, at most 100000"),
        (0, CAP + 1, "its tip is 50001 lamports, at most 50000"),
    ],
)
def test_within_what_was_reserved(fee: int, tipped: int, words: str | None) -> None:
    fill = Filled(SPEND, RECEIVE, fee, tip_lamports=tipped)
    assert outside_costs(order(USDC, BONK, **RELAYED), fill) == words

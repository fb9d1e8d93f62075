"""Moves in the books: the effect of each outcome on both wallets, rollbacks by a fork, and sweeps."""

import pytest
from tests.support.core_desk import DESK, CoreDesk, books_told, rows, told

from overmind.core.books.state import decode_state, encode_state
from overmind.core.capital.proceeds import why_nowhere
from overmind.core.model.commands import CommandRefused
from overmind.core.model.enums import MoveKind
from overmind.core.model.events import MoveClosed, MovePlaced, OrderClosed, OrderPlaced
from overmind.core.model.ids import SOL
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.units import LAMPORTS, MICROS

# $2,000 of w1's $11,900 are on their way to w2, which has $7,900. SOL costs $100, so 5,000 lamports are $0.0005.
GIVEN = "w1 aim 50 usd 11900; w2 aim 50 usd 7900; rebalance"
TABLE = """
outcome                                                  | the giver                    | the receiver
fill                                                     | $9900                        | $9900
fill fee 5000                                            | $9900, realised $-0.0005     | $9900
fill fee 5000 rent 2039280                               | $9900, realised $-0.204428   | $9900
fail fee 5000                                            | $11900, realised $-0.0005    | $7900
expire                                                   | $11900                       | $7900
reject                                                   | $11900                       | $7900
cancel move:rebalance:0                                  | $11900                       | $7900
# A fork makes something else of it.
fill provisional fee 5000; final                         | $9900, realised $-0.0005     | $9900
fill provisional fee 5000; roll back as expired          | $11900                       | $7900
fill provisional fee 5000; roll back as failed fee 6000  | $11900, realised $-0.0006    | $7900
fill provisional fee 5000; roll back as filled fee 6000  | $9900, realised $-0.0006     | $9900
fill provisional fee 5000 rent 2039280; roll back as filled fee 5000 | $9900, realised $-0.0005 | $9900
fail provisional fee 5000; roll back as expired          | $11900                       | $7900
fail provisional fee 5000; roll back as filled fee 6000  | $9900, realised $-0.0006     | $9900
fail provisional fee 5000; final                         | $11900, realised $-0.0005    | $7900
# A new price of SOL changes nothing of what was paid.
fill provisional fee 5000; mark sol 200; roll back as expired | $11900                  | $7900
# Who spent what a fork then took back owes it, and takes no entries.
fill provisional; buy eth $9000 not w1; fill s1.0.0; roll back as expired \
| $11900 | $0 4.5 eth, owes 1100 usd, held: quarantine
fill provisional; buy eth $7900 not w1; fill s1.0.0; roll back as expired | $11900 | $0 3.95 eth
fail provisional; buy eth $11900 not w2; fill s1.0.0; roll back as filled \
| $0 5.95 eth, owes 2000 usd, held: quarantine | $9900
# What comes in pays it.
fill provisional; buy eth $9000 not w1; fill s1.0.0; roll back as expired; sell eth 1; fill \
| $11900 | $900 3.5 eth, held: quarantine
# What an open order of the receiver holds is not taken from it.
fill provisional; buy eth $9000 not w1; roll back as expired | $11900 | $9000, owes 1100 usd, held: quarantine
"""


@pytest.mark.parametrize(("outcome", "giver", "receiver"), rows(TABLE))
def test_both_wallets_are_booked(outcome: str, giver: str, receiver: str) -> None:
    desk = CoreDesk(GIVEN)
    desk.play(outcome)
    assert (books_told(desk, "w1"), books_told(desk, "w2")) == (giver, receiver)
    assert not any(desk.state.ledger.totals().values())
    assert not desk.state.open_moves
    assert not desk.state.provisional_moves
    assert desk.state.deposited_micros == 20_000 * MICROS
    entries = {
        one.event.order.id for one in desk.entries if isinstance(one.event, OrderPlaced) and one.event.order.is_entry
    }
    filled = [one.event for one in desk.entries if isinstance(one.event, OrderClosed) and one.event.order_id in entries]
    assert sum(book.trades_today for book in desk.state.wallets.values()) == len(filled)


def test_what_is_under_way_is_held_with_its_costs() -> None:
    desk = CoreDesk("w1 aim 50 usd 11900; w2 aim 50 usd 0 sol 80; rebalance")
    accounts = desk.book("w1").accounts
    held = desk.balance(accounts.held, "usd"), desk.balance(accounts.sol_float_held, "sol")
    assert held == (2_000 * MICROS, DESK.costs.fee_max_lamports + DESK.costs.rent_lamports)
    assert told(desk.play("buy eth $9900.000001 not w2")).startswith("INSUFFICIENT_QUOTE 9900 9900.000001 @w1")
    assert desk.state.equity_micros == 20_000 * MICROS


def test_the_receiver_has_an_account_from_then_on_unless_a_fork_undid_it() -> None:
    desk = CoreDesk("w1 aim 50 usd 11900; w2 aim 50 usd 0 sol 80; rebalance; fill provisional rent 2039280")
    assert "usdc" in desk.book("w2").token_accounts
    desk.play("roll back as expired")
    assert "usdc" not in desk.book("w2").token_accounts
    (placed,) = desk.play("rebalance")
    assert isinstance(placed, MovePlaced)
    assert placed.move.rent_max_lamports == DESK.costs.rent_lamports


def test_an_outcome_is_booked_once() -> None:
    desk = CoreDesk(GIVEN)
    desk.play("fill provisional fee 5000")
    for again in ("final", "roll back as expired"):
        before = encode_state(desk.state)
        with pytest.raises(AssertionError):
            desk.play(f"fill move:rebalance:0; {again} move:rebalance:1")
        assert encode_state(desk.state) == before


def test_a_move_without_a_ticket_can_only_be_rejected() -> None:
    desk = CoreDesk(GIVEN)
    (known,) = desk.state.open_moves.values()
    assert told(desk.play("sign; sign")) == "nothing"
    assert known.ticket is not None
    (closed,) = desk.play("reject for STOPPED")
    assert closed == MoveClosed(known.move.id, Rejected(Cause.STOPPED))


def test_a_move_survives_a_restart() -> None:
    desk = CoreDesk(GIVEN)
    desk.play("sign")
    desk.state = decode_state(encode_state(desk.state))
    desk.play("fill provisional fee 5000")
    desk.state = decode_state(encode_state(desk.state))
    desk.play("roll back as expired")
    assert (books_told(desk, "w1"), books_told(desk, "w2")) == ("$11900", "$7900")


# Sweeps

SWEEPS = """
given                                                        | when                  | then
w1; w2 type Emergency; sweep                                 | moves                 | w1 -> w2 $9900 sweep
w1; w2 type Emergency; sweep; moves; fill                    | moves                 | nothing
# Only when told to.
w1; w2 type Emergency; stop                                  | moves                 | nothing
w1; w2 type Emergency; liquidate                             | moves                 | nothing
w1; w2 type Emergency; liquidate; sweep                      | moves                 | w1 -> w2 $9900 sweep
# Not while one of its own sales is under way; all that it brought goes at once.
w1; deposit w1 1 eth; w2 type Emergency; sweep; exits        | moves                 | nothing
w1; deposit w1 1 eth; w2 type Emergency; sweep; exits; fill  | moves                 | w1 -> w2 $11900 sweep
w1; deposit w1 1 eth; w2 type Emergency; sweep; exits; expire | moves                | w1 -> w2 $9900 sweep
w1; w3; deposit w1 1 eth; w2 type Emergency; sweep; exits    | moves                 | w3 -> w2 $9900 sweep
w1; w2 type Emergency; sweep; moves; fill; deposit w1 7 usd  | moves                 | w1 -> w2 $7 sweep
# To the first Emergency wallet, never from it, and to nowhere if there is none.
w1; sweep                                                    | moves                 | nothing
w1; sweep; w2 type Emergency                                 | moves                 | w1 -> w2 $9900 sweep
w1; w2 type Emergency; w3 type Emergency; sweep              | moves                 | w1 -> w2 $9900 sweep + \
w3 -> w2 $9900 sweep
w1; w2 type Emergency; w3 type Emergency; remove w2; sweep   | moves                 | w1 -> w3 $9900 sweep
w1; w2 type Emergency; remove w2; sweep                      | moves                 | nothing
w1; w2 type Emergency; remove w1; sweep                      | moves                 | nothing
w1; w2 type Emergency; hold w1 quarantine; hold portfolio a; sweep | moves           | w1 -> w2 $9900 sweep
# Never into a wallet whose key may be stolen, or that owes something: the next one is safe, or none is.
w1; w2 type Emergency; w3 type Emergency usd 0; hold portfolio deficit:w2; sweep | moves \
| w1 -> w3 $9900 sweep + w2 -> w3 $9900 sweep
w1; w2 type Emergency usd 0; w3 type Emergency usd 0; hold portfolio unknown_signature:w2; sweep | moves \
| w1 -> w3 $9900 sweep
w1; w2 type Emergency usd 0; w3 type Emergency usd 0; hold w2 quarantine; sweep | moves | w1 -> w3 $9900 sweep
w1; w2 type Emergency usd 0; w3 type Emergency usd 0; chain w2 sol -1; sweep | moves | w1 -> w3 $9900 sweep
w1; w2 type Emergency usd 0; w3 type Emergency usd 0; hold portfolio deficit:w1; sweep | moves | w1 -> w2 $9900 sweep
w1; w2 type Emergency; hold portfolio deficit:w2; sweep      | moves                 | nothing
w1; w2 type Emergency; hold portfolio deficit:w2; sweep; accept w2 | moves           | w1 -> w2 $9900 sweep
# Not what an order holds, and not less than a dollar.
w1; w2 type Emergency; buy eth $900; sweep                   | moves                 | w1 -> w2 $9000 sweep
w1 usd 1; w2 type Emergency; sweep                           | moves                 | w1 -> w2 $1 sweep
w1 usd 0.999999; w2 type Emergency; sweep                    | moves                 | nothing
# The fee must be there, and the rent if the Emergency wallet has no account.
desk full 0; w1 sol 0.0001; w2 type Emergency; sweep         | moves                 | w1 -> w2 $9900 sweep
desk full 0; w1 sol 0.000099999; w2 type Emergency; sweep    | moves                 | nothing
desk full 0; w1 sol 0.00213928; w2 type Emergency usd 0; sweep | moves               | w1 -> w2 $9900 sweep
desk full 0; w1 sol 0.002139279; w2 type Emergency usd 0; sweep | moves              | nothing
w1 sol 0; w2 type Emergency; sweep                           | moves                 | w2 -> w1 0.25 sol top_up
w1 sol 0; w2 type Emergency; sweep; moves; fill              | moves                 | w1 -> w2 $9900 sweep
# A wallet that was reactivated keeps what it has, whatever becomes of the others.
w1; w2 type Emergency; sweep; reactivate w1                  | moves                 | nothing
w1; w2 type Emergency; sweep; reactivate w2                  | moves                 | w1 -> w2 $9900 sweep
w1; w2 type Emergency; sweep; moves; reactivate w1; expire; wait 9999 | moves        | nothing
# One at a time, and after a pause that doubles with every one that came to nothing.
w1; w2 type Emergency; sweep; moves; deposit w1 7 usd        | moves                 | nothing
w1; w2 type Emergency; sweep; moves; expire; wait 1999       | moves                 | nothing
w1; w2 type Emergency; sweep; moves; expire; wait 2000       | moves                 | w1 -> w2 $9900 sweep
w1; w2 type Emergency; sweep; moves; reject; wait 2000; moves; fail; wait 3999 | moves | nothing
w1; w2 type Emergency; sweep; moves; reject; wait 2000; moves; fail; wait 4000 | moves | w1 -> w2 $9900 sweep
w1; w2 type Emergency; sweep; moves; fill provisional; roll back as expired | moves  | w1 -> w2 $9900 sweep
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(SWEEPS))
def test_what_a_liquidation_brings_goes_to_safety(given: str, when: str, then: str) -> None:
    desk = CoreDesk(given)
    assert told(desk.play(when)) == then
    assert told(desk.play("moves")) == "nothing"  # A second time changes nothing.


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("w1; w2 type Emergency", ""),
        ("w1; w2 type Emergency; hold portfolio deficit:w1", ""),
        ("w1; w2 type Emergency; w3 type Emergency; hold portfolio deficit:w2", ""),
        ("w1", "no wallet of the type Emergency is configured"),
        ("w1; w2 type Emergency; hold portfolio deficit:w2", "w2 is held by deficit:w2"),
        (
            "w1; w2 type Emergency; hold portfolio unknown_signature:w2; hold w2 quarantine",
            "w2 is held by unknown_signature:w2, quarantine",
        ),
        (
            "w1; w2 type Emergency; w3 type Emergency; remove w2; hold w3 quarantine; hold w3 a",
            "w2 is held by removed; w3 is held by quarantine",
        ),
    ],
)
def test_the_reason_why_nothing_can_be_swept(given: str, why: str) -> None:
    assert why_nowhere(CoreDesk(given).state) == why


def test_a_second_sweep_yields_no_event() -> None:
    desk = CoreDesk("w1; w2 type Emergency; sweep")
    assert not desk.play("sweep")
    assert not desk.play("liquidate")


def test_only_protective_moves_continue_after_a_stop() -> None:
    assert {kind for kind in MoveKind if kind.protects} == {MoveKind.TOP_UP, MoveKind.SWEEP}


def test_an_open_move_of_a_removed_wallet_is_still_booked() -> None:
    desk = CoreDesk(GIVEN)
    desk.play("sign; remove w1; remove w2; fill fee 5000")
    assert books_told(desk, "w2") == "$9900, held: removed"


# The chain while a move is in flight or may be undone: none of it is a deficit or a surplus.

BALANCES = """
given                                     | then
sign; chain w1 usd -2000                  | nothing
sign; chain w1 usd -2000.000001           | HoldAdded
sign; chain w1 sol -0.0001                | nothing
sign; chain w1 sol -0.000100001           | HoldAdded
sign; chain w2 usd +2000                  | nothing
chain w1 usd -0.000001                    | HoldAdded
chain w2 usd +2000                        | Deposited
fill provisional; chain w1 usd +2000      | nothing
fill provisional; chain w2 usd -2000      | nothing
fill provisional; chain w2 usd -2000.000001 | HoldAdded
fail provisional; chain w1 usd -2000      | nothing
fail provisional; chain w2 usd +2000      | nothing
fill provisional; final; chain w2 usd -1  | HoldAdded
fill provisional; final; chain w1 usd +1  | Deposited
fill provisional; final; chain w1 behind 1 usd +2000 | nothing
fill provisional; final; chain w2 behind 1 usd -2000 | nothing
"""


@pytest.mark.parametrize(("given", "then"), rows(BALANCES))
def test_a_move_explains_what_the_chain_may_say(given: str, then: str) -> None:
    desk = CoreDesk(GIVEN)
    assert told(desk.play(given)) == then


def test_nothing_is_accepted_while_a_move_is_under_way() -> None:
    desk = CoreDesk(GIVEN)
    desk.play("sign")
    for name in ("w1", "w2"):
        with pytest.raises(CommandRefused, match="in flight"):
            desk.play(f"accept {name}")


def test_a_swept_float_stays() -> None:
    desk = CoreDesk("w1; w2 type Emergency; sweep; moves; fill fee 5000")
    assert desk.balance(desk.book("w1").accounts.sol_float, "sol") == LAMPORTS - 5_000
    assert desk.state.ledger.owned(desk.book("w2").accounts, SOL) == LAMPORTS

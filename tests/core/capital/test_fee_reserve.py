"""SOL for fees and rent: top-ups by the richest wallet or by a swap, and reclaimed rent, each rule at its edge.

See specification §10.8.
"""

import pytest
from tests.support.core_desk import DESK, CoreDesk, books_told, rows, told

from overmind.core.model.events import DayRolled, MovePlaced, OrderPlaced
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.units import LAMPORTS, MICROS

# A float below 0.12 SOL is topped up to 0.25 by a wallet that keeps 0.25 and a fee of 0.0001 itself.
TOP_UPS = """
given                                                        | when                  | then
w1; w2 sol 0.12                                              | moves                 | nothing
w1; w2 sol 0.119999999                                       | moves                 | w1 -> w2 0.130000001 sol top_up
w1; w2 sol 0                                                 | moves                 | w1 -> w2 0.25 sol top_up
desk full 0; w1; w2 sol 0                                    | moves                 | nothing
# The richest, the first of equals; each knows what the others were given just now.
w1 sol 2; w2 sol 3; w3 sol 0.1                               | moves                 | w2 -> w3 0.15 sol top_up
w1; w2; w3 sol 0.1                                           | moves                 | w1 -> w3 0.15 sol top_up
w1 sol 0.5; w2 sol 0.1; w3 sol 0.1 | moves | w1 -> w2 0.15 sol top_up + w1 -> w3 0.0998 sol top_up
w1 sol 0.5; w2 sol 0.45; w3 sol 0.1; w4 sol 0.1 | moves | w1 -> w3 0.15 sol top_up + w2 -> w4 0.15 sol top_up
# The giver keeps its own target, and gives nothing that is held.
w1 sol 0.3; w2 sol 0.1                                       | moves                 | w1 -> w2 0.0499 sol top_up
w1 sol 0.2701; w2 sol 0.1                                    | moves                 | w1 -> w2 0.02 sol top_up
w1 sol 0.270099999; w2 sol 0.1                               | moves                 | w2 $15
desk payees bank cap 99; w1 sol 0.5; w2 sol 0.1; withdraw w1 0.2 sol | moves         | w1 -> w2 0.0498 sol top_up
w1 sol 0.5; w2 sol 0.1; buy eth $1 not w2                    | moves                 | w1 -> w2 0.15 sol top_up
# Where nobody can give, a swap, if it can be paid for at a fresh price.
w1 sol 0.1                                                   | moves                 | w1 $15
w1 sol 0.1 usd 15                                            | moves                 | w1 $15
w1 sol 0.1 usd 14.999999                                     | moves                 | nothing
w1 sol 0.0001                                                | moves                 | w1 $24.99
w1 sol 0.000099999                                           | moves                 | nothing
w1 sol 0.1; wait 30000                                       | moves                 | w1 $15
w1 sol 0.1; wait 30001                                       | moves                 | nothing
w1 sol 0.1 share none                                        | moves                 | nothing
w1 sol 0.1; desk without sol                                 | moves                 | nothing
w1 sol 0.1; hold momentum a                                  | moves                 | w1 $15
# A wallet that does nothing needs nothing, unless it holds what must be sold; and a stop stops what buys.
w1; w2 sol 0.1; hold w2 operator                             | moves                 | nothing
w1; w2 sol 0.1; deposit w2 1 eth; hold w2 operator           | moves                 | w1 -> w2 0.15 sol top_up
w1; w2 sol 0.1; stop                                         | moves                 | nothing
w1; w2 sol 0.1; deposit w2 1 eth; stop                       | moves                 | w1 -> w2 0.15 sol top_up
w1; w2 sol 0.1; deposit w2 1 eth; hold portfolio a           | moves                 | w1 -> w2 0.15 sol top_up
w1 sol 0.1; deposit w1 1 eth; stop                           | moves                 | nothing
w1 sol 0.1; hold portfolio a                                 | moves                 | nothing
w1; w2 sol 0.1 type Emergency                                | moves                 | w1 -> w2 0.15 sol top_up
w1; w2 sol 0.1 usd 0; w3 type Emergency usd 0; sweep         | moves                 | w1 -> w3 $9900 sweep + \
w3 -> w2 0.15 sol top_up
# Who has no key any more neither gives nor takes, and nobody gives what he may owe.
w1; w2 sol 0.1; deposit w2 1 eth; remove w2                  | moves                 | nothing
w1; w2 sol 0.1; remove w1                                    | moves                 | w2 $15
w1; w2 sol 0.1; hold w1 quarantine                           | moves                 | w2 $15
w1; w2 sol 0.1; hold w1 emergency                            | moves                 | w1 -> w2 0.15 sol top_up
# Nor does a wallet whose key may be stolen give, however rich the books say that it is.
w1; w2 sol 0.1; w3 sol 0.9; hold portfolio deficit:w1        | moves                 | w3 -> w2 0.15 sol top_up
w1; w2 sol 0.1; w3 sol 0.9; hold portfolio unknown_signature:w1 | moves              | w3 -> w2 0.15 sol top_up
w1; w2 sol 0.1; w3 sol 0.9; hold w1 quarantine               | moves                 | w3 -> w2 0.15 sol top_up
w1; w2 sol 0.1; hold portfolio deficit:w3                    | moves                 | w1 -> w2 0.15 sol top_up
# It takes only where more can be sold, or swept, than the SOL is worth that may be stolen: $25.
w1; w2 sol 0.1; hold portfolio deficit:w2                    | moves                 | nothing
w1; w2 sol 0.1; hold w2 quarantine                           | moves                 | nothing
w1; w2 sol 0.1; deposit w2 0.0125 eth; hold portfolio deficit:w2 | moves             | nothing
w1; w2 sol 0.1; deposit w2 0.01250001 eth; hold portfolio deficit:w2 | moves         | w1 -> w2 0.15 sol top_up
w1; w2 sol 0.1; deposit w2 0.01250001 eth; hold w2 quarantine | moves                | w1 -> w2 0.15 sol top_up
w1 usd 0; w2 sol 0.1 usd 15; hold portfolio deficit:w2; sweep | moves                | nothing
w1 usd 0; w2 sol 0.1 usd 15.000001; hold portfolio deficit:w2; sweep | moves         | w1 -> w2 0.15 sol top_up
# What is sent is worth its fee: ten of them, unless less is lacking.
w1 sol 0.251099999; w2 sol 0.119999                          | moves                 | w2 $13.0001
w1 sol 0.2511; w2 sol 0.119999                               | moves                 | w1 -> w2 0.001 sol top_up
desk low 0.25; w1 sol 0.250100001; w2 sol 0.249999999        | moves                 | w1 -> w2 0.000000001 sol top_up
# Who did not give when it was asked is not asked for ever: the next of those that can, then the swap, then all again.
w1; w2 sol 2; w3 sol 0.1; moves; reject; wait 2000           | moves                 | w1 -> w3 0.15 sol top_up
w1; w2 sol 2; w3 sol 0.1; moves; reject; wait 2000; moves; expire; wait 4000 | moves | w3 $15
w1; w2 sol 2; w3 sol 0.1; moves; reject; wait 2000; moves; expire; wait 4000; moves; reject; wait 8000 | moves \
| w2 -> w3 0.15 sol top_up
w1; w2 sol 0.1; moves; reject; wait 2000; moves; expire; wait 4000 | moves           | w1 -> w2 0.15 sol top_up
w1; w2 sol 0.26; w3 sol 0.1; moves; reject; wait 2000        | moves                 | w3 $15
w1; w2; w3; w4; w5; w6 sol 0.1; moves; reject; wait 2000; moves; reject; wait 4000; moves; reject; wait 8000; moves; \
reject; wait 16000 | moves | w6 $15
w1; w2; w3; w4; w5; w6 sol 0.1; moves; reject; wait 2000; moves; reject; wait 4000; moves; reject; wait 8000 \
| moves | w4 -> w6 0.15 sol top_up
# Where the swap is not possible, its turn is the richest's again.
w1; w2 sol 2; w3 sol 0.1 usd 0; deposit w3 1 eth; moves; reject; wait 2000; moves; expire; wait 4000 | moves \
| w2 -> w3 0.15 sol top_up
w1; w2 sol 2; w3 sol 0.1; deposit w3 1 eth; stop; moves; reject; wait 2000; moves; expire; wait 4000 | moves \
| w2 -> w3 0.15 sol top_up
# One at a time, and after a pause that doubles with every one that came to nothing.
w1; w2 sol 0.1; moves                                        | wait 99999; moves     | nothing
w1; w2 sol 0.1; moves; fill                                  | moves                 | nothing
w1; w2 sol 0.1; moves; expire; wait 1999                     | moves                 | nothing
w1; w2 sol 0.1; moves; expire; wait 2000                     | moves                 | w2 $15
w1; w2 sol 0.1; moves; reject; wait 2000; moves; fail; wait 3999 | moves             | nothing
w1; w2 sol 0.1; moves; reject; wait 2000; moves; fail; wait 4000 | moves             | w1 -> w2 0.15 sol top_up
w1; w2 sol 0.1; moves; expire; wait 2000; moves; fill; float w1 1; sell eth 1; wait 1 | moves | nothing
w1 sol 0.1; moves; expire; wait 1999                         | moves                 | nothing
w1 sol 0.1; moves; expire; wait 2000                         | moves                 | w1 $15
w1 sol 0.1; moves; expire; wait 2000; moves; reject for ROUTE_DOWN; wait 3999 | moves | nothing
w1 sol 0.1; moves; fill                                      | moves                 | nothing
w1; w2 sol 0.1; moves; fill provisional; roll back as expired | moves                | w1 -> w2 0.15 sol top_up
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(TOP_UPS))
def test_a_float_is_topped_up(given: str, when: str, then: str) -> None:
    desk = CoreDesk(given)
    assert told(desk.play(when)) == then
    assert told(desk.play("moves")) == "nothing"  # A second time places nothing.


def float_of(desk: CoreDesk, name: str = "w1") -> int:
    accounts = desk.book(name).accounts
    return desk.balance(accounts.sol_float, "sol") + desk.balance(accounts.sol_float_held, "sol")


def test_the_swap_fills_the_float_and_is_no_trade_and_no_position() -> None:
    desk = CoreDesk("w1 sol 0.1 trades 0 exposure 0 position 0 places 0 loss 0.5 stop 50; desk asset 0 exposure 0")
    (placed,) = desk.play("moves")
    assert isinstance(placed, OrderPlaced)
    assert (placed.signal.id, placed.order.received_min) == (f"float:w1:{desk.state.seq - 1}", 148_500_000)
    book = desk.book("w1")
    assert (book.entries, book.entries_open, book.loss_in_flight_micros, desk.state.assets) == ({}, 0, 0, {})
    desk.play("fill fee 13000 at 100.5")
    assert float_of(desk) == 100_000_000 + 15 * LAMPORTS * 2 // 201 - 13_000
    assert books_told(desk) == "$9885, realised $-0.075927"  # The loss against the mark, and the fee.
    assert (book.trades_today, book.last_trade_ns, book.positions, desk.state.exposure_micros) == (0, None, {}, 0)
    assert not book.holds
    assert book.equity_micros == 9_910 * MICROS - 75_927


def test_a_swap_for_the_float_never_goes_to_another_wallet() -> None:
    desk = CoreDesk("w1 sol 0.1; w2 sol 0.25")
    desk.play("moves")
    assert told(desk.play("expire")) == "OrderClosed"
    desk.play("wait 2000; moves")
    assert told(desk.play("reject for WALLET_FUNDS")) == "OrderClosed"


def test_a_fork_undoes_a_swap_for_the_float() -> None:
    desk = CoreDesk("w1 sol 0.1; moves; fill provisional fee 13000 at 101")
    desk.play("roll back as expired")
    assert (float_of(desk), books_told(desk)) == (100_000_000, "$9900")
    assert told(desk.play("moves")) == "w1 $15"
    desk.play("fail provisional fee 5000; roll back as filled fee 6000")
    assert float_of(desk) == 100_000_000 + 150_000_000 - 6_000
    assert desk.book("w1").trades_today == 0


def test_a_float_that_a_fork_took_back_makes_a_debt() -> None:
    desk = CoreDesk("desk reserve 0; w1; w2 sol 0; moves; fill provisional; buy eth $300 not w1; fill s1.0.0 fee 90000")
    desk.play("sell eth all; fill fee 90000; roll back as expired")
    assert books_told(desk, "w2") == "$9900, owes 0.00018 sol, realised $-0.018, held: quarantine"
    assert float_of(desk, "w1") == LAMPORTS


# A token account that a sale emptied is closed after a day, and its rent comes back.
SOLD = "desk low 0; w1; buy eth $1000; fill rent 2039280; sell eth all; fill"
RECLAIMS = f"""
given                                                        | when                  | then
{SOLD}; wait 86399999                                        | moves                 | nothing
{SOLD}; wait 86400000                                        | moves                 | w1 eth reclaim
{SOLD}; wait 86400000; desk idle 0                           | moves                 | nothing
{SOLD}; wait 86400000; desk idle 86400001                    | moves                 | nothing
w1; wait 86400000                                            | moves                 | nothing
w1; deposit w1 1 sol; sell sol all; fill; wait 86400000      | moves                 | nothing
# Something is in it, or on its way to it, or may come back to it.
{SOLD}; wait 86400000; deposit w1 1 eth                      | moves                 | nothing
{SOLD}; wait 86400000; mark sol 100; mark eth 2000; buy eth $10 | moves              | nothing
{SOLD}; wait 86400000; mark sol 100; mark eth 2000; buy eth $10; expire | moves      | w1 eth reclaim
{SOLD}; wait 86400000; mark sol 100; mark eth 2000; buy eth $10; fill; sell eth all; fill | moves | nothing
desk low 0; w1; buy eth $1000; fill; sell eth all; fill provisional; wait 86400000 | moves | nothing
desk low 0; w1; buy eth $1000; fill; sell eth all; fill provisional; wait 86400000; final | moves | w1 eth reclaim
desk low 0; w1; buy eth $1000; fill provisional rent 2039280; sell eth all; fill; roll back s1.0.0 as expired; \
accept w1; deposit w1 1 eth; chain w1; wait 86400000         | moves                 | nothing
# A held wallet waits, and so does a held portfolio.
{SOLD}; wait 86400000; hold w1 operator                      | moves                 | nothing
{SOLD}; wait 86400000; hold portfolio a                      | moves                 | nothing
{SOLD}; wait 86400000; remove w1                             | moves                 | nothing
{SOLD}; wait 86400000; hold w1 a; lift w1 a                  | moves                 | w1 eth reclaim
# Its fee must be there.
desk low 0 reserve 0; w1 sol 0.0022; buy eth $1000; fill rent 2039280 fee 60720; sell eth all; fill; wait 86400000 \
| moves | w1 eth reclaim
desk low 0 reserve 0; w1 sol 0.0022; buy eth $1000; fill rent 2039280 fee 60720; sell eth all; fill fee 1; \
wait 86400000 | moves | nothing
# What an operator accepted stands in an account, too: its reclaim reserves no rent.
desk low 0 reserve 0; w1 sol 0.0002; accept w1 eth 1; sell eth all; fill fee 100000; wait 86400000 | moves \
| w1 eth reclaim
# One that came to nothing is tried again after as long a time.
{SOLD}; wait 86400000; moves                                 | moves                 | nothing
{SOLD}; wait 86400000; moves; fill                           | wait 86400000; moves  | nothing
{SOLD}; wait 86400000; moves; expire                         | wait 86399999; moves  | nothing
{SOLD}; wait 86400000; moves; expire                         | wait 86400000; moves  | w1 eth reclaim
{SOLD}; wait 86400000; moves; fail fee 5000                  | wait 86400000; moves  | w1 eth reclaim
{SOLD}; wait 86400000; moves; reject                         | wait 86400000; moves  | w1 eth reclaim
{SOLD}; wait 86400000; moves; cancel move:reclaim:0          | wait 86400000; moves  | w1 eth reclaim
{SOLD}; wait 86400000; moves; fill provisional; roll back as expired | wait 86400000; moves | w1 eth reclaim
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(RECLAIMS))
def test_the_rent_of_an_empty_account_comes_back(given: str, when: str, then: str) -> None:
    desk = CoreDesk(given)
    placed = tuple(one for one in desk.play(when) if not isinstance(one, DayRolled))
    assert told(placed) == then
    assert told(desk.play("moves")) == "nothing"


def rent_reserved(desk: CoreDesk, steps: str = "mark sol 100; mark eth 2000; buy eth $10") -> int:
    *_, placed = desk.play(steps)
    assert isinstance(placed, OrderPlaced), placed
    return placed.order.rent_max_lamports


def test_what_is_reclaimed_is_a_gain_and_the_account_is_gone() -> None:
    desk = CoreDesk(f"{SOLD}; wait 86400000; moves")
    lamports, realised = float_of(desk), desk.book("w1").realised_micros
    desk.play("fill fee 5000")
    assert float_of(desk) == lamports + 2_039_280 - 5_000
    assert desk.book("w1").realised_micros == realised + 203_928 - 500
    assert rent_reserved(desk) == DESK.costs.rent_lamports
    desk = CoreDesk(f"{SOLD}; wait 86400000; moves; fill provisional fee 5000; roll back as expired")
    assert (float_of(desk), desk.book("w1").realised_micros) == (lamports, realised)
    assert rent_reserved(desk) == 0


def test_a_buy_during_a_reclaim_reserves_the_rent_of_a_new_account() -> None:
    desk = CoreDesk(f"{SOLD}; wait 86400000; moves; sign")
    assert rent_reserved(desk) == DESK.costs.rent_lamports
    desk.play("fill s3.0.0; fail move:reclaim:0")  # The fill came first, so the account is no longer empty.
    assert rent_reserved(desk) == 0
    desk.play("fill; wait 86400000")
    assert told(desk.play("moves")) == "DayRolled"


def test_only_a_few_accounts_are_closed_at_once() -> None:
    buys = "; ".join(f"w{n}; deposit w{n} 1 eth; deposit w{n} 1 btc" for n in range(5))
    desk = CoreDesk(f"desk low 0; {buys}; sell eth all; sell btc all; fill; wait 86400000")
    assert [type(one) for one in desk.play("moves")] == [DayRolled, *[MovePlaced] * 8]
    desk.play("expire move:reclaim:3; expire move:reclaim:5")
    placed = [one.move.id for one in desk.play("moves") if isinstance(one, MovePlaced)]
    assert placed == ["move:reclaim:8", "move:reclaim:9"]


def test_an_account_that_a_fork_took_away_is_not_closed() -> None:
    desk = CoreDesk("desk low 0; w1; buy eth $1000; fill provisional rent 2039280; sell eth all; fill provisional")
    desk.play("roll back s2.0.0 as expired; roll back s1.0.0 as expired; wait 86400000")
    assert told(desk.play("moves")) == "DayRolled"
    assert not desk.book("w1").empty_since_ns
    assert Mint("eth") not in desk.book("w1").token_accounts
    assert SOL in desk.book("w1").token_accounts

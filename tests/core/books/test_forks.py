"""A fork may undo any provisional outcome, in any order: no units are lost, and debts are shown.

See specification §14.6.
"""

from __future__ import annotations

from itertools import permutations, product

import pytest
from msgspec.structs import replace
from tests.support.core_desk import CoreDesk, books_told, rows, told

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State, decode_state, encode_state, state_hash
from overmind.core.control.balances import QUARANTINE
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.model.commands import CommandRefused, RecordFinal, RecordOutcome
from overmind.core.model.events import OrderClosed
from overmind.core.model.ids import SOL, Mint, OrderId
from overmind.core.model.outcome import Cause, Expired, Failed, Rejected
from overmind.core.model.units import MICROS

BUY, SELL, SPEND = "w1; buy eth $1000 id a", "sell eth all id b", "buy btc $9900 id c"  # $1,000 buy half an eth.
TRY, UNDO, HELD = "fill provisional", "roll back as expired", ", held: quarantine"
MORE = "sell eth all id c"

TABLE = f"""
given, then something is rolled back or final | what the wallet owns and owes
# Final: as it was booked. Nothing is provisional any more.
{BUY}; {TRY} | $8900 0.5 eth
{BUY}; {TRY}; final | $8900 0.5 eth
{BUY}; fill; {SELL}; fill at 2200 provisional | $10000, realised $100
{BUY}; fill; {SELL}; fill at 2200 provisional; final | $10000, realised $100
{BUY}; fail fee 5000 provisional; final | $9900, realised $-0.0005
# A buy: its funds come back, and so do fee and rent.
{BUY}; {TRY}; {UNDO} | $9900
{BUY}; {TRY} fee 5000 rent 2039280; {UNDO} | $9900
{BUY}; {TRY} fee 5000 rent 2039280; roll back as failed fee 7000 | $9900, realised $-0.0007
# The tokens were sold, in part or all: the rest is owed. A position is what there is, and never less than nothing.
{BUY}; {TRY}; sell eth 0.2 id b; fill; {UNDO} | $10300, owes 0.2 eth, realised $400{HELD}
{BUY}; {TRY}; {SELL}; fill; {UNDO} | $10900, owes 0.5 eth, realised $1000{HELD}
# They are held by an open sale: owed until it ends. If it is filled, they stay owed; if not, they are there.
{BUY}; {TRY}; sell eth 0.2 id b; {UNDO} | $9900, owes 0.2 eth{HELD}
{BUY}; {TRY}; sell eth 0.2 id b; {UNDO}; expire | $9900{HELD}
{BUY}; {TRY}; sell eth 0.2 id b; {UNDO}; reject | $9900{HELD}
{BUY}; {TRY}; sell eth 0.2 id b; {UNDO}; fail | $9900{HELD}
{BUY}; {TRY}; sell eth 0.2 id b; {UNDO}; fill | $10300, owes 0.2 eth, realised $400{HELD}
# All sold, and the sale is undone as well: in either order it is as it was.
{BUY}; {TRY}; {SELL}; fill at 2200 provisional; roll back a.0.0 as expired; roll back b.0.0 as expired | $9900{HELD}
{BUY}; {TRY}; {SELL}; fill at 2200 provisional; roll back b.0.0 as expired; roll back a.0.0 as expired | $9900
# A sale: the tokens come back at what they had cost, the proceeds go.
{BUY}; fill; {SELL}; fill at 2200 provisional; {UNDO} | $8900 0.5 eth
{BUY}; fill; {SELL}; fill at 2200 provisional fee 5000; roll back as failed fee 5000 | $8900 0.5 eth, realised $-0.0005
# Its proceeds were spent, or an open buy holds them.
{BUY}; fill; {SELL}; {TRY}; {SPEND}; fill; {UNDO} | $0 0.198 btc 0.5 eth, owes 1000 usd{HELD}
{BUY}; fill; {SELL}; {TRY}; {SPEND}; {UNDO} | $9900 0.5 eth, owes 1000 usd{HELD}
{BUY}; fill; {SELL}; {TRY}; {SPEND}; {UNDO}; expire | $8900 0.5 eth{HELD}
{BUY}; fill; {SELL}; {TRY}; {SPEND}; {UNDO}; fill | $0 0.198 btc 0.5 eth, owes 1000 usd{HELD}
# A failure: the fee is given back.
{BUY}; fail fee 5000 provisional; {UNDO} | $9900
{BUY}; fail fee 5000 provisional; roll back as failed fee 6000 | $9900, realised $-0.0006
# It landed again: with another rent, as a failure, or filled although it had failed.
{BUY}; {TRY} fee 5000 rent 2039280; roll back as filled fee 5000 | $8900 0.5 eth, realised $-0.0005
{BUY}; {TRY}; roll back as filled at 1990 | $8900 0.50251256 eth
{BUY}; {TRY}; roll back as failed fee 5000 | $9900, realised $-0.0005
{BUY}; fail provisional; roll back as filled | $8900 0.5 eth
{BUY}; fail provisional; buy btc $9500 id c; fill; roll back as filled | $0 0.19 btc 0.5 eth, owes 600 usd{HELD}
{BUY}; fail provisional; buy btc $9500 id c; roll back as filled | $9500 0.5 eth, owes 600 usd{HELD}
{BUY}; fail provisional; buy btc $9500 id c; roll back as filled; expire | $8900 0.5 eth{HELD}
{BUY}; fill; {SELL}; fail provisional; {MORE}; fill; roll back as filled | $10900, owes 0.5 eth, realised $1000{HELD}
{BUY}; fill; {SELL}; fail provisional; sell eth all id c; roll back as filled | $9900, owes 0.5 eth{HELD}
{BUY}; fill; {SELL}; fail provisional; sell eth all id c; roll back as filled; expire | $9900{HELD}
# What is owed is made good by what comes: a deposit, a buy that was under way, the proceeds of another sale.
{BUY}; {TRY}; {SELL}; fill; {UNDO}; deposit w1 0.4 eth | $10900, owes 0.1 eth, realised $200{HELD}
{BUY}; {TRY}; {SELL}; fill; {UNDO}; deposit w1 0.6 eth | $10900 0.1 eth{HELD}
{BUY}; {TRY}; buy eth $300 id c; {SELL}; fill b.0.0; {UNDO}; fill | $10600, owes 0.35 eth, realised $700{HELD}
{BUY}; fill; {SELL}; {TRY}; {SPEND}; fill; {UNDO}; sell btc $2000; fill | $1000 0.158 btc 0.5 eth{HELD}
{BUY}; fill; {SELL}; {TRY}; {SPEND}; fill; {UNDO}; deposit w1 1500 usd | $500 0.198 btc 0.5 eth{HELD}
# The float pays for its own debts and a SOL position for its own.
w1; buy sol $100 id a; {TRY}; sell sol all id b; fill; {UNDO} | $10000, owes 1 sol, realised $100{HELD}
w1; buy sol $100 id a; {TRY}; sell sol all id b; fill; {UNDO}; float w1 5 | $10000, owes 1 sol, realised $100{HELD}
w1; buy sol $100 id a; {TRY}; sell sol all id b; fill; {UNDO}; deposit w1 1 sol | $10000{HELD}
# The hold stays until an operator has looked, also when nothing is owed any more.
{BUY}; {TRY}; sell eth 0.2 id b; {UNDO}; expire; accept w1 | $9900
{BUY}; {TRY}; {SELL}; fill; {UNDO}; accept w1 eth 0 | $10900
"""


@pytest.mark.parametrize(("steps", "then"), rows(TABLE))
def test_the_books_after_a_fork(steps: str, then: str) -> None:
    desk = CoreDesk()
    for step in steps.split(";"):
        desk.play(step)
        check_sound(desk)
    assert books_told(desk) == then
    assert not any(order_id in desk.state.open_orders for order_id in desk.state.provisional)


def check_sound(desk: CoreDesk) -> None:
    """After any rollback: held units exist, debts are known, and equity equals deposits plus PnL."""
    state = desk.state
    assert not any(state.ledger.totals().values()), state.ledger.totals()
    for book in state.wallets.values():
        balance, accounts = state.ledger.balance, book.accounts
        for mint in {*book.positions, *map(Mint, ("eth", "btc", SOL))}:
            there = sum(balance(account, mint) for account in (accounts.free, accounts.held, accounts.suspense))
            held = book.positions.get(mint)
            assert (held.units if held is not None else 0) == max(0, there), (book.wallet.id, mint)
        owing = {*state.ledger.accounts.get(accounts.suspense, {}).items()}
        owing |= {*state.ledger.accounts.get(accounts.float_suspense, {}).items()}
        assert all(units <= 0 for _, units in owing), owing
        assert book.in_suspense == {mint for mint, units in owing if units}
        assert book.executions == book.filled + book.failed + book.expired + book.rejected
    earned = sum(book.realised_micros + book.unrealised_micros for book in state.wallets.values())
    assert state.equity_micros == state.deposited_micros + earned  # SOL has not moved.


STEPS = {
    "two buys, one sold in part": "w1; buy eth $1000 id a; fill provisional; buy eth $600 id b;"
    "fill at 2010 provisional; sell eth 0.6 id c; fill at 2200 provisional; buy btc $9000 id d;"
    "fill provisional fee 5000 rent 2039280",
    "a sale holds what another brought": "w1; buy eth $9900 id a; fill provisional; sell eth all id b;"
    "fill at 2050 provisional; buy btc $10000 id c; fill provisional fee 5000; sell btc all id d;"
    "fail fee 7 provisional",
    "of the float's own mint": "w1; buy sol $500 id a; fill provisional fee 9000; sell sol 2 id b;"
    "fill at 101 provisional; sell sol all id c; fill provisional; buy sol $9000 id d; fill provisional fee 90000",
}
UNDONE = ("expired", "failed fee 5000", "filled fee 5000")


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())
def test_undoing_everything_in_any_order_restores_everything(steps: str) -> None:
    for order in permutations("abcd"):
        desk = CoreDesk(steps)
        start = CoreDesk("w1")
        for name in order:
            desk.play(f"roll back {name}.0.0 as expired")
            check_sound(desk)
        assert books_told(desk).replace(", held: quarantine", "") == books_told(start), order
        book = desk.book("w1")
        assert (book.realised_micros, book.realised_today_micros, book.day_pnl_micros) == (0, 0, 0)
        assert desk.state.equity_micros == start.state.equity_micros
        assert desk.state.exposure_micros == 0
        assert desk.state.assets == {}
        assert book.deployed == {}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())
def test_the_books_are_sound_after_any_replaced_outcomes(steps: str) -> None:
    for turn, (order, *ends) in enumerate(product(permutations("abcd"), *[UNDONE] * 4)):
        if turn % 7:
            continue  # Only every seventh of about two thousand cases: all of them take half a minute.
        desk = CoreDesk(steps)
        for name, end in zip(order, ends, strict=True):
            desk.play(f"roll back {name}.0.0 as {end}")
            check_sound(desk)
        assert encode_state(decode_state(encode_state(desk.state))) == encode_state(desk.state)


def test_after_a_fork_the_remaining_lots_have_the_right_strategy() -> None:
    """The newest lots leave first; they may belong to another strategy."""
    shares = "share momentum:100:1200,arbitrage:100:1200"
    desk = CoreDesk(f"w1 {shares}; buy eth $1000 id a; fill provisional; buy eth $1000 by arbitrage id b; fill")
    assert told(desk.play("buy eth $1100 by arbitrage")).startswith("STRATEGY_POSITION_SIZE")
    desk.play("roll back as expired")
    plain = CoreDesk()
    plain.state = decode_state(encode_state(desk.state))
    plain.index = SelectionIndex(plain.state)
    for strategy in ("momentum", "arbitrage"):
        asked = f"buy eth $1100 by {strategy} id by-{strategy}"
        assert told(desk.play(asked)) == told(plain.play(asked)), strategy


def test_the_quarantine_names_its_order_and_stops_entries_of_that_wallet_alone() -> None:
    desk = CoreDesk("w1; w2; buy eth $1000 id a; fill provisional; sell eth all; fill; roll back a.0.0 as expired")
    assert "order a.0.0" in desk.book("w1").holds[QUARANTINE].reason
    assert "eth" in desk.book("w1").holds[QUARANTINE].reason
    assert told(desk.play("buy eth $300")) == "w2 $300"


def test_a_rollback_is_counted_and_its_fill_is_not() -> None:
    book = undone("fill provisional", "expired")
    assert (book.executions, book.filled, book.expired, book.rolled_back) == (1, 0, 1, 1)
    book = undone("fail provisional", "filled")
    assert (book.executions, book.filled, book.failed, book.rolled_back) == (1, 1, 0, 1)
    book = undone("fill provisional", "filled rent 2039280")
    assert (book.executions, book.filled, book.rolled_back) == (1, 1, 1)


def undone(first: str, then: str) -> WalletBook:
    return CoreDesk(f"w1; buy eth $1000 id a; {first}; roll back as {then}").book("w1")


def test_a_rollback_starts_no_failover() -> None:
    """By then the signal counted as executed, and its time to live is over."""
    desk = CoreDesk("w1; w2; buy eth $300 id a; fill provisional")
    assert told(desk.play("roll back as expired")) == "OrderRolledBack"


def test_what_expired_or_was_rejected_is_final_at_once() -> None:
    for end in ("expire provisional", "reject provisional"):
        desk = CoreDesk(f"w1; buy eth $300 id a; {end}")
        assert not desk.state.provisional
        (closed,) = [entry.event for entry in desk.entries if isinstance(entry.event, OrderClosed)]
        assert not closed.provisional


def test_the_same_effect_in_another_slot_is_final() -> None:
    desk = CoreDesk("w1; buy eth $300 id a; fill provisional")
    booked = desk.state.provisional[OrderId("a.0.0")].outcome
    assert told(desk.do(RecordFinal(OrderId("a.0.0"), replace(booked, slot=7)))) == "OrderFinal"


def test_a_failure_with_other_words_and_the_same_fee_is_final() -> None:
    desk = CoreDesk("w1; buy eth $300 id a; fail fee 5000 provisional")
    assert (
        told(desk.do(RecordFinal(OrderId("a.0.0"), Failed(5000, Cause.LIMIT_PRICE, "other words", 7)))) == "OrderFinal"
    )


def test_an_outcome_becomes_final_once() -> None:
    for end in ("final", "roll back as expired"):
        desk = CoreDesk(f"w1; buy eth $300 id a; fill provisional; {end}")
        assert desk.do(RecordFinal(OrderId("a.0.0"), Expired())) == ()
        assert desk.do(RecordOutcome(OrderId("a.0.0"), Expired(), provisional=True)) == ()


def test_what_was_sent_cannot_have_been_rejected() -> None:
    desk = CoreDesk("w1; buy eth $300 id a; fill provisional")
    with pytest.raises(CommandRefused, match=r"order a\.0\.0 was sent"):
        desk.do(RecordFinal(OrderId("a.0.0"), Rejected(Cause.STOPPED)))
    assert desk.state.provisional


def test_a_final_of_an_unknown_order_yields_no_event() -> None:
    assert CoreDesk("w1").do(RecordFinal(OrderId("x.0.0"), Expired())) == ()


def test_a_token_that_is_listed_no_more_is_undone_all_the_same() -> None:
    desk = CoreDesk("w1; buy eth $1000 id a; fill provisional; sell eth 0.2 id b; fill provisional; desk without eth")
    desk.play("roll back a.0.0 as expired; roll back b.0.0 as expired")
    check_sound(desk)
    assert books_told(desk) == "$9900, held: quarantine"


def test_a_rollback_removes_the_new_token_account() -> None:
    desk = CoreDesk("w1; buy eth $300 id a; fill provisional rent 2039280")
    assert Mint("eth") in desk.book("w1").token_accounts
    desk.play("roll back as expired")
    assert Mint("eth") not in desk.book("w1").token_accounts


def test_provisional_outcomes_survive_a_snapshot() -> None:
    desk = CoreDesk("w1; buy eth $1000 id a; fill provisional; sell eth 0.2 id b; fill provisional")
    restored = CoreDesk()
    restored.state = decode_state(encode_state(desk.state))
    restored.index = SelectionIndex(restored.state)
    for one in (desk, restored):
        one.play("roll back a.0.0 as expired; roll back b.0.0 as failed fee 9")
    assert state_hash(desk.state) == state_hash(restored.state)


def test_yesterdays_rollback_is_a_loss_of_today() -> None:
    desk = CoreDesk(
        "w1; buy eth $1000 id a; fill; sell eth all id b; fill at 2200 provisional; wait 86400000; mark eth 2000"
    )
    assert desk.book("w1").realised_today_micros == 0
    desk.play("roll back as expired")
    assert desk.book("w1").realised_today_micros == -100 * MICROS
    assert desk.book("w1").realised_micros == 0


def owes_without_quarantine(state: State) -> list[str]:
    return [name for name, book in state.wallets.items() if book.in_suspense and QUARANTINE not in book.holds]


def test_a_debt_by_an_outcome_is_quarantined_too() -> None:
    """A fork moved the rent of the USDC account from the first sale to the second, which had reserved none."""
    desk = CoreDesk(
        "w1 usd 0 sol 0.00223928; deposit w1 2 eth; sell eth 1 id a; fill provisional fee 100000 rent 2039280"
    )
    desk.play("sell eth 1 id b; fill fee 100000 rent 2039280")
    check_sound(desk)
    assert desk.book("w1").in_suspense == {SOL}
    assert owes_without_quarantine(desk.state) == []

"""The chain's balances against the books: a surplus is a deposit, a deficit stops the desk, an operator explains it.

See specification §10.10.
"""

from __future__ import annotations

import pytest
from tests.core.books.test_forks import check_sound
from tests.support.core_desk import CoreDesk, books_told, rows

from overmind.core.model.commands import AcceptBalances, CommandRefused, RecordBalances
from overmind.core.model.events import BalanceAdjusted, BalancesChecked, Deposited, Event, HoldAdded, HoldLifted
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.units import MICROS

W1 = WalletId("w1")
OWING = "fill provisional; sell eth all id b; fill; roll back as expired"  # half an eth
BUY = "w1; buy eth $1000 id a"  # It may spend $1,000 and 2,139,280 lamports for fee and rent.

TABLE = f"""
given | the chain says | then
# What is as the books say, and what we keep no books of, says nothing.
w1                             | chain w1                            | nothing
w1; w2                         | chain w2                            | nothing
{BUY}; fill                    | chain w1                            | nothing
{BUY}; fill provisional        | chain w1                            | nothing
# A credit is a deposit: of the quote currency, of a listed token at the mark, of SOL to the float.
w1                             | chain w1 usd +5                     | +5000000 usdc
w1                             | chain w1 eth 0.5                    | +50000000 eth
{BUY}; fill                    | chain w1 eth +0.5                   | +50000000 eth
w1                             | chain w1 sol +1                     | +1000000000 float
w1; deposit w1 1 sol           | chain w1 sol +1                     | +1000000000 float
w1 | chain w1 usd +5 eth 1 sol +1 | +1000000000 float + +100000000 eth + +5000000 usdc
w1; chain w1 usd +5            | chain w1 usd +5                     | +5000000 usdc
# Without a price its cost would be unknown: it waits.
w1                             | chain w1 new 1                      | nothing
w1; mark new 3                 | chain w1 new 1                      | +100000 new
# What is listed no more is dust, unless it was paid for in dollars or SOL.
w1; desk without eth           | chain w1 eth 1                      | nothing
{BUY}; fill; desk without eth  | chain w1 eth +1                     | nothing
# A deficit holds the whole portfolio, once per wallet, whatever else came in.
w1                             | chain w1 usd -0.000001              | deficit:w1
w1; w2                         | chain w2 sol -1                     | deficit:w2
{BUY}; fill                    | chain w1 eth -0.1                   | deficit:w1
{BUY}; fill; desk without eth  | chain w1 eth -0.1                   | deficit:w1
w1                             | chain w1 usd -1 sol -1              | deficit:w1
w1                             | chain w1 usd +5 sol -1              | deficit:w1 + +5000000 usdc
w1; chain w1 usd -1            | chain w1 usd -1                     | nothing
w1; w2; chain w1 usd -1        | chain w2 usd -1                     | deficit:w2
# An order with a ticket may have spent its amount and its costs, and not a unit more; without a ticket nothing.
{BUY}                          | chain w1 usd -1000                  | deficit:w1
{BUY}; sign                    | chain w1 usd -1000 sol -0.00213928  | nothing
{BUY}; sign                    | chain w1 usd -1000.000001           | deficit:w1
{BUY}; sign                    | chain w1 sol -0.002139281           | deficit:w1
{BUY}; sign; buy btc $500; sign | chain w1 usd -1500                 | nothing
{BUY}; sign; w2                | chain w2 usd -1000                  | deficit:w2
# What it may bring is not booked as a deposit, nor is anything in the mints that it touches. Others are.
{BUY}; sign                    | chain w1 usd -1000 eth 0.5          | nothing
{BUY}; sign                    | chain w1 usd +5 sol +1              | nothing
{BUY}; sign                    | chain w1 btc 1                      | +100000000 btc
{BUY}                          | chain w1 usd +5                     | +5000000 usdc
# A provisional fill may be undone: what it brought may be gone, what it spent may be back.
{BUY}; fill provisional        | chain w1 usd +1000 eth -0.5         | nothing
{BUY}; fill provisional; deposit w1 1 eth | chain w1 eth -0.50000001 | deficit:w1
{BUY}; fill provisional        | chain w1 usd -0.000001              | deficit:w1
{BUY}; fill provisional        | chain w1 sol -0.00213928            | nothing
{BUY}; fill provisional; final | chain w1 eth -0.5                   | deficit:w1
{BUY}; fill provisional; final | chain w1 usd +1000                  | +1000000000 usdc
{BUY}; fill; sell eth all; fill provisional | chain w1 usd -1000 eth 0.5 | nothing
# What failed provisionally may yet be filled.
{BUY}; fail fee 5000 provisional | chain w1 usd -1000 eth 0.5        | nothing
{BUY}; fail fee 5000 provisional | chain w1 usd -1000.000001         | deficit:w1
# What a fork left owing: the chain never owes, so the difference came from elsewhere, and it pays.
{BUY}; {OWING} | chain w1 eth 0 | +50000000 eth
# A reading that is older than the newest booking says nothing.
{BUY}; fill                    | chain w1 behind 1 usd -1000         | nothing
w1; deposit w1 5 usd           | chain w1 behind 1 usd -5            | nothing
w1; buy eth $1000              | chain w1 behind 1 usd -1            | deficit:w1
w1; w2                         | chain w1 behind 3 usd -1            | deficit:w1
# Nor does one from before it was final: it may be of the branch that died.
{BUY}; fill provisional; final | chain w1 behind 1 usd +1000         | nothing
{BUY}; fill provisional; final | chain w1 behind 1 eth -0.5          | nothing
"""


@pytest.mark.parametrize(("given", "read", "then"), rows(TABLE))
def test_balances_become_deposits_and_holds(given: str, read: str, then: str) -> None:
    desk = CoreDesk(given)
    assert found(desk.play(read)) == then
    check_sound(desk)


def found(events: tuple[Event, ...]) -> str:
    """`+units mint` of a deposit (`float` if it goes there), causes of holds, `units mint` of accepted differences."""
    lines: list[str] = []
    for event in events:
        match event:
            case Deposited(money=money, to_float=to_float):
                lines.append(f"+{money.units} {'float' if to_float else money.mint}")
            case HoldAdded(hold=hold):
                lines.append(hold.cause)
            case HoldLifted(cause=cause):
                lines.append(f"no {cause}")
            case BalanceAdjusted(units=units, mint=mint):
                lines.append(f"{units} {'sol' if mint == SOL else mint}")
            case BalancesChecked(signature=signature):
                lines.append(f"up to {signature}")
            case _:
                lines.append(type(event).__name__)
    return " + ".join(lines) or "nothing"


ACCEPT_TABLE = f"""
given | the operator accepts | then | the wallet
w1                           | accept w1                | nothing                                  | $9900
w1                           | accept w1 usd -1         | -1000000 usdc                            | $9899
w1                           | accept w1 usd +1         | 1000000 usdc                             | $9901
w1; chain w1 usd -1          | accept w1 usd -1         | -1000000 usdc + no deficit:w1            | $9899
w1; chain w1 usd -1          | accept w1                | no deficit:w1                            | $9900
w1; hold portfolio unknown_signature:w1 | accept w1 signed x | up to x + no unknown_signature:w1    | $9900
w1; hold w1 quarantine       | accept w1                | no quarantine                            | $9900
w1; hold w1 operator; hold portfolio disk_full | accept w1 | nothing | $9900, held: operator
w1; w2; chain w2 usd -1      | accept w1                | nothing                                  | $9900
w1                           | accept w1 sol -0.4       | -400000000 sol                           | $9900
w1; deposit w1 1 sol         | accept w1 sol -1.5       | -1500000000 sol                          | $9900 0.5 sol
w1; deposit w1 1 sol         | accept w1 sol +1.5       | 1500000000 sol                           | $9900 1 sol
{BUY}; fill                  | accept w1 eth 0.2        | -30000000 eth                            | $8900 0.2 eth
{BUY}; fill                  | accept w1 eth 0          | -50000000 eth                            | $8900
{BUY}; fill                  | accept w1 eth 0.7        | 20000000 eth                             | $8900 0.7 eth
{BUY}; fill; desk without eth | accept w1 eth 0.7       | 20000000 eth                             | $8900 0.7 eth
{BUY}; fill; desk without eth | accept w1 eth 0         | -50000000 eth                            | $8900
w1                           | accept w1 new 1          | 100000 new                               | $9900 1 new
# What an unsigned order holds is not touched: what is missing is owed until the order ends.
{BUY}                        | accept w1 usd 500        | -9400000000 usdc                         | $1000, owes 500 usd
{BUY}; accept w1 usd 500     | reject                   | OrderClosed                              | $500
{BUY}; fill; sell eth all | accept w1 eth 0.2 | -30000000 eth | $8900 0.2 eth, owes 0.3 eth
# What is owed is explained like anything else.
{BUY}; {OWING} | accept w1 eth 0 | 50000000 eth + no quarantine | $10900
# Only what is settled can be explained.
{BUY}; sign                  | accept w1                | w1 has orders or transfers in flight               |
{BUY}; fill provisional      | accept w1                | w1 has orders or transfers in flight               |
{BUY}; fill                  | accept w1 behind 1       | read them again                          |
w1                           | accept w2                | no wallet 'w2'; known: w1                |
"""


@pytest.mark.parametrize(("given", "accept", "then", "wallet"), rows(ACCEPT_TABLE))
def test_an_operator_explains_a_difference(given: str, accept: str, then: str, wallet: str) -> None:
    desk = CoreDesk(given)
    if not wallet:
        with pytest.raises(CommandRefused, match=then):
            desk.play(accept) if "w2" not in accept else desk.do(AcceptBalances(WalletId("w2"), 1, 99, {}, "why"))
        return
    pnl = desk.book("w1").day_pnl_micros
    assert found(desk.play(accept)) == then
    assert books_told(desk).split(", realised")[0] == wallet
    check_sound(desk)
    if "roll back" not in given:
        assert desk.book("w1").day_pnl_micros == pnl, "capital that comes or goes is no gain and no loss"


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_an_operator_must_give_a_reason(reason: str) -> None:
    with pytest.raises(CommandRefused, match="a blank reason"):
        CoreDesk("w1").do(AcceptBalances(W1, 1, 99, {}, reason))


def test_the_reason_is_journaled_with_all_that_it_explains() -> None:
    desk = CoreDesk("w1; chain w1 usd -1; accept w1 usd -1 because moved-by-hand")
    adjusted, lifted = [entry.event for entry in desk.entries][-2:]
    assert isinstance(adjusted, BalanceAdjusted)
    assert isinstance(lifted, HoldLifted)
    assert adjusted.reason == lifted.reason == "moved-by-hand"


def test_capital_that_leaves_takes_its_unrealised_pnl_along_as_realised() -> None:
    """Otherwise a wallet could hide its loss of the day by moving the tokens away."""
    desk = CoreDesk("w1 loss 50; buy eth $1000; fill; mark eth 1900; accept w1 eth 0")
    assert desk.book("w1").day_pnl_micros == -50 * MICROS
    assert desk.state.deposited_micros == (10_000 - 950) * MICROS


def test_a_deposit_is_capital_and_counts_in_equity() -> None:
    desk = CoreDesk("w1; chain w1 usd +5 eth 0.5 sol +1")
    assert desk.state.deposited_micros == desk.state.equity_micros == (10_000 + 5 + 1_000 + 100) * MICROS
    assert desk.book("w1").positions[Mint("eth")].cost_micros == 1_000 * MICROS


def test_a_mint_that_is_absent_is_zero_and_an_unlisted_one_is_ignored() -> None:
    desk = CoreDesk("w1")
    assert found(desk.do(RecordBalances(W1, 1, desk.state.seq, {SOL: 10**9, Mint("airdrop"): 10**30}))) == "deficit:w1"
    assert Mint("airdrop") not in desk.state.ledger.totals()


def test_the_same_credit_is_booked_once() -> None:
    desk = CoreDesk("w1")
    read = RecordBalances(W1, 7, desk.state.seq, {SOL: 10**9, Mint("usdc"): 9_905 * MICROS})
    assert found(desk.do(read)) == "+5000000 usdc"
    assert desk.do(read) == ()


def test_balances_of_an_unknown_wallet_yield_no_event() -> None:
    assert CoreDesk("w1").do(RecordBalances(WalletId("w9"), 1, 99, {})) == ()


SIGNATURES = """
given | the chain says | then
w1                        | chain w1 signed x              | up to x
w1; chain w1 signed x     | chain w1 signed x              | nothing
w1; chain w1 signed x     | chain w1 signed y              | up to y
w1; chain w1 signed x     | chain w1                       | nothing
w1                        | chain w1 usd +5 signed x       | up to x + +5000000 usdc
# Signatures and balances are two questions: that one was known says nothing of what is missing, and is true for ever.
w1                        | chain w1 usd -5 signed x       | up to x + deficit:w1
w1; chain w1 usd -5       | chain w1 usd -5 signed x       | up to x
w1; deposit w1 5 usd      | chain w1 behind 1 usd -5 signed x | up to x
w1; buy eth $9; sign      | chain w1 usd -9 signed x       | up to x
"""


@pytest.mark.parametrize(("given", "read", "then"), rows(SIGNATURES))
def test_the_cursor_of_checked_signatures(given: str, read: str, then: str) -> None:
    desk = CoreDesk(given)
    assert found(desk.play(read)) == then


def test_the_cursor_knows_the_entry_that_moved_it() -> None:
    desk = CoreDesk("w1; chain w1 signed x; buy eth $9")
    book = desk.book("w1")
    (checked,) = [entry for entry in desk.entries if isinstance(entry.event, BalancesChecked)]
    assert (book.checked, book.checked_seq) == ("x", checked.seq)
    assert checked.seq < desk.state.seq


def test_the_cursor_knows_the_slot_of_its_signature() -> None:
    """Not the slot of the balances, which are read later: a transaction between the two must still be checked."""
    desk = CoreDesk("w1")
    desk.do(RecordBalances(W1, 9, 0, {}, "x", 7))
    assert (desk.book("w1").checked, desk.book("w1").checked_slot) == ("x", 7)
    desk.do(AcceptBalances(W1, 19, desk.state.seq, {}, "known", "y", 17))
    assert (desk.book("w1").checked, desk.book("w1").checked_slot) == ("y", 17)


def test_a_deficit_names_wallet_mint_and_units() -> None:
    desk = CoreDesk("w1; chain w1 usd -5")
    assert desk.state.holds["deficit:w1"].reason.startswith(
        "wallet w1 has 9895000000 base units of usdc on the chain and 9900000000 in the books, 5000000 are missing"
    )

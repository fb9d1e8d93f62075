"""Withdrawals: allowed addresses, amounts, delays, and what rejects them. Each rule at its edge.

See specification §10.9.
"""

import pytest
from tests.support.core_desk import CoreDesk, books_told, rows, told

from overmind.core.capital.withdrawals import SIGNED_WITHIN_NS
from overmind.core.control.sending import Send, Wait, held_by, may_send
from overmind.core.model.commands import CommandRefused
from overmind.core.model.enums import MoveKind
from overmind.core.model.events import MoveClosed, MovePlaced
from overmind.core.model.outcome import Rejected
from overmind.core.model.units import MICROS, NS

MAY = "desk payees bank,vault cap 1000 delay 0"
TABLE = f"""
given | when | then
{MAY}; w1 | withdraw w1 $100 | w1 -> bank $100 withdraw
{MAY}; w1 | withdraw w1 $100 to vault | w1 -> vault $100 withdraw
{MAY}; w1 | withdraw w1 1 sol | lamports must stay in w1 for the fee
{MAY}; w1 | withdraw w1 0.8999 sol | w1 -> bank 0.8999 sol withdraw
{MAY}; w1 | withdraw w1 0.899900001 sol | lamports must stay in w1 for the fee
# Only to an address that is listed; by default none is, and nothing is allowed.
{MAY}; w1 | withdraw w1 $100 to thief | thief is not in OVERMIND_WITHDRAW_ADDRESSES
# Not to a wallet of the desk's own: it would come back as somebody's deposit.
{MAY}; w1; w2 key bank | withdraw w1 $100 | bank is the desk's own wallet w2: rebalance instead
desk cap 1000; w1 | withdraw w1 $100 | bank is not in OVERMIND_WITHDRAW_ADDRESSES
desk payees bank; w1 | withdraw w1 $0.01 | today's withdrawals would be $0.01, OVERMIND_WITHDRAW_DAY_MAX_USD allows $0
# Only quote currency and SOL, of a wallet that there is, more than nothing, for a reason.
{MAY}; w1; deposit w1 1 eth | withdraw w1 1 eth | only USDC and SOL leave the desk: sell eth first
{MAY}; w1 | withdraw w2 $100 | no wallet 'w2'; known: w1
{MAY}; w1 | withdraw w1 $0 | 0 base units; a withdrawal is positive
{MAY}; w1 | withdraw w1 $-1 | -1000000 base units; a withdrawal is positive
{MAY}; w1 | withdraw w1 $1 id a:b | the request id must not be blank or contain ':'
{MAY}; w1 | withdraw w1 $1 because _ | a blank reason
# What is free, and what it costs beside the float: a stranger may lack an account.
{MAY}; w1 usd 300 | withdraw w1 $300 | w1 -> bank $300 withdraw
{MAY}; w1 usd 300 | withdraw w1 $300.000001 | w1 has 300000000 base units of usdc free, not 300000001
{MAY}; w1 usd 300; buy eth $1 | withdraw w1 $299.5 | w1 has 299000000 base units of usdc free
{MAY}; w1; withdraw w1 $600 id y; deposit w1 1 eth | withdraw w1 $400 | w1 -> bank $400 withdraw
{MAY}; w1 sol 0.10213928 | withdraw w1 $300 | w1 -> bank $300 withdraw
{MAY}; w1 sol 0.102139279 | withdraw w1 $300 | 102139280 lamports must stay in w1 for the fee
# The cap of the day, of all wallets together, at the mark of the moment.
{MAY}; w1 | withdraw w1 $1000 | w1 -> bank $1000 withdraw
{MAY}; w1 | withdraw w1 $1000.01 | today's withdrawals would be $1,000.01
{MAY}; w1; w2; withdraw w1 $600 id y | withdraw w2 $400 | w2 -> bank $400 withdraw
{MAY}; w1; w2; withdraw w1 $600 id y | withdraw w2 $400.01 | today's withdrawals would be $1,000.01
{MAY}; w1; w2; withdraw w1 $600 id y; fill | withdraw w2 $400.01 | today's withdrawals would be $1,000.01
{MAY}; w1 sol 20 | withdraw w1 10 sol | w1 -> bank 10 sol withdraw
{MAY}; w1 sol 20 | withdraw w1 10.000000001 sol | today's withdrawals would be $1,000.00
{MAY}; w1 sol 20; wait 30000 | withdraw w1 1 sol | w1 -> bank 1 sol withdraw
{MAY}; w1 sol 20; wait 30001 | withdraw w1 1 sol | SOL has no fresh price
{MAY}; w1 sol 20; wait 30001 | withdraw w1 $100 | w1 -> bank $100 withdraw
# What came to nothing the same day is given back; what a fork may still make of it counts until it is final.
{MAY}; w1; withdraw w1 $600 id y; cancel move:withdraw:y | withdraw w1 $1000 | w1 -> bank $1000 withdraw
{MAY}; w1; withdraw w1 $600 id y; expire | withdraw w1 $1000 | w1 -> bank $1000 withdraw
{MAY}; w1; withdraw w1 $600 id y; fail | withdraw w1 $1000 | w1 -> bank $1000 withdraw
{MAY}; w1; withdraw w1 $600 id y; fail provisional | withdraw w1 $1000 | today's withdrawals would be $1,600.00
{MAY}; w1; withdraw w1 $600 id y; fail provisional; final | withdraw w1 $1000 | w1 -> bank $1000 withdraw
{MAY}; w1; withdraw w1 $600 id y; fill provisional; roll back as expired | withdraw w1 $1000 \
| w1 -> bank $1000 withdraw
{MAY}; w1; withdraw w1 $600 id y; fail provisional; roll back as filled | withdraw w1 $1000 \
| today's withdrawals would be $1,600.00
# Midnight begins a new day, and what was asked for yesterday takes and gives nothing of it.
{MAY}; w1; withdraw w1 $1000 id y; wait 43199999 | withdraw w1 $1 | today's withdrawals would be $1,001.00
{MAY}; w1; withdraw w1 $1000 id y; wait 43200000 | withdraw w1 $1000 | w1 -> bank $1000 withdraw
{MAY}; w1; withdraw w1 $1000 id y; wait 43200000; expire; withdraw w1 $600 id z | withdraw w1 $400.01 \
| today's withdrawals would be $1,000.01
{MAY}; w1; withdraw w1 $1000 id y; wait 43200000; cancel move:withdraw:y; withdraw w1 $600 id z | withdraw w1 $400 \
| w1 -> bank $400 withdraw
# A stop ends it, and so does any hold on the portfolio or on the wallet.
{MAY}; w1; stop | withdraw w1 $100 | wallet w1 is Emergency: emergency
{MAY}; w1; hold portfolio a | withdraw w1 $100 | the portfolio is held by a
{MAY}; w1; hold w1 operator | withdraw w1 $100 | wallet w1 is Suspended: operator
{MAY}; w1; w2; hold w2 operator | withdraw w1 $100 | w1 -> bank $100 withdraw
# The same request twice is one, as long as it was paid or still may be; another with its id is a mistake.
{MAY}; w1; withdraw w1 $100 | withdraw w1 $100 | = nothing
{MAY}; w1; withdraw w1 $100; sign | withdraw w1 $100 | = nothing
{MAY}; w1; withdraw w1 $100; fill | withdraw w1 $100 | = nothing
{MAY}; w1; withdraw w1 $100; fill provisional | withdraw w1 $100 | = nothing
{MAY}; w1; withdraw w1 $100; fill provisional; final | withdraw w1 $100 | = nothing
{MAY}; w1; withdraw w1 $100; fail provisional | withdraw w1 $100 | = nothing
{MAY}; w1; withdraw w1 $100; fail provisional; roll back as filled | withdraw w1 $100 | = nothing
{MAY}; w1; withdraw w1 $100; stop | withdraw w1 $100 | ended without payment (rejected, STOPPED w1 is held by emergency
{MAY}; w1; hold w1 a; lift w1 a; withdraw w1 $100; hold w1 a | withdraw w1 $100 | = nothing
# What ended without being paid is no success of whoever asks again.
{MAY}; w1; withdraw w1 $100; cancel move:withdraw:x | withdraw w1 $100 \
| = request x ended without payment (rejected, CANCELLED because): ask again with another --id
{MAY}; w1; withdraw w1 $100; reject for STOPPED | withdraw w1 $100 | ended without payment (rejected, STOPPED)
{MAY}; w1; withdraw w1 $100; expire | withdraw w1 $100 | ended without payment (expired: it never landed)
{MAY}; w1; withdraw w1 $100; fail | withdraw w1 $100 | ended without payment (failed on the chain,
{MAY}; w1; withdraw w1 $100; fail provisional; final | withdraw w1 $100 | ended without payment (failed on the chain,
{MAY}; w1; withdraw w1 $100; fill provisional; roll back as expired | withdraw w1 $100 | ended without payment (expired
{MAY}; w1; withdraw w1 $100; cancel move:withdraw:x; wait 86400000 | withdraw w1 $100 | ask again with another --id
{MAY}; w1; withdraw w1 $100; cancel move:withdraw:x | withdraw w1 $100 id y | w1 -> bank $100 withdraw
{MAY}; w1; withdraw w1 $100; cancel move:withdraw:x | withdraw w1 $101 | request x was for
{MAY}; w1; withdraw w1 $100 | withdraw w1 $101 | request x was for
{MAY}; w1; withdraw w1 $100 | withdraw w1 $100 to vault | request x was for
{MAY}; w1; w2; withdraw w1 $100 | withdraw w2 $100 | request x was for
"""


# Requested withdrawals that are not paid yet, when the desk is configured again.
ENDS = f"""
given | what ends it, or what it waits for
{MAY}; w1; withdraw w1 $100 | nothing
{MAY}; w1; withdraw w1 $100; desk payees vault,bank cap 0.000001 | nothing
{MAY}; w1; withdraw w1 $100; desk payees vault | NOT_ALLOWED bank is not in OVERMIND_WITHDRAW_ADDRESSES now: list it
{MAY}; w1; withdraw w1 $100; desk cap 0 | NOT_ALLOWED OVERMIND_WITHDRAW_DAY_MAX_USD is 0 now: set it
{MAY}; w1; withdraw w1 $100 to vault; desk payees vault | nothing
{MAY}; w1; withdraw w1 $100; desk payees vault; desk payees bank | NOT_ALLOWED bank is not in
{MAY}; w1; withdraw w1 $100; stop; reactivate w1 | STOPPED w1 is held by emergency: ask again
{MAY}; w1; withdraw w1 $100; sign; stop | nothing
# A stop ends it, and whatever says that somebody may be stealing, of any wallet.
{MAY}; w1; withdraw w1 $100; stop | STOPPED w1 is held by emergency: ask again
{MAY}; w1; withdraw w1 $100; hold portfolio emergency | STOPPED portfolio is held by emergency
{MAY}; w1; withdraw w1 $100; hold portfolio deficit:w1 | STOPPED portfolio is held by deficit:w1
{MAY}; w1; withdraw w1 $100; hold portfolio deficit:w2 | STOPPED portfolio is held by deficit:w2
{MAY}; w1; withdraw w1 $100; hold portfolio unknown_signature:w2 | STOPPED portfolio is held by unknown_signature:w2
{MAY}; w1; withdraw w1 $100; hold w1 quarantine | STOPPED w1 is held by quarantine
{MAY}; w1; withdraw w1 $100; hold w1 a; hold w1 quarantine | STOPPED w1 is held by quarantine
{MAY}; w1; withdraw w1 $100; remove w1 | NO_KEY w1 is not configured any more: nobody can sign for it
{MAY}; w1; w2; withdraw w1 $100; hold w2 emergency; hold w2 quarantine; remove w2 | nothing
# Any other hold only makes it wait.
{MAY}; w1; withdraw w1 $100; hold portfolio loss_streak | waits portfolio: loss_streak
{MAY}; w1; withdraw w1 $100; hold portfolio day_trades; hold w1 day_trades | nothing
{MAY}; w1; withdraw w1 $100; hold portfolio disk_full | waits portfolio: disk_full
{MAY}; w1; withdraw w1 $100; hold w1 operator | waits w1: operator
{MAY}; w1; withdraw w1 $100; hold w1 b; hold w1 a; hold portfolio c | waits portfolio: c, w1: a, w1: b
{MAY}; w1; withdraw w1 $100; hold w1 operator; lift w1 operator | nothing
{MAY}; w1; w2; withdraw w1 $100; hold w2 operator; hold momentum operator | nothing
{MAY}; w1; withdraw w1 $100; w1 status Maintenance | waits w1: maintenance
{MAY}; w1; withdraw w1 $100; hold w1 operator; desk cap 0 | NOT_ALLOWED
# None of this is asked where nothing leaves the desk.
desk cap 0 band 1; w1 aim 50 usd 14900; w2 aim 50 usd 4900; rebalance; hold w1 a; hold w1 emergency | nothing
"""


@pytest.mark.parametrize(("given", "why"), rows(ENDS))
def test_a_requested_withdrawal_is_rejected_at_once_or_waits(given: str, why: str) -> None:
    """A rejected withdrawal stays rejected, even if the cause is lifted before its payment was due."""
    desk = CoreDesk(given)
    closed = [entry.event.outcome for entry in desk.entries if isinstance(entry.event, MoveClosed)]
    if not desk.state.open_moves:
        (ended,) = closed
        assert isinstance(ended, Rejected)
        assert f"{ended.cause} {ended.detail}".startswith(why)
        return
    (known,) = desk.state.open_moves.values()
    held = ", ".join(held_by(desk.state, known.move))
    assert (f"waits {held}" if held else "nothing").startswith(why)
    if known.ticket is None and known.move.kind is MoveKind.WITHDRAWAL:  # There is no delay here.
        verdict = may_send(desk.state, known.move, desk.now_ns, stop_file=False)
        assert isinstance(verdict, Wait if held else Send)


def attempted(desk: CoreDesk, when: str) -> str:
    try:
        return told(desk.play(when))
    except CommandRefused as refused:
        return str(refused)


@pytest.mark.parametrize(("given", "when", "then"), rows(TABLE))
def test_capital_leaves_the_desk(given: str, when: str, then: str) -> None:
    desk = CoreDesk(given)
    before = len(desk.entries)
    answer = attempted(desk, when)
    assert then in (answer if not then.startswith("= ") else f"= {answer}")
    if "withdraw" not in then or "day" in then:
        placed = [one for one in desk.entries[before:] if isinstance(one.event, MovePlaced)]
        assert not placed  # A refused command changes nothing.


def test_every_problem_is_named_at_once() -> None:
    desk = CoreDesk("w1 usd 5; hold portfolio a; hold w1 b")
    answer = attempted(desk, "withdraw w1 $10 to thief")
    for part in ("thief is not in", "held by a", "5000000 base units of usdc free", "allows $0.00", "Suspended: b"):
        assert part in answer


def test_it_waits_for_its_time_and_can_be_cancelled_till_it_is_signed() -> None:
    desk = CoreDesk("desk payees bank cap 1000 delay 60000; w1")
    (placed,) = desk.play("withdraw w1 $100")
    assert isinstance(placed, MovePlaced)
    move = placed.move
    assert (move.placed_ns, move.not_before_ns, move.expires_at_ns) == (
        desk.now_ns,
        desk.now_ns + 60 * NS,
        desk.now_ns + 60 * NS + SIGNED_WITHIN_NS,
    )
    assert desk.balance(desk.book("w1").accounts.held, "usd") == 100 * MICROS
    desk.play("sign")
    assert "is signed and may still land" in attempted(desk, "cancel move:withdraw:x")
    desk.play("expire")
    assert "no open move 'move:withdraw:x'; open: none" in attempted(desk, "cancel move:withdraw:x")
    desk.play("withdraw w1 $100 id y; cancel move:withdraw:y")
    assert desk.balance(desk.book("w1").accounts.held, "usd") == 0


def test_a_withdrawal_is_no_loss() -> None:
    """The day's PnL is unchanged, and the emergency stop counts from the remaining capital."""
    desk = CoreDesk("desk payees bank cap 9000 threshold 10; w1 usd 9900; buy eth $1000; fill; mark eth 1800")
    before = desk.book("w1").day_pnl_micros
    desk.play("withdraw w1 $8000; fill fee 13000")
    assert desk.book("w1").day_pnl_micros == before - 1_300
    assert desk.state.deposited_micros == 2_000 * MICROS
    assert desk.state.equity_micros == 1_900 * MICROS - 1_300
    assert not desk.book("w1").holds  # It lost $100 of $2,000.
    desk.play("mark eth 1600.003")
    assert not desk.book("w1").holds
    desk.play("mark eth 1600.002")
    assert list(desk.book("w1").holds) == ["emergency"]


def test_an_unpaid_withdrawal_is_reserved_and_still_in_equity() -> None:
    desk = CoreDesk("desk payees bank cap 9000; w1; withdraw w1 $8000")
    assert (desk.state.equity_micros, desk.state.deposited_micros) == (10_000 * MICROS, 10_000 * MICROS)
    assert told(desk.play("buy eth $1900")) == "w1 $1900"
    assert "INSUFFICIENT_QUOTE" in told(desk.play("buy eth $1"))


def test_a_fork_undoes_a_withdrawal() -> None:
    desk = CoreDesk("desk payees bank cap 9000; w1; withdraw w1 $8000; fill provisional fee 13000 rent 2039280")
    assert (books_told(desk), desk.state.deposited_micros) == ("$1900, realised $-0.205228", 2_000 * MICROS)
    desk.play("roll back as failed fee 5000")
    assert (books_told(desk), desk.state.deposited_micros) == ("$9900, realised $-0.0005", 10_000 * MICROS)
    desk.play("withdraw w1 0.5 sol id y; fill provisional; roll back as expired")
    assert (books_told(desk), desk.state.deposited_micros) == ("$9900, realised $-0.0005", 10_000 * MICROS)
    assert desk.state.equity_micros == 10_000 * MICROS - 500


def test_a_withdrawal_that_a_fork_pays_late_makes_a_debt() -> None:
    desk = CoreDesk("desk payees bank cap 9000; w1; withdraw w1 $8000; fail provisional; buy eth $5000; fill s1.0.0")
    desk.play("roll back as filled")
    assert books_told(desk) == "$0 2.5 eth, owes 3100 usd, held: quarantine"
    assert desk.state.equity_micros == desk.state.deposited_micros == 2_000 * MICROS

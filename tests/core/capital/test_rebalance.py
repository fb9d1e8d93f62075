"""Rebalancing: the bands, the plan, and its obstacles, each at its edge (specification §10.8)."""

import pytest
from tests.support.core_desk import CoreDesk, rows, told

from overmind.core.capital.rebalance import plan
from overmind.core.model.commands import CommandRefused
from overmind.core.model.units import MICROS

# Two wallets of half each: $20,000 in all, so each shall have $10,000, including its float of $100.
TABLE = """
given                                                        | when                  | then
# The outer band, of the target: at its edge nothing is due, beyond it both go all the way.
w1 aim 50 usd 10900; w2 aim 50 usd 8900                      | rebalance auto        | nothing
w1 aim 50 usd 10900.01; w2 aim 50 usd 8899.99                | rebalance auto        | w1 -> w2 $1000.01 rebalance
w1 aim 50 usd 8899.99; w2 aim 50 usd 10900.01                | rebalance auto        | w2 -> w1 $1000.01 rebalance
desk band 20; w1 aim 50 usd 11900; w2 aim 50 usd 7900        | rebalance auto        | nothing
# An operator wants it although nobody is outside.
w1 aim 50 usd 10900; w2 aim 50 usd 8900                      | rebalance             | w1 -> w2 $1000 rebalance
# The inner band: who is inside takes no part, also when others are outside the outer one.
w1 aim 50 usd 10100; w2 aim 50 usd 9700                      | rebalance             | nothing
w1 aim 50 usd 10100.01; w2 aim 50 usd 9699.99                | rebalance             | w1 -> w2 $200.01 rebalance
w1 aim 50 usd 11300; w2 aim 30 usd 4700; w3 aim 20 usd 3700 \
| rebalance auto        | w1 -> w2 $1200 rebalance + w1 -> w3 $200 rebalance
w1 aim 50 usd 11300; w2 aim 30 usd 4500; w3 aim 20 usd 3900  | rebalance auto        | w1 -> w2 $1400 rebalance
w1 aim 50 usd 11000; w2 aim 30 usd 4820; w3 aim 20 usd 3880  | rebalance auto        | w1 -> w2 $1080 rebalance
# No smaller transfer than the least, and nobody is outside by less.
desk least 300 inner 0; w1 aim 50 usd 10199.99; w2 aim 50 usd 9600.01 | rebalance    | nothing
desk least 300 inner 0; w1 aim 50 usd 10200; w2 aim 50 usd 9600 | rebalance          | w1 -> w2 $300 rebalance
desk least 1500; w1 aim 50 usd 11399.99; w2 aim 50 usd 8400.01  | rebalance auto     | nothing
desk least 1500; w1 aim 50 usd 11400; w2 aim 50 usd 8400        | rebalance auto     | w1 -> w2 $1500 rebalance
desk least 0 inner 0; w1 aim 50; w2 aim 50                   | rebalance             | nothing
# What it costs: the fee of $0.0013, and the rent of $0.203928 for who has no account; 10 bps of $205.228 are that.
desk inner 0; w1 aim 50 usd 610.456; w2 aim 50 usd 0 sol 3   | rebalance             | w1 -> w2 $205.228 rebalance
desk inner 0; w1 aim 50 usd 610.454; w2 aim 50 usd 0 sol 3   | rebalance             | nothing
desk inner 0 bps 11; w1 aim 50 usd 610.454; w2 aim 50 usd 0 sol 3 | rebalance        | w1 -> w2 $205.227 rebalance
# Once in an interval, unless an operator wants it.
w1 aim 50 usd 11900; w2 aim 50 usd 7900; rebalance auto; fill; deposit w1 3000 usd; wait 3599999; mark sol 100 \
| rebalance auto | nothing
w1 aim 50 usd 11900; w2 aim 50 usd 7900; rebalance auto; fill; deposit w1 3000 usd; wait 3599999; mark sol 100 \
| rebalance      | w1 -> w2 $1500 rebalance
w1 aim 50 usd 11900; w2 aim 50 usd 7900; rebalance auto; fill; deposit w1 3000 usd; wait 3600000; mark sol 100 \
| rebalance auto | w1 -> w2 $1500 rebalance
# A held wallet takes no part, whatever holds it; a paused strategy is nothing to it.
w1 aim 50 usd 11900; w2 aim 50 usd 7900; hold w1 operator    | rebalance             | nothing
w1 aim 50 usd 11900; w2 aim 50 usd 7900; hold w2 day_loss    | rebalance auto        | nothing
w1 aim 50 usd 11900; w2 aim 50 usd 7900; hold momentum a     | rebalance auto        | w1 -> w2 $2000 rebalance
w1 aim 40 usd 13900; w2 aim 30 usd 4900; w3 aim 30 usd 900; hold w3 operator | rebalance auto | w1 -> w2 $1000 rebalance
w1 aim 40 usd 13900; w2 aim 30 usd 4900; w3 aim 30 usd 900; hold w3 quarantine | rebalance auto \
| w1 -> w2 $1000 rebalance
# A portfolio that is held, by a deficit of any of its wallets too, and one that is under way.
w1 aim 50 usd 11900; w2 aim 50 usd 7900; hold portfolio deficit:w2 | rebalance       | nothing
w1 aim 50 usd 11900; w2 aim 50 usd 7900; hold portfolio a    | rebalance auto        | nothing
w1 aim 50 usd 11900; w2 aim 50 usd 7900; stop                | rebalance             | nothing
desk every 0; w1 aim 50 usd 11900; w2 aim 50 usd 7900; rebalance | rebalance auto    | nothing
desk every 0; w1 aim 50 usd 11900; w2 aim 50 usd 7900; rebalance; sign | rebalance auto | nothing
desk every 0; w1 aim 50 usd 11900; w2 aim 50 usd 7900; rebalance; expire | rebalance auto | w1 -> w2 $2000 rebalance
desk every 0; w1 aim 50 usd 11900; w2 aim 50 usd 7900; rebalance; fill | rebalance auto | nothing
# Nothing that is held or that is no quote currency is moved.
w1 aim 50 usd 11900; w2 aim 50 usd 7900; buy eth $10400 not w2 | rebalance auto      | w1 -> w2 $1500 rebalance
w1 aim 50 usd 11900; w2 aim 50 usd 7900; buy eth $11800 not w2 | rebalance auto      | w1 -> w2 $100 rebalance
w1 aim 50 usd 11900; w2 aim 50 usd 7900; buy eth $11801 not w2 | rebalance auto      | nothing
w1 aim 50 usd 1900; w2 aim 50 usd 7900; deposit w1 5 eth     | rebalance auto        | w1 -> w2 $1900 rebalance
# The giver pays: fee and rent of each leg, and its float is left as it is wanted for entries.
w1 aim 50 usd 11990 sol 0.1001; w2 aim 50 usd 7990           | rebalance auto        | w1 -> w2 $1955.005 rebalance
w1 aim 50 usd 11990 sol 0.100099999; w2 aim 50 usd 7990      | rebalance auto        | nothing
desk reserve 0; w1 aim 40 usd 12000 sol 0.0002; w2 aim 30 usd 4000 sol 0; w3 aim 30 usd 4000 sol 0 \
| rebalance auto | w1 -> w2 $2000.006 rebalance + w1 -> w3 $2000.006 rebalance
desk reserve 0; w1 aim 40 usd 12000 sol 0.000199999; w2 aim 30 usd 4000 sol 0; w3 aim 30 usd 4000 sol 0 \
| rebalance auto | w1 -> w2 $2000.005999 rebalance
desk reserve 0; w1 aim 40 usd 8000 sol 0; w2 aim 20 usd 8000 sol 1; w3 aim 40 usd 3900 sol 0 \
| rebalance auto | w2 -> w3 $4100 rebalance
# The largest excess to the largest shortfall, each time anew.
w1 aim 10 usd 4900; w2 aim 10 usd 3900; w3 aim 40 usd 4900; w4 aim 40 usd 5900 | rebalance auto \
| w1 -> w3 $3000 rebalance + w2 -> w4 $2000 rebalance
w1 aim 0 usd 4900; w2 aim 0 usd 4900; w3 aim 50 usd 1900; w4 aim 50 usd 7900 | rebalance auto \
| w1 -> w3 $4900 rebalance + w2 -> w3 $3100 rebalance + w2 -> w4 $1800 rebalance
desk inner 0 least 1; w1 aim 10 usd 1900; w2 aim 10 usd 1800; w3 aim 40 usd 3050; w4 aim 40 usd 0 sol 31.5 | rebalance \
| w1 -> w3 $930 rebalance + w2 -> w4 $880 rebalance
# What is left of the capital belongs to nobody, so nobody takes it.
w1 aim 50 usd 11900; w2 aim 10 usd 7900                      | rebalance auto        | nothing
w1 usd 11900; w2 usd 7900                                    | rebalance             | nothing
# Old prices move nothing: of SOL nobody, of a token those who hold it.
w1 aim 50 usd 11900; w2 aim 50 usd 7900; wait 30000          | rebalance auto        | w1 -> w2 $2000 rebalance
w1 aim 50 usd 11900; w2 aim 50 usd 7900; wait 30001          | rebalance auto        | nothing
w1 aim 50 usd 11900; w2 aim 50 usd 7900; deposit w1 1 eth; wait 30001; mark sol 100 | rebalance auto | nothing
w1 aim 50 usd 11900; w2 aim 50 usd 7900; deposit w1 1 eth; wait 29999; mark sol 100 \
| rebalance auto | w1 -> w2 $3000 rebalance
w1 aim 40 usd 13900; w2 aim 30 usd 4900; w3 aim 30 usd 900; deposit w2 0.001 eth; wait 30001; mark sol 100 \
| rebalance auto | w1 -> w3 $5000.6 rebalance
"""


def attempted(desk: CoreDesk, when: str) -> str:
    try:
        return told(desk.play(when))
    except CommandRefused:
        return "nothing"


@pytest.mark.parametrize(("given", "when", "then"), rows(TABLE))
def test_capital_goes_back_to_its_allocation(given: str, when: str, then: str) -> None:
    desk = CoreDesk(given)
    legs = plan(desk.state, desk.now_ns).legs
    before = len(desk.entries)
    assert attempted(desk, when) == then
    placed = len(desk.entries) - before
    assert not placed or placed == len(legs)  # The placed transfers are those of the plan.
    assert attempted(desk, "rebalance auto") == "nothing"  # A second time places nothing.


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("w1; hold portfolio b; hold portfolio a", "the portfolio is held by a, b"),
        ("w1 aim 50 usd 11900; w2 aim 50 usd 7900; rebalance", "move:rebalance:0 under way"),
        (
            "w1 aim 20 usd 11900; w2 aim 20 usd 1900; w3 aim 20 usd 1900; w4 aim 20 usd 1900; w5 aim 20 usd 1900; "
            "rebalance",
            "move:rebalance:0, move:rebalance:1, move:rebalance:2 and 1 more under way",
        ),
        ("w1; wait 30001", "SOL has no fresh price"),
    ],
)
def test_a_refused_rebalance_gives_the_reason(given: str, why: str) -> None:
    desk = CoreDesk(given)
    assert why in plan(desk.state, desk.now_ns).why_not
    with pytest.raises(CommandRefused, match=why):
        desk.play("rebalance")


def test_the_plan_explains_every_wallet_and_every_omitted_transfer() -> None:
    desk = CoreDesk(
        "w1 aim 30 usd 11900; w2 aim 30 usd 4900; w3 aim 20 usd 3920; w4 aim 10 usd 900; w5 aim 10; buy btc $11000 not "
        "w2,w3,w4,w5; hold w5 operator"
    )
    planned = plan(desk.state, desk.now_ns)
    whys = {one.wallet_id: (one.part.value, one.outside, one.why) for one in planned.standings}
    assert whys == {
        "w1": ("gives", True, "7.48 % of the portfolio above its target, $900.00 of it free"),
        "w2": ("takes", True, "14.38 % of the portfolio below its target"),
        "w3": ("takes", True, "7.45 % of the portfolio below its target"),
        "w4": ("takes", True, "6.88 % of the portfolio below its target"),
        "w5": ("out", False, "Suspended: operator"),
    }
    assert [(leg.wallet_id, leg.to_wallet, leg.micros) for leg in planned.legs] == [("w1", "w2", 900 * MICROS)]
    assert planned.cost_micros == 900 * MICROS // 10_000
    desk.play("desk least 900.01")
    assert plan(desk.state, desk.now_ns).left_out == ("w1 to w2: $900.00 is less than the minimum transfer, $900.01",)
    desk.play("expire; desk bps 0 least 100")
    assert plan(desk.state, desk.now_ns).left_out == (
        "w1 to w2: $2,394.00 would cost 1 bps, too much",
        "w1 to w3: $2,384.00 would cost 1 bps, too much",
        "w1 to w4: $2,202.00 would cost 1 bps, too much",
    )
    desk.play("desk bps 10 reserve 2")
    assert plan(desk.state, desk.now_ns).left_out == ("w1 has not enough SOL for the fee of a transfer",)


def test_a_rebalance_costs_only_its_fees_and_rent() -> None:
    desk = CoreDesk("w1 aim 50 usd 11900; w2 aim 50 usd 7900")
    before = desk.state.equity_micros, desk.state.deposited_micros
    desk.play("rebalance; fill fee 13000")
    assert before == (desk.state.equity_micros + 1_300, desk.state.deposited_micros)
    assert (desk.book("w1").day_pnl_micros, desk.book("w2").day_pnl_micros) == (-1_300, 0)
    assert desk.book("w2").equity_micros == 10_000 * MICROS

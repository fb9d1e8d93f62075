"""Exits: no limit or hold stops them, only missing tokens, prices or SOL (specification §8.6)."""

import pytest
from tests.support.core_desk import CoreDesk, rows, told

from overmind.core.model.events import OrderPlaced, SignalRefused
from overmind.core.model.units import MICROS

UNSTOPPABLE_TABLE = """
given, after half an eth was bought for $1000 | an entry now
hold portfolio disk_full                      | PORTFOLIO_STOPPED
stop                                          | PORTFOLIO_STOPPED
hold w1 operator                              | WALLET_STATUS
hold w1 day_loss; hold w1 quarantine          | WALLET_STATUS
remove w1                                     | WALLET_STATUS
w1 status Maintenance                         | WALLET_STATUS
w1 status Emergency                           | PORTFOLIO_STOPPED
w1 type Emergency                             | WALLET_TYPE
desk only w2                                  | WALLET_EXCLUDED
w1 share none                                 | STRATEGY_NOT_ENABLED
w1 share momentum:100:9000:off                | STRATEGY_NOT_ENABLED
hold momentum operator                        | STRATEGY_NOT_ENABLED
desk depth 0.000001                           | PRICE_IMPACT
desk without eth                              | MINT_NOT_ADMITTED
w1 risk 1                                     | RISK_LEVEL
w1 loss 0                                     | DAILY_LOSS
w1 loss 100; mark eth 1800                    | DAILY_LOSS
w1 loss 0.000001                              | DAILY_LOSS_HEADROOM
w1 trades 1                                   | TRADES_TODAY
w1 trades 0                                   | TRADES_TODAY
w1 places 0 position 0                        | POSITION_SIZE
w1 share momentum:100:0                       | STRATEGY_POSITION_SIZE
w1 share momentum:0:9000                      | STRATEGY_SHARE
buy btc $8900                                 | INSUFFICIENT_QUOTE
w1 exposure 0                                 | WALLET_EXPOSURE
desk exposure 0                               | PORTFOLIO_EXPOSURE
desk asset 0                                  | ASSET_CONCENTRATION
desk rate 0                                   | RATE_LIMIT
desk rate 1; buy eth $1                       | RATE_LIMIT
"""


@pytest.mark.parametrize(("given", "entry"), rows(UNSTOPPABLE_TABLE))
@pytest.mark.parametrize("sale", ["sell eth 0.5", "sell eth all as MarketSell", "sell eth 0.5 slip 9999 tolerance 0"])
def test_no_limit_and_no_hold_stops_a_sale(given: str, entry: str, sale: str) -> None:
    desk = CoreDesk("w1; buy eth $1000; fill")
    desk.play(given)
    assert entry in told(desk.play("buy eth $300 tolerance 0.999999"))
    assert told(desk.play(sale)) == "w1 0.5 eth"


TABLE = """
given | when | then
# The amount: a quantity, a value at the mark, or all; what another sale holds is not there.
w1; buy eth $1000; fill   | sell eth all | w1 0.5 eth
w1; buy eth $1000; fill   | sell eth 0.2 | w1 0.2 eth
w1; buy eth $1000; fill   | sell eth $400 | w1 0.2 eth
w1; buy eth $1000; fill; mark eth 1000 | sell eth $400 | w1 0.4 eth
w1; buy eth $1000; fill; sell eth 0.2 | sell eth all | w1 0.3 eth
w1; buy eth $1000; fill; sell eth 0.2 | sell eth 0.3 | w1 0.3 eth
w1; buy eth $1000; fill; sell eth 0.2 | sell eth 0.30000001 | INSUFFICIENT_TOKENS 30000000 30000001
w1; buy eth $1000; fill; sell eth 0.2; expire | sell eth 0.5 | w1 0.5 eth
w1; buy eth $1000; fill; sell eth all | sell eth all | INSUFFICIENT_TOKENS 0 nothing to sell @w1
w1; buy eth $1000; fill; sell eth all; fill | sell eth all | INSUFFICIENT_TOKENS 0 nothing to sell @w1
w1; buy eth $1000 id a    | sell eth all | INSUFFICIENT_TOKENS 0 nothing to sell @w1 + BUY_IN_FLIGHT no open buy a.0.0
w1; buy eth $1000; fill   | sell btc all | INSUFFICIENT_TOKENS 0 nothing to sell @w1
w1; buy eth $1000; fill   | sell eth 0 | AMOUNT_OUT_OF_RANGE at least one base unit 0
w1; buy eth $1000; fill   | sell eth 0.000000009 | AMOUNT_OUT_OF_RANGE at least one base unit 0
w1; buy eth $1000; fill   | sell usd 5 | PRICE_MISSING a journaled mark usdc + INSUFFICIENT_TOKENS 0 nothing to sell @w1
# One wallet, if one holds enough: with lots of the strategy, of the preferred type, or registered first.
w1; w2; deposit w1 1 eth; deposit w2 1 eth           | sell eth 1            | w1 1 eth
w1; w2; deposit w1 1 eth; deposit w2 1 eth           | sell eth 1 not w1     | w2 1 eth
w1; w2 type HFT; deposit w1 1 eth; deposit w2 1 eth  | sell eth 1 prefer HFT | w2 1 eth
w1; w2; deposit w1 1 eth; buy eth $2000 not w1; fill | sell eth 1            | w2 1 eth
w1; w2; deposit w1 1 eth; deposit w2 2 eth           | sell eth 2            | w2 2 eth
# Else in parts, the largest holding first, each an order of its own.
w1; w2; w3; deposit w1 1 eth; deposit w2 3 eth; deposit w3 2 eth | sell eth all | w2 3 eth + w3 2 eth + w1 1 eth
w1; w2; w3; deposit w1 1 eth; deposit w2 3 eth; deposit w3 2 eth | sell eth 5.5 | w2 3 eth + w3 2 eth + w1 0.5 eth
w1; w2; w3; deposit w1 1 eth; deposit w2 3 eth; deposit w3 2 eth | sell eth 5  | w2 3 eth + w3 2 eth
w1; w2; w3; deposit w1 1 eth; deposit w2 3 eth; deposit w3 2 eth | sell eth 7  | INSUFFICIENT_TOKENS 600000000 700000000
w1; w2; deposit w1 1 eth; deposit w2 3 eth                       | sell eth all not w2 | w1 1 eth
w1; w2; deposit w1 1 eth; deposit w2 3 eth; stop                 | sell eth all | w2 3 eth + w1 1 eth
# The fee is a fact. The reserve float is what exits are kept for.
w1 sol 0.0001; deposit w1 1 eth                  | sell eth 1   | w1 1 eth
w1 sol 0.000099999; deposit w1 1 eth             | sell eth 1   | INSUFFICIENT_SOL 0.000099999 0.0001 @w1
w1 usd 0 sol 0.00213928; deposit w1 1 eth        | sell eth 1   | w1 1 eth
w1 usd 0 sol 0.002139279; deposit w1 1 eth       | sell eth 1   | INSUFFICIENT_SOL 0.002139279 0.00213928 @w1
w1 sol 0.0002; deposit w1 2 eth; sell eth 1      | sell eth 1   | w1 1 eth
w1 sol 0.0001; deposit w1 2 eth; sell eth 1      | sell eth 1   | INSUFFICIENT_SOL 0 0.0001 @w1
w1 sol 0; w2; deposit w1 2 eth; deposit w2 1 eth | sell eth all | w2 1 eth
# The price: an old mark protects nobody, a limit does.
w1; buy eth $1000; fill; wait 30000                | sell eth all            | w1 0.5 eth
w1; buy eth $1000; fill; wait 30001                | sell eth all            | PRICE_STALE 30000 30001
w1; buy eth $1000; fill; wait 30001                | sell eth all limit 1500 | w1 0.5 eth
w1; buy eth $1000; fill; wait 30001; mark eth 2000 | sell eth all            | w1 0.5 eth
# The time of the signal binds in both directions.
w1; buy eth $1000; fill | sell eth all ttl 1000 waited 1000 | SIGNAL_STALE 1000 1000
w1; buy eth $1000; fill | sell eth all sent 5001            | SIGNAL_FROM_FUTURE 5000 5001
w1; buy eth $1000; fill | sell eth all waited 5001          | w1 0.5 eth
# The float is no position, and a position no float.
w1                           | sell sol all         | INSUFFICIENT_TOKENS 0 nothing to sell @w1
w1; buy sol $100; fill       | sell sol all         | w1 1 sol
w1; deposit w1 5 sol         | sell sol 5.000000001 | INSUFFICIENT_TOKENS 5000000000 5000000001
w1 sol 0; deposit w1 5 sol   | sell sol 1           | INSUFFICIENT_SOL 0 0.0001 @w1
w1 sol 0.1; deposit w1 5 sol | buy eth $10          | INSUFFICIENT_SOL 0.1 0.10213928 @w1
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(TABLE))
def test_a_sale_is_stopped_by_facts_alone(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


def test_a_quantity_is_never_rounded_up_however_exactly_it_is_typed() -> None:
    desk = CoreDesk("w1; deposit w1 1 eth")
    assert told(desk.play(f"sell eth 0.{'9' * 40}")) == "w1 0.99999999 eth"


@pytest.mark.parametrize(
    ("given", "when", "received_min"),
    [
        ("mark eth 2000", "sell eth 1", 1_980_000_000),  # the mark minus 100 bps
        ("mark eth 2000", "sell eth 1 slip 50", 1_990_000_000),
        ("mark eth 2000", "sell eth 1 by meme", 1_940_000_000),
        ("mark eth 2000", "sell eth 1 limit 1990", 1_990_000_000),  # the limit is tighter
        ("mark eth 2000", "sell eth 1 limit 1500", 1_980_000_000),  # the mark is tighter
        ("wait 30001", "sell eth 1 limit 1500", 1_500_000_000),  # only the limit is known
        ("mark eth 0.001", "sell eth 0.00000001 slip 10000", 1),  # never zero
    ],
)
def test_the_least_that_a_sale_must_bring(given: str, when: str, received_min: int) -> None:
    desk = CoreDesk("w1; deposit w1 1 eth")
    desk.play(given)
    (placed,) = desk.play(when)
    assert isinstance(placed, OrderPlaced)
    assert placed.order.received_min == received_min


def test_parts_are_numbered_and_each_holds_its_own_tokens_and_fee() -> None:
    desk = CoreDesk("w1; w2; deposit w1 1 eth; deposit w2 3 eth")
    placed = desk.play("sell eth all id s1")
    assert [event.order.id for event in placed if isinstance(event, OrderPlaced)] == ["s1.0.0", "s1.1.0"]
    assert desk.balance("w2/held", "eth") == 3 * 10**8
    assert desk.balance("w1/held", "eth") == 10**8
    assert desk.balance("w1/float_held", "sol") == desk.balance("w2/float_held", "sol") == 100_000
    assert desk.state.signals == 1


def test_each_part_has_its_own_outcome() -> None:
    desk = CoreDesk("w1; w2; deposit w1 1 eth; deposit w2 3 eth; sell eth all id s1; expire s1.1.0; fill s1.0.0")
    positions = {name: book.positions.keys() for name, book in desk.state.wallets.items()}
    assert positions == {"w1": {"eth"}, "w2": set()}
    assert desk.balance("w2/free", "usd") == 15_900 * MICROS


def test_an_exit_may_sell_a_token_that_is_listed_no_more() -> None:
    desk = CoreDesk("w1; buy eth $1000; fill; desk without eth")
    assert told(desk.play("sell eth all; fill")) == "OrderClosed"
    assert not desk.book("w1").positions


def test_a_refused_sale_says_why_of_each_wallet() -> None:
    desk = CoreDesk("w1 sol 0; deposit w1 1 eth; w2; w3 type Emergency")
    (refused,) = desk.play("sell eth 1")
    assert isinstance(refused, SignalRefused)
    assert told((refused,)) == (
        "INSUFFICIENT_SOL 0 0.0001 @w1"  # The other wallets hold nothing, so they are not checked.
    )

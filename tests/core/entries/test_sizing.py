"""Sizing: from a risk budget to an amount, at the edge of every cap and never beyond a limit.

The wallet is the one that a plain loop would choose, the amount is explained, and a failover sizes again.
"""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.support.core_desk import CoreDesk, rows, told
from tests.support.effort import examples
from tests.support.random_commands import RandomCommands, attempt

from overmind.core.books.state import State
from overmind.core.entries.capacity import capacity_micros
from overmind.core.entries.ranking import common_terms, cost_terms
from overmind.core.entries.request import stale_at_ns
from overmind.core.entries.route_costs import route_terms
from overmind.core.entries.routes import entry_routes
from overmind.core.entries.rules import signal_refusals, wallet_refusals
from overmind.core.entries.sizing import SizedChoice, SizedRequest, choose_sized
from overmind.core.explain import entry_candidates
from overmind.core.model.codes import Code
from overmind.core.model.enums import SizingMethod
from overmind.core.model.events import OrderPlaced, SignalRefused
from overmind.core.model.ids import WalletId
from overmind.core.model.outcome import Cause
from overmind.core.model.signal import RiskBudget
from overmind.core.model.units import MICROS, PPM
from overmind.core.model.wallet import Exits

# $500 at a stop of 5 percent want $10,000, which is more than w1's $9,900.
BINDING_TABLE = """
given                                             | size            | binding
w1                                                | 9900            | INSUFFICIENT_QUOTE
w1; w2 usd 20000                                  | 10000           |
w1 usd 20000                                      | 10000           |
w1; buy btc $900                                  | 9000            | INSUFFICIENT_QUOTE
w1 position 500                                   | 500             | POSITION_SIZE
w1 position 500; buy eth $200                     | 300             | POSITION_SIZE
w1 position 500; buy eth $200; fill; mark eth 2200 | 280            | POSITION_SIZE
w1 position 500; buy btc $200                     | 500             | POSITION_SIZE
w1 share momentum:100:500                         | 500             | STRATEGY_POSITION_SIZE
w1 share momentum:100:500,arbitrage:100:900; buy eth $300 by arbitrage | 500 | STRATEGY_POSITION_SIZE
w1 position 500 share momentum:100:500            | 500             | POSITION_SIZE STRATEGY_POSITION_SIZE
w1 share momentum:40:9000                         | 4000            | STRATEGY_SHARE
w1 share momentum:40:9000; buy btc $500           | 3500            | STRATEGY_SHARE
w1 exposure 20                                    | 2000            | WALLET_EXPOSURE
w1 exposure 20; buy btc $1500                     | 500             | WALLET_EXPOSURE
w1; w2; desk exposure 20                          | 4000            | PORTFOLIO_EXPOSURE
w1; w2; desk exposure 20; buy btc $3000           | 1000            | PORTFOLIO_EXPOSURE
w1; w2; desk asset 10; buy btc $1000              | 2000            | ASSET_CONCENTRATION
w1; w2; desk asset 10; buy eth $1500; fill        | 500             | ASSET_CONCENTRATION
w1; desk depth 9899                               | 100.999999      | PRICE_IMPACT
w1 loss 50.213928 stop 5                          | 1000            | DAILY_LOSS_HEADROOM
w1 loss 50.213928 stop 4                          | 1250            | DAILY_LOSS_HEADROOM
w1 loss 50.213927 stop 5                          | 999.99998       | DAILY_LOSS_HEADROOM
w1 loss 50.213928 stop 0                          | 1000            | DAILY_LOSS_HEADROOM
w1 loss 100.223928 stop 5; buy eth $1000          | 1000            | DAILY_LOSS_HEADROOM
"""


@pytest.mark.parametrize(("given", "size", "binding"), rows(BINDING_TABLE))
def test_each_limit_caps_it(given: str, size: str, binding: str) -> None:
    (placed,) = CoreDesk(given).play("buy eth risk$500 stop 5")
    assert isinstance(placed, OrderPlaced)
    assert placed.sizing is not None
    assert told((placed,)).split()[1] == f"${size}"
    assert " ".join(placed.sizing.binding) == binding
    assert placed.sizing.notional_micros == placed.order.notional_micros


def test_one_unit_more_breaks_the_limit_that_capped_it() -> None:
    for steps, size, binding in rows(BINDING_TABLE):
        if binding:
            beyond = f"${int(float(size) * MICROS) / MICROS + 0.000001:f}"
            refused = told(CoreDesk(steps).play(f"buy eth {beyond} stop 5"))
            assert all(code in refused for code in binding.split()), (steps, refused)


def test_every_rule_that_a_smaller_size_could_keep_has_a_cap() -> None:
    (placed,) = CoreDesk("w1").play("buy eth risk$50 stop 5")
    assert isinstance(placed, OrderPlaced)
    assert placed.sizing is not None
    sized = {code for code, _ in placed.sizing.caps}
    assert sized == {
        Code.PRICE_IMPACT,
        Code.AMOUNT_OUT_OF_RANGE,
        Code.PORTFOLIO_EXPOSURE,
        Code.ASSET_CONCENTRATION,
        Code.STRATEGY_CONCENTRATION,
        Code.DAILY_LOSS_HEADROOM,
        Code.EXPECTED_COST,
        Code.POSITION_SIZE,
        Code.STRATEGY_POSITION_SIZE,
        Code.STRATEGY_SHARE,
        Code.INSUFFICIENT_QUOTE,
        Code.WALLET_EXPOSURE,
    }


CHOICE_TABLE = """
given | when | then
# The cheapest that can take all of it, else the one that can take most.
w1 position 999; w2                          | buy eth risk$50 stop 5 | w2 $1000
w1 position 400; w2 position 500             | buy eth risk$50 stop 5 | w2 $500
w1 position 500; w2 position 500             | buy eth risk$50 stop 5 | w1 $500
w1 position 500; w2 position 500             | buy eth risk$50 stop 5 prefer HFT | w1 $500
w1 position 500; w2 position 500 type HFT    | buy eth risk$50 stop 5 prefer HFT | w2 $500
w1 position 500; w2 position 501; buy eth $2 not w1 | buy eth risk$50 stop 5 | w1 $500
w1; w2; buy eth $1 not w1; fill              | buy eth risk$50 stop 5 | w2 $1000
w1; w2                                       | buy eth risk$50 stop 5 not w1 | w2 $1000
w1 stop 5; w2 stop 10                        | buy eth risk$50 not w1 | w2 $500
w1 stop 5 position 999; w2 stop 10           | buy eth risk$50        | w2 $500
w1 stop 5 position 999; w2 stop 10 position 499 | buy eth risk$50     | w1 $999
w1 stop 5 position 499; w2 stop 10 position 499 | buy eth risk$50     | w1 $499
w1; w2 stop 10                               | buy eth risk$50        | w2 $500
w1; hold w1 a; w2 position 100               | buy eth risk$50 stop 5 | w2 $100
# One that the index believes to have room has less: rent of a new token account does not fit its day.
w1 loss 50 stop 5; w2 position 900           | buy eth risk$50 stop 5 | w1 $995.72144
w1 loss 50 stop 5; w2 position 996           | buy eth risk$50 stop 5 | w2 $996
# The least, and what is not worth it.
w1; desk budget 500                           | buy eth risk$25 stop 5 | w1 $500
w1; desk budget 500.000001                    | buy eth risk$25 stop 5 \
| SIZE_TOO_SMALL $500.000001 $500 by the risk budget @w1
w1; desk exposure 0                          | buy eth risk$25 stop 5 \
| SIZE_TOO_SMALL $10 $0 by PORTFOLIO_EXPOSURE @w1 + PORTFOLIO_EXPOSURE 0 0.1
w1 usd 0.5 sol 1                             | buy sol risk$25 stop 5 \
| SIZE_TOO_SMALL $10 $0.5 by INSUFFICIENT_QUOTE @w1 + INSUFFICIENT_QUOTE 0.5 10 @w1
# Rounded down; the distance of a stop is exact.
w1                                           | buy eth risk$50 stop 7 | w1 $714.285714
w1                                           | buy eth risk0.0123% stop 5 | w1 $24.6
# A limit price, an unlisted token, a stale price: as for any entry.
w1                                           | buy new risk$50 stop 5 | PRICE_MISSING a journaled mark new
w1; wait 30001; mark sol 100                 | buy eth risk$50 stop 5 | PRICE_STALE 30000 30001
w1; stop                                     | buy eth risk$50 stop 5 \
| PORTFOLIO_STOPPED running emergency + WALLET_STATUS Active Emergency: emergency @w1
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(CHOICE_TABLE))
def test_the_wallet_and_the_size(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


# Two prices in turn, one percent apart, once a minute, after one move of zero: 37 percent in a day.
VOLATILITY_TABLE = """
given | when | then
w1; wave eth 2000 2020 21 60000 | buy eth risk$50 size volatility | w1 $67.81
w1; wave eth 2000 2020 20 60000 | buy eth risk$50 size volatility | VOLATILITY_UNKNOWN 20
w1; wave eth 2000 2020 21 60000 | buy eth risk$50 size volatility times 1 | w1 $135.62
w1; wave eth 2000 2020 21 60000 | buy eth risk$50 size volatility over 60000 | w1 $2573.
w1; wave eth 2000 2020 21 60000 | buy eth risk$50 size volatility stop 1 | w1 $67.81
w1; wave eth 2000 2000 90 60000 | buy eth risk$50 size volatility | VOLATILITY_UNKNOWN 20
w1; wave eth 2000 2020 21 60000 | buy btc risk$50 size volatility | PRICE_STALE
w1 stop 1; wave eth 2000 2020 21 60000 | buy eth risk$50 size volatility | w1 $67.81
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(VOLATILITY_TABLE))
def test_by_volatility(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)).startswith(then)


def test_a_failover_sizes_again() -> None:
    desk = CoreDesk("w1 stop 5; w2 stop 10 position 300; desk attempts 3")
    assert told(desk.play("buy eth risk$50")) == "w1 $1000"
    events = desk.play("reject for WALLET_FUNDS")
    assert told(events) == "OrderClosed + w2 $300"
    assert isinstance(events[-1], OrderPlaced)
    assert events[-1].sizing is not None
    assert (events[-1].sizing.wanted_micros, events[-1].sizing.distance_ppm) == (500 * MICROS, 100_000)
    assert told(desk.play(f"reject for {Cause.ROUTE_DOWN}")) == "OrderClosed"


def test_the_decision_explains_the_size() -> None:
    (placed,) = CoreDesk("w1 position 500").play("buy eth risk$50 stop 5 id s")
    assert isinstance(placed, OrderPlaced)
    sizing = placed.sizing
    assert sizing is not None
    assert (sizing.wanted_micros, sizing.budget_micros, sizing.distance_ppm) == (1_000 * MICROS, 50 * MICROS, 50_000)
    assert (sizing.how, sizing.notional_micros) == (SizingMethod.STOP, 500 * MICROS)
    assert dict(sizing.caps)[Code.POSITION_SIZE] == 500 * MICROS
    assert dict(sizing.caps)[Code.INSUFFICIENT_QUOTE] == 9_900 * MICROS


def plainly(
    state: State, sized: SizedRequest, at_ns: int, excluded: tuple[WalletId, ...]
) -> tuple[WalletId, int] | None:
    """The specification: the cheapest eligible wallet and route that can take the whole size, otherwise the wallet that
    can take most.
    """
    if list(signal_refusals(state, sized.least_ask(), at_ns, at_ns)):
        return None
    found = []
    for book in state.wallets.values():
        sizing = sized.size(book)
        entry = sized.request_for(sizing.notional_micros)
        may = sizing.notional_micros >= sized.least_micros and book.wallet.id not in excluded
        if may and not list(wallet_refusals(state, book, entry, at_ns)):
            assert not list(signal_refusals(state, entry, at_ns, at_ns)), sizing
            capacity = capacity_micros(state, book, sized.signal.strategy)
            common = common_terms(state, entry, at_ns)
            cost = min(
                cost_terms(common, book, entry, capacity, route_terms(state, route, entry.notional_micros, at_ns)).total
                for route in entry_routes(state, book.wallet, sized.signal)
            )
            whole = sizing.notional_micros == sizing.wanted_micros
            size = 0 if whole else -sizing.notional_micros
            found.append((not whole, size, cost, book.slot, book.wallet.id, sizing.notional_micros))
    return min(found)[4:] if found else None


def as_told(sized: SizedChoice | None) -> tuple[WalletId, int] | None:
    return None if sized is None else (sized.choice.book.wallet.id, sized.request.notional_micros)


def compare(rng: Random, wallets: int, commands: int, asks: int) -> int:
    """Plays random commands and asks after each. Returns how often a wallet was chosen."""
    desk, chance, chosen_often = CoreDesk(), RandomCommands(rng, wallets), 0
    for command in chance.opening():
        attempt(desk, command)
    for _ in range(commands):
        desk.now_ns += chance.later_ns()
        attempt(desk, chance.command(desk))
        for _ in range(asks):
            signal = structs.replace(chance.submit(desk).signal, notional_micros=None, quantity=None)
            signal = structs.replace(
                signal, risk=chance.risk(), exits=rng.choice([None, Exits(stop_loss_ppm=rng.choice([1, 50_000]))])
            )
            sized = SizedRequest(desk.state, signal, stale_at_ns(desk.state.settings, signal, desk.now_ns))
            excluded = tuple(rng.sample(chance.names, min(wallets, rng.choice([0, 0, 1]))))
            chosen = as_told(choose_sized(desk.index, sized, desk.now_ns, desk.now_ns, excluded))
            assert chosen == plainly(desk.state, sized, desk.now_ns, excluded), signal
            chosen_often += chosen is not None
    return chosen_often


@pytest.mark.parametrize("first_seed", [0, 5, 10, 15])
def test_the_choice_equals_the_plain_loop(first_seed: int) -> None:
    seeds = range(first_seed, first_seed + 5)
    assert sum(compare(Random(seed), 1 + seed * 2, commands=100, asks=2) for seed in seeds) > 0


@settings(derandomize=True, max_examples=examples(40))
@given(st.randoms(use_true_random=False), st.integers(1, 5), st.integers(1, 12))
def test_no_small_script_makes_them_differ(rng: Random, wallets: int, commands: int) -> None:
    compare(rng, wallets, commands, asks=2)


def test_the_candidates_are_listed_with_their_sizes() -> None:
    desk = CoreDesk("w1 position 500; w2; w3")
    signal = structs.replace(desk.signal("buy", "eth", "risk$50", ["stop", "5"]).signal, exclude=(WalletId("w3"),))
    told_sizes = [
        (one.wallet_id, one.eligible, one.sizing.notional_micros if one.sizing else None)
        for one in entry_candidates(desk.state, signal, desk.now_ns)
    ]
    assert told_sizes == [("w1", True, 500 * MICROS), ("w2", True, 1_000 * MICROS), ("w3", False, 1_000 * MICROS)]


def test_a_refusal_names_the_first_that_binds_of_every_wallet() -> None:
    (refused,) = CoreDesk("w1 position 5; w2 position 6").play("buy eth risk$50 stop 5")
    assert isinstance(refused, SignalRefused)
    named = {(one.wallet_id, one.actual) for one in refused.refusals if one.code is Code.SIZE_TOO_SMALL}
    assert named == {("w1", "$5 by POSITION_SIZE"), ("w2", "$6 by POSITION_SIZE")}


def test_a_budget_of_the_portfolio_is_of_its_equity_when_it_is_decided() -> None:
    desk = CoreDesk("w1; w2")
    sized = SizedRequest(desk.state, desk.signal("buy", "eth", "risk1%", ["stop", "5"]).signal, 0)
    assert sized.budget_micros == 200 * MICROS
    assert sized.risk == RiskBudget(equity_ppm=PPM // 100)

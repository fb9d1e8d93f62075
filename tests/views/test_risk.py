"""Risk over all wallets: every utilisation at its limit, and the result of a fall of the prices.

See specification §11.2.
"""

from __future__ import annotations

import pytest
from tests.support.core_desk import CoreDesk, number, rows

from overmind.views.risk import LEFT_OUT, Risk, risk
from overmind.views.utilisation import wallet_uses

FALLS = (100_000, 500_000)


def seen(desk: CoreDesk) -> Risk:
    return risk(desk.state, FALLS)


# Two wallets with $9,900 and 1 SOL of $100 each: equity is $20,000.
USES = """
given | limit | used limit percent
w1; w2; desk exposure 20; buy eth $1000; fill; buy btc $500       | exposure   | 1500 4000 37.5
w1; w2; desk asset 10; buy eth $1500; fill; buy eth $500          | asset      | 2000 2000 100
w1; w2; desk strategy 10; buy eth $1000; fill; buy btc $500       | strategy   | 1500 2000 75
w1; w2; buy eth $1000 by arbitrage; fill; buy btc $1200           | strategy   | 1200 20000 6
w1; w2; desk places 4; buy eth $1; fill; buy btc $1; buy btc $1   | positions  | 2 4 50
w1; w2; desk loss 5; buy eth $2000; fill; mark eth 1900           | day_loss   | 100 1000 10
w1; w2; desk loss 5; buy eth $2000; fill; mark eth 2100           | day_loss   | 0 1000 0
w1; w2; desk loss 5; buy eth $2000; fill; mark eth 1900; wait 43200000; buy eth $1 | day_loss | 0 995 0
w1; w2; desk drawdown 10; buy eth $2000; fill; mark eth 2200; mark eth 2000 | drawdown | 200 2020 9.9009
w1; w2; desk threshold 1; buy eth $2000; fill; mark eth 1900      | emergency  | 100 200 50
"""


@pytest.mark.parametrize(("given", "limit", "then"), rows(USES))
def test_the_use_of_each_limit_of_the_portfolio(given: str, limit: str, then: str) -> None:
    use = seen(CoreDesk(given)).limits[limit]
    assert " ".join(number(amount) for amount in (use.used, use.limit, use.percent)) == then


STRESS = """
given | what | loss left trips
w1; w2; buy eth $4000; fill          | every price -10 % | 420 19580
w1; w2; buy eth $4000; fill          | every price -50 % | 2100 17900
w1; w2; buy eth $4000; fill          | ETH to zero       | 4000 16000
w1; w2; buy eth $4000                | ETH to zero       | 4000 16000
w1; w2; buy sol $4000; fill          | SOL to zero       | 4200 15800
w1; w2; desk threshold 20; buy eth $4000; fill      | ETH to zero | 4000 16000 emergency
w1; w2; desk threshold 20.0001; buy eth $4000; fill | ETH to zero | 4000 16000
w1; w2; desk loss 20 drawdown 20; buy eth $4000; fill | ETH to zero | 4000 16000 day_loss drawdown
w1; w2; desk loss 20; buy eth $4000; fill; mark eth 1900; buy btc $1; fill | ETH to zero | 3800 16000 day_loss
"""


@pytest.mark.parametrize(("given", "what", "then"), rows(STRESS))
def test_stress_of_falling_prices(given: str, what: str, then: str) -> None:
    stress = {one.what: one for one in seen(CoreDesk(given)).stress or ()}[what]
    assert " ".join([number(stress.loss_usd), number(stress.equity_usd), *stress.trips]) == then


@pytest.mark.parametrize("what", ["every price -10 %", "every price -50 %", "ETH to zero"])
def test_the_stress_loss_equals_the_loss_of_the_books(what: str) -> None:
    falls = {"every price -10 %": "sol 90 eth 1800 btc 45000", "every price -50 %": "sol 50 eth 1000 btc 25000"}
    desk = CoreDesk("w1; w2; buy eth $3000; fill; buy btc $2000; fill; buy sol $100; fill")
    stress = {one.what: one for one in seen(desk).stress or ()}[what]
    words = falls.get(what, "eth 0.000000000001").split()
    for name, price in zip(words[::2], words[1::2], strict=True):
        desk.play(f"mark {name} {price}")
    assert desk.state.equity_micros / 10**6 == pytest.approx(stress.equity_usd, abs=0.00001)


def test_concentrations_stand_the_largest_first_and_deposits_have_no_cap() -> None:
    found = seen(CoreDesk("w1; w2; desk strategy 50; buy eth $300; fill; buy btc $400 by arbitrage; deposit w1 1 sol"))
    assert [(one.symbol, one.concentration.used) for one in found.assets or ()] == [
        ("BTC", 400),
        ("ETH", 300),
        ("SOL", 100),
    ]
    assert {name: (use.used, use.limit) for name, use in (found.strategies or {}).items()} == {
        "Arbitrage": (400, 10_050),
        "MomentumTrading": (300, 10_050),
        "deposit": (100, 20_100),
    }
    assert found.exposure.used == sum(use.used for use in (found.strategies or {}).values())


def test_a_strategy_counts_what_it_is_about_to_buy_to_its_largest_position() -> None:
    desk = CoreDesk(
        "w1 share momentum:50:1000,arbitrage:50:2000; buy eth $300; fill; buy eth $200; buy btc $450 by arbitrage"
    )
    (wallet,) = seen(desk).wallets
    largest = {name: (use.largest_position.used, use.share.used) for name, use in wallet.strategies.items()}
    assert largest == {"MomentumTrading": (500, 500), "Arbitrage": (450, 450)}


def test_without_aggregation_the_limits_are_shown_and_the_rest_says_that_it_is_left_out() -> None:
    desk = CoreDesk("w1; w2; desk asset 10; buy eth $2000; fill")
    found = risk(desk.state, None)
    assert (found.assets, found.strategies, found.stress, found.left_out) == (None, None, None, LEFT_OUT)
    assert {"exposure", "day_loss", "drawdown", "emergency"} == set(found.limits)
    assert found.wallets == seen(desk).wallets
    assert seen(desk).left_out == ""


def test_an_empty_desk_has_no_risk() -> None:
    found = seen(CoreDesk())
    assert (found.exposure.percent, found.assets, found.wallets) == (0, (), ())
    assert [one.loss_usd for one in found.stress or ()] == [0, 0]


def test_the_size_limit_of_a_wallet_shows_the_largest_position_with_its_open_buys() -> None:
    desk = CoreDesk("w1; deposit w1 1 eth; deposit w1 0.001 btc; mark eth 2000; mark btc 50000")
    for script in ("", "buy btc $100 id a", "fill a.0.0", "buy new $70 id b", "mark eth 1", "buy eth $1000 id c"):
        if script:
            desk.play(script)
        state = desk.state
        for book in state.wallets.values():
            mints = (*book.positions, *book.entries)
            most = max(book.used_micros(mint, state.price_pico(mint)) for mint in mints)
            assert {use.name: use.used for use in wallet_uses(state, book)}["position_size"] == most > 0

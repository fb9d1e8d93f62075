"""A live desk with two price servers: the one that it trades with lies, the other one says what is true."""

from __future__ import annotations

from base64 import b64decode
from fractions import Fraction

import pytest
from solders.account import Account
from solders.pubkey import Pubkey
from tests.solana.test_pyth import FEED, account
from tests.support.chain_desk import W1, W2, ChainDesk, on_stage

from overmind.core.model.codes import Code
from overmind.core.model.enums import Side
from overmind.core.model.events import OrderClosed, OrderPlaced
from overmind.core.model.ids import SOL
from overmind.core.model.outcome import Filled
from overmind.core.model.units import MICROS, NS
from overmind.desk.app import App
from overmind.solana.pyth import RECEIVER_PROGRAM
from overmind.views.decisions import DecisionStatus

ORACLE = "7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE"


def sold(stage: ChainDesk) -> list[int]:
    """What each sale brought, in micro-USD per SOL."""
    events = [one.event for one in stage.journal.read()]
    sales = {one.order.id for one in events if isinstance(one, OrderPlaced) and one.order.side is Side.SELL}
    fills = [one.outcome for one in events if isinstance(one, OrderClosed) and one.order_id in sales]
    return [one.received_units * 10**9 // one.spent_units for one in fills if isinstance(one, Filled)]


async def bought(stage: ChainDesk, app: App) -> None:
    await stage.until(lambda: SOL in app.engine.state.marks)
    assert isinstance(await stage.outcome(app, await stage.buy(app, "in")), Filled)


def lie(stage: ChainDesk, times: Fraction) -> None:
    """From now on the server that the desk trades with shows and quotes false prices."""
    stage.lies.times = times
    stage.router.spoils_prices = True
    stage.router.spoilt = {W1, W2}


@on_stage
async def test_a_server_that_shows_a_hundredth_gets_nothing(stage: ChainDesk) -> None:
    async with stage.desk(OVERMIND_PRICE_WITNESS_URL=stage.honest.url) as app:
        await bought(stage, app)
        units, equity = app.engine.state.wallets[W1].positions[SOL].units, app.engine.state.equity_micros
        lie(stage, Fraction(1, 100))
        await stage.until(lambda: SOL in app.engine.state.doubted and bool(app.engine.state.wallets[W1].exits_placed))
        assert (await stage.buy(app, "low")).refusals[0].code is Code.PRICE_UNCONFIRMED
        await stage.until(lambda: not app.engine.state.open_orders)
        assert app.engine.state.wallets[W1].positions[SOL].units == units
        assert (app.engine.state.equity_micros, app.engine.state.holds) == (equity, {})
        assert sold(stage) == []


@pytest.mark.soak
@on_stage
async def test_a_server_that_shows_a_hundredfold_sells_nothing(stage: ChainDesk) -> None:
    async with stage.desk(OVERMIND_PRICE_WITNESS_URL=stage.honest.url) as app:
        await bought(stage, app)
        lie(stage, Fraction(100))
        await stage.until(lambda: SOL in app.engine.state.doubted)
        decision = await stage.buy(app, "high")
        assert (decision.status, decision.refusals[0].code) == (DecisionStatus.REFUSED, Code.PRICE_UNCONFIRMED)
        stage.router.spoils_prices = False
        await stage.until(lambda: SOL not in app.engine.state.doubted)
        stage.router.spoilt = set()
        assert isinstance(await stage.outcome(app, await stage.buy(app, "again")), Filled)


@on_stage
async def test_a_crash_that_both_show_is_sold_at_once(stage: ChainDesk) -> None:
    """The price falls by 70 % within a second; without the second source the desk would wait for minutes."""
    async with stage.desk(OVERMIND_PRICE_WITNESS_URL=stage.honest.url) as app:
        await bought(stage, app)
        price = stage.prices.pico[SOL] * 3 // 10
        stage.prices.pico[SOL] = price
        await stage.until(lambda: SOL not in app.engine.state.wallets[W1].positions)
        (micros,) = sold(stage)
        assert micros >= price * 9 // 10 * MICROS // 10**12


@on_stage
async def test_without_an_answer_of_the_second_source_nothing_is_bought(stage: ChainDesk) -> None:
    async with stage.desk(OVERMIND_PRICE_WITNESS_URL="http://127.0.0.1:9") as app:
        await stage.until(lambda: SOL in app.engine.state.doubted)
        refusal = (await stage.buy(app, "in")).refusals[0]
        assert refusal.code is Code.PRICE_UNCONFIRMED
        assert "the second source has no price" in str(refusal.actual)


def rival(stage: ChainDesk) -> dict[str, str]:
    """A second swap server, and two nodes, instead of a second price source."""
    other = stage.net.url.replace("127.0.0.1", "localhost")
    return {"OVERMIND_SECOND_SWAP_URL": stage.honest.url, "OVERMIND_RPC_FALLBACK_URLS": other}


@on_stage
async def test_a_simulated_sale_confirms_a_crash(stage: ChainDesk) -> None:
    async with stage.desk(**rival(stage)) as app:
        await bought(stage, app)
        stage.prices.pico[SOL] = stage.prices.pico[SOL] * 3 // 10
        await stage.until(lambda: SOL not in app.engine.state.wallets[W1].positions)
        assert SOL in app.engine.state.doubted  # Nothing else confirms it: nothing is bought.
        assert (await stage.buy(app, "low")).refusals[0].code is Code.PRICE_UNCONFIRMED
        assert sum(sold(stage)) >= stage.prices.pico[SOL] * 9 // 10 * MICROS // 10**12
        await stage.agrees(app)


@on_stage
async def test_a_simulated_sale_denies_a_lie(stage: ChainDesk) -> None:
    async with stage.desk(**rival(stage)) as app:
        await bought(stage, app)
        lie(stage, Fraction(1, 100))
        await stage.until(lambda: SOL in app.engine.state.doubted)

        def denied() -> bool:
            witness = app.engine.state.doubted[SOL].witness
            return witness is not None and witness.of_sale and witness.price_pico > 140 * 10**12

        await stage.until(denied)
        await stage.until(lambda: not app.engine.state.open_orders)
        assert sold(stage) == []


@on_stage
async def test_an_oracle_on_the_chain_confirms_and_denies(stage: ChainDesk) -> None:
    """The account stands on the embedded chain, and the desk reads it through its node."""

    def publish(price_pico: int) -> None:
        now_s = stage.clock.now_ns() // NS
        sent = account(price=price_pico // 10**4, confidence=0, published_s=now_s)
        data = b64decode(sent["data"][0])
        stage.net.chain.set_account(ORACLE, Account(2_000_000, data, Pubkey.from_string(RECEIVER_PROGRAM)))

    feeds = f"SOL:{ORACLE}:{FEED.feed_id.hex()}"
    price = stage.prices.pico[SOL]
    publish(price)
    async with stage.desk(OVERMIND_PYTH_FEEDS=feeds) as app:
        await bought(stage, app)
        witness = app.engine.state.marks[SOL].witness
        assert witness is not None
        assert (witness.source, witness.price_pico) == ("pyth", price)
        publish(price * 2)
        await stage.until(lambda: SOL in app.engine.state.doubted)
        assert (await stage.buy(app, "denied")).refusals[0].code is Code.PRICE_UNCONFIRMED

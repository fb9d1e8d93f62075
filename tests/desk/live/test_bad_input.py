"""Bad answers to a live desk: the order ends with the right cause, its capital is released, and the other wallet trades
on.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from solders.account import Account
from tests.support.chain_desk import OWNERS, QUOTE, W1, W2, ChainDesk, on_stage

from overmind.core.books.book import OpenOrder
from overmind.core.model.codes import Code
from overmind.core.model.commands import CommandRefused
from overmind.core.model.enums import TradeAction
from overmind.core.model.ids import SOL, WalletId
from overmind.core.model.outcome import Cause, Expired, Filled, Outcome, Rejected
from overmind.core.model.units import MICROS, PPM
from overmind.desk.app import App
from overmind.ports import ChainSilent
from overmind.sandbox.localnet import Faults
from overmind.sandbox.maker.faults import Fault, MakerFaults
from overmind.solana.tokens import SYSTEM_PROGRAM
from overmind.views.decisions import Decision, DecisionStatus

TTL_NS = 1_500_000_000
SELL: dict[str, Any] = {"action": TradeAction.SELL}
UNANSWERED = frozenset({Cause.ROUTE_DOWN, Cause.SIGNAL_EXPIRED})  # the venue is asked again until the signal expires

REFUSED = {
    Fault.NULLS: Cause.BAD_QUOTE,
    Fault.SWAPPED_MINTS: Cause.BAD_QUOTE,
    Fault.OTHER_AMOUNT: Cause.BAD_QUOTE,
    Fault.ZERO_AMOUNT: Cause.BAD_QUOTE,
    Fault.ABSURD_AMOUNT: Cause.BAD_QUOTE,
    Fault.NEGATIVE_AMOUNT: Cause.BAD_QUOTE,
    Fault.NO_TRANSACTION: Cause.BAD_QUOTE,
    Fault.TELLS_OTHER_FEE_PAYER: Cause.BAD_QUOTE,
    Fault.PRICE_X100: Cause.SLIPPAGE,
    Fault.LESS_OUTPUT: Cause.NOT_VERIFIED,
    Fault.MORE_INPUT: Cause.NOT_VERIFIED,
    Fault.OTHER_RECIPIENT: Cause.NOT_VERIFIED,
    Fault.DRAIN_SOL: Cause.NOT_VERIFIED,
    Fault.DELEGATE: Cause.NOT_VERIFIED,
    Fault.OTHER_FEE_PAYER: Cause.NOT_VERIFIED,
    Fault.ABSURD_FEE: Cause.NOT_VERIFIED,
    Fault.NOT_COSIGNED: Cause.NOT_VERIFIED,
}
SILENT = (
    Fault.NEVER_ANSWERS,
    Fault.HTML,
    Fault.TRUNCATED,
    Fault.NOT_AN_OBJECT,
    Fault.ENDLESS,
    Fault.SERVER_ERROR,
    Fault.UNAUTHORIZED,
    Fault.EXPIRED_BLOCKHASH,
    Fault.RATE_LIMITED,
    Fault.ABSURD_NUMBER,
)
OUTAGES = (
    Faults(html_ppm=PPM),
    Faults(truncated_ppm=PPM),
    Faults(wrong_json_ppm=PPM),
    Faults(nulls_ppm=PPM),
    Faults(unhealthy_ppm=PPM),
    Faults(min_context_ppm=PPM),
    Faults(too_many_requests_ppm=PPM),
    Faults(silence_ppm=PPM, silence_s=0.5),
)


def cause(outcome: Outcome) -> Cause | None:
    return outcome.cause if isinstance(outcome, Rejected) else None


def codes(decision: Decision) -> set[Code]:
    assert decision.status is DecisionStatus.REFUSED, decision
    return {refusal.code for refusal in decision.refusals}


def held(app: App, wallet_id: WalletId) -> int:
    """All held units of a wallet."""
    state = app.engine.state
    accounts = state.wallets[wallet_id].accounts
    names = (accounts.held, accounts.sol_float_held)
    return sum(state.ledger.balance(name, mint) for name in names for mint in (QUOTE.mint, SOL))


def test_every_fault_of_a_swap_server_has_its_row() -> None:
    assert {*REFUSED, *SILENT, Fault.SLOW} == set(Fault)


@on_stage
async def test_offers_that_must_not_be_taken(stage: ChainDesk) -> None:
    stage.router.spoilt = {W1}
    async with stage.desk() as app:
        for fault, expected in REFUSED.items():
            stage.spoilt.faults = MakerFaults((fault,))
            outcome = await stage.outcome(app, await stage.buy(app, fault))
            assert cause(outcome) is expected, (fault, outcome)
            assert held(app, W1) == 0
        assert isinstance(await stage.outcome(app, await stage.buy(app, "other", W2)), Filled)
        assert not app.engine.state.holds
        await stage.agrees(app)


@on_stage
async def test_an_exit_is_not_sold_for_a_bad_offer_either(stage: ChainDesk) -> None:
    async with stage.desk() as app:
        assert isinstance(await stage.outcome(app, await stage.buy(app, "in")), Filled)
        stage.router.spoilt = {W1}
        for fault, expected in REFUSED.items():
            stage.spoilt.faults = MakerFaults((fault,))
            outcome = await stage.outcome(app, await stage.buy(app, f"out-{fault}", **SELL))
            assert cause(outcome) is expected, (fault, outcome)
            assert held(app, W1) == 0
        stage.router.spoilt = set()
        assert isinstance(await stage.outcome(app, await stage.buy(app, "out", **SELL)), Filled)
        assert not app.engine.state.holds
        await stage.agrees(app)


@pytest.mark.soak
@on_stage
async def test_a_server_that_gives_no_answer(stage: ChainDesk) -> None:
    """The server is asked again; while one wallet waits, the other trades."""
    stage.router.spoilt = {W1}
    async with stage.desk() as app:
        for fault in SILENT:
            stage.spoilt.faults = MakerFaults((fault,))
            waiting = await stage.buy(app, fault, ttl_ns=TTL_NS)
            served = await stage.buy(app, f"other-{fault}", W2)
            assert isinstance(await stage.outcome(app, served), Filled), fault
            assert cause(await stage.outcome(app, waiting)) in UNANSWERED, fault
            assert held(app, W1) == 0
        stage.spoilt.faults = MakerFaults((Fault.SLOW,), slow_s=0.5)
        assert isinstance(await stage.outcome(app, await stage.buy(app, "slow")), Filled)
        assert not app.engine.state.holds
        await stage.agrees(app)


@on_stage
async def test_a_server_that_is_mostly_out_of_order(stage: ChainDesk) -> None:
    """Every second answer is spoilt: the orders that succeed are correct."""
    stage.router.spoilt = {W1, W2}
    stage.spoilt.faults = MakerFaults((*REFUSED, Fault.HTML, Fault.TRUNCATED, Fault.SERVER_ERROR), PPM // 2, seed=5)
    async with stage.desk() as app:
        placed = [await stage.buy(app, number, (W1, W2)[number % 2]) for number in range(16)]
        outcomes = [await stage.outcome(app, one) for one in placed]
        assert {type(one) for one in outcomes} == {Filled, Rejected}
        assert not app.engine.state.holds
        await stage.agrees(app)


@on_stage
async def test_prices_that_jump_a_hundredfold(stage: ChainDesk) -> None:
    """A price that jumps too far is doubted: nothing is bought, and a sale counts from the last price before it."""
    async with stage.desk() as app:
        assert isinstance(await stage.outcome(app, await stage.buy(app, "in")), Filled)
        before = app.engine.state.marks[SOL].price_pico
        stage.spoilt.faults = MakerFaults((Fault.PRICE_X100,))
        stage.router.spoils_prices = True
        await stage.until(lambda: SOL in app.engine.state.doubted)
        assert app.engine.state.doubted[SOL].price_pico == 100 * before
        assert Code.PRICE_UNCONFIRMED in codes(await stage.buy(app, "high", W2))
        assert isinstance(await stage.outcome(app, await stage.buy(app, "sell-high", **SELL)), Filled)
        assert app.engine.state.marks[SOL].price_pico == before
        stage.router.spoils_prices = False
        await stage.until(lambda: SOL not in app.engine.state.doubted)
        assert isinstance(await stage.outcome(app, await stage.buy(app, "again")), Filled)
        assert not app.engine.state.holds
        await stage.agrees(app)


@on_stage
async def test_a_market_that_jumps_between_mark_and_quote(stage: ChainDesk) -> None:
    """The feed has the old price, the swap server trades at a new one."""
    async with stage.desk() as app:
        assert isinstance(await stage.outcome(app, await stage.buy(app, "in")), Filled)
        old = app.engine.state.marks[SOL].price_pico
        stage.spoilt.faults = MakerFaults((Fault.HTML,))
        stage.router.spoils_prices = True  # From here on the mark does not change.
        stage.prices.pico[SOL] = old // 100
        assert cause(await stage.outcome(app, await stage.buy(app, "too-good"))) is Cause.QUOTE_OFF_MARK
        assert cause(await stage.outcome(app, await stage.buy(app, "too-bad", **SELL))) is Cause.SLIPPAGE
        stage.prices.pico[SOL] = old * 100
        assert cause(await stage.outcome(app, await stage.buy(app, "too-dear"))) is Cause.SLIPPAGE
        assert isinstance(await stage.outcome(app, await stage.buy(app, "windfall", **SELL)), Filled)
        assert not app.engine.state.holds
        await stage.agrees(app)


@pytest.mark.soak
@on_stage
async def test_prices_that_cannot_be_had(stage: ChainDesk) -> None:
    """Without prices at the start nothing is traded. Later the last ones age, and entries are refused."""
    stage.router.spoils_prices = True
    stage.spoilt.faults = MakerFaults((Fault.HTML,))
    async with stage.desk(OVERMIND_MARK_AGE_MAX_MS="3000") as app:
        assert Code.PRICE_MISSING in codes(await stage.buy(app, "blind"))
        for fault in (Fault.HTML, Fault.NULLS, Fault.TRUNCATED, Fault.SERVER_ERROR):
            stage.router.spoils_prices = False
            await stage.until(lambda: is_fresh(app))
            assert isinstance(await stage.outcome(app, await stage.buy(app, f"before-{fault}")), Filled)
            stage.spoilt.faults = MakerFaults((fault,))
            stage.router.spoils_prices = True
            await stage.until(lambda: not is_fresh(app))
            assert Code.PRICE_STALE in codes(await stage.buy(app, f"after-{fault}"))
        await stage.agrees(app)


def is_fresh(app: App) -> bool:
    mark, age_max_ns = app.engine.state.marks.get(SOL), app.engine.state.settings.mark_age_max_ns
    return mark is not None and app.clock.now_ns() - mark.at_ns <= age_max_ns


@on_stage
async def test_what_must_be_protected_is_not_sent_through_a_public_route(stage: ChainDesk) -> None:
    async with stage.desk() as app:
        assert Code.NO_PROTECTED_ROUTE in codes(await stage.buy(app, "in", mev_protected=True))
        assert held(app, W1) == 0
        assert isinstance(await stage.outcome(app, await stage.buy(app, "public")), Filled)
        assert isinstance(await stage.outcome(app, await stage.buy(app, "out", mev_protected=True, **SELL)), Filled)
        await stage.agrees(app)


@on_stage
async def test_a_token_that_the_server_has_no_price_of(stage: ChainDesk) -> None:
    """The desk has a price, so the gate lets it pass; there is no route in any wallet."""
    async with stage.desk() as app:
        del stage.prices.pico[SOL]
        assert cause(await stage.outcome(app, await stage.buy(app, "in"))) is Cause.NO_LIQUIDITY
        await stage.agrees(app)


@on_stage
async def test_a_cluster_that_is_another_one(stage: ChainDesk) -> None:
    for cluster, words in (("devnet", "not to devnet"), ("mainnet", "does not trade live on mainnet")):
        with pytest.raises(CommandRefused, match=words):
            async with stage.desk(OVERMIND_CLUSTER=cluster, OVERMIND_MAINNET_OPT_IN="I-accept-real-money"):
                raise AssertionError("it started")
    assert not list(stage.journal.read())


@on_stage
async def test_a_chain_that_cannot_be_reached_at_the_start(stage: ChainDesk) -> None:
    """The error names the host, without its credentials, before anything is journaled."""
    secret = "http://key:hunter2@127.0.0.1:9/hunter2?api=hunter2"
    with pytest.raises(ChainSilent, match=r"127\.0\.0\.1:9") as refused:
        async with stage.desk(SNIPER_SOLANA_RPC_URL=secret):
            raise AssertionError("it started")
    assert "hunter2" not in str(refused.value)
    for outage in OUTAGES:
        stage.net.chain.set_faults(outage)
        if outage.nulls_ppm:
            continue  # A genesis hash has no optional field.
        with pytest.raises(ChainSilent, match=r"127\.0\.0\.1"):
            async with stage.desk():
                raise AssertionError("it started")
    assert not list(stage.journal.read())


@pytest.mark.soak
@on_stage
async def test_a_chain_that_is_lost_and_comes_back(stage: ChainDesk) -> None:
    """Whatever the nodes answer meanwhile, an order ends with its true outcome."""
    async with stage.desk() as app:
        for number, outage in enumerate(OUTAGES):
            placed = [await stage.buy(app, f"before-{number}")]
            stage.net.chain.set_faults(outage)
            placed.append(await stage.buy(app, f"during-{number}", W2))
            await app.clock.sleep(0.5)
            stage.net.chain.set_faults(Faults())
            for one in placed:
                outcome = await stage.outcome(app, one)
                assert isinstance(outcome, Filled | Expired) or cause(outcome) in UNANSWERED, (outage, outcome)
        assert not app.engine.state.holds
        await stage.agrees(app)


@pytest.mark.soak
@on_stage
async def test_a_chain_that_is_lost_once_a_ticket_is_recorded(stage: ChainDesk) -> None:
    """It may or may not have been sent, and no node answers: the capital stays held until the chain has decided."""
    async with stage.desk() as app:
        for number, outage in enumerate(OUTAGES):
            decision = await stage.buy(app, number)
            assert decision.order_id is not None
            known = app.engine.state.open_orders[decision.order_id]
            await stage.until(partial(has_ticket, known))
            stage.net.chain.set_faults(outage)
            await app.clock.sleep(0.3)
            if decision.order_id in app.engine.state.open_orders:
                assert held(app, W1) >= known.order.spend.units
            stage.net.chain.set_faults(Faults())
            assert isinstance(await stage.outcome(app, decision), Filled | Expired), outage
        assert not app.engine.state.holds
        await stage.agrees(app)


def has_ticket(known: OpenOrder) -> bool:
    return known.ticket is not None


@on_stage
async def test_transactions_that_get_lost(stage: ChainDesk) -> None:
    """A dropped transaction is sent again as the same bytes; a late or duplicated one is one fill."""
    stage.net.chain.set_faults(
        Faults(drop_ppm=PPM // 2, delay_ppm=PPM // 4, duplicate_ppm=PPM // 4, status_lag_slots=3, seed=3)
    )
    async with stage.desk() as app:
        placed = [await stage.buy(app, number, (W1, W2)[number % 2]) for number in range(10)]
        outcomes = [await stage.outcome(app, one) for one in placed]
        assert {type(one) for one in outcomes} <= {Filled, Expired}
        await stage.agrees(app)


@on_stage
async def test_amounts_that_are_absurd(stage: ChainDesk) -> None:
    """One base unit buys nothing, and a billion dollars is no valid order."""
    async with stage.desk(OVERMIND_ORDER_MIN_USD="0", OVERMIND_EXPECTED_COST_MAX_BPS="0") as app:
        tiny = await stage.buy(app, "tiny", notional_micros=1)
        assert cause(await stage.outcome(app, tiny)) in (Cause.NO_LIQUIDITY, Cause.QUOTE_OFF_MARK, Cause.SLIPPAGE, None)
        assert (await stage.buy(app, "huge", notional_micros=10**9 * MICROS)).status is DecisionStatus.REFUSED
        await stage.agrees(app)


@on_stage
async def test_a_wallet_without_sol_for_the_fee(stage: ChainDesk) -> None:
    """The books say that there is enough; the simulation finds that there is not."""
    async with stage.desk() as app:
        stage.net.chain.set_account(OWNERS[W1], Account(1_000, b"", SYSTEM_PROGRAM))
        outcome = await stage.outcome(app, await stage.buy(app, "poor"))
        # The deficit is found soon, and holds all entries.
        assert cause(outcome) in (Cause.WALLET_FUNDS, Cause.STOPPED), outcome

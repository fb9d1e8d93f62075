"""Mints that no list has, on an embedded chain: tried, bought, sold, and turned away (specification §15.14)."""

from __future__ import annotations

import json
from fractions import Fraction

from solders.account import Account
from solders.pubkey import Pubkey
from tests.support.chain_desk import W1, W2, ChainDesk, buy_signal, on_stage
from tests.support.maker_on_chain import NEW
from tests.support.token_bytes import address, extension, mint_bytes

from overmind.core.model.codes import Code
from overmind.core.model.enums import Side, StrategyType, TradeAction
from overmind.core.model.events import (
    CloseOrdered,
    MintAdmitted,
    MintForgotten,
    MintRefused,
    OrderClosed,
    OrderPlaced,
)
from overmind.core.model.mints import Flaw
from overmind.core.model.outcome import Cause, Filled, Rejected
from overmind.core.model.units import LAMPORTS
from overmind.desk.app import App
from overmind.sandbox.maker.faults import Fault, MakerFaults
from overmind.sandbox.maker.honeypots import Honeypot
from overmind.solana.tokens import TOKEN_2022_PROGRAM
from overmind.views.alarms import admission_alarms
from overmind.views.decisions import Decision, DecisionStatus

SNIPING = {"strategy": StrategyType.TOKEN_SNIPING, "mint": NEW.mint}
MALLORY = address("mallory")
SLOW = {"OVERMIND_WALLET_SELECTION_TIMEOUT_MS": "60000"}  # A busy machine is no reason to refuse.


def hide(stage: ChainDesk, extensions: bytes = b"") -> None:
    """Takes the new token off the list. Nobody may make units of it any more."""
    (stage.folder / "tokens.json").write_text(json.dumps({"localnet": []}))
    put_mint(stage, extensions)


def put_mint(stage: ChainDesk, extensions: bytes = b"", freeze: Pubkey | None = None) -> None:
    raw = mint_bytes(extensions, None, freeze)
    stage.net.chain.set_account(NEW.mint, Account(LAMPORTS, raw, TOKEN_2022_PROGRAM, False, 2**64 - 1))


async def snipe(stage: ChainDesk, app: App, number: int) -> Decision:
    return await stage.buy(app, number, **SNIPING)


async def why_refused(stage: ChainDesk, app: App, number: int) -> str:
    """What the refusal of a signal says of the mint."""
    decided = await snipe(stage, app, number)
    assert decided.status is DecisionStatus.REFUSED
    assert decided.refusals[0].code is Code.MINT_NOT_ADMITTED, decided
    return str(decided.refusals[0].actual)


@on_stage
async def test_a_new_mint_is_tried_bought_priced_kept_over_a_restart_and_sold(stage: ChainDesk) -> None:
    hide(stage)
    async with stage.desk(**SLOW) as app:
        assert NEW.mint not in app.engine.state.settings.tokens
        assert (await stage.buy(app, 1, mint=NEW.mint)).status is DecisionStatus.REFUSED  # Arbitrage may not.
        assert isinstance(await stage.outcome(app, await snipe(stage, app, 2)), Filled)
        (admitted,) = [entry.event for entry in stage.journal.read() if is_of_new(entry.event)]
        assert isinstance(admitted, MintAdmitted)
        assert admitted.token is not None
        assert (admitted.token.symbol, admitted.token.decimals) == ("2b1kV6…u24GXo", NEW.decimals)
        assert admitted.trial is not None
        assert 0.99 < admitted.trial.back_units / admitted.trial.spent_units < 1
        # The second buy asks for no look: the mint was seen in the last minute.
        assert isinstance(await stage.outcome(app, await snipe(stage, app, 3)), Filled)
        assert sum(is_of_new(entry.event) for entry in stage.journal.read()) == 1
        await stage.agrees(app)
    async with stage.desk(**SLOW) as app:
        state = app.engine.state
        before = state.price_pico(NEW.mint)
        stage.prices.pico[NEW.mint] = before * 101 // 100
        await stage.until(lambda: state.price_pico(NEW.mint) > before)
        sold = await stage.buy(app, 4, action=TradeAction.SELL, mint=NEW.mint)
        assert isinstance(await stage.outcome(app, sold), Filled)
        assert NEW.mint not in state.wallets[W1].positions
        await stage.agrees(app)


def is_of_new(event: object) -> bool:
    return isinstance(event, MintAdmitted | MintRefused | MintForgotten) and event.mint == NEW.mint


@on_stage
async def test_what_cannot_be_sold_again_is_not_bought(stage: ChainDesk) -> None:
    """Each look is made anew, because the desk starts anew."""
    hide(stage)
    honeypots = stage.honest.market.honeypots
    poor = {"OVERMIND_UNLISTED_LIQUIDITY_MIN_USD": "30000000"}
    rich = {"OVERMIND_UNLISTED_TRIAL_USD": "100000"}
    for number, (change, settings, flaw) in enumerate(
        (
            (lambda: honeypots.update({NEW.mint: Honeypot.REVERTS}), {}, Flaw.NOT_SALEABLE),
            (lambda: honeypots.update({NEW.mint: Honeypot.TAXED}), {}, Flaw.ROUND_TRIP_LOSS),
            (honeypots.clear, poor, Flaw.LOW_LIQUIDITY),
            (lambda: None, rich, Flaw.NOT_LOOKED_AT),  # No wallet has so much.
            (lambda: put_mint(stage, freeze=MALLORY), {}, Flaw.FREEZE_AUTHORITY),
            (lambda: put_mint(stage, extension(12, bytes(MALLORY))), {}, Flaw.PERMANENT_DELEGATE),
        )
    ):
        change()
        async with stage.desk(**SLOW, **settings) as app:
            assert flaw in await why_refused(stage, app, number)
            assert not app.engine.state.unlisted
    assert stage.placed(Side.BUY) == 0


@on_stage
async def test_a_liar_of_sales_is_believed_by_no_node(stage: ChainDesk) -> None:
    """The server of the trial offers what is no sale of this token, or what its signer has not signed."""
    hide(stage)
    stage.router.spoilt |= {W1, W2}
    for number, kind in enumerate((Fault.LESS_OUTPUT, Fault.NOT_COSIGNED, Fault.DRAIN_SOL, Fault.SWAPPED_MINTS)):
        stage.spoilt.faults = MakerFaults((kind,))
        async with stage.desk(**SLOW) as app:
            why = await why_refused(stage, app, number)
            assert Flaw.NOT_SALEABLE in why or Flaw.ROUND_TRIP_LOSS in why


@on_stage
async def test_a_first_price_that_one_server_invents_buys_nothing(stage: ChainDesk) -> None:
    """It sells at a hundredfold and would buy at a hundredfold: only another operator's sale tells."""
    hide(stage)
    stage.router.spoilt |= {W1, W2}
    stage.router.spoils_prices, stage.lies.times = True, Fraction(100)
    other_node = stage.net.url.replace("127.0.0.1", "localhost")
    second = {"OVERMIND_SECOND_SWAP_URL": stage.honest.url, "OVERMIND_RPC_FALLBACK_URLS": other_node}
    async with stage.desk(**SLOW, **second) as app:
        assert Flaw.ROUND_TRIP_LOSS in await why_refused(stage, app, 1)
        assert stage.placed(Side.BUY) == 0


@on_stage
async def test_a_mint_that_changes_after_the_buy_alarms_and_is_sold(stage: ChainDesk) -> None:
    hide(stage)
    async with stage.desk(**SLOW, OVERMIND_ADMISSION_EXIT="true") as app:
        assert app.admission is not None
        assert isinstance(await stage.outcome(app, await snipe(stage, app, 1)), Filled)
        assert not admission_alarms(app.engine.state)
        stage.honest.market.honeypots[NEW.mint] = Honeypot.TAXED  # The market alone sells nothing, and buys nothing.
        app.admission.forget()
        assert Flaw.ROUND_TRIP_LOSS in await why_refused(stage, app, 2)
        assert not admission_alarms(app.engine.state)
        del stage.honest.market.honeypots[NEW.mint]
        put_mint(stage, freeze=MALLORY)
        await app.admission.look_at_all()
        assert any("FREEZE_AUTHORITY" in alarm for alarm in admission_alarms(app.engine.state))
        await stage.until(lambda: NEW.mint not in app.engine.state.wallets[W1].positions)
        events = [entry.event for entry in stage.journal.read()]
        assert [one.mint for one in events if isinstance(one, CloseOrdered)] == [NEW.mint]
        await stage.agrees(app)


@on_stage
async def test_the_last_look_before_the_signature_finds_the_honeypot(stage: ChainDesk) -> None:
    """The decision knew nothing of it; the order is never signed."""
    hide(stage)
    async with stage.desk(**SLOW) as app:
        assert app.admission is not None
        assert isinstance(await stage.outcome(app, await snipe(stage, app, 1)), Filled)
        stage.honest.market.honeypots[NEW.mint] = Honeypot.REVERTS
        app.admission.forget()
        decided = await app.engine.submit(buy_signal(2, **SNIPING))
        placed = decided.events[0]
        assert isinstance(placed, OrderPlaced)
        await stage.until(lambda: placed.order.id not in app.engine.state.open_orders)
        closed = [e.event for e in stage.journal.read() if isinstance(e.event, OrderClosed)][-1]
        assert isinstance(closed.outcome, Rejected)
        assert closed.outcome.cause is Cause.MINT_NOT_ADMITTED
        assert "NOT_SALEABLE" in closed.outcome.detail

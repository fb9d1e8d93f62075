"""Mints with teeth on an embedded chain: never bought, and sold where the policy says so (specification §15)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from fastapi.routing import APIRoute
from solders.account import Account
from solders.pubkey import Pubkey
from tests.support.chain_desk import CASH_UNITS, OWNERS, QUOTE, W1, W2, ChainDesk, on_stage
from tests.support.maker_on_chain import NEW
from tests.support.token_bytes import account_bytes, address, extension, mint_bytes

from overmind.core.model.codes import Code
from overmind.core.model.enums import Side
from overmind.core.model.events import CloseOrdered, MintRefused
from overmind.core.model.ids import SOL
from overmind.core.model.outcome import Cause, Filled, Rejected
from overmind.core.model.units import LAMPORTS
from overmind.desk.app import App
from overmind.http.health import ServiceHealth
from overmind.solana.tokens import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, ata
from overmind.views.alarms import admission_alarms
from overmind.views.decisions import DecisionStatus

MALLORY, ISSUER = address("mallory"), address("issuer")
BOTH = {"declared": {"authorities": {"mint": str(ISSUER), "freeze": str(ISSUER)}}}


def put_mint(stage: ChainDesk, extensions: bytes = b"", freeze: Pubkey | None = None) -> None:
    """Replaces the mint of the new token. It keeps its issuer and its supply."""
    raw = mint_bytes(extensions, ISSUER, freeze)
    stage.net.chain.set_account(NEW.mint, Account(LAMPORTS, raw, TOKEN_2022_PROGRAM, False, 2**64 - 1))


def declare(stage: ChainDesk, more: Mapping[str, object]) -> None:
    entry = {"symbol": NEW.symbol, "mint": NEW.mint, "decimals": NEW.decimals, "program": NEW.program, **more}
    (stage.folder / "tokens.json").write_text(json.dumps({"localnet": [entry]}))


async def look(app: App) -> None:
    assert app.admission is not None
    await app.admission.look_at_all()


@on_stage
async def test_a_stranger_with_a_permanent_delegate_is_paid_nothing(stage: ChainDesk) -> None:
    put_mint(stage, extension(12, bytes(MALLORY)))
    async with stage.desk() as app:
        decided = await stage.buy(app, 1, mint=NEW.mint)
        assert decided.status is DecisionStatus.REFUSED
        assert decided.refusals[0].code is Code.MINT_NOT_ADMITTED
        # Another token is bought, and no alarm rings for one that nobody holds.
        assert isinstance(await stage.outcome(app, await stage.buy(app, 2)), Filled)
        assert not admission_alarms(app.engine.state)
        await stage.agrees(app)


@on_stage
async def test_a_token_whose_issuer_is_declared_is_bought_until_another_takes_its_place(stage: ChainDesk) -> None:
    declare(stage, BOTH)
    put_mint(stage, freeze=ISSUER)
    async with stage.desk(OVERMIND_ADMISSION_EXIT="true", OVERMIND_ADMISSION="strict") as app:
        assert app.engine.state.settings.admission == "strict"
        assert await _bought(stage, app) == DecisionStatus.REFUSED  # The localnet's own USDC is not declared.
    async with stage.desk(OVERMIND_ADMISSION_EXIT="true") as app:
        assert await _bought(stage, app) == DecisionStatus.PLACED
        put_mint(stage, freeze=MALLORY)
        await look(app)
        assert any("NEW is not admitted: DEVIATION" in alarm for alarm in admission_alarms(app.engine.state))
        await stage.until(lambda: NEW.mint not in app.engine.state.wallets[W1].positions)
        events = [entry.event for entry in stage.journal.read()]
        assert [one.mint for one in events if isinstance(one, MintRefused)][-1] == NEW.mint
        assert [one.mint for one in events if isinstance(one, CloseOrdered)] == [NEW.mint]
        await stage.agrees(app)
        assert not admission_alarms(app.engine.state)


async def _bought(stage: ChainDesk, app: App) -> DecisionStatus:
    decided = await stage.buy(app, f"n{app.engine.state.seq}", mint=NEW.mint)
    if decided.status is DecisionStatus.PLACED:
        assert isinstance(await stage.outcome(app, decided), Filled)
    return decided.status


@on_stage
async def test_the_last_look_before_the_buy_ends_the_order(stage: ChainDesk) -> None:
    """The decision knew nothing of the change; the order is never signed."""
    async with stage.desk() as app:
        assert app.admission is not None
        put_mint(stage, extension(26, bytes(MALLORY) + b"\0"))
        app.admission.forget()
        outcome = await stage.outcome(app, await stage.buy(app, 1, mint=NEW.mint))
        assert isinstance(outcome, Rejected)
        assert outcome.cause is Cause.MINT_NOT_ADMITTED
        assert "PAUSABLE" in outcome.detail
        assert not (await stage.buy(app, 2, mint=NEW.mint)).orders


@on_stage
async def test_an_account_with_a_strangers_delegate_is_not_used(stage: ChainDesk) -> None:
    owner, mint = Pubkey.from_string(OWNERS[W1]), Pubkey.from_string(QUOTE.mint)
    raw = account_bytes(mint, owner, CASH_UNITS, delegate=MALLORY)
    place = str(ata(owner, mint, TOKEN_PROGRAM))
    stage.net.chain.set_account(place, Account(2_039_280, raw, TOKEN_PROGRAM, False, 2**64 - 1))
    async with stage.desk(OVERMIND_ATTEMPTS_MAX="2") as app:
        outcome = await stage.outcome(app, await stage.buy(app, 2, W1))
        assert isinstance(outcome, Rejected)
        assert outcome.cause is Cause.ACCOUNT_UNSAFE
        assert str(MALLORY) in outcome.detail
        assert isinstance(await stage.outcome(app, await stage.buy(app, 3, W2)), Filled)
        (alarm,) = admission_alarms(app.engine.state)
        assert alarm.startswith("the account of w1 for USDC is not used")
        routes = ServiceHealth(app, None).routes().routes
        (readyz,) = (one for one in routes if isinstance(one, APIRoute) and one.path == "/readyz")
        answer = await readyz.endpoint()
        assert answer.status_code == 503
        assert alarm in json.loads(answer.body)["reasons"]
        assert stage.placed(Side.SELL) == 0
        assert SOL not in app.engine.state.wallets[W1].positions

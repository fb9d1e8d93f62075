"""A backup that is restored on an embedded chain: no order is executed twice, whether or not a node has the history."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from tests.desk.live.test_balances import owned, steal, taken_sol
from tests.support.chain_desk import DRAIN_S, OWNERS, PATIENCE_S, W1, W2, ChainDesk, on_stage

from overmind.config import MultiWalletConfig
from overmind.core.books.wallet_limits import RESTORED
from overmind.core.control.balances import unknown_signature_cause
from overmind.core.model.commands import CommandRefused, LiftHold
from overmind.core.model.controls import Scope
from overmind.core.model.enums import TradeAction
from overmind.core.model.ids import SOL
from overmind.core.model.units import LAMPORTS
from overmind.desk.app import App
from overmind.desk.market import connected
from overmind.desk.running import running
from overmind.journal.sqlite import SqliteJournal
from overmind.views.decisions import DecisionStatus

NEVER = 2**40


@asynccontextmanager
async def on_disk(stage: ChainDesk) -> AsyncIterator[App]:
    """A start of the desk on its journal on disk, anchored outside of its folder."""
    # Every price is journaled, so that a desk which does nothing has entries all the same.
    more = {"OVERMIND_BALANCE_CHECK_INTERVAL_SEC": "86400", "OVERMIND_MARK_HEARTBEAT_MS": "0"}
    config = MultiWalletConfig.from_env(stage.environment(**more), dotenv=None)
    with closing(SqliteJournal.open(stage.folder / "overmind.db")) as journal:
        async with (
            connected(config, stage.clock) as connect,
            running(App(config, journal, stage.clock, connect), DRAIN_S) as app,
        ):
            yield app


async def traded(stage: ChainDesk, app: App, name: str, action: TradeAction) -> None:
    decision = await stage.buy(app, name, action=action)
    assert decision.status is DecisionStatus.PLACED, decision
    assert await app.settle_finally(PATIENCE_S)


def back_up(stage: ChainDesk) -> None:
    shutil.copy(stage.folder / "overmind.db", stage.folder / "backup")


def restore(stage: ChainDesk) -> None:
    shutil.copy(stage.folder / "backup", stage.folder / "overmind.db")
    for rest in stage.folder.glob("overmind.db-*"):
        rest.unlink()


def landed(stage: ChainDesk) -> list[str]:
    return [one.signature for one in stage.net.chain.history.of_address(OWNERS[W1])]


async def is_known(stage: ChainDesk, app: App) -> None:
    await stage.until(lambda: RESTORED not in app.engine.state.holds)


@on_stage
async def test_a_sale_after_the_backup_is_not_made_again(stage: ChainDesk) -> None:
    async with on_disk(stage) as app:
        await traded(stage, app, "in", TradeAction.BUY)
    back_up(stage)
    async with on_disk(stage) as app:
        await traded(stage, app, "out", TradeAction.SELL)
        sold = owned(app, W1, SOL)
    before = landed(stage)
    restore(stage)
    async with on_disk(stage) as app:
        assert RESTORED in app.engine.state.holds
        assert owned(app, W1, SOL) > sold, "the copy does not know of the sale"
        again = await stage.buy(app, "out", action=TradeAction.SELL)
        assert again.status is DecisionStatus.REFUSED
        await stage.until(lambda: unknown_signature_cause(W1) in app.engine.state.holds)
        assert app.balances is not None
        with pytest.raises(CommandRefused, match="accept-history w1"):
            await app.balances.accept(W1, "what the log names")
        assert RESTORED in app.engine.state.holds
        await app.balances.accept_history(W1, "the log names the sale of yesterday")
        await is_known(stage, app)
        assert owned(app, W1, SOL) == sold
        await stage.agrees(app)
    assert landed(stage) == before


@pytest.mark.soak
@on_stage
async def test_a_buy_after_the_backup_is_not_made_again(stage: ChainDesk) -> None:
    """Its sender repeats the signal, since it has no answer from this copy."""
    async with on_disk(stage):
        pass
    back_up(stage)
    async with on_disk(stage) as app:
        await traded(stage, app, "in", TradeAction.BUY)
        bought = owned(app, W1, SOL)
    before = landed(stage)
    restore(stage)
    async with on_disk(stage) as app:
        again = await stage.buy(app, "in")
        assert again.status is DecisionStatus.REFUSED
        await stage.until(lambda: unknown_signature_cause(W1) in app.engine.state.holds)
        assert app.balances is not None
        await app.balances.accept_history(W1, "the log names the buy")
        await is_known(stage, app)
        assert owned(app, W1, SOL) == bought
        await stage.agrees(app)
    assert landed(stage) == before


@pytest.mark.soak
@on_stage
async def test_a_backup_that_missed_no_trade_goes_on_by_itself(stage: ChainDesk) -> None:
    async with on_disk(stage) as app:
        await traded(stage, app, "in", TradeAction.BUY)
    back_up(stage)
    async with on_disk(stage):
        pass
    restore(stage)
    async with on_disk(stage) as app:
        assert RESTORED in app.engine.state.holds
        await is_known(stage, app)
        await traded(stage, app, "out", TradeAction.SELL)
        await stage.agrees(app)


@on_stage
async def test_a_node_without_history_proves_nothing(stage: ChainDesk) -> None:
    """It answers that there is nothing. Another that has it, or an operator, ends the wait."""
    async with on_disk(stage) as app:
        await traded(stage, app, "in", TradeAction.BUY)
    back_up(stage)
    async with on_disk(stage):
        pass
    restore(stage)
    history = stage.net.chain.history
    history._forgotten_slot = NEVER
    async with on_disk(stage) as app:
        reading = app.history
        assert reading is not None
        await stage.until(lambda: stage.net.chain.blocks.root_height > reading.valid_to > 0)
        for _ in range(3):
            await reading.read()
        assert RESTORED in app.engine.state.holds
        with pytest.raises(CommandRefused, match="accept-history"):
            await app.engine.handle(LiftHold(Scope(), RESTORED, "in a hurry"))
        assert app.balances is not None
        await app.balances.accept_history(W1, "the explorer shows no transaction")
        assert RESTORED in app.engine.state.holds, "W2 is not known"
        history._forgotten_slot = -1
        await is_known(stage, app)
        await traded(stage, app, "out", TradeAction.SELL)


@pytest.mark.soak
@on_stage
async def test_a_node_that_lost_what_the_journal_has_checked_proves_nothing(stage: ChainDesk) -> None:
    async with on_disk(stage) as app:
        await traded(stage, app, "in", TradeAction.BUY)
    back_up(stage)
    async with on_disk(stage):
        pass
    restore(stage)
    lists = stage.net.chain.history._by_address
    kept = lists.pop(OWNERS[W1])
    async with on_disk(stage) as app:
        reading = app.history
        assert reading is not None
        await stage.until(lambda: stage.net.chain.blocks.root_height > reading.valid_to > 0)
        await reading.read()
        assert RESTORED in app.engine.state.holds
        lists[OWNERS[W1]] = kept
        await is_known(stage, app)


@pytest.mark.soak
@on_stage
async def test_a_gap_in_a_nodes_history_hides_no_sale(stage: ChainDesk) -> None:
    """It lists a newer payment and not the sale. No check may take the payment as the end of what was read."""
    async with on_disk(stage) as app:
        await traded(stage, app, "in", TradeAction.BUY)
    back_up(stage)
    async with on_disk(stage) as app:
        await traded(stage, app, "out", TradeAction.SELL)
    restore(stage)
    listed = stage.net.chain.history._by_address[OWNERS[W1]]
    sale = listed.pop()
    stage.net.chain.airdrop(OWNERS[W1], LAMPORTS)
    await stage.until(lambda: len(landed(stage)) > 0 and landed(stage)[0] != sale.signature)
    async with on_disk(stage) as app:
        assert app.balances is not None
        await app.balances.check(W1)
        listed.insert(len(listed) - 1, sale)
        await stage.until(lambda: unknown_signature_cause(W1) in app.engine.state.holds)
        assert RESTORED in app.engine.state.holds


@pytest.mark.soak
@on_stage
async def test_a_journal_without_an_anchor_is_compared_with_the_chain_first(stage: ChainDesk) -> None:
    """A backup on a new machine has none."""
    async with on_disk(stage) as app:
        await traded(stage, app, "in", TradeAction.BUY)
    shutil.rmtree(stage.folder.with_name(f"{stage.folder.name}-anchors"))
    async with on_disk(stage) as app:
        assert RESTORED in app.engine.state.holds
        await is_known(stage, app)


@on_stage
async def test_a_journal_that_was_restored_with_its_anchor_is_found_out_by_the_chain(stage: ChainDesk) -> None:
    async with on_disk(stage) as app:
        await traded(stage, app, "in", TradeAction.BUY)
    await steal(stage, *taken_sol(LAMPORTS))
    async with on_disk(stage) as app:
        assert {RESTORED, unknown_signature_cause(W1)} <= app.engine.state.holds.keys()
        assert app.balances is not None
        await app.balances.accept_history(W1, "another host had the same key")
        await app.balances.accept_history(W2, "nothing since")
        assert not app.engine.state.holds
        await stage.agrees(app)

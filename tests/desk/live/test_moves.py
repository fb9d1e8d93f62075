"""Capital that moves by itself on a real chain: after each move books and chain are one to the lamport, and whoever
watches the balances takes neither end of it for a theft or a gift."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import pytest
from msgspec.structs import replace
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from tests.desk.live.test_balances import alarms, deposits, owned
from tests.support.chain_desk import CASH_UNITS, FLOAT_LAMPORTS, OWNERS, QUOTE, W1, W2, ChainDesk, on_stage
from tests.support.maker_on_chain import BONK, NEW

from overmind.core.books.ledger import RENT
from overmind.core.model.commands import (
    CancelMove,
    CommandRefused,
    EmergencyStop,
    ReactivateWallet,
    Rebalance,
    Withdraw,
)
from overmind.core.model.enums import MoveKind, TradeAction
from overmind.core.model.events import MoveClosed, MovePlaced, MoveRolledBack, OrderPlaced
from overmind.core.model.ids import SOL, Mint, OrderId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.outcome import Cause, Filled, Outcome, Rejected
from overmind.core.model.units import LAMPORTS, MICROS, PPM
from overmind.desk.app import App
from overmind.sandbox.localnet import Faults
from overmind.solana.tokens import TOKEN_PROGRAMS, ata

VAULT, VAULT_KEY, COLD = WalletId("vault"), Keypair.from_seed(bytes([80] * 32)), Keypair.from_seed(bytes([81] * 32))
COLD_ADDRESS: Final = str(COLD.pubkey())
UNEVEN: Final = {"OVERMIND_MANAGED_WALLETS": f"{W1}:env:W1_KEY:primary:medium:0.25,{W2}:env:W2_KEY:hft:high:0.75"}
WITH_A_VAULT: Final = {
    "OVERMIND_MANAGED_WALLETS": (
        f"{W1}:env:W1_KEY:primary:medium:0.5,{W2}:env:W2_KEY:hft:high:0.5,{VAULT}:env:VAULT_KEY:emergency:low:0"
    ),
    "VAULT_KEY": str(VAULT_KEY),
}
SLOW: Final = {"OVERMIND_RPC_REQUESTS_PER_SEC": "4"}  # sends wait for seconds
FORK_SLOTS: Final = 20
BLOCKS: Final = 300  # more than the life of a ticket
LATE_SLOTS: Final = 100  # a second: longer than the pause between two looks on a busy machine


def outcomes(stage: ChainDesk, kind: MoveKind) -> list[Outcome]:
    """The outcomes as first booked."""
    events = [one.event for one in stage.journal.read()]
    closed = {one.move_id: one.outcome for one in events if isinstance(one, MoveClosed)}
    return [closed[one.move.id] for one in events if isinstance(one, MovePlaced) and one.move.kind is kind]


def count(stage: ChainDesk, kind: MoveKind) -> int:
    events = [one.event for one in stage.journal.read()]
    placed = {one.move.id for one in events if isinstance(one, MovePlaced) and one.move.kind is kind}
    return sum(isinstance(one, MoveClosed) and one.move_id in placed for one in events)


async def quiet(stage: ChainDesk, app: App) -> None:
    """Books and chain agree, also after a check of every wallet, and none of our moves was taken for a deposit or a
    theft.
    """
    await stage.agrees(app)
    assert app.balances is not None
    await app.balances.check_all()
    await stage.agrees(app)
    assert alarms(stage) <= {"emergency"}
    assert len(deposits(stage)) == 4


async def quiet_after_a_restart(stage: ChainDesk, **more: str) -> None:
    async with stage.desk(**more) as app:
        await quiet(stage, app)


def on_chain(stage: ChainDesk, owner: str, mint: Mint = SOL) -> int:
    """Lamports of that owner, or units of its token account; 0: there is none."""
    address = owner
    if mint != SOL:
        program = TOKEN_PROGRAMS[NEW.program if mint == NEW.mint else QUOTE.program]
        address = str(ata(Pubkey.from_string(owner), Pubkey.from_string(mint), program))
    account = stage.net.chain.accounts.get(address)
    return account.lamports if account is not None else 0


@on_stage
async def test_a_rebalance(stage: ChainDesk) -> None:
    async with stage.desk(**UNEVEN) as app:
        await app.engine.handle(Rebalance("so that each has its share", by_operator=True))
        await quiet(stage, app)
        assert [type(one) for one in outcomes(stage, MoveKind.REBALANCE)] == [Filled]
        total = sum(app.engine.state.wallets[one].equity_micros for one in OWNERS)
        off = app.engine.state.wallets[W2].equity_micros - total * 3 // 4
        assert abs(off) < MICROS
    await quiet_after_a_restart(stage, **UNEVEN)


@on_stage
async def test_a_rebalance_that_nobody_asked_for(stage: ChainDesk) -> None:
    often = {"OVERMIND_AUTO_REBALANCE_ENABLED": "true", "OVERMIND_REBALANCE_INTERVAL_SEC": "1"}
    async with stage.desk(**UNEVEN, **often) as app:
        await stage.until(lambda: count(stage, MoveKind.REBALANCE) == 1)
        await quiet(stage, app)
        assert count(stage, MoveKind.REBALANCE) == 1  # Inside the bands nothing is due.


@on_stage
async def test_a_top_up_by_the_richest(stage: ChainDesk) -> None:
    stage.net.chain.airdrop(OWNERS[W1], 80 * LAMPORTS)
    # A desk that starts before it is confirmed finds nobody who can give: each wallet then buys for itself.
    await stage.until(partial(stage.has, OWNERS[W1], SOL, FLOAT_LAMPORTS + 80 * LAMPORTS))
    async with stage.desk(OVERMIND_FLOAT_LOW_SOL="25", OVERMIND_FLOAT_TARGET_SOL="30") as app:
        await stage.until(lambda: count(stage, MoveKind.TOP_UP) == 1)
        await quiet(stage, app)
        assert owned(app, W2, SOL) == 30 * LAMPORTS
        assert count(stage, MoveKind.TOP_UP) == 1
    await quiet_after_a_restart(stage)


@on_stage
async def test_a_top_up_by_a_swap(stage: ChainDesk) -> None:
    """If no wallet can send, each one buys for itself."""
    async with stage.desk(OVERMIND_FLOAT_LOW_SOL="20.5", OVERMIND_FLOAT_TARGET_SOL="21") as app:
        await stage.until(lambda: all(owned(app, one, SOL) > 20.9 * LAMPORTS for one in OWNERS))
        await quiet(stage, app)
        orders = [one.event.order for one in stage.journal.read() if isinstance(one.event, OrderPlaced)]
        assert [one.to_float for one in orders] == [True, True]
        assert not any(app.engine.state.wallets[one].positions for one in OWNERS)
    await quiet_after_a_restart(stage)


@pytest.mark.soak
@on_stage
async def test_proceeds_are_swept_into_the_emergency_wallet(stage: ChainDesk) -> None:
    """The vault has neither SOL nor a token account: the sender pays for that, once."""
    async with stage.desk(**WITH_A_VAULT) as app:
        for wallet_id in OWNERS:
            assert isinstance(await stage.outcome(app, await stage.buy(app, f"in-{wallet_id}", wallet_id)), Filled)
        await app.engine.handle(EmergencyStop("the market falls", liquidate=True, sweep=True))
        await stage.until(lambda: count(stage, MoveKind.SWEEP) >= 2)
        await quiet(stage, app)
        state = app.engine.state
        assert not any(state.wallets[one].positions for one in OWNERS)
        assert [owned(app, one, QUOTE.mint) for one in OWNERS] == [0, 0]
        assert owned(app, VAULT, QUOTE.mint) == pytest.approx(2 * CASH_UNITS, abs=2 * 5 * MICROS)
        assert all(state.wallets[one].holds.keys() == {"emergency"} for one in (*OWNERS, VAULT))
        fills = [one for one in outcomes(stage, MoveKind.SWEEP) if isinstance(one, Filled)]
        assert sum(one.rent_lamports for one in fills) == on_chain(stage, str(VAULT_KEY.pubkey()), QUOTE.mint) > 0
    async with stage.desk(**WITH_A_VAULT) as app:
        await quiet(stage, app)
        await app.engine.handle(Rebalance("too early", by_operator=True))
        assert not app.engine.state.open_moves  # No wallet sends or receives.
        for wallet_id in (W1, VAULT):
            await app.engine.handle(ReactivateWallet(wallet_id, "the market has calmed down"))
        await stage.until(lambda: owned(app, VAULT, SOL) > 0)  # Now it can pay the fee of sending SOL back.
        await stage.agrees(app)
        await app.engine.handle(Rebalance("capital to trade with", by_operator=True))
        await quiet(stage, app)
        assert owned(app, W1, QUOTE.mint) > CASH_UNITS // 2
        assert isinstance(await stage.outcome(app, await stage.buy(app, "again")), Filled)
        await quiet(stage, app)


@on_stage
async def test_the_rent_of_an_emptied_account_comes_back(stage: ChainDesk) -> None:
    soon = {"OVERMIND_RECLAIM_AFTER_SEC": "1"}
    async with stage.desk() as app:
        for token in (BONK, NEW):
            bought = await stage.buy(app, f"in-{token.symbol}", mint=token.mint)
            assert isinstance(await stage.outcome(app, bought), Filled)
            assert on_chain(stage, OWNERS[W1], token.mint) > 0
            sold = await stage.buy(app, f"out-{token.symbol}", mint=token.mint, action=TradeAction.SELL)
            assert isinstance(await stage.outcome(app, sold), Filled)
        paid = app.engine.state.ledger.balance(RENT, SOL)
        assert paid == sum(on_chain(stage, OWNERS[W1], token.mint) for token in (BONK, NEW)) > 0
        await quiet(stage, app)
    async with stage.desk(**soon) as app:
        await stage.until(lambda: count(stage, MoveKind.RECLAIM) == 2)
        await quiet(stage, app)
        assert [on_chain(stage, OWNERS[W1], token.mint) for token in (BONK, NEW)] == [0, 0]
        assert app.engine.state.ledger.balance(RENT, SOL) == 0
        again = await stage.buy(app, "again", mint=BONK.mint)  # It needs a new token account and its rent.
        assert isinstance(await stage.outcome(app, again), Filled)
        await quiet(stage, app)
        assert count(stage, MoveKind.RECLAIM) == 2


OUTWARDS: Final = {
    "OVERMIND_WITHDRAW_ADDRESSES": COLD_ADDRESS,
    "OVERMIND_WITHDRAW_DAY_MAX_USD": "5000",
    "OVERMIND_WITHDRAW_DELAY_SEC": "2",
}


def withdrawal(name: str, money: Money) -> Withdraw:
    return Withdraw(name, W1, money, COLD_ADDRESS, "profits")


@on_stage
async def test_withdrawals(stage: ChainDesk) -> None:
    """Held at once, paid after the delay unless cancelled, and not paid again on a repeated request."""
    usd, sol = Money(1_000 * MICROS, QUOTE.mint), Money(LAMPORTS, SOL)
    async with stage.desk(**OUTWARDS) as app:
        for request in (withdrawal("usd", usd), withdrawal("sol", sol), withdrawal("never", usd)):
            await app.engine.handle(request)
        await app.engine.handle(CancelMove(OrderId("move:withdraw:never"), "a mistake"))
        await app.engine.handle(withdrawal("usd", usd))
        await stage.until(lambda: count(stage, MoveKind.WITHDRAWAL) == 3)
        await quiet(stage, app)
        paid, paid_sol, cancelled = outcomes(stage, MoveKind.WITHDRAWAL)
        assert isinstance(paid, Filled)
        assert isinstance(paid_sol, Filled)
        assert isinstance(cancelled, Rejected)
        assert cancelled.cause is Cause.CANCELLED
        assert owned(app, W1, QUOTE.mint) == CASH_UNITS - usd.units
        assert on_chain(stage, COLD_ADDRESS) == sol.units
        assert on_chain(stage, COLD_ADDRESS, QUOTE.mint) == paid.rent_lamports > 0
        with pytest.raises(CommandRefused, match="is the desk's own wallet w2: rebalance instead"):
            await app.engine.handle(replace(withdrawal("home", usd), to_address=OWNERS[W2]))
        with pytest.raises(CommandRefused, match=r"is signed and may still land|no open move"):
            await app.engine.handle(CancelMove(OrderId("move:withdraw:usd"), "too late"))
        await app.engine.handle(withdrawal("later", usd))
    assert count(stage, MoveKind.WITHDRAWAL) == 3  # The desk does not wait for it at its end,
    async with stage.desk(**OUTWARDS) as app:  # and the next one pays it.
        await stage.until(lambda: count(stage, MoveKind.WITHDRAWAL) == 4)
        await quiet(stage, app)
        assert owned(app, W1, QUOTE.mint) == CASH_UNITS - 2 * usd.units


@on_stage
async def test_a_fork_undoes_a_rebalance(stage: ChainDesk) -> None:
    """Received units vanish and sent units come back: neither is a theft or a deposit."""
    async with stage.desk(**UNEVEN) as app:
        moves = app.engine.state.provisional_moves
        blocks = stage.net.chain.blocks
        began = blocks.head.slot
        await stage.until(lambda: blocks.head.slot > began + FORK_SLOTS)  # The wallets' first deposits are final.
        await app.engine.handle(Rebalance("so that each has its share", by_operator=True))
        await stage.until(lambda: bool(moves))
        assert owned(app, W2, QUOTE.mint) > CASH_UNITS
        stage.net.chain.rollback(FORK_SLOTS, reland_ppm=0)
        await stage.until(lambda: not moves)
        await quiet(stage, app)
        assert any(isinstance(one.event, MoveRolledBack) for one in stage.journal.read())
        assert [owned(app, one, QUOTE.mint) for one in OWNERS] == [CASH_UNITS, CASH_UNITS]
        assert [owned(app, one, SOL) for one in OWNERS] == [FLOAT_LAMPORTS, FLOAT_LAMPORTS]
        await app.engine.handle(Rebalance("once more", by_operator=True))
        await quiet(stage, app)
        assert owned(app, W2, QUOTE.mint) > CASH_UNITS
    await quiet_after_a_restart(stage, **UNEVEN)


@pytest.mark.soak
@on_stage
async def test_moves_on_a_node_that_lags(stage: ChainDesk) -> None:
    """It returns old balances and late statuses, and sometimes an error."""
    faults = Faults(stale_balance_ppm=PPM // 2, status_lag_slots=4, unhealthy_ppm=PPM // 20, drop_ppm=PPM // 5, seed=2)
    async with stage.desk(**UNEVEN, **OUTWARDS) as app:
        assert app.balances is not None
        stage.net.chain.set_faults(faults)
        for number in range(6):
            money = (Money(100 * MICROS, QUOTE.mint), Money(LAMPORTS // 10, SOL))[number % 2]
            await app.engine.handle(withdrawal(str(number), money))
        await app.engine.handle(Rebalance("so that each has its share", by_operator=True))
        while app.engine.state.open_moves or app.engine.state.provisional_moves:
            await app.balances.check_all()
        stage.net.chain.set_faults(Faults())
        await quiet(stage, app)
        told = [*outcomes(stage, MoveKind.WITHDRAWAL), *outcomes(stage, MoveKind.REBALANCE)]
        assert len(told) == 7
        assert any(isinstance(one, Filled) for one in told), told


@on_stage
async def test_a_wallet_is_taken_out_before_its_withdrawal_is_due(stage: ChainDesk) -> None:
    """Nobody can sign for it any more, so its capital is released."""
    async with stage.desk(**OUTWARDS) as app:
        await app.engine.handle(withdrawal("usd", Money(MICROS, QUOTE.mint)))
    only = {"OVERMIND_MANAGED_WALLETS": f"{W2}:env:W2_KEY:primary:medium:0.5"}
    async with stage.desk(**OUTWARDS, **only) as app:
        await stage.until(lambda: not app.engine.state.open_moves)
        (outcome,) = outcomes(stage, MoveKind.WITHDRAWAL)
        assert isinstance(outcome, Rejected)
        assert outcome.cause is Cause.NO_KEY
        assert app.engine.state.withdrawn_today_micros == 0
        await stage.agrees(app)


async def stopped_when(stage: ChainDesk, app: App, begun: Callable[[], bool]) -> Outcome:
    """The outcome of the rebalance's only transfer; asserts that nothing was sent after the stop was durable."""
    await app.engine.handle(Rebalance("so that each has its share", by_operator=True))
    await stage.until(begun)
    await app.engine.handle(EmergencyStop("now"))
    chain = stage.net.chain
    landed, height = chain.history.count, chain.blocks.head.height
    await stage.until(lambda: chain.blocks.head.height > height + BLOCKS)
    assert chain.history.count <= landed + 1, "more than what was on its way when the stop came"
    await stage.until(lambda: not app.engine.state.open_moves)
    await quiet(stage, app)
    return outcomes(stage, MoveKind.REBALANCE)[0]


@on_stage
async def test_a_stop_before_a_rebalance_was_sent(stage: ChainDesk) -> None:
    async with stage.desk(**UNEVEN, **SLOW) as app:
        outcome = await stopped_when(stage, app, lambda: bool(app.engine.state.open_moves))
        assert isinstance(outcome, Rejected)
        assert outcome.cause is Cause.STOPPED
        assert [owned(app, one, QUOTE.mint) for one in OWNERS] == [CASH_UNITS, CASH_UNITS]
        assert [owned(app, one, SOL) for one in OWNERS] == [FLOAT_LAMPORTS, FLOAT_LAMPORTS]


@on_stage
async def test_a_stop_after_a_rebalance_was_sent(stage: ChainDesk) -> None:
    """A sent transfer is followed: a stop must not hide money that has moved."""

    async with stage.desk(**UNEVEN) as app:
        moves, chain = app.engine.state.open_moves, stage.net.chain
        # Its status is told late, so that it is still open when the stop comes: it could be closed between two looks.
        chain.set_faults(Faults(status_lag_slots=LATE_SLOTS))

        def landed() -> bool:
            tickets = [known.ticket for known in moves.values() if known.ticket is not None]
            return any(chain.history.find(ticket.signature) is not None for ticket in tickets)

        assert isinstance(await stopped_when(stage, app, landed), Filled)
        assert owned(app, W2, QUOTE.mint) > CASH_UNITS

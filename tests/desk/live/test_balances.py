"""External transfers: deposits become capital, thefts stop every entry, and nothing else does."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from functools import partial

import pytest
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV1
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from tests.support.chain_desk import (
    CASH_UNITS,
    FLOAT_LAMPORTS,
    KEYS,
    OWNERS,
    PATIENCE_S,
    QUOTE,
    W1,
    W2,
    ChainDesk,
    on_stage,
)
from tests.support.maker_on_chain import NEW

from overmind.core.books.wallet_limits import RESTORED
from overmind.core.control.balances import deficit_cause, unknown_signature_cause
from overmind.core.model.codes import Code
from overmind.core.model.commands import CommandRefused
from overmind.core.model.enums import TradeAction
from overmind.core.model.events import Deposited, Entry, HoldAdded
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.outcome import Filled
from overmind.core.model.units import LAMPORTS, MICROS, PPM
from overmind.desk.app import App
from overmind.desk.balances import TRIES_MAX
from overmind.journal.memory import MemoryJournal
from overmind.ports import ChainSilent, Priority
from overmind.sandbox.localnet import Faults
from overmind.sandbox.maker.drafts import signed_alone
from overmind.solana import tokens
from overmind.solana.chain import RpcChain
from overmind.solana.tokens import TOKEN_PROGRAM, TOKEN_PROGRAMS, ata
from overmind.views.decisions import DecisionStatus

DUST = Mint("4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU")
THIEF = Keypair.from_seed(bytes([99] * 32))
ALARMS = {deficit_cause(W1), unknown_signature_cause(W1)}
SELDOM = {"OVERMIND_BALANCE_CHECK_INTERVAL_SEC": "86400"}


def owned(app: App, wallet_id: WalletId, mint: Mint) -> int:
    state = app.engine.state
    return state.ledger.owned(state.wallets[wallet_id].accounts, mint)


def deposits(stage: ChainDesk) -> list[tuple[WalletId, Mint, int]]:
    events = [one.event for one in stage.journal.read() if isinstance(one.event, Deposited)]
    return [(one.wallet_id, one.money.mint, one.money.units) for one in events]


def alarms(stage: ChainDesk) -> set[str]:
    """The causes of all holds since the beginning."""
    return {one.event.hold.cause for one in stage.journal.read() if isinstance(one.event, HoldAdded)}


async def steal(stage: ChainDesk, *instructions: Instruction, keypair: Keypair = KEYS[W1]) -> None:
    """Sends a transaction that is signed with a key of the desk, but not by the desk."""
    async with RpcChain(stage.rpc, stage.clock) as chain:
        blockhash, _ = await chain.latest_blockhash()
        raw, signature = signed_alone(instructions, Hash.from_string(blockhash), [keypair])
        options = {"encoding": "base64", "preflightCommitment": "confirmed"}
        await stage.rpc.call("sendTransaction", [b64encode(raw).decode(), options], Priority.ENTRY)

        async def landed() -> bool:
            status = await chain.status(signature)
            return status is not None and status.confirmed

        await stage.until(landed)


async def pay_unreadably(stage: ChainDesk, lamports: int) -> None:
    """A payment to us in a transaction version that we do not read."""
    stage.net.chain.airdrop(str(THIEF.pubkey()), LAMPORTS)
    async with RpcChain(stage.rpc, stage.clock) as chain:
        blockhash, _ = await chain.latest_blockhash()
    paid = tokens.system_transfer(THIEF.pubkey(), KEYS[W1].pubkey(), lamports)
    message = MessageV1.try_compile(THIEF.pubkey(), [paid], Hash.from_string(blockhash))
    raw = b64encode(bytes(VersionedTransaction(message, [THIEF]))).decode()
    await stage.rpc.call("sendTransaction", [raw, {"encoding": "base64", "skipPreflight": True}], Priority.ENTRY)


class CountedJournal(MemoryJournal):
    """Counts how often it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def read(self, after: int = 0) -> Iterator[Entry]:
        self.reads += 1
        return super().read(after)


def taken_usdc(units: int) -> list[Instruction]:
    owner, mint, thief = KEYS[W1].pubkey(), Pubkey.from_string(QUOTE.mint), THIEF.pubkey()
    return [
        tokens.create_ata_idempotent(owner, thief, mint, TOKEN_PROGRAM),
        tokens.transfer_checked(
            ata(owner, mint, TOKEN_PROGRAM), mint, ata(thief, mint, TOKEN_PROGRAM), owner, units, 6, TOKEN_PROGRAM
        ),
    ]


def taken_sol(lamports: int) -> list[Instruction]:
    return [tokens.system_transfer(KEYS[W1].pubkey(), THIEF.pubkey(), lamports)]


@on_stage
async def test_what_is_there_at_the_first_start_is_the_capital(stage: ChainDesk) -> None:
    """Earlier transactions of the wallet are history and raise no alarm."""
    await steal(stage, *taken_sol(LAMPORTS))
    await steal(stage, *taken_usdc(MICROS))
    async with stage.desk() as app:
        assert owned(app, W1, QUOTE.mint) == CASH_UNITS - MICROS
        assert owned(app, W2, SOL) == FLOAT_LAMPORTS
        assert sorted(deposits(stage)) == sorted(
            (wallet_id, mint, owned(app, wallet_id, mint)) for wallet_id in OWNERS for mint in (SOL, QUOTE.mint)
        )
        assert isinstance(await stage.outcome(app, await stage.buy(app, "first")), Filled)
        await stage.agrees(app)
    assert not alarms(stage)


@on_stage
async def test_credits_become_deposits(stage: ChainDesk) -> None:
    async with stage.desk() as app:
        stage.net.chain.mint_to(QUOTE.mint, OWNERS[W1], 7 * MICROS)
        stage.net.chain.airdrop(OWNERS[W2], LAMPORTS)
        stage.net.chain.mint_to(NEW.mint, OWNERS[W2], 123_456)
        await stage.until(lambda: len(deposits(stage)) == 7)
        assert set(deposits(stage)[4:]) == {
            (W1, QUOTE.mint, 7 * MICROS),
            (W2, SOL, LAMPORTS),
            (W2, NEW.mint, 123_456),
        }
        assert isinstance(await stage.outcome(app, await stage.buy(app, "buy")), Filled)
        sold = await stage.buy(app, "sell", W2, mint=NEW.mint, action=TradeAction.SELL)
        assert isinstance(await stage.outcome(app, sold), Filled)
        assert owned(app, W2, NEW.mint) == 0
        await stage.agrees(app)
        assert len(deposits(stage)) == 7
    assert not alarms(stage)


@on_stage
async def test_a_credit_is_heard_of_at_once(stage: ChainDesk) -> None:
    """A node notifies about the change long before the next check."""
    async with stage.desk(**SELDOM) as app:
        stage.net.chain.airdrop(OWNERS[W1], LAMPORTS)
        await stage.until(lambda: owned(app, W1, SOL) == FLOAT_LAMPORTS + LAMPORTS)
        await stage.agrees(app)


@on_stage
async def test_dust_is_ignored(stage: ChainDesk) -> None:
    """Anybody may send anybody an unknown token."""
    stage.net.chain.create_mint(DUST, 6, str(TOKEN_PROGRAMS["token"]), None)
    async with stage.desk() as app:
        stage.net.chain.mint_to(DUST, OWNERS[W1], 10**15)
        stage.net.chain.mint_to(QUOTE.mint, OWNERS[W1], 1)
        await stage.until(lambda: len(deposits(stage)) == 5)
        assert DUST not in {mint for _, mint, _ in deposits(stage)}
        assert owned(app, W1, DUST) == 0
        assert isinstance(await stage.outcome(app, await stage.buy(app, "buy")), Filled)
    assert not alarms(stage)


@on_stage
async def test_wrapped_sol_that_somebody_sends_stops_nothing(stage: ChainDesk) -> None:
    """It creates the account that our swaps use. The first swap unwraps it, and the SOL becomes a deposit."""
    wrapped, rent = ata(KEYS[W1].pubkey(), tokens.NATIVE_MINT, TOKEN_PROGRAM), 2_039_280
    stage.net.chain.airdrop(str(THIEF.pubkey()), LAMPORTS)
    async with stage.desk() as app:
        made = tokens.create_ata_idempotent(THIEF.pubkey(), KEYS[W1].pubkey(), tokens.NATIVE_MINT, TOKEN_PROGRAM)
        sent = tokens.system_transfer(THIEF.pubkey(), wrapped, 7)
        await steal(stage, made, sent, tokens.sync_native(wrapped), keypair=THIEF)
        assert isinstance(await stage.outcome(app, await stage.buy(app, "buy")), Filled)
        await steal(stage, made, sent, tokens.sync_native(wrapped), keypair=THIEF)
        sold = await stage.buy(app, "sell", action=TradeAction.SELL)
        assert isinstance(await stage.outcome(app, sold), Filled)
        assert await app.settle_finally(60.0)
        await stage.until(partial(stage.equal, app))  # As soon as the deposits are found.
        assert sum(units for _, mint, units in deposits(stage)[4:] if mint == SOL) == 2 * (rent + 7)
    assert not alarms(stage)


@on_stage
async def test_a_theft_stops_all_entries_until_it_is_explained(stage: ChainDesk) -> None:
    async with stage.desk() as app:
        for wallet_id in OWNERS:
            assert isinstance(await stage.outcome(app, await stage.buy(app, f"in-{wallet_id}", wallet_id)), Filled)
        assert await app.settle_finally(60.0)
        await steal(stage, *taken_usdc(1_000 * MICROS))
        await stage.until(lambda: set(app.engine.state.holds) == ALARMS)
        for wallet_id in OWNERS:
            refused = await stage.buy(app, f"no-{wallet_id}", wallet_id)
            assert refused.status is DecisionStatus.REFUSED
            assert refused.refusals[0].code is Code.PORTFOLIO_STOPPED
            out = await stage.buy(app, f"out-{wallet_id}", wallet_id, action=TradeAction.SELL)
            assert isinstance(await stage.outcome(app, out), Filled)
        assert await app.settle_finally(60.0)
        assert app.balances is not None
        adjusted = await app.balances.accept(W1, "the key was stolen; the rest is safe")
        # Our wallet paid for the thief's token account and for the fee.
        assert adjusted == {QUOTE.mint: -1_000 * MICROS, SOL: -tokens_rent(stage) - 5_000}
        assert not app.engine.state.holds
        assert isinstance(await stage.outcome(app, await stage.buy(app, "again")), Filled)
        await stage.agrees(app)
        await app.balances.check_all()
        assert not app.engine.state.holds
    async with stage.desk() as app:  # An accepted difference stays accepted.
        assert not app.engine.state.holds
        await stage.agrees(app)


def tokens_rent(stage: ChainDesk) -> int:
    account = stage.net.chain.accounts.get(str(ata(THIEF.pubkey(), Pubkey.from_string(QUOTE.mint), TOKEN_PROGRAM)))
    assert account is not None
    return account.lamports


@on_stage
async def test_a_theft_while_the_desk_was_down(stage: ChainDesk) -> None:
    async with stage.desk() as app:
        await stage.agrees(app)
    await steal(stage, *taken_sol(LAMPORTS))
    async with stage.desk() as app:
        assert set(app.engine.state.holds) == {*ALARMS, RESTORED}, "an older copy of the journal looks the same"
        refused = await stage.buy(app, "no", W2)
        assert refused.refusals[0].code is Code.PORTFOLIO_STOPPED


@on_stage
async def test_a_stolen_key_that_took_nothing(stage: ChainDesk) -> None:
    """A thief who can sign will sign again. A payment by others raises no alarm."""
    stage.net.chain.airdrop(str(THIEF.pubkey()), LAMPORTS)
    async with stage.desk() as app:
        await steal(stage, tokens.system_transfer(THIEF.pubkey(), KEYS[W1].pubkey(), LAMPORTS // 2), keypair=THIEF)
        await stage.until(lambda: owned(app, W1, SOL) == FLOAT_LAMPORTS + LAMPORTS // 2)
        assert not app.engine.state.holds
        await steal(stage, tokens.system_transfer(KEYS[W1].pubkey(), KEYS[W1].pubkey(), 1))
        await stage.until(lambda: unknown_signature_cause(W1) in app.engine.state.holds)


@on_stage
async def test_what_cannot_be_read_hides_no_theft(stage: ChainDesk) -> None:
    """The cursor waits for the unreadable transaction; balances and later signatures are checked all the same."""
    async with stage.desk() as app:
        await stage.until(lambda: app.engine.state.wallets[W1].checked_slot > 0)
        before = app.engine.state.wallets[W1].checked_slot
        await pay_unreadably(stage, 1_000)
        await stage.until(lambda: owned(app, W1, SOL) == FLOAT_LAMPORTS + 1_000)
        assert not app.engine.state.holds
        await steal(stage, *taken_sol(LAMPORTS))
        await stage.until(lambda: set(app.engine.state.holds) == ALARMS)
        assert app.engine.state.wallets[W1].checked_slot == before


@on_stage
async def test_what_can_never_be_read_may_be_a_theft(stage: ChainDesk) -> None:
    async with stage.desk(**SELDOM) as app:
        assert app.balances is not None
        await pay_unreadably(stage, 1_000)
        await stage.until(lambda: owned(app, W1, SOL) == FLOAT_LAMPORTS + 1_000)
        assert not app.engine.state.holds
        tries = 0
        with pytest.raises(ChainSilent, match="no record of"):
            await app.balances.check(W1)
        while not app.engine.state.holds and tries < TRIES_MAX:
            tries += 1
            await app.balances.check_all()
        assert set(app.engine.state.holds) == {unknown_signature_cause(W1)}
        assert await app.balances.accept(W1, "someone tries a new version on us") == {}
        await app.balances.check(W1)
        assert not app.engine.state.holds
        await stage.agrees(app)


@on_stage
async def test_payments_of_others_are_not_searched_for_in_the_journal(stage: ChainDesk) -> None:
    """Anybody may send dust at any time, and the journal grows for years."""
    stage.journal = journal = CountedJournal()
    stage.net.chain.airdrop(str(THIEF.pubkey()), LAMPORTS)
    async with stage.desk(**SELDOM) as app:
        assert app.balances is not None
        await app.balances.check_all()
        reads, cursor = journal.reads, app.engine.state.wallets[W1].checked
        await steal(stage, tokens.system_transfer(THIEF.pubkey(), KEYS[W1].pubkey(), 7), keypair=THIEF)
        await app.balances.check(W1)
        assert owned(app, W1, SOL) == FLOAT_LAMPORTS + 7
        assert app.engine.state.wallets[W1].checked != cursor
        assert journal.reads == reads


@pytest.mark.soak
@on_stage
async def test_a_cursor_that_vanishes_makes_no_news_of_the_past(stage: ChainDesk) -> None:
    """A fork removes the cursor's transaction, so a node returns the whole past, also from before the desk began."""
    await steal(stage, tokens.system_transfer(KEYS[W1].pubkey(), KEYS[W1].pubkey(), 1))
    await stage.until(partial(is_past, stage, stage.net.chain.blocks.head.slot + 60))
    async with stage.desk(**SELDOM) as app:
        assert app.balances is not None
        await lose_the_cursor(stage, app)
        lost = app.engine.state.wallets[W1]
        await app.balances.check(W1)
        assert unknown_signature_cause(W1) not in app.engine.state.holds
        await stage.until(partial(is_past, stage, lost.checked_slot))
        await steal(stage, tokens.system_transfer(KEYS[W1].pubkey(), KEYS[W1].pubkey(), 1))
        await app.balances.check(W1)
        assert unknown_signature_cause(W1) in app.engine.state.holds


def is_past(stage: ChainDesk, slot: int) -> bool:
    return stage.net.chain.blocks.head.slot > slot


async def lose_the_cursor(stage: ChainDesk, app: App) -> None:
    """Lets a fork drop the payment of the cursor before it is final. Slow machines try again."""

    async def is_lost() -> bool:
        paid = stage.net.chain.airdrop(OWNERS[W1], 7)
        while app.engine.state.wallets[W1].checked != paid:
            assert app.balances is not None
            await app.balances.check(W1)
        stage.net.chain.rollback(20, reland_ppm=0)
        return stage.net.chain.history.find(paid) is None

    await stage.until(is_lost)


@on_stage
async def test_a_wallet_that_was_taken_out_can_be_explained(stage: ChainDesk) -> None:
    """Its hold stops the other wallets too, so an operator must be able to lift it."""
    async with stage.desk() as app:
        await steal(stage, *taken_sol(LAMPORTS))
        await stage.until(lambda: set(app.engine.state.holds) == ALARMS)
    only = {"OVERMIND_MANAGED_WALLETS": f"{W2}:env:W2_KEY:primary:medium:0.5"}
    async with stage.desk(**only) as app:
        assert app.balances is not None
        assert set(app.engine.state.holds) == ALARMS
        assert await app.balances.accept(W1, "stolen, and gone") == {SOL: -LAMPORTS - 5_000}
        assert not app.engine.state.holds
        assert isinstance(await stage.outcome(app, await stage.buy(app, "on", W2)), Filled)


@on_stage
async def test_restarts_alarm_nobody(stage: ChainDesk) -> None:
    """Trades, restarts and deposits in between: books and chain agree at every start."""
    for number in range(4):
        async with stage.desk() as app:
            assert not app.engine.state.holds
            placed = [await stage.buy(app, f"{number}-{wallet_id}", wallet_id) for wallet_id in OWNERS]
            if number % 2:
                assert await app.settle_finally(60.0)
            elif number == 2:
                for one in placed:
                    assert isinstance(await stage.outcome(app, one), Filled)
        stage.net.chain.mint_to(QUOTE.mint, OWNERS[W1], 5)
    async with stage.desk() as app:
        assert await app.settle_finally(PATIENCE_S)
        await stage.until(partial(stage.equal, app))  # As soon as the last credit is confirmed, and found.
    assert not alarms(stage)


@pytest.mark.soak
@on_stage
async def test_a_node_that_lags_is_no_theft(stage: ChainDesk) -> None:
    """It returns old balances and late statuses, and sometimes an error."""
    faults = Faults(stale_balance_ppm=PPM // 2, status_lag_slots=4, unhealthy_ppm=PPM // 20, seed=2)
    async with stage.desk() as app:
        stage.net.chain.set_faults(faults)
        for number in range(8):
            wallet_id = (W1, W2)[number % 2]
            action = {} if number < 6 else {"action": TradeAction.SELL}
            await stage.outcome(app, await stage.buy(app, number, wallet_id, **action))
            assert app.balances is not None
            await app.balances.check_all()
        stage.net.chain.set_faults(Faults())
        await stage.agrees(app)
    assert not alarms(stage)


@on_stage
async def test_what_cannot_be_accepted(stage: ChainDesk) -> None:
    async with stage.desk() as app:
        assert app.balances is not None
        for wallet_id, reason, words in ((WalletId("nobody"), "why not", "no wallet 'nobody'"), (W1, " ", "blank")):
            with pytest.raises(CommandRefused, match=words):
                await app.balances.accept(wallet_id, reason)
        assert await app.balances.accept(W1, "nothing to explain") == {}
        await stage.agrees(app)

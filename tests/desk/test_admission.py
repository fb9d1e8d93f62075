"""The looks at mints and at our own accounts: how often they ask, and what becomes of an order (specification §15)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import chain

import pytest
from bench.desks import PRICE_PICO, START_NS, USDC, bench_desk, buy, marks
from msgspec.structs import replace
from solders.pubkey import Pubkey
from tests.desk.test_executor import Desk, running
from tests.support.stepping_clock import SteppingClock
from tests.support.token_bytes import account_bytes, address, extension, fee_config, mint_bytes, mint_of_2022

from overmind.core.model.codes import Code
from overmind.core.model.commands import MarkPrices, RecordAccounts
from overmind.core.model.enums import MoveKind, Side
from overmind.core.model.events import (
    AccountsFlagged,
    MintAdmitted,
    MintRefused,
    OrderClosed,
    OrderPlaced,
    SignalRefused,
)
from overmind.core.model.ids import SOL, Mint, OrderId, WalletId
from overmind.core.model.mints import AdmissionPolicy
from overmind.core.model.money import Mark, Money, Token
from overmind.core.model.order import Move, Order
from overmind.core.model.outcome import Cause, Outcome, Rejected
from overmind.core.model.units import NS
from overmind.desk.admission import FRESH_S, LOOK_EVERY_S, RETRY_S, AdmissionWatch
from overmind.ports import AccountBytes, AccountsRead, ChainSilent, Priority
from overmind.solana.tokens import TOKEN_PROGRAM
from overmind.solana.transfers import account_of

NEW = Token("NEW", Mint(str(address("new mint"))), 6, "token-2022")
SETTINGS = replace(bench_desk(1), admission=AdmissionPolicy.CHECKED)
SETTINGS = replace(SETTINGS, tokens={**SETTINGS.tokens, NEW.mint: NEW})
KEYS = {WalletId("wallet0"): str(address("wallet0")), WalletId("wallet1"): str(address("wallet1"))}
MALLORY, OWNER, USDC_MINT = address("mallory"), address("wallet0"), Pubkey.from_string(USDC.mint)
OURS = account_of(KEYS[WalletId("wallet0")], USDC)
GOOD = {
    USDC.mint: AccountBytes(str(TOKEN_PROGRAM), mint_bytes()),
    SOL: AccountBytes(str(TOKEN_PROGRAM), mint_bytes(decimals=9)),
    NEW.mint: mint_of_2022(),
}


class Accounts:
    """`ports.AccountReader` over accounts that a test sets."""

    def __init__(self) -> None:
        self.known: dict[str, AccountBytes] = dict(GOOD)
        self.other: dict[str, AccountBytes] | None = None  # what a second provider shows, if it differs
        self.slot = 100
        self.silent = False
        self.asked: list[tuple[str, ...]] = []
        self.slots_min: list[int] = []

    async def accounts(self, addresses: Sequence[str], slot_min: int, priority: Priority) -> Sequence[AccountsRead]:
        self.asked.append(tuple(addresses))
        self.slots_min.append(slot_min)
        await asyncio.sleep(0)
        if self.silent:
            raise ChainSilent("no answer")
        shown = [self.known, self.known if self.other is None else self.other]
        return [AccountsRead(self.slot, tuple(known.get(one) for one in addresses)) for known in shown]


class Looking:
    """A desk whose executor looks at a chain that a test sets."""

    def __init__(self, desk: Desk, accounts: Accounts) -> None:
        assert desk.admission is not None
        self.desk, self.chain, self.watch = desk, accounts, desk.admission

    async def buy(self, number: int, mint: Mint = NEW.mint) -> Outcome | None:
        """The outcome of an order that was never signed; None: it was."""
        placed = await self.place(number, mint)
        await self.desk.settle()
        closed = [event for event in self.desk.told() if isinstance(event, OrderClosed)]
        return next((event.outcome for event in closed if event.order_id == placed.id), None)

    async def place(self, number: int, mint: Mint = NEW.mint) -> Order:
        answered = await self.desk.engine.submit(buy(number, mint, self.desk.clock.now_ns()).signal)
        placed = answered.events[0]
        assert isinstance(placed, OrderPlaced), placed
        return placed.order

    def events(self) -> list[str]:
        kinds = (MintAdmitted, MintRefused, AccountsFlagged)
        return [type(entry.event).__name__ for entry in self.desk.journal.read() if isinstance(entry.event, kinds)]


def play(check: Callable[[Looking], Awaitable[None]], policy: AdmissionPolicy = AdmissionPolicy.CHECKED) -> None:
    async def run() -> None:
        accounts, clock = Accounts(), SteppingClock(START_NS)
        settings = replace(SETTINGS, admission=policy)
        looks = partial(AdmissionWatch, chain=accounts, clock=clock, public_keys=KEYS)
        async with running(clock=clock, settings=settings, looks=looks) as desk:
            desk.engine.post(MarkPrices((Mark(NEW.mint, PRICE_PICO, START_NS),)))
            desk.venue.price_pico = PRICE_PICO * 1_000  # It quotes in units of nine decimals, and the token has six.
            await check(Looking(desk, accounts))

    asyncio.run(run())


def test_a_buy_asks_for_nothing_that_was_seen_in_the_last_minute() -> None:
    async def check(looking: Looking) -> None:
        await looking.watch.look_at_all()
        for number in range(1, 9):
            assert await looking.buy(number) is None
        assert set(Counter(chain(*looking.chain.asked)).values()) == {1}
        looking.desk.clock.advance_to(looking.desk.clock.now_ns() + round(FRESH_S * NS))
        looking.desk.engine.post(marks(SETTINGS, looking.desk.clock.now_ns()))
        for number in range(9, 17):
            assert await looking.buy(number) is None
        twice = {one for one, times in Counter(chain(*looking.chain.asked)).items() if times == 2}
        assert {NEW.mint, USDC.mint, OURS} <= twice
        assert SOL not in twice  # Nobody buys it.

    play(check)


def test_orders_at_the_same_time_share_one_look() -> None:
    async def check(looking: Looking) -> None:
        await looking.watch.look_at_all()
        looking.desk.clock.advance_to(looking.desk.clock.now_ns() + round(FRESH_S * NS))
        looking.desk.engine.post(marks(SETTINGS, looking.desk.clock.now_ns()))
        looking.chain.asked.clear()
        await asyncio.gather(*map(looking.place, range(1, 9)))
        await looking.desk.settle()
        assert len(looking.desk.venue.sends) == 8
        assert set(Counter(chain(*looking.chain.asked)).values()) == {1}

    play(check)


CHANGES = {
    "a permanent delegate": mint_of_2022(extension(12, bytes(MALLORY))),
    "a fee from the next epoch on": mint_of_2022(fee_config(0, 500)),
    "a pause": mint_of_2022(extension(26, bytes(32) + b"\1")),
    "a freeze authority": mint_of_2022(freeze=MALLORY),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changed_since_the_decision_ends_the_order_unsigned(change: AccountBytes) -> None:
    async def check(looking: Looking) -> None:
        await looking.watch.look_at_all()
        looking.desk.clock.advance_to(looking.desk.clock.now_ns() + round(FRESH_S * NS))
        looking.desk.engine.post(marks(SETTINGS, looking.desk.clock.now_ns()))
        looking.chain.known[NEW.mint] = change
        outcome = await looking.buy(1)
        assert isinstance(outcome, Rejected)
        assert outcome.cause is Cause.MINT_NOT_ADMITTED
        assert looking.desk.venue.signed == 0
        assert looking.events()[-1] == "MintRefused"

    play(check)


@pytest.mark.parametrize("what", ["mint", "account"])
def test_what_a_look_finds_while_an_order_is_signed_ends_it_unsent(what: str) -> None:
    async def check(looking: Looking) -> None:
        async def changes() -> None:
            if what == "mint":
                looking.chain.known[NEW.mint] = CHANGES["a freeze authority"]
            else:
                bad = account_bytes(USDC_MINT, OWNER, delegate=MALLORY)
                looking.chain.known[OURS] = AccountBytes(str(TOKEN_PROGRAM), bad)
            await looking.watch.look_at_all()

        await looking.watch.look_at_all()
        looking.desk.venue.while_signing = changes
        outcome = await looking.buy(1)
        assert isinstance(outcome, Rejected)
        assert outcome.cause is (Cause.MINT_NOT_ADMITTED if what == "mint" else Cause.ACCOUNT_UNSAFE)
        assert "signature of signal-1.0.0" not in [ticket.signature for _, ticket in looking.desk.venue.sends]

    play(check)


def test_a_chain_that_does_not_answer_lets_nothing_be_bought() -> None:
    async def check(looking: Looking) -> None:
        looking.chain.silent = True
        await looking.watch.look_at_all()
        answered = await looking.desk.engine.submit(buy(1, NEW.mint, looking.desk.clock.now_ns()).signal)
        refused = answered.events[0]
        assert isinstance(refused, SignalRefused)
        assert refused.refusals[0].code is Code.MINT_NOT_ADMITTED
        looking.chain.silent = False
        await looking.watch.look_at_all()
        looking.desk.clock.advance_to(looking.desk.clock.now_ns() + round(FRESH_S * NS))
        looking.desk.engine.post(marks(SETTINGS, looking.desk.clock.now_ns()))
        looking.chain.silent = True
        assert await looking.buy(2) is None
        assert looking.desk.venue.signed == 0  # The order waits for an answer until its time is over.

    play(check)


@pytest.mark.parametrize("lying", [0, 1])
def test_what_one_provider_alone_shows_is_not_believed(lying: int) -> None:
    """It can neither admit a mint nor make us sell; it can keep us from buying."""

    async def check(looking: Looking) -> None:
        bad = {**GOOD, NEW.mint: mint_of_2022(extension(12, bytes(MALLORY)))}
        looking.chain.known, looking.chain.other = (bad, dict(GOOD)) if lying == 0 else (dict(GOOD), bad)
        await looking.watch.look_at_all()
        assert NEW.mint not in looking.desk.engine.state.admissions
        looking.chain.known = looking.chain.other = dict(GOOD)
        await looking.watch.look_at_all()
        assert looking.events()[-1] == "MintAdmitted"
        looking.chain.known, looking.chain.other = (bad, dict(GOOD)) if lying == 0 else (dict(GOOD), bad)
        looking.watch.forget()
        assert await looking.buy(1) is None
        assert looking.desk.venue.signed == 0
        assert "MintRefused" not in looking.events()

    play(check)


def test_the_watch_asks_once_for_everything_and_journals_changes_alone() -> None:
    async def check(looking: Looking) -> None:
        run = asyncio.create_task(looking.watch.run())
        for _ in range(3):
            await looking.desk.pass_s(LOOK_EVERY_S)
        assert len(looking.chain.asked) == 3
        assert looking.events() == ["MintAdmitted"] * 3
        looking.chain.silent = True
        await looking.desk.pass_s(LOOK_EVERY_S)
        await looking.desk.pass_s(2 * RETRY_S)
        assert len(looking.chain.asked) == 6
        run.cancel()

    play(check)


def test_an_impossible_slot_does_not_make_every_later_answer_old() -> None:
    async def check(looking: Looking) -> None:
        await looking.watch.look_at_all()
        true, looking.chain.slot = looking.chain.slot, 2**63
        looking.chain.known[NEW.mint] = mint_of_2022(freeze=MALLORY)
        await looking.watch.look_at_all()
        assert "MintRefused" not in looking.events()  # Who lies about the slot is not believed in anything.
        looking.chain.slot = true + 1
        await looking.watch.look_at_all()
        assert looking.chain.slots_min[-1] == true
        assert looking.events()[-1] == "MintRefused"

    play(check)


def test_no_answer_older_than_the_last_one_counts() -> None:
    async def check(looking: Looking) -> None:
        await looking.watch.look_at_all()
        await looking.watch.look_at_all()
        assert looking.chain.slots_min == [0, looking.chain.slot]

    play(check)


FLAWS = {
    "a delegate": account_bytes(USDC_MINT, OWNER, delegate=MALLORY),
    "a close authority": account_bytes(USDC_MINT, OWNER, close=MALLORY),
    "frozen": account_bytes(USDC_MINT, OWNER, state=2),
    "another owner": account_bytes(USDC_MINT, MALLORY),
}


@pytest.mark.parametrize("raw", FLAWS.values(), ids=FLAWS)
def test_an_account_that_a_stranger_can_use_pays_for_nothing(raw: bytes) -> None:
    """Another wallet of the desk takes the order over."""

    async def check(looking: Looking) -> None:
        looking.chain.known[OURS] = AccountBytes(str(TOKEN_PROGRAM), raw)
        await looking.watch.look_at_all()
        assert looking.events()[-1] == "AccountsFlagged"
        outcome = await looking.buy(1)
        assert isinstance(outcome, Rejected)
        assert outcome.cause is Cause.ACCOUNT_UNSAFE
        assert [ticket.signature for _, ticket in looking.desk.venue.sends] == ["signature of signal-1.0.1"]
        looking.chain.known[OURS] = AccountBytes(str(TOKEN_PROGRAM), account_bytes(USDC_MINT, OWNER))
        await looking.watch.look_at_all()
        assert not looking.desk.engine.state.account_flaws

    play(check)


def test_a_sale_leaves_an_unsafe_account_and_never_enters_one() -> None:
    async def check(looking: Looking) -> None:
        await looking.watch.look_at_all()
        bought = await looking.place(1)
        sale = replace(
            bought, side=Side.SELL, spend=Money(1, NEW.mint), receive=USDC.mint, wallet_id=WalletId("wallet0")
        )
        looking.desk.engine.post(RecordAccounts(WalletId("wallet0"), {NEW.mint: "a stranger's delegate"}))
        asked = len(looking.chain.asked)
        assert await looking.watch.check(sale) is None
        looking.desk.engine.post(RecordAccounts(WalletId("wallet0"), {USDC.mint: "a stranger's delegate"}))
        refused = await looking.watch.check(sale)
        assert isinstance(refused, Rejected)
        assert refused.cause is Cause.ACCOUNT_UNSAFE
        assert len(looking.chain.asked) == asked  # An exit waits for no look.

    play(check)


@pytest.mark.parametrize(("kind", "to", "refused"), [
    (MoveKind.REBALANCE, "wallet0", True),
    (MoveKind.SWEEP, "wallet0", True),
    (MoveKind.REBALANCE, "wallet1", False),
    (MoveKind.WITHDRAWAL, None, False),
    (MoveKind.RECLAIM, "wallet0", False),
])  # fmt: skip
def test_no_capital_is_moved_into_an_unsafe_account(kind: MoveKind, to: str | None, refused: bool) -> None:
    async def check(looking: Looking) -> None:
        looking.desk.engine.post(RecordAccounts(WalletId("wallet0"), {USDC.mint: "a stranger's delegate"}))
        money, receiver = Money(1, USDC.mint), None if to is None else WalletId(to)
        move = Move(OrderId("move:x"), kind, WalletId("wallet1"), money, "x", receiver, 1, 1, 1, 0, 0, 1, "because")
        assert isinstance(looking.watch.check_move(move), Rejected) is refused

    play(check)


def test_without_a_policy_nothing_is_asked() -> None:
    async def check(looking: Looking) -> None:
        await looking.watch.look_at_all()
        assert await looking.buy(1) is None
        assert looking.desk.venue.signed == 1
        assert not looking.chain.asked

    play(check, AdmissionPolicy.OFF)

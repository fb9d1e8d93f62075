"""Audits a live desk: the chain, read without our own client, must agree with the books."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from tests.support.live_processes import CASH_UNITS, FLOAT_LAMPORTS, USDC, LiveProcesses

from overmind.cli.opening import state_on_disk
from overmind.core.books.state import State
from overmind.core.model.controls import CLOCK
from overmind.core.model.enums import MoveKind
from overmind.core.model.events import (
    BalanceAdjusted,
    Deposited,
    Event,
    HoldAdded,
    MoveClosed,
    MovePlaced,
    MoveRolledBack,
    OrderClosed,
    OrderPlaced,
    OrderRolledBack,
    TicketRecorded,
)
from overmind.core.model.ids import SOL, Mint, OrderId, WalletId
from overmind.core.model.order import Order, Work
from overmind.core.model.outcome import Failed, Filled, Outcome
from overmind.journal.sqlite import SqliteJournal
from overmind.views.verify import verify

TOKEN_PROGRAMS = ("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
PAGE = 1_000
BATCH = 40
CONFIRMED = {"commitment": "confirmed"}


class LandedTransaction(NamedTuple):
    """A transaction on the chain that one of our wallets signed."""

    signature: str
    failed: bool
    fee_lamports: int
    changes: dict[Mint, int]  # of the wallet; SOL includes fee and rent


class AuditCounts(NamedTuple):
    """The counts that the audit found."""

    landed: int
    fills: int
    failures: int
    orders: int
    sides: Counter[str]


class JournaledWork:
    """The journal's orders, moves, tickets and outcomes."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self.works: dict[OrderId, Work] = {}
        self.tickets: dict[OrderId, str] = {}
        self.outcomes: dict[OrderId, Outcome] = {}
        self.closed: Counter[OrderId] = Counter()
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case OrderPlaced(order=work) | MovePlaced(move=work):
                assert work.id not in self.works, f"{work.id} was placed twice"
                self.works[work.id] = work
            case TicketRecorded(order_id=order_id, ticket=ticket):
                assert order_id not in self.tickets, f"{order_id} was signed twice"
                self.tickets[order_id] = ticket.signature
            case OrderClosed(order_id=order_id, outcome=outcome) | MoveClosed(move_id=order_id, outcome=outcome):
                self.closed[order_id] += 1
                self.outcomes[order_id] = outcome
            case (
                OrderRolledBack(order_id=order_id, outcome=outcome) | MoveRolledBack(move_id=order_id, outcome=outcome)
            ):
                self.outcomes[order_id] = outcome

    def story(self, signature: str) -> list[Event]:
        """All events about the order or move of one ticket."""
        order_id = next(name for name, ticket in self.tickets.items() if ticket == signature)
        return [event for event in self.events if order_id in (_name(event, "order_id"), _name(event, "move_id"))]

    @property
    def orders(self) -> dict[OrderId, Order]:
        return {name: work for name, work in self.works.items() if isinstance(work, Order)}

    def of(self, wallet_id: WalletId, kind: type[Filled | Failed]) -> dict[str, tuple[Work, Filled | Failed]]:
        """Outcomes by signature."""
        return {
            self.tickets[order_id]: (self.works[order_id], outcome)
            for order_id, outcome in self.outcomes.items()
            if isinstance(outcome, kind) and self.works[order_id].wallet_id == wallet_id
        }


def _name(event: Event, field: str) -> object:
    return getattr(event, field, None)


def prove(
    stage: LiveProcesses, *, forked: bool = False, stopped: bool = False, clock_jumped: bool = False
) -> AuditCounts:
    """Asserts that everything is final, and that books and chain agree to the last unit.

    `forked`: a fork may have put a wallet into quarantine. `stopped`: there was an emergency stop. `clock_jumped`: the
    chain's clock differs from the desk's, which may hold entries for that.
    """
    path = stage.data / "overmind.db"
    verified = verify(path)
    assert verified.ok, verified.problems
    journal, state = JournaledWork(read_events(stage)), state_on_disk(stage.data)
    expected = frozenset(["emergency"] * stopped + [CLOCK] * clock_jumped)
    _check_settled(journal, state, forked, expected)
    _check_deposits(journal, stage)
    landed = 0
    for wallet_id, owner in stage.owners.items():
        history = list(history_of(stage, owner))
        landed += len(history)
        _check_history(journal, wallet_id, history)
        _check_balances(state, wallet_id, balances_of(stage, owner))
    orders = journal.orders
    filled = [orders[one] for one, outcome in journal.outcomes.items() if isinstance(outcome, Filled) and one in orders]
    failures = sum(isinstance(outcome, Failed) for outcome in journal.outcomes.values())
    return AuditCounts(landed, len(filled), failures, len(orders), Counter(order.side for order in filled))


def read_events(stage: LiveProcesses) -> list[Event]:
    journal = SqliteJournal.open_read_only(stage.data / "overmind.db")
    try:
        return [entry.event for entry in journal.read()]
    finally:
        journal.close()


def unsettled(stage: LiveProcesses) -> int:
    """The number of orders and moves that are open or provisional."""
    state = state_on_disk(stage.data)
    return len(state.open_orders) + len(state.provisional) + len(state.open_moves) + len(state.provisional_moves)


def _check_settled(journal: JournaledWork, state: State, forked: bool, expected: frozenset[str]) -> None:
    assert not state.open_orders, state.open_orders
    assert not state.open_moves, state.open_moves
    assert not state.provisional, state.provisional
    assert not state.provisional_moves, state.provisional_moves
    assert not state.holds.keys() - (expected & {CLOCK}), state.holds
    holds = [event for event in journal.events if isinstance(event, HoldAdded) and not forked]
    alarms = [event for event in holds if event.hold.cause not in expected]
    assert not alarms, alarms
    assert not [event for event in journal.events if isinstance(event, BalanceAdjusted)]
    assert set(journal.closed) == set(journal.works), "an order was left open, or closed without having been placed"
    assert set(journal.closed.values()) <= {1}, "an order was closed twice"
    orders = journal.orders
    served = Counter(
        order_id.rsplit(".", 1)[0]
        for order_id, outcome in journal.outcomes.items()
        if isinstance(outcome, Filled) and order_id in orders
    )
    assert set(served.values()) <= {1}, f"a signal was executed twice: {served.most_common(3)}"


def _check_deposits(journal: JournaledWork, stage: LiveProcesses) -> None:
    """Each wallet's first balance is the only deposit. A second one would be an order's proceeds."""
    given = Counter[tuple[WalletId, Mint]]()
    for event in journal.events:
        if isinstance(event, Deposited):
            given[event.wallet_id, event.money.mint] += event.money.units
    for wallet_id in stage.owners:
        assert given[wallet_id, SOL] == FLOAT_LAMPORTS, given
        assert given[wallet_id, Mint(USDC)] == CASH_UNITS, given
    assert len(given) == 2 * len(stage.owners), given


def _check_history(journal: JournaledWork, wallet_id: WalletId, history: list[LandedTransaction]) -> None:
    """The landed transactions are exactly the booked ones, and their balances are the amounts in the books."""
    fills, failures = journal.of(wallet_id, Filled), journal.of(wallet_id, Failed)
    ours = set(journal.tickets.values())
    unknown = [one.signature for one in history if one.signature not in ours]
    assert not unknown, f"{wallet_id} signed what no ticket knows: {unknown}"
    for failed, booked in ((False, fills), (True, failures)):
        differ = {one.signature for one in history if one.failed == failed} ^ set(booked)
        assert not differ, f"{wallet_id}: booked otherwise than landed: {list(map(journal.story, differ))}"
    for one in history:
        order, outcome = (failures if one.failed else fills)[one.signature]
        assert one.fee_lamports == outcome.fee_lamports, (one, outcome)
        assert one.changes == _booked(order, outcome), (one, order, outcome)


def _booked(work: Work, outcome: Filled | Failed) -> dict[Mint, int]:
    """The booked changes of the signing wallet. A receiving wallet signs nothing; its balance is compared elsewhere."""
    changes = Counter({SOL: -outcome.fee_lamports})
    if isinstance(outcome, Filled):
        changes[SOL] -= outcome.rent_lamports
        if isinstance(work, Order):
            changes[work.spend.mint] -= outcome.spent_units
            changes[work.receive] += outcome.received_units
        elif work.kind is MoveKind.RECLAIM:
            changes[SOL] += outcome.received_units
        else:
            changes[work.money.mint] -= outcome.spent_units
    return {mint: units for mint, units in changes.items() if units}


def _check_balances(state: State, wallet_id: WalletId, chain: dict[Mint, int]) -> None:
    book = state.wallets[wallet_id]
    mints = {*chain, *(mint for name in book.accounts.names for mint in state.ledger.accounts.get(name, {}))}
    books = {mint: units for mint in mints if (units := state.ledger.owned(book.accounts, mint))}
    found = {mint: units for mint, units in chain.items() if units}
    assert books == found, f"{wallet_id}: books {books}, chain {found}"


# Reading the chain


def balances_of(stage: LiveProcesses, owner: str) -> dict[Mint, int]:
    config = {**CONFIRMED, "encoding": "base64"}
    asked = [("getTokenAccountsByOwner", (owner, {"programId": program}, config)) for program in TOKEN_PROGRAMS]
    lamports, *held = stage.ask_all([("getBalance", (owner, CONFIRMED)), *asked])
    balances = Counter({SOL: int(lamports["value"])})
    for one in (account for answer in held for account in answer["value"]):
        mint, units = _token_account(base64.b64decode(one["account"]["data"][0]))
        assert mint != SOL, f"{owner} was left with wrapped SOL"
        balances[mint] += units
    return dict(balances)


def _token_account(data: bytes) -> tuple[Mint, int]:
    return Mint(str(Pubkey.from_bytes(data[:32]))), int.from_bytes(data[64:72], "little")


def history_of(stage: LiveProcesses, owner: str) -> Iterator[LandedTransaction]:
    """Every transaction that the wallet signed, newest first."""
    signatures = list(_signatures(stage, owner))
    config = {**CONFIRMED, "encoding": "base64", "maxSupportedTransactionVersion": 0}
    for start in range(0, len(signatures), BATCH):
        batch = signatures[start : start + BATCH]
        answers = stage.ask_all([("getTransaction", (signature, config)) for signature in batch])
        for signature, answer in zip(batch, answers, strict=True):
            landed = _landed(signature, answer, owner)
            if landed is not None:
                yield landed


def _signatures(stage: LiveProcesses, owner: str) -> Iterator[str]:
    before: dict[str, str] = {}
    while True:
        page = stage.ask("getSignaturesForAddress", owner, {**CONFIRMED, "limit": PAGE, **before})
        yield from (one["signature"] for one in page)
        if len(page) < PAGE:
            return
        before = {"before": page[-1]["signature"]}


def _landed(signature: str, answer: dict[str, Any], owner: str) -> LandedTransaction | None:
    """None: the transaction only names the wallet, such as a payment to it."""
    transaction = VersionedTransaction.from_bytes(base64.b64decode(answer["transaction"][0]))
    keys = [str(key) for key in transaction.message.account_keys]
    if owner not in keys[: transaction.message.header.num_required_signatures]:
        return None
    assert keys[0] == owner, f"{signature}: our wallet signed what another one pays for"
    meta = answer["meta"]
    changes = Counter({SOL: meta["postBalances"][0] - meta["preBalances"][0]})
    for sign, when in ((-1, "preTokenBalances"), (1, "postTokenBalances")):
        for one in meta[when]:
            if one["owner"] == owner:
                changes[Mint(one["mint"])] += sign * int(one["uiTokenAmount"]["amount"])
    return LandedTransaction(
        signature, meta["err"] is not None, meta["fee"], {mint: units for mint, units in changes.items() if units}
    )

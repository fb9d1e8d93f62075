"""Verifies a whole journal: its hash chain, a replay of every entry, each snapshot against the replay, and the
invariants of the books at each snapshot and at the end."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from overmind.core.books.apply import apply
from overmind.core.books.book import WalletBook
from overmind.core.books.ledger import held, sol_float_held
from overmind.core.books.migration import migrate
from overmind.core.books.positions import DEPOSIT
from overmind.core.books.state import State, encode_state, forget_changes, state_hash
from overmind.core.model.events import Entry
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.value import Value
from overmind.journal.anchor import Anchor
from overmind.journal.catalogue.check import Over, catalogue_problems
from overmind.journal.errors import JournalCorrupt, JournalUnusable, SegmentUnusable
from overmind.journal.segments.sealed import Sealed
from overmind.journal.verify import (
    ChainOnDisk,
    order_problems,
    sealed_parts,
    segment_entries,
    segment_state,
    snapshots,
    verify_chain,
)

PROGRESS_EVERY = 10_000
NOT_CHECKED = "MAC not checked"


class Verified(msgspec.Struct, frozen=True):
    ok: bool
    entries: int
    state_hash: str
    problems: list[str]
    mac: str = NOT_CHECKED  # whether the journal is the one that its anchor names, which no changed hash can imitate


class Segment(Value, frozen=True):
    """One part of the work: a sealed segment, and the one before it, whose state it starts from."""

    path: Path  # of the journal
    before: Sealed | None
    part: Sealed

    @property
    def entries(self) -> int:
        return self.part.last - self.part.first + 1


class SegmentVerified(Value, frozen=True):
    entries: int
    problems: tuple[str, ...]


Verify = Callable[[Segment], SegmentVerified]


def verify(
    path: Path,
    on_entries: Callable[[int], None] = lambda _: None,
    anchor: Anchor | None = None,
    over: Over = map,
) -> Verified:
    """Replay every entry. Raises JournalUnusable when there is no journal to verify.

    `anchor` is what the desk that wrote it keeps outside of the data folder, with the key of its MAC. `over` verifies
    the sealed segments, in order or at the same time: each starts from the state that the one before it must come to.
    It also compares the ranges of the catalogue.
    """
    parts = sealed_parts(path)
    problems = [str(one) for one in order_problems(parts)]
    work = [Segment(path, before, part) for before, part in zip([None, *parts], parts, strict=False)]
    entries = 0
    for done in over(verify_segment, work):
        entries += done.entries
        problems += done.problems
        on_entries(entries)
    state = State() if not parts else _state_after(path, parts[-1])
    tail = _Tail(path, entries, state, problems)
    tail.verify(on_entries)
    if not problems:
        problems += map(str, catalogue_problems(path, over))
    mac = NOT_CHECKED if anchor is None else _compare(path, anchor, problems)
    return Verified(not problems, tail.entries, state_hash(tail.state), problems, mac)


def verify_segment(segment: Segment) -> SegmentVerified:
    """Its hashes, and that its entries lead from the state before it to the state that it carries."""
    path, before, part = segment.path, segment.before, segment.part
    entries, problems = 0, list[str]()
    state = State() if before is None else _state_after(path, before)  # None: the one before it is told as unusable.
    try:
        for entry in segment_entries(path, before, part):
            entries += 1
            if state is not None and (problem := _replay(state, entry)):
                problems.append(problem)
                state = None
        kept = segment_state(path, part)
    except SegmentUnusable as error:
        return SegmentVerified(entries, (*problems, str(error.problem)))
    if migrate(kept, dict) is None:
        problems.append(f"entry {part.last}: this version cannot read the state in its segment")
    elif state is not None:
        problems += invariant_problems(state)
        if not _equals(kept, state):
            problems.append(f"entry {part.last}: the state in its segment is not what the entries come to")
    return SegmentVerified(entries, tuple(problems))


class _Tail:
    """The entries that are not sealed."""

    def __init__(self, path: Path, entries: int, state: State | None, problems: list[str]) -> None:
        self._path = path
        self._problems = problems
        self._kept = _snapshots(path)
        self.entries = entries
        self.state = state or State()
        self._replayable = state is not None

    def verify(self, on_entries: Callable[[int], None]) -> None:
        self._compare_snapshot(self.state.seq)
        for found in verify_chain(self._path):
            if not isinstance(found, Entry):
                self._problems.append(str(found))
                self._replayable = False  # What follows cannot be applied; the chain is still checked to its end.
                continue
            self.entries += 1
            if self._replayable and (problem := _replay(self.state, found)):
                self._problems.append(problem)
                self._replayable = False
            self._compare_snapshot(found.seq)
            if self.entries % PROGRESS_EVERY == 0:
                on_entries(self.entries)
        if self._replayable:
            self._problems += invariant_problems(self.state)

    def _compare_snapshot(self, seq: int) -> None:
        if self._replayable and seq in self._kept:
            self._problems += invariant_problems(self.state)
            if not _equals(self._kept[seq], self.state):
                self._problems.append(f"entry {seq}: the snapshot taken after it is not what the entries come to")


def _state_after(path: Path, part: Sealed) -> State | None:
    """The state that a segment carries; None: it cannot be read, and verifying that segment says why."""
    try:
        return migrate(segment_state(path, part), dict)
    except SegmentUnusable:
        return None


def _compare(path: Path, anchor: Anchor, problems: list[str]) -> str:
    """A copy that is older than the anchor may be a backup, so that alone is no problem."""
    try:
        with contextlib.closing(ChainOnDisk(path)) as chain:
            found = anchor.look(chain)
    except (JournalUnusable, OSError) as fault:
        return f"{NOT_CHECKED}: {fault}"
    if found.problem and not found.behind:
        problems.append(found.problem)
    if not found.checked:
        return NOT_CHECKED
    return f"MAC checked: {found.problem}" if found.behind else f"MAC checked up to entry {found.seq}"


def _snapshots(path: Path) -> dict[int, bytes]:
    try:
        return snapshots(path)
    except JournalCorrupt:
        return {}  # Reading the chain reports what is wrong.


def _equals(kept: bytes, state: State) -> bool:
    """Whether a start from this snapshot goes on from that state. A start replays what this version cannot read."""
    read = migrate(kept, lambda: state.signatures)
    return read is None or encode_state(read) == encode_state(state)


def _replay(state: State, entry: Entry) -> str | None:
    try:
        apply(state, entry)
    except (AssertionError, KeyError) as broken:
        return f"entry {entry.seq} cannot follow from what was before: {type(broken).__name__}: {broken}"
    forget_changes(state)
    return None


def invariant_problems(state: State) -> list[str]:
    """Broken invariants of the books; empty if there are none."""
    problems = [f"{mint}: the books are off by {units}" for mint, units in state.ledger.totals().items() if units]
    reserved = _reserved(state)
    for wallet_id, book in state.wallets.items():
        for account in (held(wallet_id), sol_float_held(wallet_id)):
            for mint, units in state.ledger.accounts.get(account, {}).items():
                expected = reserved[account, mint]
                if units != expected:
                    problems.append(f"{account} {mint}: {units} held, open orders and moves reserve {expected}")
        problems += _position_problems(state, book)
        problems += _lot_problems(state, book)
        problems += _suspense_problems(state, book)
    for order_id in state.provisional.keys() & state.open_orders.keys():
        problems.append(f"order {order_id} is open, and booked provisionally as well")
    if state.equity_micros != sum(book.equity_micros for book in state.wallets.values()):
        problems.append("the portfolio's equity is not the sum of its wallets'")
    if state.trades_today != sum(book.trades_today for book in state.wallets.values()):
        problems.append("the portfolio's trades of the day are not the sum of its wallets'")
    if state.entries_open != sum(book.entries_open for book in state.wallets.values()):
        problems.append("the portfolio's open entries are not the sum of its wallets'")
    return problems


def _reserved(state: State) -> Counter[tuple[str, Mint]]:
    """What orders and transfers under way must hold, by account and mint."""
    reserved = Counter[tuple[str, Mint]]()
    for known in state.open_orders.values():
        order = known.order
        reserved[held(order.wallet_id), order.spend.mint] += order.spend.units
        reserved[sol_float_held(order.wallet_id), SOL] += order.fee_max_lamports + order.rent_max_lamports
    for waiting in state.open_moves.values():
        move = waiting.move
        account = sol_float_held if move.money.mint == SOL else held  # SOL that moves comes out of the float.
        reserved[account(move.wallet_id), move.money.mint] += move.money.units
        reserved[sol_float_held(move.wallet_id), SOL] += move.fee_max_lamports + move.rent_max_lamports
    return reserved


def _position_problems(state: State, book: WalletBook) -> list[str]:
    """A position equals its accounts' balances less what a fork took back, and is never negative."""
    accounts, balance, problems = book.accounts, state.ledger.balance, []
    held_mints = {*state.ledger.accounts.get(accounts.free, {}), *state.ledger.accounts.get(accounts.held, {})}
    for mint in sorted({*book.positions, *held_mints} - {state.settings.quote.mint}):
        position = book.positions.get(mint)
        units = position.units if position is not None else 0
        owned = balance(accounts.free, mint) + balance(accounts.held, mint) + balance(accounts.suspense, mint)
        if units != max(0, owned):
            problems.append(f"{book.wallet.id} {mint}: position of {units}, books say {owned}")
    return problems


def _lot_problems(state: State, book: WalletBook) -> list[str]:
    """What open sales reserved of each owner's lots is listed once, and lots make up the position, owner by owner."""
    reserved: dict[Mint, dict[str, int]] = {}
    for known in state.open_orders.values():
        if known.order.wallet_id == book.wallet.id:
            for owner, units in known.shares.items():
                owners = reserved.setdefault(known.order.mint, {})
                owners[owner] = owners.get(owner, 0) + units
    problems = []
    if reserved != book.reserved:
        problems.append(f"{book.wallet.id}: lots {book.reserved} are listed as reserved, open sales say {reserved}")
    for mint, position in sorted(book.positions.items()):
        owned, of_sources = dict[str, int](), dict[str, int]()
        for lot in position.lots:
            by = lot.strategy or DEPOSIT
            owned[by] = owned.get(by, 0) + lot.units
            if lot.source:
                of_sources[lot.owner] = of_sources.get(lot.owner, 0) + lot.units
        if owned != position.units_by or sum(owned.values()) != position.units:
            problems.append(f"{book.wallet.id} {mint}: owners {position.units_by}, the lots say {owned}")
        if of_sources != position.units_of_sources:
            listed = position.units_of_sources
            problems.append(f"{book.wallet.id} {mint}: sources {listed}, the lots say {of_sources}")
    return problems


def _suspense_problems(state: State, book: WalletBook) -> list[str]:
    """A debt is a negative balance, and is listed as a debt."""
    problems, owed = [], set()
    for account in (book.accounts.suspense, book.accounts.float_suspense):
        for mint, units in state.ledger.accounts.get(account, {}).items():
            if units:
                owed.add(mint)
            if units > 0:
                problems.append(f"{account} {mint}: {units}, a suspense account only owes")
    if owed != book.in_suspense:
        listed, found = ", ".join(sorted(book.in_suspense)) or "nothing", ", ".join(sorted(owed)) or "nothing"
        problems.append(f"{book.wallet.id}: {listed} is listed as owed, the books owe {found}")
    return problems

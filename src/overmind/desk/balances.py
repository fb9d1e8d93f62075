"""Reads the wallets' balances and signatures from the chain: at start, at intervals, and after a notification.

A deficit is read again before it counts, since one lagging node is no theft. A transaction that a wallet of ours signed
but that has no ticket means that somebody else has the key; it holds all entries at once. The two checks are
independent: an unreadable transaction does not keep the balances from being compared.

See specification §10.10.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Final, NamedTuple, Protocol

import structlog
from solders.pubkey import Pubkey

from overmind.core.books.book import WalletBook
from overmind.core.books.wallet_limits import RESTORED
from overmind.core.control.balances import is_stale, short_of, unknown_signature_cause
from overmind.core.control.history import wallets_unknown
from overmind.core.model.commands import (
    AcceptBalances,
    AcceptHistory,
    AddHold,
    CommandRefused,
    RecordBalances,
    given_by,
)
from overmind.core.model.controls import Scope
from overmind.core.model.events import BalanceAdjusted, Event, TicketRecorded
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.units import NS
from overmind.desk.effects import effects_text
from overmind.desk.engine import Engine
from overmind.desk.landed import unsigned_orders_like
from overmind.desk.ticket_search import TicketSearch
from overmind.ports import ChainSilent, Clock, Effects
from overmind.solana.responses import OwnerBalances, SignatureInfo
from overmind.solana.tokens import TOKEN_PROGRAMS, ata

READS_MAX: Final = 3  # reads of a deficit before it counts
REREAD_S: Final = 1.0
UNREAD_S: Final = 2.0  # until a wallet that could not be read is read again
RECHECK_S: Final = 2.0  # between two checks of a wallet after notifications
TICKETS_MAX: Final = 20_000  # remembered signatures of tickets since the start
CHECKED_MAX: Final = 100  # signatures per check: anybody may send dust, and other wallets must not wait for it
TRIES_MAX: Final = 30  # reads of a transaction, at least a minute, before it counts as a possible theft
TRIED_MAX: Final = 10_000  # signatures whose reads are counted
NONE_YET: Final = "none"  # the cursor of a wallet without any transaction

log = structlog.get_logger("balances")


class Cursor(NamedTuple):
    """The newest signature of a wallet up to which all are checked."""

    signature: str
    slot: int
    open: str = ""  # why newer signatures are still unchecked; blank: none are


class OwnersChain(Protocol):
    """What the chain tells about the owner of wallets."""

    async def balances(self, owner: str, slot_min: int = 0) -> OwnerBalances:
        """As of `slot_min` or later. Raises ChainSilent."""

    async def signatures(self, address: str, until: str | None = None, most: int = ...) -> list[SignatureInfo]:
        """The newest first, back to `until` (excluded). Raises ChainSilent."""

    async def effects(self, signature: str) -> Effects | None:
        """None while the node has no record of it. Raises ChainSilent."""


class AccountNews(Protocol):
    """Tells which accounts may have changed."""

    def watch_accounts(self, addresses: Iterable[str]) -> None: ...

    def changes(self) -> AsyncGenerator[str]: ...


class BalanceWatch:
    def __init__(
        self,
        engine: Engine,
        chain: OwnersChain,
        notifications: AccountNews,
        clock: Clock,
        public_keys: Mapping[WalletId, str],
        interval_s: float,
    ) -> None:
        self._engine = engine
        self._chain = chain
        self._notifications = notifications
        self._clock = clock
        self._public_keys = public_keys
        self._interval_s = interval_s
        self._checked_ns: dict[WalletId, int] = {}
        self._wallet_of: dict[str, WalletId] = {}
        self._unread: set[WalletId] = set()
        self._feed = engine.subscribe()
        self._tickets: dict[str, None] = {}  # signatures of the newest tickets; the journal has the older ones
        self._journal = TicketSearch(engine, clock)
        self._tries: dict[str, int] = {}  # failed reads, by signature
        self._checking = asyncio.Lock()  # One check at a time: a wallet's cursor advances in order.

    async def run(self) -> None:
        """Runs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._at_intervals())
            tasks.create_task(self._on_notification())
            tasks.create_task(self._remember_tickets())

    async def check_all(self) -> None:
        """Skips a wallet whose balances cannot be read: no answer is no information."""
        for wallet_id in list(self._public_keys):
            await self._check_or_warn(wallet_id)

    async def _check_or_warn(self, wallet_id: WalletId) -> None:
        try:
            await self.check(wallet_id)
            self._unread.discard(wallet_id)
        except ChainSilent as silent:
            if wallet_id not in self._unread:
                log.warning("balances not read", wallet=wallet_id, why=str(silent))
            self._unread.add(wallet_id)

    async def check(self, wallet_id: WalletId) -> None:
        """Records the balances. Raises ChainSilent, also after recording, if a signature could not be read."""
        self._subscribe(wallet_id)
        async with self._checking:
            cursor = await self._check_signatures(self._engine.state.wallets[wallet_id])
            record, state = await self._read(wallet_id, cursor), self._engine.state
            for _ in range(READS_MAX - 1):
                if not (is_stale(state, record) or short_of(state, record)):
                    break
                await self._clock.sleep(REREAD_S)
                record = await self._read(wallet_id, cursor, slot_min=record.slot + 1)
            await self._engine.handle(record)
            self._checked_ns[wallet_id] = self._clock.now_ns()
        if cursor.open:
            raise ChainSilent(cursor.open)

    async def accept(self, wallet_id: WalletId, reason: str, by: str = "") -> dict[Mint, int]:
        """Adjusts the books to the chain on an operator's word; also for a removed wallet, because its holds stop the
        others.

        Returns the adjustments by mint. Raises CommandRefused, ChainSilent.
        """
        async with self._checking:
            events = await self._engine.handle(given_by(await self._read_to_accept(wallet_id, reason), by))
        return _adjusted(events)

    async def accept_history(self, wallet_id: WalletId, reason: str, by: str = "") -> dict[Mint, int]:
        """Like `accept`, for what a wallet did since the journal ended. Raises CommandRefused, ChainSilent."""
        async with self._checking:
            found = await self._read_to_accept(wallet_id, reason)
            events = await self._engine.handle(given_by(AcceptHistory(found), by))
        return _adjusted(events)

    async def explain(self, book: WalletBook, signatures: Sequence[str]) -> list[str]:
        """Holds the portfolio if our key signed one of them, oldest first, without a ticket. Returns the unreadable
        ones.

        What an operator has accepted since they were listed is explained.
        """
        async with self._checking:
            state = self._engine.state
            if RESTORED not in state.holds or book.wallet.id not in wallets_unknown(state):
                return []
            ours, unread = await self._signed_by_us(signatures, book.wallet.public_key)
            if unknown := await self._journal.without_ticket(ours, 0):
                await self._hold_for_theft(book.wallet.id, unknown)
        return await self._journal.without_ticket(unread, 0)

    async def _read_to_accept(self, wallet_id: WalletId, reason: str) -> AcceptBalances:
        wallets = self._engine.state.wallets
        if wallet_id not in wallets:
            raise CommandRefused(f"no wallet {wallet_id!r}; known: {', '.join(wallets)}")
        found = await self._read(wallet_id, await self._newest_cursor(wallets[wallet_id]))
        return AcceptBalances(
            wallet_id, found.slot, found.as_of_seq, found.balances, reason, found.signature, found.signature_slot
        )

    async def _read(self, wallet_id: WalletId, cursor: Cursor, slot_min: int = 0) -> RecordBalances:
        """One read of the balances, not older than the books. Raises ChainSilent."""
        book, as_of_seq = self._engine.state.wallets[wallet_id], self._engine.state.seq
        found = await self._chain.balances(book.wallet.public_key, max(slot_min, book.booked_slot))
        return RecordBalances(wallet_id, found.slot, as_of_seq, _by_mint(found), cursor.signature, cursor.slot)

    def _subscribe(self, wallet_id: WalletId) -> None:
        """Subscribes to the wallet and to its token accounts of the listed tokens."""
        public_key, desk = self._public_keys[wallet_id], self._engine.state.settings
        owner, tokens = Pubkey.from_string(public_key), (desk.quote, *desk.tokens.values())
        accounts = [str(ata(owner, Pubkey.from_string(one.mint), TOKEN_PROGRAMS[one.program])) for one in tokens]
        self._wallet_of |= dict.fromkeys((public_key, *accounts), wallet_id)
        self._notifications.watch_accounts((public_key, *accounts))

    async def _at_intervals(self) -> None:
        """Checks all wallets at the interval. A wallet that could not be read is retried sooner: unread, it looks
        empty.
        """
        waited_s = 0.0
        while True:
            pause_s = min(UNREAD_S, self._interval_s)
            await self._clock.sleep(pause_s)
            waited_s += pause_s
            due = self._public_keys if waited_s >= self._interval_s else self._unread
            for wallet_id in list(due):
                await self._check_or_warn(wallet_id)
            waited_s = 0.0 if due is self._public_keys else waited_s

    async def _on_notification(self) -> None:
        """Checks a wallet after a notification that it or one of its token accounts changed."""
        async for address in self._notifications.changes():
            wallet_id, notified_ns = self._wallet_of[address], self._clock.now_ns()
            quiet_ns = notified_ns - self._checked_ns.get(wallet_id, 0)
            await self._clock.sleep(max(0.0, RECHECK_S - abs(quiet_ns) / NS))
            # Otherwise it was checked since, for another account.
            if self._checked_ns.get(wallet_id, 0) <= notified_ns:
                await self._check_or_warn(wallet_id)

    async def _remember_tickets(self) -> None:
        """Keeps the signatures of new tickets in memory. If its feed loses entries, checks find them in the journal."""
        while True:
            for entry in await self._feed.next() or ():
                if isinstance(entry.event, TicketRecorded):
                    self._tickets[entry.event.ticket.signature] = None
            while len(self._tickets) > TICKETS_MAX:
                del self._tickets[next(iter(self._tickets))]

    async def _newest_cursor(self, book: WalletBook) -> Cursor:
        """The newest signature, with all older ones taken as explained. Raises ChainSilent."""
        found = await self._chain.signatures(book.wallet.public_key, most=1)
        if found and found[0].slot >= book.checked_slot:  # Otherwise this node lags.
            return Cursor(found[0].signature, found[0].slot)
        return Cursor(book.checked or NONE_YET, book.checked_slot)

    async def _check_signatures(self, book: WalletBook) -> Cursor:
        """Checks the signatures that are newer than the cursor. Raises ChainSilent if there is no cursor yet."""
        if not book.checked:  # The first check only sets the cursor.
            return await self._newest_cursor(book)
        cursor = Cursor(book.checked, book.checked_slot)
        if RESTORED in self._engine.state.holds:
            return cursor  # A node without history would move it past what is to be read.
        if unknown_signature_cause(book.wallet.id) in self._engine.state.holds:
            return cursor  # Waits until an operator explains it and everything after it.
        try:
            newer = await self._newer_signatures(book)
        except ChainSilent as silent:
            return cursor._replace(open=str(silent))
        return await self._advance_cursor(book, cursor, newer)

    async def _newer_signatures(self, book: WalletBook) -> list[SignatureInfo]:
        """Newer signatures, oldest first. A node that does not know the cursor, after a fork or for lack of history,
        returns the whole past; signatures with an older slot than the cursor are dropped. Raises ChainSilent.
        """
        until = book.checked if book.checked != NONE_YET else None
        found = await self._chain.signatures(book.wallet.public_key, until)
        return [one for one in reversed(found) if one.slot >= book.checked_slot]

    async def _advance_cursor(self, book: WalletBook, cursor: Cursor, newer: Sequence[SignatureInfo]) -> Cursor:
        """Moves the cursor up to the first signature that is unknown or unreadable. A theft after it is reported all
        the same.
        """
        looked_at = newer[:CHECKED_MAX]
        ours, unread = await self._signed_by_us([one.signature for one in looked_at], book.wallet.public_key)
        given_up = [signature for signature in unread if self._is_given_up(signature)]
        unknown = await self._journal.without_ticket([*ours, *given_up], book.checked_seq)
        if unknown:
            await self._hold_for_theft(book.wallet.id, unknown)
        waiting = [signature for signature in unread if signature not in given_up]
        stops = {*unknown, *waiting}
        for one in takewhile(lambda one: one.signature not in stops, looked_at):
            cursor = Cursor(one.signature, one.slot)
        if waiting:
            return cursor._replace(open=f"no record of {waiting[0]} yet")
        return cursor._replace(open=f"{len(newer) - CHECKED_MAX} more signatures" if len(newer) > CHECKED_MAX else "")

    async def _signed_by_us(self, signatures: Iterable[str], public_key: str) -> tuple[list[str], list[str]]:
        """Of the signatures without a ticket: those that our key signed, and those that cannot be read. A payment from
        others only names our wallet. They are requested together, which makes few requests.
        """
        tickets = self._tickets_under_way() | self._tickets.keys()
        without_ticket = [signature for signature in signatures if signature not in tickets]
        signers = await asyncio.gather(*map(self._signers, without_ticket))
        found = list(zip(without_ticket, signers, strict=True))
        return [one for one, by in found if by and public_key in by], [one for one, by in found if by is None]

    async def _told(self, signature: str) -> str:
        """What a transaction did to the balances of our wallets, for an operator."""
        try:
            effects = await self._chain.effects(signature)
        except ChainSilent:
            effects = None
        if effects is None:
            return "it cannot be read"
        orders = unsigned_orders_like(self._engine.state, effects)
        may_be = f"; it may be order {' or '.join(orders)}, which this journal has not signed" if orders else ""
        return effects_text(effects, self._public_keys) + may_be

    async def _signers(self, signature: str) -> Sequence[str] | None:
        """The transaction's signers; None: nobody can read it for now."""
        try:
            effects = await self._chain.effects(signature)
        except ChainSilent:
            return None
        return None if effects is None else effects.accounts[: effects.signers]

    def _is_given_up(self, signature: str) -> bool:
        tries = self._tries.pop(signature, 0) + 1
        self._tries[signature] = tries
        if len(self._tries) > TRIED_MAX:
            del self._tries[next(iter(self._tries))]
        return tries >= TRIES_MAX

    async def _hold_for_theft(self, wallet_id: WalletId, signatures: Sequence[str]) -> None:
        reason = (
            f"wallet {wallet_id} signed {len(signatures)} transactions that no ticket knows or that cannot be read, "
            f"the newest {signatures[-1]}: a stolen key, a second host, or a journal that is an older copy"
        )
        for signature in signatures:
            log.error("unknown signature", wallet=wallet_id, signature=signature, did=await self._told(signature))
        await self._engine.handle(AddHold(Scope(), unknown_signature_cause(wallet_id), reason))

    def _tickets_under_way(self) -> set[str]:
        state = self._engine.state
        known = (state.open_orders, state.provisional, state.open_moves, state.provisional_moves)
        return {one.ticket.signature for each in known for one in each.values() if one.ticket is not None}


def _adjusted(events: Iterable[Event]) -> dict[Mint, int]:
    return {event.mint: event.units for event in events if isinstance(event, BalanceAdjusted)}


def _by_mint(found: OwnerBalances) -> dict[Mint, int]:
    """SOL is the wallet's own lamports. Wrapped SOL accounts are transient and not counted."""
    return {**found.units, SOL: found.lamports}

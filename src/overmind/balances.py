"""The chain's word about the wallets, handed to the engine: at start, at intervals, and when a node tells of a change.

A deficit is read again before it is believed: one node that lags is no theft. A transaction that a wallet of ours
signed and that no ticket knows means that somebody else has the key, and holds all entries at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

import structlog
from solders.pubkey import Pubkey

from overmind.core.balances import is_stale, short_of, unknown_signature_cause
from overmind.core.messages import (
    AcceptBalances,
    AddHold,
    BalanceAdjusted,
    CommandRefused,
    RecordBalances,
    Scope,
    TicketRecorded,
)
from overmind.core.model import NS, SOL, Mint, WalletId
from overmind.engine import Engine
from overmind.ports import ChainSilent, Clock
from overmind.solana.answers import Balances, SignatureInfo
from overmind.solana.chain import RpcChain
from overmind.solana.news import News
from overmind.solana.tokens import TOKEN_PROGRAMS, ata

READS_MAX: Final = 3  # of a balance that is short, before it is believed
REREAD_S: Final = 1.0
UNREAD_S: Final = 2.0  # until a wallet that could not be read is asked for again
QUIET_S: Final = 2.0  # between two looks at a wallet that a node tells of
TICKETS_MAX: Final = 20_000  # remembered, of those that were signed since the start
BREATH: Final = 5_000  # journal entries between two rests of a search
NONE_YET: Final = "none"  # the cursor of a wallet that no transaction ever named

log = structlog.get_logger("balances")


class BalanceWatch:
    def __init__(
        self,
        engine: Engine,
        chain: RpcChain,
        news: News,
        clock: Clock,
        public_keys: Mapping[WalletId, str],
        interval_s: float,
    ) -> None:
        self._engine = engine
        self._chain = chain
        self._news = news
        self._clock = clock
        self._public_keys = public_keys
        self._interval_s = interval_s
        self._checked_ns: dict[WalletId, int] = {}
        self._wallet_of: dict[str, WalletId] = {}
        self._unread: set[WalletId] = set()
        self._feed = engine.subscribe()
        self._tickets: dict[str, None] = {}  # the newest ones' signatures; older ones stand in the journal
        self._checking = asyncio.Lock()  # One reading at a time: a wallet's cursor moves in order.

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._at_intervals())
            tasks.create_task(self._on_news())
            tasks.create_task(self._remember_tickets())

    async def check_all(self) -> None:
        """A wallet whose balances cannot be read is skipped: silence teaches nothing."""
        for wallet_id in list(self._public_keys):
            await self._check_if_told(wallet_id)

    async def _check_if_told(self, wallet_id: WalletId) -> None:
        try:
            await self.check(wallet_id)
            self._unread.discard(wallet_id)
        except ChainSilent as silent:
            if wallet_id not in self._unread:
                log.warning("balances not read", wallet=wallet_id, why=str(silent))
            self._unread.add(wallet_id)

    async def check(self, wallet_id: WalletId) -> None:
        """Raises ChainSilent."""
        self._watch(wallet_id)
        async with self._checking:
            record, state = await self.read(wallet_id), self._engine.state
            for _ in range(READS_MAX - 1):
                if not (is_stale(state, record) or short_of(state, record)):
                    break
                await self._clock.sleep(REREAD_S)
                record = await self.read(wallet_id, slot_min=record.slot + 1)
            await self._engine.handle(record)
            self._checked_ns[wallet_id] = self._clock.now_ns()

    async def accept(self, wallet_id: WalletId, reason: str) -> dict[str, int]:
        """What an operator explains. Returns what was adjusted, by mint. Raises CommandRefused, ChainSilent."""
        if wallet_id not in self._public_keys:
            raise CommandRefused(f"no wallet {wallet_id!r}; known: {', '.join(self._public_keys)}")
        async with self._checking:
            found = await self.read(wallet_id, explained=True)
            events = await self._engine.handle(
                AcceptBalances(
                    wallet_id, found.slot, found.as_of_seq, found.balances, reason, signature=found.signature
                )
            )
        return {event.mint: event.units for event in events if isinstance(event, BalanceAdjusted)}

    async def read(self, wallet_id: WalletId, slot_min: int = 0, explained: bool = False) -> RecordBalances:
        """One reading, not older than what is booked. `explained`: no signature is an alarm. Raises ChainSilent."""
        book, as_of_seq = self._engine.state.wallets[wallet_id], self._engine.state.seq
        public_key = self._public_keys[wallet_id]
        newer = await self._chain.signatures(public_key, book.checked if book.checked not in ("", NONE_YET) else None)
        found = await self._chain.balances(public_key, max(slot_min, book.booked_slot))
        signature = newer[0].signature if newer else book.checked or NONE_YET
        if book.checked and not explained:  # The first reading only marks where the desk began.
            unknown = await self._unknown(wallet_id, public_key, newer)
            if unknown:
                await self._alarm(wallet_id, unknown)
                signature = book.checked
        return RecordBalances(wallet_id, found.slot, as_of_seq, _by_mint(found), signature)

    def _watch(self, wallet_id: WalletId) -> None:
        """The wallet itself, and the accounts that credits of the listed tokens arrive in."""
        public_key, desk = self._public_keys[wallet_id], self._engine.state.settings
        owner, tokens = Pubkey.from_string(public_key), (desk.quote, *desk.tokens.values())
        accounts = [str(ata(owner, Pubkey.from_string(one.mint), TOKEN_PROGRAMS[one.program])) for one in tokens]
        self._wallet_of |= dict.fromkeys((public_key, *accounts), wallet_id)
        self._news.watch_accounts((public_key, *accounts))

    async def _at_intervals(self) -> None:
        """What could not be read is asked for again soon: a wallet that was never read looks empty."""
        waited_s = 0.0
        while True:
            pause_s = min(UNREAD_S, self._interval_s)
            await self._clock.sleep(pause_s)
            waited_s += pause_s
            due = self._public_keys if waited_s >= self._interval_s else self._unread
            for wallet_id in list(due):
                await self._check_if_told(wallet_id)
            waited_s = 0.0 if due is self._public_keys else waited_s

    async def _on_news(self) -> None:
        """A wallet of ours changed, or something was sent to it."""
        async for address in self._news.changes():
            wallet_id, told_ns = self._wallet_of[address], self._clock.now_ns()
            quiet_ns = told_ns - self._checked_ns.get(wallet_id, 0)
            await self._clock.sleep(max(0.0, QUIET_S - abs(quiet_ns) / NS))
            if self._checked_ns.get(wallet_id, 0) <= told_ns:  # Else it was looked at since, for another account.
                await self._check_if_told(wallet_id)

    async def _remember_tickets(self) -> None:
        """So that the journal need not be searched for each check. What a lost feed loses is found there."""
        while True:
            for entry in await self._feed.next() or ():
                if isinstance(entry.event, TicketRecorded):
                    self._tickets[entry.event.ticket.signature] = None
            while len(self._tickets) > TICKETS_MAX:
                del self._tickets[next(iter(self._tickets))]

    async def _alarm(self, wallet_id: WalletId, signatures: list[str]) -> None:
        reason = (
            f"wallet {wallet_id} signed {len(signatures)} transactions that no ticket knows, "
            f"the newest {signatures[0]}: a stolen key or a second host"
        )
        log.error("unknown signature", wallet=wallet_id, signature=signatures[0])
        await self._engine.handle(AddHold(Scope(), unknown_signature_cause(wallet_id), reason))

    async def _unknown(self, wallet_id: WalletId, public_key: str, found: Iterable[SignatureInfo]) -> list[str]:
        """Of these, which the wallet signed without a ticket, newest first."""
        tickets = self._tickets_under_way() | self._tickets.keys()
        strangers = [one.signature for one in found if one.signature not in tickets]
        if not strangers:
            return []
        checked_seq = self._engine.state.wallets[wallet_id].checked_seq
        for after in (checked_seq, 0):  # Nearly always it stands in the tail.
            strangers = await self._not_in_journal(strangers, after)
            if not strangers:
                return []
        return [signature for signature in strangers if await self._signed(signature, public_key)]

    def _tickets_under_way(self) -> set[str]:
        state = self._engine.state
        sent = {known.ticket.signature for known in state.open_orders.values() if known.ticket is not None}
        return sent | {known.ticket.signature for known in state.provisional.values()}

    async def _not_in_journal(self, signatures: list[str], after: int) -> list[str]:
        left = set(signatures)
        for count, entry in enumerate(self._engine.entries(after)):
            if isinstance(entry.event, TicketRecorded):
                left.discard(entry.event.ticket.signature)
            if not left:
                break
            if count % BREATH == BREATH - 1:
                await self._clock.sleep(0)
        return [signature for signature in signatures if signature in left]

    async def _signed(self, signature: str, public_key: str) -> bool:
        """Whether our key signed it; a payment from others only names us. Raises ChainSilent."""
        effects = await self._chain.effects(signature)
        if effects is None:
            raise ChainSilent(f"no record of {signature} yet")
        return public_key in effects.accounts[: effects.signers]


def _by_mint(found: Balances) -> dict[Mint, int]:
    """SOL is the wallet's own lamports; wrapped accounts are transient and no balance of their own."""
    return {**found.units, SOL: found.lamports}

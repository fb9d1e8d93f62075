"""Looks at the mints of the desk's tokens and at our own token accounts: at start, at intervals, and before a buy.

What it sees is journaled, and the decision judges it. A buy asks for what was not seen in the last minute; usually that
is nothing, because the watch sees everything more often.

See specification §15.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import structlog

from overmind.core.books.state import State
from overmind.core.control.admission import known_token
from overmind.core.entries.admission import not_admitted
from overmind.core.model.commands import RecordAccounts, RecordAdmission
from overmind.core.model.enums import MoveKind
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.mints import AdmissionPolicy, MintLook
from overmind.core.model.order import Move, Order
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.desk.engine import Engine
from overmind.ports import AccountBytes, AccountReader, ChainSilent, Clock, Priority, VenueUnavailable
from overmind.solana.mint_accounts import look_at
from overmind.solana.own_accounts import flaw_of
from overmind.solana.tokens import TOKEN_PROGRAMS
from overmind.solana.transfers import account_of

FRESH_S: Final = 60.0  # how long a look counts
LOOK_EVERY_S: Final = 50.0  # shorter, so that a buy need not look itself
SLOTS_MAX: Final = 1_000  # by which an answer may be ahead of the last one at any moment
SLOTS_PER_S_MAX: Final = 1_000  # Faster than any cluster.
RETRY_S: Final = 2.0  # after the chain did not answer

log = structlog.get_logger("admission")


class OwnAccount(Value, frozen=True):
    """The associated account of one wallet for one token."""

    wallet_id: WalletId
    mint: Mint


Seen = Mint | OwnAccount  # what is looked at


class Place(Value, frozen=True):
    """Where it is on the chain. Of an account: its owner and program as they should be."""

    seen: Seen
    address: str
    owner: str = ""
    program: str = ""

    @property
    def mint(self) -> Mint:
        return self.seen.mint if isinstance(self.seen, OwnAccount) else self.seen

    def read(self, account: AccountBytes | None, slot: int) -> MintLook | str:
        """A look at a mint, or what is wrong with an account of ours."""
        if isinstance(self.seen, OwnAccount):
            return flaw_of(account, self.owner, self.mint, self.program)
        return look_at(account, slot)


class UnlistedLooks(Protocol):
    """Looks at the market of tokens that no list has."""

    async def refresh(self, mint: Mint) -> None:
        """Looks again unless it was looked at in the last minute. Raises VenueUnavailable."""

    def forget(self) -> None:
        """The next buy looks again."""


class AdmissionWatch:
    def __init__(self, engine: Engine, chain: AccountReader, clock: Clock, public_keys: Mapping[WalletId, str]) -> None:
        """`public_keys`: the wallets that can sign."""
        self._engine = engine
        self._chain = chain
        self._clock = clock
        self._public_keys = public_keys
        self._seen_ns: dict[Seen, int] = {}
        self._looking = asyncio.Lock()  # Orders that need the same look wait for one.
        self._slot = 0  # the highest of all looks since the start: no older answer counts
        self._slot_ns = clock.now_ns()
        self._silence = ""
        self.unlisted: UnlistedLooks | None = None  # None: no mint that no list has is looked at

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await self._clock.sleep(RETRY_S if self._silence else LOOK_EVERY_S)
            await self.look_at_all()

    async def look_at_all(self) -> None:
        """Looks at every token of the desk and at every account of its wallets. Silence is logged once."""
        if not self._is_on:
            return
        try:
            async with self._looking:
                await self._look(list(_all(self._engine.state, self._public_keys)), Priority.MARK)
        except ChainSilent as silent:
            if not self._silence:
                log.warning("mints not looked at", why=str(silent))
            self._silence = str(silent)
            return
        self._silence = ""

    async def facts_of(self, mint: Mint) -> MintLook:
        """One look at any mint, known or not. Nothing is journaled. Raises ChainSilent."""
        async with self._looking:
            began_ns = self._clock.now_ns()
            reads = await self._chain.accounts([mint], self._slot, Priority.ENTRY)
            slot = min(read.slot for read in reads)
            self._require_possible(slot, began_ns)
        found, *others = [look_at(read.accounts[0], slot) for read in reads]
        if any(other != found for other in others):
            raise ChainSilent(f"two nodes do not show the same at {mint}")
        return found

    def forget(self) -> None:
        """The next buy looks again at everything that it needs."""
        self._seen_ns.clear()
        if self.unlisted is not None:
            self.unlisted.forget()

    async def check(self, order: Order) -> Rejected | None:
        """Why the order must not be signed, as far as mints and our accounts tell. Raises VenueUnavailable.

        A sale is judged by what is known and waits for no look. It may leave an account that a stranger can dispose of,
        because that takes the tokens out of his reach; it may not bring its proceeds into one.
        """
        if not self._is_on:
            return None
        if order.is_entry:
            quote = self._engine.state.settings.quote.mint
            accounts = [OwnAccount(order.wallet_id, mint) for mint in (quote, order.mint) if mint != SOL]
            await self._refresh((order.mint, quote, *accounts))
            if self.unlisted is not None:
                await self.unlisted.refresh(order.mint)
        return self.known_against(order)

    def known_against(self, order: Order) -> Rejected | None:
        """What the newest looks say against it: a quote, or a slow disk, may take longer than a look."""
        if not self._is_on:
            return None
        state, wallet_id = self._engine.state, order.wallet_id
        if not order.is_entry:
            return _unsafe(state, wallet_id, (order.receive,))
        if why := not_admitted(state, order.mint):
            return Rejected(Cause.MINT_NOT_ADMITTED, why)
        return _unsafe(state, wallet_id, (state.settings.quote.mint, order.mint))

    def check_move(self, move: Move) -> Rejected | None:
        """Why a transfer must not be made: it would bring capital into an account that a stranger can dispose of."""
        if not self._is_on or move.to_wallet is None or move.kind is MoveKind.RECLAIM:
            return None
        return _unsafe(self._engine.state, move.to_wallet, (move.money.mint,))

    @property
    def _is_on(self) -> bool:
        return self._engine.state.settings.admission is not AdmissionPolicy.OFF

    async def _refresh(self, wanted: Iterable[Seen]) -> None:
        async with self._looking:
            old = [one for one in wanted if not self._is_fresh(one)]
            if not old:
                return
            try:
                await self._look(old, Priority.ENTRY)
            except ChainSilent as silent:
                raise VenueUnavailable(f"mints not looked at: {silent}") from None

    def _is_fresh(self, one: Seen) -> bool:
        seen_ns = self._seen_ns.get(one)
        return seen_ns is not None and abs(self._clock.now_ns() - seen_ns) < FRESH_S * NS

    async def _look(self, wanted: Sequence[Seen], priority: Priority) -> None:
        """One request for all of them. Journals what was seen. Raises ChainSilent."""
        state, began_ns = self._engine.state, self._clock.now_ns()
        places = [place for one in wanted if (place := self._place(state, one)) is not None]
        if not places:
            return
        slot_min = max(self._slot, *(_booked_slot(state, place.seen) for place in places))
        reads = await self._chain.accounts([place.address for place in places], slot_min, priority)
        slot = min(read.slot for read in reads)
        self._require_possible(slot, began_ns)
        flaws: dict[WalletId, dict[Mint, str]] = {}
        doubted = ""
        for place, *accounts in zip(places, *(read.accounts for read in reads), strict=True):
            found, *others = [place.read(account, slot) for account in accounts]
            if any(other != found for other in others):
                # A node that lies, or is behind, can keep us from buying, and do no more.
                doubted = f"two nodes do not show the same at {place.address}"
                continue
            if isinstance(found, MintLook):
                await self._engine.handle(RecordAdmission(place.mint, found))
            elif isinstance(place.seen, OwnAccount):
                flaws.setdefault(place.seen.wallet_id, {})[place.mint] = found
            self._seen_ns[place.seen] = began_ns
        for wallet_id, seen in flaws.items():
            await self._engine.handle(RecordAccounts(wallet_id, seen))
        if doubted:
            raise ChainSilent(doubted)

    def _require_possible(self, slot: int, now_ns: int) -> None:
        """One false slot, once believed, would make every later answer look old. Raises ChainSilent."""
        passed_s = abs(now_ns - self._slot_ns) // NS
        most = self._slot + SLOTS_MAX + passed_s * SLOTS_PER_S_MAX
        if self._slot and slot > most:
            raise ChainSilent(f"a node answers as of slot {slot}, and at most {most} is possible")
        if slot > self._slot:
            self._slot, self._slot_ns = slot, now_ns

    def _place(self, state: State, seen: Seen) -> Place | None:
        """None: the token is not known any more, or the wallet cannot sign."""
        if not isinstance(seen, OwnAccount):
            return Place(seen, seen) if known_token(state, seen) is not None else None
        token, owner = known_token(state, seen.mint), self._public_keys.get(seen.wallet_id)
        if token is None or owner is None:
            return None
        return Place(seen, account_of(owner, token), owner, str(TOKEN_PROGRAMS[token.program]))


def _unsafe(state: State, wallet_id: WalletId, mints: Sequence[Mint]) -> Rejected | None:
    flaws = state.account_flaws.get(wallet_id, {})
    for mint in mints:
        if mint in flaws:
            return Rejected(Cause.ACCOUNT_UNSAFE, f"our account of {mint}: {flaws[mint]}")
    return None


def _all(state: State, public_keys: Mapping[WalletId, str]) -> Iterable[Seen]:
    """Every token that is listed or held, and every account that a wallet has. Wrapped SOL has none that stays."""
    desk = state.settings
    held = {mint for book in state.wallets.values() for mint in book.positions}
    yield from dict.fromkeys((desk.quote.mint, *desk.tokens, *sorted(held)))
    for wallet_id in public_keys:
        book = state.wallets.get(wallet_id)
        if book is not None:
            mints = {desk.quote.mint, *book.token_accounts, *book.positions} - {SOL}
            yield from (OwnAccount(wallet_id, mint) for mint in sorted(mints))


def _booked_slot(state: State, seen: Seen) -> int:
    """Of an account: the newest slot that we booked in its wallet. An older answer would not know what we did."""
    return state.wallets[seen.wallet_id].booked_slot if isinstance(seen, OwnAccount) else 0

"""Older copies of the journal that take its place, and what the new journal cannot know.

A copy ends at a batch, as a backup does. What was signed after it may have landed or may land yet. Until all of that is
accepted, or can never have happened, nothing may be signed or sent.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from random import Random
from typing import Final, Literal

from tests.sim.clients import ClientContext
from tests.sim.forks import Chain
from tests.sim.nodes import SimRpc

from overmind.core.books.wallet_limits import RESTORED
from overmind.core.control.balances import unknown_signature_cause, unknown_signatures
from overmind.core.control.history import wallets_unknown
from overmind.core.control.holds import DISK_FULL
from overmind.core.model.commands import CommandRefused, LiftHold, RequireHistory
from overmind.core.model.controls import Scope
from overmind.core.model.events import BalancesChecked, Entry, TicketRecorded
from overmind.core.model.ids import WalletId, is_own
from overmind.core.model.order import Order, Ticket
from overmind.core.model.outcome import Filled
from overmind.core.model.value import Value
from overmind.desk.balances import NONE_YET, BalanceWatch
from overmind.desk.engine import Engine
from overmind.desk.history import HistoryWatch
from overmind.ports import ChainSilent

Finder = Literal["anchor", "no anchor", "chain"]  # what finds the copy out at the start
ALWAYS: Final[tuple[Finder, ...]] = ("anchor", "no anchor")
PATIENCE_S: Final = (60.0, 240.0)  # an operator's, before a history that no node proves is accepted
LOOK_EVERY_S: Final = 5.0
RESTORES_MAX: Final = 2


class NoNews:
    """`AccountNews` that has none: the balances are read at intervals."""

    def watch_accounts(self, addresses: Iterable[str]) -> None:
        """Forgets them."""

    async def changes(self) -> AsyncGenerator[str]:
        raise AssertionError("nobody listens")
        yield ""


class Forgotten(Value, frozen=True):
    """A transaction that the copy does not know of."""

    wallet_id: WalletId  # whose key signed it
    touches: tuple[WalletId, ...]
    ticket: Ticket


class Restores:
    """Puts older copies in the journal's place, and plays the operator who looks at what happened since."""

    def __init__(self, random: Random, context: ClientContext, chain: Chain, rpc: SimRpc) -> None:
        self.ever: dict[str, Forgotten] = {}  # by signature: all that any copy did not know of
        self._settled_seq: dict[str, int] = {}  # of these, by which entry each was accepted or known to be void
        self._random = random
        self._context = context
        self._chain = chain
        self._rpc = rpc
        self._left = random.choice((0, 0, 0, 1, RESTORES_MAX))
        self._patience_s = random.choice(PATIENCE_S)
        self._finder: Finder | None = None  # until a start has found the copy out

    # Between two lives

    def restore_sometimes(self) -> None:
        """Replaces the journal by an older copy. Comes before the next process opens it."""
        ends = self._possible_ends()
        if not self._left or not ends or self._random.random() < 0.5:
            return
        self._left -= 1
        context, end = self._context, self._random.choice(ends)
        lost = context.journal.entries[end:]
        self._forget(lost)
        self._settled_seq = {signature: seq for signature, seq in self._settled_seq.items() if seq <= end}
        self._finder = self._random.choice((*ALWAYS, "chain") if self._chain_tells() else ALWAYS)
        context.journal.restore(end)
        context.auditor.rewind(context.journal.entries)
        context.told = {one: told for one, told in context.told.items() if one in context.auditor.books.decisions}
        context.seen[f"restored, found by {self._finder}"] += 1
        context.seen["restored without a transaction"] += any(isinstance(one.event, TicketRecorded) for one in lost)

    def _possible_ends(self) -> list[int]:
        """The ends of batches after each wallet was compared with the chain: before that, no wallet had capital."""
        journal, wallets = self._context.journal, set(self._context.auditor.books.wallets)
        for entry in journal.entries:
            if isinstance(entry.event, BalancesChecked):
                wallets.discard(entry.event.wallet_id)
            if not wallets:
                return [end for end in journal.batches if entry.seq <= end < len(journal.entries)]
        return []

    def _forget(self, lost: Iterable[Entry]) -> None:
        books = self._context.auditor.books
        for event in (entry.event for entry in lost):
            if isinstance(event, TicketRecorded):
                touches = books.of[event.order_id]
                self.ever[event.ticket.signature] = Forgotten(touches[0], touches, event.ticket)

    @property
    def _unknown(self) -> list[Forgotten]:
        return [one for signature, one in self.ever.items() if signature not in self._settled_seq]

    def _chain_tells(self) -> bool:
        """Whether a node without faults lists what the copy does not know of."""
        self._chain.catch_up()
        root = self._chain.root
        landed = [one for one in self._unknown if one.ticket.signature in root.landed]
        return bool(landed) and all(map(self._is_decided, self._unknown))

    def _is_decided(self, one: Forgotten) -> bool:
        return one.ticket.signature in self._chain.root.landed or self._is_void(one)

    def _is_void(self, one: Forgotten) -> bool:
        return self._chain.cannot_be_taken(one.ticket.signature, one.ticket.blockhash)

    # In a life

    async def open(self, engine: Engine, balances: BalanceWatch) -> None:
        """What a start does before anything else runs. The anchor stays behind until the end of the start."""
        match self._finder:
            case None:
                return
            case "anchor" | "no anchor":
                await engine.handle(RequireHistory(f"found by {self._finder}"))
            case "chain":
                self._rpc.be_faultless(True)
                try:
                    await balances.check_all()
                finally:
                    self._rpc.be_faultless(False)
                if unknown_signatures(engine.state):
                    await engine.handle(RequireHistory("a signature that no ticket knows"))
        self._lose_history_sometimes(engine)
        assert RESTORED in engine.state.holds, f"the copy was not found out by {self._finder}: {self._unknown}"
        await engine.handle(LiftHold(Scope(), DISK_FULL, "a disk with room"))
        await self._repeat_signals(engine)
        self._finder = None

    def _lose_history_sometimes(self, engine: Engine) -> None:
        """A node that lists nothing is found out by what it must list. Of a wallet without any it could lie."""
        if self._random.random() < 0.5:
            cursors = [book.checked for book in engine.state.wallets.values()]
            admits = NONE_YET in cursors or "" in cursors or self._random.random() < 0.5
            self._rpc.lose_history(self._patience_s, admits)
            self._context.seen["restored, and no node has the history"] += 1

    async def _repeat_signals(self, engine: Engine) -> None:
        """The senders repeat what this copy has not answered. None of it may be done again."""
        context = self._context
        for signal in [one for one in context.signals.values() if one.id not in context.told]:
            await context.submit(engine, signal)
            context.seen["signal repeated after a restore"] += 1

    async def watch(self, engine: Engine, balances: BalanceWatch, history: HistoryWatch) -> None:
        """An operator looks at each wallet with unknown transactions, and in the end at those that no node proves."""
        waited_s = 0.0
        reading = asyncio.create_task(history.run())
        try:
            while RESTORED in engine.state.holds:
                await asyncio.sleep(LOOK_EVERY_S)
                waited_s += LOOK_EVERY_S
                await self._try_to_lift(engine)
                for wallet_id in wallets_unknown(engine.state):
                    found = unknown_signature_cause(wallet_id) in engine.state.holds
                    if found or waited_s > self._patience_s:
                        await self._accept(engine, balances, wallet_id)
            await reading
        finally:
            reading.cancel()

    async def _try_to_lift(self, engine: Engine) -> None:
        if RESTORED not in engine.state.holds:
            return
        try:
            await engine.handle(LiftHold(Scope(), RESTORED, "in a hurry"))
        except CommandRefused:
            return
        raise AssertionError("the hold of a restored journal was lifted by hand")

    async def _accept(self, engine: Engine, balances: BalanceWatch, wallet_id: WalletId) -> None:
        """Only once the operator has seen the end of everything that the wallet had signed."""
        self._chain.catch_up()
        of_wallet = [one for one in self._unknown if wallet_id in one.touches]
        if RESTORED not in engine.state.holds or not all(map(self._is_decided, of_wallet)):
            return
        try:
            await balances.accept_history(wallet_id, "looked at each transaction")
        except (CommandRefused, ChainSilent):
            self._context.seen["history not accepted yet"] += 1
            return
        self._context.seen["history accepted"] += 1

    # Checks

    def accepted(self, wallet_id: WalletId) -> None:
        """An operator has looked at this wallet."""
        self._settle(one for one in self._unknown if one.wallet_id == wallet_id)

    def lifted(self) -> None:
        """The desk goes on: nothing may have happened, or happen yet, that it does not know of."""
        self._chain.catch_up()
        unknown = self._unknown
        for one in unknown:
            assert self._is_void(one), f"{one.ticket.signature} of {one.wallet_id} is not known, and the desk goes on"
        self._context.seen["history known"] += not unknown
        self._context.seen["history read, and nothing had landed"] += bool(unknown)
        self._settle(unknown)

    def _settle(self, known: Iterable[Forgotten]) -> None:
        seq = self._context.auditor.books.seq + 1  # of the entry that is being judged
        self._settled_seq |= {one.ticket.signature: seq for one in known}

    @property
    def touched(self) -> set[WalletId]:
        """The wallets whose balances a copy did not know."""
        return {wallet_id for one in self.ever.values() for wallet_id in one.touches}

    def check(self) -> None:
        """No part of a signal was filled twice, whichever journal knew of it."""
        filled: Counter[tuple[str, int]] = Counter()
        for signature, landing in self._chain.root.landed.items():
            work = self._rpc.order_of(signature)
            if isinstance(landing.outcome, Filled) and isinstance(work, Order) and not is_own(work.signal_id):
                filled[work.signal_id, work.part] += 1
        assert set(filled.values()) <= {1}, f"done again after a restore: {filled}"

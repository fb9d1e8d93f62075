"""Reads what our wallets did on the chain after the journal's last entry, while the journal may be an older copy.

A node that says nothing proves nothing. Its history counts for a wallet if it reaches back before the last slot that
the journal knows, and if it knows the newest signature of that wallet that the journal has checked. A transaction that
was sent before this start may land as long as its blockhash is valid, so a history is read only after that.

See specification §14.11.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from overmind.core.books.book import WalletBook
from overmind.core.books.wallet_limits import RESTORED
from overmind.core.control.balances import unknown_signature_cause
from overmind.core.control.history import wallets_unknown
from overmind.core.model.commands import RecordHistory
from overmind.core.model.ids import WalletId
from overmind.desk.balances import NONE_YET, BalanceWatch
from overmind.desk.engine import Engine
from overmind.ports import ChainSilent, ChainTip, Clock
from overmind.solana.responses import SignatureInfo

TRY_EVERY_S: Final = 5.0
SIGNATURES_READ_MAX: Final = 10_000  # per wallet; a longer history is an operator's to judge
MARGIN_BLOCKS: Final = 64  # A node may list a signature some blocks after it landed.
WITNESSES: Final = 2  # providers that must show the same, if so many are configured
KNOWN: Final = "every wallet's history was read to block height {height}: the journal knows all of it"

log = structlog.get_logger("history")


class HistoryNode(Protocol):
    """One provider and what it knows of the past."""

    @property
    def name(self) -> str: ...

    async def finalized(self) -> ChainTip:
        """Raises ChainSilent."""

    async def first_slot(self) -> int:
        """Where its history begins. Raises ChainSilent."""

    async def signatures(self, address: str, most: int) -> list[SignatureInfo]:
        """The newest signatures of an address, the newest first. Raises ChainSilent."""


class HistoryChain(Protocol):
    @property
    def histories(self) -> Sequence[HistoryNode]: ...

    async def latest_blockhash(self) -> tuple[str, int]:
        """A recent blockhash and its last valid height. Raises ChainSilent."""


class HistoryWatch:
    def __init__(self, engine: Engine, chain: HistoryChain, balances: BalanceWatch, clock: Clock) -> None:
        self._engine = engine
        self._chain = chain
        self._balances = balances
        self._clock = clock
        self._told: dict[WalletId | None, str] = {}  # what was last said of a wallet
        self.valid_to = 0  # height to which a transaction from before this start may still land; 0: not known yet

    async def run(self) -> None:
        """Runs until the history of every wallet is known; returns at once in a desk that knows it."""
        while RESTORED in self._engine.state.holds:
            await self.read()
            await self._clock.sleep(TRY_EVERY_S)

    async def read(self) -> None:
        """Reads every wallet that nobody has accepted; lifts the hold if all are known."""
        state = self._engine.state
        try:
            nodes = await self._late_nodes()
        except ChainSilent as silent:
            self._tell(None, str(silent))
            return
        unknown = wallets_unknown(state)
        known = [one for one in unknown if await self._is_known(state.wallets[one], nodes)]
        if len(known) == len(unknown):
            await self._engine.handle(RecordHistory(tuple(known), KNOWN.format(height=self.valid_to)))

    async def _late_nodes(self) -> list[HistoryNode]:
        """The nodes on which nothing from before this start can land any more. Raises ChainSilent: too few yet."""
        if not self.valid_to:
            _, last_valid_height = await self._chain.latest_blockhash()
            self.valid_to = last_valid_height + MARGIN_BLOCKS
        nodes = self._chain.histories
        heights = await asyncio.gather(*map(_final_height, nodes))
        late = [node for node, height in zip(nodes, heights, strict=True) if height > self.valid_to]
        if len(late) < min(WITNESSES, len(nodes)):
            raise ChainSilent(f"what was sent before this start may land up to block height {self.valid_to}")
        return late

    async def _is_known(self, book: WalletBook, nodes: Sequence[HistoryNode]) -> bool:
        wallet_id = book.wallet.id
        if unknown_signature_cause(wallet_id) in self._engine.state.holds:
            self._tell(wallet_id, "it has transactions that no ticket knows: look at each")
            return False
        found: dict[str, SignatureInfo] = {}
        proofs, silence = 0, ""
        for node in nodes:
            try:
                found |= {one.signature: one for one in await self._since(node, book)}
                proofs += 1
            except ChainSilent as silent:
                silence = str(silent)
        if proofs < min(WITNESSES, len(self._chain.histories)):
            self._tell(wallet_id, silence)
            return False
        unread = await self._balances.explain(book, sorted(found, key=lambda one: found[one].slot))
        if unread:
            self._tell(wallet_id, f"no record of {unread[0]} yet")
        return not unread and unknown_signature_cause(wallet_id) not in self._engine.state.holds

    async def _since(self, node: HistoryNode, book: WalletBook) -> list[SignatureInfo]:
        """The wallet's signatures after the last one that the journal has checked. Raises ChainSilent: no proof."""
        oldest, needed = await node.first_slot(), self._slot_needed(book)
        if oldest > needed:
            raise ChainSilent(f"the history of {node.name} begins at slot {oldest}, and it is needed from {needed} on")
        found = await node.signatures(book.wallet.public_key, SIGNATURES_READ_MAX)
        if book.checked in ("", NONE_YET):
            if len(found) >= SIGNATURES_READ_MAX:
                raise ChainSilent(f"{node.name} has more than {SIGNATURES_READ_MAX} signatures")
            return found
        names = [one.signature for one in found]
        if book.checked not in names:
            raise ChainSilent(f"{node.name} does not know {book.checked}, which the journal has checked")
        return found[: names.index(book.checked)]

    def _slot_needed(self, book: WalletBook) -> int:
        """Where the wallet was last checked. One without any transaction then: where any other one was, at the latest.

        The checks move no cursor while the hold stands.
        """
        others = [one.checked_slot for one in self._engine.state.wallets.values() if one.checked_slot]
        return book.checked_slot or min(others, default=0)

    def _tell(self, wallet_id: WalletId | None, why: str) -> None:
        """Once for each reason: it is looked at every few seconds."""
        if self._told.get(wallet_id) != why:
            log.error("history not known: nothing is sent, sales included", wallet=wallet_id, why=why)
        self._told[wallet_id] = why


async def _final_height(node: HistoryNode) -> int:
    try:
        return (await node.finalized()).height
    except ChainSilent:
        return 0

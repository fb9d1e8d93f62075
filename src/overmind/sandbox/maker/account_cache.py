"""Caches which token accounts traders have. Positive answers are cached; negative ones are queried again."""

from __future__ import annotations

from typing import Final

from solders.pubkey import Pubkey

from overmind.core.model.units import NS
from overmind.ports import Clock, Priority
from overmind.sandbox.maker.cluster import ClusterClient
from overmind.sandbox.maker.listing import Listed
from overmind.solana.tokens import ata

# If a trader closes an account meanwhile, its next swap reverts; the one after that succeeds.
KNOWN_NS: Final = 600 * NS
KNOWN_MAX: Final = 100_000


class AccountCache:
    def __init__(self, cluster: ClusterClient, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._known: dict[Pubkey, int] = {}  # token account → known until, oldest first

    async def has_account(self, taker: Pubkey, listed: Listed) -> bool:
        """Whether the trader has a token account for it. Raises ChainSilent."""
        account, now_ns = ata(taker, listed.mint, listed.program), self._clock.now_ns()
        if self._known.get(account, 0) > now_ns:
            return True
        self._known.pop(account, None)
        found = (await self._cluster.accounts([account], Priority.ENTRY))[0]
        if found is None or found.owner != str(listed.program):
            return False
        while len(self._known) >= KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[account] = now_ns + KNOWN_NS
        return True

    async def funds(self, taker: Pubkey, given: Listed) -> tuple[int, int]:
        """The trader's lamports and its base units of `given`. Raises ChainSilent."""
        keys = [taker, ata(taker, given.mint, given.program)]
        wallet, account = await self._cluster.accounts(keys, Priority.ENTRY)
        lamports = 0 if wallet is None else wallet.lamports
        if given.native:
            return lamports, lamports
        return lamports, 0 if account is None else account.units

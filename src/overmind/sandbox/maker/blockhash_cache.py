"""Keeps a recent blockhash, so that no order waits for one.

The block time is measured between two answers. So both an embedded chain with slots of 5 ms and a real one with 400 ms
get a blockhash that is only a few blocks old.
"""

from __future__ import annotations

from typing import Final, Protocol

import structlog

from overmind.core.model.units import NS
from overmind.ports import ChainSilent, Clock
from overmind.sandbox.maker.cluster import RecentBlock

BLOCKS_BETWEEN: Final = 6  # blocks between two fetches
BLOCKS_MAX: Final = 30  # an older blockhash is fetched again before anything is built on it
BLOCK_S: Final = 0.4  # assumed until it has been measured
_SLEEP_MIN_S: Final = 0.02
_SLEEP_MAX_S: Final = 2.0

log = structlog.get_logger("maker")


class BlockSource(Protocol):
    async def block(self) -> RecentBlock:
        """The newest blockhash. Raises ChainSilent."""


class BlockhashCache:
    def __init__(self, cluster: BlockSource, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._block: RecentBlock | None = None
        self._at_ns = 0
        self._block_s = BLOCK_S
        self._silent = False

    @property
    def at_ns(self) -> int:
        """When the newest blockhash was requested."""
        return self._at_ns

    @property
    def block_s(self) -> float:
        """The measured time per block."""
        return self._block_s

    def life_s(self, block: RecentBlock) -> float:
        """About how long a transaction on this blockhash may still land."""
        newest = self._block or block
        return max(0.0, (block.last_valid_height - newest.height) * self._block_s)

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                await self.fetch()
                self._silent = False
            except ChainSilent as fault:
                if not self._silent:
                    log.warning("no blockhash", reason=str(fault))
                self._silent = True
            await self._clock.sleep(min(max(BLOCKS_BETWEEN * self._block_s, _SLEEP_MIN_S), _SLEEP_MAX_S))

    async def block(self) -> RecentBlock:
        """A recent blockhash. Raises ChainSilent."""
        block = self._block
        if block is None or self._clock.now_ns() - self._at_ns > BLOCKS_MAX * self._block_s * NS:
            return await self.fetch()
        return block

    async def fetch(self) -> RecentBlock:
        """The newest blockhash. Raises ChainSilent."""
        at_ns, block = self._clock.now_ns(), await self._cluster.block()
        before = self._block
        if before is not None and block.height > before.height and at_ns > self._at_ns:
            measured_s = (at_ns - self._at_ns) / NS / (block.height - before.height)
            self._block_s = min(measured_s, BLOCK_S)  # A halted chain must not slow the polling down.
        if before is None or block.height >= before.height:
            self._block, self._at_ns = block, at_ns
        return block

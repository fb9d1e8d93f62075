"""Keeps a young blockhash at hand, so that no order waits for one.

How fast the chain makes blocks is measured from one answer to the next: an embedded chain of 5 ms slots and a real
one of 400 ms both get a blockhash that is a few blocks old.
"""

from __future__ import annotations

from typing import Final, Protocol

import structlog

from overmind.core.model.units import NS
from overmind.ports import ChainSilent, Clock
from overmind.sandbox.maker.cluster import RecentBlock

BLOCKS_BETWEEN: Final = 6  # how many blocks one answer serves
BLOCKS_MAX: Final = 30  # older than this it is fetched again before anything is built on it
BLOCK_S: Final = 0.4  # until it has been measured
_SLEEP_MIN_S: Final = 0.02
_SLEEP_MAX_S: Final = 2.0

log = structlog.get_logger("maker")


class BlockSource(Protocol):
    async def block(self) -> RecentBlock:
        """The newest. Raises ChainSilent."""


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
        """When the newest blockhash was asked for."""
        return self._at_ns

    @property
    def block_s(self) -> float:
        """How long the chain takes for a block, as measured."""
        return self._block_s

    def life_s(self, block: RecentBlock) -> float:
        """About how long something built on it may still land."""
        newest = self._block or block
        return max(0.0, (block.last_valid_height - newest.height) * self._block_s)

    async def run(self) -> None:
        """Until cancelled."""
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
        """A young one. Raises ChainSilent."""
        block = self._block
        if block is None or self._clock.now_ns() - self._at_ns > BLOCKS_MAX * self._block_s * NS:
            return await self.fetch()
        return block

    async def fetch(self) -> RecentBlock:
        """The newest. Raises ChainSilent."""
        at_ns, block = self._clock.now_ns(), await self._cluster.block()
        before = self._block
        if before is not None and block.height > before.height and at_ns > self._at_ns:
            measured_s = (at_ns - self._at_ns) / NS / (block.height - before.height)
            self._block_s = min(measured_s, BLOCK_S)  # A chain that stood still is no reason to look less often.
        if before is None or block.height >= before.height:
            self._block, self._at_ns = block, at_ns
        return block

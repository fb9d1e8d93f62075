"""The recent blocks of the winning fork: slot, height, blockhash, and the accounts that each changed.

A blockhash is derived from the genesis hash, the height and the number of forks so far. So a chain's blockhashes can be
reproduced, two chains share none, and a lost fork's blockhashes become unknown.
"""

from __future__ import annotations

import enum
import hashlib
from collections import deque
from typing import Final

from solders.account import Account
from solders.hash import Hash

from overmind.sandbox.localnet.history import Landed

START_SLOT: Final = 312_000_000
START_HEIGHT: Final = 290_400_000  # differs from the slot, so that a client that confuses the two fails
AGE_MAX: Final = 150  # blocks after its own in which a blockhash is valid: 151 with its own
FINALIZED_AGE: Final = 32
BLOCKS_MAX: Final = 4_096
_SKIP_OF_256: Final = 12  # about one slot in twenty has no block


class Commitment(enum.StrEnum):
    PROCESSED = "processed"
    CONFIRMED = "confirmed"
    FINALIZED = "finalized"


class Block:
    """`before`: each changed account as it was before the block (None: it did not exist)."""

    __slots__ = ("at_s", "before", "blockhash", "height", "landed", "parent_slot", "slot")

    def __init__(self, slot: int, parent_slot: int, height: int, blockhash: str, at_s: int) -> None:
        self.slot, self.parent_slot, self.height, self.at_s = slot, parent_slot, height, at_s
        self.blockhash = blockhash
        self.before: dict[str, Account | None] = {}
        self.landed: list[Landed] = []


class Blocks:
    def __init__(self, genesis: bytes, at_s: int) -> None:
        self._genesis = genesis
        self.forks = 0
        self._recent: deque[Block] = deque(maxlen=BLOCKS_MAX)
        self._born: dict[str, int] = {}
        self.root_height = START_HEIGHT
        first = self._digest(START_HEIGHT)
        self._append(Block(START_SLOT, START_SLOT - 1, START_HEIGHT, str(Hash(first)), at_s))
        for _ in range(AGE_MAX):
            self.advance(at_s)

    @property
    def head(self) -> Block:
        return self._recent[-1]

    @property
    def oldest(self) -> Block:
        return self._recent[0]

    def tip(self, commitment: Commitment) -> Block:
        """The newest block of that commitment: the head, the block before it, or the newest final block."""
        if commitment is Commitment.PROCESSED:
            return self.head
        if commitment is Commitment.FINALIZED:
            return self.at(self.root_height)
        return self.at(max(self.head.height - 1, self.root_height))

    def at(self, height: int) -> Block:
        return self._recent[height - self.head.height - 1]

    def by_slot(self, slot: int) -> Block | None:
        """The block of a slot; None if the slot was skipped or is unknown."""
        low, high = 0, len(self._recent)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._recent[middle].slot < slot else (low, middle)
        return self._recent[low] if low < len(self._recent) and self._recent[low].slot == slot else None

    def between(self, first_slot: int, last_slot: int) -> list[Block]:
        return [block for block in self._recent if first_slot <= block.slot <= last_slot]

    def newest(self, count: int) -> list[Block]:
        """The newest blocks, oldest first."""
        return [
            self.at(height)
            for height in range(max(self.head.height - count + 1, self.oldest.height), self.head.height + 1)
        ]

    def born(self, blockhash: str) -> int | None:
        """The height of the block with this hash, if the blockhash is still valid."""
        height = self._born.get(blockhash)
        return height if height is not None and self.head.height - height <= AGE_MAX else None

    def advance(self, at_s: int) -> Block:
        head = self.head
        digest = self._digest(head.height + 1)
        slot = head.slot + (2 if digest[-1] < _SKIP_OF_256 else 1)
        block = Block(slot, head.slot, head.height + 1, str(Hash(digest)), at_s)
        self._append(block)
        return block

    def roll_back(self, count: int) -> list[Block]:
        """Drops the newest blocks, but no final one, and appends a block after them. Returns the dropped blocks, newest
        first.

        The appended block takes the slot after the dropped head and the height of the oldest dropped block: slots rise,
        heights fall.
        """
        count = min(count, self.head.height - self.root_height)
        slot = self.head.slot
        dropped = [self._recent.pop() for _ in range(count)]
        for block in dropped:
            del self._born[block.blockhash]
        if dropped:
            self.forks += 1
            self._skip_to(slot)
        return dropped

    def _skip_to(self, slot: int) -> None:
        """Appends a block after the lost fork's last slot, since its slots can never be used again."""
        height = self.head.height + 1
        block = Block(slot + 1, self.head.slot, height, str(Hash(self._digest(height))), self.head.at_s)
        self._append(block)

    def _append(self, block: Block) -> None:
        if len(self._recent) == BLOCKS_MAX:
            self._born.pop(self._recent[0].blockhash, None)
        self._recent.append(block)
        self._born[block.blockhash] = block.height
        final = block.height - FINALIZED_AGE
        if final > self.root_height:
            self.root_height = final
            self.at(final - 1).before = {}  # a final block is never undone

    def _digest(self, height: int) -> bytes:
        return hashlib.blake2b(b"%s%d:%d" % (self._genesis, height, self.forks), digest_size=32).digest()

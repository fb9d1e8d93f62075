"""The true chain: slots, blocks and forks. Until a block is final, its transactions may be undone.

Slots may stay empty, so heights are lower than slots. A split grows two branches, one of which wins. Transactions of
the losing branch may land again on the other one, in another order, or never.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Final

import msgspec
from solders.hash import Hash
from solders.pubkey import Pubkey
from tests.sim.runtime import (
    ACCOUNT_LAMPORTS,
    EXEMPT_LAMPORTS,
    Holding,
    Landing,
    Unlandable,
    World,
    custom,
    execute,
    reading,
    truth_of,
    truth_of_move,
)

from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token
from overmind.core.model.order import Move, Work
from overmind.core.model.value import Value
from overmind.solana import tokens
from overmind.solana.transactions import Transaction

LIFE_BLOCKS: Final = 150  # a blockhash is valid for so many blocks after its own
MAKER_UNITS: Final = 10**30
FIRST_SLOT: Final = 250_000
FIRST_HEIGHT: Final = 200_000  # Never equal to the slot, so that code that confuses the two fails.


class ChainFaults(Value, frozen=True):
    """The fault rates of this seed's chain, per slot or per transaction."""

    slot_s: float
    finality: int  # blocks
    skip: float
    split: float
    fail: float
    drop: float
    delay: int  # slots
    late: float  # held back until its last valid block or beyond
    lost: float  # never taken, however often it is sent

    @staticmethod
    def draw(random: Random) -> ChainFaults:
        if random.random() < 0.25:
            return STORM
        calm = random.random() < 0.15
        return ChainFaults(
            slot_s=random.choice((0.05, 0.1, 0.1, 0.2, 0.4)),
            finality=random.choice((4, 12, 32, 32)),
            skip=random.choice((0.0, 0.05, 0.3)),
            split=0.0 if calm else random.choice((0.0, 0.02, 0.1, 0.3)),
            fail=0.0 if calm else random.choice((0.0, 0.03, 0.2)),
            drop=0.0 if calm else random.choice((0.0, 0.1, 0.4)),
            delay=random.choice((1, 4, 20)),
            late=0.0 if calm else random.choice((0.0, 0.0, 0.1, 0.4)),
            lost=0.0 if calm else random.choice((0.0, 0.0, 0.1, 0.3)),
        )


STORM: Final = ChainFaults(0.3, 32, skip=0.05, split=0.4, fail=0.1, drop=0.0, delay=2, late=0.05, lost=0.0)


class Block:
    """One block with its chain of parents."""

    __slots__ = ("hash", "height", "landed", "parent", "slot", "world")

    def __init__(self, parent: Block | None, slot: int, name: bytes, world: World, landed: dict[str, Landing]) -> None:
        self.parent = parent
        self.slot = slot
        self.height: int = parent.height + 1 if parent is not None else FIRST_HEIGHT
        self.hash = str(Hash(hashlib.blake2b(name, digest_size=32).digest()))
        self.world = world
        self.landed = landed

    def at_height(self, height: int) -> Block:
        """The ancestor of this block at a height, or the oldest that is kept."""
        block = self
        while block.height > height and block.parent is not None:
            block = block.parent
        return block

    def at_slot(self, slot: int) -> Block:
        block = self
        while block.slot > slot and block.parent is not None:
            block = block.parent
        return block


class Pending(msgspec.Struct):
    """A transaction in the pool, and the height from which each branch takes it; None: never."""

    transaction: Transaction
    signature: str
    work: Work
    due: list[int | None]
    fate: str  # taken, held back, lost


class ExternalTransfer(msgspec.Struct):
    """An external transfer: a deposit, or a theft with a stolen key."""

    owner: str
    address: str  # of the token account, or the owner's own for SOL
    mint: Mint
    program: str
    units: int
    due: int


class ExternalChange(Value, frozen=True):
    """What an external transfer really changed. A thief cannot take more than is there."""

    slot: int
    owner: str
    mint: Mint
    units: int


class View(Value, frozen=True):
    """The chain at one moment: both branches (twice the same one without a split), and the final block."""

    slot: int
    tips: tuple[Block, Block]
    root: Block


class Chain:
    def __init__(self, random: Random, faults: ChainFaults, seen: Counter[str]) -> None:
        self.faults = faults
        self._random = random
        self._seen = seen
        genesis = Block(None, FIRST_SLOT, f"genesis {random.random()}".encode(), World({}, {}), {})
        self.tips = [genesis]
        self.root = genesis
        self.hashes: dict[str, Block] = {genesis.hash: genesis}
        self.views = [View(FIRST_SLOT, (genesis, genesis), genesis)]
        self.pool: dict[str, Pending] = {}
        self.outside: list[ExternalTransfer] = []
        self.changes: list[ExternalChange] = []  # by external transfers, the oldest first, for the checker
        self.rolled_back: set[str] = set()
        self.ever: dict[str, list[Landing]] = {}  # on any branch, for the checker
        self._began: Block = genesis  # the block before the split
        self._slots_left = 0
        self._favoured = 0.5

    # Time

    @property
    def now_slot(self) -> int:
        return FIRST_SLOT + int(asyncio.get_running_loop().time() / self.faults.slot_s)

    def catch_up(self) -> None:
        for slot in range(self.views[-1].slot + 1, self.now_slot + 1):
            self._tick(slot)

    def run_to_the_end(self) -> None:
        """Advances until nothing is pending and everything is final."""
        while self.pool or self.outside or len(self.tips) > 1 or self.root.world is not self.tips[0].world:
            self._tick(self.views[-1].slot + 1)

    def _tick(self, slot: int) -> None:
        random = self._random
        if len(self.tips) == 1 and random.random() < self._split_chance():
            self._split()
        if random.random() >= self.faults.skip:
            side = 0 if len(self.tips) == 1 else int(random.random() < self._favoured)
            self._grow(side, slot)
            self._finalise()
        if len(self.tips) == 2:
            self._slots_left -= 1
            if self._slots_left <= 0:
                self._decide_split()
        self.views.append(View(slot, (self.tips[0], self.tips[-1]), self.root))

    def _split_chance(self) -> float:
        """Higher while a transaction may land, and highest when one is about to expire."""
        split, height = self.faults.split, self.tips[0].height
        if not split or not self.pool:
            return split / 4
        born = (self.hashes[one.transaction.blockhash].height for one in self.pool.values())
        return min(0.6, 12 * split if any(-6 <= height - at - LIFE_BLOCKS <= 1 for at in born) else 4 * split)

    def _split(self) -> None:
        self._began = self.tips[0]
        self.tips = [self._began, self._began]
        self._slots_left = self.faults.finality - self._random.choice((1, 1, 2, self.faults.finality // 2))
        self._favoured = self._random.choice((0.3, 0.5, 0.7))
        self._seen["split"] += 1
        for pending in self.pool.values():
            self._draw_other(pending)

    def _draw_other(self, pending: Pending) -> None:
        """When the other branch takes it: about at the same time, much later, or never."""
        due, luck = pending.due[0], self._random.random()
        if due is None or luck < 0.45:
            pending.due[1] = None
        else:
            pending.due[1] = max(self._began.height + 1, due + self._random.choice((-1, 0, 1, 3, 12)))

    def _decide_split(self) -> None:
        winner = self._winner()
        lost = set(self.tips[1 - winner].landed) - set(self.tips[winner].landed)
        self._seen["rolled back"] += len(lost)
        self.rolled_back |= lost
        if self.tips[1 - winner].height > self._began.height:
            self._seen["fork died"] += 1
        if self.tips[winner].height < self.tips[1 - winner].height:
            self._seen["height fell"] += 1
        self.tips = [self.tips[winner]]
        for pending in self.pool.values():
            pending.due = [pending.due[winner], None]

    def _winner(self) -> int:
        """The longer branch, a random one, or the one on which less has landed."""
        ways = (
            [tip.height for tip in self.tips],
            [self._random.random() for _ in self.tips],
            [-len(tip.landed) for tip in self.tips],
            [-len(tip.landed) for tip in self.tips],
        )
        first, second = self._random.choice(ways)
        return int(second > first)

    def _finalise(self) -> None:
        height = min(tip.height for tip in self.tips) - self.faults.finality
        if len(self.tips) == 2:
            height = min(height, self._began.height)
        if height > self.root.height:
            self.root = self.tips[0].at_height(height)
            gone = [one for one in self.pool if one in self.root.landed or not self.may_land(one)]
            for signature in gone:
                del self.pool[signature]

    # Blocks

    def _grow(self, side: int, slot: int) -> None:
        tip = self.tips[side]
        name = f"{tip.hash} {slot} {side}".encode()
        block = Block(tip, slot, name, tip.world, tip.landed)
        self.tips[side] = block
        self.hashes[block.hash] = block
        if self.outside and len(self.tips) == 1:
            self._take_outside(block)
        if self.pool:
            self._take_pending(block, side)

    def _take_outside(self, block: Block) -> None:
        """Never during a split, so that external transfers are never undone."""
        for move in [one for one in self.outside if one.due <= block.height]:
            self.outside.remove(move)
            self._apply(move, block)

    def _take_pending(self, block: Block, side: int) -> None:
        due = [(one.due[side], one) for one in self.pool.values()]
        ready = [(at, one) for at, one in due if at is not None and at <= block.height]
        for _, pending in sorted(ready, key=lambda pair: (pair[0], pair[1].signature)):
            if pending.signature not in block.landed and self.is_young(block, pending.transaction.blockhash):
                self._land(block, pending)

    def is_young(self, block: Block, blockhash: str) -> bool:
        """Whether this block may contain a transaction with this blockhash: recent enough and on the same branch."""
        born = self.hashes.get(blockhash)
        if born is None or not 0 < block.height - born.height <= LIFE_BLOCKS:
            return False
        return block.at_height(born.height) is born

    def _land(self, block: Block, pending: Pending) -> None:
        fault = custom(3, 1) if self._random.random() < self.faults.fail else None
        try:
            after, effects = execute(block.world, pending.transaction, block.slot, fault)
        except Unlandable:
            self._seen["nobody could pay"] += 1
            return
        work = pending.work
        if isinstance(work, Move):
            outcome = truth_of_move(block.world, after, effects, work)
        else:
            outcome = truth_of(block.world, after, effects, work.spend.mint, work.receive)
        landing = Landing(pending.signature, block.slot, effects, outcome)
        before = self.ever.setdefault(pending.signature, [])
        self._seen["landed again"] += bool(before)
        before.append(landing)
        block.world, block.landed = after, {**block.landed, pending.signature: landing}

    # Requests of nodes and servers

    def receive(self, raw: bytes, signature: str, work: Work) -> None:
        """A leader hears of a transaction. Hearing of it again may hasten it, and changes nothing else."""
        self.catch_up()
        transaction = reading(raw)
        if transaction.blockhash not in self.hashes or not self.may_land(signature, transaction):
            self._seen["arrived too late"] += 1
            return
        known = self.pool.get(signature)
        if known is None:
            known = self.pool[signature] = Pending(transaction, signature, work, [None, None], self._fate())
        else:
            self._seen["duplicate arrived"] += 1
        if known.fate == "lost":
            return
        for side, tip in enumerate(self.tips):
            due, heard = known.due[side], self._due(tip, known)
            known.due[side] = heard if due is None or heard is None else min(due, heard)

    def _fate(self) -> str:
        chances = (self.faults.late, self.faults.lost, 1.0)
        fate = self._random.choices(("kept back", "lost", "taken"), chances)[0]
        self._seen[fate] += 1
        return fate

    def _due(self, tip: Block, pending: Pending) -> int | None:
        random = self._random
        if pending.fate == "kept back":
            return (
                self.hashes[pending.transaction.blockhash].height + LIFE_BLOCKS + random.choice((-8, -3, -1, 0, 0, 1))
            )
        if len(self.tips) == 2 and random.random() < 0.3:
            return None
        return tip.height + random.randint(1, self.faults.delay)

    def may_land(self, signature: str, transaction: Transaction | None = None) -> bool:
        """Whether any branch that may still win could take it."""
        if transaction is None:
            transaction = self.pool[signature].transaction
        born, root = self.hashes.get(transaction.blockhash), self.root
        if born is None or root.height - born.height >= LIFE_BLOCKS:
            return False
        if root.height >= born.height:
            return root.at_height(born.height) is born
        return any(tip.at_height(born.height) is born for tip in self.tips)

    def cannot_be_taken(self, signature: str, blockhash: str) -> bool:
        """The truth about an expiry: no living branch has it or can take it, whoever sends it."""
        self.catch_up()
        if any(signature in tip.landed for tip in self.tips):
            return False
        born, root = self.hashes.get(blockhash), self.root
        if born is None:
            return True
        if root.height >= born.height:
            return root.height - born.height >= LIFE_BLOCKS or root.at_height(born.height) is not born
        return not any(tip.at_height(born.height) is born for tip in self.tips)

    def fund(self, move: ExternalTransfer) -> None:
        """Applies a transfer before the first block."""
        self._apply(move, self.tips[0])

    def _apply(self, move: ExternalTransfer, block: Block) -> None:
        before, block.world = block.world, _moved(block.world, move)
        units = block.world.owned(move.owner).get(move.mint, 0) - before.owned(move.owner).get(move.mint, 0)
        self.changes.append(ExternalChange(block.slot, move.owner, move.mint, units))

    def fund_maker(self, maker: Pubkey, listed: Iterable[Token]) -> None:
        """Gives the maker an account for each token, with more than anybody asks for."""
        for token in listed:
            program = tokens.TOKEN_PROGRAMS[token.program]
            address = str(tokens.ata(maker, Pubkey.from_string(token.mint), program))
            world = self.tips[0].world
            world.holdings[address] = Holding(token.mint, str(maker), str(program), MAKER_UNITS)
            world.lamports[address] = ACCOUNT_LAMPORTS[str(program)] + (MAKER_UNITS if token.mint == SOL else 0)


def _moved(world: World, move: ExternalTransfer) -> World:
    after = world.copy()
    if move.mint == SOL and move.address != move.owner:
        _meddle(after, move)
        return after
    if move.mint == SOL:
        left = after.lamports.get(move.address, 0) + move.units
        # A thief leaves the minimum that the account must keep.
        after.lamports[move.address] = max(left, EXEMPT_LAMPORTS)
        return after
    holding = after.holdings.get(move.address)
    if holding is None:
        holding = Holding(move.mint, move.owner, move.program, 0)
        after.lamports[move.address] = ACCOUNT_LAMPORTS[move.program]
    after.holdings[move.address] = msgspec.structs.replace(holding, units=max(0, holding.units + move.units))
    return after


def _meddle(after: World, move: ExternalTransfer) -> None:
    """Anybody may create the account that we wrap SOL in, or send lamports to its address before it exists."""
    if not move.units and move.address not in after.holdings:
        rent = max(ACCOUNT_LAMPORTS[move.program], after.lamports.get(move.address, 0))
        after.lamports[move.address] = rent
        units = rent - ACCOUNT_LAMPORTS[move.program]
        after.holdings[move.address] = Holding(SOL, move.owner, move.program, units)
    else:
        after.lamports[move.address] = after.lamports.get(move.address, 0) + move.units

"""The chain, stepped by hand: slots, landing, commitment, rollback. Synchronous and without a network.

A sent transaction is executed at once in the head block; `advance_slot` starts the next block.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from solders.account import Account
from solders.hash import Hash

from overmind.core.model.units import NS
from overmind.ports import Clock
from overmind.sandbox.localnet import faucet, landing, nonces, tokens
from overmind.sandbox.localnet.accounts import AccountStore
from overmind.sandbox.localnet.blocks import AGE_MAX, Block, Blocks, Commitment
from overmind.sandbox.localnet.errors import SIGNATURE_FAILURE, RpcFault, describe, invalid, preflight_failure
from overmind.sandbox.localnet.faults import FaultDraws, Faults
from overmind.sandbox.localnet.history import History, Landed
from overmind.sandbox.localnet.landing import Involved, LocalSimulation
from overmind.sandbox.localnet.shapes import simulated
from overmind.sandbox.localnet.svm import EMPTY_RECORD, ExecutedTransaction, Svm
from overmind.sandbox.localnet.wire import SYSTEM, Wire, read

SLOTS_PER_EPOCH: Final = 432_000
FAUCET_LAMPORTS: Final = 500_000_000 * 10**9
AIRDROPS_PER_BLOCK: Final = 1_000  # equal ones, to one address
_NATIVE_DECIMALS: Final = 9


class Watcher(Protocol):
    """Is called for every landed transaction, block and pinned account, at once and in order."""

    def on_landed(self, landed: Landed) -> None: ...

    def on_block(self, block: Block) -> None: ...

    def on_pinned(self, address: str) -> None: ...


class ChainJournal(Protocol):
    """Stores what happened, so that a restart restores the same chain."""

    def landed(self, landed: Landed, changes: list[tuple[str, Account | None]]) -> None: ...

    def pinned(self, height: int, address: str, account: Account | None) -> None: ...

    def rolled_back(self, height: int, blocks: int) -> None: ...

    def advanced(self, block: Block) -> None: ...


class LocalChain:
    def __init__(self, clock: Clock, *, seed: int = 0, faults: Faults | None = None) -> None:
        self._clock, self._jumped_s = clock, 0
        genesis = hashlib.blake2b(b"overmind localnet %d" % seed, digest_size=32).digest()
        self.genesis_hash: Final = str(Hash(genesis))
        self.identity: Final = str(faucet.key_of(genesis, b"identity").pubkey())
        self.faucet: Final = faucet.key_of(genesis, b"faucet")
        self.draws = FaultDraws(faults or Faults())
        self.svm = Svm()
        self.blocks = Blocks(genesis, self.now_s())
        self.accounts = AccountStore(self.svm, self.blocks)
        self.history = History()
        self.watchers: list[Watcher] = []
        self.onlookers: list[Callable[[Wire], None]] = []  # They see what the public route carries before it lands.
        self._journal: ChainJournal | None = None
        # Transactions that land later, by the step at which they do.
        self._delayed: defaultdict[int, list[Wire]] = defaultdict(list)
        self._steps = 0
        self._create_genesis()

    def _create_genesis(self) -> None:
        self._set_vm_clock()
        self.accounts.pin(str(self.faucet.pubkey()), Account(FAUCET_LAMPORTS, b"", SYSTEM, False, tokens.RENT_EPOCH))
        for mint, program in tokens.NATIVE_MINTS.items():
            lamports = self.svm.rent(tokens.MINT_BYTES)
            self.accounts.pin(mint, tokens.mint_account(_NATIVE_DECIMALS, program, None, 0, lamports))

    # Time

    def now_s(self) -> int:
        return self._clock.now_ns() // NS + self._jumped_s

    def jump_clock(self, seconds: int) -> None:
        """Shifts the time of all later blocks."""
        self._jumped_s += seconds

    def advance_slot(self) -> Block:
        """Closes the head block and starts the next one, with the transactions that were delayed until now."""
        faults = self.draws.faults
        if self.draws.occurs("clock_jump", faults.clock_jump_ppm):
            self.jump_clock(faults.clock_jump_s)
        if self.draws.occurs("rollback", faults.rollback_ppm):
            self.rollback(faults.rollback_slots)
        block = self.blocks.advance(self.now_s())
        self._begin_block(block)
        return block

    def _begin_block(self, block: Block) -> None:
        self._steps += 1
        if self._journal is not None:
            self._journal.advanced(block)
        for wire in self._delayed.pop(self._steps, ()):
            self._land(wire, verified=False)
        for watcher in self.watchers:
            watcher.on_block(block)

    # Sending

    def send(self, wire: Wire, commitment: Commitment, *, preflight: bool) -> str:
        """Accepts a transaction like a node: a returned signature does not mean that it will land. Raises RpcFault."""
        if preflight:
            self._preflight(wire, commitment)
        self.show(wire)
        faults = self.draws.faults
        if faults.payers and wire.keys[0] not in faults.payers:
            self._land(wire, verified=preflight)
            return wire.signature
        if self.draws.occurs("drop", faults.drop_ppm):
            return wire.signature
        if self.draws.occurs("delay", faults.delay_ppm):
            self._land_later(wire, faults.delay_slots)
        else:
            self._land(wire, verified=preflight)
        if self.draws.occurs("duplicate", faults.duplicate_ppm):
            self._land_later(wire, faults.duplicate_slots)
        return wire.signature

    def show(self, wire: Wire) -> None:
        """Shows a transaction that has not landed to everybody who watches the public route."""
        for look in self.onlookers:
            look(wire)

    def include(self, wire: Wire) -> None:
        """Executes a transaction in the head block for a relay: nobody has seen it, and no fault of a node meets it."""
        self._land(wire, verified=False)

    def include_all(self, wires: Sequence[Wire]) -> bool:
        """Executes a bundle in the head block: all of it, or nothing of it if one of its transactions would fail."""
        if not self._would_succeed(wires):
            return False
        for wire in wires:
            landed = self._land(wire, verified=False)
            assert landed is not None, wire.signature
            assert landed.err is None, (wire.signature, landed.err)
        return True

    def _would_succeed(self, wires: Sequence[Wire]) -> bool:
        """Tries one after the other on what the earlier ones left, and takes everything back."""
        untouched: dict[str, Account | None] = {}
        try:
            for wire in wires:
                tried = self.simulate(wire, Commitment.PROCESSED, verify=True)
                if tried.ran.err is not None:
                    return False
                for index in tried.involved.writable:
                    address = tried.involved.keys[index]
                    untouched.setdefault(address, tried.before[index])
                    self.svm.put(address, tried.after[index])
            return True
        finally:
            for address, account in untouched.items():
                self.svm.put(address, account)

    def _preflight(self, wire: Wire, commitment: Commitment) -> None:
        known = self.history.find(wire.signature)
        if known is not None and known.height > self.blocks.tip(commitment).height:
            return  # It landed in a block that the preflight's commitment does not include yet.
        simulation = self.simulate(wire, commitment, verify=True)
        err = simulation.ran.err
        if err == "SignatureFailure":
            raise RpcFault(SIGNATURE_FAILURE, "Transaction signature verification failure")
        if err is not None:
            raise preflight_failure(err, simulated(simulation, self.accounts.decimals))

    def simulate(
        self, wire: Wire, commitment: Commitment, *, verify: bool, any_blockhash: bool = False
    ) -> LocalSimulation:
        """What it would do in the head block. Its blockhash must be known at the commitment."""
        self._set_vm_clock()
        involved = landing.involved(wire, self.svm.get)
        before = tuple(self.svm.get(key) for key in involved.keys)
        if self.history.find(wire.signature) is not None and not any_blockhash:
            refused: str | None = "AlreadyProcessed"
        else:
            known = any_blockhash or self._is_alive(wire, self.blocks.tip(commitment).height)
            refused = None if known else "BlockhashNotFound"
        if refused is not None:
            return LocalSimulation(ExecutedTransaction(refused, 0, 0, EMPTY_RECORD), involved, before, before)
        simulated = self.svm.simulate(wire, verify)
        found = simulated.after
        after = tuple(found.get(key, account) for key, account in zip(involved.keys, before, strict=True))
        return LocalSimulation(simulated.ran, involved, before, after)

    def fee_of(self, wire: Wire, commitment: Commitment) -> int | None:
        """The fee by the VM; None once its blockhash is no longer valid."""
        self._set_vm_clock()
        alive = self._is_alive(wire, self.blocks.tip(commitment).height)
        return self.svm.simulate(wire, verify=False).ran.fee if alive else None

    def account_at(self, address: str, height: int) -> Account | None:
        """The account at the end of that block; for blocks older than the root, at the root."""
        self._set_vm_clock()  # keeps the sysvars current
        return self.accounts.at(address, height)

    def _is_alive(self, wire: Wire, height: int) -> bool:
        born = self.blocks.born(wire.blockhash)
        if born is not None:
            return 0 <= height - born <= AGE_MAX
        if wire.nonce_account is None:
            return False
        account, before = self.svm.get(wire.nonce_account), self.blocks.head.before
        if wire.nonce_account in before and nonces.differ(before[wire.nonce_account], account):
            return False  # it advances at most once per block
        return nonces.is_usable(wire, account)

    def _land_later(self, wire: Wire, slots: int) -> None:
        self._delayed[self._steps + max(slots, 1)].append(wire)

    def _land(self, wire: Wire, *, verified: bool) -> Landed | None:
        """Executes it in the head block. None if it cannot land; it then leaves no trace."""
        self._set_vm_clock()
        if self.history.find(wire.signature) is not None or not self._is_alive(wire, self.blocks.head.height):
            return None
        involved = landing.involved(wire, self.svm.get)
        before = [self.svm.get(key) for key in involved.keys]
        ran = self.svm.run(wire, verify=not verified)
        if not landing.has_landed(ran, before[0], self.svm.get(involved.keys[0])):
            return None
        if ran.err is not None:
            self._advance_nonce(wire)
        after = before.copy()
        for index in involved.writable:
            after[index] = self.svm.get(involved.keys[index])
        return self._record(wire, involved, ran, before, after)

    def _record(
        self,
        wire: Wire,
        involved: Involved,
        ran: ExecutedTransaction,
        before: list[Account | None],
        after: list[Account | None],
    ) -> Landed:
        block = self.blocks.head
        landed = Landed(
            signature=wire.signature,
            slot=block.slot,
            height=block.height,
            at_s=block.at_s,
            raw=wire.raw,
            version=wire.version,
            keys=involved.keys,
            loaded=involved.loaded,
            writable=involved.writable,
            err=ran.err,
            fee=ran.fee,
            price_micro=wire.price_micro,
            pre=landing.lamports(before),
            post=landing.lamports(after),
            tokens_pre=landing.token_balances(before, self.accounts.decimals),
            tokens_post=landing.token_balances(after, self.accounts.decimals),
            record=ran.record,
        )
        changes = []
        for index in involved.writable:
            self.accounts.changed(involved.keys[index], before[index], after[index])
            changes.append((involved.keys[index], after[index]))
        self._book(landed)
        if self._journal is not None:
            self._journal.landed(landed, changes)
        for watcher in self.watchers:
            watcher.on_landed(landed)
        return landed

    def _book(self, landed: Landed) -> None:
        self.blocks.head.landed.append(landed)
        self.history.add(landed)

    def _advance_nonce(self, wire: Wire) -> None:
        """A cluster advances the nonce of a failed transaction too, so that it cannot land again. LiteSVM does not."""
        if wire.nonce_account is None or self.blocks.born(wire.blockhash) is not None:
            return
        account = self.svm.get(wire.nonce_account)
        if account is not None:
            self.svm.put(wire.nonce_account, nonces.advanced(account))

    def _set_vm_clock(self) -> None:
        head = self.blocks.head
        self.svm.enter(head.slot, head.slot // SLOTS_PER_EPOCH, head.at_s)

    # Methods for the chain's owner only

    def set_account(self, address: str, account: Account | None) -> None:
        """Sets an account as if since genesis: without a transaction, kept through every rollback. None removes it."""
        self.accounts.pin(address, account)
        if self._journal is not None:
            self._journal.pinned(self.blocks.head.height, address, account)
        for watcher in self.watchers:
            watcher.on_pinned(address)

    def set_faults(self, faults: Faults) -> None:
        """Changes the fault switches; the sequence of random faults starts again from the seed."""
        self.draws = FaultDraws(faults)

    def rollback(self, slots: int, *, reland_ppm: int | None = None) -> int:
        """Lets the newest blocks lose against another fork: accounts, statuses and history are undone.

        Final blocks stay. The dropped transactions may be sent again; `reland_ppm` of them land again by themselves
        after `delay_slots` blocks. Returns the number of dropped blocks.
        """
        faults = self.draws.faults
        height = self.blocks.head.height
        dropped = self._drop(slots)
        if not dropped:
            return 0
        if self._journal is not None:
            self._journal.rolled_back(height, len(dropped))
        self._begin_block(self.blocks.head)
        rate = faults.reland_ppm if reland_ppm is None else reland_ppm
        for landed in (landed for block in reversed(dropped) for landed in block.landed):
            if self.draws.occurs("reland", rate):
                self._land_later(read(landed.raw), faults.delay_slots)
        return len(dropped)

    def airdrop(self, address: str, lamports: int) -> str:
        """Sends SOL from the faucet by a signed transaction. Raises RpcFault if it cannot land."""
        for again in range(AIRDROPS_PER_BLOCK):
            wire = faucet.transfer(self.faucet, address, lamports, self.blocks.head.blockhash, again)
            if self.history.find(wire.signature) is None:
                return self.send(wire, Commitment.PROCESSED, preflight=True)
        raise invalid(f"at most {AIRDROPS_PER_BLOCK} airdrops per address and block: wait for the next block")

    def create_mint(self, mint: str, decimals: int, program: str, authority: str | None) -> None:
        """Creates a mint at a given address, as if since genesis. An existing mint stays unchanged."""
        known = self.accounts.get(mint)
        if known is not None and tokens.is_mint(known):
            return
        keeper = str(self.faucet.pubkey()) if authority is None else authority
        rent = self.svm.rent(tokens.MINT_BYTES)
        self.set_account(mint, tokens.mint_account(decimals, program, keeper, 0, rent))

    def mint_to(self, mint: str, owner: str, amount: int) -> str:
        """Mints into the owner's associated account by a transaction that the faucet pays for. Raises RpcFault.

        Unless the faucet is the mint's authority, the authority's signature is missing; the transaction lands all the
        same.
        """
        account = self.accounts.get(mint)
        if account is None or not tokens.is_mint(account):
            raise invalid(f"{mint} is no mint: create it with overmind_createMint")
        authority = tokens.read_mint(account).authority
        if authority is None:
            raise invalid(f"{mint} has no mint authority: its supply is fixed")
        program = tokens.PROGRAMS[account.owner]
        for again in range(AIRDROPS_PER_BLOCK):
            order = faucet.MintOrder(mint, program, authority, owner, amount)
            wire = faucet.mint_to(self.faucet, order, self.blocks.head.blockhash, again)
            if self.history.find(wire.signature) is None:
                return self._land_unsigned(wire)
        raise invalid(f"at most {AIRDROPS_PER_BLOCK} mints of {mint} to {owner} per block: wait for the next block")

    def _land_unsigned(self, wire: Wire) -> str:
        landed = self._land(wire, verified=True)
        if landed is None or landed.err is not None:
            raise invalid(f"the tokens were not minted: {landed and describe(landed.err)}")
        return wire.signature

    # Across a restart

    def keep(self, journal: ChainJournal) -> None:
        """Stores all later changes in this journal."""
        self._journal = journal
        journal.advanced(self.blocks.head)

    def replay_landed(self, landed: Landed, changes: list[tuple[str, Account | None]]) -> None:
        self.replay_blocks(landed.height, landed.at_s)
        for address, account in changes:
            self.accounts.put(address, account)
        self._book(landed)

    def replay_rollback(self, height: int, blocks: int) -> None:
        self.replay_blocks(height, self.blocks.head.at_s)
        self._drop(blocks)

    def replay_blocks(self, height: int, at_s: int) -> None:
        while self.blocks.head.height < height:
            self.blocks.advance(at_s)

    def _drop(self, count: int) -> list[Block]:
        dropped = self.blocks.roll_back(count)
        self.accounts.undo(dropped)
        for block in dropped:
            self.history.take_back(reversed(block.landed))
        return dropped

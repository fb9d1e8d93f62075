"""External transfers on the simulated chain: nobody reports them, so the desk learns of them from balances only."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from random import Random

from solders.pubkey import Pubkey
from tests.sim.checks import Auditor
from tests.sim.clients import ClientContext
from tests.sim.forks import Block, Chain, ExternalTransfer
from tests.sim.runtime import account_of
from tests.sim.swaps import LISTED, program_of
from tests.sim.world import USDC

from overmind.core.books.wallet_limits import RESTORED
from overmind.core.control.balances import QUARANTINE, deficit_cause, holds_of_chain
from overmind.core.model.commands import AcceptBalances, CommandRefused, RecordBalances
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import SOL, WalletId
from overmind.core.model.money import Money
from overmind.core.model.outcome import Failed, Filled
from overmind.core.model.units import LAMPORTS, MICROS
from overmind.core.model.wallet import Wallet
from overmind.desk.balances import NONE_YET
from overmind.desk.engine import Engine


class Reader:
    """Reads balances as the service does: every booking is older than the read, otherwise it reads again."""

    def __init__(self, random: Random, chain: Chain, auditor: Auditor, public_keys: Mapping[WalletId, str]) -> None:
        self._told_slot: defaultdict[WalletId, int] = defaultdict(int)  # slot of the newest reading handed over
        self._random = random
        self._chain = chain
        self._auditor = auditor
        self._public_keys = public_keys
        self._lag = random.choice((0, 2, 15))
        self._finalized = random.random() < 0.5

    async def read(self, engine: Engine, wallet_id: WalletId) -> RecordBalances | None:
        """None: the node lags too far behind."""
        as_of_seq = engine.state.seq
        await asyncio.sleep(self._random.choice((0.01, 0.2, 1.5)))
        block = self._look()
        slot_min = self._slot_min(wallet_id)
        balances = block.world.owned(self._public_keys[wallet_id])
        newest = [one for one in block.landed.values() if self._is_of(one.effects.accounts, wallet_id)]
        await asyncio.sleep(self._random.choice((0.01, 0.2, 4.0)))
        if block.slot < slot_min:
            return None
        self._told_slot[wallet_id] = max(self._told_slot[wallet_id], block.slot)
        signature, slot = (newest[-1].signature, newest[-1].slot) if newest else (NONE_YET, 0)
        book = engine.state.wallets[wallet_id]
        if RESTORED in engine.state.holds or slot < book.checked_slot:  # What came since has to be looked at first.
            signature, slot = book.checked, book.checked_slot
        return RecordBalances(wallet_id, block.slot, as_of_seq, balances, signature, slot)

    def _is_of(self, accounts: tuple[str, ...], wallet_id: WalletId) -> bool:
        return accounts[0] == self._public_keys[wallet_id]

    def _look(self) -> Block:
        chain = self._chain
        chain.catch_up()
        if self._finalized:
            return chain.root
        tip = self._random.choice(chain.tips)
        block = tip.at_slot(chain.now_slot - self._random.randint(0, self._lag))
        return block.parent if block.parent is not None else block

    def _slot_min(self, wallet_id: WalletId) -> int:
        """The slot of the newest booked event that happened on the chain."""
        books, newest = self._auditor.books, self._told_slot[wallet_id]
        for order_id, outcome in books.outcomes.items():
            if isinstance(outcome, Filled | Failed) and wallet_id in books.of[order_id]:
                newest = max(newest, outcome.slot)
        for deposit_id in books.deposits:
            _, of, slot, _ = deposit_id.split(":")
            if of == wallet_id:
                newest = max(newest, int(slot))
        return newest


class ExternalTransfers:
    """`clients.DepositSource`: deposits and, in some seeds, thefts."""

    def __init__(
        self, context: ClientContext, chain: Chain, public_keys: Mapping[WalletId, str], seen: Counter[str]
    ) -> None:
        self.stolen: set[WalletId] = set()
        self._context = context
        self._chain = chain
        self._random = context.random
        self._seen = seen
        self._public_keys = public_keys
        self._thieves = context.random.random() < 0.15
        self._reader = Reader(context.random, chain, context.auditor, public_keys)

    def public_key(self, wallet_id: WalletId) -> str:
        return self._public_keys[wallet_id]

    def draw(self, wallets: list[Wallet]) -> None:
        for wallet in wallets:
            for money in self._draw():
                self._chain.fund(self._move(wallet.id, money, 0))

    async def start(self, engine: Engine, wallets: list[Wallet]) -> None:
        for wallet in wallets:
            await self.look(engine, wallet.id)

    def _draw(self) -> list[Money]:
        random = self._random
        odd = self._context.odd()
        usd = random.choice((0, 20, 50_000) if odd else (500, 5_000))
        lamports = random.choice((LAMPORTS // 1_000, LAMPORTS // 8) if odd else (LAMPORTS, 5 * LAMPORTS))
        money = [Money(usd * MICROS, USDC.mint), Money(lamports, SOL)]
        if random.random() < 0.4 and (tokens := self._context.some_tokens()).mint != SOL:
            money.append(tokens)
        return [one for one in money if one.units]

    def _move(self, wallet_id: WalletId, money: Money, due: int) -> ExternalTransfer:
        token, owner = LISTED[money.mint], self._public_keys[wallet_id]
        address = owner if money.mint == SOL else str(account_of(Pubkey.from_string(owner), token))
        return ExternalTransfer(owner, address, money.mint, str(program_of(token)), money.units, due)

    async def watch(self, engine: Engine, every_s: float) -> None:
        """Checks all balances at an interval, like the service."""
        while True:
            for wallet_id in list(engine.state.wallets):
                await self.look(engine, wallet_id)
            await asyncio.sleep(every_s)

    async def look(self, engine: Engine, wallet_id: WalletId) -> None:
        read = await self._reader.read(engine, wallet_id)
        if read is None:
            self._seen["balances too old"] += 1
            return
        await engine.handle(read)

    async def repeat(self, engine: Engine) -> None:
        """Accepts the chain's balances where they stop the desk."""
        for wallet_id in list(engine.state.wallets):
            await self._accept(engine, wallet_id)

    async def _accept(self, engine: Engine, wallet_id: WalletId) -> None:
        held = deficit_cause(wallet_id) in engine.state.holds
        quarantined = QUARANTINE in engine.state.wallets[wallet_id].holds
        if not held and not quarantined:
            return
        read = await self._reader.read(engine, wallet_id)
        if read is None:
            return
        accepted = AcceptBalances(
            wallet_id,
            read.slot,
            read.as_of_seq,
            read.balances,
            "looked into it",
            read.signature,
            read.signature_slot,
        )
        try:
            await engine.handle(accepted)
        except CommandRefused:
            self._seen["accept refused"] += 1
            return
        self._seen["deficit accepted"] += held
        self._seen["quarantine accepted"] += quarantined

    async def new(self, engine: Engine, wallet: Wallet, desk: Desk) -> None:
        self._chain.catch_up()
        soon = self._chain.tips[0].height + self._random.randint(1, 10)
        if self._thieves and self._random.random() < 0.5:
            self._steal(wallet.id, soon)
        elif self._random.random() < 0.25:
            self._meddle(wallet.id, soon)
        elif wallet.id not in self.stolen:
            some = (Money(100 * MICROS, USDC.mint), Money(LAMPORTS // 2, SOL), self._context.some_tokens())
            self._chain.outside.append(self._move(wallet.id, self._random.choice(some), soon))
            self._seen["credit"] += 1

    def _meddle(self, wallet_id: WalletId, soon: int) -> None:
        owner, native = self._public_keys[wallet_id], LISTED[SOL]
        address = str(account_of(Pubkey.from_string(owner), native))
        units = self._random.choice((0, 0, 1, 1_000_000, 5_000_000))
        self._chain.outside.append(ExternalTransfer(owner, address, SOL, str(program_of(native)), units, soon))
        self._seen["meddled"] += 1

    def _steal(self, wallet_id: WalletId, soon: int) -> None:
        """A theft with a stolen key. No deposit follows that would hide it."""
        there = self._chain.tips[0].world.owned(self._public_keys[wallet_id])
        mint = self._random.choice(sorted(there))
        if any(one.owner == self._public_keys[wallet_id] for one in self._chain.outside):
            return
        units = min(there[mint] // 2, there[mint] - LAMPORTS // 4 if mint == SOL else there[mint])
        if units > 0:
            self._chain.outside.append(self._move(wallet_id, Money(-units, mint), soon))
            self.stolen.add(wallet_id)
            self._seen["theft"] += 1

    async def settle(self, engine: Engine) -> None:
        """Waits until no transfer is pending."""
        while self._chain.outside:
            await asyncio.sleep(1.0)
            self._chain.catch_up()

    async def reconcile(self, engine: Engine) -> bool:
        """Whether books and chain agree and nothing is left to accept."""
        for wallet_id in list(engine.state.wallets):
            await self.look(engine, wallet_id)
            await self._accept(engine, wallet_id)
        self._chain.catch_up()
        return all(self._agrees(engine, wallet_id) for wallet_id in engine.state.wallets)

    def _agrees(self, engine: Engine, wallet_id: WalletId) -> bool:
        state, public_key = engine.state, self._public_keys[wallet_id]
        book = state.wallets[wallet_id]
        if RESTORED in state.holds or holds_of_chain(state, book):
            return False
        worlds = [self._chain.root.world, *(tip.world for tip in self._chain.tips)]
        there = ((mint, units) for world in worlds for mint, units in world.owned(public_key).items())
        return all(state.ledger.owned(book.accounts, mint) == units for mint, units in there)

"""The plain world: a venue whose outcomes are final, and deposits that are reported to the desk."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from tests.sim import checks
from tests.sim.books import Books
from tests.sim.clients import ClientContext
from tests.sim.world import USDC, SimChain

from overmind.core.books.state import State
from overmind.core.model.commands import CommandRefused, RecordDeposit
from overmind.core.model.desk_settings import Desk
from overmind.core.model.events import Deposited
from overmind.core.model.ids import SOL, DepositId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.units import LAMPORTS, MICROS
from overmind.core.model.wallet import Wallet
from overmind.desk.admission import AdmissionWatch
from overmind.desk.engine import Engine


class ReportedDeposits:
    """`clients.DepositSource`: reports every deposit with an id until it is acknowledged."""

    def __init__(self, context: ClientContext, chain: SimChain) -> None:
        self.told: dict[DepositId, RecordDeposit] = {}
        self.booked: set[DepositId] = set()
        self._context = context
        self._chain = chain
        self._random = context.random

    async def start(self, engine: Engine, wallets: list[Wallet]) -> None:
        for deposit in self.told.values():
            await self._deposit(engine, deposit)

    async def repeat(self, engine: Engine) -> None:
        if known := list(self.told.values()):
            await self._deposit(engine, self._random.choice(known))

    async def new(self, engine: Engine, wallet: Wallet, desk: Desk) -> None:
        money = self._random.choice((Money(100 * MICROS, USDC.mint), self._context.some_tokens()))
        if money.mint in (USDC.mint, *desk.tokens):
            self._add(wallet.id, money)
            await self._deposit(engine, list(self.told.values())[-1])

    async def settle(self, engine: Engine) -> None:
        while self.booked != set(self.told):
            await self._context.clock.sleep(1.0)
            for deposit in self.told.values():
                await self._deposit(engine, deposit)

    def draw(self, wallets: list[Wallet]) -> None:
        random = self._random
        for wallet_id in (wallet.id for wallet in wallets):
            usd = random.choice((0, 20, 50_000) if self._context.odd() else (500, 5_000))
            self._add(wallet_id, Money(usd * MICROS, USDC.mint))
            lamports = random.choice((0, 150_000, LAMPORTS // 8) if self._context.odd() else (LAMPORTS, 5 * LAMPORTS))
            self._add(wallet_id, Money(lamports, SOL), to_float=True)
            if random.random() < 0.4:
                self._add(wallet_id, self._context.some_tokens())

    def _add(self, wallet_id: WalletId, money: Money, to_float: bool = False) -> None:
        """Credits the chain, whether or not the desk has heard of the deposit."""
        if money.units:
            deposit_id = DepositId(f"deposit{len(self.told)}")
            self.told[deposit_id] = RecordDeposit(deposit_id, wallet_id, money, to_float)
            self._chain.credit(wallet_id, money)

    async def _deposit(self, engine: Engine, deposit: RecordDeposit) -> None:
        """Repeated until it is acknowledged, and sometimes after that."""
        context = self._context
        if deposit.deposit_id in self.booked and self._random.random() < 0.7:
            return
        try:
            events = await engine.handle(deposit)
        except CommandRefused:  # Its token has no price yet, or is not listed now; it is retried later.
            context.seen["deposit refused"] += 1
            return
        assert deposit.deposit_id in context.auditor.books.deposits, "a deposit was acknowledged before it was durable"
        if deposit.deposit_id in self.booked:
            assert not any(isinstance(event, Deposited) for event in events), events
            context.seen["deposit repeated"] += 1
        self.booked.add(deposit.deposit_id)


class PlainWorld:
    """`simulate.World` around `SimChain`."""

    def __init__(self, chain: SimChain, bank: ReportedDeposits) -> None:
        self.bank = bank
        self.admission: AdmissionWatch | None = None  # There is no chain to look at.
        self._chain = chain

    def key_of(self, wallet_id: WalletId) -> str:
        return f"key of {wallet_id}"

    def venue(self) -> SimChain:
        return self._chain

    def stop_file(self) -> bool:
        return self._chain.stop_file

    def settle_after_death(self) -> None:
        self._chain.settle_after_death()

    def before_life(self) -> None:
        """Its journal is never replaced: there is no chain to find out by."""

    async def begin(self, engine: Engine) -> None:
        """Nothing comes before the services."""

    def services(self, engine: Engine) -> list[Coroutine[Any, Any, None]]:
        return []

    async def settled(self, engine: Engine) -> bool:
        return True

    def check(self, state: State, books: Books) -> None:
        checks.books_equal_chain(state, self._chain.balances)
        checks.chain_agrees(books, self._chain.landed)
        assert self.bank.booked == set(self.bank.told) == books.deposits, "a deposit is missing"

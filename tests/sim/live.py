"""The chain world: the real `JupiterVenue` with the real firewall, settlement and signer, on an unreliable chain."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from solders.keypair import Keypair
from tests.sim import checks
from tests.sim.books import Books
from tests.sim.clients import ClientContext
from tests.sim.evidence import Evidence
from tests.sim.external_transfers import ExternalTransfers
from tests.sim.forks import Chain, ChainFaults
from tests.sim.mints import SimMints
from tests.sim.nodes import ProviderFaults, SimRpc
from tests.sim.restores import NoNews, Restores
from tests.sim.swaps import LISTED, SimSigner, SimSwaps, keypair_of
from tests.sim.world import ProcessKiller, SimClock, SimPrices

from overmind.core.books.state import State
from overmind.core.model.ids import Mint, WalletId
from overmind.desk.admission import AdmissionWatch
from overmind.desk.balances import BalanceWatch
from overmind.desk.engine import Engine
from overmind.desk.history import HistoryWatch
from overmind.venues.jupiter import JupiterVenue


class LiveWorld:
    """`simulate.World` around `forks.Chain`."""

    def __init__(
        self,
        stream: Callable[[str], Random],
        name: str,
        clock: SimClock,
        prices: SimPrices,
        auditor: checks.Auditor,
        killer: ProcessKiller,
        seen: Counter[str],
    ) -> None:
        self.chain = Chain(stream("chain"), ChainFaults.draw(stream("rough")), seen)
        faults = ProviderFaults.draw(stream("haze"))
        self.public_keys: dict[WalletId, str] = {}
        self.rpc = SimRpc(stream("nodes"), self.chain, faults, clock, auditor, killer, seen)
        fault = stream("venue").choice((0.0, 0.05, 0.25))
        self.swaps = SimSwaps(stream("swaps"), self.chain, prices, killer, seen, fault)
        self.rpc.posed = self.swaps.posed
        self.chain.fund_maker(self.swaps.maker, LISTED.values())
        self.keys: dict[WalletId, Keypair] = {}
        self.bank: ExternalTransfers
        self.restores: Restores
        self.mints = SimMints(stream("mints"), self.chain, self.rpc, self.public_keys, seen)
        self.admission: AdmissionWatch | None = None  # of the process that runs
        self.balances: BalanceWatch  # of the process that runs
        self._stream = stream
        self._name = name
        self._clock = clock
        self._auditor = auditor
        self._killer = killer
        self._seen = seen
        self._every_s = stream("watch").choice((3.0, 10.0, 30.0))

    def open(self, context: ClientContext) -> ExternalTransfers:
        self.bank = ExternalTransfers(context, self.chain, self.public_keys, self._seen)
        self.restores = Restores(self._stream("restores"), context, self.chain, self.rpc)
        self._auditor.evidence = Evidence(self.chain, self.rpc, self.bank, self.restores, self._auditor, self._seen)
        return self.bank

    def key_of(self, wallet_id: WalletId) -> str:
        keypair = self.keys[wallet_id] = keypair_of(f"{self._name} {wallet_id}")
        self.public_keys[wallet_id] = str(keypair.pubkey())
        return self.public_keys[wallet_id]

    def venue(self) -> JupiterVenue:
        """A new venue for each process: nothing may depend on its memory."""
        random = self._stream(f"signer {self._auditor.books.seq}")
        signer = SimSigner(random, self.keys, self.swaps, self.rpc, self.chain, self._auditor, self._killer)
        signer.check_bought = self.mints.check_bought
        return JupiterVenue(self.swaps, self.rpc, signer, self._clock, self.public_keys, LISTED)

    def stop_file(self) -> bool:
        return self.rpc.stop_file

    def settle_after_death(self) -> None:
        self.rpc.settle_after_death()

    def before_life(self) -> None:
        self.restores.restore_sometimes()

    async def begin(self, engine: Engine) -> None:
        self.balances = BalanceWatch(engine, self.rpc, NoNews(), self._clock, self.public_keys, self._every_s)
        await self.restores.open(engine, self.balances)
        self.admission = AdmissionWatch(engine, self.mints, self._clock, self.public_keys)

    def services(self, engine: Engine) -> list[Coroutine[Any, Any, None]]:
        history = HistoryWatch(engine, self.rpc, self.balances, self._clock)
        assert self.admission is not None, "a process begins before its services"
        return [
            self.bank.watch(engine, self._every_s),
            self.restores.watch(engine, self.balances, history),
            self.admission.run(),
            _look_when_configured(engine, self.admission),
        ]

    async def settled(self, engine: Engine) -> bool:
        state = engine.state
        return not (state.provisional or state.provisional_moves) and await self.bank.reconcile(engine)

    def check(self, state: State, books: Books) -> None:
        """The final check, after all pending transactions have landed or expired."""
        self.chain.run_to_the_end()
        owned: Counter[tuple[WalletId, Mint]] = Counter()
        for wallet_id, public_key in self.public_keys.items():
            for mint, units in self.chain.root.world.owned(public_key).items():
                owned[wallet_id, mint] += units
        checks.books_equal_chain(state, owned)
        checks.nothing_provisional(state)
        landed = {
            signature: (self.rpc.order_of(signature), landing.outcome)
            for signature, landing in self.chain.root.landed.items()
            if signature not in self.restores.ever
        }
        checks.chain_agrees(books, landed)
        self.restores.check()
        assert not (unnoticed := self._auditor.evidence.unnoticed()), f"a theft went unnoticed: {sorted(unnoticed)}"


async def _look_when_configured(engine: Engine, admission: AdmissionWatch) -> None:
    """Another policy or list needs another look, as the service does after each change of its settings."""
    while True:
        state = engine.state
        if state.desk is not None and not state.settings.tokens.keys() <= state.admissions.keys():
            admission.forget()
            await admission.look_at_all()
        await asyncio.sleep(1.0)

"""RPC providers that lag, see the losing branch, or do not answer: `ports.Node` and `ports.Chain` over them."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import lru_cache
from random import Random
from typing import Final

from tests.sim import checks
from tests.sim.forks import LIFE_BLOCKS, Block, Chain, View
from tests.sim.runtime import Landing, Unlandable, custom, execute, reading
from tests.sim.world import ProcessKiller, SimClock

from overmind.core.model.ids import SOL
from overmind.core.model.order import Work
from overmind.core.model.value import Value
from overmind.ports import Allowed, ChainSilent, ChainTip, Effects, Priority, Simulation, Status, always
from overmind.solana.responses import OwnerBalances, SignatureInfo, TokenAccount
from overmind.solana.transactions import signature_text

_named = lru_cache(maxsize=4_096)(signature_text)
SILENCES: Final = ("429", "-32005", "HTML instead of JSON", "truncated JSON", "connection reset", "timeout")


class ProviderFaults(Value, frozen=True):
    """The fault rates of this seed's providers, per call."""

    silent: float  # no usable answer
    forgets: float  # its status cache does not know a landed transaction
    lag: int  # slots, usually
    lags: tuple[int, ...]  # slots, sometimes: another machine behind the same address
    wrong_side: float
    lost_answer: float  # it took the transaction, but its answer is lost
    latency_s: float

    @staticmethod
    def draw(random: Random) -> ProviderFaults:
        rough = random.choice((0.0, 0.02, 0.1, 0.3))
        return ProviderFaults(
            silent=random.choice((0.0, rough)),
            forgets=random.choice((0.0, 0.0, rough, rough, 1.0)),
            lag=random.choice((0, 0, 2, 6)),
            lags=random.choice(((0,), (0, 0, 3), (0, 1, 12, 40), (0, 8, 16, 32))),
            wrong_side=random.choice((0.0, 0.2, 0.5)),
            lost_answer=random.choice((0.0, rough)),
            latency_s=random.choice((0.01, 0.05, 0.3)),
        )


class SimNode:
    def __init__(
        self, name: str, random: Random, chain: Chain, faults: ProviderFaults, killer: ProcessKiller, seen: Counter[str]
    ) -> None:
        self.name = name
        self.amnesiac = False  # its history begins when it is queried, so it knows no landing
        self.admits = False  # and reports that
        self.faultless = False  # for a while it answers at once, with the newest state and its whole history
        self.silent_until_s = 0.0
        self.blank_until_s = 0.0  # until then it lists no signature at all
        self.admits_blank = False  # and reports that its history begins now
        self._random = random
        self._chain = chain
        self._faults = faults
        self._killer = killer
        self._seen = seen

    async def finalized(self) -> ChainTip:
        await self.call("finalized")
        root = self.look().root
        return ChainTip(root.slot, root.height)

    async def first_slot(self) -> int:
        await self.call("history")
        begins_now = (self.amnesiac and self.admits) or (self._is_blank and self.admits_blank)
        return self.look().root.slot if begins_now else 0

    @property
    def _is_blank(self) -> bool:
        return asyncio.get_running_loop().time() < self.blank_until_s and not self.faultless

    async def signatures(self, address: str, most: int) -> list[SignatureInfo]:
        """The newest ones of an address on the branch that it sees, the newest first."""
        await self.call("signatures")
        if self._is_blank or (self.amnesiac and not self.faultless):
            self._seen["no signatures in a history that begins too late"] += 1
            return []
        view = self.look()
        tip = self.side(view)
        landed = (tip.parent if tip.parent is not None else tip).landed.values()
        named = [one for one in landed if address in one.effects.accounts]
        found = [SignatureInfo(one.signature, one.slot, one.effects.error is not None) for one in reversed(named)]
        return found[:most]

    async def status_in_history(self, signature: str, slot_min: int) -> Status | None:
        await self.call("history")
        view = self.look()
        if view.root.slot < slot_min:
            self._seen["history not there yet"] += 1
            raise ChainSilent(f"{self.name} has finalised slot {view.root.slot}, and {slot_min} is needed")
        if self.amnesiac:
            self._seen["history begins too late"] += 1
            return None
        return _status(view, self.side(view), signature)

    def status(self, signature: str) -> Status | None:
        """The status in the recent cache."""
        view = self.look()
        found = _status(view, self.side(view), signature)
        if found is not None and self._random.random() < self._faults.forgets:
            self._seen["status forgotten"] += 1
            return None
        return found

    def look(self) -> View:
        """The node's view now; the next answer may come from another machine."""
        chain, lag = self._chain, self._faults.lag + self._random.choice(self._faults.lags)
        lag = 0 if self.faultless else lag
        chain.catch_up()
        self._seen["lagged"] += lag > 0
        return chain.views[max(0, len(chain.views) - 1 - lag)]

    def side(self, view: View) -> Block:
        return view.tips[int(self._random.random() < self._faults.wrong_side)]

    async def call(self, what: str) -> None:
        self._killer.call()
        await asyncio.sleep(self._random.uniform(0.002, self._faults.latency_s))
        self._killer.call()
        if self.faultless:
            return
        away = asyncio.get_running_loop().time() < self.silent_until_s
        if away or self._random.random() < self._faults.silent:
            self._seen[f"{what} not answered"] += 1
            self._seen["node away"] += away
            raise ChainSilent(f"{self.name}: {self._random.choice(SILENCES)}")


def _status(view: View, tip: Block, signature: str) -> Status | None:
    landing = tip.landed.get(signature)
    if landing is None:
        return None
    confirmed = tip.parent if tip.parent is not None else tip
    return Status(
        landing.slot,
        landing.effects.error is not None,
        confirmed=landing.slot <= confirmed.slot,
        finalized=landing.slot <= view.root.slot,
    )


class SimRpc:
    """`ports.Chain`: any provider answers a call; only the witnesses are called by name."""

    def __init__(
        self,
        random: Random,
        chain: Chain,
        faults: ProviderFaults,
        clock: SimClock,
        auditor: checks.Auditor,
        killer: ProcessKiller,
        seen: Counter[str],
    ) -> None:
        self.nodes = self.histories = [
            SimNode(f"node{n}", random, chain, faults, killer, seen) for n in range(random.choice((1, 2, 2, 3)))
        ]
        if len(self.nodes) > 1:
            self.nodes[-1].amnesiac = random.random() < 0.5
            # If one of two admitted it, no expiry could ever be proved.
            self.nodes[-1].admits = len(self.nodes) > 2 and random.random() < 0.5
        self.stop_file = False
        self.sent: set[str] = set()
        self.posed: dict[bytes, bytes] = {}
        self._orders: dict[str, Work] = {}
        self._transfers: set[str] = set()  # signed transfers, known only by their tickets
        self._on_the_wire: list[tuple[bytes, str]] = []
        self._random = random
        self._chain = chain
        self._faults = faults
        self._clock = clock
        self._auditor = auditor
        self._seen = seen

    def signed(self, signature: str, work: Work | None) -> None:
        """None: a transfer. What it is for, nobody but the desk knows yet."""
        if work is None:
            self._transfers.add(signature)
        else:
            self._orders[signature] = work

    def order_of(self, signature: str) -> Work:
        if signature not in self._orders:
            books = self._auditor.books
            found = [one for one, ticket in books.tickets.items() if ticket.signature == signature]
            assert signature in self._transfers, f"{signature} was sent, and nobody signed it"
            assert found, f"{signature}: sent before its ticket was durable"
            self._orders[signature] = books.moves[found[0]]
        return self._orders[signature]

    async def latest_blockhash(self, priority: Priority = Priority.ENTRY) -> tuple[str, int]:
        node = self._any()
        await node.call("blockhash")
        view = node.look()
        tip = node.side(view)
        block = tip.parent if tip.parent is not None else tip
        return block.hash, block.height + LIFE_BLOCKS

    def silence(self, seconds: float) -> None:
        """Makes one provider or all of them unreachable."""
        until_s = asyncio.get_running_loop().time() + seconds
        for node in self._random.choice(([self._any()], self.nodes)):
            node.silent_until_s = until_s

    async def simulate(self, transaction: bytes, priority: Priority) -> Simulation:
        node = self._any()
        await node.call("simulate")
        view = node.look()
        tip = node.side(view)
        bank = tip.parent if tip.parent is not None else tip
        parsed = reading(self._fooled(transaction))
        if not self._knows(bank, parsed.blockhash):
            self._seen["blockhash not known"] += 1
            raise ChainSilent("BlockhashNotFound")
        fault = custom(3, 1) if self._random.random() < self._chain.faults.fail / 4 else None
        try:
            _, effects = execute(bank.world, parsed, bank.slot, fault)
        except Unlandable as short:
            keys, zeros = parsed.keys, (0,) * len(parsed.keys)
            effects = Effects(str(short), 0, keys, zeros, zeros, (), bank.slot)
        self._seen["simulation failed"] += effects.error is not None
        return Simulation(effects, bank.height + self._random.choice((0, 0, 1, 3)))

    def _fooled(self, transaction: bytes) -> bytes:
        """A transaction may behave differently in a simulation."""
        posed = self.posed.get(transaction)
        if posed is None or self._random.random() < 0.3:
            return transaction
        self._seen["simulation fooled"] += 1
        return posed

    def _knows(self, bank: Block, blockhash: str) -> bool:
        born = self._chain.hashes.get(blockhash)
        if born is None or not 0 <= bank.height - born.height <= LIFE_BLOCKS:
            return False
        return bank.at_height(born.height) is born

    async def send(self, transaction: bytes, priority: Priority, allowed: Allowed = always) -> None:
        name = _named(transaction[1:65])
        order = self.order_of(name)
        ticket = self._auditor.books.tickets.get(order.id)
        assert ticket is not None, f"{order.id}: sent before its ticket was durable"
        assert (ticket.payload, ticket.signature) == (transaction, name), f"{order.id}: other bytes than its ticket's"
        if self._random.random() < self._faults.lost_answer:
            self._seen["a send waited for its turn"] += 1
            await asyncio.sleep(self._random.uniform(0.0, 5.0))
        if not allowed():
            self._seen["not allowed any more when its turn came"] += 1
            raise ChainSilent("not allowed any more")
        checks.may_send(self._auditor.books, order, self.stop_file, self._clock.now_ns())
        self._seen["resent"] += name in self.sent
        self.sent.add(name)
        taken = 0
        for node in self.nodes:
            taken += await self._hand_over(node, transaction, name)
        if not taken:
            raise ChainSilent("no node took it")

    async def _hand_over(self, node: SimNode, transaction: bytes, name: str) -> bool:
        try:
            await node.call("send")
        except ChainSilent:
            return False
        except asyncio.CancelledError:
            self._on_the_wire.append((transaction, name))
            raise
        if self._random.random() < self._chain.faults.drop:
            self._seen["send dropped in silence"] += 1
        else:
            self._chain.receive(transaction, name, self._orders[name])
        if self._random.random() < self._faults.lost_answer:
            self._seen["send accepted, answer lost"] += 1
            return False
        return True

    def settle_after_death(self) -> None:
        """Sends in flight at the death may have arrived. Sorted, because asyncio cancels tasks in any order."""
        for transaction, name in sorted(self._on_the_wire, key=lambda one: one[1]):
            if self._random.random() < 0.5:
                self._seen["arrived after death"] += 1
                self._chain.receive(transaction, name, self._orders[name])
        self._on_the_wire.clear()

    async def status(self, signature: str) -> Status | None:
        node = self._any()
        await node.call("status")
        return node.status(signature)

    async def effects(self, signature: str) -> Effects | None:
        """Effects at `confirmed`, on the branch that the node sees."""
        node = self._any()
        await node.call("effects")
        view = node.look()
        tip = node.side(view)
        landing = (tip.parent if tip.parent is not None else tip).landed.get(signature)
        if landing is not None and _is_elsewhere(self._chain, landing):
            self._seen["effects of a dead branch"] += 1
        return landing.effects if landing is not None else None

    async def signatures(self, address: str, until: str | None = None, most: int = 1_000) -> list[SignatureInfo]:
        found = await self._any().signatures(address, most)
        names = [one.signature for one in found]
        return found[: names.index(until)] if until in names else found

    async def balances(self, owner: str, slot_min: int = 0) -> OwnerBalances:
        node = self._any()
        await node.call("balances")
        view = node.look()
        tip = node.side(view)
        block = tip.parent if tip.parent is not None else tip
        if block.slot < slot_min:
            raise ChainSilent(f"{node.name} answers as of slot {block.slot}, and slot {slot_min} is needed")
        owned = block.world.owned(owner)
        lamports = owned.pop(SOL)
        accounts = tuple(TokenAccount(mint, mint, units, "") for mint, units in owned.items())
        return OwnerBalances(owner, block.slot, block.slot, lamports, accounts)

    def lose_history(self, seconds: float, admits: bool) -> None:
        """For a while no provider lists what happened."""
        for node in self.nodes:
            node.blank_until_s, node.admits_blank = asyncio.get_running_loop().time() + seconds, admits

    def be_faultless(self, faultless: bool) -> None:
        for node in self.nodes:
            node.faultless = faultless

    async def wait(self, signature: str, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _any(self) -> SimNode:
        return self._random.choice(self.nodes)


def _is_elsewhere(chain: Chain, landing: Landing) -> bool:
    return all(tip.landed.get(landing.signature) != landing for tip in chain.tips)

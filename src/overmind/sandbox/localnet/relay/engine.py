"""Takes bundles, holds their auction, and lands the winners whole in a later block."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final

import msgspec
from solders.account import Account

from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.ports import Clock
from overmind.sandbox.localnet.blocks import Block
from overmind.sandbox.localnet.chain import LocalChain
from overmind.sandbox.localnet.errors import invalid
from overmind.sandbox.localnet.faults import FaultDraws, Faults
from overmind.sandbox.localnet.history import Landed
from overmind.sandbox.localnet.relay.terms import RelayTerms
from overmind.sandbox.localnet.tokens import RENT_EPOCH
from overmind.sandbox.localnet.wire import SYSTEM, Wire

BUNDLE_MAX: Final = 5  # transactions
KNOWN_MAX: Final = 50_000  # bundles, then the oldest is forgotten
LOOK_BACK_S: Final = 300  # an older bundle is no longer known
DONT_FRONT: Final = "jitodontfront"
NO_TIP_ACCOUNT: Final = "Bundles must write lock at least one tip account to be eligible for the auction."
_TRANSFER: Final = Struct("<IQ")
_TRANSFER_CODE: Final = 2


class BundleState(enum.StrEnum):
    INVALID = "Invalid"  # unknown, or too old
    PENDING = "Pending"
    FAILED = "Failed"
    LANDED = "Landed"


class Bundle(msgspec.Struct):
    id: str
    wires: tuple[Wire, ...]
    at_ns: int  # of the newest request
    state: BundleState = BundleState.PENDING
    due_step: int = 0
    slot: int | None = None  # where it landed


class Request(Value, frozen=True):
    """A transaction that the relay forwards by itself: it may also land and fail."""

    wire: Wire
    due_step: int


class BlockEngine:
    """`chain.Watcher`: it acts when a block begins."""

    def __init__(self, chain: LocalChain, clock: Clock, terms: RelayTerms) -> None:
        self.chain, self.terms = chain, terms
        self.draws = FaultDraws(Faults(seed=terms.seed))
        self._clock = clock
        self._steps = 0
        self._bundles: dict[str, Bundle] = {}  # by id, the oldest first
        self._pending: list[Bundle] = []
        self._forwarded: list[Request] = []
        self._free_ns = 0  # from when the rate limit leaves room for a request
        self._fund_tip_accounts()
        chain.watchers.append(self)

    def change(self, terms: RelayTerms) -> None:
        """The sequence of draws begins again from the seed."""
        self.terms = terms
        self.draws = FaultDraws(Faults(seed=terms.seed))
        self._free_ns = 0
        self._fund_tip_accounts()

    def _fund_tip_accounts(self) -> None:
        """Without rent an account cannot receive a small tip."""
        for address in self.terms.tip_accounts:
            if self.chain.accounts.get(address) is None:
                self.chain.accounts.pin(address, Account(self.chain.svm.rent(0), b"", SYSTEM, False, RENT_EPOCH))

    def admits(self) -> bool:
        """Whether the rate limit leaves room for one more request."""
        rate, now_ns = self.terms.requests_per_s, self._clock.now_ns()
        if rate and now_ns < self._free_ns:
            return False
        self._free_ns = now_ns + NS // rate if rate else 0
        return True

    def send(self, wire: Wire) -> None:
        """Forwards a transaction to the leader, without an auction and without protection from its failing."""
        self._show(wire)
        self._forwarded.append(Request(wire, self._steps + self.terms.slots))

    def send_bundle(self, wires: Sequence[Wire]) -> str:
        """The bundle's id, which promises nothing. The same bundle may be sent again. Raises RpcFault."""
        _check(wires, self.terms)
        signatures = ",".join(wire.signature for wire in wires)
        bundle_id = hashlib.sha256(signatures.encode()).hexdigest()
        known = self._bundles.pop(bundle_id, None)
        bundle = known or Bundle(bundle_id, tuple(wires), 0)
        bundle.at_ns = self._clock.now_ns()
        if known is None or known.state is BundleState.FAILED:
            bundle.state, bundle.due_step = BundleState.PENDING, self._steps + self.terms.slots
            self._pending.append(bundle)
            for wire in wires:
                self._show(wire)
        self._bundles[bundle_id] = bundle
        while len(self._bundles) > KNOWN_MAX:
            del self._bundles[next(iter(self._bundles))]
        return bundle_id

    def find(self, bundle_id: str) -> Bundle | None:
        bundle = self._bundles.get(bundle_id)
        is_old = bundle is not None and self._clock.now_ns() - bundle.at_ns > LOOK_BACK_S * NS
        return None if is_old else bundle

    @property
    def newest(self) -> BundleState:
        """The state of the bundle that came last."""
        return next((bundle.state for bundle in reversed(self._bundles.values())), BundleState.INVALID)

    def landed(self, bundle: Bundle) -> list[Landed]:
        """Its transactions as the chain has them now: a fork may have undone them."""
        found = (self.chain.history.find(wire.signature) for wire in bundle.wires)
        return [landed for landed in found if landed is not None]

    def on_block(self, _: Block) -> None:
        self._steps += 1
        due = [request for request in self._forwarded if request.due_step <= self._steps]
        self._forwarded = [request for request in self._forwarded if request.due_step > self._steps]
        for request in due:
            if self.draws.occurs("landing", self.terms.landing_ppm):
                self.chain.include(request.wire)
        decided = [bundle for bundle in self._pending if bundle.due_step <= self._steps]
        self._pending = [bundle for bundle in self._pending if bundle.due_step > self._steps]
        for bundle in decided:
            self._decide(bundle)

    def on_landed(self, _: Landed) -> None:
        pass

    def on_pinned(self, _: str) -> None:
        pass

    def _decide(self, bundle: Bundle) -> None:
        wins = tip_of(bundle.wires, self.terms.tip_accounts) >= self.terms.tip_min_lamports
        if wins and self.draws.occurs("landing", self.terms.landing_ppm) and self.chain.include_all(bundle.wires):
            bundle.state, bundle.slot = BundleState.LANDED, self.chain.blocks.head.slot
        else:
            bundle.state = BundleState.FAILED

    def _show(self, wire: Wire) -> None:
        if self.draws.occurs("leak", self.terms.leak_ppm):
            self.chain.show(wire)


def tip_of(wires: Iterable[Wire], tip_accounts: Sequence[str]) -> int:
    """What the transactions transfer to tip accounts by themselves, in lamports."""
    found = 0
    for wire in wires:
        for one in wire.transaction.message.instructions:
            data = bytes(one.data)
            if wire.keys[one.program_id_index] != str(SYSTEM) or len(data) != _TRANSFER.size or len(one.accounts) < 2:
                continue
            code, lamports = _TRANSFER.unpack(data)
            target = one.accounts[1]
            if code == _TRANSFER_CODE and target < len(wire.keys) and wire.keys[target] in tip_accounts:
                found += lamports
    return found


def _check(wires: Sequence[Wire], terms: RelayTerms) -> None:
    """Raises RpcFault."""
    if not 0 < len(wires) <= BUNDLE_MAX:
        raise invalid(f"bundles must contain 1 to {BUNDLE_MAX} transactions, got {len(wires)}")
    if len({wire.signature for wire in wires}) != len(wires):
        raise invalid("bundle contains duplicate transactions")
    if not any(wire.keys[index] in terms.tip_accounts for wire in wires for index in wire.writable):
        raise invalid(NO_TIP_ACCOUNT)
    if not _fronts(wires):
        raise invalid(f"transactions that name {DONT_FRONT} must come first, and share a signer with the first one")


def _fronts(wires: Sequence[Wire]) -> bool:
    """Whether those that must not be preceded by others stand at the front, together."""
    guarded = [at for at, wire in enumerate(wires) if any(key.startswith(DONT_FRONT) for key in wire.keys)]
    if guarded != list(range(len(guarded))):
        return False
    signers = [frozenset(wires[at].keys[: wires[at].signed]) for at in guarded]
    return all(not one.isdisjoint(signers[0]) for one in signers)

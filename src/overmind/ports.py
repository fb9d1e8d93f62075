"""What the service needs from the outside world, as small as we can make it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from overmind.core.model.events import Entry
from overmind.core.model.ids import Mint, SignalId
from overmind.core.model.order import Move, Order, Quote, Ticket, Work
from overmind.core.model.outcome import Outcome, Rejected
from overmind.core.model.value import Value

Allowed = Callable[[], bool]


def always() -> bool:
    """What may be sent at any time: an exit."""
    return True


class VenueUnavailable(Exception):
    """Nothing was learnt about the order. Asking again later is always safe."""


class JournalFailed(Exception):
    """The journal could not promise durability. The process must stop: only recovery can tell what was written."""


class Clock(Protocol):
    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC. May step; the engine keeps the journal's time from running backwards."""

    async def sleep(self, seconds: float) -> None: ...


class Snapshot(Value, frozen=True):
    """The encoded state after entry `seq`."""

    seq: int
    state: bytes


class Journal(Protocol):
    async def append(self, entries: Sequence[Entry]) -> None:
        """All or nothing, durable on return. A gap or a repeat in `seq` is an error. Raises JournalFailed."""

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Every entry with a higher `seq`, in order."""

    def entry(self, seq: int) -> Entry:
        """One durable entry."""

    def find(self, signal_id: SignalId) -> int | None:
        """The `seq` of a signal's first decision, for ever."""

    def decisions(self, since_ns: int, up_to: int) -> Iterator[tuple[SignalId, int, int]]:
        """(signal id, seq, at_ns) of every first decision since then with `seq <= up_to`, in order."""

    def snapshot(self) -> Snapshot | None:
        """The newest snapshot whose digest and place in the hash chain were verified, or None."""

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep it, durable on return. Older ones may go."""

    @property
    def degraded(self) -> str | None:
        """Why the journal asks that no more entries are taken (a full disk), or None."""


class Tick(Value, frozen=True):
    """A price as a feed shows it: unjournaled, so it may inform an execution but never a limit."""

    mint: Mint
    price_pico: int
    at_ns: int
    depth_micros: int  # value that moves the price by about 100 %: the reserve of one side of a pool
    range_bps: int  # how far the price moved within the feed's last interval


class Prices(Protocol):
    def ticks(self) -> Mapping[Mint, Tick]:
        """The newest tick of each mint that has one now. A mint without a price is absent."""


class Venue(Protocol):
    """Where orders are executed. Numbered promises: `tests/contracts`."""

    provisional: bool
    """Whether an outcome may still be undone by a fork, so that `final` must be asked too."""

    async def quote(self, order: Order) -> Quote | Rejected:
        """What it would give now. Nothing moves. Raises VenueUnavailable."""

    async def sign(self, order: Order, quote: Quote) -> Ticket | Rejected:
        """Build, verify, sign. Nothing that moves money leaves the process. Raises VenueUnavailable."""

    async def transfer(self, move: Move) -> Ticket | Rejected:
        """Build, verify, sign. Nothing that moves money leaves the process. Raises VenueUnavailable."""

    async def send(self, work: Work, ticket: Ticket, allowed: Allowed = always) -> None:
        """Broadcast. Sending the same bytes twice equals sending them once.

        `allowed` is asked once more when they are about to leave: a request may have waited for its turn, and a stop
        may have come meanwhile. Raises VenueUnavailable, also when it was not allowed any more.
        """

    async def outcome(self, work: Work, ticket: Ticket) -> Outcome | None:
        """What became of it, or None while it may still land. Raises VenueUnavailable."""

    async def final(self, work: Work, ticket: Ticket, booked: Outcome) -> Outcome | None:
        """What it came to for good, or None while a fork may still change what was booked. Raises VenueUnavailable."""

    async def wait(self, ticket: Ticket, seconds: float) -> None:
        """Sleep before the next look, or less when there may be news of the ticket earlier."""


class ChainSilent(Exception):
    """No usable answer from the chain's nodes. Nothing was learnt; asking again later is always safe."""


class Priority(enum.IntEnum):
    """Who is served first when requests to the chain are scarce."""

    EXIT = 0
    STATUS = 1
    MARK = 2
    ENTRY = 3


class ChainTip(Value, frozen=True):
    """How far one node's chain reached, at one commitment. Slots may be skipped, so the height is the lower number."""

    slot: int
    height: int


class Status(Value, frozen=True):
    """That a transaction landed, as one node sees it."""

    slot: int
    failed: bool  # it landed and reverted
    confirmed: bool  # by a supermajority: what we trade on
    finalized: bool  # rooted: what nobody can undo


class TokenBalance(Value, frozen=True):
    """One token account before and after a transaction."""

    index: int  # into `Effects.accounts`
    mint: Mint
    owner: str
    pre_units: int
    post_units: int


class Effects(Value, frozen=True):
    """What a transaction changed, or would change: the chain's own words, nothing interpreted."""

    error: str | None  # as JSON; None: it went through
    fee_lamports: int
    accounts: tuple[str, ...]  # the fee payer first
    pre_lamports: tuple[int, ...]
    post_lamports: tuple[int, ...]
    tokens: tuple[TokenBalance, ...]
    slot: int = 0
    signers: int = 1  # how many of the first accounts signed


class Simulation(Value, frozen=True):
    effects: Effects
    height: int  # the highest block height known after it ran: its blockhash cannot be younger


class Node(Protocol):
    """One provider of the chain, asked by name because a proof needs witnesses that do not speak for each other."""

    @property
    def name(self) -> str:
        """For people; never an address with credentials."""

    async def finalized(self) -> ChainTip:
        """Its newest finalised block. Raises ChainSilent."""

    async def first_slot(self) -> int:
        """Where its history begins: of what landed before, it knows nothing. Raises ChainSilent."""

    async def status_in_history(self, signature: str, slot_min: int) -> Status | None:
        """Searched in its whole history. Raises ChainSilent, also when the node has not reached `slot_min`."""


class Chain(Protocol):
    """A Solana cluster through its providers."""

    @property
    def nodes(self) -> Sequence[Node]: ...

    async def simulate(self, transaction: bytes, priority: Priority) -> Simulation:
        """What it would do at `confirmed`, signed or not. Raises ChainSilent, also when its blockhash is not known."""

    async def send(self, transaction: bytes, priority: Priority, allowed: Allowed = always) -> None:
        """Hand it to every provider. Returns when one took it. Raises ChainSilent; it may have landed all the same.

        `allowed` is asked for each provider at the moment before the bytes leave.
        """

    async def status(self, signature: str) -> Status | None:
        """None: not seen lately, which proves nothing. Raises ChainSilent."""

    async def effects(self, signature: str) -> Effects | None:
        """Of a transaction that is confirmed; None while the node has no record of it. Raises ChainSilent."""

    async def wait(self, signature: str, seconds: float) -> None:
        """Sleep, or less when a node tells of the signature earlier."""

    async def latest_blockhash(self, priority: Priority) -> tuple[str, int]:
        """One that a transaction may be built on, and the last height that it is valid at. Raises ChainSilent."""


class Signer(Protocol):
    async def sign(self, public_key: str, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature. Raises KeyError for a key that is not ours."""


class SwapOffer(Value, frozen=True):
    """A swap server's answer: what it promises, and the transaction that is said to do it. Nothing of it is trusted."""

    input_mint: Mint
    output_mint: Mint
    in_units: int
    out_units: int  # expected
    out_min_units: int
    impact_bps: int
    transaction: bytes
    last_valid_height: int


class Swaps(Protocol):
    """A swap API in the shape of Jupiter's."""

    async def order(self, order: Order, taker: str) -> SwapOffer | Rejected:
        """An offer for `order.spend`, as a transaction that `taker` pays for. Raises VenueUnavailable."""

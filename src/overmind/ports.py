"""The protocols of the outside world: clock, journal, prices, venue, chain, signer. Each is as small as possible."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

from overmind.core.model.events import Entry
from overmind.core.model.ids import Mint, SignalId
from overmind.core.model.order import Move, Order, Quote, Ticket, Work
from overmind.core.model.outcome import Outcome, Rejected
from overmind.core.model.route import RouteName
from overmind.core.model.value import Value

Allowed = Callable[[], bool]


def always() -> bool:
    """Permission for work that no stop forbids, such as an exit."""
    return True


class VenueUnavailable(Exception):
    """No answer about the order. Asking again later is always safe."""


class LandedOtherwise(VenueUnavailable):
    """The transaction landed and reads differently from its order. Only an operator can say what it is booked as."""


class JournalFailed(Exception):
    """The journal could not write durably. The process must stop: only a recovery can tell what was written."""


class Clock(Protocol):
    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC. May jump; the engine keeps the journal's time from running backwards."""

    async def sleep(self, seconds: float) -> None: ...


@runtime_checkable
class MachineClock(Clock, Protocol):
    """A wall clock that may jump, and two clocks of the same machine that cannot."""

    def steady_ns(self) -> int:
        """Since some moment. It never jumps, and stands still while the machine is suspended."""

    def boot_ns(self) -> int:
        """Since the machine's start. It never jumps, and goes on while the machine is suspended."""


class Jump(Value, frozen=True):
    """A jump of the wall clock that nothing has confirmed yet."""

    why: str  # for operators
    since_ns: int  # by the steady clock
    # How far before and after the believed time the wall clock may be to count as corrected.
    before_max_ns: int
    after_max_ns: int


class Trust(Protocol):
    """Whether the wall clock is believed, as of the newest reading."""

    jump: Jump | None  # None: it is believed
    ahead_ns: int  # how far the desk's time is ahead of the time that is believed

    def stamped_ns(self, at_ns: int) -> int:
        """A time that a sender stamped, in the desk's time."""


class AlwaysTrusted:
    """`Trust` in a clock that cannot jump."""

    jump: Jump | None = None
    ahead_ns = 0

    def stamped_ns(self, at_ns: int) -> int:
        return at_ns


TRUSTED: Final = AlwaysTrusted()


class Snapshot(Value, frozen=True):
    """The encoded state after entry `seq`."""

    seq: int
    state: bytes


class Storage(Value, frozen=True):
    """What a journal's disk lets it do now."""

    locked: str | None = None  # who keeps the journal from writing, which goes on when that ends
    reserve_bytes: int | None = None  # what is left of the reserve, once the disk is full


UNTROUBLED: Final = Storage()


class Journal(Protocol):
    async def append(self, entries: Sequence[Entry]) -> None:
        """All or nothing, durable on return. A gap or a repeat in `seq` is an error. Raises JournalFailed."""

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Every entry with a higher `seq`, in order."""

    def entry(self, seq: int) -> Entry:
        """One durable entry."""

    def find(self, signal_id: SignalId) -> int | None:
        """The `seq` of a signal's first decision, for ever. Quick: a running desk asks for each new signal."""

    def snapshot(self) -> Snapshot | None:
        """The newest snapshot whose digest and place in the hash chain were verified, or None."""

    def snapshot_before(self, seq: int) -> Snapshot | None:
        """Of the snapshots after this entry or an earlier one, the newest that `snapshot` could return; or None."""

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Saves a snapshot; durable on return. May delete older ones."""

    @property
    def degraded(self) -> str | None:
        """Why the desk must take no more entries (the disk is full); None: nothing is wrong."""

    async def look(self) -> None:
        """Looks whether the files are where they were opened; `storage` then tells it. May take as long as a disk."""

    def storage(self) -> Storage:
        """What is known of the disk; asks no disk. Raises JournalFailed when the files are no longer where they were
        opened: what is written is lost.
        """


class Tick(Value, frozen=True):
    """A price as a feed shows it. It is not journaled, so it may inform an execution but never a limit."""

    mint: Mint
    price_pico: int
    at_ns: int
    depth_micros: int  # value that moves the price by about 100 %: the reserve of one side of a pool
    range_bps: int  # how far the price moved within the feed's last interval


class Prices(Protocol):
    def ticks(self) -> Mapping[Mint, Tick]:
        """The newest tick of each mint. A mint without a current price is absent."""


FirstPrice = Callable[[Order, int], int]  # (order, placed at) → when it meets its first price


class SecondSource(Prices, Protocol):
    """Prices of another operator than the first source's: they confirm its prices, and nothing else."""

    @property
    def name(self) -> str:
        """For the journal and log lines; never an address with credentials."""


class Venue(Protocol):
    """Where orders are executed. Numbered promises: `tests/contracts`."""

    provisional: bool
    """Whether an outcome may still be undone by a fork, so that `final` must be asked too."""

    async def quote(self, order: Order) -> Quote | Rejected:
        """The venue's current quote. Sends nothing. Raises VenueUnavailable."""

    async def sign(self, order: Order, quote: Quote) -> Ticket | Rejected:
        """Builds, verifies and signs the order. Sends no transaction. Raises VenueUnavailable."""

    async def transfer(self, move: Move) -> Ticket | Rejected:
        """Builds, verifies and signs the transfer. Sends no transaction. Raises VenueUnavailable."""

    async def send(self, work: Work, ticket: Ticket, allowed: Allowed = always) -> None:
        """Broadcasts the ticket. Sending the same bytes twice equals sending them once.

        `allowed` is called again just before the bytes leave, because a stop may come while a request waits for its
        turn. Raises VenueUnavailable, also when sending is no longer allowed.
        """

    async def outcome(self, work: Work, ticket: Ticket) -> Outcome | None:
        """The outcome; None while the ticket may still land. Raises VenueUnavailable."""

    async def final(self, work: Work, ticket: Ticket, booked: Outcome) -> Outcome | None:
        """The final outcome; None while a fork may still change the booked one. Raises VenueUnavailable."""

    async def wait(self, ticket: Ticket, seconds: float) -> None:
        """Sleeps until the next poll; returns earlier when the ticket's status may have changed."""


class ChainSilent(Exception):
    """No usable answer from the chain's nodes. Asking again later is always safe."""


class Priority(enum.IntEnum):
    """The order in which requests are served when the rate limit is short."""

    EXIT = 0
    STATUS = 1
    MARK = 2
    ENTRY = 3


class ChainTip(Value, frozen=True):
    """One node's newest block at one commitment. Slots may be skipped, so the height is the lower number."""

    slot: int
    height: int


class Status(Value, frozen=True):
    """A landed transaction's status, as one node sees it."""

    slot: int
    failed: bool  # it landed and reverted
    confirmed: bool  # by a supermajority; trades are booked at this commitment
    finalized: bool  # rooted; no fork can undo it


class TokenBalance(Value, frozen=True):
    """One token account before and after a transaction."""

    index: int  # into `Effects.accounts`
    mint: Mint
    owner: str
    pre_units: int
    post_units: int


class Effects(Value, frozen=True):
    """What a transaction changed, or would change, as the chain reports it."""

    error: str | None  # as JSON; None: success
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


class AccountBytes(Value, frozen=True):
    """An account on the chain: the program that owns it, and its content."""

    owner: str
    raw: bytes


class AccountsRead(Value, frozen=True):
    slot: int
    accounts: tuple[AccountBytes | None, ...]  # in the order that was asked for; None: there is no such account


class AccountReader(Protocol):
    async def accounts(self, addresses: Sequence[str], slot_min: int, priority: Priority) -> Sequence[AccountsRead]:
        """The accounts at `confirmed`, as of `slot_min` or later: as each provider that answers shows them, two of them
        where so many are configured. Raises ChainSilent.
        """


class Node(Protocol):
    """One RPC provider, addressed by name: a proof needs independent witnesses."""

    @property
    def name(self) -> str:
        """For log lines; never an address with credentials."""

    async def finalized(self) -> ChainTip:
        """The newest finalized block. Raises ChainSilent."""

    async def first_slot(self) -> int:
        """The first slot of its history; it knows no older transaction. Raises ChainSilent."""

    async def status_in_history(self, signature: str, slot_min: int) -> Status | None:
        """The status in its whole history. Raises ChainSilent, also when the node has not reached `slot_min`."""


class Chain(Protocol):
    """A Solana cluster through its providers."""

    @property
    def nodes(self) -> Sequence[Node]: ...

    async def simulate(self, transaction: bytes, priority: Priority) -> Simulation:
        """What it would do at `confirmed`, signed or not. Raises ChainSilent, also when its blockhash is unknown."""

    async def send(self, transaction: bytes, priority: Priority, allowed: Allowed = always) -> None:
        """Sends it to every provider. Returns when one took it. Raises ChainSilent; it may have landed nevertheless.

        `allowed` is called for each provider just before the bytes leave.
        """

    async def status(self, signature: str) -> Status | None:
        """None: no recent status, which proves nothing. Raises ChainSilent."""

    async def effects(self, signature: str) -> Effects | None:
        """The effects of a confirmed transaction; None while the node has no record of it. Raises ChainSilent."""

    async def wait(self, signature: str, seconds: float) -> None:
        """Sleeps; returns earlier when a node notifies about the signature."""

    async def latest_blockhash(self, priority: Priority) -> tuple[str, int]:
        """A recent blockhash and its last valid height. Raises ChainSilent."""


class Route(Protocol):
    """One way for a signed transaction to reach the chain."""

    @property
    def name(self) -> RouteName: ...

    async def send(self, transaction: bytes, priority: Priority, allowed: Allowed = always) -> None:
        """Hands it over, and says nothing about what becomes of it. Handing over the same bytes again is harmless.

        `allowed` is called just before the bytes leave. Raises ChainSilent; it may have landed nevertheless.
        """


class Signer(Protocol):
    async def sign(self, public_key: str, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature. Raises KeyError for a key that is not ours."""


class Bid(Value, frozen=True):
    """What an offered transaction shall pay for landing, in lamports."""

    tip_lamports: int = 0  # to a tip account of the relay; 0: none
    priority_lamports: int | None = None  # at the compute limit; None: the swap server decides


NO_BID: Final = Bid()


class SwapOffer(Value, frozen=True):
    """A swap server's offer and its transaction. Neither is trusted before it is verified."""

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

    async def order(self, order: Order, taker: str, bid: Bid = NO_BID) -> SwapOffer | Rejected:
        """An offer for `order.spend`, as a transaction that `taker` pays for. Raises VenueUnavailable."""

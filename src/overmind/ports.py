"""What the service needs from the outside world, as small as we can make it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from overmind.core.messages import Entry
from overmind.core.model import Mint, Order, Outcome, Quote, Rejected, SignalId, Ticket, Value


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

    async def quote(self, order: Order) -> Quote | Rejected:
        """What it would give now. Nothing moves. Raises VenueUnavailable."""

    async def sign(self, order: Order, quote: Quote) -> Ticket | Rejected:
        """Build, verify, sign. Nothing that moves money leaves the process. Raises VenueUnavailable."""

    async def send(self, ticket: Ticket) -> None:
        """Broadcast. Sending the same bytes twice equals sending them once. Raises VenueUnavailable."""

    async def outcome(self, ticket: Ticket) -> Outcome | None:
        """What became of it, or None while it may still land. Raises VenueUnavailable."""

"""The single writer: command in, decision out, and nothing is told or done before it is durable.

    handle(command) → decide, apply → pending → journal.append in its thread → reply, publish

While one batch is being made durable, the next is being decided on the same state (group commit). If an append fails
we cannot know whether it wrote: the engine stops for good, and recovery finds out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

import msgspec

from overmind.core.books.apply import apply
from overmind.core.books.state import DECISIONS_KEPT_NS, State, decode_state, encode_state, remember_decision
from overmind.core.decide import EXITS, decide
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.model.commands import AddHold, Command, CommandRefused, SubmitSignal
from overmind.core.model.controls import Scope
from overmind.core.model.events import Answer, DeskConfigured, Entry, Event, HoldLifted
from overmind.core.model.ids import OWN, SignalId, is_own
from overmind.core.model.signal import Signal
from overmind.core.model.value import Value
from overmind.ports import Clock, Journal, Snapshot

T = TypeVar("T")


class Bounds(Value, frozen=True):
    inbox_max: int = 4_096  # commands that wait for their decision to be durable
    open_orders_max: int = 10_000
    feed_max: int = 65_536  # entries that a slow reader may lag behind
    snapshot_every: int = 50_000  # entries; bounds what a restart has to replay


BOUNDS: Final = Bounds()
EXIT_MARGIN: Final = 2  # Exits are still taken when the house is full for entries.


class EngineBusy(Exception):
    """Too much is under way. Nothing was decided; send the signal again later."""


class EngineStopped(Exception):
    """The engine has failed or was stopped; nothing that was not acknowledged may be relied on."""


class Feed:
    """Committed entries in order, for one reader. A reader that lags too far loses its feed and must look again."""

    def __init__(self, lag_max: int) -> None:
        self._lag_max = lag_max
        self._entries: deque[Entry] = deque()
        self._ready = asyncio.Event()
        self._lost = False

    def publish(self, entries: Iterable[Entry]) -> None:
        self._entries.extend(entries)
        if len(self._entries) > self._lag_max:
            self._entries.clear()
            self._lost = True
        self._ready.set()

    async def next(self) -> tuple[Entry, ...] | None:
        """What was committed since the last call, at least one entry; None: some were lost, read the state anew."""
        await self._ready.wait()
        self._ready.clear()
        entries, lost = tuple(self._entries), self._lost
        self._entries.clear()
        self._lost = False
        return None if lost else entries


class CommandAnswer(msgspec.Struct, frozen=True):
    """The answer to a signal: its first decision, now or when it first came."""

    events: tuple[Answer, ...]
    duplicate: bool
    seq: int


class Engine:
    def __init__(self, journal: Journal, clock: Clock, bounds: Bounds = BOUNDS) -> None:
        """Recovers the state from the journal: the newest snapshot, then the tail."""
        self._journal = journal
        self._clock = clock
        self._bounds = bounds
        self._state = recover(journal)
        self._index = SelectionIndex(self._state)
        self._pending: list[Entry] = []
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._durable_seq = self._state.seq
        self._lifted_seq = 0  # of the last fact that may allow what was forbidden before
        self._snapshot_seq = self._state.seq
        self._wake = asyncio.Event()
        self._feeds: list[Feed] = []
        self._stopped: str | None = None  # why, once it has failed
        self._closing = False

    @property
    def state(self) -> State:
        """May be ahead of the journal: for code that acts only through `handle`. All others use `read`."""
        return self._state

    @property
    def index(self) -> SelectionIndex:
        return self._index

    @property
    def durable_seq(self) -> int:
        return self._durable_seq

    def subscribe(self) -> Feed:
        """Every entry committed from now on, in order."""
        feed = Feed(self._bounds.feed_max)
        self._feeds.append(feed)
        return feed

    def entries(self, after: int) -> Iterator[Entry]:
        """Every committed entry with a higher `seq`, from the journal: for a reader that lost its feed."""
        return self._journal.read(after)

    def unsubscribe(self, feed: Feed) -> None:
        self._feeds.remove(feed)

    async def handle(self, command: Command) -> tuple[Event, ...]:
        """The only door. Returns once the decision, and all that it was based on, is durable.

        An empty answer: its fact was known already. Raises CommandRefused, EngineStopped. Only `submit` is ever too
        busy: tickets, outcomes and stops are bounded by the orders that are open.
        """
        try:
            events = self._decide(command)
        except CommandRefused:  # A "no" rests on facts as well: whoever hears it must not find them gone after a crash.
            await self._until_durable(self._state.seq)
            raise
        await self._until_durable(self._state.seq)
        return events

    def record(self, command: Command) -> None:
        """As `handle`, for a caller that tells nobody and does nothing after it, so need not wait. Raises the same."""
        self._decide(command)

    async def submit(self, signal: Signal, received_at_ns: int | None = None) -> CommandAnswer:
        """Answer a signal, with the first answer if it is known. Raises CommandRefused if it is known otherwise."""
        if is_own(signal.id):
            raise CommandRefused(f"signal id {signal.id!r} is of our own causes: choose one without {OWN!r}")
        received = received_at_ns if received_at_ns is not None else self._clock.now_ns()
        known = self._known(signal.id)
        if known is not None:
            return await self._repeat(signal, known)
        bounds, waiting, open_orders = self._bounds, len(self._waiting), len(self._state.open_orders)
        room = EXIT_MARGIN if signal.action in EXITS else 1
        if waiting >= bounds.inbox_max * room or open_orders >= bounds.open_orders_max * room:
            raise EngineBusy(
                f"{waiting} commands wait (at most {bounds.inbox_max}) and {open_orders} orders are open "
                f"(at most {bounds.open_orders_max}): signal {signal.id} was not taken, send it again later"
            )
        events = self._decide(SubmitSignal(signal, received))
        seq = self._state.decided[signal.id][0]
        await self._until_durable(self._state.seq)
        return CommandAnswer(tuple(event for event in events if isinstance(event, Answer)), duplicate=False, seq=seq)

    async def read(self, look: Callable[[State], T]) -> T:
        """A view of the state, told only once all that it shows is durable."""
        seen, seq = look(self._state), self._state.seq
        await self._until_durable(seq)
        return seen

    async def lifts_durable(self) -> None:
        """Returns once all that forbids nothing any more has ended durably, a hold or a setting: till then it stops."""
        while self._lifted_seq > self._durable_seq:
            await self._until_durable(self._lifted_seq)

    async def run(self) -> None:
        """Make decisions durable, batch by batch, until cancelled. Raises JournalFailed."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._pending:
                    await self._commit()
                if self._stopped is not None:
                    raise EngineStopped(self._stopped)
        finally:
            self._stop("the engine was stopped")

    async def close(self) -> None:
        """Take no more commands, make the last ones durable, and leave a snapshot: the next start replays nothing."""
        seq, self._closing = self._state.seq, True
        await self._until_durable(seq)
        if seq > self._snapshot_seq:
            await self._journal.save_snapshot(Snapshot(seq, encode_state(self._state)))

    def _decide(self, command: Command) -> tuple[Event, ...]:
        if self._closing or self._stopped is not None:
            raise EngineStopped(self._stopped or "the engine is stopping")
        state, events, whole = self._state, [], False
        at_ns = max(self._clock.now_ns(), state.at_ns)  # The journal's time never runs backwards.
        try:
            for event in decide(state, self._index, command, at_ns):
                entry = Entry(state.seq + 1, at_ns, event)
                apply(state, entry)
                self._pending.append(entry)
                events.append(event)
                if isinstance(event, HoldLifted | DeskConfigured):
                    self._lifted_seq = entry.seq
            whole = True
        except CommandRefused:
            whole = True  # What it yielded before (the day's roll) is a fact of its own.
            raise
        finally:
            if not whole:  # A bug. Half a decision must never reach the journal.
                self._stop("a decision failed half way; restart to recover the last durable state")
            elif self._pending:
                self._wake.set()
        return tuple(events)

    def _known(self, signal_id: SignalId) -> int | None:
        decided = self._state.decided
        if (known := decided.get(signal_id)) is not None:
            return known[0]
        return self._journal.find(signal_id) if len(decided) < self._state.signals else None

    async def _repeat(self, signal: Signal, seq: int) -> CommandAnswer:
        await self._until_durable(seq)
        events: list[Answer] = []
        for entry in self._journal.read(after=seq - 1):
            event = entry.event
            if not isinstance(event, Answer) or event.signal.id != signal.id:
                break
            events.append(event)
        if not same_content(events[0].signal, signal):
            raise CommandRefused(
                f"signal {signal.id} is known with other content; use a new signal_id for a new wish "
                f"(its first answer is entry {seq})"
            )
        return CommandAnswer(tuple(events), duplicate=True, seq=seq)

    async def _until_durable(self, seq: int) -> None:
        if seq <= self._durable_seq:
            return
        if self._stopped is not None:
            raise EngineStopped(self._stopped)
        durable = asyncio.get_running_loop().create_future()
        self._waiting.append((seq, durable))
        await durable

    async def _commit(self) -> None:
        batch, self._pending = self._pending, []
        await self._journal.append(batch)
        self._durable_seq = batch[-1].seq
        for feed in self._feeds:
            feed.publish(batch)
        waiting = self._waiting
        while waiting and waiting[0][0] <= self._durable_seq:
            durable = waiting.popleft()[1]
            if not durable.done():
                durable.set_result(None)
        if self._journal.degraded and "disk_full" not in self._state.holds and not self._closing:
            self._decide(AddHold(Scope(), "disk_full", self._journal.degraded))
        if self._state.seq - self._snapshot_seq >= self._bounds.snapshot_every:
            await self._save_snapshot_under_load()

    async def _save_snapshot_under_load(self) -> None:
        """The state is ahead of the journal: encode it now, catch up, and only then keep it."""
        snapshot = Snapshot(self._state.seq, encode_state(self._state))
        self._snapshot_seq = snapshot.seq
        while self._durable_seq < snapshot.seq:
            await self._commit()
        await self._journal.save_snapshot(snapshot)

    def _stop(self, why: str) -> None:
        if self._stopped is None:
            self._stopped = why
            self._pending.clear()
        while self._waiting:
            durable = self._waiting.popleft()[1]
            if not durable.done():
                durable.set_exception(EngineStopped(self._stopped))
        self._wake.set()


def recover(journal: Journal) -> State:
    """The state that a journal tells: its newest snapshot, then the tail."""
    state = _of_snapshot(journal.snapshot())
    for signal_id, seq, at_ns in journal.decisions(state.at_ns - DECISIONS_KEPT_NS, state.seq):
        remember_decision(state, signal_id, seq, at_ns)
    for entry in journal.read(after=state.seq):
        apply(state, entry)
    state.touched.clear()
    state.revalued = True
    return state


def _of_snapshot(snapshot: Snapshot | None) -> State:
    """A snapshot that another version wrote is no loss: everything is replayed."""
    if snapshot is None:
        return State()
    try:
        state = decode_state(snapshot.state)
    except msgspec.DecodeError:
        return State()
    return state if state.seq == snapshot.seq else State()


def same_content(first: Signal, second: Signal) -> bool:
    """Whether two signals of one id wish the same. A sender that repeats itself may stamp the time anew."""
    return msgspec.structs.replace(first, at_ns=None) == msgspec.structs.replace(second, at_ns=None)

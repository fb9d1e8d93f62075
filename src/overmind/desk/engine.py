"""The single writer: takes commands, decides them, and answers only after the decision is durable.

    handle(command) → decide, apply → pending → journal.append in its thread → reply, publish

While one batch is written to disk, the next is decided on the same state (group commit). If an append fails, it is
unknown whether it wrote: the engine then stops for good, and the next start recovers from the journal.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple, TypeVar

import msgspec

from overmind.core.books.apply import apply
from overmind.core.books.brief_refusals import in_brief, whole_by
from overmind.core.books.state import State, encode_state, forget_changes, forget_decisions
from overmind.core.control.holds import DISK_FULL
from overmind.core.decide import EXITS, decide
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.model.commands import (
    AddHold,
    Attributed,
    ChangeLearnerMode,
    ChangeLimits,
    ChangeMints,
    Command,
    CommandRefused,
    MarkPrices,
    Rebalance,
    RecordAction,
    SubmitSignal,
    Withdraw,
)
from overmind.core.model.controls import CLOCK, Scope
from overmind.core.model.events import Answer, DeskConfigured, Entry, Event, HoldLifted, OrderPlaced, SignalRefused
from overmind.core.model.ids import OWN, SignalId, is_own
from overmind.core.model.signal import Signal, same_content
from overmind.core.model.value import Value
from overmind.desk.feed import Feed
from overmind.desk.last_snapshot import encoded
from overmind.journal.errors import SegmentUnusable
from overmind.journal.recovery import kept_state
from overmind.ports import TRUSTED, Clock, Journal, Snapshot, Trust

T = TypeVar("T")


class Bounds(Value, frozen=True):
    inbox_max: int = 4_096  # entries that are not durable yet
    open_orders_max: int = 10_000
    feed_max: int = 65_536  # entries that a slow reader may lag behind
    ids_kept_max: int = 16_384  # of the newest signals, about 5 MB; the journal knows all of them
    snapshot_every: int = 50_000  # entries; bounds the replay at a restart


BOUNDS: Final = Bounds()
# They can wait until there is room.
OPTIONAL: Final = (ChangeLimits, ChangeMints, ChangeLearnerMode, Rebalance, Withdraw, RecordAction)
ROOM: Final = "make room and restart the desk, then send it again"
EXIT_MARGIN: Final = 2  # Exits are still accepted up to this multiple of the bounds for entries.


class EngineBusy(Exception):
    """Too many commands or orders are open. Nothing was decided; send the signal again later."""


class DiskFull(Exception):
    """The disk is full, and its reserve is for stops, exits and outcomes. Nothing was decided; the id stays free."""

    code: Final = "DISK_FULL"


class EngineStopped(Exception):
    """The engine failed or was stopped. Do not rely on anything that it has not acknowledged."""


class CommandAnswer(msgspec.Struct, frozen=True):
    """The answer to a signal: its first decision, whether made now or earlier."""

    events: tuple[Answer, ...]
    duplicate: bool
    seq: int


class Begun(NamedTuple):
    """A signal that is decided, or known. It is answered once the answer's entries are durable."""

    signal: Signal
    seq: int  # of its first entry
    durable_seq: int  # of the last entry that the answer rests on
    events: tuple[Event, ...] | None  # None: it was known, and the journal has its answer


class Engine:
    def __init__(self, journal: Journal, clock: Clock, bounds: Bounds = BOUNDS, trust: Trust = TRUSTED) -> None:
        """Recovers the state from the journal: the newest snapshot, then the entries after it.

        `trust`: in `clock`, as of its newest reading.
        """
        self._journal = journal
        self._clock = clock
        self._trust = trust
        self._bounds = bounds
        self._state = recover(journal)
        self._index = SelectionIndex(self._state)
        self._pending: list[Entry] = []
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._durable_seq = self._state.seq
        self._lifted_seq = 0  # newest entry that lifted a hold or changed the settings
        self._snapshot_seq = self._state.seq
        self._wake = asyncio.Event()
        self._feeds: list[Feed] = []
        self._stopped: str | None = None  # the reason, once it has failed
        self._intake_closed = False

    @property
    def state(self) -> State:
        """May be ahead of the journal. Only for code that acts through `handle`; all other code uses `read`."""
        return self._state

    @property
    def index(self) -> SelectionIndex:
        return self._index

    @property
    def durable_seq(self) -> int:
        return self._durable_seq

    @property
    def backlog(self) -> int:
        """How many entries are not durable yet."""
        return self._state.seq - self._durable_seq

    def subscribe(self, wants: Callable[[Entry], bool] | None = None) -> Feed:
        """Feeds every entry that is committed from now on, in order; with `wants`, those that the reader wants."""
        feed = Feed(self._bounds.feed_max, wants)
        self._feeds.append(feed)
        return feed

    def entries(self, after: int) -> Iterator[Entry]:
        """Every committed entry with a higher `seq`, from the journal: for a reader whose feed lost entries."""
        return self._journal.read(after)

    def unsubscribe(self, feed: Feed) -> None:
        self._feeds.remove(feed)

    async def handle(self, command: Command) -> tuple[Event, ...]:
        """Decides a command. Returns once the decision, and all facts that it is based on, are durable.

        An empty answer means that the fact was already known. Raises CommandRefused, EngineStopped, DiskFull. Only
        `submit` raises EngineBusy: the number of tickets, outcomes and stops is bounded by the open orders.
        """
        if DISK_FULL in self._state.holds and _is_optional(command):
            raise DiskFull(f"the disk is full, and what is left serves stops and exits: {ROOM}")
        try:
            events = self._decide_and_apply(command)
        except CommandRefused:  # A refusal is based on facts too; they must survive a crash before it is told.
            await self._until_durable(self._state.seq)
            raise
        await self._until_durable(self._state.seq)
        return events

    def post(self, command: Command) -> None:
        """Like `handle` without waiting, for a caller that does nothing that depends on durability. Raises the same."""
        self._decide_and_apply(command)

    async def submit(self, signal: Signal, received_at_ns: int | None = None) -> CommandAnswer:
        """Answers a signal; a known one gets its first answer. Raises CommandRefused if its id is known with other
        content, and DiskFull.
        """
        begun = self.begin(signal, received_at_ns)
        await self._until_durable(begun.durable_seq)
        return self.answer(begun)

    def begin(self, signal: Signal, received_at_ns: int | None = None) -> Begun:
        """Decides a signal now. Nobody may be told of it before `durable`. Raises as `submit` does."""
        if is_own(signal.id):
            raise CommandRefused(
                f"signal id {signal.id!r}: ids with {OWN!r} are reserved for the desk's own exits; choose another"
            )
        received = received_at_ns if received_at_ns is not None else self._clock.now_ns()
        known = self._known(signal.id)
        if known is not None:
            return Begun(signal, known, known, None)
        if DISK_FULL in self._state.holds:
            self._require_exit(signal, received)
        bounds, backlog, open_orders = self._bounds, self.backlog, len(self._state.open_orders)
        margin = EXIT_MARGIN if signal.action in EXITS else 1
        if backlog >= bounds.inbox_max * margin or open_orders >= bounds.open_orders_max * margin:
            raise EngineBusy(
                f"{backlog} entries are not durable yet (at most {bounds.inbox_max}) and {open_orders} orders are open "
                f"(at most {bounds.open_orders_max}): signal {signal.id} was not taken, send it again later"
            )
        events = self._decide_and_apply(SubmitSignal(signal, received))
        return Begun(signal, self._state.decided[signal.id], self._state.seq, events)

    async def durable(self, seq: int) -> None:
        """Waits until the entry is durable. Raises EngineStopped."""
        await self._until_durable(seq)

    async def catch_up(self, patience_s: float) -> None:
        """Waits until everything decided so far is durable, or until patience ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._until_durable(self._state.seq)

    def answer(self, begun: Begun) -> CommandAnswer:
        """The answer to a signal whose entries are durable. A known one is read from the journal. Raises
        CommandRefused if it is known with other content, or if its answer is in a segment that cannot be read.
        """
        signal, seq, durable_seq, events = begun
        assert durable_seq <= self._durable_seq, (begun, self._durable_seq)
        if events is not None:
            answers = tuple(event for event in events if isinstance(event, Answer))
            return CommandAnswer(answers, duplicate=False, seq=seq)
        try:
            answers = self._first_answer(signal.id, seq)
        except SegmentUnusable as lost:
            known = f"signal {signal.id} is known since entry {seq} and is not decided again; its answer cannot be read"
            raise CommandRefused(f"{known}: {lost}") from lost
        if not same_content(answers[0].signal, signal):
            raise CommandRefused(
                f"signal {signal.id} is known with other content; use a new signal_id for a new signal "
                f"(its first answer is entry {seq})"
            )
        return CommandAnswer(answers, duplicate=True, seq=seq)

    async def read(self, look: Callable[[State], T]) -> T:
        """A view of the state, returned once everything that it shows is durable."""
        seen, seq = look(self._state), self._state.seq
        await self._until_durable(seq)
        return seen

    async def lifts_durable(self) -> None:
        """Waits until lifted holds and changed settings are on disk; a restart could otherwise bring a hold back."""
        while self._lifted_seq > self._durable_seq:
            await self._until_durable(self._lifted_seq)

    async def run(self) -> None:
        """Makes decisions durable, batch by batch, until cancelled. Raises JournalFailed."""
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
        """Accepts no more commands, makes the last ones durable, and saves a snapshot, so the next start replays
        nothing.
        """
        seq, self._intake_closed = self._state.seq, True
        await self._until_durable(seq)
        if seq > self._snapshot_seq:
            await self._journal.save_snapshot(Snapshot(seq, await encoded(self._state)))

    def _decide_and_apply(self, command: Command) -> tuple[Event, ...]:
        if self._intake_closed or self._stopped is not None:
            raise EngineStopped(self._stopped or "the engine is stopping")
        now_ns, trust = self._clock.now_ns(), self._trust
        if trust.jump is not None or trust.ahead_ns:
            command = self._in_our_time(command)
            if trust.jump is not None and self._state.desk is not None and CLOCK not in self._state.holds:
                self._decide_at(now_ns, AddHold(Scope(), CLOCK, trust.jump.why))  # Before anything else.
        return self._decide_at(now_ns, command)

    def _in_our_time(self, command: Command) -> Command:
        """A signal's age is a matter of the sender's clock, which is right though ours may be ahead or doubted."""
        if not isinstance(command, SubmitSignal) or command.signal.at_ns is None:
            return command
        stamped_ns = self._trust.stamped_ns(command.signal.at_ns)
        return msgspec.structs.replace(command, signal=msgspec.structs.replace(command.signal, at_ns=stamped_ns))

    def _decide_at(self, now_ns: int, command: Command) -> tuple[Event, ...]:
        state, events, complete = self._state, [], False
        at_ns = max(now_ns, state.at_ns)  # The journal's time never runs backwards.
        try:
            for event in decide(state, self._index, command, at_ns):
                fact = in_brief(state, event) if isinstance(event, SignalRefused) else event
                entry = Entry(state.seq + 1, at_ns, fact)
                apply(state, entry)
                self._pending.append(entry)
                events.append(event)
                if isinstance(event, HoldLifted | DeskConfigured):
                    self._lifted_seq = entry.seq
            complete = True
        except CommandRefused:
            complete = True  # Events before the refusal (the new day) stand on their own.
            raise
        finally:
            if not complete:  # A bug. An incomplete decision must never reach the journal.
                self._stop("a decision failed half way; restart to recover the last durable state")
            elif self._pending:
                self._wake.set()
        return tuple(events)

    def _require_exit(self, signal: Signal, received_at_ns: int) -> None:
        """On a full disk only a sale that will be placed may take from the reserve; a refusal would eat it as well."""
        why = "only sales of what is held are taken"
        if signal.action in EXITS:
            self._decide_and_apply(MarkPrices(()))  # Rolls the day and ends holds, which would come before the answer.
            at_ns = max(self._clock.now_ns(), self._state.at_ns)
            submitted = self._in_our_time(SubmitSignal(signal, received_at_ns))
            first = next(decide(self._state, self._index, submitted, at_ns), None)
            if not isinstance(first, SignalRefused):
                return
            why = f"it would be refused ({first.refusals[0].code.value})"
        raise DiskFull(f"signal {signal.id} was not taken, the disk is full: {why}; {ROOM} under the same id")

    def _known(self, signal_id: SignalId) -> int | None:
        decided = self._state.decided
        if (seq := decided.get(signal_id)) is not None:
            return seq
        return self._journal.find(signal_id) if len(decided) < self._state.signals else None

    def _first_answer(self, signal_id: SignalId, seq: int) -> tuple[Answer, ...]:
        """Reads the entries of the answer, and at most one more. Only orders come in several parts."""
        answers: list[Answer] = []
        while seq <= self._durable_seq:
            event = self._journal.entry(seq).event
            if not isinstance(event, Answer) or event.signal.id != signal_id:
                break
            answers.append(whole_by(self._journal.entry, event) if isinstance(event, SignalRefused) else event)
            if not isinstance(event, OrderPlaced):
                break
            seq += 1
        return tuple(answers)

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
        forget_decisions(self._state, self._durable_seq, self._bounds.ids_kept_max)
        waiting = self._waiting
        while waiting and waiting[0][0] <= self._durable_seq:
            durable = waiting.popleft()[1]
            if not durable.done():
                durable.set_result(None)
        if self._journal.degraded and DISK_FULL not in self._state.holds and not self._intake_closed:
            self._decide_and_apply(AddHold(Scope(), DISK_FULL, self._journal.degraded))
        if self._state.seq - self._snapshot_seq >= self._bounds.snapshot_every:
            await self._save_snapshot_under_load()

    async def _save_snapshot_under_load(self) -> None:
        """The state is ahead of the journal: encode it now, commit up to it, and only then save it."""
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


def _is_optional(command: Command) -> bool:
    return isinstance(command.command if isinstance(command, Attributed) else command, OPTIONAL)


def recover(journal: Journal) -> State:
    """The state that a journal leads to: its newest snapshot, then the entries after it."""
    state = kept_state(journal, journal.snapshot())
    for entry in journal.read(after=state.seq):
        apply(state, entry)
        forget_changes(state)
    state.revalued = True
    return state

"""`POST /v1/signals` takes one signal, an array or NDJSON, and answers with the decisions once they are durable.

    read ──→ begin, in order ──→ wait until all are durable ──→ answer, in order
    └─ in the lane ────────┘                                  └─ in the lane ──┘

The work on signals is done in the lane, in slices, so that stops, exits and health probes never wait for a batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple, TypeVar

import msgspec
import structlog
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from overmind.core.books.state import State
from overmind.core.model.commands import CommandRefused
from overmind.core.model.enums import SELL_ACTIONS, SaleScope
from overmind.core.model.events import Answer
from overmind.core.model.ids import SignalId
from overmind.core.model.money import Token
from overmind.core.model.signal import Signal
from overmind.desk.engine import Begun, DiskFull, Engine, EngineBusy, EngineStopped
from overmind.desk.lane import Lane, Rank
from overmind.desk.submit import conflict, failed, invalid, not_taken
from overmind.http.access.changes import API_TOKEN_NAME
from overmind.http.access.identity import Identity, Kind, identity_of
from overmind.http.arrays import items_of
from overmind.http.bounds import BATCH_MAX, NDJSON
from overmind.http.responses import RETRY_AFTER_S, JsonResponse, error_response
from overmind.ports import Clock
from overmind.signals.decode import BadSignal, SignalRead, read_signal
from overmind.text.characters import BOM_BYTES, is_blank
from overmind.text.printable import json_bytes
from overmind.views.decisions import decision_of

DECIDED, INVALID, CONFLICT, BUSY, FAILED, STOPPED, FULL = 202, 400, 409, 429, 500, 503, 503
NDJSON_TYPES: Final = (NDJSON, "application/ndjson", "application/jsonl")
OWN_SALE: Final = "scope: a token of a source sells what that source bought, and no more"
STOPPING: Final = "the service is stopping: send it to the next one"
WAITING_BYTES_MAX: Final = 64 << 20  # of all requests that are not answered yet
LINES_AT_ONCE: Final = 256  # that may be blank
AHEAD_MAX: Final = 256  # Entries that the journal may lag behind: a stop becomes durable only after them.
AHEAD_S: Final = 0.1  # A batch waits no longer for a journal that hangs. In the end the engine refuses it.

T = TypeVar("T")

log = structlog.get_logger("intake")


class AnsweredSignal(NamedTuple):
    status: int
    json: bytes


class Written(NamedTuple):
    """The answer to a decision, which nobody is told before its entries are durable. The refusals of a batch would be
    hundreds of thousands of objects, which every collection of garbage had to look at.
    """

    durable_seq: int
    json: bytes


class Intake:
    def __init__(
        self,
        engine: Engine,
        begin: Callable[[Signal, int], Begun],
        lane: Lane,
        tokens: Mapping[str, Token],
        quote: Token,
        clock: Clock,
        ignored: Container[str] = (),
        look_before: Callable[[Signal], Awaitable[None] | None] = lambda _: None,
    ) -> None:
        """`begin` decides a signal that was received at the given time, without waiting until that is durable.

        `look_before` says what to wait for before that; None: nothing.
        """
        self._engine = engine
        self._begin = begin
        self._lane = lane
        self._tokens = tokens
        self._quote = quote
        self._clock = clock
        self._ignored = ignored
        self._look_before = look_before
        self._waiting_bytes = 0
        self._closed = False

    def close(self) -> None:
        """Refuses new signals. Those already taken are still answered."""
        self._closed = True

    async def post(self, request: Request) -> Response:
        body = (await request.body()).removeprefix(BOM_BYTES)
        if self._closed:
            return error_response(STOPPED, STOPPING)
        if self._waiting_bytes + len(body) > WAITING_BYTES_MAX:
            waits = f"{self._waiting_bytes} bytes of signals wait for their answers (at most {WAITING_BYTES_MAX})"
            return error_response(BUSY, waits, "send them again later; nothing was decided")
        self._waiting_bytes += len(body)
        try:
            content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            return await self._taken(body, content_type, self._clock.now_ns(), source_of(identity_of(request)))
        finally:
            self._waiting_bytes -= len(body)

    @property
    def state(self) -> State:
        """What the desk has decided so far, to look at."""
        return self._engine.state

    async def take(self, read: SignalRead, received_at_ns: int) -> AnsweredSignal:
        """One signal that another door has read."""
        signal = read.signal
        if self._closed:
            return _answered(STOPPED, {"signal_id": signal.id, "status": "stopping", "error": STOPPING})
        if (looking := self._look_before(signal)) is not None:
            return await self._finished(read, await self._begin_later(looking, read, received_at_ns))
        async with self._lane.held(Rank.SALE if signal.action in SELL_ACTIONS else Rank.ENTRY):
            await self._keep_up()
            begun = self._tried(signal.id, partial(self._begun, read, received_at_ns))
        return await self._finished(read, begun)

    async def _taken(self, body: bytes, content_type: str, received_at_ns: int, source: str) -> Response:
        if content_type in NDJSON_TYPES:
            return await self._batch(await self._lines(body), received_at_ns, source, _as_lines)
        if body.lstrip()[:1] == b"[":
            try:
                signals = items_of(body)
            except (msgspec.DecodeError, UnicodeError, RecursionError) as fault:
                return error_response(INVALID, f"not a JSON array of signals: {fault}", "send [{…}, …]")
            return await self._batch(signals, received_at_ns, source, _as_array)
        status, answer = await self._single(body, received_at_ns, source)
        return Response(answer, status, _headers(status), media_type=JsonResponse.media_type)

    async def _single(self, body: bytes, received_at_ns: int, source: str) -> AnsweredSignal:
        """One signal alone, with as few steps as possible. Its answer is written already when it is durable."""
        async with self._lane.held(Rank.READING) as turn:
            read = self._read(body, source)
            if isinstance(read, AnsweredSignal):
                return read
            looking = self._look_before(read.signal)
            if looking is None:
                await turn.go_on_as(Rank.SALE if read.signal.action in SELL_ACTIONS else Rank.ENTRY)
                await self._keep_up()
                begun = self._tried(read.signal.id, partial(self._begun, read, received_at_ns))
        if looking is not None:
            begun = await self._begin_later(looking, read, received_at_ns)
        return await self._finished(read, begun)

    async def _finished(self, read: SignalRead, begun: Begun | Written | AnsweredSignal) -> AnsweredSignal:
        if isinstance(begun, AnsweredSignal):
            return begun
        with suppress(EngineStopped):  # What is not durable then is told to nobody: see `_told`.
            await self._engine.durable(begun.durable_seq)
        if isinstance(begun, Written):
            return self._answer(read, begun)
        async with self._lane.held(Rank.READING):  # It is known, and the journal has its answer.
            return self._answer(read, begun)

    async def _keep_up(self) -> None:
        if self._engine.backlog > AHEAD_MAX:
            await self._engine.catch_up(AHEAD_S)

    async def _lines(self, body: bytes) -> list[bytes]:
        """Without blank ones, of which a body may have a million."""
        lines, kept = body.split(b"\n"), list[bytes]()
        async with self._lane.held(Rank.READING) as turn:
            for start in range(0, len(lines), LINES_AT_ONCE):
                await turn.pause()
                kept += (line for line in lines[start : start + LINES_AT_ONCE] if not is_blank(line))
        return kept

    async def _batch(
        self,
        signals: Sequence[bytes | msgspec.Raw],
        received_at_ns: int,
        source: str,
        shown: Callable[[Sequence[AnsweredSignal], int], Response],
    ) -> Response:
        """Decides in this order and makes all durable together. A bad signal does not stop the others."""
        if not 1 <= len(signals) <= BATCH_MAX:
            fix = f"send 1 to {BATCH_MAX} signals in a request"
            return error_response(413 if signals else INVALID, f"{len(signals)} signals", fix)
        answered = await self._answers(signals, received_at_ns, source)
        found = {status for status, _ in answered}
        first = next((status for status in (DECIDED, STOPPED, FAILED, BUSY) if status in found), INVALID)
        return shown(answered, first)

    async def _answers(
        self, signals: Sequence[bytes | msgspec.Raw], received_at_ns: int, source: str
    ) -> list[AnsweredSignal]:
        """A request of sales alone goes before every entry. Of another one the order stands, its sales included."""
        async with self._lane.held(Rank.READING) as turn:
            read: list[SignalRead | AnsweredSignal] = []
            for raw in signals:
                await turn.pause()
                read.append(self._read(bytes(raw), source))
        only_sales = all(one.signal.action in SELL_ACTIONS for one in read if isinstance(one, SignalRead))
        rank = Rank.SALE if only_sales else Rank.ENTRY
        begun = await self._begin_all(read, received_at_ns, rank)
        durable_seq = max((one.durable_seq for one in begun if not isinstance(one, AnsweredSignal)), default=0)
        with suppress(EngineStopped):  # What is not durable then is told to nobody: see `_told`.
            await self._engine.durable(durable_seq)
        async with self._lane.held(min(rank, Rank.READING)) as turn:  # Not behind the entries of other batches.
            answered = []
            for one, decided in zip(read, begun, strict=True):
                if isinstance(decided, Begun):  # The journal has its answer; the others are written already.
                    await turn.pause()
                answered.append(self._answer(one, decided))
        return answered

    async def _begin_all(
        self, read: Sequence[SignalRead | AnsweredSignal], received_at_ns: int, rank: Rank
    ) -> list[Begun | Written | AnsweredSignal]:
        """Decides in order. Stops, exits and marks may come between two signals, but no other batch of this rank.

        A signal that needs a look at its mint is decided after the look, for which the others do not wait.
        """
        begun: list[Begun | Written | AnsweredSignal | asyncio.Task[Begun | Written | AnsweredSignal]] = []
        async with asyncio.TaskGroup() as looks, self._lane.held(rank) as turn:
            for one in read:
                await turn.pause()
                await self._keep_up()
                if isinstance(one, AnsweredSignal):
                    begun.append(one)
                elif (looking := self._look_before(one.signal)) is not None:
                    begun.append(looks.create_task(self._begin_later(looking, one, received_at_ns)))
                else:
                    begun.append(self._tried(one.signal.id, partial(self._begun, one, received_at_ns)))
        return [one.result() if isinstance(one, asyncio.Task) else one for one in begun]

    async def _begin_later(
        self, looking: Awaitable[None], read: SignalRead, received_at_ns: int
    ) -> Begun | Written | AnsweredSignal:
        (looked,) = await asyncio.gather(looking, return_exceptions=True)

        def begin() -> Begun | Written:
            if looked is not None:
                raise looked
            return self._begun(read, received_at_ns)

        async with self._lane.held(Rank.ENTRY):
            return self._tried(read.signal.id, begin)

    def _begun(self, read: SignalRead, received_at_ns: int) -> Begun | Written:
        begun = self._begin(read.signal, received_at_ns)
        if begun.events is None:
            return begun
        decision = decision_of(tuple(event for event in begun.events if isinstance(event, Answer)))
        return Written(begun.durable_seq, json_bytes(decision.to_json(read.notes)))

    def _read(self, raw: bytes, source: str) -> SignalRead | AnsweredSignal:
        try:
            read = read_signal(raw, self._tokens, self._quote, self._ignored, self._engine.state.wallets)
        except BadSignal as bad:
            return _answered(INVALID, invalid(bad))
        return sent_by(source, read) if source else read

    def _answer(self, read: SignalRead | AnsweredSignal, begun: Begun | Written | AnsweredSignal) -> AnsweredSignal:
        if isinstance(begun, AnsweredSignal):
            return begun
        assert isinstance(read, SignalRead), read  # Whatever could not be read was not begun.
        return self._tried(read.signal.id, partial(self._told, begun, read.notes))

    def _told(self, begun: Begun | Written, notes: Sequence[str]) -> AnsweredSignal:
        if begun.durable_seq > self._engine.durable_seq:
            raise EngineStopped(STOPPING)
        if isinstance(begun, Written):
            return AnsweredSignal(DECIDED, begun.json)
        first = self._engine.answer(begun)
        return _answered(DECIDED, decision_of(first.events, first.duplicate).to_json(notes))

    def _tried(self, signal_id: SignalId, step: Callable[[], T]) -> T | AnsweredSignal:
        """The result of a step of one signal, or the answer to a signal for which it failed."""
        try:
            return step()
        except CommandRefused as refused:
            return _answered(CONFLICT, conflict(signal_id, refused))
        except DiskFull as full:
            return _answered(FULL, not_taken(signal_id, full))
        except EngineBusy as busy:
            return _answered(BUSY, {"signal_id": signal_id, "status": "busy", "error": str(busy)})
        except EngineStopped:
            return _answered(STOPPED, {"signal_id": signal_id, "status": "stopping", "error": STOPPING})
        except Exception as fault:
            log.exception("a signal could not be decided", signal_id=signal_id)
            return _answered(FAILED, failed(signal_id, fault))


def sent_by(source: str, read: SignalRead) -> SignalRead:
    """The signal as this source's. What a token of a source sells is what that source bought, whatever it asks for."""
    signal, notes = replace(read.signal, source=source), read.notes
    if ":" in source or signal.action not in SELL_ACTIONS or signal.scope is SaleScope.SOURCE:
        return SignalRead(signal, notes)
    return SignalRead(replace(signal, scope=SaleScope.SOURCE), (*notes, OWN_SALE))


def source_of(identity: Identity) -> str:
    """Who sent the signal, as the journal names it. Blank for the desk's own token, which the command line has too."""
    if identity.source:
        return identity.source
    if identity.kind is Kind.USER:
        return f"user:{identity.name}"
    return "" if identity.name == API_TOKEN_NAME else identity.by


def _answered(status: int, answer: Mapping[str, object]) -> AnsweredSignal:
    """Written at once: the JSON of a whole batch would take too long in one step."""
    return AnsweredSignal(status, json_bytes(answer))


def _as_array(answered: Sequence[AnsweredSignal], status: int) -> Response:
    array = b"[%b]" % b",".join(one.json for one in answered)
    return Response(array, status, _headers(status), media_type=JsonResponse.media_type)


def _as_lines(answered: Sequence[AnsweredSignal], status: int) -> Response:
    lines = b"".join(one.json + b"\n" for one in answered)
    return Response(lines, status, _headers(status), media_type=NDJSON)


def _headers(status: int) -> dict[str, str] | None:
    return {"retry-after": str(RETRY_AFTER_S)} if status in (BUSY, STOPPED) else None

"""Reads signals as JSON Lines and answers each, in order, as soon as its decision is durable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, BinaryIO, Final, TypedDict

import structlog

from overmind.core.model.commands import CommandRefused
from overmind.core.model.ids import OrderId, SignalId
from overmind.core.model.money import Token
from overmind.desk.app import App
from overmind.desk.engine import DiskFull, EngineBusy, EngineStopped
from overmind.desk.lane import Lane, Rank
from overmind.signals.decode import BadSignal, read_signal
from overmind.text.characters import is_blank
from overmind.views.decisions import DecisionStatus

IN_FLIGHT_MAX: Final = 1024  # lines read ahead of the answers
LINE_BYTES_MAX: Final = 65_536
BUSY_RETRY_S: Final = 0.05
FAILED: Final = "failed"
STOPPING: Final = "stopping"
NOT_TAKEN: Final = "not_taken"  # no decision: the signal may be sent again under its id

log = structlog.get_logger("intake")


class ProblemRow(TypedDict):
    """What is wrong with one field."""

    field: str
    problem: str
    fix: str


class InvalidRow(TypedDict):
    """The answer to what is no signal, with all its problems."""

    signal_id: SignalId | None  # null: it could not be read
    status: str  # invalid
    problems: list[ProblemRow]


class FailedRow(TypedDict):
    """The answer to a signal that was not decided."""

    signal_id: SignalId
    status: str  # failed, busy or stopping
    error: str


class NotTakenRow(TypedDict):
    """The answer to a signal that was not decided because of its code, such as DISK_FULL."""

    signal_id: SignalId
    status: str  # not_taken
    code: str
    error: str


class NobodyListens(Exception):
    """The reader of the answers is gone. Decisions stand; sending the signals again repeats the answers."""


class Answers:
    """Counts the answers so far, and the orders that they placed."""

    def __init__(self) -> None:
        self.invalid = 0
        self.refused = 0
        self.not_taken = 0
        self.orders: list[OrderId] = []

    def add(self, answer: Mapping[str, Any]) -> None:
        self.invalid += answer["status"] == "invalid"
        self.refused += answer["status"] in (DecisionStatus.REFUSED, FAILED)
        self.not_taken += answer["status"] == NOT_TAKEN
        if answer["status"] == DecisionStatus.PLACED:
            self.orders += [one["order_id"] for one in answer["orders"]]


async def read_lines(source: BinaryIO, stop: asyncio.Event) -> AsyncIterator[bytes]:
    """Lines as they arrive, until the source ends or `stop` is set. A line that is too long is cut.

    A thread of its own reads: it may hang on a silent pipe for ever, and nobody waits for it to end.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue(IN_FLIGHT_MAX)

    def read() -> None:
        with source:  # The thread alone knows when nobody reads from it any more.
            while line := _line(source):
                asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
        asyncio.run_coroutine_threadsafe(lines.put(b""), loop).result()

    threading.Thread(target=read, name="signals", daemon=True).start()
    stopped = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            next_line = asyncio.create_task(lines.get())
            await asyncio.wait((next_line, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not next_line.done():
                next_line.cancel()
                return
            if not next_line.result():
                return
            yield next_line.result()
    finally:
        stopped.cancel()


def _line(source: BinaryIO) -> bytes:
    line = rest = source.readline(LINE_BYTES_MAX + 1)
    while len(rest) > LINE_BYTES_MAX and not rest.endswith(b"\n"):
        rest = source.readline(LINE_BYTES_MAX + 1)
    return line


async def answer_lines(
    app: App,
    lines: AsyncIterator[bytes],
    tokens: Mapping[str, Token],
    tell: Callable[[Mapping[str, object]], Awaitable[None]],
) -> Answers:
    """Submit each line and tell its answer. Decisions are made in the order of the lines; a batch shares one sync.

    A reader that does not read the answers holds up further lines, and nothing else.

    Raises NobodyListens.
    """
    answers, lane = Answers(), Lane()
    queue: asyncio.Queue[asyncio.Task[Mapping[str, object]] | None] = asyncio.Queue(IN_FLIGHT_MAX)

    async def tell_in_order() -> None:
        while (answered := await queue.get()) is not None:
            answer = await answered
            answers.add(answer)
            try:
                await tell(answer)
            except BrokenPipeError:
                raise NobodyListens("the reader of the answers is gone; decisions stand in the journal") from None
            if answer["status"] == STOPPING:  # Only now: every decision before it has been told.
                raise EngineStopped(str(answer["error"]))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tell_in_order())
        async for line in lines:
            if not is_blank(line):
                received_at_ns = app.clock.now_ns()
                await queue.put(tasks.create_task(_answer(app, lane, line, tokens, received_at_ns)))
        await queue.put(None)
    return answers


async def _answer(
    app: App, lane: Lane, line: bytes, tokens: Mapping[str, Token], received_at_ns: int
) -> Mapping[str, object]:
    try:
        known = app.engine.state.wallets
        signal, notes = read_signal(line, tokens, app.desk.quote, app.config.signal_fields_ignored, known)
    except BadSignal as bad:
        return invalid(bad)
    while True:
        try:
            if (looking := app.look_before(signal)) is not None:
                await looking
            async with lane.held(Rank.ENTRY):  # Lines keep their order, sales included.
                begun = app.begin(signal, received_at_ns)
            return (await app.told(begun)).to_json(notes)
        except CommandRefused as refused:
            return conflict(signal.id, refused)
        except DiskFull as full:
            return not_taken(signal.id, full)
        except EngineBusy:  # The engine refuses a signal that has become stale meanwhile.
            await app.clock.sleep(BUSY_RETRY_S)
        except EngineStopped as stopped:
            return {"signal_id": signal.id, "status": STOPPING, "error": str(stopped)}
        except Exception as fault:
            log.exception("a signal could not be decided", signal_id=signal.id)
            return failed(signal.id, fault)


def invalid(bad: BadSignal) -> InvalidRow:
    """The answer to a line that is not a signal."""
    problems: list[ProblemRow] = [{"field": one.field, "problem": one.problem, "fix": one.fix} for one in bad.problems]
    return {"signal_id": bad.signal_id, "status": "invalid", "problems": problems}


def failed(signal_id: SignalId, fault: Exception) -> FailedRow:
    """The answer to a signal on which the desk itself failed. The other signals of its batch are answered as ever."""
    error = f"a mistake in the desk: {type(fault).__name__}; look for the signal in the journal before you repeat it"
    return {"signal_id": signal_id, "status": FAILED, "error": error}


def conflict(signal_id: SignalId, refused: CommandRefused) -> InvalidRow:
    """The answer to a known id with other content."""
    problem: ProblemRow = {"field": "signal_id", "problem": str(refused), "fix": "use a new signal_id for a new signal"}
    return {"signal_id": signal_id, "status": "invalid", "problems": [problem]}


def not_taken(signal_id: SignalId, full: DiskFull) -> NotTakenRow:
    """The answer to a signal that was not decided because the disk is full."""
    return {"signal_id": signal_id, "status": NOT_TAKEN, "code": full.code, "error": str(full)}

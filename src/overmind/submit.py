"""Signals in as JSON Lines, one answer line out for each as soon as it is durable, in the order of the input."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import BinaryIO, Final

from overmind.app import App
from overmind.core.messages import CommandRefused
from overmind.core.model import Token
from overmind.decisions import DecisionStatus
from overmind.engine import EngineBusy
from overmind.signals import BadSignal, decode_signal

IN_FLIGHT_MAX: Final = 1024  # lines read ahead of the answers
LINE_BYTES_MAX: Final = 65_536


class Answers:
    """What was answered so far, for the exit code."""

    def __init__(self) -> None:
        self.invalid = 0
        self.refused = 0


async def read_lines(source: BinaryIO) -> AsyncIterator[bytes]:
    """Lines as they arrive; a line that is too long comes cut, so that it is answered and not kept."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, source.readline, LINE_BYTES_MAX + 1):
        whole = line
        while len(whole) > LINE_BYTES_MAX and not whole.endswith(b"\n"):
            whole = await loop.run_in_executor(None, source.readline, LINE_BYTES_MAX + 1)
            if not whole:
                break
        yield line


async def answer_lines(
    app: App,
    lines: AsyncIterator[bytes],
    tokens: Mapping[str, Token],
    tell: Callable[[Mapping[str, object]], None],
) -> Answers:
    """Submit each line and tell its answer. Decisions are made in the order of the lines; a batch shares one sync."""
    answers = Answers()
    queue: asyncio.Queue[asyncio.Task[Mapping[str, object]] | None] = asyncio.Queue(IN_FLIGHT_MAX)

    async def tell_in_order() -> None:
        while (answered := await queue.get()) is not None:
            answer = await answered
            answers.invalid += answer["status"] == "invalid"
            answers.refused += answer["status"] == DecisionStatus.REFUSED
            tell(answer)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tell_in_order())
        async for line in lines:
            if line.strip():
                received_at_ns = app.clock.now_ns()
                await queue.put(tasks.create_task(_answer(app, line, tokens, received_at_ns)))
        await queue.put(None)
    return answers


async def _answer(app: App, line: bytes, tokens: Mapping[str, Token], received_at_ns: int) -> Mapping[str, object]:
    try:
        signal = decode_signal(line, tokens, app.desk.quote)
    except BadSignal as bad:
        problems = [{"field": one.field, "problem": one.problem, "fix": one.fix} for one in bad.problems]
        return {"signal_id": bad.signal_id, "status": "invalid", "problems": problems}
    try:
        return (await app.submit(signal, received_at_ns)).to_json()
    except CommandRefused as refused:
        problem = {"field": "signal_id", "problem": str(refused), "fix": "use a new signal_id for a new wish"}
        return {"signal_id": signal.id, "status": "invalid", "problems": [problem]}
    except EngineBusy as busy:
        return {"signal_id": signal.id, "status": "busy", "problems": [{"problem": str(busy)}]}

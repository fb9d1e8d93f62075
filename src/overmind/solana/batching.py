"""Batches requests of one kind: those that arrive while a batch is under way form the next batch.

Slow nodes or a scarce rate limit lead to few, large batches. Otherwise a request is sent at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

from overmind.ports import ChainSilent, Clock

PATIENCE_S: Final = 1.0  # A batch that hangs delays the next one by no more than this.

T = TypeVar("T")
Waiters: TypeAlias = dict[str, list[asyncio.Future[T | ChainSilent]]]


class Batcher(Generic[T]):
    """`ask` maps a list of keys to an answer or a ChainSilent each. Cancelling one caller does not cancel others.

    If `ask` raises, every caller of that batch gets the exception.
    """

    def __init__(
        self,
        clock: Clock,
        window_s: float,
        together_max: int,
        ask: Callable[[Sequence[str]], Coroutine[object, object, Sequence[T | ChainSilent]]],
    ) -> None:
        self._clock = clock
        self._window_s = window_s
        self._together_max = together_max
        self._ask = ask
        self._gathered: Waiters[T] = {}
        self._asking: asyncio.Task[None] | None = None
        self._rounds: set[asyncio.Task[None]] = set()

    async def get(self, key: str) -> T:
        waiter: asyncio.Future[T | ChainSilent] = asyncio.get_running_loop().create_future()
        self._gathered.setdefault(key, []).append(waiter)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_in_turn())
            self._asking.add_done_callback(self._end_asking)
        answer = await waiter
        if isinstance(answer, ChainSilent):
            raise ChainSilent(str(answer))
        return answer

    async def close(self) -> None:
        running: list[asyncio.Task[None]] = [*self._rounds, *([] if self._asking is None else [self._asking])]
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _ask_in_turn(self) -> None:
        await self._clock.sleep(self._window_s)
        while self._gathered:
            keys = list(self._gathered)[: self._together_max]
            round_ = self._begin({key: self._gathered.pop(key) for key in keys})
            await asyncio.wait({round_}, timeout=PATIENCE_S)

    def _begin(self, gathered: Waiters[T]) -> asyncio.Task[None]:
        round_ = asyncio.create_task(self._round(gathered))
        self._rounds.add(round_)
        round_.add_done_callback(lambda done: self._end_round(done, gathered))
        return round_

    async def _round(self, gathered: Waiters[T]) -> None:
        keys = list(gathered)
        answers: Sequence[T | ChainSilent]
        try:
            answers = await self._ask(keys)
        except ChainSilent as silent:
            answers = [silent] * len(keys)
        for key, answer in zip(keys, answers, strict=True):
            for waiter in gathered[key]:
                if not waiter.done():
                    waiter.set_result(answer)

    def _end_round(self, done: asyncio.Task[None], gathered: Waiters[T]) -> None:
        self._rounds.discard(done)
        _fail(gathered, done)

    def _end_asking(self, done: asyncio.Task[None]) -> None:
        if self._asking is done:
            _fail(self._gathered, done)
            self._asking = None


def _fail(waiting: Waiters[T], done: asyncio.Task[None]) -> None:
    """Passes a failure or cancellation of the batch to all that still wait for it."""
    failure = ChainSilent("closed while asking") if done.cancelled() else done.exception()
    if failure is None:
        return
    for waiters in waiting.values():
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(failure)
    waiting.clear()

"""Questions of the same kind are asked together: all that come while the last ones are being answered.

So there are few when the nodes are slow or our turns are scarce, and nobody waits when they are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

from overmind.ports import ChainSilent, Clock

PATIENCE_S: Final = 1.0  # A request that hangs does not hold up the next ones for longer.

T = TypeVar("T")
Waiters: TypeAlias = dict[str, list[asyncio.Future[T | ChainSilent]]]


class Batcher(Generic[T]):
    """`ask` answers a list of keys, each with its answer or its own silence. One caller's end does not end another's.

    Raises ChainSilent to all of them when `ask` does, and whatever else it raises: nobody is left waiting.
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
    """Those who still wait when it failed, or was cancelled, hear of it."""
    failure = ChainSilent("closed while asking") if done.cancelled() else done.exception()
    if failure is None:
        return
    for waiters in waiting.values():
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(failure)
    waiting.clear()

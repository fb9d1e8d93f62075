"""Questions of the same kind that come within a few milliseconds are asked together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Generic, TypeVar

from overmind.ports import ChainSilent, Clock

T = TypeVar("T")


class Gathering(Generic[T]):
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
        self._gathered: dict[str, list[asyncio.Future[T | ChainSilent]]] = {}
        self._rounds: set[asyncio.Task[None]] = set()

    async def get(self, key: str) -> T:
        if not self._gathered or len(self._gathered) >= self._together_max:
            self._gathered = {}
            self._begin(self._gathered)
        waiter: asyncio.Future[T | ChainSilent] = asyncio.get_running_loop().create_future()
        self._gathered.setdefault(key, []).append(waiter)
        answer = await waiter
        if isinstance(answer, ChainSilent):
            raise ChainSilent(str(answer))
        return answer

    async def close(self) -> None:
        rounds = list(self._rounds)
        for one in rounds:
            one.cancel()
        await asyncio.gather(*rounds, return_exceptions=True)

    def _begin(self, gathered: dict[str, list[asyncio.Future[T | ChainSilent]]]) -> None:
        round_ = asyncio.create_task(self._round(gathered))
        self._rounds.add(round_)
        round_.add_done_callback(lambda done: self._end(done, gathered))

    async def _round(self, gathered: dict[str, list[asyncio.Future[T | ChainSilent]]]) -> None:
        await self._clock.sleep(self._window_s)
        if self._gathered is gathered:
            self._gathered = {}
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

    def _end(self, done: asyncio.Task[None], gathered: dict[str, list[asyncio.Future[T | ChainSilent]]]) -> None:
        self._rounds.discard(done)
        failure = ChainSilent("closed while asking") if done.cancelled() else done.exception()
        for waiters in gathered.values():
            for waiter in waiters:
                if failure is not None and not waiter.done():
                    waiter.set_exception(failure)
        if self._gathered is gathered:
            self._gathered = {}

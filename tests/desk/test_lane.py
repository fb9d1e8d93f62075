"""The lane of the signals in virtual time: each unit of work costs a millisecond of processor time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from overmind.clock.virtual import run_virtual
from overmind.desk.lane import REST_S, Lane, Rank

MS = 1_000_000
SLICE = 4  # units of work


class Work:
    """What is done in the lane, in order. `|` is a turn of the loop."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.used_ns = 0
        self.lane = Lane(lambda: self.used_ns, SLICE * MS, lambda: self.used_ns)

    @property
    def turns(self) -> list[str]:
        """What was done in each turn of the loop."""
        return [turn for turn in "".join(self.done).split("|") if turn]

    async def batch(self, name: str, units: int, rank: Rank = Rank.ENTRY) -> None:
        async with self.lane.held(rank) as turn:
            for _ in range(units):
                await turn.pause()
                self.used_ns += MS
                self.done.append(name)

    async def watch(self) -> None:
        while True:
            self.done.append("|")
            await asyncio.sleep(0)


def played(play: Callable[[Work], Awaitable[None]]) -> Work:
    async def run() -> Work:
        work = Work()
        watching = asyncio.create_task(work.watch())
        await play(work)
        watching.cancel()
        return work

    return run_virtual(run())


def test_a_batch_works_in_slices_and_the_loop_turns_between_them() -> None:
    work = played(lambda work: work.batch("a", 10))
    assert work.turns == ["aaaa", "aaaa", "aa"]


def test_processor_time_is_only_read_when_a_slice_may_be_over() -> None:
    """No thread uses more than the time that passes, and to read what it used takes a system call."""
    passed_ns, reads = 0, 0

    def used() -> int:
        nonlocal reads
        reads += 1
        return passed_ns // 2

    async def play() -> list[int]:
        nonlocal passed_ns
        found = list[int]()
        lane = Lane(used, SLICE * MS, lambda: passed_ns)
        async with lane.held(Rank.ENTRY) as turn:
            for _ in range(SLICE + 2):
                await turn.pause()
                passed_ns += MS
                found.append(reads)
        return found

    assert run_virtual(play()) == [1] * SLICE + [2, 3]


def test_all_who_wait_share_one_slice_a_turn() -> None:
    async def play(work: Work) -> None:
        await asyncio.gather(*(work.batch(name, 1) for name in "abcdefgh"))

    turns = played(play).turns
    assert "".join(turns) == "abcdefgh"
    assert max(map(len, turns)) <= SLICE


def test_a_batch_is_finished_before_the_next_one_of_its_rank() -> None:
    async def play(work: Work) -> None:
        await asyncio.gather(work.batch("a", 9), work.batch("b", 9), work.batch("c", 2))

    assert "".join(played(play).turns) == "a" * 9 + "b" * 9 + "cc"


def test_a_sale_goes_before_entries_and_before_their_reading() -> None:
    async def play(work: Work) -> None:
        async def sale() -> None:
            await asyncio.sleep(0)
            await work.batch("s", 2, Rank.SALE)

        batches = (work.batch("a", 9), work.batch("b", 9), work.batch("r", 9, Rank.READING))
        await asyncio.gather(*batches, sale())

    assert "".join(played(play).turns) == "aaaa" + "ss" + "r" * 9 + "a" * 5 + "b" * 9


def test_the_lane_rests_while_something_is_urgent() -> None:
    async def play(work: Work) -> None:
        async def stop() -> None:
            await asyncio.sleep(0)
            with work.lane.urgent():
                for _ in range(30):
                    await asyncio.sleep(0)
                work.done.append("S")

        await asyncio.gather(work.batch("a", 9), stop())

    assert "".join(played(play).turns) == "aaaaa" + "S" + "aaaa", "one signal was begun"


def test_what_is_urgent_for_long_does_not_shut_the_lane() -> None:
    async def run() -> tuple[float, Work]:
        work, loop = Work(), asyncio.get_running_loop()
        with work.lane.urgent():
            began = loop.time()
            async with asyncio.timeout(100 * REST_S):
                await asyncio.gather(work.batch("a", 2 * SLICE), work.batch("b", SLICE))
            return loop.time() - began, work

    took_s, work = run_virtual(run())
    assert "".join(work.done) == "a" * 2 * SLICE + "b" * SLICE
    assert abs(took_s - 3 * REST_S) < 1e-9, "one slice after each rest"


def test_a_cancelled_batch_gives_the_lane_back_wherever_it_was() -> None:
    for turns in range(8):

        async def play(work: Work, turns: int = turns) -> None:
            first = asyncio.create_task(work.batch("a", 12))
            second, third = (asyncio.create_task(work.batch(name, 6)) for name in "bc")
            for _ in range(turns):
                await asyncio.sleep(0)
            first.cancel()
            second.cancel()
            await third
            with suppress(asyncio.CancelledError):
                await first
            with suppress(asyncio.CancelledError):
                await second
            await work.batch("d", 1)

        turns_done = played(play).turns
        assert "".join(turns_done).endswith("cccccc" + "d")
        assert max(map(len, turns_done)) <= SLICE

"""The stream of ticks: at most two a second, at least one, whatever the desk does."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import msgspec
from bench.desks import START_NS, bench_desk, bench_wallets, opening

from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.model.commands import AddHold, LiftHold
from overmind.core.model.controls import Scope
from overmind.desk.engine import Engine
from overmind.http.pages.ticks import Ticks
from overmind.journal.memory import MemoryJournal

SECONDS = 10


async def ticks_while(busy: bool) -> tuple[list[float], list[int]]:
    """When ticks came within some seconds, and the entries that they named."""
    clock = VirtualClock(START_NS)
    engine = Engine(MemoryJournal(), clock)
    writing = asyncio.ensure_future(engine.run())
    for command in opening(bench_desk(3), bench_wallets(2)):
        await engine.handle(command)
    ticks, loop = Ticks(engine, clock), asyncio.get_running_loop()
    times, named = list[float](), list[int]()
    working = asyncio.ensure_future(work(engine)) if busy else None
    loop.call_later(SECONDS, ticks.close)
    async for text in ticks.ticks():
        if text.startswith(b"data: "):
            times.append(loop.time())
            named.append(msgspec.json.decode(text[6:])["seq"])
    assert loop.time() <= SECONDS + 0.01
    for task in (working, writing):
        if task is not None:
            task.cancel()
    return times, named


async def work(engine: Engine) -> None:
    while True:
        await engine.handle(AddHold(Scope(), "operator", "x"))
        await engine.handle(LiftHold(Scope(), "operator", "x"))
        await asyncio.sleep(0.05)


def test_a_desk_at_rest_tells_each_second_that_it_is_alive() -> None:
    times, named = run_virtual(ticks_while(busy=False))
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) <= 1.01
    assert min(gaps) >= 0.99
    assert len(set(named)) == 1


def test_a_busy_desk_tells_twice_a_second() -> None:
    times, named = run_virtual(ticks_while(busy=True))
    assert 2 * SECONDS - 1 <= len(times) <= 2 * SECONDS + 1
    assert named == sorted(set(named))


def test_all_streams_tick_at_the_same_moments() -> None:
    """So that pages ask together and share what is rendered."""

    async def play() -> None:
        clock = VirtualClock(START_NS)
        ticks, loop = Ticks(Engine(MemoryJournal(), clock), clock), asyncio.get_running_loop()
        times: list[set[float]] = []

        async def follow() -> None:
            mine = set[float]()
            times.append(mine)
            async for text in ticks.ticks():
                if text.startswith(b"data: "):
                    mine.add(round(loop.time(), 3))

        followers = []
        for _ in range(3):
            followers.append(asyncio.ensure_future(follow()))
            await asyncio.sleep(0.17)
        loop.call_later(SECONDS, ticks.close)
        await asyncio.gather(*followers)
        assert len(set.intersection(*times)) >= SECONDS / 2 - 1

    run_virtual(play())

"""Cases inside the service: a full engine, a failed engine, a reader that lags."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from bench.desks import START_NS, bench_desk, bench_wallets, opening
from starlette.requests import Request
from starlette.responses import Response
from tests.support.core_desk import CoreDesk
from tests.support.stepping_clock import SteppingClock

from overmind.core.control.holds import DISK_FULL
from overmind.core.model.commands import AddHold, LiftHold, MarkPrices
from overmind.core.model.controls import Scope
from overmind.core.model.events import Entry
from overmind.core.model.ids import SOL
from overmind.core.model.money import Mark
from overmind.core.model.signal import Signal
from overmind.core.model.units import NS
from overmind.desk.engine import Begun, Bounds, Engine, EngineStopped
from overmind.desk.lane import Lane
from overmind.http.access.changes import API_TOKEN_NAME
from overmind.http.access.identity import IDENTITY, Identity, Kind
from overmind.http.archive import Archive
from overmind.http.endpoints import Role
from overmind.http.health import price_faults
from overmind.http.intake import Intake
from overmind.http.stream import Streams
from overmind.journal.memory import MemoryJournal
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Journal, JournalFailed
from overmind.signals.decode import token_index

WISH = {"strategy_type": "Arbitrage", "action": "Hold", "mint": SOL}


class GatedJournal(MemoryJournal):
    """Writes when the test allows it, unless it is broken."""

    def __init__(self) -> None:
        super().__init__()
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.broken = False

    async def append(self, entries: Sequence[Entry]) -> None:
        await self.may_write.wait()
        if self.broken:
            raise JournalFailed("the disk is gone")
        await super().append(entries)


def intake_of(
    engine: Engine,
    begin: Callable[[Signal, int], Begun],
    look_before: Callable[[Signal], Awaitable[None] | None] = lambda _: None,
) -> Intake:
    settings = engine.state.settings
    tokens = token_index(settings.tokens.values())
    clock = SteppingClock(START_NS)
    return Intake(engine, begin, Lane(), tokens, settings.quote, clock, look_before=look_before)


@asynccontextmanager
async def desk(journal: Journal, bounds: Bounds) -> AsyncIterator[tuple[Engine, Intake]]:
    clock = SteppingClock(START_NS)
    engine = Engine(journal, clock, bounds)
    writing = asyncio.create_task(engine.run())
    for command in opening(bench_desk(3), bench_wallets(2)):
        await engine.handle(command)

    yield engine, intake_of(engine, engine.begin)
    writing.cancel()
    with suppress(asyncio.CancelledError, JournalFailed, EngineStopped):
        await writing


async def post(intake: Intake, body: object) -> tuple[Response, Any]:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": json.dumps(body).encode()}

    sender = {IDENTITY: Identity(API_TOKEN_NAME, Role.ADMIN, Kind.TOKEN)}
    scope = {"type": "http", "method": "POST", "headers": [], "state": sender}
    answer = await intake.post(Request(scope, receive))
    return answer, json.loads(bytes(answer.body))


def test_a_full_queue_answers_with_retry_after() -> None:
    async def play() -> None:
        journal = GatedJournal()
        async with desk(journal, Bounds(inbox_max=2)) as (_, intake):
            journal.may_write.clear()
            waiting = [asyncio.create_task(post(intake, {**WISH, "signal_id": f"s{n}"})) for n in range(2)]
            await asyncio.sleep(0)
            full, said = await post(intake, {**WISH, "signal_id": "late"})
            assert (full.status_code, full.headers["retry-after"], said["status"]) == (429, "1", "busy")
            batch = asyncio.create_task(post(intake, [{}, {**WISH, "signal_id": "late"}]))
            answer, (bad, busy) = await batch
            assert (answer.status_code, bad["status"], busy["status"]) == (429, "invalid", "busy")
            assert not any(one.done() for one in waiting), "nothing is answered before it is durable"
            journal.may_write.set()
            assert [(await one)[0].status_code for one in waiting] == [202, 202]
            assert (await post(intake, {**WISH, "signal_id": "late"}))[1]["status"] == "recorded"

    asyncio.run(play())


def test_a_signal_that_is_not_durable_is_not_accepted() -> None:
    async def play() -> None:
        journal = GatedJournal()
        async with desk(journal, Bounds()) as (_, intake):
            journal.broken = True
            failed, said = await post(intake, {**WISH, "signal_id": "lost"})
            assert (failed.status_code, said["status"]) == (503, "stopping")
            assert (await post(intake, [{**WISH, "signal_id": "lost"}]))[0].status_code == 503

    asyncio.run(play())


def test_a_failure_of_the_desk_is_the_answer_of_its_signal_alone() -> None:
    async def play() -> None:
        async with desk(MemoryJournal(), Bounds()) as (engine, _):

            def begin(signal: Signal, received_at_ns: int) -> Begun:
                if signal.id == "bad":
                    raise ZeroDivisionError(signal.id)
                return engine.begin(signal, received_at_ns)

            intake = intake_of(engine, begin)
            answer, told = await post(intake, [{**WISH, "signal_id": name} for name in ("one", "bad", "two")])
            assert answer.status_code == 202
            assert [one["status"] for one in told] == ["recorded", "failed", "recorded"]
            assert "ZeroDivisionError" in told[1]["error"]
            answer, told = await post(intake, {**WISH, "signal_id": "bad"})
            assert (answer.status_code, told["status"]) == (500, "failed")

    asyncio.run(play())


def test_a_look_at_a_mint_delays_its_own_signal_and_no_other() -> None:
    async def play() -> None:
        async with desk(MemoryJournal(), Bounds()) as (engine, _):
            seen = asyncio.Event()

            async def look(name: str) -> None:
                await seen.wait()
                if name == "bad":
                    raise ZeroDivisionError(name)

            def look_before(signal: Signal) -> Awaitable[None] | None:
                return look(signal.id) if signal.id in ("slow", "bad") else None

            intake = intake_of(engine, engine.begin, look_before)
            names = ("slow", "one", "bad", "two")
            batch = asyncio.create_task(post(intake, [{**WISH, "signal_id": name} for name in names]))
            other, told = await post(intake, {**WISH, "signal_id": "other"})
            assert (other.status_code, told["status"]) == (202, "recorded")
            for _ in range(30):
                await asyncio.sleep(0)
            assert {"one", "two"} <= engine.state.decided.keys()
            assert not {"slow", "bad"} & engine.state.decided.keys()
            seen.set()
            _, answers = await batch
            assert [one["signal_id"] for one in answers] == list(names)  # Told in the order of the request.
            assert [one["status"] for one in answers] == ["recorded", "recorded", "failed", "recorded"]
            assert [*engine.state.decided][-1] == "slow"

    asyncio.run(play())


def test_a_full_disk_takes_no_signal_and_decides_none() -> None:
    async def play() -> None:
        async with desk(MemoryJournal(), Bounds()) as (engine, intake):
            await engine.handle(AddHold(Scope(), DISK_FULL, "no room"))
            full, said = await post(intake, {**WISH, "signal_id": "later"})
            assert (full.status_code, said["code"], said["status"]) == (503, "DISK_FULL", "not_taken")
            assert (await post(intake, [{**WISH, "signal_id": "later"}]))[0].status_code == 503
            assert engine.state.signals == 0
            await engine.handle(LiftHold(Scope(), DISK_FULL, "room"))
            taken, said = await post(intake, {**WISH, "signal_id": "later"})
            assert (taken.status_code, said["status"]) == (202, "recorded")

    asyncio.run(play())


def test_a_closed_intake_refuses_signals() -> None:
    async def play() -> None:
        async with desk(MemoryJournal(), Bounds()) as (engine, intake):
            intake.close()
            closed, _ = await post(intake, {**WISH, "signal_id": "late"})
            assert (closed.status_code, closed.headers["retry-after"]) == (503, "1")
            assert engine.state.signals == 0

    asyncio.run(play())


def test_a_slow_stream_reader_misses_no_entry(tmp_path: Path) -> None:
    async def play() -> list[int]:
        journal = SqliteJournal.open(tmp_path / "overmind.db")
        archive = Archive(tmp_path / "overmind.db", "archive")
        async with desk(journal, Bounds(feed_max=3)) as (engine, _):
            streams = Streams(engine, archive)
            lines, seen = streams.lines(after=0), list[int]()
            for round_number in range(4):
                while not seen or seen[-1] < engine.durable_seq:
                    seen += _numbers(await anext(lines))
                for step in range(round_number * 3):  # More at once than its feed may hold, but for the first rounds.
                    at_ns = START_NS + (10 * round_number + step + 1) * NS
                    await engine.handle(MarkPrices((Mark(SOL, 150 * 10**12 + step + round_number, at_ns),)))
            streams.close()
            async for chunk in lines:
                seen += _numbers(chunk)
            last = engine.durable_seq
        archive.close()
        journal.close()
        assert seen[-1] <= last
        return seen

    seen = asyncio.run(play())
    assert seen == list(range(1, len(seen) + 1))


def _numbers(chunk: bytes) -> list[int]:
    return [int(line.removeprefix(b"id: ")) for line in chunk.splitlines() if line.startswith(b"id: ")]


def test_a_quiet_stream_sends_heartbeats(tmp_path: Path) -> None:
    async def play() -> bytes:
        journal = SqliteJournal.open(tmp_path / "overmind.db")
        archive = Archive(tmp_path / "overmind.db", "archive")
        async with desk(journal, Bounds()) as (engine, _):
            lines = Streams(engine, archive, heartbeat_s=0.001).lines(after=engine.durable_seq)
            first, second = await anext(lines), await anext(lines)
            assert first.startswith(b"retry: ")
            await lines.aclose()
        archive.close()
        journal.close()
        return second

    assert asyncio.run(play()) == b": heartbeat\n\n"


def test_readiness_needs_fresh_prices() -> None:
    async def play() -> tuple[list[str], list[str]]:
        async with desk(MemoryJournal(), Bounds()) as (engine, _):
            state = engine.state
            at_ns = state.marks[SOL].at_ns
            return price_faults(state, at_ns), price_faults(state, at_ns + state.settings.mark_age_max_ns + NS)

    fresh, stale = asyncio.run(play())
    assert fresh == []
    assert len(stale) >= 1


def test_readiness_needs_a_price_of_an_unlisted_token_while_somebody_holds_it() -> None:
    steps = "w1 share meme:50:5000; admit checked; desk unlisted 2; look usd; try pup; mark pup 2"
    for more, is_told in (("", False), ("; buy pup $300 by meme", True), ("; buy pup $300 by meme; fill", True)):
        desk = CoreDesk(steps + more)
        state = desk.state
        told = price_faults(state, desk.now_ns + state.settings.mark_age_max_ns + NS)
        assert any(fault.startswith("the price of pup") for fault in told) == is_told, more

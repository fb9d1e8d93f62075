"""A stop while eight clients send batches: how much work comes before it, in virtual time and in turns of the loop."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from bench.desks import START_NS, bench_desk, bench_wallets, opening
from starlette.requests import Request
from starlette.responses import Response

from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.model.commands import EmergencyStop
from overmind.core.model.events import Entry
from overmind.core.model.ids import SOL
from overmind.core.model.signal import Signal
from overmind.desk.engine import Begun, Engine
from overmind.desk.lane import REST_S, Lane
from overmind.http.access.changes import API_TOKEN_NAME
from overmind.http.access.identity import IDENTITY, Identity, Kind
from overmind.http.bounds import BODY_BYTES_MAX
from overmind.http.endpoints import Role
from overmind.http.intake import Intake
from overmind.http.server import by_urgency
from overmind.journal.memory import MemoryJournal
from overmind.signals.decode import token_index

MS = 1_000_000
SLICE = 4  # signals
CLIENTS, BATCH = 8, 64
TURNS_OF_READING = 20  # until a batch has been read, and is being decided
TURNS_MAX = 8  # of the loop, from the call of a stop to its answer


class CountingJournal(MemoryJournal):
    def __init__(self) -> None:
        super().__init__()
        self.read_entries = 0

    def entry(self, seq: int) -> Entry:
        self.read_entries += 1
        return super().entry(seq)

    def read(self, after: int = 0) -> Any:
        assert not after, "a duplicate reads its own rows alone"
        return super().read(after)


class Stage:
    """A desk on paper behind its intake. Each signal takes a millisecond to be read, to be decided, to be answered."""

    def __init__(self) -> None:
        self.used_ns = 0
        self.journal = CountingJournal()
        self.clock = VirtualClock(START_NS)
        self.engine = Engine(self.journal, self.clock)
        self.lane = Lane(self._used, SLICE * MS, itertools.count(0, SLICE * MS).__next__)
        self.begun: list[str] = []

    def _used(self) -> int:
        self.used_ns += MS // 2  # Asked before each signal and after it.
        return self.used_ns

    def _begin(self, signal: Signal, received_at_ns: int) -> Begun:
        self.begun.append(signal.id)
        return self.engine.begin(signal, received_at_ns)

    async def open(self) -> None:
        for command in opening(bench_desk(3), bench_wallets(4)):
            await self.engine.handle(command)
        settings = self.engine.state.settings
        tokens = token_index(settings.tokens.values())
        self.intake = Intake(self.engine, self._begin, self.lane, tokens, settings.quote, self.clock)

    async def answer(self, body: bytes) -> Response:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body}

        sender = {IDENTITY: Identity(API_TOKEN_NAME, Role.ADMIN, Kind.TOKEN)}
        return await self.intake.post(
            Request({"type": "http", "method": "POST", "headers": [], "state": sender}, receive)
        )

    async def post(self, signals: list[dict[str, object]]) -> list[Any]:
        answer = await self.answer(json.dumps(signals).encode())
        assert answer.status_code == 202, answer.body
        answers: list[Any] = json.loads(bytes(answer.body))
        return answers


def batch(name: str, action: str = "Buy", count: int = BATCH) -> list[dict[str, object]]:
    common = {"strategy_type": "Arbitrage", "action": action, "mint": SOL, "notional_usd": 5}
    return [{**common, "signal_id": f"{name}{n}"} for n in range(count)]


def on_stage(play: Any) -> Any:
    async def run() -> Any:
        stage = Stage()
        writing = asyncio.create_task(stage.engine.run())
        await stage.open()
        result = await play(stage)
        writing.cancel()
        return result

    return run_virtual(run())


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("turns_before", [0, 1, 7, 40, 150])
def test_a_stop_waits_for_no_batch(known: bool, turns_before: int) -> None:
    async def play(stage: Stage) -> tuple[int, int]:
        if known:
            await asyncio.gather(*(stage.post(batch(f"c{n}-")) for n in range(CLIENTS)))
        waiting = [asyncio.create_task(stage.post(batch(f"c{n}-"))) for n in range(CLIENTS)]
        for _ in range(turns_before):
            await asyncio.sleep(0)
        before, turns, done = len(stage.begun), 0, asyncio.Event()

        async def stop() -> None:
            with stage.lane.urgent():
                await stage.engine.handle(EmergencyStop("a drill"))
            done.set()

        stopping = asyncio.create_task(stop())
        while not done.is_set():
            await asyncio.sleep(0)
            turns += 1
        meanwhile = len(stage.begun) - before
        assert all(book.status == "Emergency" for book in stage.engine.state.wallets.values())
        for answers in await asyncio.gather(*waiting):
            assert len(answers) == BATCH
        await stopping
        return turns, meanwhile

    turns, meanwhile = on_stage(play)
    assert turns <= TURNS_MAX
    assert meanwhile <= 2 * SLICE


def test_a_batch_keeps_its_order_and_no_other_comes_between() -> None:
    async def play(stage: Stage) -> list[str]:
        answers = await asyncio.gather(*(stage.post(batch(name)) for name in "abc"))
        for name, answered in zip("abc", answers, strict=True):
            assert [one["signal_id"] for one in answered] == [f"{name}{n}" for n in range(BATCH)]
        return stage.begun

    assert on_stage(play) == [f"{name}{n}" for name in "abc" for n in range(BATCH)]


def test_sales_are_decided_before_the_entries_that_wait() -> None:
    async def play(stage: Stage) -> list[str]:
        entries = [asyncio.create_task(stage.post(batch(name))) for name in "abc"]
        for _ in range(100):
            await asyncio.sleep(0)
        before = len(stage.begun)
        await stage.post(batch("s", "Sell", 3))
        assert not all(one.done() for one in entries)
        await asyncio.gather(*entries)
        return stage.begun[before:]

    first = on_stage(play)[: 2 * SLICE + 3]
    assert {"s0", "s1", "s2"} <= set(first)


async def single(stage: Stage, name: str, action: str = "Buy") -> int:
    (signal,) = batch(name, action, 1)
    return (await stage.answer(json.dumps(signal).encode())).status_code


def test_one_entry_alone_waits_until_a_batch_is_decided() -> None:
    async def play(stage: Stage) -> list[str]:
        waiting = asyncio.create_task(stage.post(batch("a")))
        for _ in range(TURNS_OF_READING):
            await asyncio.sleep(0)
        assert 0 < len(stage.begun) < BATCH
        assert await single(stage, "b") == 202
        await waiting
        return stage.begun

    assert on_stage(play) == [*(f"a{n}" for n in range(BATCH)), "b0"]


def test_one_sale_alone_goes_before_the_entries_that_wait() -> None:
    async def play(stage: Stage) -> list[str]:
        waiting = asyncio.create_task(stage.post(batch("a")))
        for _ in range(TURNS_OF_READING):
            await asyncio.sleep(0)
        before = len(stage.begun)
        assert 0 < before < BATCH
        assert await single(stage, "s", "Sell") == 202
        assert not waiting.done()
        await waiting
        return stage.begun[before:]

    assert "s0" in on_stage(play)[: SLICE + 1]


def test_one_known_signal_alone_gets_its_first_answer() -> None:
    async def play(stage: Stage) -> tuple[int, int]:
        await stage.post(batch("a", count=1))
        return await single(stage, "a"), len(stage.engine.state.open_orders)

    assert on_stage(play) == (202, 1)


def test_a_mixed_batch_stands_in_its_order() -> None:
    async def play(stage: Stage) -> list[str]:
        await asyncio.gather(stage.post(batch("a")), stage.post([*batch("b", count=2), *batch("s", "Sell", 2)]))
        return stage.begun

    assert on_stage(play)[-4:] == ["b0", "b1", "s0", "s1"]


def test_a_known_batch_reads_no_more_than_two_entries_for_each_signal() -> None:
    async def play(stage: Stage) -> tuple[int, list[Any]]:
        mixed = [*batch("b"), *batch("h", "Hold"), *batch("s", "Sell")]
        first = await stage.post(mixed)
        stage.journal.read_entries = 0
        again = await stage.post(mixed)
        assert again == [{**one, "status": "duplicate"} for one in first]
        return stage.journal.read_entries, again

    read, again = on_stage(play)
    assert read <= 2 * len(again)


def test_a_batch_of_refusals_is_answered_shortly() -> None:
    async def play(stage: Stage) -> int:
        signals = [{**one, "notional_usd": 9e7} for one in batch("r")]
        return len(json.dumps(await stage.post(signals)))

    assert on_stage(play) < BATCH * 2_048


def test_signals_that_wait_are_bounded() -> None:
    async def play(stage: Stage) -> list[int]:
        blanks = b" " * (BODY_BYTES_MAX - 1_000)
        bodies = (b"[%b%b]" % (json.dumps(batch(f"a{n}-", count=1)[0]).encode(), blanks) for n in range(70))
        answers = await asyncio.gather(*map(stage.answer, bodies))
        await stage.post(batch("later", count=1))
        return [answer.status_code for answer in answers]

    codes = on_stage(play)
    assert codes[:64] == [202] * 64
    assert codes[66:] == [429] * 4


@pytest.mark.parametrize(
    ("method", "path", "rests"),
    [
        ("POST", "/v1/emergency-stop", True),
        ("POST", "/v1/portfolio/pause", True),
        ("POST", "/v1/positions/w1/SOL/close", True),
        ("POST", "/v1/portfolio/resume", False),
        ("GET", "/v1/wallets", False),
        ("GET", "/healthz", False),
        ("GET", "/v1/emergency-stop", False),
        ("POST", "/v1/hooks/tradingview/chart/close", False),
    ],
)
def test_the_lane_rests_for_what_ends_trading(method: str, path: str, rests: bool) -> None:
    async def play(stage: Stage) -> bool:
        async def api(scope: Any, receive: Any, send: Any) -> None:
            assert isinstance(scope, dict)
            async with asyncio.timeout(REST_S / 2):
                await stage.post(batch("a", count=1))

        async def hook(request: Request) -> Response:
            await api(request.scope, None, None)
            return Response()

        async def receive() -> Any:
            raise AssertionError("nothing reads its body")

        async def send(message: object) -> None:
            assert isinstance(message, dict)

        route = by_urgency(stage.intake, hook, api, stage.lane)
        scope = {"type": "http", "method": method, "path": path}
        try:
            await route(scope, receive, send)
        except TimeoutError:
            return True
        return False

    assert on_stage(play) is rests

"""Answers reach their target in the order of the journal, each at least once, whatever the target and the desk do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bench.desks import START_NS, bench_desk, bench_wallets, buy, opening
from msgspec.structs import replace
from tests.support.journal_entries import every_kind

from overmind.core.model.commands import RecordOutcome
from overmind.core.model.events import Entry
from overmind.core.model.ids import SOL, OrderId
from overmind.core.model.outcome import Cause, Rejected
from overmind.desk.answers import following, mailbox
from overmind.desk.answers.answers import Answers
from overmind.desk.answers.changes import rotate_answers_key, send_answers, stop_answers
from overmind.desk.answers.journal_pages import JournalPages
from overmind.desk.answers.post import NotDelivered
from overmind.desk.answers.progress import PROGRESS_FILE, read_progress
from overmind.desk.answers.signing import headers_of, new_key
from overmind.desk.engine import Engine
from overmind.desk.sources.changes import SourceChange, add_source
from overmind.desk.sources.source import Source, SourceKind, SourceSecret
from overmind.desk.sources.store import KEYS_FILE, change_sources
from overmind.journal.catalogue.concerned import Concern
from overmind.journal.database import Disk
from overmind.journal.sqlite import SqliteJournal

URL = "https://bot.example.org/answers"
KEY = new_key()


class Naps:
    """A clock whose sleeps end at once."""

    def now_ns(self) -> int:
        return START_NS

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Target:
    """Somebody's program that hears answers. `faults`: what it does with the next ones, before it hears them all."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.faults: list[Callable[[], None]] = []
        self.hanging = ""  # the source whose answers it does not take
        self.goes_on = asyncio.Event()
        self.tried: set[str] = set()  # addresses

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        told = json.loads(body)
        self.tried.add(url)
        if told["source"] == self.hanging:
            await self.goes_on.wait()
        assert headers == headers_of(told["id"], START_NS // 10**9, body, [KEY])
        if self.faults:
            self.faults.pop(0)()
        if url != URL:
            raise NotDelivered("nobody is there")
        self.heard.append(told)

    async def close(self) -> None: ...

    def seqs(self) -> list[int]:
        return [one["seq"] for one in self.heard]

    def kinds(self) -> list[str]:
        return [one["kind"] for one in self.heard]


def fails(why: str = "the target answered 500") -> Callable[[], None]:
    def fail() -> None:
        raise NotDelivered(why)

    return fail


class Desk:
    def __init__(self, folder: Path, engine: Engine, target: Target) -> None:
        self.folder = folder
        self.engine = engine
        self.target = target
        self.answers: Answers | None = None
        self._task: asyncio.Task[None] | None = None

    def change(self, change: SourceChange) -> None:
        change_sources(self.folder, change)

    def add(self, name: str, after: int = 0) -> None:
        secret = SourceSecret("0" * 64)
        self.change(add_source(Source(name, SourceKind.TRADINGVIEW, {"SOLUSD": "SOL"}, {}, (secret,), "", "")))
        self.change(send_answers(name, URL, KEY, after, last_seq=0))

    def begin(self) -> None:
        self.answers = Answers(self.engine, self.folder / "overmind.db", Naps(), self.target)
        self._task = asyncio.create_task(self.answers.run())

    async def end(self, orderly: bool = True) -> None:
        """Not orderly: as after a kill, nothing is written at the end."""
        assert self._task is not None
        assert self.answers is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if orderly:
            self.answers.close()

    async def trade(self, numbers: range, source: str = "tv") -> list[int]:
        """Orders that are placed and closed. The numbers of all their entries."""
        first = self.engine.durable_seq
        for number in numbers:
            command = buy(number, SOL, START_NS, name=f"{source}-signal")
            await self.engine.handle(replace(command, signal=replace(command.signal, source=source)))
            order_id = OrderId(f"{source}-signal-{number}.0.0")
            await self.engine.handle(RecordOutcome(order_id, Rejected(Cause.NO_LIQUIDITY)))
        return list(range(first + 1, self.engine.durable_seq + 1))


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Desk]:
    journal = SqliteJournal.open(folder / "overmind.db", Disk(synchronous="OFF"))
    engine = Engine(journal, Naps())
    task = asyncio.create_task(engine.run())
    for command in opening(bench_desk(3), bench_wallets(2)):
        await engine.handle(command)
    desk = Desk(folder, engine, Target())
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        journal.close()


async def until(seen: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if seen():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not come to that")


def test_a_source_hears_what_was_and_what_comes(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as desk:
            past = await desk.trade(range(3))
            desk.add("tv")
            desk.begin()
            await until(lambda: len(desk.target.heard) == 6)
            new = await desk.trade(range(3, 6))
            await until(lambda: len(desk.target.heard) == 12)
            assert desk.target.seqs() == past + new
            assert desk.target.kinds() == ["placed", "rejected"] * 6
            await desk.end()

    asyncio.run(run())


def test_answers_begin_where_the_operator_says(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as desk:
            past = await desk.trade(range(3))
            desk.add("tv", after=past[1])
            desk.begin()
            await until(lambda: desk.target.seqs() == past[2:])
            desk.change(send_answers("tv", URL, KEY, 0, 0))
            await until(lambda: desk.target.seqs() == past[2:] + past)
            await desk.end()

    asyncio.run(run())


def test_a_source_hears_its_own_alone(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as desk:
            desk.add("tv")
            desk.begin()
            for first in range(0, 8, 2):
                await desk.trade(range(first, first + 1), "ft")
                await desk.trade(range(first + 1, first + 2), "")
                await desk.trade(range(first, first + 1))
            await until(lambda: len(desk.target.heard) == 8)
            assert {one["source"] for one in desk.target.heard} == {"tv"}
            assert all(one["signal_id"].startswith("tv-") for one in desk.target.heard)
            await desk.end()

    asyncio.run(run())


def test_a_source_that_was_away_hears_what_it_missed_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as desk:
            desk.add("tv")
            desk.begin()
            seqs = await desk.trade(range(2))
            await until(lambda: desk.target.seqs() == seqs)
            await desk.end()
            seqs += await desk.trade(range(2, 40))
            desk.begin()
            await until(lambda: len(desk.target.heard) == len(seqs))
            await desk.end()
            desk.begin()
            seqs += await desk.trade(range(40, 41))
            await until(lambda: len(desk.target.heard) >= len(seqs))
            assert desk.target.seqs() == seqs
            await desk.end()

    asyncio.run(run())


def test_what_is_not_acknowledged_is_sent_again_in_order(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as desk:
            desk.add("tv")
            desk.begin()
            desk.target.faults = [fails(), fails("no answer within 10 s"), lambda: None, fails(), fails()]
            seqs = await desk.trade(range(5))
            await until(lambda: desk.target.seqs() == seqs)
            assert desk.target.faults == []
            await desk.end()

    asyncio.run(run())


@pytest.mark.parametrize("is_heard", [False, True])
@pytest.mark.parametrize("place", range(4))
def test_a_kill_between_sending_and_writing_loses_nothing(tmp_path: Path, place: int, is_heard: bool) -> None:
    """The service is killed once an answer is sent, whether the target has heard it or not, and nothing is written."""

    async def run() -> None:
        async with running(tmp_path) as desk:
            desk.add("tv")
            seqs = await desk.trade(range(3))
            met = asyncio.Event()

            def kill() -> None:
                met.set()
                if not is_heard:
                    raise NotDelivered("the service was killed")

            desk.target.faults = [lambda: None] * place + [kill]
            desk.begin()
            await met.wait()
            await desk.end(orderly=False)
            before = desk.target.seqs()
            assert before == seqs[: len(before)]
            desk.begin()
            await until(lambda: len(desk.target.heard) > len(before) and desk.target.seqs()[-1] == seqs[-1])
            after = desk.target.seqs()[len(before) :]
            assert after == seqs[len(seqs) - len(after) :]
            assert {*before, *after} == {*seqs}
            await desk.end()

    asyncio.run(run())


def test_progress_is_written_after_the_acknowledgement(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as desk:
            desk.add("tv")
            seqs = await desk.trade(range(1))
            desk.target.hanging = "tv"
            desk.begin()
            await until(lambda: (tmp_path / PROGRESS_FILE).exists() and bool(desk.target.tried))
            assert desk.answers is not None
            await desk.answers.look_once()
            assert read_progress(tmp_path)["tv"].seq < seqs[0]
            desk.target.goes_on.set()
            await until(lambda: read_progress(tmp_path)["tv"].seq == seqs[-1])
            await desk.end()

    asyncio.run(run())


@pytest.mark.parametrize("wanted_ns", [following.WANTED_NS, -1])
def test_a_target_that_hangs_holds_up_itself_alone(
    tmp_path: Path, wanted_ns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trading goes on, another source hears its own, and what waits is in the journal and not in memory."""
    monkeypatch.setattr(following, "WANTED_NS", wanted_ns)

    async def run() -> None:
        async with running(tmp_path) as desk:
            desk.add("tv")
            desk.add("ft")
            desk.begin()
            await desk.trade(range(1), "ft")
            await until(lambda: len(desk.target.heard) == 2)
            desk.target.hanging = "tv"
            waiting = await desk.trade(range(mailbox.WAITING_MAX // 2 + 20), "tv")
            others = await desk.trade(range(1, 20), "ft")
            await until(lambda: desk.target.seqs()[2:] == others)
            desk.target.goes_on.set()
            await until(lambda: len(desk.target.heard) == 2 + len(others) + len(waiting))
            assert desk.target.seqs()[2 + len(others) :] == waiting
            await desk.end()

    asyncio.run(run())


def test_more_waits_in_the_journal_than_in_memory() -> None:
    box, event = mailbox.Mailbox(0), every_kind()[0]
    box.catch_up(0)
    for seq in range(1, mailbox.WAITING_MAX + 1):
        box.offer(Concern(Entry(seq, START_NS, event), frozenset()))
    assert not box.is_behind
    box.offer(Concern(Entry(mailbox.WAITING_MAX + 1, START_NS, event), frozenset()))
    assert box.is_behind


def test_nothing_is_lost_between_the_journal_and_the_new_entries(tmp_path: Path) -> None:
    """A source that has read all is told so only once new entries are offered to it."""

    async def run() -> None:
        async with running(tmp_path) as desk:
            pages = JournalPages(tmp_path / "overmind.db")
            box = mailbox.Mailbox(desk.engine.durable_seq)
            news = following.Following(desk.engine, pages, {"tv": box}, Naps())
            assert not box.catch_up(news.offered())
            missed = await desk.trade(range(1))
            task = asyncio.create_task(news.run())
            await asyncio.sleep(0)
            assert not box.catch_up(news.offered())
            box.acknowledge(missed[-1])
            assert box.catch_up(news.offered())
            first, second = await desk.trade(range(1, 2))
            concerns = [await box.next(), await box.next()]
            assert [one.entry.seq for one in concerns if one is not None] == [first, second]
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            pages.close()

    asyncio.run(run())


def test_a_new_address_is_used_from_the_next_attempt_on(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as desk:
            desk.add("tv")
            desk.change(send_answers("tv", "https://wrong.example.org/", KEY, 0, 0))
            seqs = await desk.trade(range(2))
            desk.begin()
            await until(lambda: bool(desk.target.tried))
            assert desk.target.heard == []
            desk.change(send_answers("tv", URL, KEY, 0, 0))
            await until(lambda: desk.target.seqs() == seqs)
            await desk.end()

    asyncio.run(run())


def test_a_source_that_wants_no_answers_costs_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as desk:
            desk.add("tv")
            desk.change(stop_answers("tv"))
            desk.begin()
            await desk.trade(range(2))
            await until(lambda: desk.answers is not None)
            names = {task.get_name() for task in asyncio.all_tasks()}
            assert not any(name.startswith("answers") for name in names)
            assert desk.target.heard == []
            await desk.end()

    asyncio.run(run())


def test_a_damaged_list_of_sources_stops_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as desk:
            (tmp_path / "hooks.json").write_text("garbage")
            desk.begin()
            await desk.trade(range(2))
            (tmp_path / "hooks.json").unlink()
            desk.add("tv")
            await until(lambda: len(desk.target.heard) == 4)
            await desk.end()

    asyncio.run(run())


def test_without_a_key_nothing_is_sent_until_there_is_one(tmp_path: Path) -> None:
    """As after a restore: the keys are in no usual backup."""

    async def run() -> None:
        async with running(tmp_path) as desk:
            desk.add("tv")
            (tmp_path / KEYS_FILE).unlink()
            desk.begin()
            await desk.trade(range(2))
            await until(lambda: desk.answers is not None and desk.answers.lags == {})
            assert desk.target.tried == set()
            desk.change(rotate_answers_key("tv", KEY, 0))
            await until(lambda: len(desk.target.heard) == 4)
            await desk.end()

    asyncio.run(run())

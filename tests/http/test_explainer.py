"""An old signal is explained from the nearest kept state, outside of the serving process, while somebody listens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest
import uvicorn
from bench.desks import START_NS, bench_desk, bench_wallets, buy, opening
from fastapi import FastAPI
from msgspec import structs
from tests.support.stepping_clock import SteppingClock

from overmind.core.books.apply import apply
from overmind.core.books.state import State, encode_state
from overmind.core.model.events import Entry
from overmind.core.model.ids import SOL, SignalId
from overmind.desk.engine import BOUNDS, Engine
from overmind.http.archive import Archive, Pages, ReadBounds
from overmind.http.explainer import WAITING_MAX, Explainer
from overmind.http.queries import journal_router
from overmind.http.responses import HttpRefusal, answer_errors
from overmind.http.server import listen
from overmind.journal.database import Disk
from overmind.journal.sqlite import SqliteJournal
from overmind.text.printable import json_bytes
from overmind.views.preview import explain

COUNT = 900
OLD = SignalId("-old")  # an id that looks like an option


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk that refused many signals and placed one, long after its only kept state."""
    path = tmp_path_factory.mktemp("desk") / "overmind.db"
    plain = [buy(number, SOL, START_NS).signal for number in range(COUNT)]
    signals = [structs.replace(signal, notional_micros=10**15) for signal in plain]
    signals[COUNT - 50] = structs.replace(plain[0], id=OLD)

    async def run() -> None:
        with contextlib.closing(SqliteJournal.open(path, Disk(synchronous="OFF"))) as journal:
            engine = Engine(journal, SteppingClock(START_NS), structs.replace(BOUNDS, snapshot_every=COUNT // 3))
            writing = asyncio.create_task(engine.run())
            for command in opening(bench_desk(3), bench_wallets(2)):
                await engine.handle(command)
            for start in range(0, COUNT, 50):
                await asyncio.gather(*map(engine.submit, signals[start : start + 50]))
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    asyncio.run(run())
    return path.parent


def entries_of(folder: Path) -> list[Entry]:
    with contextlib.closing(SqliteJournal.open_read_only(folder / "overmind.db")) as journal:
        return list(journal.read())


def kept_seqs(folder: Path) -> set[int]:
    with contextlib.closing(SqliteJournal.open_read_only(folder / "overmind.db")) as journal:
        return {kept.seq for seq in range(1, COUNT) if (kept := journal.snapshot_before(seq)) is not None}


def test_a_request_replays_only_what_is_near_a_kept_state(folder: Path) -> None:
    entries, state = entries_of(folder), State()
    oldest = min(kept_seqs(folder))
    with contextlib.closing(Archive(folder / "overmind.db", "archive")) as archive:
        for entry in entries:
            apply(state, entry)
            if entry.seq in (COUNT // 4, oldest, oldest + 9):
                found = asyncio.run(archive.look(partial(Pages.state_nearby, seq=entry.seq)))
                assert found is not None
                assert encode_state(found) == encode_state(state)
    with contextlib.closing(Archive(folder / "overmind.db", "archive", ReadBounds(replayed_max=8))) as archive:
        assert asyncio.run(archive.look(lambda pages: pages.state_nearby(oldest + 9))) is None
        assert asyncio.run(archive.look(lambda pages: pages.state_nearby(oldest + 8))) is not None


async def stays() -> bool:
    return False


async def left() -> bool:
    return True


def explained(folder: Path, with_candidates: bool) -> object:
    """As if everything were replayed."""
    state, life = State(), list[Entry]()
    for entry in entries_of(folder):
        if getattr(getattr(entry.event, "signal", None), "id", "") == OLD:
            life.append(entry)
        elif not life:
            apply(state, entry)
    return json.loads(json_bytes(explain(life, state if with_candidates else None).to_json()))


def hanging(folder: Path) -> Explainer:
    """Its process writes its number into a file, and hangs."""
    program = f"import os, time; open({str(folder / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    return Explainer(folder, (sys.executable, "-c", program))


async def until_it_runs(folder: Path) -> int:
    for _ in range(4_000):
        with contextlib.suppress(OSError, ValueError):
            return int((folder / "pid").read_text())
        await asyncio.sleep(0.005)
    raise AssertionError("no process began")


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("closes", "why"), [(False, "the client has left"), (True, "the service is stopping")])
def test_it_ends_when_nobody_listens(tmp_path: Path, closes: bool, why: str) -> None:
    async def run() -> int:
        explainer, gone = hanging(tmp_path), asyncio.Event()

        async def is_gone() -> bool:
            return gone.is_set()

        asked = asyncio.create_task(explainer.explain("s", is_gone))
        pid = await until_it_runs(tmp_path)
        assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
        if closes:
            explainer.close()
        else:
            gone.set()
        with pytest.raises(HttpRefusal, match=why):
            await asked
        return pid

    began = time.monotonic()
    assert not runs(asyncio.run(run()))
    assert time.monotonic() - began < 30


@asynccontextmanager
async def served(archive: Archive, explainer: Explainer) -> AsyncIterator[int]:
    """The port of a server that has the journal's routes alone."""
    api, listener = FastAPI(), listen(0)
    listener.listen()
    api.include_router(journal_router(archive, explainer))
    answer_errors(api)
    server = uvicorn.Server(uvicorn.Config(api, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve([listener]))
    yield int(listener.getsockname()[1])
    server.should_exit = True
    await serving


def test_a_reader_that_leaves_ends_the_process(folder: Path, tmp_path: Path) -> None:
    async def run() -> None:
        archive = Archive(folder / "overmind.db", "archive", ReadBounds(replayed_max=0))
        async with served(archive, hanging(tmp_path)) as port:
            _, reader = await asyncio.open_connection("127.0.0.1", port)
            reader.write(f"GET /signals/{OLD}?candidates=true HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            pid = await until_it_runs(tmp_path)
            reader.close()
            for _ in range(4_000):
                if not runs(pid):
                    break
                await asyncio.sleep(0.005)
            assert not runs(pid)
        archive.close()

    asyncio.run(run())


@pytest.mark.parametrize(("asked", "computed"), [("", False), ("?candidates=false", False), ("?candidates=true", True)])
def test_candidates_far_from_a_kept_state_are_computed_for_whoever_asks(
    folder: Path, asked: str, computed: bool
) -> None:
    async def run() -> object:
        archive = Archive(folder / "overmind.db", "archive", ReadBounds(replayed_max=0))
        async with (
            served(archive, Explainer(folder)) as port,
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/signals/{OLD}{asked}") as response,
        ):
            said = await response.json()
        archive.close()
        return said

    assert asyncio.run(run()) == explained(folder, computed)


def test_a_cancelled_request_leaves_no_process(tmp_path: Path) -> None:
    async def run() -> int:
        asked = asyncio.create_task(hanging(tmp_path).explain("s", stays))
        pid = await until_it_runs(tmp_path)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        return pid

    assert not runs(asyncio.run(run()))


def test_only_so_many_wait_for_their_turn(tmp_path: Path) -> None:
    async def run() -> None:
        explainer = hanging(tmp_path)
        asked = [asyncio.create_task(explainer.explain("s", stays)) for _ in range(WAITING_MAX)]
        await until_it_runs(tmp_path)
        with pytest.raises(HttpRefusal, match=f"{WAITING_MAX} explanations wait"):
            await explainer.explain("s", stays)
        explainer.close()
        ended = await asyncio.gather(*asked, return_exceptions=True)
        assert [str(one) for one in ended] == ["the service is stopping"] * WAITING_MAX

    asyncio.run(run())


def test_what_it_complains_of_is_told_and_no_secret_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERMIND_WALLET_KEY", "precious")
    program = "import os, sys; print(sorted(os.environ), file=sys.stderr); sys.exit(3)"
    with pytest.raises(HttpRefusal, match=r"it cannot be explained: .*PATH") as refused:
        asyncio.run(Explainer(tmp_path, (sys.executable, "-c", program)).explain("s", stays))
    assert "OVERMIND" not in str(refused.value)
    assert refused.value.status == 503

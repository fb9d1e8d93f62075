"""What systemd is told, over a real datagram socket, and when it is told that the service is alive."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.model.commands import AddHold
from overmind.core.model.controls import Scope
from overmind.core.model.events import Entry
from overmind.core.model.units import NS
from overmind.desk.app import App
from overmind.desk.market import open_tape, paper
from overmind.desk.running import running
from overmind.desk.watches import supervisor as module
from overmind.desk.watches.supervisor import Supervisor, WriterProgress, supervised
from overmind.journal.memory import MemoryJournal
from overmind.sandbox.demo import demo_config


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        yield listener


def of(listener: socket.socket, **more: str) -> Supervisor:
    return Supervisor.of_process({"NOTIFY_SOCKET": listener.getsockname(), **more})


def told(listener: socket.socket) -> list[str]:
    return listener.recv(4_096).decode().split("\n")


def test_each_step_is_told(systemd: socket.socket) -> None:
    one = of(systemd)
    one.ready("4 wallets")
    assert told(systemd) == ["READY=1", "STATUS=4 wallets"]
    one.beat("4 wallets")
    assert told(systemd) == ["WATCHDOG=1", "STATUS=4 wallets"]
    one.beat("4 wallets")
    assert told(systemd) == ["WATCHDOG=1"]
    one.stopping("settling\nREADY=1")
    assert told(systemd) == ["STOPPING=1", r"STATUS=settling\nREADY=1"], "a status has one line"


def test_a_name_without_a_file_is_reached_too() -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(f"\0overmind-test-{os.getpid()}")
        listener.settimeout(60)
        Supervisor.of_process({"NOTIFY_SOCKET": f"@overmind-test-{os.getpid()}"}).ready("here")
        assert told(listener) == ["READY=1", "STATUS=here"]


@pytest.mark.parametrize(
    ("variables", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_whose_watchdog_it_is(systemd: socket.socket, variables: dict[str, str], watchdog_s: float | None) -> None:
    assert of(systemd, **variables).watchdog_s == watchdog_s


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "vsock:2:1234"])
def test_nobody_to_tell_is_no_fault(address: str) -> None:
    one = Supervisor.of_process({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
    one.starting()
    one.ready("here")
    one.stopping("gone")


def test_a_socket_that_is_full_is_not_waited_for(systemd: socket.socket) -> None:
    one = of(systemd)
    for _ in range(10_000):
        one.beat("alive")
    assert told(systemd)[0] == "WATCHDOG=1"


def test_a_start_that_works_gets_more_time_and_one_that_hangs_does_not(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = iter([0, NS, NS + 1, 3 * NS])
    one = of(systemd)
    looks = [False, False, False, True]

    class Started:
        def wait(self, _: float) -> bool:
            return looks.pop(0)

    monkeypatch.setattr(module, "processor_ns", lambda: next(used))
    monkeypatch.setattr(one, "_started", Started())
    one._extend()
    assert [told(systemd) for _ in range(2)] == [["EXTEND_TIMEOUT_USEC=30000000"]] * 2
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        told(systemd)


# Each step: seconds, entries that are durable, entries that wait, whether another program has locked the journal.
@pytest.mark.parametrize(
    ("steps", "gets_on"),
    [
        ([(0, 5, 0, False), (1_000, 5, 0, False)], True),
        ([(0, 5, 1, False), (59, 5, 900, False)], True),
        ([(0, 5, 1, False), (60, 5, 1, False)], False),
        ([(0, 5, 1, False), (59, 6, 1, False), (118, 6, 1, False)], True),
        ([(0, 5, 1, False), (59, 6, 1, False), (119, 6, 1, False)], False),
        ([(0, 5, 1, True), (600, 5, 1, True)], True),
        ([(0, 5, 1, True), (600, 5, 1, True), (660, 5, 1, False)], False),
        ([(0, 5, 1, False), (90, 5, 1, False), (91, 6, 0, False)], True),
    ],
    ids=["idle", "slow", "stuck", "slow again", "stuck later", "locked", "stuck after a lock", "recovered"],
)
def test_when_the_writer_gets_on(steps: list[tuple[int, int, int, bool]], gets_on: bool) -> None:
    progress = WriterProgress(60 * NS, 0)
    seen = [progress.gets_on(durable, waiting, locked, at * NS) for at, durable, waiting, locked in steps]
    assert seen[-1] is gets_on


class SlowJournal(MemoryJournal):
    """Its disk is quick until it is told to hang."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.answers.set()

    async def append(self, entries: Sequence[Entry]) -> None:
        await self.answers.wait()
        await super().append(entries)


class HeardSupervisor(Supervisor):
    """Keeps what it is told, and when by the loop."""

    def __init__(self, watchdog_s: float) -> None:
        super().__init__(None, watchdog_s)
        self.beats: list[float] = []

    def beat(self, status: str) -> None:
        assert status.startswith("4 wallets, 0 open orders, entry ")
        self.beats.append(asyncio.get_running_loop().time())


def test_a_desk_beats_while_its_writer_gets_on(tmp_path: Path) -> None:
    """A disk that hangs for less than the watchdog's time is waited for; one that hangs for longer is not."""

    async def run() -> tuple[int, int, int, int]:
        config = demo_config(1, tmp_path)
        tape, journal, heard = open_tape(config), SlowJournal(), HeardSupervisor(60.0)
        clock = VirtualClock(tape.start_ns)
        loop = asyncio.get_running_loop()

        async def beats_in(seconds: float) -> int:
            before = len(heard.beats)
            await clock.sleep(seconds)
            return len(heard.beats) - before

        async with running(App(config, journal, clock, paper(config, tape))) as app:
            with supervised(app, heard, lambda: round(loop.time() * NS)):
                usual = await beats_in(120)
                journal.answers.clear()
                waiting = asyncio.ensure_future(app.engine.handle(AddHold(Scope(), "operator", "lunch")))
                slow, stuck = await beats_in(59), await beats_in(61)
                journal.answers.set()
                await waiting
                again = await beats_in(60)
        assert heard.beats, "it beats at once"
        after = len(heard.beats)
        await clock.sleep(60)
        assert len(heard.beats) == after, "it ends with the block"
        return usual, slow, stuck, again

    usual, slow, stuck, again = run_virtual(run())
    assert (usual, again) == (8, 4)
    assert slow in (3, 4)
    assert stuck <= 1

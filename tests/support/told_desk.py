"""A desk on paper in virtual time, with whatever tells people about it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from overmind.clock.virtual import VirtualClock
from overmind.config import MultiWalletConfig
from overmind.desk.app import App
from overmind.desk.market import open_tape, paper
from overmind.desk.running import running
from overmind.journal.sqlite import SqliteJournal
from overmind.notices.targets import Target
from overmind.ports import Clock
from overmind.prices.tape import Tape
from overmind.sandbox.demo import demo_env
from overmind.views.preview import Explained

JOURNAL = "overmind.db"


def told_config(folder: Path, **env: str) -> MultiWalletConfig:
    return MultiWalletConfig.from_env({**demo_env(1, folder), **env}, dotenv=None)


@cache
def shipped_tape() -> Tape:
    """Read once for all tests."""
    with tempfile.TemporaryDirectory() as folder:
        return open_tape(told_config(Path(folder)))


@asynccontextmanager
async def told_desk(config: MultiWalletConfig, after_s: float = 0.0, clock: Clock | None = None) -> AsyncIterator[App]:
    """`after_s`: how long after the tape's begin it opens. `clock`: None for virtual time."""
    folder, tape = config.data_dir, shipped_tape()
    folder.mkdir(parents=True, exist_ok=True)
    journal = SqliteJournal.open(folder / JOURNAL)
    clock = clock or VirtualClock(tape.start_ns + round(after_s * 10**9))
    try:
        async with running(App(config, journal, clock, paper(config, tape, historical=True))) as app:
            yield app
    finally:
        journal.close()


class Taken:
    """A target that takes notices, unless it is told not to."""

    def __init__(self, takes: bool = True) -> None:
        self.takes = takes
        self.got: list[tuple[str, str, str]] = []  # title, text, severity

    def send(self, title: str, text: str, severity: str) -> bool:
        if self.takes:
            self.got.append((title, text, severity))
        return self.takes

    @property
    def target(self) -> Target:
        return Target(1, "fake", self.send)

    @property
    def titles(self) -> list[str]:
        return [title.partition(": ")[2] for title, _, _ in self.got]


class CalmOutlook:
    """A service of which nothing is wrong, until a test says so."""

    def __init__(self, reasons: Sequence[str] = (), alarms: Sequence[str] = ()) -> None:
        self.now = list(reasons)
        self.alarming = list(alarms)

    async def reasons(self) -> list[str]:
        return self.now

    def alarms(self) -> list[str]:
        return self.alarming

    async def explained(self, signal_id: str) -> Explained | str:
        return f"no signal {signal_id}"

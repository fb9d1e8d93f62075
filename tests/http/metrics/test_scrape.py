"""A scrape of a running desk: what must be in it, and what it says while the journal hangs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.model.commands import AddHold
from overmind.core.model.controls import Scope
from overmind.core.model.events import Entry
from overmind.desk.app import App
from overmind.desk.market import open_tape, paper
from overmind.desk.running import running
from overmind.http.health import Fault, MachineAlarm, ServiceHealth
from overmind.http.metrics.family import Kind
from overmind.http.metrics.machine import BesideSample
from overmind.http.metrics.scrape import Metrics
from overmind.http.metrics.table import FAMILIES
from overmind.journal.memory import MemoryJournal
from overmind.sandbox.demo import demo_config
from overmind.views import alarms
from overmind.views.alarms import STATE_ALARMS, Alarm

HISTOGRAMS = [one.name for one in FAMILIES if one.kind is Kind.HISTOGRAM]
Told = dict[tuple[str, ...], float]


class HangingJournal(MemoryJournal):
    """Appends nothing while `free` is not set."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()
        self.free.set()

    async def append(self, entries: Sequence[Entry]) -> None:
        await self.free.wait()
        await super().append(entries)


@asynccontextmanager
async def scraped(folder: Path, journal: HangingJournal) -> AsyncIterator[tuple[App, Metrics]]:
    config = demo_config(1, folder)
    tape = open_tape(config)
    app = App(config, journal, VirtualClock(tape.start_ns), paper(config, tape, historical=True))
    async with running(app):
        metrics = Metrics(
            app, ServiceHealth(app, None), folder / "overmind.db", lambda: BesideSample(0, False, {}, {}, {})
        )
        counting = asyncio.create_task(metrics.run())
        try:
            yield app, metrics
        finally:
            counting.cancel()
            metrics.close()


def told_by(text: bytes) -> Told:
    """By name and the values of the labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def series(told: Told, name: str) -> dict[str, float]:
    """Of a family with one label."""
    return {labels[0]: value for (found, *labels), value in told.items() if found == name}


def test_every_reason_and_every_alarm_has_a_series_though_nothing_is_wrong(tmp_path: Path) -> None:
    async def play() -> Told:
        async with scraped(tmp_path, HangingJournal()) as (_, metrics):
            return told_by(await metrics.text())

    told = run_virtual(play())
    assert series(told, "overmind_ready_faults") == dict.fromkeys(Fault, 0.0)
    assert series(told, "overmind_alarms") == dict.fromkeys((*Alarm, *MachineAlarm), 0.0)
    names = {name for name, *_ in told}
    assert {one.full_name for one in FAMILIES if one.always} - names == {
        f"overmind_{name}" for name in ("http_streams", "http_connections", *HISTOGRAMS)
    }
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= names


def test_a_journal_that_hangs_hides_the_books_and_nothing_else(tmp_path: Path) -> None:
    async def play() -> tuple[Told, Told]:
        journal = HangingJournal()
        async with scraped(tmp_path, journal) as (app, metrics):
            journal.free.clear()
            app.engine.post(AddHold(Scope(), "operator", "a drill"))
            hung = told_by(await metrics.text())
            journal.free.set()
            await app.engine.durable(app.engine.state.seq)
            return hung, told_by(await metrics.text())

    hung, free = run_virtual(play())
    assert (hung["overmind_ready",], series(hung, "overmind_ready_faults")["journal"]) == (0.0, 1.0)
    assert hung["overmind_journal_backlog_entries",] > 0
    assert ("overmind_equity_usd",) not in hung
    assert free["overmind_ready",] == 1.0
    assert free["overmind_equity_usd",] > 0


def test_the_table_of_alarms_has_every_alarm_of_the_books() -> None:
    """So `risk`, the page and the metrics cannot differ."""
    written = {one for name, one in vars(alarms).items() if name.endswith("_alarms") and inspect.isfunction(one)}
    assert set(STATE_ALARMS.values()) | {alarms.state_alarms} == written
    assert set(STATE_ALARMS) == set(Alarm)
    assert not {one.value for one in Alarm} & {one.value for one in MachineAlarm}

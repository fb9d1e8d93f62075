"""`GET /metrics`: reads the books in slices of the event loop, and writes the text in a thread.

A journal that hangs hides the books, which nobody is told before they are durable. Everything else is told as ever,
because then it is needed most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from overmind.desk.app import App
from overmind.desk.engine import EngineStopped
from overmind.desk.lane import Lane
from overmind.http.health import DURABLE_S, ServiceHealth
from overmind.http.metrics.families import tell_desk, tell_holds, tell_limits, tell_wallets
from overmind.http.metrics.journal_times import JournalTimes
from overmind.http.metrics.machine import (
    BesideSample,
    MachineSample,
    TimesSample,
    machine_sample,
    tell_machine,
    tell_times,
    times_sample,
)
from overmind.http.metrics.samples import DeskSample, WalletSample, desk_sample, wallet_samples
from overmind.http.metrics.sheet import Sheet
from overmind.http.slices import Slices
from overmind.journal.aside import Aside

SLICE_NS: Final = 1_000_000  # of a turn of the event loop


class Books(NamedTuple):
    """What is durable."""

    desk: DeskSample
    wallets: Sequence[WalletSample]


class _Filled(Collector):
    """A sheet as prometheus-client collects it."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def collect(self) -> Iterator[Metric]:
        return self._sheet.collect()


class Metrics:
    """The metrics of an open desk. `run` counts what the books do not keep."""

    def __init__(self, app: App, health: ServiceHealth, journal: Path, beside: Callable[[], BesideSample]) -> None:
        self._app = app
        self._health = health
        self._journal = journal
        self._beside = beside
        self._slices = Slices(app.engine, Lane(slice_ns=SLICE_NS))
        self._times = JournalTimes(app.engine, app.clock, app.times.sent)
        self._process = ProcessCollector(registry=None)
        self._aside = Aside("metrics")

    async def run(self) -> None:
        """Runs until cancelled."""
        await self._times.run()

    def close(self) -> None:
        self._aside.shutdown()

    def routes(self) -> APIRouter:
        router = APIRouter()

        @router.get("/metrics")
        async def metrics() -> Response:
            return Response(await self.text(), media_type=CONTENT_TYPE_LATEST)

        return router

    async def text(self) -> bytes:
        books, faults = await asyncio.gather(self._books(), self._health.faults())
        machine, times = machine_sample(self._app, self._beside(), faults), times_sample(self._app, self._times)
        return await self._aside.run(lambda: self._written(books, machine, times))

    async def _books(self) -> Books | None:
        """None: the journal did not become durable in time."""
        engine, clock = self._app.engine, self._app.clock
        try:
            async with asyncio.timeout(DURABLE_S):
                wallets = await self._slices.collected(wallet_samples)
                return Books(await engine.read(lambda state: desk_sample(state, clock.now_ns())), wallets)
        except (TimeoutError, EngineStopped):
            return None

    def _written(self, books: Books | None, machine: MachineSample, times: TimesSample) -> bytes:
        """In a thread: other threads get their turns between two lines."""
        sheet, registry = Sheet(), CollectorRegistry()
        tell_machine(sheet, machine, self._journal)
        tell_times(sheet, times)
        if books is not None:
            tell_desk(sheet, books.desk)
            tell_wallets(sheet, books.wallets)
            tell_limits(sheet, books.desk, books.wallets)
            tell_holds(sheet, books.desk, books.wallets)
        registry.register(_Filled(sheet))
        registry.register(self._process)
        return generate_latest(registry)

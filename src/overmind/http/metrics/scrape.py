"""`GET /metrics`: reads the books in slices of the event loop, and writes the text in a thread."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from msgspec.structs import replace
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from overmind.desk.app import App
from overmind.desk.log.setup import lines_lost
from overmind.http.health import ServiceHealth
from overmind.http.metrics.families import (
    MachineSample,
    NodeSample,
    desk_families,
    hold_families,
    limit_families,
    machine_families,
    wallet_families,
)
from overmind.http.metrics.journal_times import JournalTimes
from overmind.http.metrics.notice_families import TargetRows, notice_families
from overmind.http.metrics.samples import DeskSample, WalletSample, desk_sample, wallet_samples
from overmind.http.slices import Slices
from overmind.journal.aside import Aside
from overmind.notices.delivery import TargetRow
from overmind.solana.rpc import Endpoint

VERSION: Final = version("overmind")


class _Given(Collector):
    """Families that are made already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)


class Metrics:
    """The metrics of an open desk. `run` counts what the books do not keep."""

    def __init__(self, app: App, health: ServiceHealth, journal: Path, targets: TargetRows = lambda: ()) -> None:
        """`targets`: of notices."""
        self._app = app
        self._targets = targets
        self._health = health
        self._journal = journal
        self._slices = Slices(app.engine)
        self._counted = CollectorRegistry()
        self._times = JournalTimes(app.engine, app.clock, self._counted)
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
            return Response(await self._text(), media_type=CONTENT_TYPE_LATEST)

        return router

    async def _text(self) -> bytes:
        engine, clock = self._app.engine, self._app.clock
        wallets = await self._slices.collected(wallet_samples)
        desk = await engine.read(lambda state: desk_sample(state, clock.now_ns(), engine.backlog))
        machine = await self._machine()
        written = partial(self._written, desk, wallets, machine, self._targets())
        return await asyncio.get_running_loop().run_in_executor(self._aside, written)

    def _written(
        self,
        desk: DeskSample,
        wallets: Sequence[WalletSample],
        machine: MachineSample,
        targets: Sequence[TargetRow],
    ) -> bytes:
        """In a thread: other threads get their turns between two lines."""
        machine = replace(machine, journal_bytes=_size(self._journal))
        families = (
            *machine_families(machine),
            *desk_families(desk),
            *wallet_families(wallets),
            *limit_families(desk, wallets),
            *hold_families(desk, wallets),
            *notice_families(targets),
            *map(_without_times_of_birth, self._counted.collect()),
        )
        registry = CollectorRegistry()
        registry.register(_Given(families))
        return generate_latest(registry)

    async def _machine(self) -> MachineSample:
        app, turns = self._app, self._app.turns
        room = None if app.space is None else app.space.room
        founded = app.engine.state.founded
        return MachineSample(
            version=VERSION,
            mode=app.config.mode.value,
            cluster="" if founded is None else founded.cluster,
            ready=not await self._health.reasons(),
            log_lines_lost=lines_lost(),
            loop_turn_longest_ns=turns.longest_ns,
            loop_turns_long=turns.long,
            clock_ahead_s=app.clock_watch.ahead_s,
            disk_free_bytes=None if room is None else room.free_bytes,
            disk_days_left=None if room is None else room.days,
            journal_bytes=None,  # a disk is asked in the thread
            nodes=tuple(map(_node, app.nodes)),
        )


def _without_times_of_birth(family: Metric) -> Metric:
    """Each counter would tell when its series began: twice as many series, and nobody asks for these."""
    family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
    return family


def _node(node: Endpoint) -> NodeSample:
    health = node.health
    return NodeSample(node.name, health.resting, health.answered, health.failed_in_all, health.slow_s())


def _size(journal: Path) -> int | None:
    """Of the database and its log; None: they cannot be looked at."""
    with contextlib.suppress(OSError):
        return sum(path.stat().st_size for path in (journal, journal.with_name(f"{journal.name}-wal")) if path.exists())
    return None

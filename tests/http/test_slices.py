"""Long answers are made in slices: the loop turns between rows, and every row is durable when it is told."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from bench.desks import START_NS, bench_desk, bench_wallets, opening

from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.model.commands import EmergencyStop
from overmind.desk.engine import Engine
from overmind.desk.lane import Lane
from overmind.http.slices import Slices
from overmind.journal.memory import MemoryJournal
from overmind.text.printable import json_bytes
from overmind.views import reports
from overmind.views.risk import portfolio_risk, risk, wallet_risks

MS = 1_000_000
WALLETS = 20


def test_a_stop_comes_between_two_rows_and_is_durable_when_they_are_told() -> None:
    async def play() -> tuple[list[Any], int]:
        used_ns = 0

        def used() -> int:
            nonlocal used_ns
            used_ns += MS
            return used_ns

        engine = Engine(MemoryJournal(), VirtualClock(START_NS))
        writing = asyncio.create_task(engine.run())
        for command in opening(bench_desk(3), bench_wallets(WALLETS)):
            await engine.handle(command)
        slices = Slices(engine, Lane(used, 4 * MS, itertools.count(0, 4 * MS).__next__))
        looking = asyncio.create_task(
            slices.rows(lambda state: (reports.wallet_metrics(state, book) for book in [*state.wallets.values()]))
        )
        for _ in range(4):
            await asyncio.sleep(0)
        await engine.handle(EmergencyStop("a drill"))
        assert not looking.done()
        rows = json.loads(bytes((await looking).body))
        durable = engine.durable_seq
        assert durable == engine.state.seq
        writing.cancel()
        return rows, durable

    rows, _ = run_virtual(play())
    assert len(rows) == WALLETS
    statuses = [row["status"] for row in rows]
    assert statuses[0] == "Active"
    assert statuses[-1] == "Emergency"
    assert statuses == sorted(statuses)


def test_an_object_with_sliced_rows_equals_the_whole_view() -> None:
    async def play() -> tuple[bytes, bytes]:
        engine = Engine(MemoryJournal(), VirtualClock(START_NS))
        writing = asyncio.create_task(engine.run())
        for command in opening(bench_desk(3), bench_wallets(3)):
            await engine.handle(command)
        told = await Slices(engine).rows_in(lambda state: portfolio_risk(state, None), "wallets", wallet_risks)
        writing.cancel()
        return bytes(told.body), json_bytes(risk(engine.state, None))

    told, whole = run_virtual(play())
    assert told == whole

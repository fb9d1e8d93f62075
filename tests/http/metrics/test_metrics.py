"""What a scrape says of a desk whose books are known, and that the names keep the conventions of Prometheus."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from bench.desks import START_NS, bench_desk, bench_wallets, buy, opening
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from tests.support.core_desk import CoreDesk
from tests.support.stepping_clock import SteppingClock

from overmind.core.model.codes import Code
from overmind.core.model.commands import RecordOutcome
from overmind.core.model.ids import SOL
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.units import MICROS
from overmind.desk.engine import Engine, EngineStopped
from overmind.http.metrics.families import (
    MachineSample,
    NodeSample,
    desk_families,
    hold_families,
    limit_families,
    machine_families,
    wallet_families,
)
from overmind.http.metrics.journal_times import KINDS, JournalTimes
from overmind.http.metrics.samples import desk_sample, wallet_samples
from overmind.journal.memory import MemoryJournal

MACHINE = MachineSample(
    version="1",
    mode="paper",
    cluster="",
    ready=True,
    log_lines_lost=0,
    loop_turn_longest_ns=3_000_000,
    loop_turns_long=1,
    clock_ahead_s=-0.5,
    disk_free_bytes=10**9,
    disk_days_left=None,
    journal_bytes=4096,
    nodes=(NodeSample("http://node", is_resting=True, answered=7, failed=2, slow_s=0.03),),
)
BOUNDED = {
    *("wallet", "type", "limit", "scope", "cause", "token", "stage", "outcome", "answer", "code", "kind"),
    *("node", "result", "version", "mode", "cluster", "le"),
}


def families(desk: CoreDesk) -> Iterator[Metric]:
    state = desk.state
    wallets, whole = list(wallet_samples(state)), desk_sample(state, desk.now_ns, backlog=2)
    yield from machine_families(MACHINE)
    yield from desk_families(whole)
    yield from wallet_families(wallets)
    yield from limit_families(whole, wallets)
    yield from hold_families(whole, wallets)


def values(desk: CoreDesk) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.values()) or ''}": sample.value
        for family in families(desk)
        for sample in family.samples
    }


def test_the_books_of_a_desk() -> None:
    desk = CoreDesk("w1; w2; buy eth $1000; hold w2 operator")
    told = values(desk)
    assert told["overmind_equity_usd"] == 20_000.0
    assert told["overmind_wallet_equity_usd['w1']"] == told["overmind_wallet_equity_usd['w2']"] == 10_000.0
    assert told["overmind_wallet_free_usd['w1']"] + told["overmind_wallet_held_usd['w1']"] == 9_900.0
    assert told["overmind_wallet_held_usd['w1']"] == 1_000.0
    assert told["overmind_orders_open['placed']"] == told["overmind_signals_total['placed']"] == 1.0
    assert told["overmind_wallet_active['Primary', 'w1']"] == 1.0
    assert told["overmind_wallet_active['Primary', 'w2']"] == 0.0
    assert told["overmind_hold['operator', 'w2']"] == 1.0
    assert told["overmind_journal_entries_total"] == desk.state.seq
    assert told["overmind_journal_backlog_entries"] == 2.0
    assert told["overmind_price_age_seconds['ETH']"] >= 0.0
    assert told["overmind_rpc_requests_total['failed', 'http://node']"] == 2.0
    assert "overmind_disk_left_days" not in told, "what is not known is not told"


def test_use_and_headroom_of_every_limit_come_to_the_limit() -> None:
    desk = CoreDesk("w1; buy eth $1000")
    wallets, whole = list(wallet_samples(desk.state)), desk_sample(desk.state, desk.now_ns, 0)
    used, usd, count = limit_families(whole, wallets)
    headroom = {tuple(one.labels.values()): one.value for one in (*usd.samples, *count.samples)}
    ratios = {tuple(one.labels.values()): one.value for one in used.samples}
    assert headroom.keys() == ratios.keys()
    assert len(ratios) == len(whole.uses) + len(wallets[0].uses)
    for use in wallets[0].uses:
        place = ("wallet", "w1", use.name)
        left = headroom[place] * (1 if use.is_count else MICROS)
        assert left == pytest.approx(use.limit - use.used)
        assert ratios[place] == pytest.approx(use.used / use.limit, abs=1e-4)


@pytest.mark.parametrize(
    "family", list(families(CoreDesk("w1; buy eth $1000; hold w1 operator"))), ids=lambda one: one.name
)
def test_names_keep_the_conventions(family: Metric) -> None:
    assert re.fullmatch(r"overmind_[a-z][a-z_]*[a-z]", family.name)
    assert not family.name.endswith(("_total", "_ms", "_percent", "_bps"))
    assert family.documentation.endswith(".")
    for sample in family.samples:
        assert set(sample.labels) <= BOUNDED, "an order, a signal or a mint is no label"


def test_steps_of_an_order_are_timed_from_the_journal() -> None:
    registry = CollectorRegistry()

    async def run() -> None:
        clock, desk = SteppingClock(START_NS), bench_desk(3)
        engine = Engine(MemoryJournal(), clock)
        times = JournalTimes(engine, clock, registry)
        tasks = [asyncio.create_task(engine.run()), asyncio.create_task(times.run())]
        for command in (*opening(desk, bench_wallets(2)), buy(0, SOL, START_NS)):
            await engine.handle(command)
        (order_id,) = engine.state.open_orders
        await engine.handle(RecordOutcome(order_id, Rejected(Cause.BAD_QUOTE, "")))
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError, EngineStopped):
            await asyncio.gather(*tasks)

    asyncio.run(run())
    assert registry.get_sample_value("overmind_order_settled_seconds_count", {"kind": "entry"}) == 1.0
    assert registry.get_sample_value("overmind_order_signed_seconds_count", {"kind": "entry"}) == 0.0
    assert registry.get_sample_value("overmind_entry_durable_seconds_count") >= 1.0


def test_every_rule_has_a_series_from_the_start() -> None:
    """A rate over a series that appears with its first refusal would miss that one."""
    registry = CollectorRegistry()
    clock = SteppingClock(START_NS)
    JournalTimes(Engine(MemoryJournal(), clock), clock, registry)
    for code in Code:
        assert registry.get_sample_value("overmind_signals_refused_total", {"code": code.value}) == 0.0
    for kind in KINDS:
        assert registry.get_sample_value("overmind_order_final_seconds_count", {"kind": kind}) == 0.0

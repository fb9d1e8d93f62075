"""What a scrape says of a desk whose books are known, and that the names keep the conventions of Prometheus."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from bench.desks import START_NS, bench_desk, bench_wallets, buy, opening
from msgspec.structs import replace
from prometheus_client.metrics_core import Metric
from tests.support.core_desk import CoreDesk
from tests.support.stepping_clock import SteppingClock

from overmind.core.model.codes import Code
from overmind.core.model.commands import AddHold, RecordOutcome, RecordTicket
from overmind.core.model.controls import Scope
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import SOL
from overmind.core.model.order import Ticket
from overmind.core.model.outcome import Cause, Failed
from overmind.core.model.units import MICROS, NS
from overmind.desk.engine import Engine, EngineStopped
from overmind.desk.times import Sent, Times
from overmind.http.health import Fault
from overmind.http.metrics.families import tell_desk, tell_holds, tell_limits, tell_wallets
from overmind.http.metrics.family import Family, Kind
from overmind.http.metrics.journal_times import DURABLE_BOUNDS_NS, KINDS, ORDER_BOUNDS_NS, OUTCOMES, JournalTimes, Step
from overmind.http.metrics.machine import (
    BesideSample,
    MachineSample,
    NodeSample,
    RouteSample,
    SwapSample,
    TimesSample,
    tell_machine,
    tell_times,
    unlike,
)
from overmind.http.metrics.samples import desk_sample, wallet_samples
from overmind.http.metrics.sheet import Sheet
from overmind.http.metrics.table import FAMILIES
from overmind.journal.memory import MemoryJournal
from overmind.notices.delivery import TargetRow

NODE = NodeSample(
    "http://node", is_resting=True, answered=7, failed=2, slow_s=0.03, asking=1, waiting=4, quota_used=0.5
)
SWAPS = SwapSample("http://swaps", answered=3, failed=1, unasked=5, is_paused=False, quota_used=0.25)
MACHINE = MachineSample(
    mode="paper",
    cluster="",
    faults=dict.fromkeys(Fault, 0),
    alarms={"log": 1},
    seq=70,
    backlog=2,
    last_entry_ns=5 * NS,
    is_locked=False,
    snapshot_lag=10,
    states_lag=20,
    keeper_failures=0,
    disk_free_bytes=10**9,
    disk_left_s=86_400.0,
    nodes=(NODE, NODE),
    swap_servers=(SWAPS,),
    routes=(RouteSample("relay", sent=9, refused=2, waited=4, limited=1, landed=6, expired=3),),
    silent={("first", "swap server"): False, ("second", "pyth"): True},
    clock_ahead_s=-0.5,
    clock_doubts=1,
    log_lines_lost=0,
    turn_longest_ns=3_000_000,
    turns_long=1,
    beside=BesideSample(
        30,
        True,
        {"views": 4},
        {"events": 1, "pages": 2},
        {"recognised": 1, "anonymous": 0},
        (TargetRow("1 (json)", delivered=5, failed=1, dropped=2, waiting=3, stalled_s=25.0),),
    ),
)
ORDER_TIMES, DISK_TIMES = Times.within(ORDER_BOUNDS_NS), Times.within(DURABLE_BOUNDS_NS)
TIMES = TimesSample(
    decided=DISK_TIMES,
    durable=DISK_TIMES,
    journaled=DISK_TIMES,
    steps={step: dict.fromkeys(KINDS, ORDER_TIMES) for step in Step},
    refused=dict.fromkeys(Code, 0),
    closed=dict.fromkeys(OUTCOMES, 0),
    oldest_open_ns=None,
    lost=0,
)
DESK = "w1; w2; buy eth $1000; hold w2 operator; mark eth 2000 says 2010"


def families(desk: CoreDesk) -> Iterator[Metric]:
    state, sheet = desk.state, Sheet()
    wallets, whole = list(wallet_samples(state)), desk_sample(state, desk.now_ns)
    tell_machine(sheet, MACHINE, Path(__file__))
    tell_times(sheet, TIMES)
    tell_desk(sheet, whole)
    tell_wallets(sheet, wallets)
    tell_limits(sheet, whole, wallets)
    tell_holds(sheet, whole, wallets)
    return sheet.collect()


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
    assert told["overmind_holds['operator', 'w2', 'wallet']"] == 1.0
    assert told["overmind_price_age_seconds['ETH']"] >= 0.0
    assert told["overmind_alarms['landing']"] == 0.0
    assert told["overmind_limit_utilisation_ratio['', 'emergency', 'portfolio']"] == 0.0
    assert told["overmind_strategy_limit_utilisation_ratio['MomentumTrading', 'share', 'w1']"] > 0.0


def test_the_machine_of_a_desk() -> None:
    told = values(CoreDesk("w1"))
    assert told["overmind_ready"] == 1.0
    assert told["overmind_ready_faults['keeper']"] == 0.0
    assert told["overmind_rpc_requests_total['failed', 'http://node']"] == 2.0
    assert told["overmind_rpc_requests_total['failed', 'http://node (2)']"] == 2.0
    assert told["overmind_swap_requests_total['http://swaps', 'unasked']"] == 5.0
    assert told["overmind_route_sends_total['refused', 'relay']"] == 2.0
    assert told["overmind_route_waits_total['relay']"] == 4.0
    assert told["overmind_route_rate_limited_total['relay']"] == 1.0
    assert told["overmind_route_landings_total['expired', 'relay']"] == 3.0
    assert told["overmind_price_source_silent['pyth', 'second']"] == 1.0
    assert told["overmind_disk_left_seconds"] == 86_400.0
    unknown = Sheet()
    tell_machine(unknown, replace(MACHINE, disk_left_s=None, clock_ahead_s=None), Path(__file__))
    names = {sample.name for family in unknown.collect() for sample in family.samples}
    assert not {"overmind_disk_left_seconds", "overmind_clock_ahead_seconds"} & names, "what is not known is not told"


def test_a_price_that_is_doubted_says_so() -> None:
    desk = CoreDesk("desk jump 20; w1; mark eth 2000; mark eth 1000")
    assert desk.state.doubted
    assert values(desk)["overmind_price_doubted['ETH']"] == 1.0
    assert values(desk)["overmind_price_doubted['SOL']"] == 0.0


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a (2)", "a (3)"]),
        (["a (2)", "a", "a"], ["a (2)", "a", "a (3)"]),
    ],
)
def test_two_servers_of_one_host_are_two_series(names: list[str], told: list[str]) -> None:
    assert unlike(names) == told


def test_no_series_comes_twice() -> None:
    """Prometheus would refuse the whole scrape. A wallet may have any name, and a deficit names its wallet."""
    desk = CoreDesk("portfolio; TokenSniping; w1")
    desk.play("hold portfolio operator; hold w1 operator; chain w1 usd -5; chain TokenSniping usd -5")
    desk.do(AddHold(Scope(strategy=StrategyType.TOKEN_SNIPING), "operator", "a drill"))
    assert {"deficit:w1", "deficit:TokenSniping"} <= set(desk.state.holds)
    samples = [
        (sample.name, tuple(sorted(sample.labels.items()))) for family in families(desk) for sample in family.samples
    ]
    assert len(samples) == len(set(samples))
    assert values(desk)["overmind_holds['', 'deficit', 'portfolio']"] == 2.0


def test_use_and_headroom_of_every_limit_come_to_the_limit() -> None:
    desk = CoreDesk("w1; buy eth $1000")
    wallets, whole = list(wallet_samples(desk.state)), desk_sample(desk.state, desk.now_ns)
    sheet = Sheet()
    tell_limits(sheet, whole, wallets)
    told = {family.name: family.samples for family in sheet.collect()}
    left = (*told["overmind_limit_headroom_usd"], *told["overmind_limit_headroom_items"])
    headroom = {tuple(one.labels.values()): one.value for one in left}
    ratios = {tuple(one.labels.values()): one.value for one in told["overmind_limit_utilisation_ratio"]}
    assert headroom.keys() == ratios.keys()
    assert len(ratios) == len(whole.uses) + len(whole.losses) + len(wallets[0].uses)
    for use in wallets[0].uses:
        place = ("wallet", "w1", use.name)
        left_over = headroom[place] * (1 if use.is_count else MICROS)
        assert left_over == pytest.approx(use.limit - use.used)
        assert ratios[place] == pytest.approx(use.used / use.limit, abs=1e-4)


def test_a_whole_scrape_has_every_family_of_the_table() -> None:
    """And each sample has the labels that the table says."""
    names = {family.name: family for family in FAMILIES}
    assert len(names) == len(FAMILIES)
    for metric, family in zip(families(CoreDesk(DESK)), FAMILIES, strict=True):
        assert metric.samples, f"nothing fills {family.name}"
        for sample in metric.samples:
            assert set(sample.labels) - {"le"} == set(family.labels), family.name


BOUNDED = {
    *("wallet", "type", "limit", "scope", "name", "cause", "token", "stage", "outcome", "answer", "code", "kind"),
    *(
        "strategy",
        "node",
        "server",
        "route",
        "result",
        "order",
        "source",
        "about",
        "target",
        "version",
        "mode",
        "cluster",
    ),
}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_names_keep_the_conventions(family: Family) -> None:
    assert re.fullmatch(r"[a-z][a-z_]*[a-z]", family.name)
    assert not family.name.endswith(("_total", "_ms", "_percent", "_bps", "_count", "_sum", "_days", "_hours"))
    assert family.meaning.endswith(".")
    assert set(family.labels) <= BOUNDED, "an order, a signal or a mint is no label"
    unit = {"USD": "_usd", "SOL": "_sol", "seconds": "_seconds", "bytes": "_bytes", "ratio": "_ratio"}
    assert family.name.endswith(unit.get(family.unit.value, ""))
    assert family.kind is not Kind.HISTOGRAM or family.unit.value == "seconds"


def test_steps_of_an_order_are_timed_from_the_journal() -> None:
    sent: deque[Sent] = deque()

    async def run() -> JournalTimes:
        clock, desk = SteppingClock(START_NS), bench_desk(3)
        engine = Engine(MemoryJournal(), clock)
        times = JournalTimes(engine, clock, sent)
        tasks = [asyncio.create_task(engine.run()), asyncio.create_task(times.run())]
        for command in (*opening(desk, bench_wallets(2)), buy(0, SOL, START_NS)):
            await engine.handle(command)
        (order_id,) = engine.state.open_orders
        await asyncio.sleep(0)
        assert times.oldest_open_ns() is not None
        await engine.handle(RecordTicket(order_id, Ticket("signature", b"")))
        sent.extend((Sent(order_id, clock.now_ns()), Sent(order_id, clock.now_ns() + 90 * NS)))
        await engine.handle(RecordOutcome(order_id, Failed(5_000, Cause.SLIPPAGE, "")))
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError, EngineStopped):
            await asyncio.gather(*tasks)
        return times

    times = asyncio.run(run())
    counts = {(step, kind): sum(one.counts) for step, kinds in times.steps.items() for kind, one in kinds.items()}
    one = {(step, "entry"): 1 for step in (Step.SIGNED, Step.SENT, Step.CONFIRMED)}
    assert counts == dict.fromkeys(counts, 0) | one
    assert times.steps[Step.SENT]["entry"].sum_ns < 60 * NS, "only the first send counts"
    assert sum(times.durable.counts) == 1
    assert sum(times.journaled.counts) >= 1
    assert times.oldest_open_ns() is None
    assert times.closed == dict.fromkeys(OUTCOMES, 0) | {"failed": 1}
    assert not sent


def test_times_fall_into_the_bucket_that_holds_them() -> None:
    times = Times.within((10, 100))
    for took in (-5, 0, 10, 11, 100, 101, 10**9):
        times.add(took)
    assert times.counts == [3, 2, 2]
    assert times.sum_ns == 0 + 10 + 11 + 100 + 101 + 10**9


def test_every_rule_has_a_series_from_the_start() -> None:
    """A rate over a series that appears with its first refusal would miss that one."""
    clock = SteppingClock(START_NS)
    times = JournalTimes(Engine(MemoryJournal(), clock), clock, deque())
    assert times.refused == dict.fromkeys(Code, 0)
    assert all(set(kinds) == set(KINDS) for kinds in times.steps.values())

"""What a scrape reads beside the books: the journal's disk, the network, the process, and times of orders."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from overmind.core.model.codes import Code
from overmind.core.model.units import DAY_NS, NS
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.desk.log.setup import lines_lost
from overmind.desk.market import Remote, RouteSource
from overmind.desk.times import Times
from overmind.http.health import Fault, machine_alarms_by_kind
from overmind.http.metrics import table
from overmind.http.metrics.journal_times import JournalTimes, Step
from overmind.http.metrics.sheet import Sheet
from overmind.notices.delivery import TargetRow
from overmind.ports import JournalFailed
from overmind.solana.jupiter_api import JupiterApi
from overmind.solana.rpc import Endpoint

VERSION: Final = version("overmind")
DAY_S: Final = DAY_NS // NS
STEPS: Final = {
    Step.SIGNED: table.SIGNED,
    Step.SENT: table.SENT,
    Step.CONFIRMED: table.CONFIRMED,
    Step.FINAL: table.FINAL,
}


class BesideSample(Value, frozen=True):
    """What runs beside the desk in the service."""

    catalogue_lag: int | None  # None: the catalogue is not open
    charts_behind: bool
    answers_lags: Mapping[str, int]  # by source
    streams: Mapping[str, int]
    connections: Mapping[str, int]
    targets: Sequence[TargetRow] = ()  # of notices


class NodeSample(Value, frozen=True):
    """A node that the desk asks."""

    name: str
    is_resting: bool
    answered: int
    failed: int
    slow_s: float | None  # 95th percentile of its newest latencies
    asking: int
    waiting: int
    quota_used: float


class SwapSample(Value, frozen=True):
    """A swap server that the desk asks."""

    name: str
    answered: int
    failed: int
    unasked: int
    is_paused: bool
    quota_used: float | None  # None: it has no quota


class RouteSample(Value, frozen=True):
    """A route to the chain."""

    name: str
    sent: int
    refused: int
    waited: int
    limited: int
    landed: int
    expired: int


class MachineSample(Value, frozen=True):
    """What the process knows beside the books. None: it is not known, or there is none."""

    mode: str
    cluster: str
    faults: Mapping[Fault, int]
    alarms: Mapping[str, int]
    seq: int
    backlog: int
    last_entry_ns: int
    is_locked: bool
    snapshot_lag: int | None
    states_lag: int | None
    keeper_failures: int | None
    disk_free_bytes: int | None
    disk_left_s: float | None
    nodes: tuple[NodeSample, ...]
    swap_servers: tuple[SwapSample, ...]
    routes: tuple[RouteSample, ...]
    silent: Mapping[tuple[str, str], bool]  # sources of prices, by order and name
    clock_ahead_s: float | None
    clock_doubts: int
    log_lines_lost: int
    turn_longest_ns: int
    turns_long: int
    beside: BesideSample


class TimesSample(Value, frozen=True):
    """Copies for another thread."""

    decided: Times
    durable: Times
    journaled: Times
    steps: Mapping[Step, Mapping[str, Times]]
    refused: Mapping[Code, int]
    closed: Mapping[str, int]
    oldest_open_ns: int | None  # how long it has been open
    lost: int


def machine_sample(app: App, beside: BesideSample, faults: Mapping[Fault, tuple[str, ...]]) -> MachineSample:
    founded, state, keeper = app.engine.state.founded, app.engine.state, app.keeper
    room = None if app.space is None else app.space.room
    return MachineSample(
        mode=app.config.mode.value,
        cluster="" if founded is None else founded.cluster,
        faults={fault: len(found) for fault, found in faults.items()},
        alarms={alarm.value: len(found) for alarm, found in machine_alarms_by_kind(app).items()},
        seq=app.engine.durable_seq,
        backlog=app.engine.backlog,
        last_entry_ns=state.at_ns,
        is_locked=_is_locked(app),
        snapshot_lag=None if keeper is None else keeper.snapshot_lag,
        states_lag=None if keeper is None else keeper.states_lag,
        keeper_failures=None if keeper is None else keeper.failures,
        disk_free_bytes=None if room is None else room.free_bytes,
        disk_left_s=None if room is None or room.days is None else room.days * DAY_S,
        nodes=tuple(map(_node, app.remote.nodes)),
        swap_servers=tuple(map(_swap_server, app.remote.swap_servers)),
        routes=tuple(map(_route, app.remote.routes)),
        silent=dict(_silent(app.remote)),
        clock_ahead_s=app.clock_watch.ahead_s,
        clock_doubts=app.clock_watch.doubts,
        log_lines_lost=lines_lost(),
        turn_longest_ns=app.turns.longest_ns,
        turns_long=app.turns.long,
        beside=beside,
    )


def times_sample(app: App, times: JournalTimes) -> TimesSample:
    oldest_ns = times.oldest_open_ns()
    return TimesSample(
        decided=app.times.decided.copy(),
        durable=times.durable.copy(),
        journaled=times.journaled.copy(),
        steps={step: {kind: one.copy() for kind, one in kinds.items()} for step, kinds in times.steps.items()},
        refused={**times.refused},
        closed={**times.closed},
        oldest_open_ns=None if oldest_ns is None else max(0, app.clock.now_ns() - oldest_ns),
        lost=times.lost,
    )


def _is_locked(app: App) -> bool:
    try:
        return app.storage().locked is not None
    except JournalFailed:
        return True


def _node(node: Endpoint) -> NodeSample:
    health, budget = node.health, node.budget
    return NodeSample(
        name=node.name,
        is_resting=health.resting,
        answered=health.answered,
        failed=health.failed_in_all,
        slow_s=health.slow_s(),
        asking=health.asking,
        waiting=budget.waiting,
        quota_used=budget.used,
    )


def _swap_server(server: JupiterApi) -> SwapSample:
    per_min = server.quota.per_min
    used = None if per_min is None else server.quota.used / per_min
    return SwapSample(server.name, server.answered, server.failed, server.unasked, server.paused, used)


def _route(route: RouteSource) -> RouteSample:
    sends, landings = route.sends, route.landings
    return RouteSample(
        route.name.value,
        sends.sent,
        sends.refused,
        sends.waited,
        sends.limited,
        landings.landed,
        landings.expired,
    )


def _silent(remote: Remote) -> Iterator[tuple[tuple[str, str], bool]]:
    for order, source in (("first", remote.first_prices), ("second", remote.second_prices)):
        if source is not None:
            yield (order, source.name), source.silent


def tell_machine(sheet: Sheet, machine: MachineSample, journal: Path) -> None:
    """In a thread: it asks the disk."""
    sheet.add(table.INFO, 1, VERSION, machine.mode, machine.cluster)
    sheet.add(table.READY, not any(machine.faults.values()))
    for fault, count in machine.faults.items():
        sheet.add(table.FAULTS, count, fault.value)
    for about, count in machine.alarms.items():
        sheet.add(table.ALARMS, count, about)
    _tell_journal(sheet, machine)
    sheet.add_known(table.JOURNAL_SIZE, _size(journal))
    for node, name in zip(machine.nodes, unlike(one.name for one in machine.nodes), strict=True):
        _tell_node(sheet, node, name)
    for server, name in zip(machine.swap_servers, unlike(one.name for one in machine.swap_servers), strict=True):
        _tell_swap_server(sheet, server, name)
    for route in machine.routes:
        _tell_route(sheet, route)
    for source, silent in machine.silent.items():
        sheet.add(table.SOURCE_SILENT, silent, *source)
    _tell_process(sheet, machine)


def _tell_journal(sheet: Sheet, machine: MachineSample) -> None:
    sheet.add(table.ENTRIES, machine.seq)
    sheet.add(table.BACKLOG, machine.backlog)
    sheet.add_seconds(table.LAST_ENTRY, machine.last_entry_ns)
    sheet.add(table.JOURNAL_LOCKED, machine.is_locked)
    sheet.add_known(table.SNAPSHOT_LAG, machine.snapshot_lag)
    sheet.add_known(table.STATES_LAG, machine.states_lag)
    sheet.add_known(table.KEEPER_FAILURES, machine.keeper_failures)
    sheet.add_known(table.CATALOGUE_LAG, machine.beside.catalogue_lag)
    sheet.add(table.CHARTS_BEHIND, machine.beside.charts_behind)
    sheet.add_known(table.DISK_FREE, machine.disk_free_bytes)
    sheet.add_known(table.DISK_LEFT, machine.disk_left_s)


def _tell_node(sheet: Sheet, node: NodeSample, name: str) -> None:
    sheet.add(table.NODE_RESTING, node.is_resting, name)
    sheet.add(table.NODE_REQUESTS, node.answered, name, "answered")
    sheet.add(table.NODE_REQUESTS, node.failed, name, "failed")
    sheet.add_known(table.NODE_LATENCY, node.slow_s, name)
    sheet.add(table.NODE_ASKING, node.asking, name)
    sheet.add(table.NODE_WAITING, node.waiting, name)
    sheet.add(table.NODE_QUOTA, node.quota_used, name)


def _tell_swap_server(sheet: Sheet, server: SwapSample, name: str) -> None:
    sheet.add(table.SWAP_REQUESTS, server.answered, name, "answered")
    sheet.add(table.SWAP_REQUESTS, server.failed, name, "failed")
    sheet.add(table.SWAP_REQUESTS, server.unasked, name, "unasked")
    sheet.add(table.SWAP_PAUSED, server.is_paused, name)
    sheet.add_known(table.SWAP_QUOTA, server.quota_used, name)


def _tell_route(sheet: Sheet, route: RouteSample) -> None:
    sheet.add(table.ROUTE_SENDS, route.sent, route.name, "accepted")
    sheet.add(table.ROUTE_SENDS, route.refused, route.name, "refused")
    sheet.add(table.ROUTE_WAITS, route.waited, route.name)
    sheet.add(table.ROUTE_LIMITED, route.limited, route.name)
    sheet.add(table.ROUTE_LANDINGS, route.landed, route.name, "landed")
    sheet.add(table.ROUTE_LANDINGS, route.expired, route.name, "expired")


def _tell_process(sheet: Sheet, machine: MachineSample) -> None:
    sheet.add_known(table.CLOCK_AHEAD, machine.clock_ahead_s)
    sheet.add(table.CLOCK_DOUBTS, machine.clock_doubts)
    sheet.add(table.LOG_LOST, machine.log_lines_lost)
    sheet.add_seconds(table.TURN_LONGEST, machine.turn_longest_ns)
    sheet.add(table.TURNS_LONG, machine.turns_long)
    for source, lag in machine.beside.answers_lags.items():
        sheet.add(table.ANSWERS_LAG, lag, source)
    for kind, count in machine.beside.streams.items():
        sheet.add(table.STREAMS, count, kind)
    for kind, count in machine.beside.connections.items():
        sheet.add(table.CONNECTIONS, count, kind)
    for target in machine.beside.targets:
        _tell_target(sheet, target)


def _tell_target(sheet: Sheet, row: TargetRow) -> None:
    sheet.add(table.NOTICES, row.delivered, row.target, "delivered")
    sheet.add(table.NOTICES, row.failed, row.target, "failed")
    sheet.add(table.NOTICES, row.dropped, row.target, "dropped")
    sheet.add(table.NOTICES_WAITING, row.waiting, row.target)
    sheet.add(table.NOTICES_STALLED, row.stalled_s, row.target)


def tell_times(sheet: Sheet, times: TimesSample) -> None:
    sheet.add_times(table.DECIDED, times.decided)
    sheet.add_times(table.DURABLE, times.durable)
    sheet.add_times(table.JOURNALED, times.journaled)
    for step, kinds in times.steps.items():
        for kind, one in kinds.items():
            sheet.add_times(STEPS[step], one, kind)
    for code, count in times.refused.items():
        sheet.add(table.REFUSED, count, code.value)
    for outcome, count in times.closed.items():
        sheet.add(table.ORDERS_CLOSED, count, outcome)
    sheet.add_seconds(table.OLDEST_OPEN, times.oldest_open_ns or 0)
    sheet.add(table.FEED_LOST, times.lost)


def unlike(names: Iterable[str]) -> list[str]:
    """Two servers of one host, with different keys say, are told apart: else a scrape would have one series twice."""
    told: list[str] = []
    for name in names:
        other, number = name, 1
        while other in told:
            number += 1
            other = f"{name} ({number})"
        told.append(other)
    return told


def _size(journal: Path) -> int | None:
    """Of the database and its log; None: they cannot be looked at."""
    with contextlib.suppress(OSError):
        return sum(path.stat().st_size for path in (journal, journal.with_name(f"{journal.name}-wal")) if path.exists())
    return None

"""The metrics of a desk, from what a scrape has read. Names follow the conventions of Prometheus: base units, plural.

USD amounts are floats here, for graphs and alerts. The exact amounts are in the other routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from overmind.core.model.units import LAMPORTS, MICROS, NS
from overmind.core.model.value import Value
from overmind.http.metrics.samples import PORTFOLIO, DeskSample, WalletSample
from overmind.views.utilisation import LimitUse

WALLET: Final = ["wallet"]
LIMIT: Final = ["scope", "wallet", "limit"]


class NodeSample(Value, frozen=True):
    """A node of the cluster."""

    name: str
    is_resting: bool
    answered: int
    failed: int
    slow_s: float | None  # 95th percentile of its newest latencies


class MachineSample(Value, frozen=True):
    """What the process knows beside the books. None: it is not known, or there is none."""

    version: str
    mode: str
    cluster: str
    ready: bool
    log_lines_lost: int
    loop_turn_longest_ns: int
    loop_turns_long: int
    clock_ahead_s: float | None
    disk_free_bytes: int | None
    disk_days_left: float | None
    journal_bytes: int | None
    nodes: tuple[NodeSample, ...]


def _usd(micros: int) -> float:
    return micros / MICROS


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"overmind_{name}", meaning, value=value)


def _counter(name: str, meaning: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"overmind_{name}", meaning, value=value)


def _gauges(name: str, meaning: str, labels: Sequence[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"overmind_{name}", meaning, labels=labels)


def _counters(name: str, meaning: str, labels: Sequence[str]) -> CounterMetricFamily:
    return CounterMetricFamily(f"overmind_{name}", meaning, labels=labels)


def desk_families(desk: DeskSample) -> Iterator[Metric]:
    yield _gauge("equity_usd", "Quote currency, positions and SOL for fees of all wallets.", _usd(desk.equity))
    yield _gauge("deposited_usd", "Deposits less withdrawals since the beginning.", _usd(desk.deposited))
    yield _gauge("day_pnl_usd", "Gain since 00:00 UTC, net of all costs.", _usd(desk.day_pnl))
    yield _gauge("realised_pnl_usd", "Gain of what was sold, net of all costs.", _usd(desk.realised))
    yield _gauge("unrealised_pnl_usd", "Gain of what is held, at the newest marks.", _usd(desk.unrealised))
    yield _gauge("exposure_usd", "Positions, and capital that is held for buys.", _usd(desk.exposure))
    peak = desk.peak_gain + desk.deposited
    lost = max(0, peak - desk.equity)
    yield _gauge("drawdown_ratio", "Loss from the highest equity, deposits apart.", lost / peak if peak > 0 else 0.0)
    yield from _price_families(desk)
    yield from _order_families(desk)
    yield _counter("journal_entries", "Entries of the journal since its beginning.", desk.seq)
    yield _gauge("journal_backlog_entries", "Decided entries that are not on disk yet.", desk.backlog)


def _price_families(desk: DeskSample) -> Iterator[Metric]:
    ages = _gauges("price_age_seconds", "Age of the newest mark of a listed token.", ["token"])
    doubted = _gauges("price_doubted", "1 while a listed token's price is not believed.", ["token"])
    for token, age_ns in desk.price_ages.items():
        ages.add_metric([token], max(0, age_ns) / NS)
        doubted.add_metric([token], token in desk.doubted)
    yield from (ages, doubted)


def _order_families(desk: DeskSample) -> Iterator[Metric]:
    stats = desk.stats
    open_orders = _gauges("orders_open", "Orders without a final outcome, by stage.", ["stage"])
    open_orders.add_metric(["placed"], desk.orders_placed)
    open_orders.add_metric(["signed"], desk.orders_signed)
    open_orders.add_metric(["provisional"], stats.provisional_executions)
    closed = _counters("orders_closed", "Orders by how they ended.", ["outcome"])
    closed.add_metric(["filled"], stats.successful_executions)
    closed.add_metric(["failed"], stats.failed_executions)
    closed.add_metric(["expired"], stats.expired_executions)
    closed.add_metric(["rejected"], stats.rejected_executions)
    signals = _counters("signals", "Signals by their answer; known ones count once.", ["answer"])
    signals.add_metric(["placed"], stats.signals - stats.signals_refused - stats.signals_recorded)
    signals.add_metric(["refused"], stats.signals_refused)
    signals.add_metric(["recorded"], stats.signals_recorded)
    yield from (open_orders, closed, signals)
    yield _counter("orders_rolled_back", "Outcomes that a fork undid.", stats.rolled_back_executions)


def wallet_families(rows: Iterable[WalletSample]) -> Iterator[Metric]:
    kind = _gauges("wallet_active", "1 while the wallet takes entries.", ["wallet", "type"])
    amounts = {
        field: _gauges(f"wallet_{name}_usd", meaning, WALLET)
        for field, name, meaning in (
            ("equity", "equity", "Quote currency, positions and SOL for fees of the wallet."),
            ("free", "free", "Quote currency that new orders may use."),
            ("held", "held", "Quote currency that is held for open orders."),
            ("day_pnl", "day_pnl", "Gain of the wallet since 00:00 UTC, net of all costs."),
        )
    }
    floats = _gauges("wallet_fee_float_sol", "SOL that pays for fees and rent.", WALLET)
    positions = _gauges("wallet_positions", "Tokens that the wallet holds.", WALLET)
    for row in rows:
        kind.add_metric([row.wallet, row.type], row.is_active)
        for field, family in amounts.items():
            family.add_metric([row.wallet], _usd(getattr(row, field)))
        floats.add_metric([row.wallet], row.fee_float / LAMPORTS)
        positions.add_metric([row.wallet], row.positions)
    yield from (kind, *amounts.values(), floats, positions)


def limit_families(desk: DeskSample, wallets: Iterable[WalletSample]) -> Iterator[Metric]:
    """Each limit of the portfolio and of each wallet, from the limit table."""
    used = _gauges("limit_utilisation_ratio", "Used share of a limit; 1 is all of it.", LIMIT)
    usd = _gauges("limit_headroom_usd", "What a limit in USD still lets through.", LIMIT)
    count = _gauges("limit_headroom_count", "What a limit of a number still lets through.", LIMIT)
    for scope, wallet, use in _all_uses(desk, wallets):
        labels, headroom = [scope, wallet, use.name], max(0, use.limit - use.used)
        used.add_metric(labels, use.percent / 100)
        if use.is_count:
            count.add_metric(labels, headroom)
        else:
            usd.add_metric(labels, _usd(headroom))
    yield from (used, usd, count)


def _all_uses(desk: DeskSample, wallets: Iterable[WalletSample]) -> Iterator[tuple[str, str, LimitUse]]:
    yield from ((PORTFOLIO, "", use) for use in desk.uses)
    yield from (("wallet", row.wallet, use) for row in wallets for use in row.uses)


def hold_families(desk: DeskSample, wallets: Iterable[WalletSample]) -> Iterator[Metric]:
    holds = _gauges("hold", "1 for each hold that keeps entries back.", ["scope", "cause"])
    for cause in desk.holds:
        holds.add_metric([PORTFOLIO, cause], 1)
    for strategy in desk.paused:
        holds.add_metric([strategy, "operator"], 1)
    for row in wallets:
        for cause in row.holds:
            holds.add_metric([row.wallet, cause], 1)
    yield holds


def machine_families(machine: MachineSample) -> Iterator[Metric]:
    labels = {"version": machine.version, "mode": machine.mode, "cluster": machine.cluster}
    yield InfoMetricFamily("overmind_desk", "What runs here.", labels)
    yield _gauge("ready", "1 while the desk can trade; /readyz says why not.", machine.ready)
    yield _counter("log_lines_lost", "Lines that the log could not write.", machine.log_lines_lost)
    longest_s = machine.loop_turn_longest_ns / NS
    yield _gauge("loop_turn_longest_seconds", "Longest turn of the event loop, in processor time.", longest_s)
    yield _counter(
        "loop_turns_long", "Turns of the event loop of more than 20 ms of processor time.", machine.loop_turns_long
    )
    for name, meaning, value in (
        ("clock_ahead_seconds", "How far the clock is ahead of block time.", machine.clock_ahead_s),
        ("disk_free_bytes", "Free room on the disk of the data folder.", machine.disk_free_bytes),
        ("disk_left_days", "How long that room lasts at the measured rate.", machine.disk_days_left),
        ("journal_size_bytes", "Size of the journal's database.", machine.journal_bytes),
    ):
        if value is not None:
            yield _gauge(name, meaning, value)
    yield from _node_families(machine.nodes)


def _node_families(nodes: Iterable[NodeSample]) -> Iterator[Metric]:
    resting = _gauges("rpc_node_resting", "1 while a node rests after failures.", ["node"])
    requests = _counters("rpc_requests", "Requests to a node by result.", ["node", "result"])
    slow = _gauges("rpc_node_latency_seconds", "95th percentile of a node's newest latencies.", ["node"])
    for node in nodes:
        resting.add_metric([node.name], node.is_resting)
        requests.add_metric([node.name, "answered"], node.answered)
        requests.add_metric([node.name, "failed"], node.failed)
        if node.slow_s is not None:
            slow.add_metric([node.name], node.slow_s)
    yield from (resting, requests, slow)

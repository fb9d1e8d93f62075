"""Measures the core alone: gate, reserve, rank and settle, without engine or disk."""

from __future__ import annotations

import time

from bench.desks import START_NS, PureDesk, buy
from bench.measure import Result, quiet_collector, spread_of, timed
from overmind.core.books.apply import apply
from overmind.core.entries.entering import entry_order
from overmind.core.entries.gate import signal_may_enter, wallet_may_enter
from overmind.core.entries.request import entry_request, stale_at_ns
from overmind.core.model.commands import RecordOutcome, RecordTicket, SubmitSignal
from overmind.core.model.events import Entry, OrderPlaced
from overmind.core.model.order import Order, Ticket
from overmind.core.model.outcome import Filled
from overmind.core.model.route import RouteName
from overmind.core.model.selection import CostTerms, Selection

ROUNDS = 8_000
BURST = 100
FREE = CostTerms(0.0, 0.0, 0.0, 0.0, 0.0)


def selection() -> list[Result]:
    results, p50 = [], {}
    for wallets in (4, 50, 1_000, 10_000):
        gated, ranked, settled = _times(wallets)
        p50[wallets] = spread_of(ranked).p50
        for name, times, target in (("gate + reserve", gated, 20.0), ("gate + rank + reserve", ranked, 60.0)):
            spread = spread_of(times)
            promised = wallets == 50
            results.append(
                Result(
                    f"{name}, {wallets:,} wallets",
                    f"< {target:g} µs p50" if promised else "",
                    spread.p50 < target if promised else None,
                    spread.p50,
                    "µs",
                    spread,
                )
            )
        results.append(Result(f"settle a fill, {wallets:,} wallets", "", None, spread_of(settled).p50, "µs"))
    ratio = p50[10_000] / p50[50]
    results.append(Result("10,000 wallets against 50, ranked", "≤ 4×", ratio <= 4, ratio, "×"))
    return results


def _times(wallets: int) -> tuple[list[int], list[int], list[int]]:
    """Measures bursts of signals on one desk: the first wallet that the gate admits, and the ranked choice."""
    desk = PureDesk(wallets)
    gated: list[int] = []
    ranked: list[int] = []
    settled: list[int] = []
    with quiet_collector():
        for burst in range(ROUNDS // BURST):
            place, times = ((_gated, gated), (_ranked, ranked))[burst % 2]
            orders = []
            for number in range(burst * BURST, (burst + 1) * BURST):
                at_ns = START_NS + number * 1_000_000
                command = buy(number, desk.mints[number % len(desk.mints)], at_ns)
                began = time.perf_counter_ns()
                orders.append(place(desk, command, at_ns))
                times.append(time.perf_counter_ns() - began)
            settled += [_settled(desk, order) for order in orders]
    return gated, ranked, settled


def _settled(desk: PureDesk, order: Order) -> int:
    fill = Filled(order.spend.units, order.received_min, 13_000, order.rent_max_lamports)
    desk.run(RecordTicket(order.id, Ticket(order.id, b"")), desk.state.at_ns)
    return timed(lambda: desk.run(RecordOutcome(order.id, fill), desk.state.at_ns))


def _ranked(desk: PureDesk, command: SubmitSignal, at_ns: int) -> Order:
    placed = desk.run(command, at_ns)[-1]
    assert isinstance(placed, OrderPlaced), placed
    return placed.order


def _gated(desk: PureDesk, command: SubmitSignal, at_ns: int) -> Order:
    """Checks every rule of the gate and reserves. The first wallet that passes takes the entry."""
    state, signal = desk.state, command.signal
    sized = entry_request(state, signal, stale_at_ns(state.settings, signal, at_ns))
    assert signal_may_enter(state, sized, at_ns, at_ns)
    desk.index.refresh()
    for slot in desk.index.candidates(sized, at_ns, ()):
        book = desk.index.books[slot]
        if wallet_may_enter(state, book, sized, at_ns):
            order = entry_order(state, book, sized, 0, (), RouteName.PUBLIC)
            placed = OrderPlaced(signal, order, Selection(FREE, 1, len(state.wallets)))
            apply(state, Entry(state.seq + 1, at_ns, placed))
            return order
    raise AssertionError("no wallet passes the gate")

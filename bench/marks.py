"""Measures a batch of prices: revalues 10,000 positions, checks every limit, finds due exits, answers a signal."""

from __future__ import annotations

import time
from itertools import pairwise
from random import Random

from msgspec.structs import replace

from bench.desks import PRICE_PICO, START_NS, PureDesk, buy
from bench.measure import Result, quiet_collector, spread_of
from overmind.core.books.apply import apply
from overmind.core.books.book import WalletBook
from overmind.core.decide import decide
from overmind.core.entries.entering import entry_order
from overmind.core.entries.request import entry_request
from overmind.core.exits.exit_rules import exits_due, unwatched
from overmind.core.model.commands import MarkPrices, RecordOutcome, RecordTicket
from overmind.core.model.events import Entry, Event, OrderPlaced, PricesMarked
from overmind.core.model.ids import Mint
from overmind.core.model.money import Mark
from overmind.core.model.order import Ticket
from overmind.core.model.outcome import Filled
from overmind.core.model.route import RouteName
from overmind.core.model.selection import CostTerms, Selection
from overmind.core.model.units import NS
from overmind.core.model.wallet import Exits

WALLETS, MINTS, BATCHES = 100, 100, 200
TARGET_MS = 10.0
MOVE = 0.001  # of a price, from batch to batch, at most
FREE = CostTerms(0.0, 0.0, 0.0, 0.0, 0.0)
EXITS = Exits(stop_loss_ppm=300_000, trailing_ppm=400_000, take_profit_ppm=900_000, hold_max_ns=10**6 * NS)
PARTS = ("decide and apply", "exits due, unwatched", "index refreshed", "the next signal answered")


def marks() -> list[Result]:
    results = []
    for name, exits, falls in (
        ("", None, MOVE),
        (", each with exits of its own", EXITS, MOVE),
        (", and every price a new peak", EXITS, 0.0),
    ):
        batches = _batches(_invested(exits), falls)
        totals = spread_of(sum(batch[:3]) for batch in batches)
        what = f"mark 10,000 positions in 100 wallets, all limits checked{name}"
        reached = totals.p50 <= TARGET_MS * 1_000
        results.append(Result(what, "≤ 10 ms p50 per batch", reached, totals.p50, "µs", totals))
        for part, times in zip(PARTS, zip(*batches, strict=True), strict=True):
            spread = spread_of(times)
            results.append(Result(f"  {part}", "", None, spread.p50, "µs", spread))
    return results


def _batches(desk: PureDesk, falls: float) -> list[tuple[int, ...]]:
    """Nanoseconds of each part. All prices move in every batch; `falls` is the largest fall."""
    rng, prices, found = Random(4), dict.fromkeys(desk.mints, PRICE_PICO), []
    with quiet_collector():
        for number in range(1, BATCHES + 1):
            at_ns = START_NS + number * NS
            prices = {mint: int(price * (1 + rng.uniform(-falls, MOVE))) for mint, price in prices.items()}
            found.append(_batch(desk, prices, number, at_ns))
    return found


def _batch(desk: PureDesk, prices: dict[Mint, int], number: int, at_ns: int) -> tuple[int, ...]:
    state, index = desk.state, desk.index
    command = MarkPrices(tuple(Mark(mint, price, at_ns) for mint, price in prices.items()))
    signal = buy(number, desk.mints[number % MINTS], at_ns)
    times = [time.perf_counter_ns()]
    events: list[Event] = []
    for event in decide(state, index, command, at_ns):
        apply(state, Entry(state.seq + 1, at_ns, event))
        events.append(event)
    times.append(time.perf_counter_ns())
    due, blind = exits_due(state, at_ns), unwatched(state, at_ns)
    times.append(time.perf_counter_ns())
    index.refresh()
    times.append(time.perf_counter_ns())
    (placed,) = decide(state, index, signal, at_ns)
    times.append(time.perf_counter_ns())
    assert isinstance(events[0], PricesMarked), events
    assert isinstance(placed, OrderPlaced), placed
    assert not due, due
    assert not blind, blind
    return tuple(after - before for before, after in pairwise(times))


def _invested(exits: Exits | None) -> PureDesk:
    """A desk on which every wallet holds every token. Strategies differ."""
    desk = PureDesk(WALLETS, MINTS)
    for number, book in enumerate(desk.state.wallets.values()):
        for offset, mint in enumerate(desk.mints):
            _bought(desk, book, number + offset, mint, exits)
    return desk


def _bought(desk: PureDesk, book: WalletBook, number: int, mint: Mint, exits: Exits | None) -> None:
    state, bought = desk.state, buy(number, mint, START_NS, f"{book.wallet.id}-{mint}").signal
    signal = replace(bought, exits=exits)
    order = entry_order(state, book, entry_request(state, signal, START_NS + NS), 0, (), RouteName.PUBLIC)
    placed = OrderPlaced(signal, order, Selection(FREE, 1, WALLETS))
    apply(state, Entry(state.seq + 1, START_NS, placed))
    desk.run(RecordTicket(order.id, Ticket(order.id, b"")), START_NS)
    received = order.received_min * 101 // 100
    desk.run(RecordOutcome(order.id, Filled(order.spend.units, received, 13_000, order.rent_max_lamports)), START_NS)

"""Measures moves of capital: the plan of a rebalance, and the search for due moves that runs every second."""

from __future__ import annotations

from msgspec.structs import replace

from bench.desks import START_NS, USDC, PureDesk, bench_wallets
from bench.measure import Result, quiet_collector, spread_of, timed
from overmind.core.capital.rebalance import plan
from overmind.core.model.commands import ConfigureDesk, ConfigureWallet, MoveDue, Rebalance, RecordDeposit
from overmind.core.model.events import MovePlaced
from overmind.core.model.ids import DepositId
from overmind.core.model.money import Money
from overmind.core.model.units import PPM

WALLETS = 10_000
PLANS = 30
LOOKS = 60
PLAN_MAX_US = 200_000.0
LOOK_MAX_US = 20_000.0  # of each second


def treasury() -> list[Result]:
    desk = uneven_desk(WALLETS)
    with quiet_collector():
        legs = len(plan(desk.state, START_NS).legs)
        assert legs >= WALLETS // 2 - 1, legs
        planned = spread_of(timed(lambda: plan(desk.state, START_NS)) for _ in range(PLANS))
        idle = spread_of(timed(lambda: desk.run(MoveDue(), START_NS)) for _ in range(LOOKS))
        placed = timed(lambda: desk.run(Rebalance("bench", by_operator=True), START_NS)) / 1_000
        under_way = spread_of(timed(lambda: desk.run(MoveDue(), START_NS)) for _ in range(LOOKS))
        topped_up = _top_ups()
    return [
        Result(
            f"rebalance plan over {WALLETS:,} wallets",
            "≤ 200 ms p50",
            planned.p50 <= PLAN_MAX_US,
            planned.p50,
            "µs",
            planned,
            f"{legs:,} transfers",
        ),
        Result(f"rebalance placed, {legs:,} transfers", "", None, placed, "µs"),
        Result(
            f"look for due moves, {WALLETS:,} wallets",
            "≤ 20 ms p50, once a second",
            idle.p50 <= LOOK_MAX_US,
            idle.p50,
            "µs",
            idle,
        ),
        Result(f"the same, {legs:,} moves under way", "", None, under_way.p50, "µs", under_way),
        topped_up,
    ]


def uneven_desk(wallets: int) -> PureDesk:
    """Wallets with equal allocations, of which every second one has twice as much as the others."""
    desk = PureDesk(wallets)
    for number, wallet in enumerate(bench_wallets(wallets)):
        desk.run(ConfigureWallet(replace(wallet, allocation_ppm=PPM // wallets)), START_NS)
        if number % 2:
            more = Money(10**13 + number, USDC.mint)
            desk.run(RecordDeposit(DepositId(f"more:{wallet.id}"), wallet.id, more), START_NS)
    return desk


def _top_ups() -> Result:
    """Measures the most expensive search: every second wallet is short of SOL at once."""
    desk = PureDesk(WALLETS)
    for wallet in bench_wallets(WALLETS)[::2]:
        more = Money(10**13, desk.mints[0])
        desk.run(RecordDeposit(DepositId(f"sol:{wallet.id}"), wallet.id, more, to_float=True), START_NS)
    low, full = 10**13 + 1, 10**13 + 10**9
    desk.run(ConfigureDesk(replace(desk.desk, float_low_lamports=low, float_target_lamports=full)), START_NS)
    events: list[object] = []
    took = timed(lambda: events.extend(desk.run(MoveDue(), START_NS)))
    moves = sum(isinstance(event, MovePlaced) for event in events)
    assert moves == WALLETS // 2, moves
    return Result(f"{moves:,} floats topped up at once", "", None, took / 1_000, "µs")

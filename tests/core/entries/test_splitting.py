"""Splitting: several wallets serve one buy, under every limit, and never at a higher expected cost than one of them."""

import itertools
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from msgspec.structs import replace
from tests.support.core_desk import CoreDesk, rows, told
from tests.support.random_commands import RandomCommands, attempt

from overmind.core.books.apply import apply
from overmind.core.books.brief_refusals import in_brief
from overmind.core.decide import decide
from overmind.core.entries.gate import signal_may_enter
from overmind.core.entries.request import entry_request, entry_request_of, stale_at_ns
from overmind.core.entries.rules import signal_refusals, wallet_refusals
from overmind.core.entries.splitting import Offers, Part, divided
from overmind.core.model.commands import MarkPrices, SubmitSignal
from overmind.core.model.enums import Split
from overmind.core.model.events import Entry, OrderPlaced, SignalRefused
from overmind.core.model.selection import CostTerms
from overmind.core.model.signal import Signal
from overmind.core.model.units import BPS, MICROS
from overmind.signals.decode import BUY_ACTIONS

SPLITS = (Split.ALL, Split.PARTIAL)
SHORT = "w1 position 500; w2 position 400; w3 position 300"

TABLE = f"""
given | when | then
# Several wallets take what one cannot; `all` is all or nothing, `partial` as much as fits.
{SHORT} | buy eth $600 split none             | POSITION_SIZE 500 600 @w1 + POSITION_SIZE 400 600 @w2 \
+ POSITION_SIZE 300 600 @w3
{SHORT} | buy eth $1200 split all             | w1 $500 + w2 $400 + w3 $300
{SHORT} | buy eth $1200.000001 split all      | SPLIT_ROOM 1200 1200.000001 \
+ POSITION_SIZE 500 1200.000001 @w1 + POSITION_SIZE 400 1200.000001 @w2 \
+ POSITION_SIZE 300 1200.000001 @w3
{SHORT} | buy eth $1200.000001 split partial  | w1 $500 + w2 $400 + w3 $300
{SHORT} | buy eth $900 split all parts 2      | w1 $500 + w2 $400
{SHORT} | buy eth $901 split all parts 2      | SPLIT_ROOM 900 901 \
+ POSITION_SIZE 500 901 @w1 + POSITION_SIZE 400 901 @w2 \
+ POSITION_SIZE 300 901 @w3
{SHORT} | buy eth $901 split partial parts 2  | w1 $500 + w2 $400
{SHORT} | buy eth 0.6 split all               | w1 $500 + w2 $400 + w3 $300
# The desk's setting counts where the signal says nothing. A risk budget is never split.
desk split all; {SHORT}           | buy eth $1200            | w1 $500 + w2 $400 + w3 $300
desk split all; {SHORT}           | buy eth $1200 split none | POSITION_SIZE 500 1200 @w1 \
+ POSITION_SIZE 400 1200 @w2 + POSITION_SIZE 300 1200 @w3
desk split all parts 2; {SHORT}   | buy eth $1200 split partial | w1 $500 + w2 $400
desk split all; {SHORT}           | buy eth risk$50 stop 5   | w1 $500
# No part is smaller than the smallest order, and each part costs what the impact of all of them makes it cost.
desk smallest 20; w1 position 500; w2 position 10 | buy eth $505 split all | SPLIT_ROOM 500 505 \
+ POSITION_SIZE 500 505 @w1 \
+ POSITION_SIZE 10 505 @w2
desk depth 100000; w1 position 500; w2 position 400            | buy eth $900 split all | w1 $500 + w2 $400
desk depth 100000 dearest 80; w1 position 500; w2 position 400 | buy eth $900 split all | EXPECTED_COST 80 92 @w1 \
+ POSITION_SIZE 500 900 @w1 + EXPECTED_COST 80 92 @w2 + POSITION_SIZE 400 900 @w2
# No part is so small that its own fixed costs are too dear: the others give it more, or do without it.
desk dearest 15; w1 position 500 type HFT; w2 position 400 | buy eth $505 split all prefer HFT | w1 $435.94 + w2 $69.06
desk dearest 15; w1 position 500 type HFT; w2 position 54  | buy eth $505 split all prefer HFT | SPLIT_ROOM 500 505 \
+ POSITION_SIZE 500 505 @w1 + POSITION_SIZE 54 505 @w2
desk dearest 15; w1 position 80; w2 position 80            | buy eth $90 split all             | \
POSITION_SIZE 80 90 @w1 + POSITION_SIZE 80 90 @w2
desk dearest 15; w1 position 80; w2 position 80            | buy eth $90 split partial         | w1 $80
# One wallet is enough, and cheaper: each further account costs rent, and each further transaction its fee.
w1; w2                            | buy eth $800 split all   | w1 $800
# Using up all of a wallet costs more than another account.
w1; w2                            | buy eth $9800 split all  | w1 $4900 + w2 $4900
# The limits of the portfolio hold for the sum of the parts.
w1; w2; desk exposure 50          | buy eth $12000 split partial | w1 $5000 + w2 $5000
w1; w2; desk asset 60             | buy eth $19000 split partial | w1 $6000 + w2 $6000
w1; w2; desk strategy 60          | buy eth $19000 split partial | w1 $6000 + w2 $6000

{SHORT}; desk trades 3            | buy eth $1200 split all  | w1 $500 + w2 $400 + w3 $300
{SHORT}; desk trades 2            | buy eth $900 split all   | w1 $500 + w2 $400
{SHORT}; desk trades 2            | buy eth $1200 split partial | w1 $500 + w2 $400
{SHORT}; desk trades 1            | buy eth $1200 split partial | w1 $500
{SHORT}; desk places 1            | buy eth $1200 split all  | w1 $500 + w2 $400 + w3 $300

"""


@pytest.mark.parametrize(("given", "when", "then"), rows(TABLE))
def test_a_buy_is_divided(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


def parts_of(events: Sequence[object]) -> list[OrderPlaced]:
    return [event for event in events if isinstance(event, OrderPlaced)]


def test_a_part_that_fails_goes_on_in_a_wallet_that_no_part_uses() -> None:
    desk = CoreDesk(
        "w1 position 500; w2 position 400; w3 position 400; w4 position 500; hold w3 operator; hold w4 busy"
    )
    first = parts_of(desk.play("buy eth $900 split all id s"))
    assert [(one.order.id, one.order.wallet_id, one.order.parts) for one in first] == [
        ("s.0.0", "w1", 2),
        ("s.1.0", "w2", 2),
    ]
    desk.play("lift w4 busy; lift w3 operator")
    (again,) = parts_of(desk.play("reject s.0.0 for ROUTE_DOWN"))
    assert (again.order.id, again.order.wallet_id, again.order.spend.units) == ("s.0.1", "w4", 500 * MICROS)
    assert (again.order.part, again.order.parts, again.order.attempt, again.order.tried) == (0, 2, 1, ("w1",))
    # No part uses w1 any more, and the second part has not tried it.
    (other,) = parts_of(desk.play("expire s.1.0"))
    assert (other.order.id, other.order.wallet_id, other.order.spend.units) == ("s.1.1", "w1", 400 * MICROS)
    assert told(desk.play("expire s.0.1")) == "OrderClosed"  # w3 is too small for it.
    assert told(desk.play("fill s.1.1")) == "OrderClosed"
    assert not desk.state.open_orders


def test_a_part_leaves_the_wallets_of_the_others_alone_though_they_have_room() -> None:
    desk = CoreDesk("w1; w2; w3 position 5000; hold w3 busy; buy eth $9800 split all id s; lift w3 busy")
    (again,) = parts_of(desk.play("reject s.0.0 for ROUTE_DOWN"))
    assert (again.order.wallet_id, again.order.spend.units) == ("w3", 4_900 * MICROS)


def test_a_part_does_not_go_on_after_the_time_to_live() -> None:
    desk = CoreDesk("w1 position 500; w2 position 400; buy eth $900 split all id s ttl 1000; w3; wait 1000")
    assert told(desk.play("expire s.0.0")) == "OrderClosed"


def test_a_buy_for_less_than_was_asked_keeps_its_amount_in_the_next_wallet() -> None:
    desk = CoreDesk("w1 position 500; w2 position 450; hold w2 operator")
    (placed,) = parts_of(desk.play("buy eth $900 split partial id s"))
    assert (placed.order.parts, placed.order.spend.units) == (1, 500 * MICROS)
    assert told(desk.play("lift w2 operator; w3; expire s.0.0")) == "OrderClosed + w3 $500"


def test_the_plan_tells_what_one_wallet_would_have_cost() -> None:
    (first, second) = parts_of(CoreDesk("w1; w2").play("buy eth $9800 split all"))
    plan = first.plan
    assert plan is not None
    assert second.plan is None
    assert (plan.wanted_micros, plan.placed_micros, plan.alone) == (9_800 * MICROS, 9_800 * MICROS, "w1")
    assert plan.cost_bps == pytest.approx(first.selection.terms.total / 2 + second.selection.terms.total / 2)
    assert plan.alone_bps is not None
    assert plan.cost_bps < plan.alone_bps
    (first, _) = parts_of(CoreDesk("w1 position 500; w2 position 400").play("buy eth $901 split partial"))
    plan = first.plan
    assert plan is not None
    assert (plan.wanted_micros, plan.placed_micros, plan.alone) == (901 * MICROS, 900 * MICROS, None)


# Any desk


def play(rng: Random, wallets: int, commands: int) -> tuple[int, int]:
    """Plays random commands, and after each a buy that may be split. Returns how many orders and how many splits."""
    desk, chance, orders, splits = CoreDesk(), RandomCommands(rng, wallets), 0, 0
    for command in chance.opening():
        attempt(desk, command)
    for _ in range(commands):
        desk.now_ns += chance.later_ns()
        attempt(desk, chance.command(desk))
        signal = chance.submit(desk).signal
        if signal.action not in BUY_ACTIONS or signal.risk is not None or signal.id in desk.state.decided:
            continue
        wanted = signal.notional_micros and signal.notional_micros * rng.randint(1, 4)
        signal = replace(signal, notional_micros=wanted, split=rng.choice(SPLITS), parts_max=rng.randint(2, 5))
        placed = decided(desk, signal)
        orders += len(placed)
        splits += len(placed) > 1
    return orders, splits


def baseline(terms: CostTerms) -> float:
    """What was learned has no say in how a buy is divided."""
    return terms.total - terms.learned


def decided(desk: CoreDesk, signal: Signal) -> list[OrderPlaced]:
    """Decides it, and holds each part against every rule as the desk is when that part comes."""
    attempt(desk, MarkPrices(()))  # Rolls the day and ends holds, which would come before the answer.
    state, now_ns, placed = desk.state, desk.now_ns, list[OrderPlaced]()
    stale_ns, trades = stale_at_ns(state.settings, signal, now_ns), state.trades_today + state.entries_open
    whole = entry_request(state, signal, stale_ns)
    alone = desk.index.choose(whole, now_ns) if signal_may_enter(state, whole, now_ns, now_ns) else None
    for event in decide(state, desk.index, SubmitSignal(signal, now_ns), now_ns):
        if isinstance(event, OrderPlaced):
            book, micros = state.wallets[event.order.wallet_id], event.order.spend.units
            part = entry_request_of(state, signal, stale_ns, micros)
            assert not list(signal_refusals(state, part, now_ns, now_ns))
            assert not list(wallet_refusals(state, book, part, now_ns))
            placed.append(event)
        fact = in_brief(state, event) if isinstance(event, SignalRefused) else event
        apply(state, Entry(state.seq + 1, now_ns, fact))
    amounts = [one.order.spend.units for one in placed]
    assert len({one.order.wallet_id for one in placed}) == len(placed) <= (signal.parts_max or 0)
    assert sum(amounts) <= whole.notional_micros
    if state.settings.day_trades_max and placed:
        assert trades + len(placed) <= state.settings.day_trades_max
    if signal.split is Split.ALL:
        assert sum(amounts) in (0, whole.notional_micros)
    if alone is not None:  # One wallet could take it: then all of it is taken, and never at a higher cost.
        assert sum(amounts) == whole.notional_micros
        cost = sum(baseline(one.selection.terms) * one.order.spend.units for one in placed) / whole.notional_micros
        assert cost <= baseline(alone.terms) + max(1e-9, 1e-12 * abs(cost))
    return placed


@pytest.mark.parametrize("first_seed", range(0, 16, 4))
def test_every_part_passes_the_gate_and_splitting_never_costs_more(first_seed: int) -> None:
    """One random desk may be stopped for good, but not all four."""
    seeds = range(first_seed, first_seed + 4)
    played = [play(Random(seed), 2 + seed * 29 // 15, commands=40) for seed in seeds]
    assert sum(orders for orders, _ in played) > 0
    assert sum(splits for _, splits in played) > 0


# The plan alone, against every way to divide


def offers_of(rng: Random, leasts: Sequence[int]) -> Offers:
    count = rng.randint(1, 5)
    capacity = [rng.choice([100, 300, 1_000, 5_000, 60_000]) * MICROS for _ in range(count)]
    return Offers(
        room=np.array([rng.choice([one, one // 2]) for one in capacity]),
        least=np.array([rng.choice(leasts) for _ in capacity]),
        fixed=np.array([BPS * (1_950.0 + rng.choice([0, 81_571])) for _ in capacity]),
        rate=np.array([4 + rng.choice([0, -10, 1, 3]) + rng.random() * rng.choice([0, 5]) for _ in capacity]),
        square=np.array([2 / one for one in capacity]),
    )


def cost_of(offers: Offers, place: int, micros: float) -> float:
    return float(offers.fixed[place] + micros * (offers.rate[place] + offers.square[place] * micros))


def cheapest(offers: Offers, wanted: int, parts_max: int) -> float | None:
    """Of every choice of wallets the cheapest amounts, found by bisection of their common marginal cost."""
    found: list[float] = []
    for count in range(1, parts_max + 1):
        for places in itertools.combinations(range(len(offers.room)), count):
            if offers.room[[*places]].sum() >= wanted >= offers.least[[*places]].sum():
                amounts = _by_bisection(offers, places, wanted)
                found.append(sum(cost_of(offers, *one) for one in zip(places, amounts, strict=True)))
    return min(found, default=None)


def _by_bisection(offers: Offers, places: Sequence[int], wanted: int) -> list[float]:
    def amounts(slope: float) -> list[float]:
        asked = [(slope - float(offers.rate[one])) / (2 * float(offers.square[one])) for one in places]
        bounds = [(float(offers.least[one]), float(offers.room[one])) for one in places]
        return [min(most, max(least, of)) for (least, most), of in zip(bounds, asked, strict=True)]

    low, high = -1e4, 1e4
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(amounts(middle)) < wanted else (low, middle)
    return amounts(high)


def test_the_plan_is_nearly_always_the_cheapest_of_all_and_never_above_one_wallet() -> None:
    rng, off_bps, covered = Random(15), list[float](), 0
    for _ in range(120):
        offers, parts_max = offers_of(rng, rng.choice([[1], [MICROS], [MICROS, 5 * MICROS]])), rng.randint(2, 4)
        wanted = int(offers.room.sum() * rng.choice([0.1, 0.3, 0.5, 0.7, 0.9, 1]))
        best = cheapest(offers, wanted, parts_max)
        may = ((offers.least <= wanted) & (wanted <= offers.room)).nonzero()[0].tolist()
        singles = [(cost_of(offers, one, wanted), one) for one in may]
        alone = min(singles)[1] if singles else None
        parts = divided(offers, wanted, parts_max, alone)
        assert (parts is None) == (best is None)
        if parts is None or best is None:
            continue
        covered += alone is None
        assert sum(part.micros for part in parts) == wanted
        assert all(offers.least[part.place] <= part.micros <= offers.room[part.place] for part in parts)
        cost = sum(cost_of(offers, part.place, part.micros) for part in parts)
        if singles:
            assert cost <= min(singles)[0] + 1e-3
        off_bps.append((cost - best) / wanted)
    assert covered > 15
    assert sum(off < 0.001 for off in off_bps) >= 0.97 * len(off_bps)
    assert sum(off_bps) / len(off_bps) < 0.05


def test_the_wallet_that_takes_all_stays_in_the_plan_among_many_that_are_cheaper_and_small() -> None:
    rate = np.array([*[1.0] * 20, 50.0])
    room = np.array([*[10 * MICROS] * 20, 900 * MICROS])
    offers = Offers(room, np.ones(21, np.int64), np.zeros(21), rate, np.full(21, 1e-9))
    parts = divided(offers, 900 * MICROS, 4, alone=20)
    assert parts is not None
    assert sum(part.micros for part in parts) == 900 * MICROS
    assert Part(20, 870 * MICROS) in parts


def flat_offers(*bounds: tuple[int, int]) -> Offers:
    """The earlier ones are cheaper. `bounds`: the least and the room of each, in dollars."""
    flat = np.zeros(len(bounds))
    least, room = (np.array(column) * MICROS for column in zip(*bounds, strict=True))
    return Offers(room, least, flat, np.arange(1.0, len(bounds) + 1), flat)


PLANS = """
offers | wanted | parts
# A part is never less than its wallet's least: the cheaper one gives it more.
20-500 20-400         | 510 2 | 0 $490 + 1 $20
1-500 55-400          | 510 2 | 0 $455 + 1 $55
55-500 1-400          | 510 2 | 0 $500 + 1 $10
256-500 256-400       | 510 2 | none
# Where the cheapest are too many for their leasts, the roomiest take it.
10-10 10-10 10-24 10-24 | 25 3 | 3 $10 + 2 $15
10-10 10-10 20-24 10-24 | 25 3 | none
"""


@pytest.mark.parametrize(("offers", "wanted", "parts"), rows(PLANS))
def test_a_part_is_never_less_than_the_least(offers: str, wanted: str, parts: str) -> None:
    bounds = [tuple(map(int, one.split("-"))) for one in offers.split()]
    micros, parts_max = map(int, wanted.split())
    found = divided(flat_offers(*[(low, high) for low, high in bounds]), micros * MICROS, parts_max)
    shown = " + ".join(f"{part.place} ${part.micros // MICROS}" for part in found) if found else "none"
    assert shown == parts

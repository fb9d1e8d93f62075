"""No entry is taken that could lose more than the day's limit with all stops working.

See specification §8.5.
"""

from __future__ import annotations

from random import Random

import pytest
from tests.support.core_desk import CoreDesk

from overmind.core.books.book import WalletBook
from overmind.core.books.positions import Position
from overmind.core.model.events import OrderPlaced
from overmind.core.model.units import MICROS, PPM

LIMIT = 100 * MICROS
PRICES = {"eth": 2_000, "btc": 50_000, "sol": 100}


def stop_pico(book: WalletBook, position: Position) -> int:
    """The highest price at which one of its stops sells it, as specification §10.1 has it."""
    exits, own = position.exits, book.wallet.limits.stop_loss_ppm
    average = position.cost_micros * position.scale // position.units
    wanted = exits.stop_loss_ppm if exits is not None and exits.stop_loss_ppm is not None else own
    stops = [average * (PPM - min(own, wanted)) // PPM]
    if exits is not None and exits.trailing_ppm is not None:
        stops.append(position.peak_pico * (PPM - exits.trailing_ppm) // PPM)
    return max(stops)


def loss_at_stops(desk: CoreDesk) -> int:
    """The day's loss if each position were sold at its stop, or at its mark where that is lower already."""
    book = desk.book("w1")
    prices = {mint: min(desk.state.price_pico(mint), stop_pico(book, one)) for mint, one in book.positions.items()}
    brought = sum(one.units * prices[mint] // one.scale for mint, one in book.positions.items())
    return -(book.realised_today_micros + brought - book.cost_micros - book.unrealised_base_micros)


@pytest.mark.parametrize("seed", range(12))
def test_all_stops_together_lose_no_more_than_the_limit(seed: int) -> None:
    rng = Random(seed)
    desk, prices, placed = CoreDesk("w1 loss 100 stop 5 usd 99000"), dict(PRICES), 0
    for _ in range(60):
        name = rng.choice([*PRICES])
        if rng.random() < 0.4:
            prices[name] = prices[name] * rng.choice([96, 99, 101, 104]) // 100
            desk.play("fill" if desk.state.open_orders else "")
            desk.play(f"mark {name} {prices[name]}; " * rng.choice([1, 2]))
        elif rng.random() < 0.2 and desk.book("w1").positions:
            desk.play("exits")
        else:
            exits = rng.choice(["", "", " trail 2", " trail 9 stop 1", " stop 3"])
            events = desk.play(f"buy {name} ${rng.randint(1, 1_500)}{exits}")
            if isinstance(events[0], OrderPlaced):
                placed += 1
                assert loss_at_stops(desk) + desk.book("w1").loss_in_flight_micros <= LIMIT
        if desk.state.open_orders and rng.random() < 0.7:
            desk.play(rng.choice(["fill", "fill", "expire"]))
    assert placed > 2

"""How much the simulator lets two lies take that follow each other."""

from __future__ import annotations

import asyncio
from collections import Counter
from fractions import Fraction
from random import Random
from typing import Final

import pytest
from msgspec import structs
from tests.sim.losses import Losses
from tests.sim.servers import Lie, Mode, Servers
from tests.sim.world import TOKENS, USDC
from tests.support.swap_orders import order

from overmind.clock.virtual import run_virtual
from overmind.core.model.enums import Side
from overmind.core.model.money import Mark
from overmind.core.model.outcome import Filled
from overmind.core.model.units import MICROS, NS, PICO, PPM

MINT: Final = TOKENS[0].mint
TRUE: Final = {MINT: 10 * PICO}
UNITS: Final = 10**9
SALE: Final = structs.replace(order(MINT, USDC.mint, UNITS, Side.SELL), slippage_max_bps=0)
STEP_PPM: Final = PPM // 5
FIRST_S: Final = 50  # how long the first lie lasts
LATER_S: Final = 3  # the second one, when the sale is placed
SHOWN: Final = Fraction(9, 10)  # what both lies show


@pytest.mark.parametrize(
    ("mode", "truth_s", "steps"),
    [
        ("one source", 6, 1),  # The first of them began less than a minute ago.
        ("one source", 14, 2),  # The second one is measured against the first.
        ("one source", 59, 2),
        ("one source", 65, 1),  # What prices are measured against has followed the truth by then.
        ("two sources", 14, 1),  # It follows what the second source confirms at once.
    ],
)
def test_two_lies_are_one_unless_the_truth_was_believed_for_a_minute(mode: Mode, truth_s: int, steps: int) -> None:
    least = 10 * Fraction(4, 5) ** steps
    run_virtual(_sell_after_two_lies(mode, truth_s, least))
    with pytest.raises(AssertionError, match="lost more than the bound"):
        run_virtual(_sell_after_two_lies(mode, truth_s, least * Fraction(99, 100)))


def test_a_sale_between_two_lies_may_lose_nothing() -> None:
    run_virtual(_sell_after_a_lie(Fraction(10)))
    with pytest.raises(AssertionError, match="lost more than the bound"):
        run_virtual(_sell_after_a_lie(Fraction(99, 10)))


async def _sell_after_two_lies(mode: Mode, truth_s: int, price: Fraction) -> None:
    losses, servers = _begin(mode)
    await _pass(losses, servers, FIRST_S, lies=True)
    await _pass(losses, servers, truth_s, lies=False)
    await _pass(losses, servers, LATER_S, lies=True)
    _sell(losses, price)


async def _sell_after_a_lie(price: Fraction) -> None:
    losses, servers = _begin("one source")
    await _pass(losses, servers, FIRST_S, lies=True)
    await _pass(losses, servers, LATER_S, lies=False)
    _sell(losses, price)


def _begin(mode: Mode) -> tuple[Losses, Servers]:
    servers = Servers(Random(0), Counter(), mode)
    return Losses(servers, Counter()), servers


async def _pass(losses: Losses, servers: Servers, seconds: int, lies: bool) -> None:
    began_s = asyncio.get_running_loop().time()
    servers.lies.clear()
    if lies:
        servers.lies[MINT] = Lie("low", lambda _: float(SHOWN), began_s, began_s + seconds, together=False)
    for _ in range(seconds):
        losses.note_true(TRUE)
        price_pico, at_ns = servers.first(MINT, TRUE[MINT]), round(asyncio.get_running_loop().time() * NS)
        losses.note_marks((Mark(MINT, price_pico, at_ns),), TRUE)
        await asyncio.sleep(1.0)


def _sell(losses: Losses, price: Fraction) -> None:
    losses.place(SALE, None, 9)
    losses.fill(SALE, Filled(UNITS, int(price * MICROS), 0), STEP_PPM)

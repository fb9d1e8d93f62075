"""What a fill lost against the true price, and how much of it a lie of the price servers may explain.

A lie may take one step of the bound at once and one for each minute that it lasts. While the second source denies it,
it may take one step in all. What both sources say is believed, so a lie of both is not judged.

Without a second source, two lies with less than a minute of truth between them are one. The price that later ones are
measured against follows once a minute. So it may still be the first lie's when the second begins, although the truth
has been believed meanwhile: the desk cannot know which of them was true.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from fractions import Fraction
from typing import Final

from tests.sim.books import ten_to
from tests.sim.servers import Lie, Servers

from overmind.core.model.enums import Side
from overmind.core.model.ids import Mint, OrderId
from overmind.core.model.money import Mark
from overmind.core.model.order import Order
from overmind.core.model.outcome import Filled
from overmind.core.model.units import BPS, NS, PPM
from overmind.core.model.value import Value

MARK_LIFE_S: Final = 90.0  # A mark serves for 30 s, and clocks step back.
REFERENCE_LIFE_S: Final = 120.0  # a price is measured against what was believed up to so long before
ROUNDING_UNITS: Final = 3
PAUSE_S: Final = 60.0  # what a step of the clock may add to a doubt
FOLLOWS_NS: Final = 60 * NS  # so often the price that later ones are measured against follows the marks


class Placed(Value, frozen=True):
    """What was true when an order was placed."""

    low_pico: int
    high_pico: int
    decimals: int
    target_pico: int | None
    steps: int | None  # of the bound that a lie may take; None: not judged


class Past(Value, frozen=True):
    """A lie after which the truth was believed again. Later prices may still be measured against its price."""

    lie: Lie
    newest_ns: int  # of the marks that were believed until then; the clock may have stepped back


class Losses:
    def __init__(self, servers: Servers, seen: Counter[str]) -> None:
        self.believed_s: dict[Mint, float] = {}  # when a mark of each token was last believed
        self._servers = servers
        self._clock_steps: list[float] = []  # when the clock stepped forward
        self._seen = seen
        self._true: defaultdict[Mint, list[tuple[float, int]]] = defaultdict(list)
        self._lies: dict[Mint, Lie] = {}  # that may still have an effect
        self._past: dict[Mint, Past] = {}  # that have one again if another lie begins
        self._newest_ns: dict[Mint, int] = {}  # the newest believed mark of each token
        self._placed: dict[OrderId, Placed] = {}

    def note_true(self, true_pico: dict[Mint, int]) -> None:
        """Once a second."""
        now_s = _now_s()
        for mint, pico in true_pico.items():
            self._true[mint].append((now_s, pico))
        for mint, lie in self._servers.lies.items():
            if (past := self._past.pop(mint, None)) is not None:
                self._lies[mint] = past.lie
            known = self._lies.get(mint)
            first = lie if known is None else known
            self._lies[mint] = Lie(lie.name, lie.shape, first.since_s, lie.until_s, first.together or lie.together)

    def note_marks(self, marks: tuple[Mark, ...], true_pico: dict[Mint, int]) -> None:
        """A lie has no effect any more once the truth is believed after it, unless another one begins soon."""
        for mark in marks:
            mint = mark.mint
            self.believed_s[mint] = _now_s()
            self._newest_ns[mint] = max(mark.at_ns, self._newest_ns.get(mint, 0))
            if mint not in self._servers.lies and mark.price_pico == true_pico[mint]:
                self._end_lie(mint, mark.at_ns)

    def _end_lie(self, mint: Mint, at_ns: int) -> None:
        lie, past = self._lies.pop(mint, None), self._past.get(mint)
        if lie is not None:
            if not self._servers.has_second:  # What it confirms is at once what later prices are measured against.
                self._past[mint] = Past(lie, self._newest_ns[mint])
        elif past is not None and at_ns - past.newest_ns >= FOLLOWS_NS:
            del self._past[mint]

    def note_step(self, step_s: float) -> None:
        if step_s > 0:
            self._clock_steps.append(_now_s())

    def rewind(self) -> None:
        """An older journal knows older prices."""
        self.believed_s = dict.fromkeys(self.believed_s, 0.0)

    def place(self, order: Order, target_pico: int | None, decimals: int) -> None:
        if not self._servers.may_lie:
            return
        mint, now_s = order.mint, _now_s()
        lie = self._lies.get(mint)
        began_s = now_s if lie is None else lie.since_s
        since_s = min(began_s - MARK_LIFE_S, self.believed_s.get(mint, 0.0) - REFERENCE_LIFE_S)
        prices = [pico for at_s, pico in reversed(self._true[mint]) if at_s >= since_s] or [self._true[mint][0][1]]
        steps = 0 if lie is None else self._steps(lie, now_s)
        self._placed[order.id] = Placed(min(prices), max(prices), decimals, target_pico, steps)

    def _steps(self, lie: Lie, now_s: float) -> int | None:
        if lie.together:
            return None
        if self._servers.has_second and self._servers.heard_s < lie.since_s - REFERENCE_LIFE_S:
            return 1
        jumps = sum(at_s >= lie.since_s for at_s in self._clock_steps)
        return 1 + int((now_s - lie.since_s + PAUSE_S * jumps) // PAUSE_S)

    def fill(self, order: Order, fill: Filled, jump_max_ppm: int) -> None:
        """Checks what a sale brought, or what a buy paid."""
        placed = self._placed.pop(order.id, None)
        if placed is None or placed.steps is None or not jump_max_ppm:
            return
        kept = Fraction(BPS - order.slippage_max_bps, BPS)
        step = Fraction(jump_max_ppm, PPM)
        scale, target = ten_to(placed.decimals + 6), placed.target_pico
        if order.side is Side.SELL:
            least = placed.low_pico * kept * (1 - step) ** placed.steps
            least = min(least, target) if target is not None else least
            got = Fraction((fill.received_units + ROUNDING_UNITS) * scale, fill.spent_units)
            told = f"{float(got)} instead of {float(least)}, {placed}, {fill}"
            assert got >= least, f"{order.id} lost more than the bound: {told}"
        else:
            most = placed.high_pico / kept * (1 + step) ** placed.steps
            most = max(most, target) if target is not None else most
            paid = Fraction(fill.spent_units * scale, fill.received_units + ROUNDING_UNITS)
            assert paid <= most, (
                f"{order.id} paid more than the bound: {float(paid)} instead of {float(most)}, {placed}"
            )
        self._seen["fill during a lie"] += placed.steps > 0
        self._seen["sale at a loss to a lie"] += order.side is Side.SELL and placed.steps > 0


def _now_s() -> float:
    return asyncio.get_running_loop().time()

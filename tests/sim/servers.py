"""The two servers of prices: the first shows prices and fills orders, the second only confirms what the first shows.

When the first one lies about a token, it is a thief: it gives the least that an order accepts. The second may agree,
be silent or stale, lie about another price, or tell the same lie.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Final, Literal

from overmind.core.model.ids import Mint
from overmind.core.model.money import Witness
from overmind.core.model.value import Value

Mode = Literal["one honest source", "one source", "two sources"]
SecondState = Literal["agrees", "is silent", "is stale", "lies low", "lies high"]
Shape = Callable[[float], float]  # the share of the true price that is shown, by seconds since the lie began

STATES: Final[tuple[SecondState, ...]] = ("agrees", "agrees", "is silent", "is stale", "lies low", "lies high")
LIES_S: Final = (3.0, 20.0, 70.0, 200.0)
APART: Final = 0.01  # how far an honest second source is from the first one, at most
LIE_CHANCE: Final = 0.02  # a second, for the first source
CHANGE_CHANCE: Final = 0.03  # a second, for the second source
LIES: Final[dict[str, tuple[Shape, ...]]] = {
    "low": (lambda _: 0.01, lambda _: 0.5, lambda _: 0.79, lambda _: 0.9),
    "high": (lambda _: 100.0, lambda _: 2.0, lambda _: 1.3, lambda _: 1.1),
    "drift": (lambda s: 0.81 ** (s / 60), lambda s: 1.19 ** (s / 60)),
    "sawtooth": (lambda s: (0.01, 0.81)[int(s) % 2],),
}


class Lie(Value, frozen=True):
    """What the first source says about one token for a while."""

    name: str
    shape: Shape
    since_s: float
    until_s: float
    together: bool  # the second source says the same


class Servers:
    def __init__(self, random: Random, seen: Counter[str], mode: Mode) -> None:
        self.mode = mode
        self.lies: dict[Mint, Lie] = {}
        self.second: SecondState = "agrees"
        self.heard_s = 0.0  # since when the second source has agreed with the truth
        self._random = random
        self._seen = seen
        self._until_s = 0.0  # of the second source's state
        self._calm = False
        self._stale: dict[Mint, tuple[int, int]] = {}  # what a stale source shows, and since when

    @staticmethod
    def draw(random: Random, seen: Counter[str]) -> Servers:
        modes: tuple[Mode, ...] = ("one honest source", "one honest source", "one source", "two sources")
        return Servers(random, seen, random.choice(modes))

    @property
    def may_lie(self) -> bool:
        return self.mode != "one honest source"

    @property
    def has_second(self) -> bool:
        return self.mode == "two sources"

    def be_honest(self, second: SecondState = "agrees") -> None:
        """From now on the first source tells the truth, and the second one does this."""
        self._calm = True
        self.lies.clear()
        self._turn(second)

    def stop_lies(self) -> None:
        self.lies.clear()

    def step(self, known: Iterable[Mint]) -> None:
        """Once a second. Nobody lies about a token before its first price: no later price could contradict it."""
        random, now_s = self._random, _now_s()
        self.lies = {mint: lie for mint, lie in self.lies.items() if now_s < lie.until_s}
        if not self.may_lie or self._calm:
            return
        if self.has_second and now_s >= self._until_s and random.random() < CHANGE_CHANCE:
            self._turn(random.choice(STATES))
            self._until_s = now_s + random.choice(LIES_S)
        if self.second != "agrees":
            self.heard_s = now_s
        for mint in sorted(known):
            if mint not in self.lies and random.random() < LIE_CHANCE:
                self._begin(mint, now_s)

    def _turn(self, second: SecondState) -> None:
        self.second = second
        self._stale.clear()
        if self.has_second:
            self._seen[f"second source {second}"] += 1

    def _begin(self, mint: Mint, now_s: float) -> None:
        random = self._random
        name = random.choice(sorted(LIES))
        together = self.has_second and random.random() < 0.1
        until_s = now_s + random.choice(LIES_S)
        self.lies[mint] = Lie(name, random.choice(LIES[name]), now_s, until_s, together)
        self._seen[f"lie of {self.mode}: {name}"] += 1
        self._seen["both sources lie"] += together

    def first(self, mint: Mint, true_pico: int) -> int:
        """What the first source shows."""
        lie = self.lies.get(mint)
        return true_pico if lie is None else max(1, round(true_pico * lie.shape(_now_s() - lie.since_s)))

    def is_lying(self, mint: Mint) -> bool:
        return mint in self.lies

    def witness(self, mint: Mint, true_pico: int, now_ns: int) -> Witness | None:
        """What the second source says."""
        lie = self.lies.get(mint)
        if not self.has_second or self.second == "is silent":
            return None
        if lie is not None and lie.together:
            return Witness("second", self.first(mint, true_pico), now_ns)
        about = max(1, round(true_pico * (1 + self._random.uniform(-APART, APART))))
        if self.second == "is stale":
            price, at_ns = self._stale.setdefault(mint, (about, now_ns))
            return Witness("second", price, at_ns)
        share = {"agrees": 1.0, "lies low": 0.3, "lies high": 5.0}[self.second]
        price = max(1, round(about * share))
        if share != 1 and lie is not None and price == self.first(mint, true_pico):
            return None  # A few pico-dollars round two lies to one price, and that would be the same lie.
        return Witness("second", price, now_ns)


def honest() -> Servers:
    """One source that always tells the truth."""
    return Servers(Random(0), Counter(), "one honest source")


def shown(servers: Servers, true_pico: Mapping[Mint, int]) -> dict[Mint, int]:
    return {mint: servers.first(mint, pico) for mint, pico in true_pico.items()}


def _now_s() -> float:
    return asyncio.get_running_loop().time()

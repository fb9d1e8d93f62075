"""What refused buys would have come to, held to the same exits, at the desk's own marks.

A refused buy is followed as if its whole amount had been bought at the mark of its refusal. It ends at the first mark
that reaches one of its exits (the signal's and its wallet's; of two values the stricter counts), with the next sale of
the token by its strategy, or at the end of the time. The wallet is the one with the largest allocation that may trade
the strategy. Costs are left to whoever knows what the desk's fills cost.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final

import msgspec

from overmind.core.books.positions import strictest
from overmind.core.books.state import State
from overmind.core.model.codes import Code
from overmind.core.model.enums import SELL_ACTIONS, StrategyType
from overmind.core.model.ids import Mint
from overmind.core.model.numbers import scaled_up
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, PICO, PPM
from overmind.core.model.wallet import Exits, Wallet

TRAILED_MAX: Final = 500  # followed at once with a trailing stop: each mark looks at each of them
FOLLOWED_MAX: Final = 100_000  # at once

Heap = list[tuple[int, int]]  # a trigger, and the number of who has it


class Followed(msgspec.Struct):
    """A buy that was refused, and is not sold yet."""

    code: Code
    strategy: StrategyType
    notional_micros: int
    bought_pico: int
    peak_pico: int
    trailing_ppm: int | None


class Told(msgspec.Struct):
    """Of the buys that one rule refused first."""

    followed: int = 0
    bought_micros: int = 0
    sold_micros: int = 0

    def add(self, bought_micros: int, sold_micros: int) -> None:
        self.followed += 1
        self.bought_micros += bought_micros
        self.sold_micros += sold_micros


class Triggers(msgspec.Struct):
    """Of one token. Lowest first; a stop is negative, so that the highest comes first."""

    stops: Heap = msgspec.field(default_factory=list)
    targets: Heap = msgspec.field(default_factory=list)
    ends: Heap = msgspec.field(default_factory=list)  # of holding times
    trailed: set[int] = msgspec.field(default_factory=set)
    open: set[int] = msgspec.field(default_factory=set)


class RefusedBuys:
    """Tell it each refusal, each sale that a signal asked for, and the state after each mark."""

    def __init__(self) -> None:
        self.told: defaultdict[Code, Told] = defaultdict(Told)
        self.untold: Counter[Code] = Counter()  # refused signals that nothing can be told of
        self._open: dict[int, Followed] = {}
        self._triggers: dict[Mint, Triggers] = {}
        self._number = 0

    def refuse(self, state: State, signal: Signal, code: Code, at_ns: int) -> None:
        price = _price(state, signal.mint, at_ns)
        notional = None if price is None else _notional_micros(signal, price)
        wallet = _wallet_of(state, signal.strategy)
        if signal.action in SELL_ACTIONS or price is None or not notional or wallet is None:
            self.untold[code] += 1
            return
        triggers = self._triggers.setdefault(signal.mint, Triggers())
        exits = strictest(signal.exits, wallet.exits) or Exits()
        is_trailed = exits.trailing_ppm is not None
        if len(self._open) == FOLLOWED_MAX or (is_trailed and len(triggers.trailed) == TRAILED_MAX):
            self.untold[code] += 1
            return
        self._follow(triggers, Followed(code, signal.strategy, notional, price, price, exits.trailing_ppm))
        self._watch(triggers, price, exits, wallet.limits.stop_loss_ppm, at_ns)

    def _follow(self, triggers: Triggers, buy: Followed) -> None:
        self._number += 1
        self._open[self._number] = buy
        triggers.open.add(self._number)
        if buy.trailing_ppm is not None:
            triggers.trailed.add(self._number)

    def _watch(self, triggers: Triggers, price: int, exits: Exits, limit_ppm: int, at_ns: int) -> None:
        stops = [ppm for ppm in (exits.stop_loss_ppm, limit_ppm) if ppm]
        if stops:
            heappush(triggers.stops, (-(price * (PPM - min(stops)) // PPM), self._number))
        if exits.take_profit_ppm is not None:
            heappush(triggers.targets, (-(-price * (PPM + exits.take_profit_ppm) // PPM), self._number))
        if exits.hold_max_ns is not None:
            heappush(triggers.ends, (at_ns + exits.hold_max_ns, self._number))

    def mark(self, state: State, at_ns: int) -> None:
        """Call it after marks have moved."""
        if not self._open:
            return
        for mint, triggers in self._triggers.items():
            if triggers.open and (price := _price(state, mint, at_ns)) is not None:
                self._look(triggers, price, at_ns)

    def _look(self, triggers: Triggers, price: int, at_ns: int) -> None:
        due = [*self._due(triggers.stops, -price), *self._due(triggers.targets, price)]
        due += self._due(triggers.ends, at_ns)
        for number in triggers.trailed:
            buy = self._open[number]
            assert buy.trailing_ppm is not None, buy
            buy.peak_pico = max(buy.peak_pico, price)
            if price <= buy.peak_pico * (PPM - buy.trailing_ppm) // PPM:
                due.append(number)
        for number in due:
            self._sell(triggers, number, price)

    def _due(self, heap: Heap, reached: int) -> Iterator[int]:
        """Those that are still followed and whose trigger is at or below this."""
        while heap and (heap[0][0] <= reached or heap[0][1] not in self._open):
            _, number = heappop(heap)
            if number in self._open:
                yield number

    def sell(self, state: State, signal: Signal, at_ns: int) -> None:
        """The strategy sells the token, whatever became of that signal."""
        triggers = self._triggers.get(signal.mint)
        if triggers is None or (price := _price(state, signal.mint, at_ns)) is None:
            return
        for number in [one for one in triggers.open if self._open[one].strategy is signal.strategy]:
            self._sell(triggers, number, price)

    def close(self, state: State) -> None:
        """Values what is left at its last mark, as the time ends."""
        for mint, triggers in self._triggers.items():
            mark = state.marks.get(mint)
            for number in [*triggers.open]:
                self._sell(triggers, number, self._open[number].bought_pico if mark is None else mark.price_pico)

    def _sell(self, triggers: Triggers, number: int, price: int) -> None:
        """Once: two of its exits may be due at one mark."""
        buy = self._open.pop(number, None)
        if buy is None:
            return
        triggers.open.discard(number)
        triggers.trailed.discard(number)
        self.told[buy.code].add(buy.notional_micros, buy.notional_micros * price // buy.bought_pico)


def _price(state: State, mint: Mint, at_ns: int) -> int | None:
    """Of a mark that is not stale."""
    mark = state.marks.get(mint)
    if mark is None or not mark.price_pico or at_ns - mark.at_ns > state.settings.mark_age_max_ns:
        return None
    return mark.price_pico


def _notional_micros(signal: Signal, price_pico: int) -> int | None:
    """None: its size was left to a risk budget."""
    if signal.quantity is not None:
        return scaled_up(signal.quantity * price_pico, 0) // (PICO // MICROS)
    return signal.notional_micros


def _wallet_of(state: State, strategy: StrategyType) -> Wallet | None:
    wallets = [book.wallet for book in state.wallets.values()]
    able = [one for one in wallets if strategy in one.strategies and one.strategies[strategy].enabled]
    return max(able, key=lambda one: one.allocation_ppm, default=None)

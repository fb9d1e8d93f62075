"""What a wallet holds of one token: FIFO lots tagged by strategy, and their cost (specification §14.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from itertools import chain, compress, pairwise
from typing import Final

import msgspec

from overmind.core.model.enums import StrategyType
from overmind.core.model.money import Token
from overmind.core.model.units import SCALE
from overmind.core.model.wallet import Exits

DEPOSIT: Final = "deposit"  # owner of units that came without an order
OF_SOURCE: Final = "@"  # between the strategy and the source of an owner; no name of either holds it
Cut = list[tuple[int, int]]  # units of lots: the place of each lot, and how many of its units
_Name = tuple[str, StrategyType | None, int, str]  # of a lot: parts of one have it in common


class Lot(msgspec.Struct):
    strategy: StrategyType | None  # None: a deposit
    units: int
    cost_micros: int
    opened_ns: int = 0  # when it was bought or deposited
    origin: str = ""  # the order or the deposit that it came by
    source: str = ""  # of the signal that bought it

    @property
    def owner(self) -> str:
        """Its strategy, and its source if it has one."""
        by = self.strategy or DEPOSIT
        return f"{by}{OF_SOURCE}{self.source}" if self.source else by


class Position(msgspec.Struct):
    token: Token
    lots: list[Lot] = msgspec.field(default_factory=list)
    units: int = 0
    cost_micros: int = 0
    units_by: dict[str, int] = msgspec.field(default_factory=dict)  # by strategy
    units_of_sources: dict[str, int] = msgspec.field(default_factory=dict)  # of these, those with a source, by owner
    scale: int = 1  # base units and price to micro-USD
    exits: Exits | None = None  # of the signals that bought it; the strictest value of each
    exit_by_ns: int | None = None
    peak_pico: int = 0  # the highest price since it was bought that two marks in a row have reached
    stop_pico: int | None = None  # its stop loss, computed again with each change but that of the price
    floor_micros: int | None = None  # what it brings at its highest stop, a trailing one included; None: it has none

    def __post_init__(self) -> None:
        self.scale = SCALE[self.token.decimals + 6]

    @property
    def opened_ns(self) -> int:
        """When the oldest held lot was opened; sales take the oldest first."""
        return self.lots[0].opened_ns

    @property
    def average_cost_pico(self) -> int:
        """Average cost per whole token, rounded down. Stop prices are computed from it."""
        return self.cost_micros * self.scale // self.units if self.units else 0

    def add(self, lot: Lot) -> None:
        self.lots.append(lot)
        self.units += lot.units
        self.cost_micros += lot.cost_micros
        self._count(lot.strategy, lot.units)
        if lot.source:
            self._count_of_source(lot.owner, lot.units)

    def units_of(self, seller: str) -> int:
        """The units of a strategy, with and without a source, or of a source with whichever strategy."""
        if seller[0] != OF_SOURCE:
            return self.units_by.get(seller, 0)
        return sum(units for owner, units in self.units_of_sources.items() if owner.endswith(seller))

    def shares_of_oldest(self, units: int, reserved: Mapping[str, int], seller: str = "") -> dict[str, int]:
        """Who owns the oldest units, how many each, when of every owner the oldest reserved units are left out.

        `seller`: only its own units count; blank: those of all.
        """
        if not units:
            return {}
        if seller or self.units_of_sources:
            return self._shares_of(units, reserved, seller)
        if len(self.units_by) == 1:
            (owner,) = self.units_by
            free = self.units - reserved.get(owner, 0)
            return {owner: min(units, free)} if free > 0 else {}
        if units == self.units and not reserved:
            return dict(self.units_by)
        return self._shares_of(units, reserved, seller)

    def _shares_of(self, units: int, reserved: Mapping[str, int], seller: str) -> dict[str, int]:
        passed, shares = dict(reserved), dict[str, int]()
        for lot in self.lots:
            owner, part = lot.owner if lot.source else lot.strategy or DEPOSIT, lot.units
            if seller and not owns(seller, owner):
                continue
            if skipped := passed.get(owner, 0):
                skipped = min(part, skipped)
                passed[owner] -= skipped
                part -= skipped
            if part >= units:
                shares[owner] = shares.get(owner, 0) + units
                break
            if part:
                units -= part
                shares[owner] = shares.get(owner, 0) + part
        return shares

    def cut_of_shares(self, units: int, shares: Mapping[str, int]) -> Cut:
        """The oldest units of each owner, up to its share. What a fork took from the shares, the oldest of all give."""
        left, cut = dict(shares), Cut()
        for place, lot in enumerate(self.lots):
            owner, part = lot.owner if lot.source else lot.strategy or DEPOSIT, lot.units
            share = left.get(owner, 0)
            if part > share:
                part = share
            if part >= units:
                return [*cut, (place, units)] if units else cut
            if part:
                left[owner] = share - part
                units -= part
                cut.append((place, part))
        return self._more_of_oldest(units, dict(cut))

    def _more_of_oldest(self, units: int, taken: dict[int, int]) -> Cut:
        for place, lot in enumerate(self.lots):
            more = min(units, lot.units - taken.get(place, 0))
            if more:
                taken[place] = taken.get(place, 0) + more
                units -= more
            if not units:
                break
        return sorted(taken.items())

    def cut_of_buy(self, units: int, origin: str, strategy: StrategyType, source: str) -> Cut:
        """What a buy brought, or as many units: of its own lot, else of its source and its strategy, else of one of
        the two, the source first, else any; the newest first.
        """
        lots, cut, strangeness = self.lots, Cut(), tuple(list[int]() for _ in range(8))
        for place in range(len(lots) - 1, -1, -1):
            lot = lots[place]
            strange = 4 * (lot.origin != origin) + 2 * (lot.source != source) + (lot.strategy is not strategy)
            strangeness[strange].append(place)
        for place in chain.from_iterable(strangeness):
            part = min(units, lots[place].units)
            units -= part
            if part:
                cut.append((place, part))
            if not units:
                break
        return cut

    def remove(self, cut: Cut) -> list[Lot]:
        """Returns the removed units as lots with their cost; of a split lot the rest keeps the rounding."""
        lots, removed, kept = self.lots, list[Lot](), bytearray(b"\1") * len(self.lots)
        for place, units in cut:
            lot = lots[place]
            if units == lot.units:
                kept[place] = 0
                removed.append(lot)
            else:
                removed.append(_split(lot, units))
        self.lots = list(compress(lots, kept))
        self._subtract(removed)
        return removed

    def put_back(self, lots: Sequence[Lot]) -> None:
        """Returns removed units to where they were: into the lot that they were part of, or before all later lots."""
        times, parts = {lot.opened_ns for lot in lots}, dict[_Name, Lot]()
        for lot in self.lots:
            if lot.opened_ns in times and lot.origin:
                parts.setdefault(_name(lot), lot)
        again = list[Lot]()
        for back in reversed(lots):
            name = _name(back)
            if (rest := parts.get(name)) is not None:
                rest.units += back.units
                rest.cost_micros += back.cost_micros
            else:
                again.append(copy(back))
                if back.origin:
                    parts[name] = again[-1]
        self._insert(again[::-1])
        self._subtract(lots, -1)

    def _insert(self, lots: list[Lot]) -> None:
        """Each before all lots that were opened no earlier."""
        if all(one.opened_ns <= other.opened_ns for one, other in pairwise(self.lots)):
            self.lots = sorted([*lots, *self.lots], key=lambda lot: lot.opened_ns)  # Stable: what returns comes first.
            return
        for back in reversed(lots):  # Journals of the first rules can hold them in another order.
            later = (place for place, lot in enumerate(self.lots) if lot.opened_ns >= back.opened_ns)
            self.lots.insert(next(later, len(self.lots)), back)

    def take(self, units: int) -> list[Lot]:
        """Removes the oldest units. Returns them as `remove` does."""
        assert 0 < units <= self.units, (units, self.units)
        whole, left = 0, units
        for lot in self.lots:
            if lot.units > left:
                break
            whole += 1
            left -= lot.units
        taken = self.lots[:whole]
        del self.lots[:whole]
        if left:
            taken.append(_split(self.lots[0], left))
        self._subtract(taken)
        return taken

    def take_newest(self, units: int) -> list[Lot]:
        """Removes the newest units. Returns them as `remove` does."""
        assert 0 < units <= self.units, (units, self.units)
        self.lots.reverse()
        try:
            return self.take(units)
        finally:
            self.lots.reverse()

    def plan(self, exits: Exits, at_ns: int) -> None:
        """Merges the exits of a signal that bought into it; of two values the stricter counts."""
        self.exits = strictest(self.exits, exits)
        if exits.hold_max_ns is not None:
            self.exit_by_ns = stricter(self.exit_by_ns, at_ns + exits.hold_max_ns)

    def value_micros(self, price_pico: int) -> int:
        """Its value at a price, rounded down."""
        return self.units * price_pico // self.scale

    def at_risk_micros(self, value_micros: int) -> int:
        """What it can still lose, at this value, down to its highest stop. Without a stop nobody can say: zero."""
        floor = self.floor_micros
        return value_micros - floor if floor is not None and value_micros > floor else 0

    def value_by(self, price_pico: int) -> dict[str, int]:
        """The value of each strategy's part, each rounded down."""
        return {by: units * price_pico // self.scale for by, units in self.units_by.items()}

    def _subtract(self, lots: Iterable[Lot], sign: int = 1) -> None:
        """Takes their units and costs out of the sums; with -1, adds them."""
        by, cost = dict[StrategyType | None, int](), 0
        for lot in lots:
            strategy = lot.strategy
            by[strategy] = by.get(strategy, 0) + lot.units
            cost += lot.cost_micros
            if lot.source:
                self._count_of_source(lot.owner, -sign * lot.units)
        self.cost_micros -= sign * cost
        self.units -= sign * sum(by.values())
        for owner, units in by.items():
            self._count(owner, -sign * units)

    def _count(self, strategy: StrategyType | None, units: int) -> None:
        by = strategy or DEPOSIT
        left = self.units_by.get(by, 0) + units
        if left:
            self.units_by[by] = left
        else:
            del self.units_by[by]

    def _count_of_source(self, owner: str, units: int) -> None:
        left = self.units_of_sources.get(owner, 0) + units
        if left:
            self.units_of_sources[owner] = left
        else:
            del self.units_of_sources[owner]


def owner_of_source(source: str) -> str:
    """The seller whose lots are those of a source."""
    return f"{OF_SOURCE}{source}"


def owns(seller: str, owner: str) -> bool:
    """Whether a lot of this owner is one of the seller: of its strategy, or of its source."""
    return owner.endswith(seller) if seller[0] == OF_SOURCE else owner.partition(OF_SOURCE)[0] == seller


def cost_of(lots: Iterable[Lot]) -> int:
    return sum(lot.cost_micros for lot in lots)


def _split(lot: Lot, units: int) -> Lot:
    """Takes a part of the lot; the rest keeps the rounding."""
    part = Lot(lot.strategy, units, lot.cost_micros * units // lot.units, lot.opened_ns, lot.origin, lot.source)
    lot.units -= units
    lot.cost_micros -= part.cost_micros
    return part


def _name(lot: Lot) -> _Name:
    return lot.origin, lot.strategy, lot.opened_ns, lot.source


def strictest(one: Exits | None, other: Exits | None) -> Exits | None:
    """The stricter value of two, field by field."""
    if one is None or other is None:
        return one or other
    return Exits(
        stricter(one.stop_loss_ppm, other.stop_loss_ppm),
        stricter(one.trailing_ppm, other.trailing_ppm),
        stricter(one.take_profit_ppm, other.take_profit_ppm),
        stricter(one.hold_max_ns, other.hold_max_ns),
    )


def stricter(one: int | None, other: int | None) -> int | None:
    return min(one, other) if one is not None and other is not None else one if other is None else other

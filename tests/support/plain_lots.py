"""Lots of one token in one wallet a second time, for the checkers: no code of the core, and no sum that could drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import structs

from overmind.core.model.enums import SaleScope, StrategyType
from overmind.core.model.order import Order
from overmind.core.model.signal import Signal


class Lot(msgspec.Struct):
    strategy: StrategyType | None  # None: a deposit
    units: int
    cost_micros: int
    opened_ns: int = 0
    origin: str = ""
    source: str = ""

    @property
    def owner(self) -> str:
        return (self.strategy or "deposit") + f"@{self.source}" * bool(self.source)


Lots = list[Lot]
Shares = Counter[str]  # units by owner


def total(lots: Iterable[Lot]) -> int:
    return sum(lot.units for lot in lots)


def cost(lots: Iterable[Lot]) -> int:
    return sum(lot.cost_micros for lot in lots)


def may_sell_by(lot: Lot, signal: Signal) -> bool:
    return may_sell(lot, signal.scope, signal.strategy, signal.source)


def may_sell(lot: Lot, scope: SaleScope, strategy: StrategyType, source: str) -> bool:
    """Whether a sale of this scope takes such a lot."""
    return {
        SaleScope.STRATEGY: lot.strategy is strategy,
        SaleScope.SOURCE: bool(source) and lot.source == source,
        SaleScope.DESK: True,
    }[scope]


def shares_of(lots: Lots, order: Order, source: str, units: int, reserved: Shares) -> Shares:
    """Whose lots a sale takes, when open sales have reserved so much of each owner."""
    if order.scope is SaleScope.STRATEGY and not any(lot.source for lot in lots):
        return Counter({order.strategy: units})
    shares, passed = Shares(), Counter(reserved)
    for lot in lots:
        if not may_sell(lot, order.scope, order.strategy, source):
            continue
        skipped = min(lot.units, passed[lot.owner])
        passed[lot.owner] -= skipped
        shares[lot.owner] += min(lot.units - skipped, units - shares.total())
    return +shares


def sell(lots: Lots, units: int, shares: Mapping[str, int]) -> Lots:
    """Takes the oldest units of each owner's share; where a fork left too few, the oldest of anybody."""
    wanted, left = [0] * len(lots), Counter(shares)
    for own in (True, False):
        for at, lot in enumerate(lots):
            part = min(units - sum(wanted), lot.units - wanted[at], left[lot.owner] if own else units)
            wanted[at] += part
            left[lot.owner] -= part
    return _cut(lots, wanted)


def undo_buy(lots: Lots, units: int, order: Order, source: str) -> Lots:
    """Takes what a buy brought: its own lot, then the newest of its source and strategy, of one of them, of anybody."""
    wanted = [0] * len(lots)
    for rank in range(5):
        for at, lot in reversed([*enumerate(lots)]):
            same = lot.source == source, lot.strategy is order.strategy
            if (lot.origin == order.id, all(same), same[0], same[1], True)[rank]:
                wanted[at] += min(units - sum(wanted), lot.units - wanted[at])
    return _cut(lots, wanted)


def take_newest(lots: Lots, units: int) -> Lots:
    wanted = [0] * len(lots)
    for at, lot in reversed([*enumerate(lots)]):
        wanted[at] = min(units - sum(wanted), lot.units)
    return _cut(lots, wanted)


def undo_sale(lots: Lots, sold: Lots, order: Order, source: str, units: int) -> int:
    """Gives sold lots back to where they were; what was sold without a lot comes back at no cost. Returns the cost."""
    rest = units - total(sold)
    if not sold:
        lots.append(Lot(order.strategy, units, 0, source=source))
        return 0
    for lot in [Lot(order.strategy, rest, 0, sold[-1].opened_ns, source=source)] * bool(rest) + sold[::-1]:
        same = [one for one in lots if one.origin and _names(one) == _names(lot)]
        if same:
            same[0].units += lot.units
            same[0].cost_micros += lot.cost_micros
        else:
            at = sum(1 for one in lots if one.opened_ns < lot.opened_ns)
            lots.insert(at, structs.replace(lot))
    return cost(sold)


def _names(lot: Lot) -> tuple[str, str, int]:
    return lot.origin, lot.owner, lot.opened_ns


def _cut(lots: Lots, wanted: list[int]) -> Lots:
    taken = []
    for lot, units in zip(lots, wanted, strict=True):
        part = structs.replace(lot, units=units, cost_micros=lot.cost_micros * units // lot.units)
        lot.units -= units
        lot.cost_micros -= part.cost_micros
        taken += [part] if units else []
    lots[:] = [lot for lot in lots if lot.units]
    return taken

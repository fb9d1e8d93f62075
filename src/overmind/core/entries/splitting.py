"""How to divide a buy among several wallets, so that the total expected cost is lowest.

What n micro-USD cost in a wallet is `fixed + rate * n + square * n * n`: the fee and the rent do not depend on the
amount, the spread and the impact are shares of it, and the headroom charges its square. For given wallets the cheapest
amounts have the same marginal cost, but for those at a bound (the continuous quadratic knapsack problem; K. Kiwiel,
"Variable fixing algorithms for the continuous quadratic knapsack problem", JOTA 136, 2008). Which wallets is decided
greedily: the best one alone if one has the room, else the cheapest that can cover the amount; then one more of those
that cost least, as long as it lowers the total.

Floats choose wallets and amounts, and nothing more: every part must still pass the gate, in integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Amounts = NDArray[np.float64]

FLAT: Final = 1e-8  # the least curvature, as the marginal cost of the whole amount: it only breaks ties
TRIED_MAX: Final = 6  # wallets that are tried as one more


class Offers(NamedTuple):
    """Of each wallet: the most that it may take, in micro-USD, and the coefficients of what it costs, in micro-USD."""

    room: NDArray[np.int64]
    fixed: Amounts
    rate: Amounts
    square: Amounts


class Offer(NamedTuple):
    """One wallet's."""

    place: int
    room: int
    fixed: float
    rate: float
    square: float

    def cost(self, micros: float) -> float:
        return self.fixed + micros * (self.rate + self.square * micros)


class Part(NamedTuple):
    place: int  # of the wallet in the offers
    micros: int


class Shared(NamedTuple):
    """The cheapest amounts of some wallets."""

    cost: float
    offers: list[Offer]
    amounts: list[float]


def reachable_micros(offers: Offers, parts_max: int) -> int:
    """The most that so many wallets may take together."""
    largest = sorted(offers.room.tolist(), reverse=True)[:parts_max]
    return sum(room for room in largest if room > 0)


def divided(offers: Offers, wanted: int, parts_max: int, least: int, alone: int | None = None) -> list[Part] | None:
    """The parts, which sum exactly to `wanted`, each at least `least`. None: so many wallets cannot take it.

    `alone`: the wallet that would take all of it. The parts are then never more expensive.
    """
    cheapest_first = _by_cost(offers, wanted, least)
    if alone is None:
        chosen = _covering(cheapest_first, wanted, parts_max)
    else:
        chosen = [one for one in cheapest_first if one.place == alone]
    if not chosen or len(chosen) * least > wanted:
        return None
    best = _shared(chosen, wanted, least)
    while len(best.offers) < min(parts_max, wanted // least):
        joining = _joining(cheapest_first, best, wanted, least)
        if joining is None:
            break
        wider = _shared([*best.offers, joining], wanted, least)
        if wider.cost >= best.cost:
            break
        best = wider
    return _whole_micros(best, wanted, least)


def _by_cost(offers: Offers, wanted: int, least: int) -> list[Offer]:
    """Those that may take a part, by what each micro-USD costs where it takes as much as it can."""
    taken = np.minimum(offers.room, wanted)
    unit = offers.fixed / np.maximum(taken, 1) + offers.rate + offers.square * taken
    unit[taken < least] = np.inf
    order = unit.argsort(kind="stable")[: np.count_nonzero(taken >= least)]
    square = np.maximum(offers.square, FLAT / wanted)
    columns = (order, taken[order], offers.fixed[order], offers.rate[order], square[order])
    return [*map(Offer, *(column.tolist() for column in columns))]


def _covering(cheapest_first: Sequence[Offer], wanted: int, parts_max: int) -> list[Offer]:
    """Step by step the cheapest that leaves no more than the others can cover. Empty: they cannot."""
    chosen, left = list[Offer](), wanted
    largest = sorted((one.room for one in cheapest_first), reverse=True)
    for others in range(min(parts_max, len(largest)) - 1, -1, -1):
        beside, with_own = sum(largest[:others]), sum(largest[: others + 1])
        for one in cheapest_first:
            # Beside its own, the largest rooms of the others.
            if min(one.room, left) + min(beside, with_own - one.room) >= left and one not in chosen:
                break
        else:
            return []
        chosen.append(one)
        largest.remove(one.room)
        left -= min(left, one.room)
        if not left:
            return chosen
    return []


def _shared(offers: list[Offer], wanted: int, least: int) -> Shared:
    """The cheapest amounts within the bounds: amounts beyond a bound are fixed there, and the others share the rest."""
    free, amounts, left = offers, dict[int, float](), wanted * 1.0
    while free:
        slope = left + sum(one.rate / (2.0 * one.square) for one in free)
        slope /= sum(1.0 / (2.0 * one.square) for one in free)
        asked = [(slope - one.rate) / (2.0 * one.square) for one in free]
        over = sum(micros - one.room for one, micros in zip(free, asked, strict=True) if micros > one.room)
        under = sum(least - micros for micros in asked if micros < least)
        if not over and not under:
            amounts |= {one.place: micros for one, micros in zip(free, asked, strict=True)}
            break
        at_bound = dict[int, float]()
        for one, micros in zip(free, asked, strict=True):
            if over >= under and micros > one.room:
                at_bound[one.place] = one.room
            elif over < under and micros < least:
                at_bound[one.place] = least
        amounts |= at_bound
        left -= sum(at_bound.values())
        free = [one for one in free if one.place not in at_bound]
    taken = [amounts[one.place] for one in offers]
    return Shared(sum(map(Offer.cost, offers, taken)), offers, taken)


def _joining(cheapest_first: Sequence[Offer], known: Shared, wanted: int, least: int) -> Offer | None:
    """The further wallet that would save most, by what its amount costs less where it is taken from."""
    givers = [
        (one.rate + 2.0 * one.square * micros, one.square)
        for one, micros in zip(known.offers, known.amounts, strict=True)
        if micros > least
    ]
    if not givers:
        return None
    slope = max(marginal for marginal, _ in givers)
    alike = slope - abs(slope) * 1e-9
    square = 1.0 / sum(1.0 / square for marginal, square in givers if marginal >= alike)
    to_give, best, saved = wanted - least * len(known.offers), None, 0.0
    for one in cheapest_first[: len(known.offers) + TRIED_MAX]:
        most = min(one.room, to_give)
        if most < least or one in known.offers:
            continue
        curved = one.square + square
        taken = min(most, max(least, (slope - one.rate) / (2.0 * curved)))
        saving = taken * (slope - one.rate - curved * taken) - one.fixed
        if saving > saved:
            best, saved = one, saving
    return best


def _whole_micros(known: Shared, wanted: int, least: int) -> list[Part]:
    """Rounds, and lets those take or give the rest that have room for it."""
    micros = [max(least, min(round(one), offer.room)) for offer, one in zip(known.offers, known.amounts, strict=True)]
    left = wanted - sum(micros)
    for number, offer in enumerate(known.offers):
        change = min(left, offer.room - micros[number]) if left > 0 else max(left, least - micros[number])
        micros[number] += change
        left -= change
    assert not left, (wanted, micros, known)
    return [Part(offer.place, amount) for offer, amount in zip(known.offers, micros, strict=True)]

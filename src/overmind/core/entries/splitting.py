"""How to divide a buy among several wallets, so that the total expected cost is lowest.

What n micro-USD cost in a wallet is `fixed + rate * n + square * n * n`: the fee and the rent do not depend on the
amount, the spread and the impact are shares of it, and the headroom charges its square. For given wallets the cheapest
amounts have the same marginal cost, but for those at a bound (the continuous quadratic knapsack problem; K. Kiwiel,
"Breakpoint searching algorithms", Mathematical Programming 112, 2008). Which wallets is decided greedily: the best one
alone if one has the room, else the cheapest that can cover the amount; then one more as long as it lowers the total.

Floats choose wallets and amounts, and nothing more: every part must still pass the gate, in integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Amounts = NDArray[np.float64]

FLAT: Final = 1e-8  # the least curvature, as the marginal cost of the whole amount: it only breaks ties


class Offers(NamedTuple):
    """Of each wallet: the most that it may take, in micro-USD, and the coefficients of what it costs, in micro-USD."""

    room: NDArray[np.int64]
    fixed: Amounts
    rate: Amounts
    square: Amounts

    def cost(self, place: int, micros: float) -> float:
        fixed, rate, square = (of[place].item() for of in (self.fixed, self.rate, self.square))
        cost: float = fixed + micros * (rate + square * micros)
        return cost


class Part(NamedTuple):
    place: int  # of the wallet in the offers
    micros: int


class Bounded(NamedTuple):
    """A wallet whose amount is asked for."""

    place: int
    rate: float
    square: float
    room: int


class Shared(NamedTuple):
    """The cheapest amounts of some wallets."""

    cost: float
    places: list[int]
    amounts: list[float]


def reachable_micros(offers: Offers, parts_max: int) -> int:
    """The most that so many wallets may take together."""
    largest = sorted(offers.room.tolist(), reverse=True)[:parts_max]
    return sum(room for room in largest if room > 0)


def divided(offers: Offers, wanted: int, parts_max: int, least: int, alone: int | None = None) -> list[Part] | None:
    """The parts, which sum exactly to `wanted`, each at least `least`. None: so many wallets cannot take it.

    `alone`: the wallet that would take all of it. The parts are then never more expensive.
    """
    offers = offers._replace(square=np.maximum(offers.square, FLAT / wanted))
    places = [alone] if alone is not None else _covering(offers, wanted, parts_max, least)
    if not places or len(places) * least > wanted:
        return None
    best = _shared(offers, places, wanted, least)
    while len(best.places) < min(parts_max, wanted // least):
        joining = _joining(offers, best, wanted, least)
        if joining is None:
            break
        wider = _shared(offers, [*best.places, joining], wanted, least)
        if wider.cost >= best.cost:
            break
        best = wider
    return _whole_micros(offers, best, wanted, least)


def _covering(offers: Offers, wanted: int, parts_max: int, least: int) -> list[int]:
    """Wallets whose rooms cover the amount: step by step the cheapest that leaves enough for the others to cover."""
    room = np.where(offers.room >= least, np.minimum(offers.room, wanted), 0)
    places, left = list[int](), wanted
    for others in range(parts_max - 1, -1, -1):
        descending = np.sort(room)[::-1]
        # The largest `others` rooms beside each wallet's own.
        beside = np.minimum(descending[:others].sum(), descending[: others + 1].sum() - room)
        taken = np.maximum(np.minimum(room, left), least)
        cost = offers.fixed / taken + offers.rate + offers.square * taken
        cost[(room == 0) | (np.minimum(room, left) + beside < left)] = np.inf
        cheapest = cost.argmin().item()
        if cost[cheapest] == np.inf:
            return []
        places.append(cheapest)
        left -= min(left, room[cheapest].item())
        if not left:
            return places
        room[cheapest] = 0
    return []


def _shared(offers: Offers, places: Sequence[int], wanted: int, least: int) -> Shared:
    """The cheapest amounts within the bounds: amounts beyond a bound are fixed there, and the others share the rest."""
    columns = [of[places].tolist() for of in (offers.rate, offers.square, offers.room)]
    free, amounts, left = [*map(Bounded, places, *columns)], dict[int, float](), wanted * 1.0
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
    taken = [amounts[place] for place in places]
    return Shared(sum(map(offers.cost, places, taken)), [*places], taken)


def _joining(offers: Offers, known: Shared, wanted: int, least: int) -> int | None:
    """The further wallet that would save most, by what its amount costs less where it is taken from."""
    rates, squares = offers.rate[known.places].tolist(), offers.square[known.places].tolist()
    givers = [
        (rate + 2.0 * square * micros, square)
        for rate, square, micros in zip(rates, squares, known.amounts, strict=True)
        if micros > least
    ]
    if not givers:
        return None
    slope = max(marginal for marginal, _ in givers)
    alike = slope - abs(slope) * 1e-9
    square = 1.0 / sum(1.0 / square for marginal, square in givers if marginal >= alike)
    most = np.minimum(offers.room, wanted - least * len(known.places))
    curved = offers.square + square
    taken = np.clip((slope - offers.rate) / (2.0 * curved), least, np.maximum(most, least))
    gained = offers.fixed + taken * (offers.rate - slope + curved * taken)
    gained[known.places] = np.inf
    gained[most < least] = np.inf
    best = gained.argmin().item()
    return best if gained[best] < 0 else None


def _whole_micros(offers: Offers, known: Shared, wanted: int, least: int) -> list[Part]:
    """Rounds, and lets those take or give the rest that have room for it."""
    rooms = offers.room[known.places].tolist()
    micros = [max(least, min(round(one), room)) for room, one in zip(rooms, known.amounts, strict=True)]
    left = wanted - sum(micros)
    for number, room in enumerate(rooms):
        change = min(left, room - micros[number]) if left > 0 else max(left, least - micros[number])
        micros[number] += change
        left -= change
    assert not left, (wanted, micros, offers)
    return [Part(place, amount) for place, amount in zip(known.places, micros, strict=True)]

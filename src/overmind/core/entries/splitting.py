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
        return float(self.fixed[place] + micros * (self.rate[place] + self.square[place] * micros))


class Part(NamedTuple):
    place: int  # of the wallet in the offers
    micros: int


class Shared(NamedTuple):
    """The cheapest amounts of some wallets."""

    cost: float
    places: list[int]
    amounts: list[float]


def reachable_micros(offers: Offers, parts_max: int) -> int:
    """The most that so many wallets may take together."""
    largest = np.sort(offers.room)[::-1][:parts_max]
    return int(largest[largest > 0].sum())


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
        cheapest = int(cost.argmin())
        if cost[cheapest] == np.inf:
            return []
        places.append(cheapest)
        left -= min(left, int(room[cheapest]))
        if not left:
            return places
        room[cheapest] = 0
    return []


def _shared(offers: Offers, places: Sequence[int], wanted: int, least: int) -> Shared:
    """The cheapest amounts within the bounds: amounts beyond a bound are fixed there, and the others share the rest."""
    amounts, free, left = dict[int, float](), list(places), float(wanted)
    rate, square, room = offers.rate, offers.square, offers.room
    while free:
        weights = [1.0 / (2.0 * float(square[one])) for one in free]
        slope = (left + sum(float(rate[one]) * of for one, of in zip(free, weights, strict=True))) / sum(weights)
        asked = [(slope - float(rate[one])) * of for one, of in zip(free, weights, strict=True)]
        over = sum(max(0.0, micros - int(room[one])) for one, micros in zip(free, asked, strict=True))
        under = sum(max(0.0, least - micros) for micros in asked)
        if not over and not under:
            amounts |= zip(free, asked, strict=True)
            break
        fixed = {
            one: float(room[one]) if over >= under else float(least)
            for one, micros in zip(free, asked, strict=True)
            if (micros > room[one] if over >= under else micros < least)
        }
        amounts |= fixed
        left -= sum(fixed.values())
        free = [one for one in free if one not in fixed]
    taken = [amounts[one] for one in places]
    return Shared(sum(map(offers.cost, places, taken)), list(places), taken)


def _joining(offers: Offers, known: Shared, wanted: int, least: int) -> int | None:
    """The further wallet that would save most, by what its amount costs less where it is taken from."""
    marginal = [
        float(offers.rate[one]) + 2.0 * float(offers.square[one]) * micros if micros > least else -np.inf
        for one, micros in zip(known.places, known.amounts, strict=True)
    ]
    slope = max(marginal)
    givers = [one for one, of in zip(known.places, marginal, strict=True) if of >= slope - abs(slope) * 1e-9]
    square = 1.0 / sum(1.0 / float(offers.square[one]) for one in givers)
    most = np.minimum(offers.room, wanted - least * len(known.places))
    taken = np.clip((slope - offers.rate) / (2.0 * (offers.square + square)), least, np.maximum(most, least))
    gained = offers.fixed + taken * (offers.rate - slope + (offers.square + square) * taken)
    gained[known.places] = np.inf
    gained[most < least] = np.inf
    best = int(gained.argmin())
    return best if gained[best] < 0 else None


def _whole_micros(offers: Offers, known: Shared, wanted: int, least: int) -> list[Part]:
    """Rounds, and lets those take or give the rest that have room for it."""
    micros = [
        max(least, min(round(one), int(offers.room[at]))) for at, one in zip(known.places, known.amounts, strict=True)
    ]
    left = wanted - sum(micros)
    for number, place in enumerate(known.places):
        change = min(left, int(offers.room[place]) - micros[number]) if left > 0 else max(left, least - micros[number])
        micros[number] += change
        left -= change
    assert not left, (wanted, micros, offers)
    return [Part(place, amount) for place, amount in zip(known.places, micros, strict=True)]

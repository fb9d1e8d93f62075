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

FLAT: Final = 1e-4  # basis points that the whole amount costs more in a wallet without curvature: they break ties
TRIED_MAX: Final = 4  # wallets that are tried as one more


class Offers(NamedTuple):
    """Of each wallet: the most and the least that it may take, in micro-USD, and the coefficients of what it costs.

    A cost is in basis points times micro-USD. A wallet without room has an infinite rate.
    """

    room: NDArray[np.int64]
    least: NDArray[np.int64]
    fixed: Amounts
    rate: Amounts
    square: Amounts


class Offer(NamedTuple):
    """One wallet's."""

    place: int
    room: int
    least: int
    fixed: float
    rate: float
    square: float


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


def below_micros(offers: Offers, parts_max: int, wanted: int) -> int:
    """The largest amount below `wanted` that the roomiest wallets take together if each one fills its room."""
    below = 0
    for room in sorted(offers.room.tolist(), reverse=True)[:parts_max]:
        if room <= 0 or below + room >= wanted:
            break
        below += room
    return below


def divided(offers: Offers, wanted: int, parts_max: int, alone: int | None = None) -> list[Part] | None:
    """The parts, which sum exactly to `wanted`, each within its bounds. None: so many wallets cannot take it.

    `alone`: the wallet that would take all of it. The parts are then never more expensive.
    """
    cheapest_first = _by_cost(offers, wanted, parts_max, alone)
    if alone is None:
        chosen = _covering(cheapest_first, wanted, parts_max)
        if _least_of(chosen) > wanted:  # The fewest wallets that cover it have the smallest bounds together.
            roomiest = offers.room.argsort(kind="stable")[::-1][:parts_max].tolist()
            chosen = _covering(_listed(offers, roomiest, wanted), wanted, parts_max)
    else:
        chosen = [one for one in cheapest_first if one.place == alone]
    if not chosen or _least_of(chosen) > wanted:
        return None
    best = _shared(chosen, wanted)
    while len(best.offers) < parts_max:
        joining = _joining(cheapest_first, best, wanted)
        if joining is None:
            break
        wider = _shared([*best.offers, joining], wanted)
        if wider.cost >= best.cost:
            break
        best = wider
    return _whole_micros(best, wanted)


def may_pay(offers: Offers, alone: int, wanted: int) -> bool:
    """Whether any further wallet could lower the cost of the one that would take all of it, whatever its room.

    Moving x there saves `d * x - (square + its square) * x * x`, at most d * d / 4 over the sum of the squares.
    """
    rate, square = offers.rate.item(alone), offers.square.item(alone)
    dearer = (rate + 2.0 * square * wanted) - offers.rate
    saved = np.maximum(dearer, 0.0) ** 2 - 4.0 * offers.fixed * (offers.square + square)
    saved[alone] = 0.0
    return bool(saved.max() > 0.0)


def _least_of(offers: Sequence[Offer]) -> int:
    return sum([one.least for one in offers])


def _by_cost(offers: Offers, wanted: int, parts_max: int, alone: int | None) -> list[Offer]:
    """Those that cost least at all that they can take, in that order; with the roomiest if the others need them."""
    taken = np.minimum(offers.room, np.array(wanted))
    unit = offers.fixed / taken + offers.rate + offers.square * taken
    order: list[int] = unit.argsort(kind="stable").tolist()
    rooms: list[int] = taken.tolist()
    short = order[: parts_max + TRIED_MAX]
    if alone is not None:
        short += [alone] if alone not in short else []
    elif sum(sorted([rooms[place] for place in short])[-parts_max:]) < wanted:
        roomiest = sorted(order, key=rooms.__getitem__)[-parts_max:]
        short = [place for place in order if place in short or place in roomiest]
    return _listed(offers, short, wanted)


def _listed(offers: Offers, places: list[int], wanted: int) -> list[Offer]:
    """These offers, each for no more than is wanted, without those that can take nothing."""
    columns = (column[places].tolist() for column in offers)
    square_min = FLAT / wanted
    return [
        Offer(place, min(room, wanted), least, fixed, rate, square if square > square_min else square_min)
        for place, room, least, fixed, rate, square in zip(places, *columns, strict=True)
        if least <= room and least <= wanted
    ]


def _covering(cheapest_first: Sequence[Offer], wanted: int, parts_max: int) -> list[Offer]:
    """Step by step the cheapest that leaves no more than the others can cover. Empty: they cannot."""
    chosen, left = list[Offer](), wanted
    largest = sorted([one.room for one in cheapest_first], reverse=True)
    for others in range(min(parts_max, len(largest)) - 1, -1, -1):
        beside = sum(largest[:others])
        with_own = beside + largest[others]
        for one in cheapest_first:
            # Beside its own, the largest rooms of the others.
            room = one.room
            if min(room, left) + min(beside, with_own - room) >= left and one not in chosen:
                break
        else:
            return []
        chosen.append(one)
        largest.remove(room)
        left -= min(left, room)
        if not left:
            return chosen
    return []


def _shared(offers: list[Offer], wanted: int) -> Shared:
    """The cheapest amounts within the bounds: amounts beyond a bound are fixed there, and the others share the rest."""
    free, amounts, left = offers, dict[int, float](), wanted * 1.0
    while free:
        slope, weights = left, 0.0
        for one in free:
            weight = 0.5 / one.square
            slope += one.rate * weight
            weights += weight
        slope /= weights
        over = under = 0.0
        for one in free:
            micros = amounts[one.place] = (slope - one.rate) * 0.5 / one.square
            if micros > one.room:
                over += micros - one.room
            elif micros < one.least:
                under += one.least - micros
        if not over and not under:
            break
        inside = list[Offer]()
        for one in free:
            micros = amounts[one.place]
            if over >= under and micros > one.room:
                amounts[one.place] = one.room
            elif over < under and micros < one.least:
                amounts[one.place] = one.least
            else:
                inside.append(one)
                continue
            left -= amounts[one.place]
        free = inside
    cost, taken = 0.0, list[float]()
    for one in offers:
        micros = amounts[one.place]
        cost += one.fixed + micros * (one.rate + one.square * micros)
        taken.append(micros)
    return Shared(cost, offers, taken)


def _joining(cheapest_first: Sequence[Offer], known: Shared, wanted: int) -> Offer | None:
    """The further wallet that would save most, by what its amount costs less where it is taken from."""
    givers = [
        (one.rate + 2.0 * one.square * micros, one.square)
        for one, micros in zip(known.offers, known.amounts, strict=True)
        if micros > one.least
    ]
    if not givers:
        return None
    slope = max(marginal for marginal, _ in givers)
    alike = slope - abs(slope) * 1e-9
    square = 1.0 / sum(1.0 / square for marginal, square in givers if marginal >= alike)
    to_give, best, saved = wanted - _least_of(known.offers), None, 0.0
    for one in cheapest_first[: len(known.offers) + TRIED_MAX]:
        most = min(one.room, to_give)
        if most < one.least or one in known.offers:
            continue
        curved = one.square + square
        taken = min(most, max(one.least, (slope - one.rate) / (2.0 * curved)))
        saving = taken * (slope - one.rate - curved * taken) - one.fixed
        if saving > saved:
            best, saved = one, saving
    return best


def _whole_micros(known: Shared, wanted: int) -> list[Part]:
    """Rounds, and lets those take or give the rest that have room for it."""
    micros, left = list[int](), wanted
    for offer, amount in zip(known.offers, known.amounts, strict=True):
        whole = max(offer.least, min(round(amount), offer.room))
        micros.append(whole)
        left -= whole
    if left:
        for number, offer in enumerate(known.offers):
            change = min(left, offer.room - micros[number]) if left > 0 else max(left, offer.least - micros[number])
            micros[number] += change
            left -= change
    assert not left, (wanted, micros, known)
    return [Part(offer.place, amount) for offer, amount in zip(known.offers, micros, strict=True)]

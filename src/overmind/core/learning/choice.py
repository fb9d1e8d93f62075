"""The choice among the few cheapest by inverse-gap weighting, with its exact probability.

The chance of each falls with its distance from the preferred one (Foster and Rakhlin, 2020). The draw depends on the
seed and on the signal's id alone: whatever else the desk does, the same signal draws the same number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from overmind.core.learning.sigmoid import MICRO
from overmind.core.model.ids import SignalId
from overmind.core.model.units import PPM
from overmind.core.model.value import Value

TOP: Final = 5  # candidates that may be drawn
BAND: Final = 25 * MICRO  # none that costs so much more than the preferred one is drawn
APART: Final = 4  # a gap that is less than this part of its deviation tells nothing
STEEPNESS: Final = 15  # per basis point: how fast the chance falls with the distance


def is_told_apart(gap: int, deviation: int) -> bool:
    """Whether what was learned may change the nominal order. Otherwise that order stands."""
    return gap * APART > deviation


class Drawn(Value, frozen=True):
    place: int  # in the given costs
    propensity_ppm: int  # the chance that it had


def draw_ppm(seed: str, signal_id: SignalId) -> int:
    """A number below a million, the same for ever for the same seed and signal."""
    digest = hashlib.blake2b(f"{seed}\0{signal_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") * PPM >> 64


def propensities_ppm(
    costs: Sequence[int], preferred: int | None = None, share_ppm: int = PPM, band: int = BAND
) -> list[tuple[int, int]]:
    """The places that may be drawn, the preferred one first, each with its chance. The chances sum to a million.

    The others have `share_ppm` together at most. None prefers the cheapest; among equal costs the earlier place is the
    cheaper one.
    """
    order = sorted(range(len(costs)), key=costs.__getitem__)
    best = order[0] if preferred is None else preferred
    gaps = {place: max(0, costs[place] - costs[best]) for place in order[:TOP] if place != best}
    within = [place for place in gaps if costs[place] - costs[best] <= band][: TOP - 1]
    count = len(within) + 1
    others = [(p, share_ppm * MICRO // (count * MICRO + STEEPNESS * gaps[p])) for p in within]
    return [(best, PPM - sum(chance for _, chance in others)), *others]


def draw(
    costs: Sequence[int],
    seed: str,
    signal_id: SignalId,
    preferred: int | None = None,
    share_ppm: int = PPM,
    band: int = BAND,
) -> Drawn:
    return drawn(propensities_ppm(costs, preferred, share_ppm, band), seed, signal_id)


def drawn(chances: Sequence[tuple[int, int]], seed: str, signal_id: SignalId) -> Drawn:
    """One of these places, by its chance."""
    rest = draw_ppm(seed, signal_id)
    for place, chance in chances:
        if rest < chance:
            return Drawn(place, chance)
        rest -= chance
    raise AssertionError(f"the chances {chances} do not sum to {PPM}")

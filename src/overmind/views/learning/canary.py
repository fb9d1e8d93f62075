"""The canary's comparison: what the signals that the learner decided did cost, against those of the same time that it
did not decide.

A hash of the signal's id says which is which, so the two groups differ in nothing else. Intervals are from a bootstrap
over blocks of six hours, which are drawn for both groups at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from overmind.core.model.value import Value
from overmind.views.learning.off_policy import (
    BLOCK_NS,
    BLOCKS_MIN,
    ESS_MIN,
    Floats,
    Interval,
    drawn_blocks,
    outer,
)
from overmind.views.learning.samples import Sample


class CanaryTest(Value, frozen=True):
    """Mean costs in basis points. Nothing is concluded from few entries."""

    decided: int  # finished entries that the learner decided in the mode canary
    others: int  # those that it did not decide, at the same time
    blocks: int  # times of six hours
    decided_cost: Interval | None
    others_cost: Interval | None
    gain: Interval | None  # how much cheaper the decided ones are
    why_not: str  # why nothing is concluded; blank: it is


def canary_test(samples: Sequence[Sample]) -> CanaryTest:
    ours = [one for one in samples if one.in_canary]
    decided = np.array([one.decided for one in ours], np.bool_)
    counts = decided.sum().item(), (~decided).sum().item()
    blocks = np.unique(np.array([one.at_ns // BLOCK_NS for one in ours], np.int64), return_inverse=True)[1]
    count = len(np.unique(blocks))
    if why_not := _why_not(*counts, count):
        return CanaryTest(*counts, count, None, None, None, why_not)
    costs = np.array([one.cost for one in ours])
    return CanaryTest(*counts, count, *_compared(costs, decided, blocks), "")


def _compared(
    costs: Floats, decided: NDArray[np.bool_], blocks: NDArray[np.intp]
) -> tuple[Interval, Interval, Interval]:
    picked = drawn_blocks(blocks.max().item() + 1)
    one, other = (_means(costs[group], blocks[group], picked) for group in (decided, ~decided))
    means = costs[decided].mean().item(), costs[~decided].mean().item()
    return (
        Interval(means[0], *outer(one)),
        Interval(means[1], *outer(other)),
        Interval(means[1] - means[0], *outer(other - one)),
    )


def _means(costs: Floats, blocks: NDArray[np.intp], picked: NDArray[np.int64]) -> Floats:
    """The mean of one group in each resample; not a number where it drew none of the group."""
    size = picked.max().item() + 1
    sums, counts = np.bincount(blocks, costs, size), np.bincount(blocks, minlength=size)
    drawn = counts[picked].sum(axis=1)
    found: Floats = np.where(drawn > 0, sums[picked].sum(axis=1) / np.maximum(drawn, 1), np.nan)
    return found


def _why_not(decided: int, others: int, blocks: int) -> str:
    if not decided + others:
        return "no entry has finished that was decided in the mode canary"
    if min(decided, others) < ESS_MIN:
        return f"the smaller group has {min(decided, others)} entries, and {ESS_MIN} are the least that tell anything"
    if blocks < BLOCKS_MIN:
        return f"the entries are of {blocks} times of six hours, and {BLOCKS_MIN} are the least that tell anything"
    return ""

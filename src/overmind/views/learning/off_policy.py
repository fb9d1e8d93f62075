"""What the learner's choices would have cost, estimated from drawn ones: inverse propensities and doubly robust.

Only entries that were drawn count: there the learner's choice and the cost model's each had a known chance. Where
nothing was drawn, as in plain shadow, no estimate is possible. Intervals are from a bootstrap over blocks of six hours,
because entries of one time are alike. Dudík, Langford and Li, "Doubly Robust Policy Evaluation and Learning", 2011.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from overmind.core.model.enums import StrategyType
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.views.learning.samples import Sample

Floats = NDArray[np.float64]
BLOCK_NS: Final = 6 * 3_600 * NS
RESAMPLES: Final = 2_000
ESS_MIN: Final = 200  # effective sample size, below which nothing is concluded
BLOCKS_MIN: Final = 20  # fewer blocks tell nothing about how much they differ
LIFT_BINS: Final = 5
OUTER: Final = (2.5, 97.5)


class Interval(Value, frozen=True):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


class LiftBin(Value, frozen=True):
    """Drawn entries that were forecast to gain about as much, and what they gained."""

    entries: int
    forecast: float  # mean gain over the cost model's choice, by the learner's own forecasts
    gain: Interval  # doubly robust


class OffPolicy(Value, frozen=True):
    """How much cheaper the learner's choices are than the cost model's, in basis points; positive: cheaper."""

    entries: int  # drawn ones that support both
    effective: float  # effective sample size of the learner's choices among them
    weight_max: float
    blocks: int
    ips: float | None
    snips: float | None
    doubly_robust: Interval | None  # null: too little support
    by_strategy: dict[StrategyType, Interval]
    lift: tuple[LiftBin, ...]  # from the smallest forecast gain to the largest; empty: nothing is concluded
    why_not: str  # why nothing is concluded; blank: it is


class Weights(Value, frozen=True):
    """The weight of each entry for one policy, and what that policy's choice was forecast to cost."""

    weights: Floats
    forecast: Floats


def off_policy(samples: Sequence[Sample]) -> OffPolicy:
    drawn = [one for one in samples if one.supported and not one.decided]
    if not drawn:
        return OffPolicy(0, 0.0, 0.0, 0, None, None, None, {}, (), _why_nothing(samples))
    costs, expected = (np.array([getattr(one, name) for one in drawn]) for name in ("cost", "expected"))
    learner, cost_model = _of_learner(drawn, expected), _of_cost_model(drawn, expected)
    blocks = np.unique(np.array([one.at_ns // BLOCK_NS for one in drawn]), return_inverse=True)[1]
    count, effective = blocks.max().item() + 1, effective_size(learner.weights)
    lifts = doubly_robust(cost_model, costs, expected) - doubly_robust(learner, costs, expected)
    why_not = _why_not(effective, count)
    return OffPolicy(
        entries=len(drawn),
        effective=effective,
        weight_max=learner.weights.max().item(),
        blocks=count,
        ips=None if why_not else ((cost_model.weights - learner.weights) * costs).mean().item(),
        snips=None if why_not else _mean(cost_model.weights, costs) - _mean(learner.weights, costs),
        doubly_robust=None if why_not else interval(lifts, blocks),
        by_strategy={} if why_not else _by_strategy(drawn, lifts, blocks),
        lift=() if why_not else tuple(_lift(cost_model.forecast - learner.forecast, lifts, blocks)),
        why_not=why_not,
    )


def _of_learner(drawn: Sequence[Sample], expected: Floats) -> Weights:
    weights = np.array([one.agrees / one.propensity for one in drawn])
    return Weights(weights, expected - np.array([one.gain for one in drawn]))


def _of_cost_model(drawn: Sequence[Sample], expected: Floats) -> Weights:
    weights = np.array([(one.baseline is None) / one.propensity for one in drawn])
    return Weights(weights, expected + np.array([one.baseline or 0.0 for one in drawn]))


def doubly_robust(policy: Weights, costs: Floats, expected: Floats) -> Floats:
    """Entry by entry: the forecast of the policy's choice, corrected by what was measured where it was made."""
    found: Floats = policy.forecast + policy.weights * (costs - expected)
    return found


def effective_size(weights: Floats) -> float:
    """How many equal weights would tell as much."""
    squares: float = (weights * weights).sum().item()
    whole: float = weights.sum().item()
    return whole**2 / squares if squares else 0.0


def interval(values: Floats, blocks: NDArray[np.intp]) -> Interval:
    """Of the mean: whole blocks are drawn again and again, always the same way."""
    sums, counts = np.bincount(blocks, values), np.bincount(blocks)
    picked = drawn_blocks(len(counts))
    means = sums[picked].sum(axis=1) / np.maximum(counts[picked].sum(axis=1), 1)
    return Interval(values.mean().item(), *outer(means))


def drawn_blocks(count: int) -> NDArray[np.int64]:
    """Resample by resample, which of these blocks it drew."""
    return np.random.Generator(np.random.PCG64(0)).integers(0, count, (RESAMPLES, count))


def outer(means: Floats) -> tuple[float, float]:
    """The bounds of 95 % of the resamples that are numbers."""
    low, high = np.nanpercentile(means, OUTER).tolist()
    return low, high


def _lift(forecasts: Floats, lifts: Floats, blocks: NDArray[np.intp]) -> Iterator[LiftBin]:
    """Bins of equally many entries. Among equal forecasts the older entry comes first."""
    for ours in np.array_split(np.argsort(forecasts, kind="stable"), LIFT_BINS):
        own_blocks = np.unique(blocks[ours], return_inverse=True)[1]
        yield LiftBin(len(ours), forecasts[ours].mean().item(), interval(lifts[ours], own_blocks))


def _by_strategy(drawn: Sequence[Sample], lifts: Floats, blocks: NDArray[np.intp]) -> dict[StrategyType, Interval]:
    found = {}
    for strategy in StrategyType:
        ours = np.array([one.strategy is strategy for one in drawn])
        own_blocks = np.unique(blocks[ours], return_inverse=True)[1]
        if len(own_blocks) and own_blocks.max() + 1 >= BLOCKS_MIN:
            found[strategy] = interval(lifts[ours], own_blocks)
    return found


def _mean(weights: Floats, costs: Floats) -> float:
    whole: float = weights.sum().item()
    found: float = (weights * costs).sum().item()
    return found / whole if whole else 0.0


def _why_nothing(samples: Sequence[Sample]) -> str:
    if any(one.propensity < 1.0 for one in samples):
        return "no drawn entry could have gone to the learner's choice"
    return (
        "no entry was drawn: shadow tells what the learner would have chosen, and never what that would have cost; set"
        " OVERMIND_ROUTING_EXPLORE_PERCENT to compare"
    )


def _why_not(effective: float, blocks: int) -> str:
    if effective < ESS_MIN:
        return f"the effective sample size is {effective:.0f}, and {ESS_MIN} is the least that tells anything"
    if blocks < BLOCKS_MIN:
        return f"the entries are of {blocks} times of six hours, and {BLOCKS_MIN} are the least that tell anything"
    return ""

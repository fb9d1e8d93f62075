"""The canary's comparison: the two groups of one time, their difference with its interval, and when it says nothing."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace
from tests.support.core_desk import CoreDesk

from overmind.core.model.enums import StrategyType
from overmind.views.learning.canary import canary_test
from overmind.views.learning.off_policy import BLOCK_NS
from overmind.views.learning.samples import Sample, Samples


def signals(count: int, gain: float, blocks: int = 30) -> list[Sample]:
    """A quarter is decided by the learner, and costs so much less. The times have a drift that both groups share."""
    rng = Random(count)
    drifts = [rng.gauss(0.0, 20.0) for _ in range(blocks)]
    found = []
    for number in range(count):
        block, decided = number * blocks // count, rng.random() < 0.25
        cost = 30.0 + drifts[block] + rng.gauss(0.0, 5.0) - (gain if decided else 0.0)
        found.append(
            Sample(
                at_ns=block * BLOCK_NS + number,
                strategy=StrategyType.ARBITRAGE,
                landed=True,
                landing=0.9,
                configured=0.9,
                cost=cost,
                expected=30.0,
                gain=0.0,
                baseline=None,
                agrees=True,
                decided=decided,
                propensity=1.0,
                supported=False,
                in_canary=True,
            )
        )
    return found


@pytest.mark.parametrize("gain", [3.0, 0.0, -3.0])
def test_the_difference_is_found_in_spite_of_a_drift_that_both_share(gain: float) -> None:
    found = canary_test(signals(3_000, gain))
    assert found.why_not == ""
    assert found.gain is not None
    assert found.gain.low <= gain <= found.gain.high
    assert found.gain.high - found.gain.low < 8.0, "of both groups apart it is more than 20"
    assert found.decided_cost is not None
    assert found.others_cost is not None
    assert found.gain.value == pytest.approx(found.others_cost.value - found.decided_cost.value)
    assert found.decided + found.others == 3_000
    assert canary_test(signals(3_000, gain)) == found, "the bootstrap is the same each time"


def test_a_group_that_is_in_few_of_the_times_has_an_interval_too() -> None:
    ours = [one for one in signals(3_000, 3.0) if not one.decided or one.at_ns < BLOCK_NS * 12]
    found = canary_test(ours)
    assert found.gain is not None
    assert found.gain.low < found.gain.value < found.gain.high


def test_few_entries_or_times_conclude_nothing() -> None:
    few = canary_test(signals(400, 3.0))
    assert (few.gain, few.decided_cost, few.others_cost) == (None, None, None)
    assert "200 are the least" in few.why_not
    short = canary_test(signals(3_000, 3.0, blocks=5))
    assert short.gain is None
    assert "5 times of six hours" in short.why_not


def test_what_another_mode_decided_is_left_out() -> None:
    others = canary_test([replace(one, in_canary=False) for one in signals(3_000, 3.0)])
    assert (others.decided, others.others) == (0, 0)
    assert "mode canary" in others.why_not


def test_each_signal_is_of_the_mode_that_it_was_decided_in() -> None:
    """It is finished in another one."""
    desk, samples = CoreDesk("w1; w2; desk learner on canary 30"), Samples()
    for mode in ("canary", "on"):
        desk.play(f"desk learner {mode}")
        for number in range(40):
            desk.play(f"buy sol $10 id {mode}{number}")
    desk.play("desk learner shadow; fill")
    samples.follow(desk.entries)
    in_canary = [one for one in samples.found if one.in_canary]
    assert (len(in_canary), len(samples.found)) == (40, 80)
    assert 0 < sum(one.decided for one in in_canary) < 20, "three of ten, by the hash"

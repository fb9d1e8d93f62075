"""Estimates from drawn choices: against a truth that is known, and refused where they would tell nothing."""

from __future__ import annotations

from random import Random

import pytest

from overmind.core.learning.choice import draw, propensities_ppm
from overmind.core.learning.sigmoid import MICRO
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import SignalId
from overmind.core.model.units import NS, PPM
from overmind.views.learning.off_policy import BLOCK_NS, off_policy
from overmind.views.learning.samples import Sample

GAP_NS = 60 * NS
FLATTER = 0.02  # the desk's draw falls so fast with the distance that these few entries would support nothing
STRATEGIES = (StrategyType.MOMENTUM_TRADING, StrategyType.METEORA_DAMM)


def world(seed: int, count: int, share: float, noise: float = 30.0) -> tuple[list[Sample], float]:
    """Entries of five candidates, and how much cheaper the learner's choices really are, per entry.

    Both forecasts are wrong: the cost model's by 4 bps, the learner's by 2. A drift of the times is common to all.
    """
    rng = Random(seed)
    samples, lifts, drift = [], [], 0.0
    for number in range(count):
        if number * GAP_NS % BLOCK_NS < GAP_NS:
            drift = rng.gauss(0.0, 3.0)
        truth = [10.0 + rng.uniform(0.0, 6.0) for _ in range(5)]
        nominal = [one + rng.gauss(0.0, 4.0) for one in truth]
        learned = [one + rng.gauss(0.0, 2.0) for one in truth]
        baseline, favoured = nominal.index(min(nominal)), learned.index(min(learned))
        costs = [round(one * FLATTER * MICRO) for one in nominal]
        drawn = draw(costs, str(seed), SignalId(f"s{number}"), baseline, round(share * PPM))
        chances = dict(propensities_ppm(costs, baseline, round(share * PPM)))
        place = drawn.place
        if chances.get(favoured):
            lifts.append(truth[baseline] - truth[favoured])
        samples.append(
            Sample(
                at_ns=number * GAP_NS,
                strategy=STRATEGIES[number % 2],
                landed=True,
                landing=0.9,
                configured=0.9,
                cost=truth[place] + drift + rng.gauss(0.0, noise),
                expected=learned[place],
                gain=learned[place] - learned[favoured],
                baseline=None if place == baseline else learned[baseline] - learned[place],
                agrees=place == favoured,
                decided=False,
                propensity=drawn.propensity_ppm / PPM,
                supported=chances.get(favoured, 0) > 0,
            )
        )
    return samples, sum(lifts) / len(lifts)


def test_the_doubly_robust_estimate_covers_the_truth() -> None:
    samples, truth = world(1, 7_500, share=1.0)
    found = off_policy(samples)
    assert found.why_not == ""
    assert found.doubly_robust is not None
    assert found.doubly_robust.low <= truth <= found.doubly_robust.high
    assert found.doubly_robust.high - found.doubly_robust.low < 6
    assert set(found.by_strategy) == set(STRATEGIES)
    assert off_policy(samples) == found, "the bootstrap is the same each time"
    forecasts = [one.forecast for one in found.lift]
    assert forecasts == sorted(forecasts)
    assert len(forecasts) == 5
    assert sum(one.entries for one in found.lift) == found.entries
    whole = sum(one.gain.value * one.entries for one in found.lift) / found.entries
    assert whole == pytest.approx(found.doubly_robust.value)
    assert found.lift[-1].gain.value > found.lift[0].gain.value, "what is forecast to gain more gains more"


@pytest.mark.soak
def test_its_interval_covers_the_truth_in_nine_of_ten_worlds() -> None:
    covered = 0
    for seed in range(60):
        samples, truth = world(seed, 8_000, share=0.5)
        found = off_policy(samples).doubly_robust
        assert found is not None
        covered += found.low <= truth <= found.high
    assert covered >= 54


def test_without_noise_all_three_agree_with_the_truth() -> None:
    samples, truth = world(2, 7_500, share=1.0, noise=0.0)
    found = off_policy(samples)
    assert found.ips is not None
    assert found.snips is not None
    assert found.doubly_robust is not None
    assert found.doubly_robust.value == pytest.approx(truth, abs=0.3)
    assert found.snips == pytest.approx(truth, abs=1.0)
    assert found.ips == pytest.approx(truth, abs=2.0)


def test_too_little_support_concludes_nothing() -> None:
    few = off_policy(world(3, 150, share=0.3)[0])
    assert few.effective < 200
    assert "effective sample size" in few.why_not
    assert few.doubly_robust is few.ips is few.snips is None
    assert few.by_strategy == {}
    assert few.lift == ()
    short = off_policy(world(4, 3_000, share=1.0)[0])
    assert short.doubly_robust is None
    assert "times of six hours" in short.why_not


def test_shadow_alone_gives_no_support() -> None:
    samples, _ = world(5, 300, share=0.0)
    undrawn = [Sample(**{name: getattr(one, name) for name in one.__struct_fields__}) for one in samples]
    told = off_policy([one for one in undrawn if not one.supported])
    assert told.entries == 0
    assert told.doubly_robust is None
    assert "shadow tells what the learner would have chosen" in told.why_not


def test_what_the_learner_decided_is_left_out() -> None:
    samples, _ = world(6, 100, share=1.0)
    decided = [Sample(**{**{n: getattr(one, n) for n in one.__struct_fields__}, "decided": True}) for one in samples]
    assert off_policy(decided).entries == 0

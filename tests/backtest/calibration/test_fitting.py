"""A fit to recorded fills, and its test on fills that it has not seen.

`embedded_chain.csv` holds the orders of a demo on the embedded chain: 400 signals with seed 3. Its maker keeps half a
spread of two basis points and quotes a pool whose depth follows the tape; the market model had no part in it.
"""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random
from typing import Final

import pytest

from overmind.backtest.calibration.fitting import FILLS_MIN, Calibrated, TooFew, calibrate, line_through
from overmind.backtest.calibration.samples import Sample
from overmind.backtest.calibration.writing import costs_text, fitted
from overmind.sandbox.maker.quoting import Terms
from overmind.venues.depth.reading import costs_from, shipped_costs

CHAIN: Final = Path(__file__).parent / "embedded_chain.csv"
CASES: Final = 200


def recorded(name: str) -> list[Sample]:
    with CHAIN.open(encoding="utf-8", newline="") as file:
        return [
            Sample(
                row["class"],
                int(row["at_ns"]),
                float(row["value_usd"]),
                float(row["shortfall_bps"]),
                int(row["priority_lamports"]),
                int(row["latency_ms"]),
                row["outcome"],
            )
            for row in csv.DictReader(file)
            if row["class"] == name
        ]


def calibrated(samples: list[Sample]) -> Calibrated:
    found = calibrate("sol", samples)
    assert isinstance(found, Calibrated), found
    return found


def drawn(
    seed: int, count: int, fixed_bps: float = 3.0, depth_usd: float = 2e6, noise_bps: float = 4.0, failing: float = 0.0
) -> list[Sample]:
    """Orders that lose what a straight line says, and as much as noise adds."""
    draw, found = Random(seed), []
    for number in range(count):
        usd = draw.uniform(50, 5_000)
        lost = fixed_bps + usd / depth_usd * 10_000 + draw.gauss(0, noise_bps)
        is_failed = draw.random() < failing
        priority, latency = draw.randrange(20_000), draw.randrange(400, 2_000)
        outcome = "failed" if is_failed else "filled"
        found.append(Sample("sol", number, usd, None if is_failed else lost, priority, latency, outcome))
    return found


@pytest.mark.parametrize("name", ["sol", "major"])
def test_it_predicts_later_fills_of_the_embedded_chain(name: str) -> None:
    found = calibrated(recorded(name))
    assert found.check.holds, found.check
    assert found.check.fills > 40
    assert found.check.predicted_bps.value == pytest.approx(found.check.realised_bps.value, abs=1.0)
    assert found.fit.depth_usd is not None


def test_it_finds_the_spread_that_the_maker_of_the_embedded_chain_keeps() -> None:
    fixed = calibrated(recorded("sol")).fit.fixed_bps
    assert fixed.low <= Terms().half_spread_bps <= fixed.high


def test_what_changed_between_fit_and_test_does_not_hold() -> None:
    samples = recorded("sol")
    later = samples[len(samples) * 7 // 10 :]
    worse = [one._replace(shortfall_bps=(one.shortfall_bps or 0) + 5) for one in later]
    assert not calibrated([*samples[: -len(later)], *worse]).check.holds


def test_a_difference_of_less_than_a_basis_point_does_not_matter() -> None:
    samples = drawn(3, 200, noise_bps=0.01)
    by = {0.9: True, 1.1: False}
    for more, holds in by.items():
        later = [one._replace(shortfall_bps=(one.shortfall_bps or 0) + more) for one in samples[140:]]
        assert calibrated([*samples[:140], *later]).check.holds is holds


def test_the_order_in_which_fills_are_told_changes_nothing() -> None:
    samples = recorded("major")
    assert calibrate("major", samples[::-1]) == calibrate("major", samples)


@pytest.mark.parametrize("count", [0, 1, 40, FILLS_MIN - 1])
def test_too_few_fills_conclude_nothing(count: int) -> None:
    assert calibrate("sol", drawn(1, count)) == TooFew("sol", count)


def test_just_enough_fills_conclude_something() -> None:
    assert isinstance(calibrate("sol", drawn(1, FILLS_MIN)), Calibrated)


def test_orders_that_were_not_filled_are_no_fills() -> None:
    assert isinstance(calibrate("sol", drawn(1, FILLS_MIN, failing=0.9)), TooFew)


def test_its_bounds_hold_what_they_promise() -> None:
    """Of 200 desks with the same true costs about 95 % find them within their bounds, and see their test hold."""
    fits = [calibrated(drawn(seed, 120)) for seed in range(CASES)]
    fixed = sum(one.fit.fixed_bps.low <= 3 <= one.fit.fixed_bps.high for one in fits)
    depths = [one.fit.depth_usd for one in fits if one.fit.depth_usd is not None]
    deep = sum(one.low <= 2e6 <= one.high for one in depths)
    assert fixed >= 0.9 * CASES
    assert len(depths) >= 0.9 * CASES
    assert deep >= 0.9 * len(depths)
    assert 0.9 * CASES <= sum(one.check.holds for one in fits) < CASES


def test_a_depth_that_nobody_felt_is_not_told() -> None:
    found = calibrated(drawn(4, 100, depth_usd=1e12))
    assert found.fit.depth_usd is None
    assert found.fit.fixed_bps.value == pytest.approx(3, abs=1)


def test_orders_of_one_size_have_no_slope() -> None:
    same = [one._replace(value_usd=100.0) for one in drawn(2, 100)]
    assert line_through([(one.value_usd, one.shortfall_bps or 0) for one in same]).slope == 0
    assert calibrated(same).fit.depth_usd is None


def test_failures_fees_and_latency_are_counted() -> None:
    fit = calibrated(drawn(7, 400, failing=0.25)).fit
    assert fit.failure_percent.low < 25 < fit.failure_percent.high
    assert (fit.expiry_percent.value, fit.expiry_percent.low) == (0, 0)
    assert 0 < fit.expiry_percent.high < 2
    assert list(fit.latency_ms) == sorted(fit.latency_ms)
    assert 1_000 < fit.latency_ms[1] < 1_400
    assert fit.priority_fee_lamports[-1] < 20_000


def test_a_written_fit_is_read_as_it_is(tmp_path: Path) -> None:
    found = calibrated(recorded("sol"))
    shipped = shipped_costs().classes["sol"]
    file, with_fit = tmp_path / "fit.toml", fitted(shipped, found.fit)
    file.write_text(costs_text([with_fit]))
    read = costs_from(file)
    assert read.classes["sol"] == with_fit
    assert read.classes["meme"] == shipped_costs().classes["meme"]
    of = with_fit.token_class()
    assert of.pool_fee_ppm == round(found.fit.fixed_bps.value * 100)
    assert (of.spread_ppm, of.depth_per_volume_ppm) == (0, 0)
    assert of.impact_half_life_ns == shipped.token_class().impact_half_life_ns  # Fills are silent about it.


def test_a_fit_outside_of_what_a_file_may_say_is_bounded(tmp_path: Path) -> None:
    """Fills better than the mark, and a latency beyond any ticket's life."""
    slow = [one._replace(latency_ms=10**6) for one in drawn(5, 100, fixed_bps=-4, noise_bps=1)]
    file = tmp_path / "fit.toml"
    file.write_text(costs_text([fitted(shipped_costs().classes["sol"], calibrated(slow).fit)]))
    of = costs_from(file).classes["sol"].token_class()
    assert (of.pool_fee_ppm, of.latency_ms[-1]) == (0, 50_000)

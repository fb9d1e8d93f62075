"""Growth of one dollar: flows change no return, and the deepest fall has its dates."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.core_desk import rows
from tests.support.effort import examples

from overmind.core.model.units import MICROS
from overmind.views.performance.growth import Growth

# Equity before a flow, and the flow: 100+50 is a deposit of 50 at an equity of 100.
TABLE = """
equity | index | deepest
100 | 1 | -
100 110 | 1.1 | -
100 110+90 | 1.1 | -
100 110+90 210 | 1.155 | -
100 50 | 0.5 | 0.5 from 0 to 1
100 50 100 | 1 | 0.5 from 0 to 1 until 2
100 90 95 80 | 0.8 | 0.2 from 0 to 3
100 120 90 130 | 1.3 | 0.25 from 1 to 2 until 3
100 120 90 130 120 | 1.2 | 0.25 from 1 to 2 until 3
100 80 100 50 | 0.5 | 0.5 from 2 to 3
# A withdrawal is no loss, and neither is one of everything.
100 100-60 | 1 | -
100 110-110 | 1.1 | -
100 110-110 0+50 55 | 1.21 | -
# A loss of everything stays one.
100 0 | 0 | 1 from 0 to 1
100 0+100 200 | 0 | 1 from 0 to 1
# From less than a dollar on nothing grows.
100 100-99.5 0.1 0 | 1 | -
"""


def played(steps: str) -> Growth:
    growth = Growth()
    first, *others = steps.split()
    growth.begin(0, int(first) * MICROS)
    for second, step in enumerate(others, 1):
        parts = re.fullmatch(r"([\d.]+)([+-]?)([\d.]*)", step)
        assert parts is not None, step
        equity, sign, flow = parts.groups()
        flow_micros = int(float(f"{sign}{flow or 0}") * MICROS)
        growth.step(second, int(float(equity) * MICROS) + flow_micros, flow_micros)
    return growth


@pytest.mark.parametrize(("steps", "index", "deepest"), rows(TABLE))
def test_growth(steps: str, index: str, deepest: str) -> None:
    growth = played(steps)
    assert growth.index == pytest.approx(float(index), abs=1e-12)
    found = growth.deepest
    told = f"{-found.depth:.4g} from {found.peak_ns} to {found.trough_ns}" if found.depth else "-"
    assert told + ("" if found.recovered_ns is None else f" until {found.recovered_ns}") == deepest


STEPS = st.lists(
    st.tuples(st.integers(1 * MICROS, 10**6 * MICROS), st.sampled_from([0, 0, 0, 1, 2, 3])), min_size=1, max_size=40
)


def grown(steps: list[tuple[int, int]], scale: int = 1) -> Growth:
    """A flow of 1, 2 or 3 times the first equity comes after the gain of its step."""
    growth, capital = Growth(), steps[0][0]
    growth.begin(0, capital * scale)
    for at, (equity, times) in enumerate(steps, 1):
        flow = times * capital
        growth.step(at, (equity + flow) * scale, flow * scale)
    return growth


@settings(derandomize=True, max_examples=examples(300))
@given(STEPS)
def test_the_index_is_the_exact_product_of_the_parts_between_flows(steps: list[tuple[int, int]]) -> None:
    index, base = Fraction(1), Fraction(steps[0][0])
    for equity, times in steps:
        flow = times * steps[0][0]
        index *= Fraction(equity) / base
        base = Fraction(equity + flow)
    assert grown(steps).index == pytest.approx(float(index), rel=1e-9)


@settings(derandomize=True, max_examples=examples(150))
@given(STEPS, st.integers(2, 1_000))
def test_more_of_the_same_grows_the_same(steps: list[tuple[int, int]], scale: int) -> None:
    one, other = grown(steps), grown(steps, scale)
    assert other.index == pytest.approx(one.index, rel=1e-9)
    assert other.deepest.depth == pytest.approx(one.deepest.depth, abs=1e-9)


@settings(derandomize=True, max_examples=examples(100))
@given(st.lists(st.integers(-(10**11), 10**12), max_size=30))
def test_flows_alone_grow_nothing(flows: list[int]) -> None:
    growth, equity = Growth(), 10**10
    growth.begin(0, equity)
    for at, wanted in enumerate(flows, 1):
        flow = max(wanted, -equity)
        equity += flow
        growth.step(at, equity, flow)
    assert (growth.index, growth.deepest.depth) == (1.0, 0.0)

"""The logistic function in whole numbers: close to the real one, rising, and the same for one number and for many."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overmind.core.learning.sigmoid import LOGIT_MAX, MICRO, landing_all_ppm, landing_ppm, logit_of
from overmind.core.model.units import PPM

LOGITS = st.integers(-10 * MICRO, 10 * MICRO)


@pytest.mark.parametrize(
    ("logit", "ppm"),
    [
        (0, 500_000),
        (MICRO, 731_058),
        (-MICRO, 268_942),
        (LOGIT_MAX, 999_664),
        (10 * MICRO, 999_664),
        (-(10**30), 336),
    ],
)
def test_known_values(logit: int, ppm: int) -> None:
    assert landing_ppm(logit) == ppm


@given(LOGITS)
def test_it_is_close_to_the_real_function(logit: int) -> None:
    bounded = max(-LOGIT_MAX, min(LOGIT_MAX, logit)) / MICRO
    assert abs(landing_ppm(logit) - PPM / (1 + exp(-bounded))) < 4


@given(LOGITS, LOGITS)
def test_it_never_falls(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert landing_ppm(low) <= landing_ppm(high)


@given(st.lists(LOGITS, min_size=1, max_size=20))
def test_many_equal_one_by_one(logits: list[int]) -> None:
    assert landing_all_ppm(np.array(logits, np.int64)).tolist() == [landing_ppm(logit) for logit in logits]


@given(st.integers(400, PPM - 400))
def test_the_inverse_comes_back(ppm: int) -> None:
    assert abs(logit_of(ppm) - MICRO * log(ppm / (PPM - ppm))) < 10_000
    assert abs(landing_ppm(logit_of(ppm)) - ppm) <= 1


def test_what_is_certain_is_bounded() -> None:
    assert (logit_of(0), logit_of(PPM)) == (-LOGIT_MAX, LOGIT_MAX)

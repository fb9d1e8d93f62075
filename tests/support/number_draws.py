"""What every door is asked: numbers of the grammar, a bound on the time, and how many in each tier."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Final

import pytest
from tests.support.number_grammar import Written, written_number

INPUT_S: Final = 0.02  # of processor time for each input, on average; a frozen parser needs years
# Seed and number of inputs for each door: 300 in the quick tier, and others in the long one.
DRAWS: Final = [
    pytest.param(20_261_128, 300, id="quick"),
    pytest.param(20_261_129, 3_000, marks=pytest.mark.soak, id="soak"),
]
through_the_door = pytest.mark.parametrize(("seed", "count"), DRAWS)


def draws(seed: int, count: int) -> Iterator[tuple[Random, Written]]:
    random = Random(seed)
    for _ in range(count):
        yield random, written_number(random)


@contextmanager
def bounded(inputs: int) -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < 5 + inputs * INPUT_S

"""The machine's clock jumps at any await of a whole desk, and nothing is ever decided by a time nobody confirmed."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest
from tests.sim.clock_jumps import KINDS, simulate_jump

from overmind.core.model.codes import Code

CHUNK: Final = 20
QUICK: Final = 12
LAST: Final = 1_000
SEEN: Final = {*KINDS, Code.CLOCK_JUMPED, "bought", "sold in doubt", "accepted", "restarted", "jumped while down"}


@pytest.mark.soak
@pytest.mark.parametrize("first", range(0, LAST, CHUNK))
def test_no_jump_is_believed(first: int) -> None:
    for seed in range(first, first + CHUNK):
        simulate_jump(seed)


def test_every_kind_of_jump_happens_and_none_is_believed() -> None:
    seen: Counter[str] = Counter()
    for seed in range(LAST):
        seen += simulate_jump(seed)
        if seed >= QUICK and seen.keys() >= SEEN:
            return
    raise AssertionError(f"never happened: {SEEN - seen.keys()}")

"""A few seeds that show every rare event between them, so that the quick tier need not run hundreds.

python -m tests.sim.chosen_seeds [LAST]  # looks through the seeds 0 to LAST of both worlds and writes the list anew

Every change of the core or of the simulator moves what happens in a seed. The list may then be stale: the test goes on
to other seeds until everything was seen, and says so.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import pytest
from tests.sim.rare_events import RARE_EVENTS
from tests.sim.simulate import RERUN_EVERY, Kind, simulate, simulate_twice
from tests.support.effort import NOTE

Record = Callable[[str, object], None]

LIST: Final = Path(__file__).with_name("chosen_seeds.json")
CHUNK: Final = 25
QUICK_CHUNKS: Final = 2
LOOK_ON: Final = 1_500  # seeds beyond the list
PROCESSES: Final = 2


def chosen_seeds() -> Mapping[Kind, list[int]]:
    found: Mapping[Kind, list[int]] = json.loads(LIST.read_text())
    return found


def chunks(last: int) -> list[object]:
    """The first seeds are in the quick tier, the others in the long one."""
    firsts = range(0, last, CHUNK)
    return [pytest.param(first, marks=[pytest.mark.soak] if first >= QUICK_CHUNKS * CHUNK else []) for first in firsts]


def simulate_chunk(kind: Kind, first: int) -> None:
    for seed in range(first, first + CHUNK):
        if seed % RERUN_EVERY == 0:
            simulate_twice(seed, kind)
        else:
            simulate(seed, kind)


def expect_rare_events(kind: Kind, record: Record) -> None:
    """Some of it is rare: where the list no longer shows it, it is looked for until it is found."""
    missing = set(RARE_EVENTS[kind])
    listed = chosen_seeds()[kind]
    for count, seed in enumerate(chain(listed, range(LOOK_ON)), 1):
        missing -= (+simulate(seed, kind).seen).keys()
        if not missing:
            if count > len(listed):
                more = count - len(listed)
                record(NOTE, f"{more} seeds beyond tests/sim/{LIST.name} were needed ({kind}): `make seeds` renews it")
            return
    raise AssertionError(f"never happened in {len(listed)} + {LOOK_ON} seeds: {sorted(missing)}")


def choose(kind: Kind, seen: Mapping[int, frozenset[str]]) -> list[int]:
    """Greedy: each time the seed that shows most of what is still missing, the earliest among equals."""
    missing = set(RARE_EVENTS[kind])
    chosen: list[int] = []
    while missing:
        best = max(seen, key=lambda seed: (len(missing & seen[seed]), -seed))
        assert missing & seen[best], f"never happened in {len(seen)} seeds: {sorted(missing)}"
        missing -= seen[best]
        chosen.append(best)
    return chosen


def _seen_in(kind: Kind, seed: int) -> frozenset[str]:
    seen: Counter[str] = simulate(seed, kind).seen
    return frozenset(+seen)


def main(last: int) -> None:
    chosen: dict[Kind, list[int]] = {}
    with ProcessPoolExecutor(PROCESSES) as pool:
        for kind in RARE_EVENTS:
            seen: dict[int, frozenset[str]] = {}
            for seed, one in enumerate(pool.map(partial(_seen_in, kind), range(last), chunksize=10)):
                seen[seed] = one
                if seed % 100 == 99:
                    print(f"{kind}: {seed + 1} of {last} seeds", flush=True)
            chosen[kind] = choose(kind, seen)
            print(f"{kind}: {len(chosen[kind])} seeds show all {len(RARE_EVENTS[kind])} events", flush=True)
    LIST.write_text(json.dumps(chosen) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)

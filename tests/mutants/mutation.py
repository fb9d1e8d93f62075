"""A bug to plant: one change of one source file, and the test or seed that must notice it."""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.sim.chosen_seeds import CHUNK, QUICK_CHUNKS, chosen_seeds

WORLDS: Final = ("plain", "chain")
QUICK_SEEDS: Final = QUICK_CHUNKS * CHUNK


class Mutation(NamedTuple):
    name: str
    file: str  # under src/overmind
    old: str  # stands there exactly once
    new: str
    by: str  # "plain 3" and "chain 14" are seeds, everything else is a test
    world: str = ""  # of the simulator, whose quick seeds must notice it as well

    @property
    def by_seed(self) -> bool:
        return self.by.partition(" ")[0] in WORLDS

    @property
    def everybody(self) -> str:
        """Who must notice it."""
        return f"{self.by} and world {self.world}" if self.world else self.by

    @property
    def tier(self) -> str:
        """`test` if `make test` alone notices it, `soak` if only `make soak` does."""
        if not self.by_seed:
            return "test"
        world, _, seed = self.by.partition(" ")
        quick = {*range(QUICK_SEEDS), *next(seeds for kind, seeds in chosen_seeds().items() if kind == world)}
        return "test" if int(seed) in quick else "soak"

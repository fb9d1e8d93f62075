"""The runs of a sweep: each combination of settings with each seed and each part of the time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from hashlib import blake2b
from itertools import product
from math import prod
from typing import Final

import msgspec
import numpy as np

from overmind.sweep.plan import Plan, Span
from overmind.sweep.told import Settings, Task

TRIES_EACH: Final = 20  # to draw a combination that was not drawn before
SHARES: Final = 1_000_000  # places of a range that are drawn from


def grid_size(plan: Plan) -> int:
    """Of lists and stepped ranges. A range without steps counts as two."""
    return prod(len(_values(one)) for one in plan.varied.values())


def combinations(plan: Plan) -> list[Settings]:
    """All of the grid, or as many different ones at random. The same seed draws the same."""
    if plan.draws is None:
        return list(_grid(plan))
    endless = any(isinstance(one, Span) and one.steps is None for one in plan.varied.values())
    if not endless and grid_size(plan) <= plan.draws:
        return list(_grid(plan))
    return list(_drawn(plan, plan.draws))


def _grid(plan: Plan) -> Iterator[Settings]:
    for values in product(*(_values(one) for one in plan.varied.values())):
        yield dict(zip(plan.varied, values, strict=True))


def _drawn(plan: Plan, wanted: int) -> Iterator[Settings]:
    draw = np.random.default_rng(plan.draw_seed)
    known: set[tuple[str, ...]] = set()
    for _ in range(wanted * TRIES_EACH):
        values = tuple(_one(draw, one) for one in plan.varied.values())
        if values not in known:
            known.add(values)
            yield dict(zip(plan.varied, values, strict=True))
        if len(known) == wanted:
            return


def _one(draw: np.random.Generator, values: Sequence[str] | Span) -> str:
    if isinstance(values, Span) and values.steps is None:
        return values.at(Decimal(int(draw.integers(SHARES + 1))) / SHARES)
    listed = _values(values)
    return listed[int(draw.integers(len(listed)))]


def _values(values: Sequence[str] | Span) -> Sequence[str]:
    return values.values() if isinstance(values, Span) else values


def tasks_of(plan: Plan, fingerprint: str) -> list[Task]:
    """`fingerprint`: of all that decides a result beside the task's own settings."""
    return [
        Task(_key(fingerprint, settings, seed, part), settings, seed, part)
        for settings in combinations(plan)
        for seed in plan.seeds
        for part in range(plan.work.parts)
    ]


def _key(fingerprint: str, settings: Settings, seed: int, part: int) -> str:
    told = msgspec.json.encode((fingerprint, sorted(settings.items()), seed, part))
    return blake2b(told, digest_size=12).hexdigest()

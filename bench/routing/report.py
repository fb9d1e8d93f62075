"""Regret of each policy over all seeds, with 95 % intervals from a paired bootstrap of the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from rich.table import Table

from bench.routing.runner import Score
from bench.routing.world import Floats

CHECKPOINTS = (100, 300, 1_000, 6_000)  # the first so many signals
RESAMPLES = 2_000


class Interval(msgspec.Struct, frozen=True):
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


class Row(msgspec.Struct, frozen=True):
    """One policy. Regret and value are in basis points a signal; a ratio is of regrets."""

    policy: str
    regret_bps: float
    value_bps: float
    to_static: Interval | None
    to_cost_model: Interval | None
    gain_bps: Interval | None  # of the value, over the cost model
    first: dict[str, float]  # regret of the first signals
    refused: int
    breaches: int
    decisions: list[str]  # a hash of each seed's choices


class Report(msgspec.Struct, frozen=True):
    world: str
    wallets: int
    signals: int
    seeds: list[int]
    rows: list[Row]

    def row(self, policy: str) -> Row:
        return next(row for row in self.rows if row.policy == policy)


@dataclass(frozen=True)
class Series:
    """One policy's means, seed by seed."""

    regret: Floats
    value: Floats


def report(world: str, wallets: int, signals: int, scores: Mapping[int, Mapping[str, Score]]) -> Report:
    seeds = sorted(scores)
    names = list(scores[seeds[0]])
    series = {name: _series([scores[seed][name] for seed in seeds]) for name in names}
    rows = [_row(name, [scores[seed][name] for seed in seeds], series) for name in names]
    return Report(world, wallets, signals, seeds, rows)


def _series(scores: Sequence[Score]) -> Series:
    return Series(
        np.array([float(np.mean(score.regret)) if score.regret else 0.0 for score in scores]),
        np.array([float(np.mean(score.value)) if score.value else 0.0 for score in scores]),
    )


def _row(name: str, scores: Sequence[Score], series: Mapping[str, Series]) -> Row:
    one, static, cost = series[name], series.get("static"), series.get("cost model")
    return Row(
        name,
        float(one.regret.mean()),
        float(one.value.mean()),
        ratio(one.regret, static.regret) if static is not None else None,
        ratio(one.regret, cost.regret) if cost is not None else None,
        difference(one.value, cost.value) if cost is not None else None,
        {
            str(count): float(np.mean([np.mean(score.regret[:count] or [0.0]) for score in scores]))
            for count in CHECKPOINTS
        },
        sum(score.refused for score in scores),
        sum(score.breaches for score in scores),
        [score.decisions for score in scores],
    )


def ratio(one: Floats, other: Floats) -> Interval | None:
    """Of the sums over the seeds. None: the other has no regret at all."""
    if not other.sum() > 0:
        return None
    picked = _resampled(len(one))
    below = other[picked].sum(axis=1)
    return _interval(float(one.sum() / other.sum()), one[picked].sum(axis=1) / np.maximum(below, 1e-12))


def difference(one: Floats, other: Floats) -> Interval:
    gained = one - other
    return _interval(float(gained.mean()), gained[_resampled(len(gained))].mean(axis=1))


def _resampled(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.random.Generator(np.random.PCG64(0)).integers(0, count, (RESAMPLES, count))


def _interval(value: float, resampled: Floats) -> Interval:
    low, high = np.percentile(resampled, (2.5, 97.5))
    return Interval(value, float(low), float(high))


def table(one: Report) -> Table:
    shown = Table(title=f"{one.world}: {one.wallets} wallets, {one.signals:,} signals, {len(one.seeds)} seeds")
    for column in ("policy", "regret bps", "of static", "of cost model", "gain bps", *map(str, CHECKPOINTS), "refused"):
        shown.add_column(column, justify="left" if column == "policy" else "right")
    for row in one.rows:
        intervals = (row.to_static, row.to_cost_model, row.gain_bps)
        cells = ("" if interval is None else str(interval) for interval in intervals)
        first = (f"{row.first[str(count)]:.2f}" for count in CHECKPOINTS)
        shown.add_row(row.policy, f"{row.regret_bps:.2f}", *cells, *first, f"{row.refused:,}")
    return shown

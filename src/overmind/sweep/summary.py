"""What the runs of a sweep say together: the settings by their figure, and what choosing by the past was worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Final

from overmind.sweep.heat import heat_maps
from overmind.sweep.plan import Plan
from overmind.sweep.ranks import rank_correlation
from overmind.sweep.told import Curve, Figures, Result, SettingRow, Settings, Step, Sweep, WalkForward

ASSUMPTIONS: Final = (
    "Each run is a backtest with capital of its own. Its market is a model, as on the page of each backtest.",
    "A part begins with nothing held. A signal belongs to the part in which it came.",
    "The best of many settings is lucky as well as good. What it did in the part that chose it says nothing yet.",
)
CURVES_MAX: Final = 5
Key = tuple[tuple[str, str], ...]


def summary_of(plan: Plan, results: Iterable[Result]) -> Sweep:
    found = sorted(results, key=lambda one: (_key(one.task.settings), one.task.part, one.task.seed))
    by_settings: defaultdict[Key, list[Result]] = defaultdict(list)
    for one in found:
        by_settings[_key(one.task.settings)].append(one)
    rows = sorted((_row(plan, runs) for runs in by_settings.values()), key=_best_first)
    varied = tuple(plan.varied)
    return Sweep(
        choose_by=plan.choose_by,
        varied=varied,
        runs=len(found),
        failed=sum(one.figures is None for one in found),
        seeds=plan.seeds,
        parts=_times(plan, found),
        settings=tuple(rows),
        heat=heat_maps(rows, varied),
        walk_forward=_walk(plan, rows, found) if plan.work.parts > 1 else None,
        curves=tuple(_curve(plan, by_settings[_key(row.settings)]) for row in rows[:CURVES_MAX]),
        assumptions=ASSUMPTIONS,
    )


def _curve(plan: Plan, runs: Sequence[Result]) -> Curve:
    points: dict[int, float] = {}
    index = 1.0
    for one in runs:
        if one.task.seed == plan.seeds[0] and one.growth:
            points |= {at_s: index * grown for at_s, grown in one.growth}
            index = list(points.values())[-1]
    return Curve(runs[0].task.settings, tuple(sorted(points.items())))


def _best_first(row: SettingRow) -> tuple[bool, float]:
    """Settings without a figure come last."""
    return row.chosen_by is None, -(row.chosen_by or 0.0)


def _times(plan: Plan, results: Sequence[Result]) -> tuple[tuple[str, str], ...]:
    known = {one.task.part: (one.from_at, one.to_at) for one in results if one.from_at}
    return tuple(known.get(part, ("", "")) for part in range(plan.work.parts))


def _row(plan: Plan, runs: Sequence[Result]) -> SettingRow:
    figures = [one.figures for one in runs if one.figures is not None]
    by_part = tuple(
        _mean([_figure(plan, one.figures) for one in runs if one.task.part == part]) for part in range(plan.work.parts)
    )
    sharpes = [one.sharpe for one in figures if one.sharpe is not None]
    return SettingRow(
        settings=runs[0].task.settings,
        chosen_by=_mean(by_part),
        by_part=by_part,
        total_return=_mean([one.total_return for one in figures]),
        worst_return=min((one.total_return for one in figures), default=None),
        sharpe=_mean(sharpes),
        drawdown=min((one.drawdown for one in figures), default=None),
        trades=sum(one.trades for one in figures),
        costs_usd=sum(one.costs_usd for one in figures),
        errors=tuple(dict.fromkeys(one.error for one in runs if one.error)),
    )


def _figure(plan: Plan, figures: Figures | None) -> float | None:
    found: float | None = None if figures is None else getattr(figures, plan.choose_by)
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    """None if any of them is unknown: a mean of the others would compare unlike things."""
    known = [one for one in values if one is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _walk(plan: Plan, rows: Sequence[SettingRow], results: Sequence[Result]) -> WalkForward:
    times = _times(plan, results)
    steps = [step for part in range(plan.work.parts - 1) if (step := _step(rows, part, times)) is not None]
    correlations = [one.rank_correlation for one in steps if one.rank_correlation is not None]
    return WalkForward(
        steps=tuple(steps),
        chosen=_mean([one.chosen for one in steps]),
        next=_mean([one.next for one in steps]),
        next_median=_mean([one.next_median for one in steps]),
        rank_correlation=_mean(correlations),
    )


def _step(rows: Sequence[SettingRow], part: int, times: Sequence[tuple[str, str]]) -> Step | None:
    """None: no settings have a figure of this part."""
    chosen = max(rows, key=lambda row: _or_least(row.by_part[part]), default=None)
    if chosen is None or (value := chosen.by_part[part]) is None:
        return None
    pairs = [
        (before, after)
        for row in rows
        if (before := row.by_part[part]) is not None and (after := row.by_part[part + 1]) is not None
    ]
    following = [after for _, after in pairs]
    at_last = chosen.by_part[part + 1]
    return Step(
        part=part + 1,
        from_at=times[part + 1][0],
        to_at=times[part + 1][1],
        settings=chosen.settings,
        chosen=value,
        next=at_last,
        next_median=median(following) if following else None,
        next_best=max(following, default=None),
        next_rank=None if at_last is None else 1 + sum(one > at_last for one in following),
        of=len(following),
        rank_correlation=rank_correlation([one for one, _ in pairs], following),
    )


def _or_least(value: float | None) -> float:
    return float("-inf") if value is None else value


def _key(settings: Settings) -> Key:
    return tuple(settings.items())

"""What crosses the border between a sweep and whoever plays its runs, and what it tells: plain values alone."""

from __future__ import annotations

from overmind.backtest.stamps import Stamps
from overmind.core.model.value import Value

Settings = dict[str, str]  # a name as in [vary] → a value as it would be typed


class Work(Value, frozen=True):
    """What all runs of a sweep share. Its paths are absolute, and the desk's own settings come from the environment."""

    tape: str
    signals: str
    stamps: Stamps | None
    detail: str | None
    tokens: str | None
    timeframe: str | None
    costs: str  # a level, `plain`, or the path of a file
    sol_usd: float | None
    fixed: Settings
    parts: int  # equal parts of the tape's time, each played by itself; 1: the whole


class Task(Value, frozen=True):
    """One run. `key` is derived from all that decides its result."""

    key: str
    settings: Settings
    seed: int
    part: int  # 0: the first


class Figures(Value, frozen=True):
    """Of one run. Fractions, as in a report."""

    total_return: float
    yearly_return: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    volatility: float | None
    drawdown: float  # never positive
    gain_usd: float
    equity_usd: float
    trades: int
    win_rate: float | None
    profit_factor: float | None
    expectancy_usd: float | None
    exposure: float | None
    costs_usd: float  # fees, rent and shortfall
    filled: int
    refused: int


class Result(Value, frozen=True):
    """What a run came to. Without figures it failed, and `error` says why."""

    task: Task
    from_at: str
    to_at: str
    figures: Figures | None
    growth: tuple[tuple[int, float], ...] = ()  # unix seconds, and one dollar by then
    error: str = ""


class SettingRow(Value, frozen=True):
    """All runs of the same settings."""

    settings: Settings
    chosen_by: float | None  # the mean of the figure that the sweep chooses by; None: a run has none
    by_part: tuple[float | None, ...]
    total_return: float | None  # mean of runs
    worst_return: float | None
    sharpe: float | None
    drawdown: float | None  # the deepest
    trades: int
    costs_usd: float
    errors: tuple[str, ...]


class Step(Value, frozen=True):
    """One step forward: what one part would have chosen, and what the next part made of it."""

    part: int  # which chose, from 1
    from_at: str  # of the next one
    to_at: str
    settings: Settings
    chosen: float  # on the part that chose
    next: float | None
    next_median: float | None  # of all settings
    next_best: float | None
    next_rank: int | None  # of the chosen one, from 1
    of: int
    rank_correlation: float | None  # Spearman's, of all settings


class WalkForward(Value, frozen=True):
    steps: tuple[Step, ...]
    chosen: float | None  # means over the steps
    next: float | None
    next_median: float | None
    rank_correlation: float | None


class Cell(Value, frozen=True):
    value: float | None
    runs: int


class Heat(Value, frozen=True):
    """The mean of the figure by two settings, over all others."""

    across: str
    down: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]


class Curve(Value, frozen=True):
    """How one dollar grew under some settings, with the first seed; each part goes on from the one before."""

    settings: Settings
    points: tuple[tuple[int, float], ...]  # unix seconds, and one dollar by then


class Sweep(Value, frozen=True):
    choose_by: str
    varied: tuple[str, ...]
    runs: int
    failed: int
    seeds: tuple[int, ...]
    parts: tuple[tuple[str, str], ...]  # their times
    settings: tuple[SettingRow, ...]  # the best first
    heat: tuple[Heat, ...]
    walk_forward: WalkForward | None  # None: there is one part only
    curves: tuple[Curve, ...]  # of the best settings
    assumptions: tuple[str, ...]

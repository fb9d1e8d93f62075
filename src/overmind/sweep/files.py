"""A sweep as CSV files: its settings, the best first, and each step of the walk forward."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Final

from overmind.core.model.value import Value
from overmind.report.files import Columns, safe, write_tables
from overmind.sweep.told import SettingRow, Step, Sweep

FIGURES: Final = ("chosen_by", "total_return", "worst_return", "sharpe", "drawdown", "trades", "costs_usd")
STEPS: Final = (
    "part",
    "from_at",
    "to_at",
    "chosen",
    "next",
    "next_median",
    "next_best",
    "next_rank",
    "of",
    "rank_correlation",
)


def write_files(folder: Path, sweep: Sweep) -> list[Path]:
    """All or none. Raises OSError."""
    varied: Columns = {name: _setting(name) for name in sweep.varied}
    parts: Columns = {f"part_{part + 1}": _part(part) for part in range(len(sweep.parts))}
    settings = {**varied, **_fields(FIGURES), **parts, "errors": _errors}
    steps = () if sweep.walk_forward is None else sweep.walk_forward.steps
    files = {"settings": (settings, sweep.settings), "walk_forward": ({**_fields(STEPS), **varied}, steps)}
    return write_tables(folder, files)


def _fields(names: tuple[str, ...]) -> dict[str, Callable[[Value], object]]:
    return {name: attrgetter(name) for name in names}


def _setting(name: str) -> Callable[[Value], object]:
    def cell(row: Value) -> object:
        assert isinstance(row, SettingRow | Step), row
        return safe(row.settings[name])

    return cell


def _part(part: int) -> Callable[[Value], object]:
    def cell(row: Value) -> object:
        assert isinstance(row, SettingRow), row
        return row.by_part[part]

    return cell


def _errors(row: Value) -> object:
    assert isinstance(row, SettingRow), row
    return safe("; ".join(row.errors))

"""A report as CSV files: a header row, exact decimals, shares and returns as fractions, times in UTC. All or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from typing import Final

import msgspec

from overmind.core.model.value import Value
from overmind.views.performance.executions import ExecutionRow
from overmind.views.performance.told import (
    BenchmarkRow,
    BridgeRow,
    DayRow,
    GroupRow,
    Overall,
    Point,
    RefusedRow,
    Report,
    TradeRow,
    UseRow,
)
from overmind.views.statement import PARTIAL, Table

FORMULA_BEGINS: Final = ("=", "+", "-", "@", "\t", "\r")  # for a spreadsheet


class Pair(Value, frozen=True):
    name: str
    value: object


class GroupOf(Value, frozen=True):
    by: str
    row: GroupRow


class UseOfDay(Value, frozen=True):
    scope: str
    limit: str
    day: str
    highest_percent: float


Columns = Mapping[str, Callable[[Value], object]]
Files = Mapping[str, tuple[Columns, Iterable[Value]]]  # by the file's name without its end


def write_files(folder: Path, report: Report) -> list[Path]:
    """Raises OSError."""
    return write_tables(folder, _files(report))


def write_tables(folder: Path, files: Files) -> list[Path]:
    """Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        tables: list[Table[Value]] = []
        for name, (columns, rows) in files.items():
            table = Table(folder / f"{name}.csv", columns)
            undo.callback(table.drop)
            undo.callback(table.close)
            for row in rows:
                table.add(row)
            tables.append(table)
        for table in tables:
            table.close()
        for table in tables:
            table.keep()
    return [table.path for table in tables]


def write_text(path: Path, text: str) -> None:
    """As a whole or not at all. Raises OSError."""
    partial = path.with_name(path.name + PARTIAL)
    try:
        partial.write_text(text, encoding="utf-8", newline="")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _files(report: Report) -> Files:
    groups = {
        "all": (report.trades_total,),
        "strategy": report.by_strategy,
        "wallet": report.by_wallet,
        "token": report.by_token,
        "hour": report.by_hour,
    }
    of_groups = {"by": attrgetter("by")} | {name: attrgetter(f"row.{name}") for name in GroupRow.__struct_fields__}
    return {
        "figures": (_columns(Pair), _figures(report)),
        "trades": (_columns(TradeRow), report.trades),
        "groups": (of_groups, (GroupOf(by, row) for by, rows in groups.items() for row in rows)),
        "days": (_columns(DayRow), report.days),
        "months": (_columns(DayRow), report.months),
        "curve": (_columns(Point), report.points),
        "benchmarks": (_columns(BenchmarkRow), report.benchmarks),
        "execution": (_columns(ExecutionRow), report.execution),
        "execution_by_route": (_columns(ExecutionRow), report.execution_by_route),
        "refusals": (_columns(RefusedRow), report.refusals),
        "limits": (_columns(UseRow, "days"), report.uses),
        "limits_by_day": (_columns(UseOfDay), _uses_of_days(report.uses)),
        "bridge": (_columns(BridgeRow), report.bridge),
        "assumptions": (_columns(Pair), (Pair("assumption", line) for line in report.assumptions)),
        "settings": (_columns(Pair), (Pair(name, value) for name, value in report.settings.items())),
    }


def _columns(kind: type[Value], *left_out: str) -> Columns:
    return {name: _cell(name) for name in kind.__struct_fields__ if name not in left_out}


def _cell(name: str) -> Callable[[Value], object]:
    def cell(row: Value) -> object:
        value = getattr(row, name)
        if isinstance(value, dict):
            value = ", ".join(f"{key} {count}" for key, count in value.items())
        return safe(value)

    return cell


def safe(value: object) -> object:
    """No spreadsheet takes it for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_BEGINS) else value


def _figures(report: Report) -> Iterable[Pair]:
    for name in ("from_at", "to_at", "entries", "mode", "cluster"):
        yield Pair(name, getattr(report, name))
    overall = report.overall
    for part in (overall.returns, overall.drawdown):
        for name, value in msgspec.structs.asdict(part).items():
            yield Pair(name, value)
    for name in Overall.__struct_fields__:
        if not isinstance(value := getattr(overall, name), Value):
            yield Pair(name, value)


def _uses_of_days(uses: Sequence[UseRow]) -> Iterable[UseOfDay]:
    for row in uses:
        for day, percent in row.days.items():
            yield UseOfDay(row.scope, row.limit, day, percent)

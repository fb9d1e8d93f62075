"""`overmind compare`: runs side by side, with the differences in their settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import AsJson, FromOption, ToOption
from overmind.cli.performance import tables
from overmind.cli.performance.folding import journal_file, period_of, report_on
from overmind.core.model.value import Value
from overmind.views.performance.executions import ExecutionRow
from overmind.views.performance.settings import differences
from overmind.views.performance.told import GroupRow, Overall

RUNS_MAX: Final = 20


class RunRow(Value, frozen=True):
    journal: str
    from_at: str
    to_at: str
    overall: Overall
    trades: GroupRow
    execution: ExecutionRow


class Comparison(Value, frozen=True):
    runs: list[RunRow]
    differences: dict[str, list[str]]  # settings that are not the same in all; `-`: it has no such setting


def compare(
    journals: Annotated[list[Path], typer.Argument(help="Journal files, or the folders that hold them.")],
    from_: FromOption = None,
    to: ToOption = None,
    as_json: AsJson = False,
) -> None:
    """Show runs side by side, and the settings that differ."""
    if not 1 < len(journals) <= RUNS_MAX:
        present.complain(f"{len(journals)} journals cannot be compared", f"name 2 to {RUNS_MAX} of them")
        raise typer.Exit(BAD_INPUT)
    period = period_of(from_, to)
    files = [journal_file(path.absolute()) for path in journals]
    reports = [report_on(path, period) for path in files]
    differing = differences([one.settings for one in reports])
    if as_json:
        rows = [
            RunRow(str(path), one.from_at, one.to_at, one.overall, one.trades_total, one.execution[0])
            for path, one in zip(files, reports, strict=True)
        ]
        present.emit_json(Comparison(rows, differing))
    else:
        tables.comparison([str(path) for path in journals], reports, differing)

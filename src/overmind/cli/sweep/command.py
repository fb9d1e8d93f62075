"""`overmind sweep`: many backtests whose settings vary, on all cores, resumable."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import AsJson, absolute
from overmind.cli.performance.report import name_of_page
from overmind.cli.sweep import tables
from overmind.cli.whole import whole_option
from overmind.config.problems import Findings
from overmind.sweep.executor import Executor, InProcess, Processes
from overmind.sweep.names import fault_of
from overmind.sweep.plan import FIXED, VARY, Plan, Span, place, read_plan
from overmind.sweep.playing import Player, fingerprint
from overmind.sweep.results import Results
from overmind.sweep.summary import summary_of
from overmind.sweep.tasks import grid_size, tasks_of
from overmind.sweep.told import Result, Sweep, Task

JOBS_MAX: Final = 256
FOLDER: Final = ".runs"


def sweep(
    config: Annotated[Path, typer.Argument(callback=absolute, help="TOML file: the tape, the signals, what varies.")],
    results: Annotated[
        Path | None,
        typer.Option(
            "--results", callback=absolute, help="Folder of the runs' results. Default: beside the file, NAME.runs."
        ),
    ] = None,
    jobs: Annotated[
        int, whole_option("--jobs", 0, JOBS_MAX, "Processes that play runs at once. 0: one for each core.")
    ] = 0,
    report: Annotated[
        Path | None, typer.Option("--report", callback=name_of_page, help="Write one HTML page to this file.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", callback=absolute, help="Write CSV files to this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a backtest for each combination of settings.

    The file says what is played and what varies; backtesting.md explains it. Each run's result is kept at once, so the
    same command goes on where an earlier one ended. The desk's own journal is left alone.
    """
    plan = read_plan(config)
    _bound(config, plan)
    player = Player(plan.work, os.environ)
    _check_names(config, plan, player)
    tasks = tasks_of(plan, fingerprint(player))
    kept = Results(results or config.with_suffix(FOLDER))
    known = kept.known(tasks)
    waiting = [task for task in tasks if task.key not in known]
    count = min(jobs or len(os.sched_getaffinity(0)), max(1, len(waiting)))
    present.warn_of(player.config.warnings)
    present.announce(_sentence(plan, tasks, known, count))
    executor: Executor = Processes(count) if count > 1 else InProcess(player)
    _play(executor, plan, waiting, known, kept)
    found = summary_of(plan, known.values())
    _tell(found, report, csv, as_json, kept)
    if found.failed == found.runs:
        raise typer.Exit(BAD_INPUT)


def _bound(path: Path, plan: Plan) -> None:
    """Before the grid is written out: a dozen settings make more runs than fit into memory. Raises ConfigError."""
    settings = grid_size(plan) if plan.draws is None else plan.draws
    runs = settings * len(plan.seeds) * plan.work.parts
    if runs > plan.runs_max:
        findings = Findings()
        findings.refuse(
            place(path, plan.lines, VARY),
            f"{runs:,} runs ({settings:,} settings, {len(plan.seeds)} seeds, {plan.work.parts} parts) are more than "
            f"{plan.runs_max:,}",
            "name fewer values, draw some at random with draws = 500, or raise runs_max",
        )
        _require_sound(findings)


def _check_names(path: Path, plan: Plan, player: Player) -> None:
    """Raises ConfigError with every problem."""
    findings = Findings()
    for name, values in plan.varied.items():
        texts = values.values() if isinstance(values, Span) else values
        if (fault := fault_of(name, texts, player.config.wallets)) is not None:
            findings.refuse(place(path, plan.lines, f"{VARY}.{name}"), fault.problem, fault.fix)
    for name, value in plan.work.fixed.items():
        if (fault := fault_of(name, [value], player.config.wallets)) is not None:
            findings.refuse(place(path, plan.lines, f"{FIXED}.{name}"), fault.problem, fault.fix)
    _require_sound(findings)


def _require_sound(findings: Findings) -> None:
    if (error := findings.error()) is not None:
        raise error


def _sentence(plan: Plan, tasks: Sequence[Task], known: dict[str, Result], count: int) -> str:
    settings = len(tasks) // (len(plan.seeds) * plan.work.parts)
    parts = f"{settings:,} settings × {len(plan.seeds)} seeds × {plan.work.parts} parts of the time"
    already = f"; {len(known):,} of them are known already" if known else ""
    return f"{len(tasks):,} runs: {parts}{already}; {count} at once"


def _play(executor: Executor, plan: Plan, waiting: Sequence[Task], known: dict[str, Result], kept: Results) -> None:
    """Each result is on disk before the next one is waited for."""
    with present.progress() as shown:
        bar = shown.add_task("playing", total=len(waiting) + len(known), completed=len(known))
        try:
            for result in executor.results(plan.work, waiting):
                kept.keep(result)
                known[result.task.key] = result
                shown.update(bar, advance=1)
        except KeyboardInterrupt:
            present.announce(f"{len(known):,} results are kept in {kept.folder}; the same command goes on from there")
            raise


def _tell(found: Sweep, report: Path | None, csv: Path | None, as_json: bool, kept: Results) -> None:
    written = [*_page(found, report), *_files(found, csv)]
    if as_json:
        present.emit_json(found)
    else:
        tables.summary(found)
    for file in written:
        present.note(f"wrote {file}") if as_json else present.say(f"wrote {file}", "green")
    if not as_json:
        present.say(f"the result of each run is in {kept.folder}")


def _page(found: Sweep, out: Path | None) -> list[Path]:
    if out is None:
        return []
    from overmind.report.chart_code import chart_code, installed_file  # Here, since it compiles the template.
    from overmind.report.files import write_text
    from overmind.sweep.page import page_of

    code = chart_code(installed_file())
    if code.fault:
        present.warn(code.fault)
    write_text(out, page_of(found, code))
    return [out]


def _files(found: Sweep, folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    from overmind.sweep.files import write_files

    return write_files(folder, found)

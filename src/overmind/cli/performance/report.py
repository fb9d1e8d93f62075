"""`overmind report`: how a desk or a backtest performed, as a page, as CSV files, as JSON, or in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import AsJson, DataDir, FromOption, ToOption, absolute, data_dir_of
from overmind.cli.performance import tables
from overmind.cli.performance.folding import journal_file, period_of, report_on
from overmind.views.performance.told import Report

PAGE: Final = ".html"
Journal = Annotated[
    Path | None,
    typer.Argument(callback=absolute, help="Journal file, or the folder that holds it. Default: this desk's."),
]


def report(
    journal: Journal = None,
    from_: FromOption = None,
    to: ToOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", callback=name_of_page, help="Write one HTML page to this file. An older one is replaced."
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", callback=absolute, help="Write CSV files to this folder. Older ones are replaced."),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Report returns, trades, costs and refusals of a time.

    It reads any journal: of a live desk, of a paper desk, of a backtest. The page needs no other file and no network.
    Every figure is explained on it and in reports.md.
    """
    period = period_of(from_, to)
    path = journal_file(data_dir_of(data_dir) if journal is None else journal)
    found = report_on(path, period)
    written = [*write_page(found, out), *_write_files(found, csv)]
    if as_json:
        present.emit_json(found)
    elif not written:
        tables.summary(found)
        present.say("`overmind report --out report.html` makes a page of all of it")
    for file in written:
        present.note(f"wrote {file}") if as_json else present.say(f"wrote {file}", "green")


def name_of_page(path: Path | None) -> Path | None:
    """Refuses another name before anything is computed."""
    path = absolute(path)
    if path is not None and (path.suffix != PAGE or path.is_dir() or not path.parent.is_dir()):
        raise typer.BadParameter(f"{path} is no name for a page: name a file {PAGE} in a folder that exists")
    return path


ReportOption = Annotated[
    Path | None,
    typer.Option("--report", callback=name_of_page, help="Write the report to this HTML file, as `report --out` does."),
]


def report_page(journal: Path, out: Path | None, assumptions: Sequence[str] = ()) -> None:
    """Writes the page of a whole journal, for commands that made it; None: none is wanted."""
    if out is not None:
        write_page(report_on(journal, assumptions=assumptions), out)
        present.announce(f"wrote {out}")


def write_page(found: Report, out: Path | None) -> list[Path]:
    """Raises typer.Exit."""
    if out is None:
        return []
    from overmind.report.chart_code import chart_code, installed_file  # Here, since it compiles the template.
    from overmind.report.files import write_text
    from overmind.report.page import page_of

    code = chart_code(installed_file())
    if code.fault:
        present.warn(code.fault)
    try:
        write_text(out, page_of(found, code))
    except OSError as error:
        _refuse(error, out, "name a file in a folder that can be written with --out")
    return [out]


def _write_files(found: Report, folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    from overmind.report.files import write_files

    try:
        return write_files(folder, found)
    except OSError as error:
        _refuse(error, folder, "name a folder that can be written with --csv")


def _refuse(error: OSError, path: Path, fix: str) -> NoReturn:
    present.complain(f"{error.filename or path}: {error.strerror}", fix)
    raise typer.Exit(BAD_INPUT) from None

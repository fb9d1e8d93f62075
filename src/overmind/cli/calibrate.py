"""`overmind calibrate`: fits what trading costs to the fills of a live desk, and says whether the fit predicts."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer

from overmind.backtest.calibration.fitting import FILLS_MIN, Calibrated, Check, Fit, Interval, TooFew, calibrate
from overmind.backtest.calibration.samples import Sample, Simulated, samples_of
from overmind.backtest.calibration.writing import costs_text, fitted
from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT, REFUSED
from overmind.cli.opening import AsJson, absolute
from overmind.cli.performance.folding import journal_file
from overmind.core.model.value import Value
from overmind.journal.sqlite import SqliteJournal
from overmind.venues.depth.classes import Costs
from overmind.venues.depth.reading import shipped_costs

HOLDS: Final = "holds"
FAILS: Final = "does not hold"
TOO_FEW: Final = "too few fills"


class ClassRow(Value, frozen=True):
    """A class of tokens, and what its fills allow to say."""

    name: str
    verdict: str
    fills: int
    fit: Fit | None = None  # None: too few fills
    check: Check | None = None


class Calibration(Value, frozen=True):
    journal: str
    sent: int  # orders, of all classes
    classes: list[ClassRow]
    wrote: str | None


def calibrate_command(
    journal: Annotated[
        Path, typer.Argument(callback=absolute, help="Journal file of a live desk, or the folder that holds it.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", callback=absolute, help="Write the fitted classes to this file, for `--costs`."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit what trading costs to recorded fills.

    The earlier fills of each class of tokens are fitted to, and the later ones test the fit. A class whose fit does not
    predict, or that has too few fills, is told and not written. Fills of a paper desk are refused: they are a model's
    own.
    """
    path, costs = journal_file(journal), shipped_costs()
    samples = _samples(path, costs)
    rows = [_row(name, [one for one in samples if one.class_name == name]) for name in costs.classes]
    rows = [row for row in rows if row.fills]
    usable = {row.name: row.fit for row in rows if row.verdict == HOLDS and row.fit is not None}
    wrote = _write(out, costs, usable)
    if as_json:
        present.emit_json(Calibration(str(path), len(samples), rows, wrote))
    else:
        _show(rows)
        if wrote is not None:
            present.say(f"wrote {wrote}: use it with `overmind backtest … --costs {wrote}`", "green")
    if not usable:
        present.complain("nothing is concluded", "let the desk trade more, or calibrate a journal with more fills")
        raise typer.Exit(REFUSED)


def _samples(path: Path, costs: Costs) -> list[Sample]:
    with closing(SqliteJournal.open_read_only(path)) as journal:
        try:
            return samples_of(journal.read(), lambda symbol: costs.class_of(symbol).name)
        except Simulated:
            fix = "name the journal of a live desk: a fit to simulated fills would confirm the model that made them"
            present.complain(f"{path}: a paper desk's journal", fix)
            raise typer.Exit(REFUSED) from None


def _row(name: str, samples: list[Sample]) -> ClassRow:
    match calibrate(name, samples):
        case TooFew(fills=fills):
            return ClassRow(name, TOO_FEW, fills)
        case Calibrated(fit=fit, check=check):
            return ClassRow(name, HOLDS if check.holds else FAILS, fit.fills + check.fills, fit, check)


def _write(out: Path | None, costs: Costs, usable: dict[str, Fit]) -> str | None:
    if out is None or not usable:
        return None
    from overmind.report.files import write_text

    try:
        write_text(out, costs_text(fitted(costs.classes[name], fit) for name, fit in usable.items()))
    except OSError as error:
        present.complain(f"{out}: {error.strerror}", "name a file in a folder that can be written with --out")
        raise typer.Exit(BAD_INPUT) from None
    return str(out)


def _show(rows: list[ClassRow]) -> None:
    fits = [(row, row.fit) for row in rows if row.fit is not None]
    columns = ("class", "fitted to", "fee and half spread, bps", "depth, USD", "failed, %", "expired, %")
    present.table(
        "Fitted, with bounds that are 95 % sure",
        columns,
        (
            (
                row.name,
                fit.fills,
                _told(fit.fixed_bps),
                "not felt" if fit.depth_usd is None else _told(fit.depth_usd, 0),
                _told(fit.failure_percent),
                _told(fit.expiry_percent),
            )
            for row, fit in fits
        ),
        right=columns[1:],
    )
    checks = [(row, row.check) for row in rows if row.check is not None]
    columns = ("class", "tested on", "predicted, bps", "realized, bps", "difference, bps", "verdict")
    present.table(
        "Shortfall of the fills after them",
        columns,
        (
            (
                row.name,
                check.fills,
                _told(check.predicted_bps),
                _told(check.realised_bps),
                _told(check.difference_bps),
                row.verdict,
            )
            for row, check in checks
        ),
        right=columns[1:-1],
    )
    for row in rows:
        if row.verdict == TOO_FEW:
            present.say(f"{row.name}: {row.fills} fills, where {FILLS_MIN} are needed. Nothing is concluded.")


def _told(found: Interval, decimals: int = 2) -> str:
    return f"{found.value:,.{decimals}f} ({found.low:,.{decimals}f} to {found.high:,.{decimals}f})"

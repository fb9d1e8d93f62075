"""`--costs` of commands that simulate a market: a level, the plain market of before, or a file."""

from __future__ import annotations

from typing import Annotated

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.venues.depth.classes import PARAMETERS, Costs
from overmind.venues.depth.reading import LEVELS, PLAIN, BadCosts, costs_named

CostsOption = Annotated[
    str,
    typer.Option(
        "--costs",
        metavar="LEVEL|FILE",
        help=f"What trading costs: {', '.join(LEVELS)}, or a file of `overmind calibrate`. {PLAIN}: a pool as "
        "deep as one candle's volume, without memory.",
    ),
]


def chosen_costs(told: str) -> Costs | None:
    """None: the plain market. Shows what is wrong with a file and raises typer.Exit."""
    try:
        return costs_named(told)
    except BadCosts as error:
        present.complain(f"--costs {error}", f"name {', '.join(LEVELS)}, {PLAIN}, or a file of costs")
        raise typer.Exit(BAD_INPUT) from None


def costs_told(costs: Costs | None) -> str:
    """One sentence below a run's tables: the page and the JSON have every number."""
    if costs is None:
        return "Costs are plain: every number of this market is an assumption."
    assumed = sum(not of.stated[one.name].fills for of in costs.classes.values() for one in PARAMETERS)
    whole = len(costs.classes) * len(PARAMETERS)
    return f"Costs: {costs.name}. {assumed} of its {whole} numbers are assumptions, with no fills behind them."

"""The tables of a sweep in the terminal."""

from __future__ import annotations

from overmind.cli.performance.plots import LEVELS
from overmind.cli.present import say, table
from overmind.report.formats import percent, ratio, signed_percent, typed, usd
from overmind.sweep.shown import SHADES, figure, settings_text, shade, short, span_of, title
from overmind.sweep.told import Heat, SettingRow, Step, Sweep

ROWS_SHOWN = 20
INSTANT = len("2025-04-06T12:00")


def summary(sweep: Sweep) -> None:
    _settings(sweep)
    if sweep.heat:
        _heat(sweep, sweep.heat[0])
    if sweep.walk_forward is not None:
        _walk(sweep)
    for line in sweep.assumptions:
        say(f"· {line}", "dim")


def _settings(sweep: Sweep) -> None:
    shown = sweep.settings[:ROWS_SHOWN]
    names = tuple(map(short, sweep.varied))
    columns = (*names, title(sweep.choose_by), "return", "worst", "Sharpe", "drawdown", "trades", "costs", "error")
    more = f", the best {len(shown)} of {len(sweep.settings)}" if len(shown) < len(sweep.settings) else ""
    table(f"Settings{more}", columns, (_row(sweep, row) for row in shown), right=columns[:-1])
    if sweep.failed:
        say(f"{sweep.failed} of {sweep.runs} runs failed; their errors stand with their settings", "yellow")


def _row(sweep: Sweep, row: SettingRow) -> tuple[object, ...]:
    return (
        *(row.settings[name] for name in sweep.varied),
        typed(figure(sweep.choose_by, row.chosen_by)),
        typed(signed_percent(row.total_return)),
        typed(signed_percent(row.worst_return)),
        typed(ratio(row.sharpe)),
        typed(percent(row.drawdown)),
        row.trades,
        usd(row.costs_usd),
        "; ".join(row.errors),
    )


def _heat(sweep: Sweep, heat: Heat) -> None:
    """A block as high as the value stands behind each value."""
    span = span_of(heat)
    step = (len(LEVELS) - 1) // SHADES
    rows = (
        (name, *(f"{typed(figure(sweep.choose_by, cell.value))} {LEVELS[shade(cell, span) * step]}" for cell in line))
        for name, line in zip(heat.rows, heat.cells, strict=True)
    )
    over = f"{short(heat.across)} across" + (f", {short(heat.down)} down" if heat.down else "")
    table(f"Mean {title(sweep.choose_by)}: {over}", (short(heat.down), *heat.columns), rows, right=heat.columns)


def _walk(sweep: Sweep) -> None:
    walk = sweep.walk_forward
    assert walk is not None, sweep
    columns = ("part", "next part from", "where chosen", "next", "rank there", "median", "rank correlation", "settings")
    rows = (_step(sweep, step) for step in walk.steps)
    table("Walk forward: chosen in one part, seen in the next", columns, rows, right=columns[2:7])
    name = sweep.choose_by
    say(
        f"The best of a part had a mean {title(name)} of {typed(figure(name, walk.chosen))} there, and "
        f"{typed(figure(name, walk.next))} in the next part, where the median of all was "
        f"{typed(figure(name, walk.next_median))}."
    )
    say(
        f"Ranks of one part and the next agree by {typed(ratio(walk.rank_correlation))}: at 1 the past tells all, at 0"
        " it tells nothing, and what was chosen was luck."
    )


def _step(sweep: Sweep, step: Step) -> tuple[object, ...]:
    name = sweep.choose_by
    return (
        step.part,
        step.from_at[:INSTANT].replace("T", " "),
        typed(figure(name, step.chosen)),
        typed(figure(name, step.next)),
        f"{step.next_rank or '-'} of {step.of}",
        typed(figure(name, step.next_median)),
        typed(ratio(step.rank_correlation)),
        settings_text(step.settings),
    )

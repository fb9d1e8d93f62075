"""The page of a sweep: one file in the style of the report, which asks nobody for anything."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from overmind.report.chart_code import ChartCode
from overmind.report.formats import FILTERS
from overmind.report.page import HERE as REPORT
from overmind.report.page import for_script, policy_of, shown_text
from overmind.sweep.shown import figure, settings_text, shade, short, span_of, title
from overmind.sweep.told import SettingRow, Sweep

HERE: Final = Path(__file__).parent
ROWS_SHOWN: Final = 500  # the best; JSON and CSV have all of them
WIDTH, HEIGHT, EDGE = 320, 240, 14


def page_of(sweep: Sweep, code: ChartCode) -> str:
    """The same sweep gives the same page, byte for byte."""
    style = (REPORT / "static" / "report.css").read_text() + (HERE / "static" / "sweep.css").read_text()
    script = (HERE / "static" / "sweep.js").read_text()
    library = "" if code.body is None else code.body.decode()
    return _template().render(
        sweep=sweep,
        rows=sweep.settings[:ROWS_SHOWN],
        dots=scatter(sweep.settings),
        policy=policy_of(style, [library, script] if library else [script]),
        style=Markup(style),
        library=Markup(library),
        script=Markup(script),
        fault=f"This page has no charts: {code.fault}" if code.body is None else "",
        curves=for_script([(settings_text(one.settings), one.points) for one in sweep.curves]),
    )


def scatter(rows: Sequence[SettingRow]) -> Markup:
    """Each settings' figure of one part against that of the next: on a line where the past tells the future."""
    pairs = [
        (before, after)
        for row in rows
        for before, after in zip(row.by_part, row.by_part[1:], strict=False)
        if before is not None and after is not None
    ]
    if not pairs:
        return Markup("")
    columns, lines = zip(*pairs, strict=True)
    dots = Markup("").join(
        Markup('<circle cx="{0:.1f}" cy="{1:.1f}" r="2.5"/>').format(
            _placed(before, columns, EDGE, WIDTH - EDGE), _placed(after, lines, HEIGHT - EDGE, EDGE)
        )
        for before, after in pairs
    )
    return Markup(
        '<svg class="dots" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" '
        'aria-label="The figure of one part against that of the next. The table above has the ranks.">'
        '<path d="M{2} {2}V{3}H{4}"/>{5}</svg>'
    ).format(WIDTH, HEIGHT, EDGE, HEIGHT - EDGE, WIDTH - EDGE, dots)


def _placed(value: float, among: Sequence[float], first: float, last: float) -> float:
    low, high = min(among), max(among)
    return (first + last) / 2 if high <= low else first + (last - first) * (value - low) / (high - low)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown_text,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= FILTERS
    told = {"figure": figure, "title": title, "settings_text": settings_text, "short": short}
    environment.globals |= {**told, "shade": shade, "span_of": span_of}
    return environment.get_template("sweep.html")

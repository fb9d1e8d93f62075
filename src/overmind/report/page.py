"""The page: one file with its style, its code, its charts and its data in it. It asks nobody for anything.

Its policy lets run what this module put in, named by hash, and nothing else.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from overmind.report.chart_code import ChartCode
from overmind.report.figures import figures_of
from overmind.report.formats import FILTERS
from overmind.report.plots import bar, level, spark
from overmind.report.trade_list import trade_list
from overmind.text.printable import json_bytes, printable
from overmind.views.performance.told import DayRow, GroupRow, Report

HERE: Final = Path(__file__).parent
TEMPLATE: Final = "report.html"
DAYS_SHOWN: Final = 400  # the newest; JSON and CSV have all of them
TRADES_SHOWN: Final = 50  # without the page's code, and on each of its pages
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTH_NUMBERS: Final = {f"{number:02}": number - 1 for number in range(1, len(MONTHS) + 1)}
NO_CODE: Final = "This page has no charts: "


class Year(NamedTuple):
    name: str
    months: list[DayRow | None]
    total: float


class Section(NamedTuple):
    """Round trips by one thing that they have in common."""

    name: str
    rows: Sequence[GroupRow]
    most: float  # the largest gain or loss


def page_of(report: Report, code: ChartCode) -> str:
    """The same report gives the same page, byte for byte."""
    style, script = (HERE / "static" / "report.css").read_text(), (HERE / "static" / "report.js").read_text()
    library = "" if code.body is None else code.body.decode()
    return _template().render(
        report=report,
        figures=figures_of(report),
        years=years_of(report.months),
        months=MONTHS,
        days=report.days[-DAYS_SHOWN:],
        sections=_sections(report),
        newest=report.trades[-TRADES_SHOWN:][::-1],
        page_rows=TRADES_SHOWN,
        policy=policy_of(style, [library, script] if library else [script]),
        style=Markup(style),
        library=Markup(library),
        script=Markup(script),
        fault=f"{NO_CODE}{code.fault}" if code.body is None else "",
        points=for_script(report.points),
        trades=for_script(trade_list(report.trades)),
    )


def policy_of(style: str, scripts: Sequence[str]) -> str:
    """Only these texts count as style and code, and nothing is asked of any address."""
    allowed = " ".join(map(_hash_of, scripts))
    return f"default-src 'none'; style-src {_hash_of(style)}; script-src {allowed}; base-uri 'none'; form-action 'none'"


def _hash_of(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def years_of(months: Sequence[DayRow]) -> list[Year]:
    """Each year with its twelve months; those outside the time are None."""
    years: dict[str, list[DayRow | None]] = {}
    for row in months:
        year, _, month = row.day.partition("-")
        years.setdefault(year, [None] * len(MONTHS))[MONTH_NUMBERS[month]] = row
    return [Year(name, rows, _linked(rows)) for name, rows in years.items()]


def _linked(rows: Sequence[DayRow | None]) -> float:
    total = 1.0
    for row in rows:
        total *= 1 + row.day_return if row is not None else 1
    return total - 1


def _sections(report: Report) -> list[Section]:
    parts = {
        "strategy": report.by_strategy,
        "wallet": report.by_wallet,
        "token": report.by_token,
        "hour of entry (UTC)": report.by_hour,
    }
    return [Section(name, rows, max(abs(row.pnl_usd) for row in rows)) for name, rows in parts.items() if rows]


def for_script(value: object) -> Markup:
    """JSON within a script element, which no text in it can end."""
    return Markup(json_bytes(value).decode().replace("<", "\\u003c"))


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
    environment.globals |= {"bar": bar, "spark": spark, "level": level}
    return environment.get_template(TEMPLATE)


def shown_text(value: object) -> object:
    """No text from outside turns letters around or hides some."""
    return printable(value) if type(value) is str else value

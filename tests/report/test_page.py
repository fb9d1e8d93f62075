"""The page: one file that asks nobody for anything, lets only its own code run, and says what the report says."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.support.core_desk import CoreDesk
from tests.views.performance.test_record import record_of

from overmind.report.chart_code import ChartCode, chart_code, installed_file
from overmind.report.figures import figures_of
from overmind.report.page import TRADES_SHOWN, page_of, policy_of, years_of
from overmind.report.plots import bar, level, spark
from overmind.report.trade_list import trade_list
from overmind.views.performance.report import report_of
from overmind.views.performance.told import DayRow, Report, TradeRow

TRADED = (
    "w1 stop 10; buy eth $1000 id a; fill fee 5000; mark eth 2200; sell eth 0.25 id b; fill; buy btc $100 id c; fill;"
    " buy eth $99999999 id d; wait 86400000; mark sol 100; mark eth 1700; mark btc 50000; exits; fill"
)
CODE = chart_code(installed_file())
NO_CODE = ChartCode(None, "there are no charts: the package is not installed")
OTHER_ADDRESS = re.compile(
    r"""(?:src|href|action|url|@import|xlink:href)\s*[=(]\s*["']?\s*(?!#)[\w/.]""", re.IGNORECASE
)


@pytest.fixture(scope="module")
def traded() -> Report:
    return report_of(record_of(CoreDesk(TRADED).entries))


class Elements(HTMLParser):
    """The tags of a page, the texts of its scripts and styles, and its tables without a caption."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": [], "caption": []}
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag in self.texts:
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in self.texts:
            self.texts[self._inside][-1] += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_asks_nobody_for_anything(traded: Report) -> None:
    page = page_of(traded, CODE)
    assert OTHER_ADDRESS.findall(page_of(traded, NO_CODE)) == []
    found = Elements(page)
    assert {tag for tag, _ in found.tags}.isdisjoint({"link", "img", "iframe", "object", "embed", "base", "form"})
    assert all("src" not in attributes and "style" not in attributes for _, attributes in found.tags)
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]


def test_only_its_own_code_and_style_run(traded: Report) -> None:
    found = Elements(page_of(traded, CODE))
    (meta,) = [one for one in found.named("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    scripts = [
        text
        for text, attributes in zip(found.texts["script"], found.named("script"), strict=True)
        if attributes.get("type") != "application/json"
    ]
    assert meta["content"] == policy_of(found.texts["style"][0], scripts)
    assert "default-src 'none'" in (meta["content"] or "")
    assert "unsafe" not in (meta["content"] or "")
    assert CODE.body is not None
    assert sha256(scripts[0].encode()).digest() == sha256(CODE.body).digest()


def test_every_table_has_a_caption_and_named_columns(traded: Report) -> None:
    found = Elements(page_of(traded, CODE))
    assert len(found.named("table")) == len(found.named("caption")) > 10
    assert all(attributes.get("scope") in ("col", "row") for attributes in found.named("th"))


def test_the_page_says_what_the_report_says(traded: Report) -> None:
    page = page_of(traded, CODE)
    for figure in figures_of(traded):
        assert f"<dt>{figure.label}</dt><dd>{figure.value}<small>" in page
        assert f"<dt>{figure.label}</dt><dd>" in page[page.index("How each figure is computed") :]
    for line in traded.assumptions:
        assert f"<li>{line}</li>".replace("'", "&#39;") in page
    for row in traded.bridge:
        assert row.term in page
    assert all(f'<td class="id">{row.exit_order}</td>' in page for row in traded.trades)


@pytest.mark.parametrize(
    ("days", "note"), [(1, "compounded, from 1 day only"), (29, "compounded, from 29 days only"), (30, "compounded")]
)
def test_a_figure_of_a_year_says_from_how_few_days_it_is(traded: Report, days: int, note: str) -> None:
    overall = replace(traded.overall, returns=replace(traded.overall.returns, days=days))
    found = {figure.label: figure.note for figure in figures_of(replace(traded, overall=overall))}
    assert found["Yearly return"] == note
    assert all(found[one].endswith("only") == (days < 30) for one in ("Volatility", "Sharpe", "Sortino", "Calmar"))


def test_the_same_report_gives_the_same_page(traded: Report) -> None:
    assert page_of(traded, CODE) == page_of(traded, CODE)


def test_a_page_without_chart_code_says_so_and_keeps_its_tables(traded: Report) -> None:
    page = page_of(traded, NO_CODE)
    assert "This page has no charts: there are no charts: the package is not installed." in page
    assert "TradingView" not in page
    assert len(Elements(page).named("table")) == len(Elements(page_of(traded, CODE)).named("table"))


HOSTILE = "</script><script>alert(1)</script>\u202e\x1b[31m<b>"


def test_text_from_outside_stays_text(traded: Report) -> None:
    row = msgspec.structs.replace(traded.trades[0], symbol=HOSTILE, reason_in=HOSTILE)
    page = page_of(msgspec.structs.replace(traded, trades=(row,), settings={HOSTILE: HOSTILE}), CODE)
    assert "<script>alert(1)" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert len(Elements(page).named("script")) == len(Elements(page_of(traded, CODE)).named("script"))


def many(row: TradeRow, count: int) -> tuple[TradeRow, ...]:
    return tuple(msgspec.structs.replace(row, exit_order=f"demo-{number:05}.0.0") for number in range(count))


def test_many_trades_are_few_bytes(traded: Report) -> None:
    """20,000 of them have to fit into 5 MB, of which a fifth of a megabyte is the code of the charts."""
    few, more = (
        len(page_of(msgspec.structs.replace(traded, trades=many(traded.trades[0], count)), NO_CODE))
        for count in (TRADES_SHOWN, 2_000 + TRADES_SHOWN)
    )
    assert (more - few) / 2_000 < 200
    page = page_of(msgspec.structs.replace(traded, trades=many(traded.trades[0], 200)), NO_CODE)
    assert "the newest 50 of 200" in page
    assert page.index("demo-00199") < page.index("demo-00150")
    assert '<td class="id">demo-00149' not in page


def test_the_list_of_trades_can_be_read_back(traded: Report) -> None:
    listed = json.loads(msgspec.json.encode(trade_list(traded.trades)))
    words, (first, *_) = listed["words"], listed["rows"]
    row = traded.trades[0]
    assert [words[first[column]] for column in (2, 3, 4, 12, 13)] == [
        row.wallet_id,
        row.strategy,
        row.symbol,
        row.reason_in,
        row.reason_out,
    ]
    assert first[5:10] == pytest.approx([row.quantity, row.entry_price, row.exit_price, row.fees_usd, row.pnl_usd])
    assert first[14:] == [row.entry_order, row.exit_order]


def month(name: str, share: float) -> DayRow:
    return msgspec.structs.replace(EMPTY, day=name, day_return=share)


EMPTY = report_of(record_of(CoreDesk("w1").entries)).days[0]


def test_years_link_their_months() -> None:
    first, second = years_of([month("2024-12", 0.5), month("2025-01", 0.1), month("2025-02", -0.1)])
    assert (first.name, [row is not None for row in first.months].index(True)) == ("2024", 11)
    assert (first.total, second.total) == pytest.approx((0.5, 1.1 * 0.9 - 1))


def test_plots() -> None:
    assert 'points="0.0,21.0 140.0,1.0"' in spark([0, 100], 100)
    assert 'points="0.0,11.0 140,11.0"' in spark([50], 100)
    assert len(spark(list(range(10_000)), 10_000)) < 4_000
    assert 'class="gain" x="60.0" y="1" width="60.0"' in bar(5, 5)
    assert 'class="loss" x="30.0" y="1" width="30.0"' in bar(-1, 2)
    assert [level(share) for share in (0, 0.001, 0.05, -0.5)] == ["", "gain-1", "gain-3", "loss-4"]


def test_an_empty_desk_has_a_page() -> None:
    page = page_of(report_of(record_of(CoreDesk("w1").entries)), CODE)
    assert "No position was closed in this time." in page
    assert "No signal was refused in this time." in page


def test_style_and_code_are_files_of_the_package() -> None:
    folder = Path(__file__).parents[2] / "src" / "overmind" / "report"
    assert {path.name for path in (folder / "static").iterdir()} == {"report.css", "report.js"}
    assert "</script" not in (folder / "static" / "report.js").read_text()
    assert CODE.body is not None
    assert b"</script" not in CODE.body
    assert b"\r" not in CODE.body

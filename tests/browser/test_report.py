"""The page of `overmind report` in a browser: readable by everybody, silent, without the network, and quick."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from tests.browser.test_looks import SIZES, THEMES, Theme, look_at
from tests.report.test_page import TRADED, many
from tests.support.core_desk import CoreDesk
from tests.views.performance.test_record import record_of

from overmind.report.chart_code import ChartCode, chart_code, installed_file
from overmind.report.page import page_of
from overmind.views.performance.report import report_of

TRADES = 20_000
PAGE_BYTES_MAX = 5 << 20
OPENS_S_MAX = 1.0  # processor time of the page's thread


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`report.html` of a few trades, `many.html` of very many, `plain.html` without the code of the charts."""
    folder = tmp_path_factory.mktemp("reports")
    report = report_of(record_of(CoreDesk(TRADED).entries))
    more = msgspec.structs.replace(report, trades=many(report.trades[0], TRADES))
    code = chart_code(installed_file())
    (folder / "report.html").write_text(page_of(report, code), encoding="utf-8")
    (folder / "many.html").write_text(page_of(more, code), encoding="utf-8")
    (folder / "plain.html").write_text(page_of(report, ChartCode(None, "there are no charts")), encoding="utf-8")
    return folder


class Reader:
    """Somebody who opens such a file, and what the page did that it must not do."""

    def __init__(self, context: BrowserContext, folder: Path) -> None:
        self.context = context
        self.folder = folder
        self.asked: list[str] = []
        self.complaints: list[str] = []
        context.on("request", lambda request: self.asked.append(request.url))
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, name: str) -> Page:
        page = self.context.new_page()
        page.goto(f"file://{self.folder / name}")
        expect(page.locator("html[data-report=ready]")).to_be_attached()
        return page


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


@pytest.mark.parametrize(("theme", "size"), [*product(THEMES, SIZES)])
def test_everybody_can_read_it(
    theme: Theme, size: tuple[int, int], browser: Browser, files: Path, artifacts: Path
) -> None:
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    reader = Reader(context, files)
    page = reader.open("report.html")
    expect(page.locator("#chart-equity canvas").first).to_be_visible()
    for fold in page.locator("summary").all():
        fold.click()
    look_at(page, artifacts / f"report-{theme}-{width}.png", width)
    assert reader.complaints == []
    assert reader.asked == [page.url]
    context.close()


def test_many_trades_open_at_once(context: BrowserContext, files: Path) -> None:
    assert (files / "many.html").stat().st_size < PAGE_BYTES_MAX
    reader = Reader(context, files)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable")
    page.goto(f"file://{files / 'many.html'}")
    expect(page.locator("html[data-report=ready]")).to_be_attached()
    told = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    assert told["ThreadTime"] < OPENS_S_MAX, told
    assert reader.complaints == []


def test_trades_can_be_paged_sorted_and_filtered(context: BrowserContext, files: Path) -> None:
    page = Reader(context, files).open("many.html")
    count, rows = page.locator("#trade-count"), page.locator("#trade-table tbody tr")
    expect(count).to_contain_text("1 to 50 of 20,000")
    page.click("#trade-older")
    expect(count).to_contain_text("51 to 100 of 20,000")
    page.fill("#trade-filter", "w1 demo-00042")
    expect(count).to_contain_text("1 to 1 of 1,")
    expect(rows).to_have_count(1)
    page.fill("#trade-filter", "demo-0000")
    page.click("#trade-table thead button >> text=exit order")
    expect(rows.first).to_contain_text("demo-00009")
    page.click("#trade-table thead button >> text=exit order")
    expect(rows.first).to_contain_text("demo-00000")
    page.fill("#trade-filter", "nothing like this")
    expect(count).to_have_text("No trade fits.")


def test_without_scripts_or_charts_the_tables_are_there(browser: Browser, files: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"file://{files / 'report.html'}")
    expect(page.locator("noscript, .notice").first).to_be_attached()
    expect(page.locator("#trade-table tbody tr")).to_have_count(2)
    expect(page.locator("#trade-tools")).to_be_hidden()
    context.close()
    with_scripts = browser.new_context()
    reader = Reader(with_scripts, files)
    expect(reader.open("plain.html").locator(".notice").first).to_contain_text("there are no charts")
    assert reader.complaints == []
    with_scripts.close()

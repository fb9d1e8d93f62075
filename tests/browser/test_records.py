"""The views that tell what was, in a browser: why a signal was refused, charts, accounts, capital."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from tests.browser.conftest import Visitors
from tests.browser.test_live import wait
from tests.browser.test_looks import DRAWN, SIZES, THEMES, Theme, look_at

PATIENCE_MS = 60_000.0  # A process beside the desk has the lowest priority.


def first_signal(page: Page, status: str) -> str:
    page.goto(f"{page.url.partition('/desk')[0]}/desk/signals?status={status}")
    link = page.locator("tbody th a", has_text="history-").last
    return link.get_attribute("href") or ""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
def test_signals_and_entries_are_readable(
    theme: Theme, size: tuple[int, int], visitors: Visitors, artifacts: Path
) -> None:
    width, height = size
    with visitors.visit("vera", viewport={"width": width, "height": height}, color_scheme=theme) as visit:
        page = visit.open("/desk/signals")
        for status in ("refused", "placed"):
            page.goto(visit.url + first_signal(page, status))
            look_at(page, artifacts / f"desk-signal-{status}-{theme}-{width}.png", width)
        page.click("tbody td a >> nth=-1")
        expect(page.locator("h1")).to_contain_text("Entry")
        look_at(page, artifacts / f"desk-entry-{theme}-{width}.png", width)


def test_a_refused_signal_tells_what_would_have_had_to_change(visitors: Visitors) -> None:
    """First by its numbers; then, computed beside the desk, in the state of then. The page shows it by itself."""
    with visitors.visit("vera") as visit:
        page = visit.open("/desk/signals")
        page.select_option("[name=status]", "refused")
        page.select_option("[name=code]", "POSITION_SIZE")
        page.click("text=Show")
        amount = page.locator(".change", has_text="otional at most $")
        row = page.locator("tbody tr", has=amount).last
        page.goto(visit.url + (row.locator("th a").get_attribute("href") or "") + "?candidates=true")
        expect(page.locator("#change")).to_be_visible()
        expect(page.locator("tr[id^=candidate-]").first).to_be_visible(timeout=PATIENCE_MS)
        assert amount.count() > 0


def test_charts_are_drawn_and_follow_the_theme(visitors: Visitors, artifacts: Path) -> None:
    for theme in THEMES:
        with visitors.visit("vera", color_scheme=theme, viewport={"width": 1440, "height": 900}) as visit:
            page = visit.open("/desk/charts?within=1+day&token=SOL")
            wait(page, DRAWN)
            assert page.locator(".chart canvas").count() > 3
            assert page.locator("#charts-note").inner_text().strip() in (
                "",
                "The past is being drawn from the journal.",
            )
            expect(page.locator(".foot a[href*='tradingview']", has_text="TradingView")).to_have_attribute(
                "href", "https://www.tradingview.com/"
            )
            page.screenshot(path=artifacts / f"desk-charts-drawn-{theme}-1440.png", full_page=True)
            assert Axe().run(page).violations_count == 0


def test_charts_need_scripts_and_the_calendar_does_not(visitors: Visitors) -> None:
    with visitors.visit("vera", java_script_enabled=False) as visit:
        page = visit.open("/desk/charts")
        assert page.locator("svg.calendar rect").count() > 100
        assert "Charts need scripts" in page.content()


def test_accounts_come_by_themselves_and_are_downloaded(visitors: Visitors) -> None:
    with visitors.visit("vera") as visit:
        page = visit.open("/desk/accounts")
        link = page.locator("a[download]", has_text="gains.csv")
        expect(link).to_be_visible(timeout=PATIENCE_MS)
        with page.expect_download() as downloading:
            link.click()
        header, *rows = Path(downloading.value.path()).read_text(encoding="utf-8").splitlines()
        assert header.startswith("disposed_at,")
        assert len(rows) > 10


def test_who_may_not_move_capital_sees_no_form_for_it(visitors: Visitors) -> None:
    with visitors.visit("vera") as visit:
        page = visit.open("/desk/capital")
        expect(page.locator("h1")).to_have_text("Capital")
        assert page.locator("main form").count() == 0

"""Stop and the other forms: by clicks, by keyboard, and with scripts off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from tests.browser.conftest import Visitors
from tests.browser.stage import Served

WALLET = "primary_05"


@pytest.fixture(autouse=True)
def at_work(served: Served) -> Iterator[None]:
    """No test leaves the desk stopped to the next one."""
    yield
    served.reactivate()


def notice(page: Page) -> str:
    return page.inner_text(".notice")


def test_two_clicks_stop_every_wallet(visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga") as visit:
        page = visit.open("/desk/positions")
        page.click("#stop-button")
        page.click("text=Stop now")
        page.wait_for_selector(".notice")
        assert page.url.startswith(f"{visit.url}/desk/positions")
        assert "All 50 wallets are stopped" in notice(page)
        assert "emergency" in page.inner_text(".holds").lower()
    assert served.holds("emergency") == 50


def test_the_keyboard_stops_every_wallet(visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga") as visit:
        page = visit.open("/desk")
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "stop-button":
                break
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.textContent") == "Stop now"
        page.keyboard.press("Enter")
        page.wait_for_selector(".notice")
    assert served.holds("emergency") == 50


def test_a_browser_without_scripts_stops_every_wallet(visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga", java_script_enabled=False) as visit:
        page = visit.open("/desk")
        page.click("#stop-button")
        page.fill("#stop [name=reason]", "the exchange halts")
        page.click("text=Stop now")
        page.wait_for_selector(".notice")
        assert "All 50 wallets are stopped" in notice(page)
        page.goto(f"{visit.url}/desk/wallets/{WALLET}")
        page.click("main >> button:has-text('Reactivate') >> nth=0")
        page.fill("#lift-emergency [name=reason]", "it goes on")
        page.click("#lift-emergency >> button:has-text('Reactivate')")
        page.wait_for_selector(".notice")
        assert "takes entries again" in notice(page)
    assert served.holds("emergency") == 49


def test_a_wallet_is_paused_and_resumed(visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga") as visit:
        page = visit.open(f"/desk/wallets/{WALLET}")
        for verb, told in (("Pause", "takes no entries"), ("Resume", "takes entries again")):
            page.click(f"main >> button:has-text('{verb}') >> nth=0")
            page.fill("[popover]:popover-open [name=reason]", f"{verb} by a test")
            page.click(f"[popover]:popover-open >> button:has-text('{verb}')")
            page.wait_for_selector(".notice")
            assert told in notice(page)


def test_a_blank_reason_is_refused_by_the_server_too(visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga") as visit:
        page = visit.open("/desk")
        csrf = page.get_attribute(".theme [name=csrf]", "value") or ""
        fields = {"csrf": csrf, "reason": " ", "back": "/desk"}
        answer = visit.context.request.post(f"{visit.url}/desk/emergency-stop", form=fields)
        assert "A blank reason" in answer.text()
    assert served.holds("emergency") == 0


def test_a_position_is_closed(visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga") as visit:
        page = visit.open("/desk/positions")
        row = page.locator("tbody tr").first
        name = row.get_attribute("id") or ""
        row.locator("button:has-text('Close')").first.click()
        page.fill("[popover]:popover-open [name=reason]", "out")
        page.click("[popover]:popover-open >> button:has-text('Close')")
        page.wait_for_selector(".notice")
        assert "sells" in notice(page)
        page.locator(f"[id='{name}']").wait_for(state="detached")


def test_a_notice_is_shown_to_its_own_user_alone(visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga") as visit:
        csrf = visit.open("/desk").get_attribute(".theme [name=csrf]", "value") or ""
        fields = {"csrf": csrf, "reason": " ", "back": "/desk"}
        answer = visit.context.request.post(f"{visit.url}/desk/emergency-stop", form=fields, max_redirects=0)
        place = answer.headers["location"]
    with visitors.visit("ada") as visit:
        assert visit.open(place).query_selector(".notice") is None

"""Open pages follow the desk: one stream for all tabs of a browser, and no page hides that it is old."""

from __future__ import annotations

import time

from playwright.sync_api import Page
from tests.browser.conftest import Visitors
from tests.browser.stage import Served

TABS = 12
WALLET = "hft_01"


def wait(page: Page, expression: str, seconds: float = 20.0) -> float:
    """How long it took. The page's policy forbids Playwright's own waiting for an expression."""
    began = time.monotonic()
    while not page.evaluate(expression):
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {expression}"
        page.wait_for_timeout(20)
    return time.monotonic() - began


def is_live(page: Page) -> bool:
    return bool(page.evaluate("document.getElementById('live').classList.contains('is-live')"))


def test_a_fill_is_shown_within_a_second(visitors: Visitors, served: Served) -> None:
    """The best of three, because a busy machine may be late by itself."""
    with visitors.visit("vera") as visit:
        page = visit.open(f"/desk/wallets/{WALLET}")
        wait(page, "document.getElementById('live').classList.contains('is-live')")
        waits = []
        for number in range(3):
            order = served.buy(f"live-{number}", WALLET)
            row = f"document.getElementById('order-{order}')"
            waits.append(wait(page, f"({row}?.textContent || '').includes('Filled')"))
        assert min(waits) < 1.0, waits


def test_a_live_page_keeps_what_a_person_does(visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga") as visit:
        page = visit.open(f"/desk/wallets/{WALLET}")
        page.click("main >> button:has-text('Pause') >> nth=0")
        page.fill("#pause [name=reason]", "half a sen")
        order = served.buy("typing", WALLET)
        wait(page, f"(document.getElementById('order-{order}')?.textContent || '').includes('Filled')")
        page.keyboard.type("tence")
        assert page.input_value("#pause [name=reason]") == "half a sentence"


def test_twelve_tabs_share_a_stream_and_the_stop_is_answered_at_once(visitors: Visitors, served: Served) -> None:
    """The best of three, because a busy machine may be late by itself."""
    with visitors.visit("olga") as visit:
        tabs = [visit.open("/desk/wallets") for _ in range(TABS)]
        for tab in tabs:
            wait(tab, "document.getElementById('live').classList.contains('is-live')")
        streams = [one for one in visit.requests if one.url.endswith("/desk/stream")]
        assert len(streams) <= 2, "one leads; a page that has heard nothing for 3 s has its own until it does"
        waits = []
        for _ in range(3):
            tab = tabs[-1]
            tab.bring_to_front()
            tab.click("#stop-button")
            with tab.expect_response("**/desk/emergency-stop") as told:
                tab.click("text=Stop now")
            timing = told.value.request.timing
            waits.append(timing["responseStart"] - timing["requestStart"])
            tab.wait_for_selector(".notice")
            served.reactivate()
        assert min(waits) < 100, waits
        tabs[0].close()
        tabs[1].bring_to_front()
        tabs[1].wait_for_timeout(4_000)
        assert is_live(tabs[1])


def test_a_page_says_since_when_it_is_not_live(visitors: Visitors) -> None:
    with visitors.visit("vera") as visit:
        page = visit.open("/desk")
        wait(page, "document.getElementById('live').classList.contains('is-live')")
        visit.context.set_offline(True)
        assert wait(page, "!document.getElementById('dead').hidden") < 6
        assert page.inner_text("#dead").startswith("Not live since ")
        visit.context.set_offline(False)
        wait(page, "document.getElementById('dead').hidden")
        visit.complaints.clear()  # The browser complains about the network that was gone.

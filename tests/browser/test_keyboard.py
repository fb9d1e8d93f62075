"""The page by keyboard alone: the stop in two keys, a focus that is seen, and a way out of everything."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Page
from tests.browser.conftest import Visitors
from tests.browser.stage import Served

STOPS_MAX = 400  # of the Tab key on one view
FOCUSED = """(() => {
    const one = document.activeElement, style = getComputedStyle(one);
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const box = one.getBoundingClientRect();
    const name = one.id || one.name || one.textContent.trim().slice(0, 40);
    const at = one === document.body ? "" : `${one.tagName} ${name}`;
    return [at, outlined, box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight];
})()"""


@pytest.fixture(autouse=True)
def at_work(served: Served) -> Iterator[None]:
    """No test leaves the desk stopped to the next one."""
    yield
    served.reactivate()


def press_access_key(page: Page) -> None:
    """Alt+S, as a keyboard sends it. The press of Playwright leaves out the letter, which the browser looks for."""
    keys = {"modifiers": 1, "key": "s", "code": "KeyS", "windowsVirtualKeyCode": ord("S")}
    session = page.context.new_cdp_session(page)
    session.send("Input.dispatchKeyEvent", {"type": "keyDown", "text": "s", "unmodifiedText": "s", **keys})
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", **keys})
    session.detach()


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("view", ["/desk", "/desk/positions"])
def test_two_keys_stop_every_wallet(view: str, scripts: bool, visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga", java_script_enabled=scripts) as visit:
        page = visit.open(view)
        press_access_key(page)
        assert page.locator("button:focus").inner_text() == "Stop now"
        page.keyboard.press("Enter")
        page.wait_for_selector(".notice")
    assert served.holds("emergency") == 50


def test_escape_leaves_the_question_and_stops_nothing(visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga") as visit:
        page = visit.open("/desk")
        press_access_key(page)
        assert page.locator("#stop").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("#stop").is_visible()
        assert page.evaluate(FOCUSED)[0] == "BUTTON stop-button", "the focus is back where it was"
    assert served.holds("emergency") == 0


def walked(page: Page) -> Iterator[tuple[str, bool, bool]]:
    """Each stop of the Tab key, until the page is through."""
    for _ in range(STOPS_MAX):
        page.keyboard.press("Tab")
        at, outlined, in_sight = page.evaluate(FOCUSED)
        if not at:
            return
        yield at, outlined, in_sight
    raise AssertionError(f"{page.url} has no end after {STOPS_MAX} stops")


@pytest.mark.parametrize(("width", "views"), [(1440, ("/desk", "/desk/signals")), (390, ("/desk", "/desk/settings"))])
def test_the_tab_key_leads_through_a_view_and_out_of_it(width: int, views: tuple[str, ...], visitors: Visitors) -> None:
    with visitors.visit("olga", viewport={"width": width, "height": 900}) as visit:
        for view in views:
            page = visit.open(view)
            stops = [*walked(page)]
            assert stops[0][0].startswith("A Skip to the content"), view
            assert [at for at, outlined, in_sight in stops if not (outlined and in_sight)] == [], view
            names = [at for at, _, _ in stops]
            assert "BUTTON stop-button" in names[:8], view
            assert "A API" in names, f"{view}: the foot is reached"
            assert all(one != other for one, other in pairwise(names) if "stop-button" in one), view


def test_the_skip_link_leads_past_the_navigation(visitors: Visitors) -> None:
    with visitors.visit("vera") as visit:
        page = visit.open("/desk/signals")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.getElementById('main').contains(document.activeElement)")

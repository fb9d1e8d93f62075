"""Every view in both themes and widths: readable by everybody, within its width, and a picture of it for people."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from tests.browser.conftest import Visitors
from tests.browser.test_live import wait

from overmind.http.pages.navigation import CHARTS, NAVIGATION

FURTHER = ("/login", "/desk/wallets/primary_04", "/desk/wallets/emergency_01", "/desk/learner")
PATHS = (*(view.path for view in NAVIGATION), *FURTHER)
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
DRAWN = "document.documentElement.dataset.charts === 'drawn'"
# All routes and shapes are written by the same lines, and all of them would take ten times as long as a view.
OF_REFERENCE = ("nav", "h1", "main > section:first-of-type", "#SignalBody")
SIZES = ((1440, 900), (390, 844))


@pytest.mark.parametrize(("theme", "size"), [*product(THEMES, SIZES)])
def test_a_view(theme: Theme, size: tuple[int, int], visitors: Visitors, artifacts: Path) -> None:
    width, height = size
    with visitors.visit("ada", viewport={"width": width, "height": height}, color_scheme=theme) as visit:
        for path in PATHS:
            if path == "/login":
                continue
            page = visit.open(path)
            if path == CHARTS.path:
                wait(page, DRAWN)
            look_at(page, artifacts / f"{name_of(path)}-{theme}-{width}.png", width)
            page.close()
    with visitors.visit(viewport={"width": width, "height": height}, color_scheme=theme) as visit:
        look_at(visit.open("/login"), artifacts / f"login-{theme}-{width}.png", width)


@pytest.mark.parametrize(("theme", "size"), [*zip(THEMES, SIZES, strict=True)])
def test_the_reference_page(theme: Theme, size: tuple[int, int], visitors: Visitors, artifacts: Path) -> None:
    width, height = size
    with visitors.visit("vera", viewport={"width": width, "height": height}, color_scheme=theme) as visit:
        look_at(visit.open("/reference"), artifacts / f"reference-{theme}-{width}.png", width, OF_REFERENCE)


def look_at(page: Page, picture: Path, width: int, parts: Sequence[str] = ()) -> None:
    """`parts`: what is looked at for readability, by selector; none: the whole page."""
    page.screenshot(path=picture)
    found = Axe().run(page, {"include": [[one] for one in parts]}) if parts else Axe().run(page)
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url


def name_of(path: str) -> str:
    return path.strip("/").replace("/", "-")


def test_the_theme_is_a_persons_own_choice(visitors: Visitors) -> None:
    with visitors.visit("vera", color_scheme="light") as visit:
        page = visit.open("/desk/risk")
        themes = []
        for _ in range(3):
            page.click(".theme button")
            page.wait_for_load_state()
            themes.append(page.get_attribute("html", "data-theme"))
            assert page.url == f"{visit.url}/desk/risk"
        assert themes == ["light", "dark", "auto"]


def test_no_page_holds_a_secret(visitors: Visitors) -> None:
    with visitors.visit("ada") as visit:
        for view in NAVIGATION:
            text = visit.open(view.path).content()
            assert not any(secret in text for secret in visitors.secrets)

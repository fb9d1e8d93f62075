"""A browser, and a service for it to look at. `make browser` runs these tests; `make test` leaves them out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright
from tests.browser.stage import PASSWORD, TOKEN, Served, environment, stage

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS: Final = 20_000


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with stage(tmp_path_factory.mktemp("stage")) as served:
        yield served


@pytest.fixture(scope="session")
def browser(served: Served) -> Iterator[Browser]:
    """The distribution's own, because Playwright's would be another download.

    It comes after the service, whose history needs this thread without the event loop that Playwright runs in it.
    """
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path, f"none of {', '.join(NAMES)} is installed: `make browser` says how to get one"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A browser's context with a user who has signed in, and what its pages did that they must not do."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.requests = list[Request]()
        self.complaints = list[str]()
        context.set_default_timeout(PATIENCE_MS)
        context.on("request", lambda request: self.requests.append(request))
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, path: str) -> Page:
        page = self.context.new_page()
        page.goto(self.url + path)
        return page

    def sign_in(self, name: str, password: str = PASSWORD, place: str = "/desk") -> Page:
        page = self.open(f"/login?next={place}")
        page.fill("[name=username]", name)
        page.fill("[name=password]", password)
        page.click("text=Sign in >> visible=true >> nth=-1")
        return page

    def check(self) -> None:
        assert self.complaints == []
        outside = [one.url for one in self.requests if not one.url.startswith((self.url, "data:"))]
        assert outside == []


class Visitors:
    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self.url = url
        env = environment(Path())
        self.secrets = [TOKEN, PASSWORD, *(value for name, value in env.items() if name.startswith("KEY_"))]

    @contextmanager
    def visit(self, name: str = "", **options: Any) -> Iterator[Visit]:
        """At the end no request may have left the desk, and the console must be silent."""
        context = self._browser.new_context(**options)
        try:
            visit = Visit(context, self.url)
            if name:
                visit.sign_in(name).close()
            yield visit
            visit.check()
        finally:
            context.close()


@pytest.fixture
def visitors(browser: Browser, served: Served) -> Visitors:
    return Visitors(browser, served.url)


@pytest.fixture(scope="session")
def artifacts() -> Path:
    folder = Path(__file__).parents[2] / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder

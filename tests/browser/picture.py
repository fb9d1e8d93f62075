"""The picture of the operator's page in the README: `python -m tests.browser.picture docs/pictures/desk.png`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright
from tests.browser.conftest import NAMES, Visitors
from tests.browser.stage import stage

WIDTH, HEIGHT = 1280, 860
USER: Final = "ada"
VIEW: Final = "/desk"


def take(picture: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as served, sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, NAMES)), None)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        size = {"width": WIDTH, "height": HEIGHT}
        with Visitors(browser, served.url).visit(USER, viewport=size, color_scheme="light") as visit:
            visit.open(VIEW).screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))

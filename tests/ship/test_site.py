"""The documentation as pages: it builds without a warning, every page is in it, and a page asks nobody else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ZENSICAL = Path(sys.executable).with_name("zensical")
# What a browser loads by itself. A link is followed by a person alone.
LOADED = re.compile(
    r"<(?:script|img|iframe|link|source|video|audio|object)\b[^>]*?\b(?:src|href|data)=[\"']?([^\"' >]+)"
)
OF_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")
LINK = re.compile(r"<a\b[^>]*\bhref=[\"']?(?![a-z]+:)([^\"' >]+)")
LOADS_NOTHING = re.compile(r"<link\b[^>]*\brel=[\"']?(?:canonical|alternate|prev|next)\b[^>]*>")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    done = subprocess.run(
        [ZENSICAL, "build", "--clean", "--strict"],
        cwd=folder, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def named(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for one in nav.values() if isinstance(nav, dict) else nav:
            yield from named(one)


def test_every_page_is_in_the_navigation() -> None:
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    listed = list(named(tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]))
    assert sorted(listed) == sorted(pages), "zensical.toml names every page of docs/ once"


def test_every_heading_of_a_document_is_one_of_its_page(site: Path) -> None:
    """A fence that the site does not know would take in whatever follows it."""
    for path in (ROOT / "docs").rglob("*.md"):
        text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        page = site / path.relative_to(ROOT / "docs").with_suffix("") / "index.html"
        page = page if page.exists() else page.parent.parent / "index.html"
        told = len(re.findall(r"<h[23] ", page.read_text(encoding="utf-8")))
        assert told == len(re.findall(r"^#{2,3} ", text, re.MULTILINE)), path


def test_every_page_is_reached_from_the_first(site: Path) -> None:
    """And no link leads to a page, or a heading, that is not there."""
    texts, waiting, wanted = dict[Path, str](), [site / "index.html"], list[tuple[Path, str]]()
    while waiting:
        page = waiting.pop()
        if page in texts:
            continue
        texts[page] = page.read_text(encoding="utf-8")
        for link in LINK.findall(texts[page]):
            path, _, heading = link.partition("#")
            target = Path(os.path.normpath(page.parent / path)) if path else page
            target = target / "index.html" if target.is_dir() else target
            wanted.append((target, heading))
            waiting += [target] if target.suffix == ".html" and target.exists() else []
    assert texts.keys() == set(site.rglob("index.html"))
    assert [str(path) for path, _ in wanted if not path.exists()] == []
    assert [f"{path}#{name}" for path, name in wanted if name and f'id="{name}"' not in texts[path]] == []


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    loaded = {one for page in pages for one in LOADED.findall(LOADS_NOTHING.sub("", page.read_text(encoding="utf-8")))}
    assert len(loaded) > 5, "what a page loads is found"
    assert [one for one in loaded if one.startswith(("http:", "https:", "//"))] == []
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert styles
    assert [one for text in styles for one in OF_STYLE.findall(text)] == []

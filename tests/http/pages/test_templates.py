"""Rules that every template keeps, whatever a desk has to show."""

from __future__ import annotations

import re

from overmind.http.pages.templates import TEMPLATES

SCROLLED = re.compile(r'<div class="scroll[^"]*"([^>]*)><table.*?</table>', re.DOTALL)


def test_a_table_that_scrolls_is_reached_by_keyboard() -> None:
    """By itself, or by a link that whoever reads it sees."""
    found = [
        (path.name, match) for path in TEMPLATES.glob("*.html") for match in SCROLLED.finditer(path.read_text("utf-8"))
    ]
    assert len(found) > 20
    assert [name for name, match in found if 'tabindex="0"' not in match[1] and "<a " not in match[0]] == []


def test_no_template_has_a_style_or_a_script_of_its_own() -> None:
    """The policy of the page would leave it out."""
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=", text), path.name
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), path.name

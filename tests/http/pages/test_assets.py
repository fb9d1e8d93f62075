"""Static files, and what stands in the templates: nothing that the strict policy would block."""

from __future__ import annotations

import re
from pathlib import Path

from tests.http.pages.page_stage import PageStage, staged

from overmind.http.pages.assets import FOR_EVER, Assets, asset_of
from overmind.http.pages.templates import TEMPLATES as TEMPLATES_FOLDER

TEMPLATES = sorted(TEMPLATES_FOLDER.glob("*.html"))


def test_a_browser_keeps_a_file_for_ever_by_its_hash(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        place = stage.pages.assets.url("desk.css")
        first = await stage.get(place, None)
        assert (first.status, first.headers["cache-control"]) == (200, FOR_EVER)
        again = await stage.get(place, None, if_none_match=first.headers["etag"])
        assert (again.status, again.text) == (304, "")
        for other in ("/static/desk.css", "/static/desk.css?v=0123456789abcdef"):
            assert (await stage.get(other, None)).headers["cache-control"] == "no-cache"
        for missing in ("/static/nothing.css", "/static/..%2fpages%2fshowing.py", "/static/showing.py"):
            assert (await stage.get(missing, None)).status == 404

    staged(play, tmp_path)


def test_another_content_has_another_address() -> None:
    one, other = Assets({"a.css": asset_of(b"a", "text/css")}), Assets({"a.css": asset_of(b"b", "text/css")})
    assert one.url("a.css") != other.url("a.css")


def test_no_template_holds_what_the_policy_blocks() -> None:
    blocked = re.compile(r'\sstyle=|<style|\son\w+=|javascript:|<script(?![^>]*\ssrc="{{ asset)|\|safe')
    found = [(path.name, match.group()) for path in TEMPLATES for match in blocked.finditer(path.read_text())]
    assert len(TEMPLATES) > 5
    assert found == []


def test_every_form_that_changes_something_carries_the_token_of_its_session() -> None:
    for path in TEMPLATES:
        forms = re.findall(r'<form[^>]*method="post".*?</form>', path.read_text(), re.DOTALL)
        for form in forms:
            assert 'name="csrf"' in form or 'action="/login"' in form, (path.name, form)

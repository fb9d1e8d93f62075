"""The learner's page: its mode and who set it, also before anything was learned."""

from __future__ import annotations

from pathlib import Path

from tests.http.pages.page_stage import PageStage, staged

from overmind.core.model.commands import ChangeLearnerMode
from overmind.core.model.enums import LearnerMode


def test_it_shows_who_set_the_mode_and_why(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        before = await stage.get("/desk/learner")
        assert before.status == 200
        assert "as configured" in before.text
        assert "Nothing is learned yet." in before.text
        await stage.app.engine.handle(ChangeLearnerMode(LearnerMode.CANARY, "ann", "the report allows <it>"))
        after = await stage.get("/desk/learner")
        assert "set by ann" in after.text
        assert "the report allows &lt;it&gt;" in after.text
        assert '<span class="tag">canary</span>' in after.text

    staged(play, tmp_path)

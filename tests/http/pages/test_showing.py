"""How a view is served: rendered once for all who look at the same moment, and never with somebody else's token."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from tests.http.pages.page_stage import OPERATOR, READER, PageStage, staged

from overmind.core.model.commands import AddHold
from overmind.core.model.controls import Scope
from overmind.http.access.headers import POLICY
from overmind.http.pages.navigation import POSITIONS
from overmind.http.pages.notices import NOTICES_MAX, Notice, Notices
from overmind.http.pages.share import AGE_MAX_S

HOLD = AddHold(Scope(), "operator", "a test changes something")


class Counted:
    """A view that counts how often it is looked at."""

    def __init__(self, stage: PageStage) -> None:
        self.looks = 0

        @stage.api.get("/desk/counted")
        async def counted(request: Request) -> Response:
            return await stage.pages.show(request, POSITIONS, self._look)

    async def _look(self) -> Mapping[str, object]:
        self.looks += 1
        await asyncio.sleep(0.01)
        return {"rows": []}


def test_a_view_is_rendered_once_for_all_who_look_at_the_same_moment(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        counted = Counted(stage)
        await asyncio.gather(*(stage.fragment("/desk/counted") for _ in range(20)))
        await stage.get("/desk/counted")  # Nothing has changed: a whole page takes the same.
        assert counted.looks == 1
        await stage.fragment("/desk/counted", READER)  # Another role sees other forms.
        assert counted.looks == 2

    staged(play, tmp_path)


def test_a_change_is_rendered_anew(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        counted = Counted(stage)
        await stage.fragment("/desk/counted")
        await stage.app.engine.handle(HOLD)
        seq = stage.app.engine.state.seq
        await stage.fragment("/desk/counted", x_seq=str(seq - 1))  # It asks for no more than what is kept.
        assert counted.looks == 1
        await asyncio.sleep(AGE_MAX_S)
        await stage.fragment("/desk/counted", x_seq=str(seq))
        assert counted.looks == 2
        await stage.app.engine.handle(AddHold(Scope(), "drawdown", "x"))
        await stage.get("/desk/counted")  # After a form the page must show what it did.
        assert counted.looks == 3

    staged(play, tmp_path)


def test_a_page_is_told_for_how_long_asking_again_brings_nothing_new(tmp_path: Path) -> None:
    """So that it does not ask at every tick for a view that is only made anew every few seconds."""

    async def play(stage: PageStage) -> None:
        counted = Counted(stage)
        first = await stage.fragment("/desk/counted")
        await stage.app.engine.handle(HOLD)
        fresh_ms = int(first.headers["x-fresh-ms"])
        assert 0 < fresh_ms <= AGE_MAX_S * 1_000
        again = await stage.fragment("/desk/counted")
        assert (counted.looks, again.headers["etag"]) == (1, first.headers["etag"])
        await asyncio.sleep((fresh_ms + 1) / 1_000)
        await stage.fragment("/desk/counted")
        assert counted.looks == 2
        assert "x-fresh-ms" not in (await stage.get("/desk/counted")).headers  # Whoever opens it gets it as it is now.

    staged(play, tmp_path)


def test_what_the_journal_does_not_know_is_looked_at_each_second(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        counted, seq = Counted(stage), stage.app.engine.state.seq
        for _ in range(4):
            await stage.fragment("/desk/counted", x_seq=str(seq))
            await asyncio.sleep(0.5)
        assert counted.looks >= 2

    staged(play, tmp_path)


def test_each_reader_gets_the_token_of_their_own_session(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        await stage.app.engine.handle(HOLD)
        other = type(OPERATOR)("ada", OPERATOR.role, OPERATOR.kind, "csrf-of-ada")
        for identity in (OPERATOR, other):
            for answer in (await stage.get("/desk", identity), await stage.fragment("/desk", identity)):
                assert f'value="{identity.csrf}"' in answer.text
                assert answer.text.count('name="csrf"') == answer.text.count(f'value="{identity.csrf}"')

    staged(play, tmp_path)


def test_a_reader_sees_no_form_of_an_operator(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        await stage.app.engine.handle(HOLD)
        assert "/desk/portfolio/resume" in (await stage.get("/desk", OPERATOR)).text
        shown = (await stage.get("/desk", READER)).text
        assert "/desk/portfolio/resume" not in shown
        assert "/desk/emergency-stop" not in shown

    staged(play, tmp_path)


def test_a_live_page_gets_its_main_part_alone_and_nothing_twice(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        whole, part = await stage.get("/desk/risk"), await stage.fragment("/desk/risk")
        assert whole.text.startswith("<!doctype html>")
        assert part.text.lstrip().startswith('<main id="main"')
        assert part.text.strip() in whole.text
        same = await stage.fragment("/desk/risk", if_none_match=part.headers["etag"])
        assert (same.status, same.text) == (304, "")
        await stage.app.engine.handle(HOLD)
        await asyncio.sleep(AGE_MAX_S)
        changed = await stage.fragment(
            "/desk/risk", if_none_match=part.headers["etag"], x_seq=str(stage.app.engine.state.seq)
        )
        assert (changed.status, "a test changes something" in changed.text) == (200, True)

    staged(play, tmp_path)


def test_every_page_has_the_strict_policy(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        for answer in (await stage.get("/desk"), await stage.get("/login", None), await stage.fragment("/desk")):
            assert answer.headers["content-security-policy"] == POLICY
            assert answer.headers["cache-control"] == "no-store"

    staged(play, tmp_path)


def test_a_disk_that_hangs_is_told_instead_of_waited_for(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        stage.journal.may_write.clear()
        stage.app.engine.post(HOLD)
        began = asyncio.get_running_loop().time()
        answer = await stage.get("/desk")
        assert asyncio.get_running_loop().time() - began == pytest.approx(2, abs=0.1)
        stage.journal.may_write.set()
        assert (answer.status, "did not become durable" in answer.text) == (503, True)
        assert (await stage.get("/desk")).status == 200

    staged(play, tmp_path)


def test_a_disk_that_is_slow_under_load_is_waited_for(tmp_path: Path) -> None:
    """The page needs two batches, of 1.5 s each."""

    async def play(stage: PageStage) -> None:
        stage.journal.takes_s = 1.5
        for cause in ("operator", "another"):
            stage.app.engine.post(AddHold(Scope(), cause, "a test changes something"))
            await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        answer = await stage.get("/desk")
        assert (answer.status, asyncio.get_running_loop().time() - began) == (200, pytest.approx(3, abs=0.1))
        stage.journal.takes_s = 0.0

    staged(play, tmp_path)


def test_what_somebody_wrote_is_text_on_the_page(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        evil = '<script>alert(1)</script>" onload=x \x1b[2J\u202e'
        await stage.app.engine.handle(AddHold(Scope(), "operator", evil))
        for path in ("/desk", "/desk/risk", "/desk/wallets"):
            text = (await stage.get(path)).text
            assert "<script>alert" not in text
            assert "&lt;script&gt;alert(1)" in text
            assert text.replace("\n", "").isprintable()

    staged(play, tmp_path)


def test_a_failed_login_is_told_and_an_address_says_nothing_of_its_own(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        for query, told in (
            ("why=wrong", "wrong"),
            ("why=wait&seconds=12", "Try again in 12 s"),
            ("why=wait&seconds=<b>", "Try again soon"),
            ("why=busy", "few seconds"),
            ("why=again", "it was not done"),
        ):
            assert told in (await stage.get(f"/login?{query}", None)).text, query
        assert "role=alert" not in (await stage.get("/login?why=call+0800", None)).text.replace('"', "")
        known = await stage.get("/login")
        assert (known.status, known.headers["location"]) == (303, "/desk")

    staged(play, tmp_path)


def test_a_notice_is_told_to_its_own_user_alone_and_not_kept_for_ever() -> None:
    notices = Notices()
    key = notices.keep("olga", Notice("done"))
    assert notices.of("olga", key) == Notice("done")
    assert notices.of("vera", key) is None
    assert notices.of("olga", "guessed") is None
    for _ in range(NOTICES_MAX):
        notices.keep("vera", Notice("later"))
    assert notices.of("olga", key) is None

"""The forms of the page: they do what the commands do, say what came of it, and lead to no other site."""

from __future__ import annotations

from pathlib import Path

from tests.http.pages.page_stage import OPERATOR, Answer, PageStage, staged

from overmind.core.model.commands import AddHold
from overmind.core.model.controls import Scope
from overmind.core.model.enums import StrategyType
from overmind.core.model.events import OperatorActed

WALLET = "primary_wallet"


async def told(stage: PageStage, answer: Answer) -> str:
    """The page that the browser is sent to."""
    assert answer.status == 303, answer
    return (await stage.get(answer.headers["location"])).text


def test_a_stop_holds_every_wallet_and_names_who_wanted_it(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        answer = await stage.post("/desk/emergency-stop", {"reason": "halt", "back": "/desk/positions"})
        assert answer.headers["location"].startswith("/desk/positions?notice=")
        assert "All 4 wallets are stopped." in await told(stage, answer)
        books = stage.app.engine.state.wallets.values()
        assert all("emergency" in book.holds for book in books)
        assert not any(book.liquidating for book in books)
        acted = [one.event for one in stage.journal.read() if isinstance(one.event, OperatorActed)]
        assert [(one.by, one.reason) for one in acted] == [(OPERATOR.name, "halt")]

    staged(play, tmp_path)


def test_a_stop_that_also_sells(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        await stage.post("/desk/emergency-stop", {"reason": "out", "liquidate": "true", "sweep": ""})
        books = stage.app.engine.state.wallets.values()
        assert all(book.liquidating and not book.sweeping for book in books)

    staged(play, tmp_path)


def test_a_wallet_goes_back_to_work_and_what_holds_it_still_is_told(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        await stage.post("/desk/emergency-stop", {"reason": "halt"})
        await stage.post(f"/desk/wallets/{WALLET}/pause", {"reason": "and look"})
        answer = await stage.post(f"/desk/wallets/{WALLET}/reactivate", {"reason": "it goes on"})
        text = await told(stage, answer)
        assert f"{WALLET} takes no entries yet:" in text
        assert "and look" in text
        answer = await stage.post(f"/desk/wallets/{WALLET}/resume", {"reason": "seen"})
        assert f"{WALLET} takes entries again." in await told(stage, answer)
        assert not stage.app.engine.state.wallets[next(iter(stage.app.engine.state.wallets))].holds

    staged(play, tmp_path)


def test_a_strategy_and_the_whole_desk_are_paused_and_resumed(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        await stage.post("/desk/strategies/Arbitrage/pause", {"reason": "thin"})
        await stage.post("/desk/portfolio/pause", {"reason": "lunch"})
        state = stage.app.engine.state
        assert (list(state.paused[StrategyType.ARBITRAGE]), list(state.holds)) == (["operator"], ["operator"])
        await stage.post("/desk/strategies/Arbitrage/resume", {"reason": "deep", "hold": "operator"})
        await stage.post("/desk/portfolio/resume", {"reason": "back"})
        assert (state.paused.get(StrategyType.ARBITRAGE, {}), state.holds) == ({}, {})

    staged(play, tmp_path)


REFUSED = (
    ("emergency-stop", {"reason": " "}, "A blank reason."),
    ("emergency-stop", {}, "Not the expected form: Object missing required field `reason`."),
    ("emergency-stop", {"reason": "x", "liquidate": "perhaps"}, "Not the expected form"),
    ("emergency-stop", {"reason": "x", "extra": "1"}, "Not the expected form"),
    ("emergency-stop", {"reason": "x" * 501}, "A reason of more than 500 characters."),
    ("wallets/nobody/pause", {"reason": "x"}, "No wallet &#39;nobody&#39;"),
    ("wallets/Arbitrage/pause", {"reason": "x"}, "No wallet &#39;Arbitrage&#39;"),
    ("wallets/primary_wallet/resume", {"reason": "x", "hold": "drawdown"}, "is not held by"),
    ("strategies/Nothing/pause", {"reason": "x"}, "is no wallet and no strategy"),
    ("positions/primary_wallet/SOL/close", {"reason": "x"}, "holds no"),
)


def test_a_refusal_is_told_and_does_nothing(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        for path, fields, why in REFUSED:
            text = await told(stage, await stage.post(f"/desk/{path}", fields))
            assert "notice-error" in text, path
            assert why in text, path
        state = stage.app.engine.state
        assert not any(book.holds for book in state.wallets.values())
        assert not any(state.paused.values())

    staged(play, tmp_path)


def test_a_stop_that_the_disk_does_not_take_is_a_page_of_its_own(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        stage.journal.may_write.clear()
        answer = await stage.post("/desk/emergency-stop", {"reason": "halt"})
        stage.journal.may_write.set()
        assert (answer.status, "stop holds" in answer.text) == (503, True)

    staged(play, tmp_path)


ELSEWHERE = ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "/desk\r\nset-cookie: x", "")


def test_the_way_back_leads_to_no_other_site(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        for back in ELSEWHERE:
            answer = await stage.post("/desk/theme", {"theme": "dark", "back": back})
            assert (answer.status, answer.headers["location"]) == (303, "/desk")
            stopped = await stage.post("/desk/emergency-stop", {"reason": "x", "back": back})
            assert stopped.headers["location"].startswith("/desk?notice=")

    staged(play, tmp_path)


def test_the_colours_are_one_of_three(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        dark = await stage.post("/desk/theme", {"theme": "dark", "back": "/desk/risk"})
        assert (dark.headers["location"], "theme=dark" in dark.headers["set-cookie"]) == ("/desk/risk", True)
        assert "set-cookie" not in (await stage.post("/desk/theme", {"theme": "pink"})).headers
        assert 'data-theme="auto"' in (await stage.get("/desk", cookie='theme="><script>')).text

    staged(play, tmp_path)


def test_a_hold_that_no_form_lifts_has_none(tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        await stage.app.engine.handle(AddHold(Scope(), "restored", "an older copy"))
        text = (await stage.get("/desk")).text
        assert "accept-history" in text
        assert "/desk/portfolio/resume" not in text

    staged(play, tmp_path)

"""Sources are added, rotated and removed while the desk serves, and each change is journaled (specification §13.11)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace
from tests.support.hook_stage import ALERT, Stage, on_stage
from tests.support.hooked import SECRET, TO_CHART

from overmind.core.model.events import OperatorActed
from overmind.desk.sources.store import write_sources
from overmind.journal.memory import MemoryJournal

NEW = {"name": "new", "kind": "tradingview", "symbols": {"SOLUSDC": "SOL"}, "defaults": {"strategy_type": "Momentum"}}


def alert(order_id: str) -> bytes:
    return json.dumps({**ALERT, "order_id": order_id}).encode()


def acted(journal: MemoryJournal) -> list[tuple[str, str, str]]:
    events = [entry.event for entry in journal.read() if isinstance(entry.event, OperatorActed)]
    return [(one.by, one.action, one.about) for one in events]


def test_a_source_is_added_and_sends_until_it_is_removed(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        made = await stage.ask("/v1/hooks", **{**NEW, "symbols": {"binance:solusdc": "SOL"}})
        path = made.json["path"]
        assert path.startswith("/v1/hooks/tradingview/new/")
        body = json.dumps({**ALERT, "ticker": "COINBASE:SOLUSDC", "notional_usd": "20"}).encode()
        assert (await stage.post(path, body)).status == 202
        assert (await stage.ask("/v1/hooks/new/remove")).status == 200
        assert (await stage.post(path, body)).status == 404

    told = [("token:api_token", "AddSource", "new, tradingview"), ("token:api_token", "RemoveSource", "new")]
    assert acted(on_stage(tmp_path, play)) == told


def test_a_rotated_secret_is_good_for_a_day_or_ends_at_once(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        second = (await stage.ask("/v1/hooks/chart/rotate")).json["path"]
        for number, path in enumerate((TO_CHART, second)):
            assert (await stage.post(path, alert(str(number)))).status == 202
        listed = await stage.get("/v1/hooks")
        assert [(row["name"], row["secrets"]) for row in listed.json] == [("chart", 2), ("bot", 1)]
        assert SECRET not in listed.text
        assert second.rpartition("/")[2] not in listed.text
        third = (await stage.ask("/v1/hooks/chart/rotate", at_once=True)).json["path"]
        statuses = [(await stage.post(path, alert("x"))).status for path in (third, second, TO_CHART)]
        assert statuses == [202, 404, 404]

    assert acted(on_stage(tmp_path, play)) == [("token:api_token", "RotateSource", "chart")] * 2


def test_a_resend_is_known_even_if_the_source_has_other_defaults_by_then(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        assert (await stage.post(TO_CHART, alert("1"))).json["status"] == "placed"
        known = stage.known.sources["chart"]
        write_sources(tmp_path, {"chart": replace(known, defaults={**known.defaults, "notional_usd": "1"})})
        await stage.known.look_once()
        assert (await stage.post(TO_CHART, alert("1"))).json["status"] == "duplicate"

    on_stage(tmp_path, play)


def test_a_source_that_the_desk_could_not_serve_is_not_added(tmp_path: Path) -> None:
    cases: tuple[tuple[Mapping[str, object], int, str], ...] = (
        ({"symbols": {"SOLUSDC": "DOGE"}}, 409, "unknown symbol 'DOGE'"),
        ({"defaults": {}}, 409, "strategy_type: missing"),
        ({"defaults": {"strategy_type": "Momentum", "ttl_ms": "soon"}}, 409, "ttl_ms"),
        ({"defaults": {"strategy_type": "Momentum", "mint": "x"}}, 400, "no default of a source"),
        ({"name": "a b"}, 400, "a name that cannot be used"),
        ({"name": ".."}, 400, "a name that cannot be used"),
        ({"name": "chart"}, 409, "there is a source 'chart' already"),
        ({"kind": "discord"}, 400, "not the expected body"),
        ({"symbols": {}}, 400, "no symbols"),
    )

    async def play(stage: Stage) -> None:
        for more, status, error in cases:
            told = await stage.ask("/v1/hooks", **{**NEW, **more})
            assert (told.status, error in told.json["error"]) == (status, True), told

    assert acted(on_stage(tmp_path, play)) == []


STRANGERS = (
    f"/v1/hooks/tradingview/chart/{SECRET}x",
    f"/v1/hooks/tradingview/nobody/{SECRET}",
    f"/v1/hooks/tradingview/bot/{SECRET}",
    f"/v1/hooks/freqtrade/chart/{SECRET}",
)


def test_a_stranger_learns_nothing_of_what_sources_there_are(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        told = [await stage.post(path, alert("1")) for path in STRANGERS[:3]]
        await stage.clock.sleep(60)
        told += [await stage.post(STRANGERS[3], alert("1"))]
        assert {one.status for one in told} == {404}
        assert len({one.text for one in told}) == 1

    on_stage(tmp_path, play)

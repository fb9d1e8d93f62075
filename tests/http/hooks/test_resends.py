"""What senders send again is decided once, in virtual time and without a socket (specification §13.10)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from bench.desks import START_NS
from msgspec.structs import replace
from tests.support.hook_stage import ALERT, Stage, on_stage, placed
from tests.support.hooked import CHART, TO_BOT, TO_CHART

from overmind.clock.instants import iso_seconds
from overmind.config.secrecy import Secret
from overmind.core.model.codes import Code
from overmind.core.model.commands import RecordOutcome
from overmind.core.model.events import SignalRefused
from overmind.core.model.ids import OrderId
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.units import NS
from overmind.desk.engine import Bounds
from overmind.desk.sources.source import ROTATED_NS, kept, rotated
from overmind.desk.sources.store import SOURCES_FILE, write_sources


def test_tradingview_sends_again_three_times_five_seconds_apart_and_one_order_is_made(tmp_path: Path) -> None:
    body = json.dumps(ALERT).encode()

    async def play(stage: Stage) -> None:
        told = []
        for _ in range(4):
            answer = await stage.post(TO_CHART, body)
            told.append((answer.status, answer.json["status"], answer.json["order_id"]))
            await stage.clock.sleep(5)
        order_id = told[0][2]
        assert told == [(202, "placed", order_id), *[(202, "duplicate", order_id)] * 3]

    assert len(placed(on_stage(tmp_path, play))) == 1


def test_the_first_answer_that_says_busy_makes_room_for_the_resend(tmp_path: Path) -> None:
    """An entry that the desk had no room for is decided when it comes again."""
    body = json.dumps(ALERT).encode()

    async def play(stage: Stage) -> None:
        others = [json.dumps({**ALERT, "order_id": str(number)}).encode() for number in range(2)]
        await asyncio.gather(*(stage.post(TO_CHART, other) for other in others))
        busy = await stage.post(TO_CHART, body)
        assert (busy.status, busy.headers[b"retry-after"], busy.json["status"]) == (503, b"1", "busy")

    assert len(placed(on_stage(tmp_path, play, Bounds(open_orders_max=2)))) == 2


def test_freqtrade_repeats_an_entry_and_a_further_one_is_another(tmp_path: Path) -> None:
    entry = {"event": "entry", "trade_id": "7", "pair": "SOL/USDC", "direction": "Long", "stake_amount": "100.0"}
    first = json.dumps({**entry, "rate": "100.0", "amount": "1.0"}).encode()
    further = json.dumps({**entry, "stake_amount": "150.0", "rate": "100.0", "amount": "0.5"}).encode()

    async def play(stage: Stage) -> None:
        told = [(await stage.post(TO_BOT, body)).json["status"] for body in (first, first, further, further)]
        assert told == ["placed", "duplicate", "placed", "duplicate"]

    assert [one.order.spend.units for one in placed(on_stage(tmp_path, play))] == [100_000_000, 50_000_000]


@pytest.mark.parametrize(("late_s", "code"), [(30, Code.SIGNAL_STALE), (29, None), (-6, Code.SIGNAL_FROM_FUTURE)])
def test_an_alert_is_as_old_as_it_says(tmp_path: Path, late_s: int, code: Code | None) -> None:
    body = json.dumps({**ALERT, "fired_at": iso_seconds(START_NS + 60 * NS - late_s * NS)}).encode()

    async def play(stage: Stage) -> None:
        await stage.clock.sleep(60)
        answer = await stage.post(TO_CHART, body)
        codes = [one["code"] for one in answer.json["refusals"] if one["code"].startswith("SIGNAL")]
        assert (answer.status, codes) == (202, [code] if code is not None else [])

    journal = on_stage(tmp_path, play)
    refused = [entry.event.signal.source for entry in journal.read() if isinstance(entry.event, SignalRefused)]
    assert refused == ["chart"], "whatever the reason, the refusal is in the journal"


def test_guesses_from_one_address_wait_longer_and_longer(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        statuses = list[int]()
        for _ in range(8):
            statuses.append((await stage.post("/v1/hooks/tradingview/chart/guess", b"{}")).status)
            await stage.clock.sleep(1)
        assert statuses == [404, 404, 404, 404, 429, 404, 429, 429]
        assert (await stage.post(TO_CHART, json.dumps(ALERT).encode())).status == 202, "the right secret never waits"

    on_stage(tmp_path, play)


def test_a_rotated_secret_ends_after_a_day(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        before, now = CHART.secrets[0], kept(Secret("the secret that has taken its place"))
        secrets = rotated((before,), now, stage.clock.now_ns(), ROTATED_NS)
        write_sources(tmp_path, {"chart": replace(stage.known.sources["chart"], secrets=secrets)})
        await stage.known.look_once()
        assert (await stage.post(TO_CHART, b"{}")).status == 400
        await stage.clock.sleep(86_400)
        assert (await stage.post(TO_CHART, b"{}")).status == 404

    on_stage(tmp_path, play)


@pytest.mark.parametrize(("content", "mode"), [("[", 0o600), ("[]", 0o644), ("[]", 0o600)])
def test_a_file_of_sources_that_cannot_be_believed_serves_nobody(tmp_path: Path, content: str, mode: int) -> None:
    async def play(stage: Stage) -> None:
        path = tmp_path / SOURCES_FILE
        path.write_text(content)
        path.chmod(mode)
        await stage.known.look_once()
        assert (await stage.post(TO_CHART, json.dumps(ALERT).encode())).status == 404

    assert placed(on_stage(tmp_path, play)) == []


EXIT_OF_BOT = b'{"event": "exit", "trade_id": "7", "pair": "SOL/USDC", "direction": "Long", "final": "True"}'


def test_an_exit_waits_for_its_entry_and_is_sent_again_if_that_takes_long(tmp_path: Path) -> None:
    """The exit is not refused: what its entry buys after that would have no end."""
    exits = json.dumps({**ALERT, "action": "sell", "position": "flat"}).encode()

    async def play(stage: Stage) -> None:
        order_id = (await stage.post(TO_CHART, json.dumps(ALERT).encode())).json["order_id"]
        early = await stage.post(TO_CHART, exits)
        assert (early.status, early.headers[b"retry-after"], early.json["status"]) == (503, b"1", "busy")
        other = await stage.post(TO_BOT, EXIT_OF_BOT)
        assert (other.status, other.json["status"]) == (202, "refused"), "it has no entry on its way"
        waiting = asyncio.create_task(stage.post(TO_CHART, exits))
        await stage.clock.sleep(1)
        assert not waiting.done()
        later = await stage.post(TO_CHART, json.dumps({**ALERT, "order_id": "after the exit"}).encode())
        assert later.json["status"] == "placed"
        await stage.engine.handle(RecordOutcome(OrderId(order_id), Rejected(Cause.PRICE_UNAVAILABLE)))
        late = await waiting
        assert (late.status, late.json["status"]) == (202, "refused"), "its entry has bought nothing"
        assert (await stage.post(TO_CHART, exits)).json["status"] == "duplicate"

    on_stage(tmp_path, play)

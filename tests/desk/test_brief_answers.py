"""A signal that was refused in brief gets its first answer again, in full, for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from bench.desks import START_NS, bench_desk, bench_wallets, buy, opening
from msgspec import structs
from tests.support.stepping_clock import SteppingClock

from overmind.core.books.brief_refusals import PATTERNS_KEPT
from overmind.core.model.commands import ChangeMints, CommandRefused, EmergencyStop
from overmind.core.model.controls import MintVerb
from overmind.core.model.desk_settings import BOOKING_RULES
from overmind.core.model.events import SignalRefused
from overmind.core.model.ids import SOL
from overmind.core.model.signal import Signal
from overmind.core.model.units import NS
from overmind.desk.engine import CommandAnswer, Engine
from overmind.journal.catalogue.past import Past
from overmind.journal.sqlite import SqliteJournal
from overmind.views.decisions import decision_of
from overmind.views.preview import explain

Play = Callable[[Engine], Awaitable[list[CommandAnswer]]]

SIGNALS = 6


def signals() -> list[Signal]:
    return [buy(number, SOL, START_NS).signal for number in range(SIGNALS)]


async def stopped_desk(engine: Engine) -> list[CommandAnswer]:
    desk = structs.replace(bench_desk(3), booking_rules=BOOKING_RULES)
    for command in [*opening(desk, bench_wallets(4)), EmergencyStop("test")]:
        await engine.handle(command)
    first = [await engine.submit(signal, START_NS) for signal in signals()]
    for number in range(PATTERNS_KEPT + 1):  # Each of these says other words, so the state forgets the first ones.
        await engine.handle(ChangeMints(MintVerb.BLOCK, SOL, "test", f"reason {number}"))
        await engine.submit(buy(100 + number, SOL, START_NS).signal, START_NS)
        await engine.handle(ChangeMints(MintVerb.UNBLOCK, SOL, "test", "test"))
    return first


async def again(engine: Engine) -> list[CommandAnswer]:
    with pytest.raises(CommandRefused, match="known with other content"):
        await engine.submit(structs.replace(signals()[1], notional_micros=7), START_NS)
    return [await engine.submit(structs.replace(signal, at_ns=START_NS + NS), START_NS) for signal in signals()]


def test_the_answer_stays_the_same_after_a_restart_and_when_its_pattern_is_forgotten(tmp_path: Path) -> None:
    async def serve(journal: SqliteJournal, play: Play) -> list[CommandAnswer]:
        engine = Engine(journal, SteppingClock(START_NS))
        writing = asyncio.create_task(engine.run())
        answers = await play(engine)
        await engine.close()
        writing.cancel()
        return answers

    answers: list[list[CommandAnswer]] = []
    for play in (stopped_desk, again):
        with contextlib.closing(SqliteJournal.open(tmp_path / "overmind.db")) as journal:
            answers.append(asyncio.run(serve(journal, play)))
    first, repeated = answers
    assert [one.events for one in repeated] == [one.events for one in first]
    assert all(one.duplicate for one in repeated)
    with contextlib.closing(SqliteJournal.open_read_only(tmp_path / "overmind.db")) as journal:
        kept = [journal.entry(one.seq).event for one in first]
        past = Past(journal, None)
        lives = [past.life(signal.id) for signal in signals()]
        told = [explain(life, None).decision for life in lives if life is not None]
    assert told == [decision_of(one.events) for one in first]
    briefs = [one.brief for one in kept if isinstance(one, SignalRefused)]
    assert [brief is not None and brief.like for brief in briefs].count(0) == 1

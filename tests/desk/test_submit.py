"""Lines of signals: each is answered, in order, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from overmind.core.model.events import Entry, SignalRecorded
from overmind.desk.submit import Answers, answer_lines
from overmind.journal.memory import MemoryJournal
from overmind.ports import Journal, JournalFailed
from overmind.sandbox.selftest.scratch_desk import ScratchDesk, desk
from overmind.signals.decode import token_index

HOLD = {"strategy_type": "TokenSniping", "action": "Hold", "symbol": "SOL"}


class BreakingJournal(MemoryJournal):
    """Its disk breaks at the signal `bad`."""

    async def append(self, entries: Sequence[Entry]) -> None:
        if any(isinstance(one.event, SignalRecorded) and one.event.signal.id == "bad" for one in entries):
            raise JournalFailed("the disk is gone")
        await super().append(entries)


def hold(signal_id: str, **fields: object) -> bytes:
    return json.dumps({**HOLD, "signal_id": signal_id, **fields}).encode()


async def lines(*wishes: bytes) -> AsyncIterator[bytes]:
    """Each in a batch of its own."""
    for wish in wishes:
        yield wish
        await asyncio.sleep(0.01)


async def told(folder: Path, journal: Journal, answers: list[Mapping[str, Any]], *wishes: bytes) -> Answers:
    async with desk(ScratchDesk(folder).seed_env(), journal=journal) as bench:
        tokens = token_index(bench.app.desk.tokens.values())

        async def tell(answer: Mapping[str, Any]) -> None:
            answers.append(answer)

        return await answer_lines(bench.app, lines(*wishes), tokens, tell)


def test_a_number_that_nobody_can_compute_is_the_answer_of_its_line(tmp_path: Path) -> None:
    answers: list[Mapping[str, Any]] = []
    wishes = (
        hold("one"),
        hold("two", timestamp="1e9999999999"),
        hold("three")[:-1] + b', "timestamp": 1e9999999999}',
        hold("four")[:-1] + b', "ttl_ms": ' + b"9" * 5_000 + b"}",
        hold("five", notional_usd="1e-9999999999"),
        hold("six"),
    )
    counted = asyncio.run(told(tmp_path, MemoryJournal(), answers, *wishes))
    assert [one["status"] for one in answers] == ["recorded", "invalid", "invalid", "invalid", "invalid", "recorded"]
    assert counted.invalid == 4
    assert [one["problems"][0]["field"] for one in answers[1:5]] == ["timestamp", "timestamp", "signal", "notional_usd"]
    assert answers[4]["problems"][0]["problem"] == "'1e-9999999999' has an absurd exponent"


def test_a_signal_that_excludes_a_wallet_that_does_not_exist_is_no_signal(tmp_path: Path) -> None:
    answers: list[Mapping[str, Any]] = []
    asyncio.run(told(tmp_path, MemoryJournal(), answers, hold("one", exclude_wallets=["hft_wallett"]), hold("two")))
    assert [one["status"] for one in answers] == ["invalid", "recorded"]
    assert "hft_wallet" in answers[0]["problems"][0]["fix"]


def test_what_was_decided_before_the_desk_stopped_is_told_first(tmp_path: Path) -> None:
    answers: list[Mapping[str, Any]] = []
    with pytest.raises(JournalFailed):
        asyncio.run(told(tmp_path, BreakingJournal(), answers, *map(hold, ("one", "two", "bad", "late"))))
    assert [(one["signal_id"], one["status"]) for one in answers[:3]] == [
        ("one", "recorded"),
        ("two", "recorded"),
        ("bad", "stopping"),
    ]

"""The simulator over many seeds, and proof that all its faults really occur."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Final

import pytest
from tests.sim import checks
from tests.sim.chosen_seeds import Record, chunks, expect_rare_events, simulate_chunk
from tests.sim.simulate import TUESDAY_NS, main
from tests.sim.world import TOKENS, USDC, ProcessKiller, SimClock, SimJournal

from overmind.clock.virtual import run_virtual
from overmind.core.model.commands import ConfigureDesk, FoundDesk
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import StrategyType, TradeAction, TradingMode
from overmind.core.model.ids import SOL, SignalId
from overmind.core.model.signal import Signal
from overmind.core.model.units import PPM
from overmind.desk.engine import BOUNDS, Engine

LAST: Final = 2_000  # seeds of the long tier
SENDERS: Final = 16
AT_ONCE: Final = 12


@pytest.mark.parametrize("first", chunks(LAST))
def test_no_money_is_lost(first: int) -> None:
    simulate_chunk("plain", first)


def test_all_that_can_go_wrong_does_go_wrong(record_property: Record) -> None:
    expect_rare_events("plain", record_property)


def test_the_order_of_sets_changes_nothing() -> None:
    """Another hash seed orders every set of strings differently; the journals must be the same."""
    outputs = {_simulated_with_hash_seed(hash_seed) for hash_seed in ("1", "2")}
    assert len(outputs) == 1, outputs


def _simulated_with_hash_seed(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    both = ([sys.executable, "-m", "tests.sim.simulate", *what, "1", "9"] for what in ([], ["chain"]))
    runs = [subprocess.run(one, env=environment, check=True, capture_output=True, text=True) for one in both]
    return "".join(run.stdout for run in runs)


def test_a_range_of_seeds_is_summed_up_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    main("plain", 1, 2)
    line = capsys.readouterr().out
    assert line.startswith("ok seeds=2 lives=")
    assert line.count("\n") == 1


def test_a_snapshot_taken_under_load_recovers_the_same_state() -> None:
    """Entries are decided while the snapshot waits for its own entries to be durable."""
    journal = _calm_journal()
    run_virtual(_load(journal))
    snapshot = journal.snapshot()
    assert snapshot is not None
    assert snapshot.seq >= BOUNDS.snapshot_every
    recovered = Engine(journal, SimClock(TUESDAY_NS))
    checks.same_state(recovered.state, checks.fold(journal.entries), "recovery differs from the journal's replay")


def _calm_journal() -> SimJournal:
    seen: Counter[str] = Counter()
    return SimJournal(Random("calm"), Random("calm"), 0.0, checks.Auditor(seen), ProcessKiller(), seen)


async def _load(journal: SimJournal) -> None:
    engine = Engine(journal, SimClock(TUESDAY_NS))
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(engine.run())
        await engine.handle(FoundDesk(TradingMode.PAPER, "sim", "genesis"))
        await engine.handle(ConfigureDesk(Desk(quote=USDC, tokens={token.mint: token for token in TOKENS})))
        numbers = count()
        await asyncio.gather(*(_send(engine, journal, numbers, Random(f"sender {n}")) for n in range(SENDERS)))
        assert (await engine.submit(_hold(0))).duplicate
        writing.cancel()


async def _send(engine: Engine, journal: SimJournal, numbers: Iterator[int], random: Random) -> None:
    """Independent senders: there is always a signal while the disk is busy."""
    while journal.snapshot() is None:
        await asyncio.gather(*(engine.submit(_hold(next(numbers))) for _ in range(AT_ONCE)))
        await asyncio.sleep(random.uniform(0.0, 0.5))


def _hold(n: int) -> Signal:
    return Signal(SignalId(f"hold{n}"), StrategyType.ARBITRAGE, TradeAction.HOLD, SOL, risk_tolerance_ppm=PPM)

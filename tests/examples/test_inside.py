"""`examples/inside.py` on a paper desk, in virtual time: it buys on the rise, sells on the fall, repeats nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from tests.support.saw_tape import RISING, saw_tape

import inside
from overmind import MultiWalletConfig, MultiWalletExecutor, Record, WalletManager
from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.model.events import OrderPlaced
from overmind.core.model.units import NS
from overmind.journal.memory import MemoryJournal
from overmind.sandbox.selftest.scratch_desk import ScratchDesk
from overmind.venues.paper import PERFECT

STEP_S = 2
START_S = 1_750_000_000
ROUNDS = 2


async def bars_of(clock: VirtualClock, count: int) -> AsyncIterator[int]:
    for _ in range(count):
        await clock.sleep(STEP_S)
        yield clock.now_ns() // NS


async def traded(config: MultiWalletConfig, journal: MemoryJournal, start_s: int, bars: int) -> list[Record]:
    clock, signals, records = VirtualClock(start_s * NS), asyncio.Queue[object](), asyncio.Queue[Record]()
    async with WalletManager(config, journal=journal, clock=clock, model=PERFECT) as manager:
        await manager.initialize(config.wallets.values())
        await MultiWalletExecutor(signals, records, manager).start()
        await inside.trade(manager, bars_of(clock, bars), signals, 3 * STEP_S)
        await clock.sleep(STEP_S)
    return [records.get_nowait() for _ in range(records.qsize())]


def test_it_buys_on_the_rise_and_sells_on_the_fall(tmp_path: Path) -> None:
    env = ScratchDesk(tmp_path).seed_env(OVERMIND_PRICE_TAPE=str(saw_tape(tmp_path, STEP_S, start_s=START_S)))
    config, journal = MultiWalletConfig.from_env(env, None), MemoryJournal()
    records = run_virtual(traded(config, journal, START_S, ROUNDS * 2 * RISING))
    sides = [entry.event.order.side.value for entry in journal.read() if isinstance(entry.event, OrderPlaced)]
    assert sides == ["Buy", "Sell"] * ROUNDS
    said = [inside.told(record) for record in records]
    assert len(said) == 2 * len(sides)
    assert any(": placed, expected cost" in line for line in said)
    assert any(": Buy filled in primary_wallet" in line for line in said)


def test_a_bar_is_decided_once_however_often_it_starts(tmp_path: Path) -> None:
    env = ScratchDesk(tmp_path).seed_env(OVERMIND_PRICE_TAPE=str(saw_tape(tmp_path, STEP_S, start_s=START_S)))
    config, journal = MultiWalletConfig.from_env(env, None), MemoryJournal()
    for _ in range(2):  # The same bars again, as after a restart and a clock that was set back.
        run_virtual(traded(config, journal, START_S, 2 * RISING))
    placed = Counter(entry.event.order.signal_id for entry in journal.read() if isinstance(entry.event, OrderPlaced))
    assert len(placed) >= 2
    assert set(placed.values()) == {1}

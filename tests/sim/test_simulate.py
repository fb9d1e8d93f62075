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
from typing import Final, get_args

import pytest
from tests.sim import checks, rules
from tests.sim.simulate import RERUN_EVERY, TUESDAY_NS, main, simulate, simulate_twice
from tests.sim.world import TOKENS, USDC, Death, SimClock, SimJournal

from overmind.clock.virtual import run_virtual
from overmind.core.model.commands import ConfigureDesk, FoundDesk
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import MoveKind, StrategyType, TradeAction, TradingMode
from overmind.core.model.ids import SOL, SignalId
from overmind.core.model.outcome import Outcome
from overmind.core.model.signal import Signal
from overmind.core.model.units import PPM
from overmind.desk.engine import BOUNDS, Engine

CHUNK: Final = 25
CHUNKS: Final = 16
COUNTED: Final = range(10_000, 10_800)  # seeds whose statistics are checked
SENDERS: Final = 16
AT_ONCE: Final = 12

FAULTS: Final = (
    "journal failed before the write",
    "journal failed after the write",
    "death",
    "death after a write",
    "death with a ticket under way",
    "death with an order and no ticket",
    "arrived after death",
    "shut down",
    "recovered from a snapshot",
    "found by the index",
    "group commit",
    "disk full",
    "venue silent",
    "quote not answered",
    "sign not answered",
    "send not answered",
    "outcome not answered",
    "outcome lagged",
    "quote refused",
    "sign refused",
    "quote below the minimum",
    "quote of another order",
    "quote for another spend",
    "quote of another token",
    "quote guarantees too little",
    "quote contradicts itself",
    "quote with a high impact",
    "quote off the mark",
    "send dropped in silence",
    "send accepted, answer lost",
    "resent",
    "expired",
    "transfer not answered",
    "transfer refused",
    "clock stepped back",
    "clock stepped forward",
    "midnight",
)
MOVES: Final = (
    *(f"{kind} {outcome.__name__}" for kind in MoveKind for outcome in get_args(Outcome)),
    "swap for the float",
    "own exit liquidate",
    "own exit stop",
    "own exit close",
    "close ordered",
    "close repeated",
    "close cancelled",
    "liquidation",
    "emergency stop at an await",
    "cancelled",
    "cancel refused",
    "rebalance refused",
    "rebalance rejected STOPPED",
    "withdraw rejected CANCELLED",
    "withdraw rejected NOT_ALLOWED",
    "withdrawal asked for again in vain",
    "withdrawal paid after a hold",
    "withdraw rejected STOPPED",
    "withdrawal refused",
    "withdrawal repeated",
)
EVENTS: Final = (
    "order",
    "closed Filled",
    "closed Failed",
    "closed Expired",
    "closed Rejected",
    "failover after Expired",
    "failover after Rejected",
    "sale in parts",
    "duplicate",
    "changed signal refused",
    "deposit repeated",
    "nonsense refused",
    "emergency stop",
    "reactivated",
    "STOP file",
    "rejected STOPPED",
    "rejected ROUTE_DOWN",
    "rejected BAD_QUOTE",
    "hold on wallet",
    "hold on strategy",
    "hold on portfolio",
    "sized in full",
    "sized, capped",
    "sized by volatility",
    *(f"refused {code}" for code in ("SIZE_TOO_SMALL", "STOP_DISTANCE_UNKNOWN", "VOLATILITY_UNKNOWN")),
    "limits changed",
    "limits refused",
    "limits taken back",
    "mints: block",
    "mints: allow",
    *(f"refused {code}" for code in (*checks.OF_SIGNAL, *rules.OF_WALLET)),
    *(f"exit refused {code}" for code in rules.OF_EXIT if code != "WALLET_STATUS"),
)


@pytest.mark.parametrize("first", range(0, CHUNK * CHUNKS, CHUNK))
def test_no_money_is_lost(first: int) -> None:
    for seed in range(first, first + CHUNK):
        if seed % RERUN_EVERY == 0:
            simulate_twice(seed)
        else:
            simulate(seed)


def test_all_that_can_go_wrong_does_go_wrong() -> None:
    """Rare faults are searched for until they are found."""
    seen: Counter[str] = Counter()
    missing = [*FAULTS, *EVENTS, *MOVES]
    for seed in COUNTED:
        seen += simulate(seed).seen
        missing = [what for what in missing if not seen[what]]
        if not missing:
            return
    raise AssertionError(f"never happened in {len(COUNTED)} seeds: {missing}")


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
    return SimJournal(Random("calm"), 0.0, checks.Auditor(seen), Death(), seen)


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

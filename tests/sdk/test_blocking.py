"""The blocking API with plain threads and plain queues."""

from __future__ import annotations

import asyncio
import inspect
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec import structs

import overmind
from overmind import (
    CommandRefused,
    Decision,
    EngineStopped,
    ExecutionRecord,
    HFTConfig,
    MultiWalletConfig,
    NoEligibleWallet,
    TradingMode,
    WalletSelectionCriteria,
    WalletStatus,
)
from overmind.journal.memory import MemoryJournal
from overmind.sandbox.selftest.scratch_desk import ScratchDesk, TapeTime
from overmind.sdk.blocking import MultiWalletExecutor, WalletManager
from overmind.sdk.records import Record
from overmind.venues.paper import PERFECT

SNIPE = WalletSelectionCriteria("TokenSniping", 1_000, 0.8)
PATIENCE_S = 20.0


@pytest.fixture
def config(tmp_path: Path) -> MultiWalletConfig:
    return MultiWalletConfig.from_env(ScratchDesk(tmp_path).seed_env(), None)


@pytest.fixture
def manager(config: MultiWalletConfig) -> Iterator[WalletManager]:
    with WalletManager(config, journal=MemoryJournal(), clock=TapeTime(), model=PERFECT) as manager:
        manager.initialize(config.wallets.values())
        yield manager


def signal_json(number: int, usd: float = 20) -> dict[str, object]:
    return {
        "signal_id": f"b{number}",
        "strategy_type": "TokenSniping",
        "action": "Buy",
        "symbol": "SOL",
        "notional_usd": usd,
    }


@pytest.mark.parametrize(
    ("twin", "original"),
    [(WalletManager, overmind.WalletManager), (MultiWalletExecutor, overmind.MultiWalletExecutor)],
)
def test_the_twin_has_every_method_with_the_same_arguments(twin: type, original: type) -> None:
    internal = {"app", "before_close", "alive"}
    names = {name for name in vars(original) if not name.startswith("_")} - internal
    for name in names:
        wanted, found = getattr(original, name), getattr(twin, name)
        assert list(inspect.signature(found).parameters) == list(inspect.signature(wanted).parameters), name
        assert not inspect.iscoroutinefunction(found), name


def test_every_call_answers_without_await(manager: WalletManager) -> None:
    assert manager.select_wallet(SNIPE).wallet_id == "hft_wallet"
    assert manager.get_wallet("hft_wallet").status is WalletStatus.ACTIVE
    assert manager.get_wallet_metrics("hft_wallet").total_value_usd == pytest.approx(30_000, abs=1)
    assert len(manager.get_active_wallets()) == 4
    assert manager.get_positions() == []
    assert [row.symbol for row in manager.get_prices()] == ["BTC", "ETH", "SOL"]
    manager.emergency_stop_all("drill")
    with pytest.raises(NoEligibleWallet):
        manager.select_wallet(SNIPE)
    assert manager.reactivate_wallet("hft_wallet").status is WalletStatus.ACTIVE
    assert manager.get_portfolio_summary().active_wallets == 1
    manager.add_wallet(manager.manager.app.config.wallets[overmind.WalletId("hft_wallet")])
    with pytest.raises(CommandRefused, match="no wallet"):
        manager.get_wallet("?")


def test_signals_go_from_one_plain_queue_to_another(manager: WalletManager) -> None:
    signals: queue.Queue[object] = queue.Queue()
    records: queue.Queue[Record] = queue.Queue(maxsize=3)  # A reader that is slower than the desk.
    executor = MultiWalletExecutor.new_with_hft(
        signals, records, manager, TradingMode.PAPER, None, 5_000, "primary_wallet", HFTConfig()
    )
    executor.start()
    executor.start()
    for number in range(30):
        signals.put(signal_json(number))
    found = [records.get(timeout=PATIENCE_S) for _ in range(60)]
    assert executor.stop()
    assert executor.stop()
    assert sum(isinstance(one, Decision) for one in found) == 30
    assert {one.status for one in found if isinstance(one, ExecutionRecord)} == {"filled"}
    assert executor.get_execution_stats().successful_executions == 30


def test_stop_loses_nothing_that_was_taken(manager: WalletManager) -> None:
    signals: queue.Queue[object] = queue.Queue()
    records: queue.Queue[Record] = queue.Queue()
    executor = MultiWalletExecutor(signals, records, manager)
    for number in range(200):
        signals.put(signal_json(number, usd=2))
    executor.start()
    records.get(timeout=PATIENCE_S)
    assert executor.stop()
    decided = 1 + sum(isinstance(records.get_nowait(), Decision) for _ in range(records.qsize()))
    assert decided + signals.qsize() == 200
    executor.start()
    while signals.qsize():
        records.get(timeout=PATIENCE_S)
    assert executor.stop()
    assert executor.get_execution_stats().signals == 200


def test_a_sender_that_breaks_ends_the_executor_and_stop_says_why(manager: WalletManager) -> None:
    class Broken:
        def put(self, record: Record, /, *, timeout: float) -> None:
            raise ConnectionError("no room")

    signals: queue.Queue[object] = queue.Queue()
    executor = MultiWalletExecutor(signals, Broken(), manager)
    executor.start()
    for number in range(4):
        signals.put(signal_json(number))
    while executor.alive:
        manager.get_portfolio_summary()
    with pytest.raises(ConnectionError, match="no room"):
        executor.stop()
    assert manager.get_portfolio_summary().total_wallets == 4


def test_many_threads_call_at_once(manager: WalletManager) -> None:
    signals: queue.Queue[object] = queue.Queue()
    executor = MultiWalletExecutor(signals, None, manager)
    executor.start()

    def work(number: int) -> str:
        signals.put(signal_json(number, usd=5))
        manager.get_portfolio_summary()
        return manager.select_wallet(SNIPE).wallet_id

    with ThreadPoolExecutor(16) as threads:
        chosen = list(threads.map(work, range(100)))
    assert set(chosen) <= {"hft_wallet", "primary_wallet"}
    while signals.qsize():
        manager.get_portfolio_summary()
    assert executor.stop()
    assert executor.get_execution_stats().total_executions == 100


def test_it_works_inside_somebody_elses_event_loop(config: MultiWalletConfig) -> None:
    async def cell_of_a_notebook() -> int:
        with WalletManager(config, journal=MemoryJournal(), clock=TapeTime()) as manager:
            manager.initialize(config.wallets.values())
            return manager.get_portfolio_summary().total_wallets

    assert asyncio.run(cell_of_a_notebook()) == 4


def test_after_close_every_call_says_so_and_no_thread_is_left(config: MultiWalletConfig) -> None:
    before = threading.active_count()
    manager = WalletManager(config, journal=MemoryJournal(), clock=TapeTime())
    manager.initialize(config.wallets.values())
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: manager.close(), range(4))) == [None] * 4
    with pytest.raises(EngineStopped, match="the desk was closed"):
        manager.get_portfolio_summary()
    assert threading.active_count() == before


def test_callers_that_wait_when_the_desk_is_closed_are_told(config: MultiWalletConfig) -> None:
    manager = WalletManager(config, journal=MemoryJournal(), clock=TapeTime())
    manager.initialize(config.wallets.values())

    def ask(_: int) -> str:
        try:
            while True:
                manager.get_portfolio_summary()
        except EngineStopped:
            return "told"

    with ThreadPoolExecutor(8) as threads:
        asked = threads.map(ask, range(8))
        manager.close()
        assert list(asked) == ["told"] * 8


def test_a_failed_start_leaves_nothing_behind(config: MultiWalletConfig, tmp_path: Path) -> None:
    nowhere = structs.replace(config, price_tape=tmp_path / "none.csv")
    before = threading.active_count()
    with WalletManager(nowhere, journal=MemoryJournal()) as manager, pytest.raises(Exception, match="no such file"):
        manager.initialize(config.wallets.values())
    assert threading.active_count() == before


def test_a_script_that_forgets_to_close_still_ends(tmp_path: Path) -> None:
    env = ScratchDesk(tmp_path).seed_env()
    lines = "\n".join(f"{name}={value}" for name, value in env.items())
    (tmp_path / ".env").write_text(lines)
    (tmp_path / ".env").chmod(0o600)
    script = """
from overmind import MultiWalletConfig
from overmind.blocking import WalletManager
manager = WalletManager()
manager.initialize(MultiWalletConfig.from_env({}).wallets.values())
print(manager.get_portfolio_summary().total_wallets)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "4"), done.stderr

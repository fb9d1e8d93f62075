"""The same API for plain threads, scripts and notebooks: every call blocks until its answer is durable.

The desk runs on its own event loop in a daemon thread. Any number of threads may call it at once. Leave it through
`with` or `close`. A process that ends without doing so loses no data, but does not wait for open orders.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import threading
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

from overmind.config import MultiWalletConfig, WalletConfig
from overmind.core.model.enums import TradingMode
from overmind.core.model.wallet import Wallet
from overmind.desk.app import DRAIN_S
from overmind.desk.engine import EngineStopped
from overmind.ports import Clock, Journal
from overmind.sdk import executor, manager
from overmind.sdk.hft import HFTConfig
from overmind.sdk.records import Record
from overmind.sdk.selection import WalletSelection, WalletSelectionCriteria
from overmind.venues.paper import PaperModel
from overmind.views.positions import PositionRow
from overmind.views.prices import PriceRow
from overmind.views.reports import PortfolioSummary, WalletMetrics
from overmind.views.stats import ExecutionStats

T = TypeVar("T")

POLL_S: Final = 0.05  # the longest delay of a stop by a thread that waits on an empty queue


class LoopThread:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="overmind", daemon=True)
        self._changing = threading.Lock()
        self._ended = False
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in that thread and waits for its result. Raises EngineStopped once the thread has ended."""
        with self._changing:
            if self._ended or threading.current_thread() is self._thread:
                coroutine.close()
                why = (
                    "the desk was closed" if self._ended else "a call from the desk's own thread would wait for itself"
                )
                raise EngineStopped(why)
            answer = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return answer.result()
        except concurrent.futures.CancelledError:
            raise EngineStopped("the desk was closed in the meantime") from None

    @property
    def ended(self) -> bool:
        return self._ended

    def end(self) -> None:
        with self._changing:
            if not self._ended:
                self._ended = True
                self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()


class WalletManager:
    """`overmind.WalletManager`, method by method, without `await`."""

    def __init__(
        self,
        config: MultiWalletConfig | None = None,
        *,
        journal: Journal | None = None,
        clock: Clock | None = None,
        model: PaperModel | None = None,
    ) -> None:
        self.manager = manager.WalletManager(config, journal=journal, clock=clock, model=model)
        self.thread = LoopThread()
        self.executors: list[MultiWalletExecutor] = []
        self._closing = threading.Lock()

    def initialize(self, wallets: Iterable[WalletConfig]) -> None:
        self.thread.call(self.manager.initialize(wallets))

    def add_wallet(self, wallet: WalletConfig) -> None:
        self.thread.call(self.manager.add_wallet(wallet))

    def select_wallet(self, criteria: WalletSelectionCriteria) -> WalletSelection:
        return self.thread.call(self.manager.select_wallet(criteria))

    def get_wallet(self, wallet_id: str) -> Wallet:
        return self.thread.call(self.manager.get_wallet(wallet_id))

    def get_wallet_metrics(self, wallet_id: str) -> WalletMetrics:
        return self.thread.call(self.manager.get_wallet_metrics(wallet_id))

    def get_active_wallets(self) -> list[Wallet]:
        return self.thread.call(self.manager.get_active_wallets())

    def get_portfolio_summary(self) -> PortfolioSummary:
        return self.thread.call(self.manager.get_portfolio_summary())

    def get_positions(self) -> list[PositionRow]:
        return self.thread.call(self.manager.get_positions())

    def get_prices(self) -> list[PriceRow]:
        return self.thread.call(self.manager.get_prices())

    def emergency_stop_all(self, reason: str = manager.STOP_REASON) -> None:
        self.thread.call(self.manager.emergency_stop_all(reason))

    def reactivate_wallet(self, wallet_id: str, reason: str = manager.REACTIVATE_REASON) -> Wallet:
        return self.thread.call(self.manager.reactivate_wallet(wallet_id, reason))

    def close(self) -> None:
        """Settles open orders, stops the desk and its thread. May be called again."""
        with self._closing, contextlib.ExitStack() as last_first:
            last_first.callback(self.thread.end)
            if not self.thread.ended:
                last_first.callback(lambda: self.thread.call(self.manager.close()))
                while self.executors:
                    self.executors.pop().stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class BlockingReceiver(Protocol):
    """A queue.Queue is one."""

    def get(self, *, timeout: float) -> object:
        """Raises queue.Empty when nothing came in time."""


class BlockingSender(Protocol):
    """A queue.Queue is one. Called from one thread at a time."""

    def put(self, record: Record, /, *, timeout: float) -> object:
        """Raises queue.Full when there was no room in time."""


class MultiWalletExecutor:
    """`overmind.MultiWalletExecutor`, method by method, without `await`, between two plain queues."""

    def __init__(
        self,
        signal_receiver: BlockingReceiver,
        persistence_sender: BlockingSender | None,
        wallet_manager: WalletManager,
        trading_mode: TradingMode | str = TradingMode.PAPER,
        solana_rpc_url: str | None = None,
        selection_timeout_ms: int | None = None,
        fallback_wallet: str | None = None,
    ) -> None:
        self._receiver = signal_receiver
        self._inbox = _Inbox()
        self._thread = wallet_manager.thread
        self._changing = threading.Lock()
        self._stopping = threading.Event()
        self._pump: threading.Thread | None = None
        self._fault: BaseException | None = None
        self._executor = executor.MultiWalletExecutor(
            self._inbox,
            None if persistence_sender is None else _Outbox(persistence_sender),
            wallet_manager.manager,
            trading_mode,
            solana_rpc_url,
            selection_timeout_ms,
            fallback_wallet,
        )
        wallet_manager.executors.append(self)

    @classmethod
    def new_with_hft(
        cls,
        signal_receiver: BlockingReceiver,
        persistence_sender: BlockingSender | None,
        wallet_manager: WalletManager,
        trading_mode: TradingMode | str,
        solana_rpc_url: str | None,
        selection_timeout_ms: int | None,
        fallback_wallet: str | None,
        hft_config: HFTConfig,
    ) -> Self:
        executor = cls(
            signal_receiver,
            persistence_sender,
            wallet_manager,
            trading_mode,
            solana_rpc_url,
            selection_timeout_ms,
            fallback_wallet,
        )
        executor._executor.hft_config = hft_config
        return executor

    @property
    def hft_config(self) -> HFTConfig | None:
        return self._executor.hft_config

    def start(self) -> None:
        with self._changing:
            if self._pump is None:
                self._thread.call(self._executor.start())
                self._stopping.clear()
                self._pump = threading.Thread(target=self._forward_signals, name="overmind-signals", daemon=True)
                self._pump.start()

    def stop(self, deadline_s: float = DRAIN_S) -> bool:
        with self._changing:
            if self._pump is None:
                return True
            self._stopping.set()
            if not self._executor.alive:
                self._thread.call(self._inbox.drop())
            self._pump.join(deadline_s)
            self._pump = None
            stopped = self._thread.call(self._stop(deadline_s))
            fault, self._fault = self._fault, None
            if fault is not None:
                raise fault
            return stopped

    @property
    def alive(self) -> bool:
        """Whether it takes signals: it was started and has not ended."""
        return self._executor.alive and self._pump is not None and self._pump.is_alive()

    def get_execution_stats(self) -> ExecutionStats:
        return self._thread.call(self._executor.get_execution_stats())

    async def _stop(self, deadline_s: float) -> bool:
        """Decides all signals taken from the caller's queue, then stops the executor."""
        if self._executor.alive:
            await self._inbox.taken(deadline_s)
        return await self._executor.stop(deadline_s)

    def _forward_signals(self) -> None:
        while not self._stopping.is_set():
            try:
                self._thread.call(self._inbox.put(self._receiver.get(timeout=POLL_S)))
            except queue.Empty:
                continue
            except EngineStopped:
                return  # The desk has stopped, so there is nobody to report to.
            except BaseException as fault:
                self._fault = fault  # An error of the caller's receiver; `stop` raises it again.
                raise


class _Inbox:
    """Passes one signal at a time from the taking thread to the event loop."""

    def __init__(self) -> None:
        self._signals: asyncio.Queue[object] = asyncio.Queue(1)

    async def put(self, signal: object) -> None:
        await self._signals.put(signal)

    async def get(self) -> object:
        signal = await self._signals.get()
        self._signals.task_done()
        return signal

    async def taken(self, deadline_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await self._signals.join()

    async def drop(self) -> None:
        """Drops the waiting signal: nobody will take it any more."""
        while not self._signals.empty():
            self._signals.get_nowait()
            self._signals.task_done()


class _Outbox:
    """Waits for a full queue in a thread, in steps that are short enough for a stop."""

    def __init__(self, sender: BlockingSender) -> None:
        self._sender = sender

    async def put(self, record: Record, /) -> None:
        while not await asyncio.to_thread(self._offer, record):
            pass

    def _offer(self, record: Record) -> bool:
        try:
            self._sender.put(record, timeout=POLL_S)
        except queue.Full:
            return False
        return True

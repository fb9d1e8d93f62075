"""`MultiWalletExecutor`: takes signals from one queue, and reports decisions and outcomes to another.

    signal_receiver.get() → decode → App.submit → Decision ─┐
    journal: order closed ──────────────→ ExecutionRecord ──┴→ persistence_sender.put()

An invalid signal is reported as a RejectedSignal. The desk executes every placed order, whoever placed it. This class
only feeds the desk, and reports every order that closes while it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, Protocol, Self

import msgspec
import structlog
from msgspec import structs

from overmind.config import kinds
from overmind.config.files import InvalidValue
from overmind.config.variables.performance import SELECTION_TIMEOUT
from overmind.core.model.commands import CommandRefused
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import TradingMode, WalletStatus
from overmind.core.model.events import Entry, OrderClosed, OrderFinal, OrderPlaced, OrderRolledBack
from overmind.core.model.ids import WalletId
from overmind.core.model.signal import Signal
from overmind.desk.app import DRAIN_S, App
from overmind.desk.engine import DiskFull, EngineBusy, EngineStopped
from overmind.desk.feed import Feed
from overmind.desk.submit import failed
from overmind.sdk.hft import HFTConfig, land_by_relay
from overmind.sdk.manager import WalletManager, first_cause
from overmind.sdk.records import Record, RejectedSignal, execution_record
from overmind.signals.decode import BadSignal, decode_signal, token_index
from overmind.signals.encode import encode_signal
from overmind.signals.validation import FieldProblem
from overmind.views.stats import ExecutionStats, execution_stats

DECIDING_MAX: Final = 256  # signals whose decision is not durable yet; one journal batch serves them all
OUTBOX_MAX: Final = 1_024  # records that may wait for a slow sender before no more signals are taken
BUSY_RETRY_S: Final = 0.05
RECEIVER_RETRY_S: Final = 0.5

log = structlog.get_logger("intake")


class SignalReceiver(Protocol):
    """An asyncio.Queue is one. Yields a Signal, or the JSON of one as bytes, text or a dict."""

    async def get(self) -> object: ...


class PersistenceSender(Protocol):
    """An asyncio.Queue is one. Gets the records one after the other, a decision before its outcome."""

    async def put(self, record: Record, /) -> object: ...


class MultiWalletExecutor:
    def __init__(
        self,
        signal_receiver: SignalReceiver,
        persistence_sender: PersistenceSender | None,
        wallet_manager: WalletManager,
        trading_mode: TradingMode | str = TradingMode.PAPER,
        solana_rpc_url: str | None = None,
        selection_timeout_ms: int | None = None,
        fallback_wallet: str | None = None,
    ) -> None:
        """None means the desk's own setting. Raises ValueError; `start` raises if the mode differs from the desk's."""
        self._mode = _mode(trading_mode)
        self.hft_config: HFTConfig | None = None
        _check_url(solana_rpc_url)
        self._timeout_ns = _timeout_ns(selection_timeout_ms)
        self._fallback = WalletId(fallback_wallet) if fallback_wallet else None
        self._receiver = signal_receiver
        self._sender = persistence_sender
        self._manager = wallet_manager
        self._changing = asyncio.Lock()
        self._running: _Running | None = None

    @classmethod
    def new_with_hft(
        cls,
        signal_receiver: SignalReceiver,
        persistence_sender: PersistenceSender | None,
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
        executor.hft_config = hft_config
        return executor

    async def start(self) -> None:
        """Starts taking signals; repeating it is harmless.

        Raises CommandRefused for an unknown fallback wallet, and for an HFTConfig that a live desk cannot honour.
        """
        async with self._changing:
            if self._running is None:
                app = self._manager.app
                if self._mode is not app.config.mode:
                    raise CommandRefused(f"this desk trades {app.config.mode}, not {self._mode}")
                if self.hft_config is not None:
                    await land_by_relay(self.hft_config, app)
                await app.configure(self._settings(app))
                self._running = _Running(app, self._receiver, self._sender)
                self._manager.before_close(self.stop)

    async def stop(self, deadline_s: float = DRAIN_S) -> bool:
        """Takes no more signals; decides, executes and reports those that it has taken.

        False: the deadline passed first. Nothing is lost then; the desk continues with the open orders. Raises the
        error that had ended the executor, if any.
        """
        async with self._changing:
            ended, self._running = self._running, None
            return True if ended is None else await ended.end(deadline_s)

    @property
    def alive(self) -> bool:
        """Whether it takes signals: it was started and has not ended."""
        return self._running is not None and self._running.alive

    async def get_execution_stats(self) -> ExecutionStats:
        """The figures of the whole desk since its journal began."""
        return await self._manager.app.engine.read(execution_stats)

    def _settings(self, app: App) -> Desk:
        desk = app.desk
        if self._fallback is not None:
            book = app.engine.state.wallets.get(self._fallback)
            if book is None or book.wallet.status is not WalletStatus.ACTIVE:
                known = ", ".join(app.config.wallets)
                raise CommandRefused(f"fallback wallet {self._fallback!r} is not an active wallet; known: {known}")
            desk = structs.replace(desk, default_wallet=self._fallback)
        if self._timeout_ns is not None:
            desk = structs.replace(desk, selection_timeout_ns=self._timeout_ns)
        return desk


class _Running:
    """One run of the executor from start to stop: three loops, and a task for each signal that is being decided."""

    def __init__(self, app: App, receiver: SignalReceiver, sender: PersistenceSender | None) -> None:
        self._app = app
        self._receiver = receiver
        self._sender = sender
        self._tokens = token_index(app.desk.tokens.values())
        self._slots = asyncio.Semaphore(DECIDING_MAX)
        self._deciding: set[asyncio.Task[None]] = set()
        self._outbox: asyncio.Queue[Record] = asyncio.Queue(OUTBOX_MAX)
        state = app.engine.state
        self._orders = {order_id: known.order for order_id, known in state.open_orders.items()}
        self._orders |= {order_id: known.order for order_id, known in state.provisional.items()}
        self._feed = app.engine.subscribe()
        # `_orders` is complete up to here; the feed may still deliver these entries.
        self._reported_seq = app.engine.state.seq
        self._reported = asyncio.Event()
        self._ending = asyncio.Event()
        self._deadline_s = DRAIN_S
        self._task = asyncio.create_task(self._run())

    @property
    def alive(self) -> bool:
        return not self._task.done()

    async def end(self, deadline_s: float) -> bool:
        self._deadline_s = deadline_s
        self._ending.set()
        return await asyncio.shield(self._task)

    async def _run(self) -> bool:
        try:
            async with asyncio.TaskGroup() as tasks:
                loops = [tasks.create_task(self._send()), tasks.create_task(self._report(self._feed))]
                taking = tasks.create_task(self._take(tasks))
                await self._ending.wait()
                taking.cancel()
                drained = await self._drain()
                for task in (*loops, *self._deciding):
                    task.cancel()
            return drained
        except BaseExceptionGroup as group:
            error = first_cause(group)
            log.error("executor stopped", why=str(error))
            raise error from None
        finally:
            self._app.engine.unsubscribe(self._feed)

    async def _take(self, tasks: asyncio.TaskGroup) -> None:
        """Waits for a free slot before it takes a signal, so that no await can lose the signal before it has a task."""
        while True:
            await self._slots.acquire()
            raw = await self._received()
            task = tasks.create_task(self._decide_signal(raw, self._app.clock.now_ns()))
            self._deciding.add(task)
            task.add_done_callback(self._decided)

    async def _received(self) -> object:
        """The next signal, however often the receiver fails before it has one."""
        failed = False
        while True:
            try:
                return await self._receiver.get()
            except Exception:
                if not failed:
                    log.exception("the signal receiver failed; it is asked again until it gives a signal")
                failed = True
                await self._app.clock.sleep(RECEIVER_RETRY_S)

    def _decided(self, task: asyncio.Task[None]) -> None:
        self._deciding.discard(task)
        self._slots.release()

    async def _decide_signal(self, raw: object, received_at_ns: int) -> None:
        try:
            signal = self._signal(raw)
        except BadSignal as bad:
            await self._put(RejectedSignal(bad.signal_id, str(bad)))
            return
        while True:
            try:
                decision = await self._app.submit(signal, received_at_ns)
            except EngineBusy:  # Nothing was decided. If this takes too long, the answer is SELECTION_TIMEOUT.
                await self._app.clock.sleep(BUSY_RETRY_S)
            except (CommandRefused, DiskFull) as refused:
                await self._put(RejectedSignal(signal.id, str(refused)))
                return
            except EngineStopped:
                raise
            except Exception as fault:  # The next signal is taken all the same.
                log.exception("a signal could not be decided", signal_id=signal.id)
                await self._put(RejectedSignal(signal.id, str(failed(signal.id, fault)["error"])))
                return
            else:
                await self._put(decision)
                return

    def _signal(self, raw: object) -> Signal:
        """Decodes the signal. A Signal object passes the same checks, since nobody has validated it yet."""
        quote = self._app.desk.quote
        if isinstance(raw, Signal):
            try:
                checked = msgspec.convert(structs.asdict(raw), Signal)
                raw = encode_signal(checked, self._tokens)
            except (ValueError, OverflowError) as wrong:
                raise BadSignal([FieldProblem("signal", str(wrong), "Use the types of overmind.Signal")]) from None
        if isinstance(raw, bytes | str | Mapping):
            known = self._app.engine.state.wallets
            return decode_signal(raw, self._tokens, quote, self._app.config.signal_fields_ignored, known)
        what = f"a {type(raw).__name__} is no signal"
        raise BadSignal([FieldProblem("signal", what, "Put a Signal, a dict or JSON into the queue")])

    async def _report(self, feed: Feed) -> None:
        """Reports every order that closes, in the journal's order."""
        while True:
            entries: Iterable[Entry] | None = await feed.next()
            if entries is None:  # The feed lost entries because the sender was slow; the journal has them.
                entries = self._app.engine.entries(after=self._reported_seq)
            for entry in entries:
                await self._report_entry(entry)
            self._reported.set()

    async def _report_entry(self, entry: Entry) -> None:
        if entry.seq <= self._reported_seq:
            return
        if isinstance(entry.event, OrderPlaced):
            self._orders[entry.event.order.id] = entry.event.order
        elif isinstance(entry.event, OrderClosed):
            await self._put(execution_record(self._orders[entry.event.order_id], entry))
            if not entry.event.provisional:
                del self._orders[entry.event.order_id]
        elif isinstance(entry.event, OrderRolledBack):
            await self._put(execution_record(self._orders.pop(entry.event.order_id), entry))
        elif isinstance(entry.event, OrderFinal):
            del self._orders[entry.event.order_id]
        self._reported_seq = entry.seq

    async def _put(self, record: Record) -> None:
        if self._sender is not None:
            await self._outbox.put(record)

    async def _send(self) -> None:
        while self._sender is not None:
            await self._sender.put(await self._outbox.get())
            self._outbox.task_done()

    async def _drain(self) -> bool:
        try:
            async with asyncio.timeout(self._deadline_s):
                while self._deciding:
                    await asyncio.wait(self._deciding)
                await self._app.settle(self._deadline_s)
                last_seq = self._app.engine.durable_seq
                while self._reported_seq < last_seq:
                    self._reported.clear()
                    await self._reported.wait()
                await self._outbox.join()
        except TimeoutError:
            return False
        return not self._app.engine.state.open_orders


def _mode(mode: TradingMode | str) -> TradingMode:
    """Reads the mode. A misspelt mode is an error, never a default."""
    for one in TradingMode:
        if mode.strip().lower() == one.lower():
            return one
    raise ValueError(f"trading_mode {mode!r} is not known: write TradingMode.PAPER or TradingMode.LIVE")


def _check_url(url: str | None) -> None:
    """Checks an address that paper trading does not use, so that a mistake shows before live trading does."""
    if url and isinstance(read := kinds.url().read(url), InvalidValue):
        raise ValueError(f"solana_rpc_url: {read.problem}; {read.fix}")


def _timeout_ns(timeout_ms: int | None) -> int | None:
    """Checks the same bounds as OVERMIND_WALLET_SELECTION_TIMEOUT_MS."""
    if timeout_ms is None:
        return None
    read = SELECTION_TIMEOUT.kind.read(str(timeout_ms))
    if isinstance(read, InvalidValue):
        raise ValueError(f"selection_timeout_ms: {read.problem}; {read.fix}")
    return read

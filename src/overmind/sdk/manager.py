"""`WalletManager`: the desk as a Python object, over the same `App` that the command runs.

`initialize` starts the whole desk in a background task: it marks prices, follows orders of an earlier run to their
outcome, and executes whatever is placed. A `MultiWalletExecutor` feeds it with signals.

Every answer is given only after all facts that it is based on are durable. All calls may be made from any task at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog
from msgspec import structs

from overmind.clock.clocks import SystemClock
from overmind.config import ConfigError, MultiWalletConfig, Problem, WalletConfig
from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.model.commands import CommandRefused, EmergencyStop, ReactivateWallet
from overmind.core.model.enums import WalletStatus
from overmind.core.model.ids import WalletId
from overmind.core.model.units import PPM
from overmind.core.model.wallet import Wallet
from overmind.desk.app import App
from overmind.desk.engine import EngineStopped
from overmind.desk.keeper import KeeperProcess
from overmind.desk.market import connected
from overmind.desk.running import running
from overmind.desk.watches.stop_file_watch import StopFileWatch
from overmind.desk.watches.timers import STOP_FILE
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Clock, Journal
from overmind.sdk.selection import WalletSelection, WalletSelectionCriteria, select
from overmind.venues.paper import PaperModel
from overmind.views.positions import PositionRow, positions
from overmind.views.prices import PriceRow, prices
from overmind.views.reports import PortfolioSummary, WalletMetrics, portfolio_summary, wallet_metrics

JOURNAL: Final = "overmind.db"
STOP_REASON: Final = "emergency stop through the Python API"
REACTIVATE_REASON: Final = "reactivated through the Python API"

log = structlog.get_logger("desk")


class WalletManager:
    """All wallets of one portfolio. Use it with `async with`, or call `close` at the end."""

    def __init__(
        self,
        config: MultiWalletConfig | None = None,
        *,
        journal: Journal | None = None,
        clock: Clock | None = None,
        model: PaperModel | None = None,
    ) -> None:
        """Without a config, `initialize` reads the settings from the environment. Without a journal, it opens
        `overmind.db` in the data directory. `model` sets latency, failures and price drift of the paper venue.
        """
        self._config = config
        self._journal = journal
        self._clock = clock or SystemClock()
        self._model = model
        self._app: App | None = None
        self._running: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._before_close: list[Callable[[], Awaitable[object]]] = []
        self._changing = asyncio.Lock()

    async def initialize(self, wallets: Iterable[WalletConfig]) -> None:
        """Starts the desk with these wallets, once. Raises ConfigError, CommandRefused, JournalUnusable, TapeError."""
        async with self._changing:
            if self._running is not None:
                raise CommandRefused("this desk was initialized before: use add_wallet, or a new WalletManager")
            config = with_wallets(self._config or MultiWalletConfig.from_env(), wallets)
            journal = _open_journal(config) if self._journal is None else self._journal
            ready = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._run(config, journal, ready))
            try:
                await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                task.cancel()
                raise
            if task.done():
                task.result()
            self._running = task

    async def add_wallet(self, wallet: WalletConfig) -> None:
        """Adds a wallet while the desk runs; durable on return. Raises ConfigError, CommandRefused."""
        async with self._changing:
            app = self.app
            known = app.config.wallets.get(wallet.wallet.id)
            if known == wallet:
                return
            with_wallets(app.config, [*app.config.wallets.values(), wallet])
            await app.add_wallet(wallet)

    async def select_wallet(self, criteria: WalletSelectionCriteria) -> WalletSelection:
        """The wallet that the engine would choose now. Reserves and records nothing. Raises NoEligibleWallet."""
        app = self.app
        if app.stop_file.exists():
            await app.watch.heed_stop_file()

        def look(state: State) -> WalletSelection:
            return select(state, app.engine.index, criteria, max(app.clock.now_ns(), state.at_ns))

        return await app.engine.read(look)

    async def get_wallet(self, wallet_id: str) -> Wallet:
        """The wallet as configured, with its current status. Raises CommandRefused if there is none."""
        return await self.app.engine.read(lambda state: _with_status(_book(state, wallet_id)))

    async def get_wallet_metrics(self, wallet_id: str) -> WalletMetrics:
        return await self.app.engine.read(lambda state: wallet_metrics(state, _book(state, wallet_id)))

    async def get_active_wallets(self) -> list[Wallet]:
        """The wallets that take entries, in order of registration."""
        wallets = await self.app.engine.read(lambda state: [_with_status(book) for book in state.wallets.values()])
        return [wallet for wallet in wallets if wallet.status is WalletStatus.ACTIVE]

    async def get_portfolio_summary(self) -> PortfolioSummary:
        return await self.app.engine.read(portfolio_summary)

    async def get_positions(self) -> list[PositionRow]:
        """What each wallet holds of each token, and how much of it each strategy owns."""
        return await self.app.engine.read(positions)

    async def get_prices(self) -> list[PriceRow]:
        """What each token costs by the newest price that the desk believes, by symbol."""
        return await self.app.engine.read(prices)

    async def emergency_stop_all(self, reason: str = STOP_REASON) -> None:
        """Stops entries of all wallets, also after a restart; durable on return. Exits still pass."""
        await self.app.engine.handle(EmergencyStop(_checked_reason(reason)))

    async def reactivate_wallet(self, wallet_id: str, reason: str = REACTIVATE_REASON) -> Wallet:
        """Lifts the emergency stop of one wallet; durable on return. Other holds stay, as the returned status shows."""
        app = self.app
        if await app.stop_file.look():
            place = app.config.data_dir / STOP_FILE
            raise CommandRefused(f"the file {place} would stop every wallet again: remove it, then reactivate")
        await app.engine.handle(ReactivateWallet(WalletId(wallet_id), _checked_reason(reason)))
        return await self.get_wallet(wallet_id)

    async def close(self) -> None:
        """Stops the executors, settles open orders within 30 s, and stops the desk. May be called again.

        The next start follows what is still open then. Raises the error that had stopped the desk, if any.
        """
        async with self._changing:
            try:
                while self._before_close:
                    await self._before_close.pop()()
            finally:
                self._closing.set()
                if self._running is not None:
                    await asyncio.shield(self._running)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def app(self) -> App:
        """The running desk. Raises EngineStopped if there is none."""
        if self._running is None or self._app is None:
            raise EngineStopped("the desk does not run yet: await manager.initialize(wallets) first")
        if self._running.done():
            raise EngineStopped("the desk has stopped: make a new WalletManager")
        return self._app

    def before_close(self, stop: Callable[[], Awaitable[object]]) -> None:
        """Registers a function that `close` calls once before it stops the desk."""
        if stop not in self._before_close:
            self._before_close.append(stop)

    async def _run(self, config: MultiWalletConfig, journal: Journal, ready: asyncio.Future[None]) -> None:
        try:
            on_disk = isinstance(journal, SqliteJournal)
            keeper = KeeperProcess(_journal_path(config)) if self._journal is None else None
            with StopFileWatch(config.data_dir).looking() if on_disk else nullcontext() as stop_file:
                async with (
                    connected(config, self._clock, model=self._model) as connect,
                    running(App(config, journal, self._clock, connect, stop_file, keeper)) as app,
                ):
                    self._app = app
                    ready.set_result(None)
                    await self._closing.wait()
        except BaseExceptionGroup as group:
            error = first_cause(group)
            log.error("desk stopped", why=str(error))
            raise error from None
        finally:
            if self._journal is None and isinstance(journal, SqliteJournal):
                journal.close()


def first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a TaskGroup; the other tasks failed because of it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def with_wallets(config: MultiWalletConfig, wallets: Iterable[WalletConfig]) -> MultiWalletConfig:
    """The same desk with these wallets. Raises ConfigError for anything that the configuration would refuse."""
    given = list(wallets)
    for one in given:
        if not isinstance(one, WalletConfig):
            raise TypeError(f"{type(one).__name__} is not a WalletConfig: pass config.wallets.values()")
    problems = list(_problems(config, given))
    if problems:
        raise ConfigError(tuple(problems))
    return structs.replace(config, wallets={one.wallet.id: one for one in given})


def _problems(config: MultiWalletConfig, wallets: list[WalletConfig]) -> Iterable[Problem]:
    if not wallets:
        yield Problem("wallets", "none", "give one WalletConfig at least")
    for wallet_id, count in Counter(one.wallet.id for one in wallets).items():
        if count > 1:
            yield Problem(wallet_id, f"the wallet id occurs {count} times", "give every wallet its own id")
    for key, count in Counter(one.key for one in wallets).items():
        if count > 1:
            names = " and ".join(one.wallet.id for one in wallets if one.key == key)
            yield Problem("wallets", f"{names} have the same key {key.public_key}", "give every wallet its own key")
    if (total := sum(one.wallet.allocation_ppm for one in wallets)) > PPM:
        yield Problem("wallets", f"the allocations sum to {total / PPM}", "lower them to at most 1 together")
    default = config.desk.default_wallet
    if wallets and default is not None and default not in {one.wallet.id for one in wallets}:
        yield Problem("OVERMIND_DEFAULT_WALLET", f"{default!r} is not among the wallets", "name one of them")


def _open_journal(config: MultiWalletConfig) -> SqliteJournal:
    config.data_dir.mkdir(parents=True, exist_ok=True)
    return SqliteJournal.open(_journal_path(config))


def _journal_path(config: MultiWalletConfig) -> Path:
    return config.data_dir / JOURNAL


def _book(state: State, wallet_id: str) -> WalletBook:
    book = state.wallets.get(WalletId(wallet_id))
    if book is None:
        raise CommandRefused(f"no wallet {wallet_id!r}; known: {', '.join(state.wallets)}")
    return book


def _with_status(book: WalletBook) -> Wallet:
    """The wallet with the status that its holds in the journal give, not the configured one."""
    return structs.replace(book.wallet, status=book.status)


def _checked_reason(reason: str) -> str:
    if not reason.strip():
        raise CommandRefused("a blank reason: say why; it is journaled")
    return reason

"""Builds a desk from concrete classes. Only this module knows the classes; `running.py` runs them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import structlog
from msgspec import structs

from overmind.clock.desk_clock import DeskClock
from overmind.config import MultiWalletConfig, WalletConfig
from overmind.core.books.trust import fresh_price_pico
from overmind.core.books.wallet_limits import RESTORED
from overmind.core.control.balances import unknown_signatures
from overmind.core.control.holds import EDITED
from overmind.core.control.sending import Wait, may_send
from overmind.core.model.commands import (
    AddHold,
    CommandRefused,
    ConfigureDesk,
    ConfigureWallet,
    FoundDesk,
    LiftHold,
    RemoveWallet,
    RequireHistory,
)
from overmind.core.model.controls import Scope
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import Mint, OrderId, WalletId
from overmind.core.model.outcome import Failed, Filled
from overmind.core.model.signal import Signal
from overmind.core.model.units import DAY_NS
from overmind.desk.admission import AdmissionWatch
from overmind.desk.anchorage import READ_FIRST, Anchorage
from overmind.desk.balances import BalanceWatch
from overmind.desk.engine import BOUNDS, Begun
from overmind.desk.engine_start import begun, clock_folder
from overmind.desk.executor import Executor
from overmind.desk.history import HistoryWatch
from overmind.desk.keeper import Keeper, Maker
from overmind.desk.landed import book_from_chain
from overmind.desk.log.decisions import DecisionLog
from overmind.desk.loop_turns import LoopTurns
from overmind.desk.market import Connect, Remote
from overmind.desk.paper_capital import paper_deposits
from overmind.desk.times import DeskTimes
from overmind.desk.unlisted import UnlistedMints
from overmind.desk.watches.clock_watch import ClockWatch
from overmind.desk.watches.journal_watch import LOOK_EVERY_S, PAST_LOOK_EVERY_S, JournalWatch
from overmind.desk.watches.space_watch import SpaceWatch
from overmind.desk.watches.timers import StopFile, Watch
from overmind.journal.buffered import BufferedJournal
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import ChainSilent, Clock, Journal, Storage
from overmind.solana.capabilities import blind_nodes
from overmind.solana.routes.relay import RelayRoute
from overmind.views.decisions import Decision, decision_of
from overmind.views.limits import differences

log = structlog.get_logger("app")

DRAIN_S: Final = 30.0
SETTLE_POLL_S: Final = 0.02
KEPT_BESIDE: Final = structs.replace(BOUNDS, snapshot_every=2**63)  # The engine makes none but the last.


class App:
    """One running desk: engine, executor and watch over one journal, in one market."""

    def __init__(
        self,
        config: MultiWalletConfig,
        journal: Journal,
        clock: Clock,
        connect: Connect,
        stop_file: StopFile | None = None,
        maker: Maker | None = None,
        space: SpaceWatch | None = None,
    ) -> None:
        """`stop_file` is looked for in a thread; None: whenever it is asked about.

        `maker` makes snapshots and segments beside the desk; None: the engine makes snapshots, and nothing is sealed.
        `space` watches the disk's room.
        """
        if not __debug__:
            raise CommandRefused("asserts guard the books: run without -O and without PYTHONOPTIMIZE")
        self.config = config
        self.clock = clock = DeskClock(clock, config.clock_correction_max_ns)
        self.engine = begun(journal, clock, config.data_dir, BOUNDS if maker is None else KEPT_BESIDE)
        self.stop_file = stop_file or StopFile(config.data_dir)
        self.space = space
        self._journal = journal
        self._anchorage = Anchorage.of(config.anchor_dir, journal, config.data_dir)
        self._market = market = connect(self.engine, clock)
        self._desk = market.desk
        chain = market.on_chain.chain if market.on_chain is not None and clock.of_machine else None
        kept = clock_folder(journal, config.data_dir)
        self.clock_watch = ClockWatch(self.engine, clock, chain, config.clock_drift_max_ns, kept)
        self.admission = self._admission_watch()
        self.unlisted = self._unlisted_mints()
        self.times = DeskTimes()
        self.executor = Executor(
            self.engine,
            market.venue,
            clock,
            config.max_concurrent_wallets,
            self.stop_file.may_exist,
            self.admission,
            self.times,
            market.first_price_ns,
        )
        self.decision_log = DecisionLog(self.engine)
        rebalances = config.auto_rebalance_enabled
        self.watch = Watch(
            self.engine,
            market.prices,
            clock,
            self.stop_file,
            market.mark_every_s,
            rebalances,
            market.second,
            market.proceeds,
            market.look_inside,
        )
        is_past = isinstance(journal, BufferedJournal)
        look_every_s = PAST_LOOK_EVERY_S if is_past else max(LOOK_EVERY_S, market.mark_every_s / 2)
        self._journal_watch = JournalWatch(self.engine, journal, market.prices, clock, look_every_s)
        self.keeper = self._keeper_with(maker)
        self.balances = self._balance_watch()
        self.history = self._history_watch()
        self.turns = LoopTurns()
        self.alarms_beside: list[Callable[[], Sequence[str]]] = []  # of what runs beside the desk
        self.node_faults: tuple[str, ...] = ()  # nodes that cannot do what every order needs, as of the start

    def _keeper_with(self, maker: Maker | None) -> Keeper | None:
        if maker is None or not isinstance(self._journal, SqliteJournal):
            return None
        entries, after_ns = self.config.segment_entries, self.config.segment_days_max * DAY_NS
        return Keeper(self.engine, self._journal, maker, self.clock, entries, seal_after_ns=after_ns)

    def _admission_watch(self) -> AdmissionWatch | None:
        """None on paper: there is no chain to look at."""
        on_chain = self._market.on_chain
        if on_chain is None:
            return None
        return AdmissionWatch(self.engine, on_chain.chain, self.clock, on_chain.public_keys)

    def _unlisted_mints(self) -> UnlistedMints | None:
        """None on paper: there is no chain to look at."""
        on_chain, round_trip = self._market.on_chain, self._market.round_trip
        if on_chain is None or round_trip is None or self.admission is None:
            return None
        looks = UnlistedMints(self.engine, self.admission, round_trip, self.clock, on_chain.public_keys)
        self.admission.unlisted = looks
        return looks

    def _balance_watch(self) -> BalanceWatch | None:
        """None on paper: there is no chain to compare with."""
        on_chain = self._market.on_chain
        if on_chain is None:
            return None
        interval_s = self.config.balance_check_interval_s
        return BalanceWatch(
            self.engine, on_chain.chain, on_chain.notifications, self.clock, on_chain.public_keys, interval_s
        )

    def _history_watch(self) -> HistoryWatch | None:
        on_chain = self._market.on_chain
        if on_chain is None or self.balances is None:
            return None
        return HistoryWatch(self.engine, on_chain.chain, self.balances, self.clock)

    @property
    def services(self) -> list[Callable[[], Awaitable[None]]]:
        """The tasks that run beside the engine."""
        own = [self.executor.run, self.watch.run, self.clock_watch.run, self._journal_watch.run, self.decision_log.run]
        maybe = (self.balances, self.admission, self.history, self.space)
        watches = [watch.run for watch in maybe if watch is not None]
        anchorage = [] if self._anchorage is None else [partial(self._anchorage.run, self.clock)]
        keeper = [] if self.keeper is None else [self.keeper.run]
        ids = [partial(self._journal.ids.read, self.clock)] if isinstance(self._journal, SqliteJournal) else []
        return [*own, *self._market.services, *watches, *anchorage, *keeper, *ids]

    @property
    def desk(self) -> Desk:
        return self._desk

    @property
    def remote(self) -> Remote:
        """Whom it asks over the network."""
        return self._market.remote

    @property
    def relay(self) -> RelayRoute | None:
        """The protected route of a live desk, configured or not. None on paper: nothing is sent."""
        return None if self._market.on_chain is None else self._market.on_chain.relay

    def storage(self) -> Storage:
        """The state of the journal's disk. Raises JournalFailed when its files are gone."""
        return self._journal.storage()

    def disk_fault(self) -> str | None:
        """Why the disk of the data folder cannot be looked at; None: it can."""
        return self._journal_watch.silent

    async def submit(self, signal: Signal, received_at_ns: int | None = None) -> Decision:
        """Decides a signal; durable on return. Raises CommandRefused, EngineBusy, EngineStopped, DiskFull."""
        received_at_ns = self.clock.now_ns() if received_at_ns is None else received_at_ns
        if (looking := self.look_before(signal)) is not None:
            await looking
        return await self.told(self.begin(signal, received_at_ns))

    def begin(self, signal: Signal, received_at_ns: int) -> Begun:
        """As `Engine.begin`, after the stop file: a stop that it asks for is journaled before the decision."""
        self.watch.heed_stop_file_now()
        begun = self.engine.begin(signal, received_at_ns)
        if begun.events is not None:
            self.times.decided.add(self.clock.now_ns() - received_at_ns)
        return begun

    async def told(self, begun: Begun) -> Decision:
        """The decision, once it is durable. Raises CommandRefused, EngineStopped."""
        await self.engine.durable(begun.durable_seq)
        answered = self.engine.answer(begun)
        return decision_of(answered.events, answered.duplicate)

    def look_before(self, signal: Signal) -> Awaitable[None] | None:
        """What to wait for before the decision: a look at a mint that no list has. None: nothing."""
        return (
            self._look_at_unlisted(signal.mint)
            if self.unlisted is not None and self.unlisted.concerns(signal)
            else None
        )

    async def _look_at_unlisted(self, mint: Mint) -> None:
        """Before the decision: the mint and its market, and its first price."""
        assert self.unlisted is not None
        if await self.unlisted.look(mint) and fresh_price_pico(self.engine.state, mint, self.clock.now_ns()) is None:
            await self.look()

    async def open(self) -> None:
        """Brings the journal up to the configuration: identity, settings, wallets, first prices, paper capital."""
        handle, config = self.engine.handle, self.config
        await self.clock_watch.ask()  # Before anything is journaled.
        on_chain = self._market.on_chain
        needed = self._anchorage.look() if self._anchorage is not None else []
        genesis_hash = on_chain.genesis_hash if on_chain is not None else ""
        await handle(FoundDesk(config.mode, config.cluster.value, genesis_hash))
        for cause, why in needed:
            if cause == EDITED:
                await handle(AddHold(Scope(), EDITED, why))
            elif cause == RESTORED or self._was_checked():
                await handle(RequireHistory(why))
        await self.configure(self._desk)
        if self._journal.degraded is None:
            await handle(LiftHold(Scope(), "disk_full", "the journal has room again"))
        for wallet in config.wallets.values():
            await handle(ConfigureWallet(wallet.wallet))
        for wallet_id in list(self.engine.state.wallets):
            if wallet_id not in config.wallets:
                await handle(RemoveWallet(wallet_id))
        if self.admission is not None:
            await self.admission.look_at_all()
        for wallet_id, changed in self.changed_limits().items():
            log.info("limits differ from the files", wallet=wallet_id, limits=changed)
        await self.look()
        await self._probe_nodes()
        before = set(self.engine.state.holds)
        await self.anchor()  # Before a wallet is compared: a journal that was compared and has no anchor may be a copy.
        await self._fund()
        if unknown := sorted(unknown_signatures(self.engine.state) - before):
            await handle(RequireHistory(f"{', '.join(unknown)}: the journal may be an older copy. {READ_FIRST}"))
        await self.anchor()

    def _was_checked(self) -> bool:
        """Whether any wallet was ever compared with the chain: before that, none had any capital."""
        return any(book.checked for book in self.engine.state.wallets.values())

    async def book_from_chain(self, order_id: OrderId, reason: str, by: str = "") -> Filled | Failed:
        """Books an order that landed otherwise than ordered. Raises CommandRefused, ChainSilent."""
        if self._market.on_chain is None:
            raise CommandRefused("paper has no chain to book from")
        return await book_from_chain(self.engine, self._market.on_chain.chain, order_id, reason, by)

    async def anchor(self) -> None:
        """Remembers the newest entry outside of the data folder. A desk on paper does not."""
        if self._anchorage is not None:
            await self._anchorage.write()

    def changed_limits(self) -> dict[WalletId, list[str]]:
        """By wallet, where an operator's changes override the files."""
        state = self.engine.state
        books = {wallet_id: state.wallets[wallet_id] for wallet_id in state.changes}
        found = {
            key: list(differences(book.configured, book.wallet, state.changes[key])) for key, book in books.items()
        }
        return {wallet_id: changed for wallet_id, changed in found.items() if changed}

    async def look(self) -> None:
        """Journals the newest prices now."""
        if self._market.look_first is not None:
            await self._market.look_first()
        await self.watch.look()

    async def configure(self, desk: Desk) -> None:
        """Changes the portfolio-wide settings; durable on return."""
        await self.engine.handle(ConfigureDesk(desk))
        self._desk = desk
        if self.admission is not None:  # Another policy, or another list, needs another look.
            self.admission.forget()
            await self.admission.look_at_all()

    async def add_wallet(self, wallet: WalletConfig) -> None:
        """Adds a wallet with its capital while the desk runs; durable on return."""
        await self.engine.handle(ConfigureWallet(wallet.wallet))
        if self._market.on_chain is not None:
            self._market.on_chain.admit(wallet)
        self.config = structs.replace(self.config, wallets={**self.config.wallets, wallet.wallet.id: wallet})
        await self._fund()

    async def settle(self, deadline_s: float = DRAIN_S) -> bool:
        """Waits until no order and no started move is open; False if some are still open at the deadline."""
        try:
            async with asyncio.timeout(deadline_s):
                while self._under_way():
                    await self.clock.sleep(SETTLE_POLL_S)
                await self.engine.read(lambda state: state.seq)
        except TimeoutError:
            return False
        return True

    async def settle_finally(self, deadline_s: float) -> bool:
        """Like `settle`, and also waits until every outcome is final."""
        try:
            async with asyncio.timeout(deadline_s):
                while self._under_way() or self.engine.state.provisional or self.engine.state.provisional_moves:
                    await self.clock.sleep(SETTLE_POLL_S)
        except TimeoutError:
            return False
        return True

    def _under_way(self) -> bool:
        """A withdrawal that waits for its time, or for a hold to end, is not waited for."""
        state, now_ns, stop_file = self.engine.state, self.clock.now_ns(), self.stop_file.may_exist()
        return bool(state.open_orders) or any(
            known.ticket is not None or not isinstance(may_send(state, known.move, now_ns, stop_file), Wait)
            for known in state.open_moves.values()
        )

    async def _probe_nodes(self) -> None:
        """Says at once which nodes cannot do what every order needs: no retry changes that."""
        on_chain = self._market.on_chain
        if on_chain is None or not on_chain.public_keys:
            return
        owner = next(iter(on_chain.public_keys.values()))
        try:
            blockhash, _ = await on_chain.chain.latest_blockhash()
        except ChainSilent as silent:
            log.warning("the nodes' abilities are not known", why=str(silent))
            return
        self.node_faults = tuple(await blind_nodes(on_chain.chain.histories, owner, blockhash))
        for fault in self.node_faults:
            log.error("a node cannot serve this desk", why=fault)

    async def _fund(self) -> None:
        """On paper, each wallet's capital is deposited once. On a chain, its balances are read instead."""
        if self.balances is not None:
            await self.balances.check_all()
            return
        for deposit in paper_deposits(self.engine.state, self.config):
            await self.engine.handle(deposit)

"""Runs the whole desk in a hostile world, then checks that no money was lost.

python -m tests.sim.simulate 123        # one seed, reproducible
python -m tests.sim.simulate 0 1000     # a range of seeds
python -m tests.sim.simulate chain 123  # on the chain world
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Any, Final, Literal, Protocol

import msgspec
import structlog
from tests.sim import checks
from tests.sim.books import Books
from tests.sim.clients import MINTS, ClientContext, DepositSource, Habits, Operator, Switches, Trader
from tests.sim.crashes import Crash
from tests.sim.live import LiveWorld
from tests.sim.losses import Losses
from tests.sim.plain import PlainWorld, ReportedDeposits
from tests.sim.servers import Servers
from tests.sim.world import (
    CHAIN_PRICES_PICO,
    START_PRICES_PICO,
    Faults,
    ProcessKiller,
    SimChain,
    SimClock,
    SimJournal,
    SimPrices,
)

from overmind.clock.virtual import VirtualLoop
from overmind.core.books.state import State
from overmind.core.exits.exit_rules import exits_due
from overmind.core.model.commands import EmergencyStop, FoundDesk, MarkPrices, MoveDue, Rebalance, SellDue
from overmind.core.model.enums import TradingMode
from overmind.core.model.events import OrderPlaced
from overmind.core.model.ids import SOL, OrderId, is_own
from overmind.core.model.units import DAY_NS, NS
from overmind.core.model.value import Value
from overmind.desk.admission import AdmissionWatch
from overmind.desk.engine import Engine, EngineStopped
from overmind.desk.executor import Executor
from overmind.desk.watches.journal_watch import JournalWatch
from overmind.ports import JournalFailed, Venue

Kind = Literal["plain", "chain"]  # a venue with final outcomes, or the unreliable chain
VIRTUAL_MAX_S: Final = 20_000.0
LIVES_MAX: Final = 8  # after so many deaths the faults end, so that every run ends
RERUN_EVERY: Final = 10
SHOWN: Final = 25  # journal entries that a failure prints
TUESDAY_NS: Final = 20_000 * DAY_NS


class Size(Value, frozen=True):
    """How much happens in one seed."""

    commands: tuple[int, ...]
    traders: tuple[int, ...]
    signals: tuple[int, ...]
    habits: Habits


ON_CHAIN: Final = Habits(
    ease=(0.6, 0.97, 0.97),
    sells_held=0.9,
    actions=(10, 6, 1, 4, 6),
    pauses_s=(0.1, 2.0, 4.0),  # so that provisional fills are traded on before they are final
    mints=(SOL, SOL, SOL, *MINTS),  # SOL is wrapped, and the same asset that pays the fees.
    mev_types=False,
)
SIZES: Final[dict[Kind, Size]] = {
    "plain": Size((0, 5, 30), (1, 2, 4), (5, 15, 40), Habits(exits=0.3)),
    "chain": Size((0, 3, 12), (1, 1, 2), (4, 8, 16), ON_CHAIN),
}


class World(Protocol):
    """The chain and the venue, which outlive the desk's process."""

    admission: AdmissionWatch | None  # of the process that runs; None: it looks at no mint

    def venue(self) -> Venue:
        """A venue for a new process."""

    def stop_file(self) -> bool: ...

    def settle_after_death(self) -> None:
        """Decides which sends in flight have arrived."""

    def before_life(self) -> None:
        """Faults between two lives, while the files are nobody's."""

    async def begin(self, engine: Engine) -> None:
        """What a start does before any service runs."""

    def services(self, engine: Engine) -> list[Coroutine[Any, Any, None]]:
        """Further tasks of a process."""

    async def settled(self, engine: Engine) -> bool:
        """Whether everything is booked."""

    def check(self, state: State, books: Books) -> None:
        """The final checks."""


class Sim:
    def __init__(self, seed: int, kind: Kind = "plain") -> None:
        self.seed = seed
        self.kind = kind
        self.random = self._stream("lives")
        self.seen: Counter[str] = Counter()
        self.errors: list[BaseException] = []
        self.lives = 0
        self.leaving = False  # no new work is begun any more
        self._services: list[asyncio.Task[None]] = []
        self._writing: asyncio.Task[None]
        self.wallets_max = self.random.choice((1, 2, 10))
        self.clock = SimClock(TUESDAY_NS + self.random.choice((0, 43_200, 86_380, 86_395)) * NS)
        self.killer = ProcessKiller()
        self.auditor = checks.Auditor(self.seen)
        faults = Faults.draw(self._stream("faults"))
        live = kind == "chain"
        servers = Servers.draw(self._stream("servers"), self.seen)
        self.prices = SimPrices(self._stream("prices"), CHAIN_PRICES_PICO if live else START_PRICES_PICO, servers)
        self.prices.losses = self.auditor.losses = Losses(servers, self.seen)
        self.auditor.true_pico = self.prices.true_pico
        disk = (self._stream("journal"), self._stream("storage"), faults.journal)
        self.journal = SimJournal(*disk, self.auditor, self.killer, self.seen)
        self._bank: DepositSource
        self.world: World = self._on_chain() if live else self._plain(faults)
        size = SIZES[kind]
        self.operator = Operator(self.context, self._bank, self._key_of, self.random.choice(size.commands))
        self.crash = Crash(self._stream("crash"), self.context)
        self.traders = [
            Trader(self.context, f"t{n}", self.random.choice(size.signals))
            for n in range(self.random.choice(size.traders))
        ]

    def _plain(self, faults: Faults) -> PlainWorld:
        chain = SimChain(
            self._stream("chain"),
            self.clock,
            faults,
            self.prices,
            self.auditor,
            self.killer,
            self.seen,
            self.wallets_max,
        )
        self.context = self._context(chain)
        world = PlainWorld(chain, ReportedDeposits(self.context, chain))
        self._bank, self._key_of = world.bank, world.key_of
        return world

    def _on_chain(self) -> LiveWorld:
        parts = (self.clock, self.prices, self.auditor, self.killer, self.seen)
        world = LiveWorld(self._stream, f"{self.seed}", *parts)
        self.context = self._context(world.rpc)
        self.context.mints = world.mints
        self._bank, self._key_of = world.open(self.context), world.key_of
        return world

    def _context(self, switches: Switches) -> ClientContext:
        habits = SIZES[self.kind].habits
        return ClientContext(
            self._stream("clients"), self.clock, self.journal, switches, self.prices, self.auditor, self.seen, habits
        )

    def _stream(self, name: str) -> Random:
        """Each part of the world has its own random numbers."""
        return Random(f"{self.seed} {name}")

    async def run(self) -> State:
        asyncio.get_running_loop().set_exception_handler(self._note_error)
        weather = asyncio.create_task(self.prices.walk())
        while True:
            engine = self._start_life()
            life = asyncio.create_task(self._live(engine))
            killed = await self._until_death(life, engine)
            self.world.settle_after_death()
            self._judge(life, killed)
            if not killed and life.exception() is None:
                weather.cancel()
                return engine.state

    def _start_life(self) -> Engine:
        self.lives += 1
        self.leaving = False
        self.journal.reopen()
        if self.lives > LIVES_MAX:
            self.journal.calm = True
        elif self.lives > 1:
            self._lose_the_newest()
        engine = Engine(self.journal, self.clock)
        replayed = checks.fold(self.journal.entries)
        checks.same_state(engine.state, replayed, "recovered state differs from the journal's replay")
        return engine

    def _lose_the_newest(self) -> None:
        """Sometimes a backup takes the journal's place. Its requests for withdrawals are forgotten with the rest."""
        before = set(self.auditor.books.moves)
        self.world.before_life()
        self.operator.forget(before - set(self.auditor.books.moves))

    async def _until_death(self, life: asyncio.Task[None], engine: Engine) -> bool:
        """Kills the process at a random time or call, unless it ends before."""
        timeout_s = calls = None
        if self.lives <= LIVES_MAX and self.random.random() < 0.85:
            timeout_s = self.random.expovariate(1.0 / self.random.choice((2.0, 20.0, 60.0)))
            calls = self.random.choice((None, self.random.randint(1, 40), self.random.randint(1, 400)))
        self.killer.arm(calls, life.cancel)
        self._arm_alarm(engine)
        await asyncio.wait([life], timeout=timeout_s)
        if life.done() and not self.killer.struck:
            return False
        if not life.done() and self.random.random() < 0.3:
            await self._shut_down(engine)
        self.seen["death"] += 1
        self._count_open_orders()
        life.cancel()
        await asyncio.wait([life])
        return True

    def _arm_alarm(self, engine: Engine) -> None:
        """The emergency stop may come at any await."""
        random = self.random
        calls = random.choice((None, random.randint(1, 60), random.randint(1, 400)))
        liquidate, sweep = random.choice(((False, False), (True, False), (True, True)))

        def alarm() -> None:
            if not self.leaving and engine.state.desk is not None:
                with suppress(EngineStopped):  # The disk may have failed first.
                    engine.post(EmergencyStop("at any moment", liquidate, sweep))
                    self.seen["emergency stop at an await"] += 1

        self.killer.arm_alarm(calls if self.lives <= LIVES_MAX and random.random() < 0.4 else None, alarm)

    async def _shut_down(self, engine: Engine) -> None:
        """Shuts down like the service: no more work, then the last entries durable, and a snapshot."""
        self.killer.arm(None, bool)
        self.killer.arm_alarm(None, bool)
        self.journal.leaving = True
        for task in self._services:
            task.cancel()
        await asyncio.wait(self._services)
        try:
            await engine.close()
        except JournalFailed:
            return  # The snapshot failed. All entries are durable, and the next start replays them.
        except EngineStopped:
            await asyncio.wait([self._writing])
            assert isinstance(self._writing.exception() or JournalFailed(), JournalFailed), "stopped by itself"
            return
        assert engine.durable_seq == engine.state.seq == len(self.journal.entries)
        self.seen["shut down"] += 1

    def _count_open_orders(self) -> None:
        books = self.auditor.books
        with_ticket = sum(1 for order_id in books.open if order_id in books.tickets)
        self.seen["death with a ticket under way"] += with_ticket
        self.seen["death with an order and no ticket"] += len(books.open) - with_ticket

    def _judge(self, life: asyncio.Task[None], killed: bool) -> None:
        """Only a death or a failing disk may end a process."""
        errors = list(self.errors)
        if not life.cancelled() and (error := life.exception()) is not None:
            errors += _leaves(error)
        unexpected = [one for one in errors if not isinstance(one, JournalFailed | EngineStopped)]
        if unexpected:
            raise unexpected[0]
        if errors and not killed:
            assert any(isinstance(one, JournalFailed) for one in errors), f"the engine stopped by itself: {errors}"

    def _note_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.errors.append(error if error is not None else RuntimeError(context["message"]))

    async def _live(self, engine: Engine) -> None:
        """One process, from its start to the last settled order."""
        late_s = self.random.choice((0.0, 0.0, 0.3, 2.0))
        async with asyncio.TaskGroup() as tasks:
            self._writing = tasks.create_task(engine.run())
            await self.world.begin(engine)
            executor = Executor(
                engine,
                self.world.venue(),
                self.clock,
                self.wallets_max,
                self.world.stop_file,
                self.world.admission,
            )
            used = tasks.create_task(self._use(engine, executor))
            services = (
                _later(late_s, executor),
                self._watch(engine),
                self._listen(engine),
                JournalWatch(engine, self.journal, self.prices, self.clock).run(),
                *self.world.services(engine),
            )
            self._services = [used, *(tasks.create_task(service) for service in services)]
            await asyncio.wait([used])
            if not used.cancelled():
                for service in self._services:
                    service.cancel()
                while engine.durable_seq < engine.state.seq:  # What the watch decided at the last moment.
                    await self.clock.sleep(0.01)
                self._writing.cancel()

    async def _use(self, engine: Engine, executor: Executor) -> None:
        await engine.handle(FoundDesk(TradingMode.PAPER, "sim", "genesis"))
        await self.operator.start(engine)
        async with asyncio.TaskGroup() as clients:
            clients.create_task(self.operator.run(engine))
            for trader in self.traders:
                clients.create_task(trader.run(engine))
        await self.crash.play()
        self.leaving = True
        self.prices.servers.be_honest()
        await self._until_idle(engine, executor)
        while not await self.world.settled(engine):
            await self.clock.sleep(0.5)
            await self._until_idle(engine, executor)

    async def _listen(self, engine: Engine) -> None:
        """A reader of the feed: it must get all durable entries, in order."""
        feed, heard = engine.subscribe(), engine.durable_seq
        while (entries := await feed.next()) is not None:
            durable = self.journal.entries[heard : heard + len(entries)]
            assert list(entries) == durable, f"heard after entry {heard} what is not durable, or out of order"
            heard += len(entries)

    async def _watch(self, engine: Engine) -> None:
        """Marks prices once a second, and starts what they make due.

        Marks sell. So on leaving only the first mark of a token comes: a credit waits for it, and it sells nothing.
        """
        while True:
            if engine.state.desk is not None:
                marks = self.prices.marks(self.clock.now_ns())
                if not self.leaving:
                    await engine.handle(MarkPrices(marks))
                    self._act(engine)
                elif first := tuple(mark for mark in marks if mark.mint not in engine.state.marks):
                    await engine.handle(MarkPrices(first))
            await self.clock.sleep(1.0)

    def _act(self, engine: Engine) -> None:
        """Starts what is due, like the service's watch."""
        for due in exits_due(engine.state, max(self.clock.now_ns(), engine.state.at_ns)):
            engine.post(SellDue(due.wallet_id, due.mint))
        engine.post(MoveDue())
        if self.random.random() < 0.3:
            engine.post(Rebalance("due"))

    async def _until_idle(self, engine: Engine, executor: Executor) -> None:
        state = engine.state
        while state.open_orders or state.open_moves or engine.durable_seq < state.seq:
            await self.clock.sleep(0.5)
            await executor.idle()

    def check(self, state: State) -> None:
        books, journal = self.auditor.books, self.journal
        checks.same_state(checks.replay(journal.entries), state, "replay differs from the live state")
        self.lives += 1
        journal.reopen()
        checks.same_state(Engine(journal, self.clock).state, state, "recovery differs from the live state")
        checks.nothing_held(state)
        self.world.check(state, books)
        assert all(trader.done for trader in self.traders), "a signal went unanswered"
        asked = {signal_id for signal_id in books.decisions if not is_own(signal_id)}
        assert asked == set(self.context.signals), "decisions and signals differ"
        for signal_id, told in self.context.told.items():
            assert list(told) == books.decisions[signal_id], f"{signal_id} was told something else"
        assert not self.errors, self.errors
        self._count()

    def _count(self) -> None:
        placed = [entry.event for entry in self.journal.entries if isinstance(entry.event, OrderPlaced)]
        self.seen["order"] += len(placed)
        for order in (one.order for one in placed if one.order.attempt):
            former = self.auditor.books.outcomes[OrderId(f"{order.signal_id}.{order.part}.{order.attempt - 1}")]
            self.seen[f"failover after {type(former).__name__}"] += 1
        self.seen["absurd price dropped"] += self.prices.absurd
        self.seen["midnight"] += sum(1 for entry in self.journal.entries if hasattr(entry.event, "day")) - 1


async def _later(delay_s: float, executor: Executor) -> None:
    await asyncio.sleep(delay_s)
    await executor.run()


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]


def simulate(seed: int, kind: Kind = "plain") -> Sim:
    """Runs and checks one seed. Raises AssertionError, or any other error that occurred."""
    sim = Sim(seed, kind)
    with quiet(), StoryOnError(sim), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        sim.check(runner.run(asyncio.wait_for(sim.run(), VIRTUAL_MAX_S)))
    return sim


class StoryOnError:
    """Adds the story of the run to an exception that passes through."""

    def __init__(self, sim: Sim) -> None:
        self._sim = sim

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            error.add_note(story(self._sim))


def simulate_twice(seed: int, kind: Kind = "plain") -> Sim:
    first, second = simulate(seed, kind), simulate(seed, kind)
    assert first.journal.head == second.journal.head, f"seed {seed}: same seed, different journal"
    return first


def story(sim: Sim) -> str:
    """What a developer needs first: the seed and the end of the journal."""
    lines = [msgspec.json.encode(entry).decode() for entry in sim.journal.entries[-SHOWN:]]
    return "\n".join(
        (f"{sim.kind} seed {sim.seed}, life {sim.lives}, {len(sim.journal.entries)} entries, the last:", *lines)
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Silences logs: injected faults would log too many warnings."""
    before = structlog.get_config()
    silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
    # A logger that is first used here must not stay silent in later tests, so none is kept.
    structlog.configure(
        processors=[],
        wrapper_class=silent,
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def main(kind: Kind, first: int, last: int) -> None:
    """Stops at the first seed that fails; its note has the seed and the last journal entries."""
    total: Counter[str] = Counter()
    heads = hashlib.sha256()
    for seed in range(first, last + 1):
        sim = simulate_twice(seed, kind) if seed % RERUN_EVERY == 0 else simulate(seed, kind)
        total += sim.seen
        heads.update(sim.journal.head)
        total.update(lives=sim.lives, entries=len(sim.journal.entries))
    counts = " ".join(f"{name}={total[name]}" for name in ("lives", "entries", "order", "closed Filled"))
    print(f"ok seeds={last - first + 1} {counts} journals={heads.hexdigest()[:16]}")


if __name__ == "__main__":
    chosen: Kind = "chain" if "chain" in sys.argv else "plain"
    numbers = [int(one) for one in sys.argv[1:] if one != chosen]
    main(chosen, numbers[0], numbers[-1])

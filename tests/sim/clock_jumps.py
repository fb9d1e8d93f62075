"""A whole desk on paper around midnight, and a machine whose clock jumps at any await.

The checker knows what time it really is. It looks at every entry at the moment at which it is journaled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from msgspec import structs
from tests.sim.simulate import quiet
from tests.support.machine_clock import JumpingClock

from overmind.clock.virtual import run_virtual
from overmind.config import MultiWalletConfig
from overmind.core.control.breakers import DAY_LOSS
from overmind.core.model.codes import Code
from overmind.core.model.commands import AddHold
from overmind.core.model.controls import CLOCK, Scope
from overmind.core.model.enums import Side, StrategyType, TradeAction
from overmind.core.model.events import DayRolled, Entry, HoldLifted, OrderPlaced
from overmind.core.model.ids import SOL, SignalId, WalletId
from overmind.core.model.signal import Signal
from overmind.core.model.units import DAY_NS, MICROS, NS, PPM
from overmind.desk.app import App
from overmind.desk.market import open_tape, paper
from overmind.desk.running import running
from overmind.desk.watches.clock_watch import ClockWatch
from overmind.journal.memory import MemoryJournal
from overmind.prices.tape import Tape
from overmind.sandbox.demo import demo_env
from overmind.views.decisions import Decision, DecisionStatus

TODAY: Final = 20_500
START_NS: Final = (TODAY + 1) * DAY_NS - 20 * NS  # The true day rolls while the desk runs.
NEAR_NS: Final = 5 * NS + NS // 10  # what no desk can notice, and the time that an answer takes
ROUNDS: Final = 8
ROUND_S: Final = 4.0
NEVER: Final = 10**9  # no await of a run: the clock jumps while the desk is down
JUMP_LAST: Final = 400  # the last await at which a clock jumps; a run has more
AGE: Final = {Code.SIGNAL_STALE, Code.SIGNAL_FROM_FUTURE}
W1: Final = WalletId("primary_wallet")
HOUR_NS: Final = 3_600 * NS

KINDS: Final[dict[str, Callable[[JumpingClock], None]]] = {
    "a day forward": lambda clock: clock.step(DAY_NS),
    "a day back": lambda clock: clock.step(-DAY_NS),
    "an hour forward": lambda clock: clock.step(HOUR_NS),
    "an hour back": lambda clock: clock.step(-HOUR_NS),
    "six seconds forward": lambda clock: clock.step(6 * NS),
    "six seconds back": lambda clock: clock.step(-6 * NS),
    "to 1970": lambda clock: clock.step(-clock.now_ns()),
    "suspended for a night": lambda clock: clock.suspend(8 * HOUR_NS),
    "suspended for seconds": lambda clock: clock.suspend(7 * NS),
    "paused for an hour": lambda clock: clock.pause(HOUR_NS),
}


class WatchedJournal(MemoryJournal):
    """Each entry is checked when it is written, against the true time."""

    def __init__(self, clock: JumpingClock) -> None:
        super().__init__()
        self._clock = clock
        self._last_ns = 0
        self.decided_seq = 0  # the newest entry that was decided when the clock jumped

    async def append(self, entries: Sequence[Entry]) -> None:
        self._clock.on_await()
        for entry in entries:
            stopped_ns = self._clock.stopped_ns if entry.seq <= self.decided_seq else 0
            self._check(entry, self._clock.true_ns() - stopped_ns)
        await super().append(entries)
        self._clock.on_await()

    def _check(self, entry: Entry, true_ns: int) -> None:
        assert entry.at_ns >= self._last_ns, f"the journal's time ran backwards: {entry}"
        assert entry.at_ns <= true_ns + NEAR_NS, f"{(entry.at_ns - true_ns) / NS} s from the future: {entry}"
        self._last_ns = entry.at_ns
        match entry.event:
            case DayRolled(day=day):
                assert day <= (true_ns + NEAR_NS) // DAY_NS, f"day {day} rolled before it began"
            case HoldLifted(cause="day_loss"):
                assert true_ns + NEAR_NS >= (TODAY + 1) * DAY_NS, "a jump lifted a hold of the day"
            case OrderPlaced(order=order) if order.side is Side.BUY:
                assert abs(entry.at_ns - true_ns) <= NEAR_NS, f"bought at a time that is wrong: {entry}"


@cache
def _config() -> tuple[MultiWalletConfig, Tape]:
    config = MultiWalletConfig.from_env(demo_env(1, Path("no such folder")), dotenv=None)
    return config, open_tape(config)


class ClockSim:
    """One jump, at the await of that number, and what ends it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._folder = folder  # where a desk keeps what time it is
        self.random = Random(f"clock {seed}")
        self.seen: Counter[str] = Counter()
        self.clock = JumpingClock(START_NS)
        self.journal = WatchedJournal(self.clock)
        self.kind = self.random.choice(sorted(KINDS))
        self.awaits = 0
        self.jump_at = self.random.randint(1, JUMP_LAST) if self.random.random() < 0.85 else NEVER
        self._numbers = count(1)
        self.clock.on_await = self._on_await

    def _on_await(self) -> None:
        self.awaits += 1
        if self.awaits == self.jump_at:
            self.journal.decided_seq = self._app.engine.state.seq
            KINDS[self.kind](self.clock)
            self.seen[self.kind] += 1

    async def run(self) -> None:
        restarts = self.random.random() < 0.3
        async with running(self._desk()) as app:
            until_ns = (app.engine.state.day + 1) * DAY_NS
            if until_ns > app.engine.state.at_ns:
                await app.engine.handle(AddHold(Scope(W1), DAY_LOSS, "lost too much", until_ns))
            await self._trade(app, ROUNDS // 2 if restarts else ROUNDS)
        if restarts:
            self.seen["restarted"] += 1
            self._while_down()
            async with running(self._desk()) as app:
                await self._trade(app, ROUNDS // 2)
                await self._end(app)
            return
        self._while_down()
        async with running(self._desk()) as app:
            await self._end(app)

    def _while_down(self) -> None:
        """A clock that did not jump yet may do so while no desk looks at it."""
        if self.awaits < self.jump_at:
            self.jump_at = self.awaits + 1
            self._on_await()
            self.seen["jumped while down"] += 1

    def _desk(self) -> App:
        config, tape = _config()
        app = App(structs.replace(config, data_dir=self._folder), self.journal, self.clock, paper(config, tape))
        app.clock_watch = ClockWatch(app.engine, app.clock, None, config.clock_drift_max_ns, self._folder)
        self._app = app
        return app

    async def _trade(self, app: App, rounds: int) -> None:
        for _ in range(rounds):
            for by in (None, self.clock.now_ns, self.clock.true_ns):
                stamp_ns = None if by is None else by()
                bought = await self._send(app, TradeAction.BUY, stamp_ns)
                self.seen[bought.refusals[0].code if bought.refusals else "bought"] += 1
            await self._sell(app)
            await self.clock.sleep(ROUND_S * self.random.random())

    async def _sell(self, app: App) -> None:
        """Whatever the clock does, what is held can be sold, by a sender on this machine and by one elsewhere."""
        for by in (None, self.clock.now_ns, app.clock.now_ns):
            if any(SOL in book.positions for book in app.engine.state.wallets.values()):
                sold = await self._send(app, TradeAction.SELL, None if by is None else by())
                codes = {one.code for one in sold.refusals}
                assert not codes & AGE, f"an exit is blocked by the clock ({self.kind}): {sold.refusals}"
                self.seen["sold in doubt"] += CLOCK in app.engine.state.holds and sold.status is DecisionStatus.PLACED

    async def _end(self, app: App) -> None:
        """The clock is set right, or an operator accepts it; then the desk goes on as if nothing had been."""
        if self.random.random() < 0.5:
            self.clock.correct()
        await self.clock.sleep(3.0)
        if app.clock.jump is not None:
            self.clock.correct()
            app.clock_watch.look()
        if app.clock.jump is not None:
            await app.clock_watch.accept("looked at it")
            self.seen["accepted"] += 1
        until_midnight_s = ((TODAY + 1) * DAY_NS - self.clock.true_ns()) / NS
        await self.clock.sleep(max(0.0, until_midnight_s) + 3.0)
        assert CLOCK not in app.engine.state.holds, "the hold outlives the doubt"
        for stamp_ns in (None, self.clock.true_ns()):
            bought = await self._send(app, TradeAction.BUY, stamp_ns)
            assert not {one.code for one in bought.refusals} & {*AGE, Code.CLOCK_JUMPED}, bought.refusals
        assert app.engine.state.day == self.clock.true_ns() // DAY_NS
        assert app.engine.state.wallets[W1].holds.keys() == set(), "the hold of the day outlives the day"

    async def _send(self, app: App, action: TradeAction, stamp_ns: int | None) -> Decision:
        micros = (50 if action is TradeAction.BUY else 5) * MICROS
        signal = Signal(
            SignalId(f"s{next(self._numbers)}"),
            StrategyType.MOMENTUM_TRADING,
            action,
            SOL,
            risk_tolerance_ppm=PPM,
            notional_micros=micros,
            at_ns=stamp_ns,
        )
        return await app.submit(signal)


def simulate_jump(seed: int) -> Counter[str]:
    """Raises AssertionError for a desk that believed a time that nothing had confirmed."""
    with TemporaryDirectory() as folder, quiet():
        sim = ClockSim(seed, Path(folder))
        try:
            run_virtual(sim.run())
        except BaseException as error:
            error.add_note(f"clock seed {seed}: {sim.kind} at await {sim.jump_at} of {sim.awaits}")
            raise
    return sim.seen

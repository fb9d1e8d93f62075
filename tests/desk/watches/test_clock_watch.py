"""A desk whose machine's clock jumps: no day rolls, no hold ends and no signal grows old by a time nobody confirmed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
import structlog
from tests.support.machine_clock import JumpingClock

from overmind.clock.virtual import run_virtual
from overmind.config import MultiWalletConfig
from overmind.core.control.breakers import DAY_LOSS
from overmind.core.model.codes import Code
from overmind.core.model.commands import AddHold, CommandRefused, LiftHold
from overmind.core.model.controls import CLOCK, Scope
from overmind.core.model.enums import StrategyType, TradeAction
from overmind.core.model.events import DayRolled, HoldAdded, HoldLifted
from overmind.core.model.ids import SOL, SignalId, WalletId
from overmind.core.model.signal import Signal
from overmind.core.model.units import DAY_NS, MICROS, NS, PPM
from overmind.desk.app import App
from overmind.desk.market import open_tape, paper
from overmind.desk.running import running
from overmind.desk.watches.clock_reference import BOOT_ID, CLOCK_FILE
from overmind.desk.watches.clock_watch import BlockTimes, ClockWatch
from overmind.journal.memory import MemoryJournal
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import ChainSilent
from overmind.sandbox.demo import demo_env
from overmind.views.decisions import Decision, DecisionStatus
from overmind.views.risk import risk

DAY: Final = 20_500  # 2026-02-16
NOON_NS: Final = DAY * DAY_NS + DAY_NS // 2
HOUR_NS: Final = 3_600 * NS
W1: Final = WalletId("primary_wallet")


class Bench:
    """A paper desk on a machine whose clock a test sets. The journal outlives a restart."""

    def __init__(self, folder: Path) -> None:
        self.config = MultiWalletConfig.from_env(demo_env(1, folder / "data"), dotenv=None)
        self.tape = open_tape(self.config)
        self.clock = JumpingClock(NOON_NS)
        self.journal: MemoryJournal | SqliteJournal = MemoryJournal()
        self.signals = 0

    def on_disk(self) -> None:
        """What time it is is kept beside a journal on disk."""
        self.config.data_dir.mkdir(exist_ok=True)
        self.journal = SqliteJournal.open(self.config.data_dir / "overmind.db")

    @asynccontextmanager
    async def desk(self, chain: BlockTimes | None = None) -> AsyncIterator[App]:
        """`chain`: a second clock, as a live desk has one."""
        app = App(self.config, self.journal, self.clock, paper(self.config, self.tape))
        if chain is not None:
            app.clock_watch = ClockWatch(app.engine, app.clock, chain, self.config.clock_drift_max_ns)
        async with running(app):
            yield app

    async def send(self, app: App, action: TradeAction = TradeAction.BUY, at_ns: int | None = None) -> Decision:
        """A signal of a strategy on this machine; `at_ns`: stamped."""
        self.signals += 1
        signal = Signal(
            SignalId(f"s{self.signals}"),
            StrategyType.MOMENTUM_TRADING,
            action,
            SOL,
            risk_tolerance_ppm=PPM,
            notional_micros=(100 if action is TradeAction.BUY else 10) * MICROS,
            at_ns=at_ns,
        )
        decision = await app.submit(signal)
        await app.settle()
        return decision

    def rolls(self) -> list[int]:
        return [one.event.day for one in self.journal.read() if isinstance(one.event, DayRolled)]

    def clock_holds(self) -> list[str]:
        """What was journaled of the hold `clock`."""
        events = [one.event for one in self.journal.read()]
        return [
            type(one).__name__
            for one in events
            if (isinstance(one, HoldAdded) and one.hold.cause == CLOCK)
            or (isinstance(one, HoldLifted) and one.cause == CLOCK)
        ]


Play = Callable[[Bench], Awaitable[None]]


def virtual(play: Play) -> Callable[[Path], None]:
    @wraps(play)
    def test(tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        run_virtual(play(bench))
        entries = list(bench.journal.read())
        assert all(one.at_ns <= two.at_ns for one, two in pairwise(entries)), "the journal's time ran backwards"

    del test.__wrapped__  # Its parameter is no fixture.
    return test


@virtual
async def test_a_clock_set_forward_by_a_day_and_corrected_changes_nothing(bench: Bench) -> None:
    clock = bench.clock
    async with bench.desk() as app:
        state = app.engine.state
        assert (await bench.send(app)).status is DecisionStatus.PLACED
        until_ns = (state.day + 1) * DAY_NS
        await app.engine.handle(AddHold(Scope(W1), DAY_LOSS, "lost too much", until_ns))
        trades, day = state.trades_today, state.day
        clock.step(DAY_NS)
        refused = await bench.send(app)
        assert refused.refusals[0].code is Code.CLOCK_JUMPED
        await clock.sleep(120)
        assert (state.day, state.trades_today, bench.rolls()) == (day, trades, [day])
        assert DAY_LOSS in state.wallets[W1].holds
        clock.step(-DAY_NS)
        await clock.sleep(5)
        assert (state.day, state.trades_today, bench.rolls()) == (day, trades, [day])
        assert DAY_LOSS in state.wallets[W1].holds
        assert CLOCK not in state.holds
        assert state.at_ns < NOON_NS + HOUR_NS
        assert (await bench.send(app, at_ns=clock.now_ns())).status is DecisionStatus.PLACED
    async with bench.desk() as app:
        assert (await bench.send(app, at_ns=clock.now_ns())).status is DecisionStatus.PLACED
    assert bench.clock_holds() == ["HoldAdded", "HoldLifted"]


@virtual
async def test_the_signal_that_meets_the_jump_is_refused_and_none_after_it(bench: Bench) -> None:
    """Before a watch has looked: the reading that its decision is made at finds the jump."""
    async with bench.desk() as app:
        for step_ns in (6 * NS, -6 * NS):
            bench.clock.step(step_ns)
            before = app.engine.state.at_ns
            refused = await bench.send(app)
            assert (refused.status, refused.refusals[0].code) == (DecisionStatus.REFUSED, Code.CLOCK_JUMPED)
            assert before <= app.engine.state.at_ns < before + 2 * NS
            bench.clock.step(-step_ns)
            await bench.clock.sleep(2)
            assert (await bench.send(app)).status is DecisionStatus.PLACED


@virtual
async def test_exits_go_on_whichever_clock_their_sender_follows(bench: Bench) -> None:
    async with bench.desk() as app:
        await bench.send(app)
        for step_ns in (DAY_NS, -2 * DAY_NS):
            bench.clock.step(step_ns)
            await bench.clock.sleep(3)
            for at_ns in (None, bench.clock.now_ns(), app.clock.now_ns()):
                sold = await bench.send(app, TradeAction.SELL, at_ns)
                assert sold.status is DecisionStatus.PLACED, (step_ns, at_ns, sold)
            old = await bench.send(app, TradeAction.SELL, app.clock.now_ns() - HOUR_NS)
            assert old.refusals[0].code is Code.SIGNAL_STALE


@virtual
async def test_a_suspended_machine_goes_on_by_itself_and_the_day_rolls(bench: Bench) -> None:
    async with bench.desk() as app:
        state = app.engine.state
        await app.engine.handle(AddHold(Scope(W1), DAY_LOSS, "lost too much", (state.day + 1) * DAY_NS))
        bench.clock.suspend(DAY_NS)
        assert (await bench.send(app)).refusals[0].code is Code.CLOCK_JUMPED
        await bench.clock.sleep(3)
        assert CLOCK not in state.holds
        assert bench.rolls() == [DAY, DAY + 1]
        assert DAY_LOSS not in state.wallets[W1].holds
        assert (await bench.send(app, at_ns=bench.clock.now_ns())).status is DecisionStatus.PLACED


@virtual
async def test_an_operator_accepts_a_jump_that_nothing_confirms(bench: Bench) -> None:
    async with bench.desk() as app:
        state = app.engine.state
        bench.clock.pause(DAY_NS)
        await bench.clock.sleep(60)
        assert bench.rolls() == [DAY]
        assert "accept-time" in app.clock_watch.alarms()[0]
        assert "accept-time" in risk(state, None).alarms[0]
        assert risk(state, None).holds == (CLOCK,)
        with pytest.raises(CommandRefused, match="only the right time, or `overmind accept-time"):
            await app.engine.handle(LiftHold(Scope(), CLOCK, "no"))
        with pytest.raises(CommandRefused, match="blank reason"):
            await app.clock_watch.accept(" ")
        await app.clock_watch.accept("the host was paused")
        assert not app.clock_watch.alarms()
        with pytest.raises(CommandRefused, match="nothing to accept"):
            await app.clock_watch.accept("again")
        assert CLOCK not in state.holds
        await bench.clock.sleep(2)
        assert bench.rolls() == [DAY, DAY + 1]
        assert (await bench.send(app, at_ns=bench.clock.now_ns())).status is DecisionStatus.PLACED
    assert bench.clock_holds() == ["HoldAdded", "HoldLifted"]


@virtual
async def test_a_clock_rightly_set_back_by_an_hour_makes_no_signal_old(bench: Bench) -> None:
    async with bench.desk() as app:
        bench.clock.step(-HOUR_NS)
        await bench.clock.sleep(30)
        await app.clock_watch.accept("it was an hour ahead since the start")
        for _ in range(3):
            await bench.clock.sleep(60)
            assert (await bench.send(app, at_ns=bench.clock.now_ns())).status is DecisionStatus.PLACED
            assert (await bench.send(app, at_ns=bench.clock.now_ns() - 31 * NS)).refusals[0].code is Code.SIGNAL_STALE
            ahead = await bench.send(app, at_ns=bench.clock.now_ns() + 6 * NS)
            assert ahead.refusals[0].code is Code.SIGNAL_FROM_FUTURE


@virtual
async def test_a_restart_does_not_believe_a_clock_that_was_doubted(bench: Bench) -> None:
    async with bench.desk() as app:
        bench.clock.step(DAY_NS)
        await bench.clock.sleep(2)
    async with bench.desk() as app:
        await bench.clock.sleep(60)
        assert (await bench.send(app)).refusals[0].code is Code.CLOCK_JUMPED
        assert bench.rolls() == [DAY]
        await app.clock_watch.accept("it is right")
        await bench.clock.sleep(2)
        assert (await bench.send(app)).status is DecisionStatus.PLACED


@virtual
async def test_a_start_in_1970_holds_entries_until_the_clock_is_set(bench: Bench) -> None:
    async with bench.desk() as app:
        await bench.send(app)
    bench.clock.step(-NOON_NS)
    async with bench.desk() as app:
        refusal = (await bench.send(app)).refusals[0]
        assert refusal.code is Code.CLOCK_JUMPED
        assert "1970-01-01" in str(refusal.actual)
        assert (await bench.send(app, TradeAction.SELL)).status is DecisionStatus.PLACED
        bench.clock.step(NOON_NS + HOUR_NS)
        await bench.clock.sleep(2.5)  # Not at the same moment as the next prices.
        assert CLOCK not in app.engine.state.holds
        assert (await bench.send(app, at_ns=bench.clock.now_ns())).status is DecisionStatus.PLACED


@virtual
async def test_a_clock_that_is_set_while_the_desk_is_down_is_found_by_the_start(bench: Bench) -> None:
    bench.on_disk()
    for step_ns in (DAY_NS, -6 * NS, 10 * NS):
        async with bench.desk():
            await bench.clock.sleep(1)
        bench.clock.step(step_ns)
        await bench.clock.sleep(60)
        async with bench.desk() as app:
            refusal = (await bench.send(app)).refusals[0]
            assert refusal.code is Code.CLOCK_JUMPED
            assert str(refusal.actual).startswith("while the desk was down, the clock jumped from ")
            assert bench.rolls() == [DAY]
        await bench.clock.sleep(60)
        async with bench.desk() as app:
            assert (await bench.send(app)).refusals[0].code is Code.CLOCK_JUMPED
            bench.clock.correct()
            await bench.clock.sleep(2)
            assert (await bench.send(app, at_ns=bench.clock.now_ns())).status is DecisionStatus.PLACED


@virtual
async def test_a_restart_knows_what_was_accepted_before(bench: Bench) -> None:
    """The journal's time is an hour ahead of the clock, which is right."""
    bench.on_disk()
    async with bench.desk() as app:
        bench.clock.step(-HOUR_NS)
        await bench.clock.sleep(2)
        await app.clock_watch.accept("it was an hour ahead")
    bench.clock.suspend(60 * NS)
    async with bench.desk() as app:
        assert (await bench.send(app, at_ns=bench.clock.now_ns())).status is DecisionStatus.PLACED


@virtual
async def test_what_an_earlier_start_of_the_machine_kept_says_nothing(bench: Bench) -> None:
    bench.on_disk()
    async with bench.desk():
        await bench.clock.sleep(1)
    path = bench.config.data_dir / CLOCK_FILE
    kept = path.read_text()
    for said in (kept.replace(BOOT_ID.read_text().strip(), "another"), "nonsense", ""):
        path.write_text(said)
        bench.clock.step(HOUR_NS)
        async with bench.desk() as app:
            await bench.clock.sleep(2)
            assert not app.clock_watch.alarms()


@virtual
async def test_a_disk_that_does_not_take_the_time_costs_one_warning(bench: Bench) -> None:
    bench.on_disk()
    (bench.config.data_dir / f"{CLOCK_FILE}.new").mkdir()
    with structlog.testing.capture_logs() as logs:
        async with bench.desk() as app:
            await bench.clock.sleep(10)
            assert (await bench.send(app)).status is DecisionStatus.PLACED
    assert [one["log_level"] for one in logs if "cannot be kept" in one["event"]] == ["warning"]


def test_a_new_desk_does_not_begin_in_1970(tmp_path: Path) -> None:
    async def begin() -> None:
        bench = Bench(tmp_path)
        bench.clock.step(-NOON_NS)
        async with bench.desk():
            raise AssertionError("it began")

    with pytest.raises(CommandRefused, match=r"the machine's clock says 1970-01-01.* set it right"):
        run_virtual(begin())


class Chain:
    """Blocks at the true time, a second ago."""

    def __init__(self, clock: JumpingClock) -> None:
        self._clock = clock
        self.silent = False
        self.off_ns = -NS
        self.stands_at_ns: int | None = None

    async def block_time_ns(self) -> int:
        if self.silent:
            raise ChainSilent("no node answers")
        return self.stands_at_ns or (self._clock.true_ns() + self.off_ns) // NS * NS


@virtual
async def test_a_live_start_believes_block_time_before_anything_is_journaled(bench: Bench) -> None:
    bench.clock.step(DAY_NS)
    async with bench.desk(Chain(bench.clock)) as app:
        assert (await bench.send(app)).refusals[0].code is Code.CLOCK_JUMPED
        assert "the chain's block time says 2026-02-16T11:59:59" in app.clock_watch.alarms()[0]
        await bench.clock.sleep(60)
        assert bench.rolls() == [DAY]
        assert all(entry.at_ns < NOON_NS + HOUR_NS for entry in bench.journal.read())
        bench.clock.correct()
        await bench.clock.sleep(3)
        assert (await bench.send(app, at_ns=bench.clock.now_ns())).status is DecisionStatus.PLACED


@virtual
async def test_block_time_confirms_a_suspension_and_nothing_else_does(bench: Bench) -> None:
    chain = Chain(bench.clock)
    async with bench.desk(chain) as app:
        assert not app.clock_watch.alarms()
        chain.silent = True
        bench.clock.suspend(DAY_NS)
        await bench.clock.sleep(60)
        assert CLOCK in app.engine.state.holds
        assert bench.rolls() == [DAY]
        assert app.clock_watch.ahead_s is None
        chain.silent = False
        await bench.clock.sleep(5)
        assert CLOCK not in app.engine.state.holds
        assert bench.rolls() == [DAY, DAY + 1]
        bench.clock.suspend(HOUR_NS)
        await bench.clock.sleep(4)
        assert CLOCK not in app.engine.state.holds


@virtual
async def test_an_operator_cannot_accept_what_block_time_contradicts(bench: Bench) -> None:
    chain = Chain(bench.clock)
    async with bench.desk(chain) as app:
        bench.clock.step(HOUR_NS)
        await bench.clock.sleep(3)
        with pytest.raises(
            CommandRefused, match=r"the clock is 360\d.\d s ahead of the chain's block time: set it right"
        ):
            await app.clock_watch.accept("I believe it")
        assert CLOCK in app.engine.state.holds
        chain.silent = True
        await app.clock_watch.accept("no node answers, and I know it")
        assert CLOCK not in app.engine.state.holds
        chain.silent = False
        await bench.clock.sleep(31)
        assert "the chain's block time says" in app.clock_watch.alarms()[0]
        assert (await bench.send(app)).refusals[0].code is Code.CLOCK_JUMPED


@virtual
async def test_a_chain_that_tells_no_block_time_is_an_alarm(bench: Bench) -> None:
    chain = Chain(bench.clock)
    chain.silent = True
    async with bench.desk(chain) as app:
        assert "no node has told the chain's block time yet" in app.clock_watch.alarms()[0]
        chain.silent = False
        await bench.clock.sleep(3)
        assert not app.clock_watch.alarms()


@virtual
async def test_block_time_confirms_no_jump(bench: Bench) -> None:
    async with bench.desk(Chain(bench.clock)) as app:
        for step_ns in (20 * NS, -20 * NS, DAY_NS, -DAY_NS):
            bench.clock.step(step_ns)
            await bench.clock.sleep(120)
            assert CLOCK in app.engine.state.holds, step_ns
            bench.clock.correct()
            await bench.clock.sleep(3)
            assert CLOCK not in app.engine.state.holds, step_ns


@virtual
async def test_a_clock_that_drifts_from_block_time_is_an_alarm(bench: Bench) -> None:
    chain = Chain(bench.clock)
    async with bench.desk(chain) as app:
        for off_s, alarmed in ((-29, False), (-32, True), (-29, False), (32, True), (290, True)):
            chain.off_ns = off_s * NS
            await bench.clock.sleep(31)
            assert app.clock_watch.ahead_s == pytest.approx(-off_s, abs=1.1)
            told = f" s {'behind' if off_s > 0 else 'ahead of'} the chain's block time"
            assert [told in one for one in app.clock_watch.alarms()] == [True] * alarmed, off_s
            assert not app.engine.state.holds
        chain.off_ns = 310 * NS
        await bench.clock.sleep(31)
        assert CLOCK in app.engine.state.holds


@virtual
async def test_a_chain_that_stands_still_is_no_clock(bench: Bench) -> None:
    chain = Chain(bench.clock)
    async with bench.desk(chain) as app:
        chain.stands_at_ns = await chain.block_time_ns()
        await bench.clock.sleep(620)
        assert not app.clock_watch.alarms()
        assert (await bench.send(app)).status is DecisionStatus.PLACED


def test_config_names_the_time_to_correct(tmp_path: Path) -> None:
    env = {**demo_env(1, tmp_path), "OVERMIND_CLOCK_CORRECTION_MAX_SEC": "60"}
    config = MultiWalletConfig.from_env(env, dotenv=None)
    assert (config.clock_correction_max_ns, config.clock_drift_max_ns) == (60 * NS, 30 * NS)

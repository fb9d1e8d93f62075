"""The whole desk in one process on tape time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest
from fastapi.routing import APIRoute
from msgspec import structs
from tests.support.stepping_clock import SteppingClock

from overmind.backtest.history import balances, play, venue_balances
from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.config import MultiWalletConfig
from overmind.core.model.commands import AddHold, CommandRefused
from overmind.core.model.controls import Scope
from overmind.core.model.events import OrderClosed
from overmind.core.model.ids import WalletId
from overmind.core.model.outcome import Expired, Filled
from overmind.core.model.units import NS
from overmind.core.model.wallet import Exits
from overmind.desk.app import App
from overmind.desk.engine import recover
from overmind.desk.keeper import KeeperProcess
from overmind.desk.market import open_tape, paper
from overmind.desk.running import running
from overmind.desk.watches.space_watch import SpaceWatch
from overmind.http.health import ServiceHealth
from overmind.journal.chain import digest
from overmind.journal.memory import MemoryJournal
from overmind.journal.sqlite import SqliteJournal
from overmind.prices.tape import Tape
from overmind.sandbox.demo import demo_config, demo_signals
from overmind.views.verify import verify

HOUR_NS = 3_600 * NS


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> MultiWalletConfig:
    return demo_config(1, tmp_path)


@pytest.fixture(name="tape")
def _tape(config: MultiWalletConfig) -> Tape:
    return open_tape(config)


def test_a_run_leaves_the_same_journal_twice(config: MultiWalletConfig, tape: Tape) -> None:
    signals, journals = demo_signals(tape, 3, 60), (MemoryJournal(), MemoryJournal())
    first, second = (play(config, journal, tape, signals, 3, lambda _: None) for journal in journals)
    assert journals[0].head() == journals[1].head()
    assert first == second
    assert first.books_equal_chain


def test_the_comparison_does_not_use_our_own_outcomes(config: MultiWalletConfig, tape: Tape) -> None:
    """A fill that we book as expired leaves the venue with money that the books do not have."""
    journal, lost = MemoryJournal(), MemoryJournal()
    assert play(config, journal, tape, demo_signals(tape, 3, 30), 3, lambda _: None).books_equal_chain
    entries = list(journal.read())
    fills = [index for index, one in enumerate(entries) if isinstance(getattr(one.event, "outcome", None), Filled)]
    last = entries[fills[-1]]
    assert isinstance(last.event, OrderClosed)
    entries[fills[-1]] = structs.replace(last, event=structs.replace(last.event, outcome=Expired()))
    run_virtual(lost.append(entries))
    assert balances(recover(lost)) != venue_balances(lost)


def test_a_start_sells_what_came_due_while_the_desk_was_down(config: MultiWalletConfig, tape: Tape) -> None:
    """With the first marks, and before anybody can send a signal."""
    journal = MemoryJournal()

    async def started(at_ns: int) -> list[str]:
        app = App(config, journal, VirtualClock(at_ns), paper(config, tape, historical=True))
        async with running(app):
            exits = [known.signal.id for known in app.engine.state.open_orders.values()]
            if not app.engine.state.signals:
                for signal in demo_signals(tape, 1, 40):
                    if signal.action == "Buy":
                        await app.submit(structs.replace(signal, at_ns=None, exits=Exits(hold_max_ns=HOUR_NS)))
        return exits

    assert run_virtual(started(tape.start_ns)) == []
    exits = run_virtual(started(tape.start_ns + 2 * HOUR_NS))
    assert exits
    assert all(one.startswith("time:") for one in exits)


def test_settling_waits_without_spinning(config: MultiWalletConfig, tape: Tape) -> None:
    async def leave_at_once() -> int:
        clock = VirtualClock(tape.start_ns)
        app = App(config, MemoryJournal(), clock, paper(config, tape, historical=True))
        async with running(app):
            signal = next(one for one in demo_signals(tape, 1, 40) if one.action == "Buy")
            await app.submit(structs.replace(signal, at_ns=None))
        return len(app.engine.state.open_orders)

    assert run_virtual(leave_at_once()) == 0


def test_the_hold_of_a_full_disk_is_lifted_when_there_is_room(config: MultiWalletConfig, tape: Tape) -> None:
    journal = MemoryJournal()

    async def begin(hold: bool) -> set[str]:
        app = App(config, journal, VirtualClock(tape.start_ns), paper(config, tape, historical=True))
        async with running(app):
            before = set(app.engine.state.holds)
            if hold:
                await app.engine.handle(AddHold(Scope(), "disk_full", "no room"))
        return before

    assert run_virtual(begin(True)) == set()
    assert run_virtual(begin(False)) == set()


def test_a_keeper_runs_beside_the_desk(config: MultiWalletConfig, tape: Tape, tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "overmind.db")
    kept = KeeperProcess(tmp_path / "overmind.db")
    market, clock = paper(config, tape, historical=True), SteppingClock(tape.start_ns)
    with_keeper = App(config, journal, clock, market, maker=kept)
    assert len(with_keeper.services) == 1 + len(App(config, journal, clock, market).services)
    journal.close()


def test_one_key_is_one_wallet(config: MultiWalletConfig, tape: Tape) -> None:
    journal = MemoryJournal()

    async def begin(config: MultiWalletConfig) -> None:
        async with running(App(config, journal, VirtualClock(tape.start_ns), paper(config, tape, historical=True))):
            pass

    run_virtual(begin(config))
    old = config.wallets[WalletId("primary_wallet")]
    renamed = structs.replace(old, wallet=structs.replace(old.wallet, id=WalletId("main_wallet")))
    others = {name: wallet for name, wallet in config.wallets.items() if name != "primary_wallet"}
    with pytest.RaisesGroup(pytest.RaisesExc(CommandRefused, match="counted twice")):
        run_virtual(begin(structs.replace(config, wallets={**others, WalletId("main_wallet"): renamed})))


def test_other_allocations_create_no_new_capital(config: MultiWalletConfig, tape: Tape) -> None:
    journal = MemoryJournal()

    async def begin(config: MultiWalletConfig) -> int:
        app = App(config, journal, VirtualClock(tape.start_ns), paper(config, tape, historical=True))
        async with running(app):
            return app.engine.state.deposited_micros

    whole = run_virtual(begin(config))
    first, *rest = config.wallets.values()
    added = structs.replace(first.wallet, id=WalletId("late"), public_key="late", allocation_ppm=500_000)
    wallets = {**config.wallets, added.id: structs.replace(first, wallet=added)}
    assert rest
    assert run_virtual(begin(structs.replace(config, wallets=wallets))) == whole


def test_verify_does_not_believe_a_snapshot(config: MultiWalletConfig, tape: Tape, tmp_path: Path) -> None:
    path = tmp_path / "overmind.db"
    journal = SqliteJournal.open(path)
    play(config, journal, tape, demo_signals(tape, 1, 10), 1, lambda _: None)
    journal.close()
    assert verify(path).ok
    db = apsw.Connection(str(path))
    seq, state, link = db.execute("SELECT seq, state, hash FROM snapshot ORDER BY seq DESC LIMIT 1").fetchall()[0]
    richer = bytes(state).replace(b'"deposited_micros":', b'"deposited_micros":9')
    db.execute("UPDATE snapshot SET state = ?, digest = ? WHERE seq = ?", (richer, digest(seq, link, richer), seq))
    db.close()
    assert any("snapshot" in problem for problem in verify(path).problems)


@pytest.mark.parametrize(("free", "told"), [(10**11, False), (10**7, True)])
def test_a_disk_that_is_nearly_full_makes_the_service_unready(
    config: MultiWalletConfig, tape: Tape, free: int, told: bool
) -> None:
    space = SpaceWatch(Path("data"), VirtualClock(tape.start_ns), 7, lambda _: free)
    asyncio.run(space.look())

    async def ask() -> str:
        app = App(config, MemoryJournal(), VirtualClock(tape.start_ns), paper(config, tape, historical=True))
        async with running(app):
            app.space = space
            routes = ServiceHealth(app, None).routes().routes
            (readyz,) = (one for one in routes if isinstance(one, APIRoute) and one.path == "/readyz")
            answer = await readyz.endpoint()
            return str(answer.body.decode())

    assert ("the disk of data fills up" in run_virtual(ask())) is told

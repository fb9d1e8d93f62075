"""What probes are told of the machine that a desk runs on."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from starlette.routing import Route

from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.desk.app import App
from overmind.desk.keeper import KeeperFailed
from overmind.desk.market import open_tape, paper
from overmind.desk.running import running
from overmind.http.health import ServiceHealth, machine_alarms
from overmind.journal.segments.sealed import Sealed
from overmind.journal.sqlite import SqliteJournal
from overmind.sandbox.demo import demo_config
from overmind.solana.routes.relay import RelayRoute


class Killed:
    """A maker whose process is killed each time."""

    async def state_after(self, seq: int) -> bytes:
        raise KeeperFailed("killed")

    async def keep_states(self) -> bool:
        raise KeeperFailed("killed")

    async def segments(self, entries_min: int, entries_max: int) -> AsyncGenerator[Sealed, None]:
        for _ in range(entries_min):
            raise KeeperFailed("killed")
            yield Sealed(0, 0, 0, b"", b"", b"")


async def reasons(health: ServiceHealth) -> list[str]:
    ready = next(one for one in health.routes().routes if isinstance(one, Route) and one.path == "/readyz")
    told: list[str] = json.loads((await ready.endpoint()).body)["reasons"]
    return told


def test_a_keeper_that_keeps_failing_is_told(tmp_path: Path) -> None:
    config = demo_config(1, tmp_path)
    tape = open_tape(config)
    journal = SqliteJournal.open(tmp_path / "overmind.db")

    async def run() -> None:
        app = App(config, journal, VirtualClock(tape.start_ns), paper(config, tape, historical=True), maker=Killed())
        async with running(app):
            assert app.keeper is not None
            health = ServiceHealth(app, None)
            assert (await reasons(health), machine_alarms(app)) == ([], ())
            await app.keeper.keep()
            assert (await reasons(health), len(machine_alarms(app))) == ([], 1)
            await app.keeper.keep()
            (reason,) = await reasons(health)
            assert "the keeper failed 2 times in a row" in reason
            assert machine_alarms(app) == (reason,)

    run_virtual(run())
    journal.close()


def test_a_relay_that_accepts_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = demo_config(1, tmp_path)
    tape = open_tape(config)
    journal = SqliteJournal.open(tmp_path / "overmind.db")
    clock = VirtualClock(tape.start_ns)

    async def run() -> None:
        app = App(config, journal, clock, paper(config, tape, historical=True))
        relay = RelayRoute(None, clock)
        monkeypatch.setattr(App, "relay", relay)
        assert machine_alarms(app) == ()
        relay.silence.failed("it answers nothing")
        await clock.sleep(60)
        relay.silence.failed("it answers nothing")
        (told,) = machine_alarms(app)
        assert "the relay accepted no transaction for 60 s while orders waited: it answers nothing" in told

    run_virtual(run())
    journal.close()

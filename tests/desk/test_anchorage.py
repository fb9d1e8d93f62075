"""A live desk's journal is anchored outside of its folder, and one that was restored from a backup sends nothing."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

import pytest
import structlog
from msgspec import structs

from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.config import MultiWalletConfig
from overmind.core.books.wallet_limits import RESTORED
from overmind.core.model.commands import CommandRefused, RecordHistory
from overmind.desk.anchorage import ANCHOR_EVERY_S
from overmind.desk.app import App
from overmind.desk.market import open_tape, paper
from overmind.desk.running import running
from overmind.journal.anchor import Anchor, Anchored
from overmind.journal.backup.making import make_backup
from overmind.journal.backup.restoring import RESTORED as RESTORED_MARK
from overmind.journal.backup.restoring import restore_backup, restored_from
from overmind.journal.sqlite import SqliteJournal
from overmind.keys.private_file import write_private
from overmind.sandbox.demo import demo_config


class Stage:
    """A desk on one journal on disk, anchored as if it were live; each run is a start."""

    def __init__(self, folder: Path) -> None:
        self.anchors = folder / "anchors"
        self.data = folder / "data"
        self.data.mkdir()
        self.path = self.data / "overmind.db"
        self.config: MultiWalletConfig = structs.replace(demo_config(1, self.data), anchor_dir=self.anchors)
        self._tape = open_tape(self.config)
        self._clock = VirtualClock(self._tape.start_ns)

    def run(self, *, lift: bool = False, seconds: float = 0.0) -> list[str]:
        """Starts and ends a desk; returns the reasons of the hold."""
        with contextlib.closing(SqliteJournal.open(self.path)) as journal:
            return run_virtual(self._run(journal, lift, seconds))

    async def _run(self, journal: SqliteJournal, lift: bool, seconds: float) -> list[str]:
        app = App(self.config, journal, self._clock, paper(self.config, self._tape))
        async with running(app):
            await self._clock.sleep(seconds)
            held = [hold.reason for cause, hold in app.engine.state.holds.items() if cause == RESTORED]
            if lift:
                await app.engine.handle(RecordHistory(tuple(app.engine.state.wallets), "read"))
        return held

    def anchored(self) -> Anchored:
        with contextlib.closing(SqliteJournal.open_read_only(self.path)) as journal:
            return Anchor(self.anchors).look(journal)

    def entries(self) -> int:
        with contextlib.closing(SqliteJournal.open_read_only(self.path)) as journal:
            return journal.last_seq()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_desk_that_ends_and_starts_is_anchored_at_its_newest_entry(stage: Stage) -> None:
    for _ in range(3):
        assert stage.run() == []
        assert stage.anchored() == Anchored(stage.entries(), checked=True)


def test_a_journal_is_anchored_before_a_wallet_is_compared(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill right after the first comparison must not make the next start think of a copy without an anchor."""
    anchored: list[int] = []
    monkeypatch.setattr(App, "_fund", lambda _: asyncio.sleep(0, anchored.append(stage.anchored().seq)))
    stage.run()
    assert anchored[0] > 0


def test_a_restored_backup_starts_stopped_and_says_what_to_do(stage: Stage) -> None:
    stage.run()
    backup = shutil.copy(stage.path, stage.path.with_name("backup"))
    stage.run(seconds=30)
    shutil.move(backup, stage.path)
    (reason,) = stage.run()
    assert "it is an older copy" in reason
    assert "overmind accept-history WALLET" in reason
    assert stage.run(lift=True) == [reason], "the hold is journaled"
    assert stage.run() == [], "every wallet's history was read"


def test_a_running_desk_is_anchored_every_minute(stage: Stage) -> None:
    stage.run()
    seen = []

    async def watch(journal: SqliteJournal) -> None:
        clock = VirtualClock(stage._tape.start_ns + 10**9)
        async with running(App(stage.config, journal, clock, paper(stage.config, stage._tape))):
            for _ in range(3):
                await clock.sleep(ANCHOR_EVERY_S + 1)
                seen.append(Anchor(stage.anchors).look(journal).seq)

    with contextlib.closing(SqliteJournal.open(stage.path)) as journal:
        run_virtual(watch(journal))
    assert seen == sorted(set(seen)), "each is newer than the one before"


def test_a_journal_of_before_anchors_starts_with_a_warning(stage: Stage) -> None:
    stage.run()
    shutil.rmtree(stage.anchors)
    with structlog.testing.capture_logs() as lines:
        assert stage.run() == []
    assert any("has no anchor" in line["event"] for line in lines)
    assert stage.anchored().seq == stage.entries()


def test_a_desk_whose_anchors_cannot_be_kept_does_not_start(stage: Stage) -> None:
    stage.anchors.touch()
    with pytest.RaisesGroup(pytest.RaisesExc(CommandRefused, match="OVERMIND_ANCHOR_DIR")):
        stage.run()


def test_a_backup_that_no_anchor_finds_out_starts_stopped_too(stage: Stage) -> None:
    """The anchor is up to a minute old, so a backup may be newer than it, and older than what was traded."""
    stage.run()
    backup, restored = stage.data.with_name("backup"), stage.data.with_name("restored")
    make_backup(stage.path, backup, {}, "2026-01-02T03:04:05+00:00", "1", False)
    stage.data.rename(stage.data.with_name("lost"))
    restore_backup(backup, restored, stage.path.name)
    restored.rename(stage.data)
    (reason,) = stage.run()
    assert "comes from the backup of 2026-01-02T03:04:05+00:00" in reason
    assert "overmind accept-history WALLET" in reason
    assert restored_from(stage.data) is None, "the journal has the hold now"
    assert stage.run(lift=True) == [reason]
    assert stage.run() == [], "every wallet's history was read"


def test_the_mark_of_a_restored_backup_stays_while_no_anchor_can_be_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that ends early asks for the history again."""
    stage.run()
    write_private(stage.data / RESTORED_MARK, b"{}")
    with monkeypatch.context() as full:
        full.setattr(Anchor, "write", _fail)
        assert len(stage.run()) == 1
    assert restored_from(stage.data) is not None
    assert len(stage.run()) == 1
    assert restored_from(stage.data) is None


def _fail(*_: object) -> None:
    raise OSError("no room")

"""What happens to a desk within a month: its clock is set wrong, its disk fills, an earlier version ran before."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
import msgspec
from msgspec.structs import replace
from tests.support.bad_disks import SmallDisk

from bench.month_machine import MonthClock
from overmind.core.model.controls import CLOCK
from overmind.core.model.units import DAY_NS
from overmind.desk.app import App
from overmind.desk.market import Connect
from overmind.journal.database import RESERVE
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Snapshot

WRONG_FOR_S: Final = 120.0
OLD_VERSION: Final = 6  # of the state
OLD_RULES: Final = 3  # of booking: the newest that a state of that version knew
SINCE: Final = ("mark_numbers", "refusal_patterns", "turned_away", "unlisted")  # what it lacked
ROOMY: Final = 2**62  # bytes


async def wrong_clock(app: App, clock: MonthClock, after_s: float) -> None:
    """Somebody sets the clock forward by a day, and sets it right two minutes later."""
    await clock.sleep(after_s)
    day_before, clock.wrong_ns = app.engine.state.day, DAY_NS
    await clock.sleep(WRONG_FOR_S)
    assert CLOCK in app.engine.state.holds, "the jump was believed"
    clock.wrong_ns = 0
    await clock.sleep(WRONG_FOR_S)
    assert CLOCK not in app.engine.state.holds, "the correction was not seen"
    assert app.engine.state.day == day_before, "the day was rolled by a wrong clock"


class FullDisk(SmallDisk):
    """A file system that somebody fills. Freeing a part of the journal's reserve makes room, as on a real one."""

    def __init__(self, journal: Path) -> None:
        super().__init__(journal.parent, ROOMY)
        self._files = [journal, journal.with_name(f"{journal.name}-wal"), journal.with_name(RESERVE)]

    def left(self) -> int:
        return self.capacity - self._used() if self.is_full else ROOMY

    @property
    def is_full(self) -> bool:
        return self.capacity != ROOMY

    def fill(self) -> None:
        self.capacity = self._used()

    def _used(self) -> int:
        return sum(file.stat().st_size for file in self._files)


def older_desk(connect: Connect) -> Connect:
    """A market whose desk keeps the rules of an earlier version: its state is one that this version could write."""
    return lambda engine, clock: replace(
        market := connect(engine, clock), desk=replace(market.desk, booking_rules=OLD_RULES, mark_heartbeat_ns=0)
    )


async def step_back(path: Path) -> None:
    """Leaves the journal as a killed desk of the earlier version: an old snapshot, and entries after it."""
    with closing(SqliteJournal.open(path)) as journal:
        newest = journal.snapshot()
        assert newest is not None, "a desk that ended has left a snapshot"
        kept = journal.snapshot_before(newest.seq - 1) or newest
        await journal.save_snapshot(Snapshot(kept.seq, earlier_shape(kept.state)))
    with closing(apsw.Connection(str(path))) as db:
        db.execute("DELETE FROM snapshot WHERE seq > ?", (kept.seq,))


def earlier_shape(state: bytes) -> bytes:
    """An encoded state as the earlier version has encoded it."""
    fields = msgspec.json.decode(state, type=dict[str, msgspec.Raw])
    for name in SINCE:
        known = bytes(fields.pop(name))
        assert known in (b"{}", b"[]"), f"the earlier version had no {name}, and this state has: {known[:80]!r}"
    return msgspec.json.encode({**fields, "version": OLD_VERSION})

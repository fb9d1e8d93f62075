"""Keeps a live desk's journal anchored, and finds out at the start when it was restored from a backup or edited."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import structlog

from overmind.core.books.wallet_limits import RESTORED
from overmind.core.control.holds import EDITED
from overmind.core.model.commands import CommandRefused
from overmind.journal.anchor import Anchor, Head, head_of
from overmind.journal.aside import Aside, Hangs
from overmind.journal.backup.restoring import forget_restored, restored_from
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Clock, Journal

ANCHOR_EVERY_S: Final = 60.0
ANCHOR_MAX_S: Final = 5.0  # A disk that takes longer is told, and not waited for.
UNANCHORED: Final = "unanchored"  # no hold of its own: like a restored one, if any wallet was ever checked
READ_FIRST: Final = (
    "Nothing is sent, sales included, until every wallet's history on the chain has been read. Where no node proves it,"
    " look at the wallet's transactions, then `overmind accept-history WALLET --reason …`"
)
LOOK_FIRST: Final = (
    "Nothing is sent, sales included, since an entry may be false. Find out who changed it, then"
    f" `overmind resume portfolio --hold {EDITED} --reason …`"
)

log = structlog.get_logger("anchor")


class Anchorage:
    def __init__(self, anchor: Anchor, journal: SqliteJournal, data_dir: Path) -> None:
        self._anchor = anchor
        self._journal = journal
        self._data_dir = data_dir
        self._aside = Aside("anchor")
        self._seq = 0  # newest entry that is anchored
        self._failed = False

    @classmethod
    def of(cls, folder: Path | None, journal: Journal, data_dir: Path) -> Anchorage | None:
        """None: a desk that is not live, or whose journal is not on disk."""
        if folder is None or not isinstance(journal, SqliteJournal):
            return None
        return cls(Anchor(folder), journal, data_dir)

    def look(self) -> list[tuple[str, str]]:
        """The holds that the journal needs, each with why. Raises CommandRefused."""
        try:
            self._anchor.prepare()
            found, backup = self._anchor.look(self._journal), restored_from(self._data_dir)
        except OSError as fault:
            where = f"{fault.filename}: {fault.strerror}"
            raise CommandRefused(f"the journal cannot be anchored ({where}): set OVERMIND_ANCHOR_DIR") from None
        needed = list[tuple[str, str]]()
        if found.problem:
            log.critical("the journal is not the one that was anchored", why=found.problem)
            cause, do = (RESTORED, READ_FIRST) if found.behind else (EDITED, LOOK_FIRST)
            needed.append((cause, f"the journal is not the one that was anchored: {found.problem}. {do}"))
        if backup is not None and not found.behind:  # An anchor that is older than the backup misses nothing.
            log.warning("the journal was restored from a backup, so a live desk reads the chain first", backup=backup)
            needed.append((RESTORED, f"the journal comes from {backup}. {READ_FIRST}"))
        elif found.seq == 0 and backup is None and not found.problem and self._journal.last_seq():
            log.warning("the journal has no anchor: it may be a restored backup, so a live desk reads the chain first")
            needed.append((UNANCHORED, f"the journal has no anchor: it may be an older copy. {READ_FIRST}"))
        return needed

    async def write(self) -> None:
        """Anchors the newest entry now, unless its disk hangs."""
        head = head_of(self._journal)  # Here, since only this thread may read the journal.
        if head is None or head.seq == self._seq:
            return
        try:
            await self._aside.run(partial(self._save, head), ANCHOR_MAX_S)
        except (TimeoutError, Hangs):
            self._tell("its disk does not answer")

    def _save(self, head: Head) -> None:
        """A failure is told once: the old anchor stands, and finds out whatever is older than it."""
        try:
            self._anchor.write(head)
            forget_restored(self._data_dir)  # The journal has the hold by now.
        except OSError as fault:
            self._tell(str(fault))
        else:
            self._seq, self._failed = head.seq, False

    def _tell(self, why: str) -> None:
        if not self._failed:
            log.error("the journal cannot be anchored", why=why, entries_since=self._seq)
        self._failed = True

    async def run(self, clock: Clock) -> None:
        """Runs until cancelled."""
        while True:
            await clock.sleep(ANCHOR_EVERY_S)
            await self.write()

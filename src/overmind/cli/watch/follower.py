"""Follows the journal of a desk, with or without a service that writes it: its state, and its newest decisions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from overmind.cli.opening import journal_at, journal_read_only
from overmind.core.books.apply import apply
from overmind.core.books.state import forget_changes
from overmind.core.model.events import Answer, Entry
from overmind.desk.engine import recover
from overmind.journal.catalogue.past import Search, past_on_disk
from overmind.journal.sqlite import SqliteJournal
from overmind.views.lines import Line, Teller

DECISIONS_KEPT: Final = 50


class Follower:
    """Its state is that of the newest durable entry that it has read."""

    def __init__(self, journal: SqliteJournal, decided: Iterable[Entry]) -> None:
        """`decided`: the newest decisions so far, oldest first."""
        self._journal = journal
        self.state = recover(journal)
        self._teller = Teller.after(self.state)
        self._decisions = deque[Line](maxlen=DECISIONS_KEPT)
        earlier = Teller(self.state.desk, {}, ())
        self._decisions.extend(earlier.tell(entry) for entry in decided if entry.seq <= self.state.seq)

    @property
    def decisions(self) -> list[Line]:
        """The newest, oldest first."""
        return [*self._decisions]

    def catch_up(self) -> None:
        """Reads what was committed since."""
        for entry in self._journal.read(self.state.seq):
            apply(self.state, entry)
            forget_changes(self.state)
            if isinstance(entry.event, Answer):
                self._decisions.append(self._teller.tell(entry))
            else:
                self._teller.skip(entry)


@contextmanager
def following(data_dir: Path) -> Iterator[Follower]:
    """Raises JournalUnusable."""
    with journal_read_only(data_dir) as journal:
        past = past_on_disk(journal_at(data_dir), journal)
        try:
            decided = [life[0] for life in past.signals(Search(DECISIONS_KEPT))]
        finally:
            past.close()
        yield Follower(journal, decided)

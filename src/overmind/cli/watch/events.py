"""`overmind events`: the journal, entry by entry, and on as it grows.

It reads the journal beside whoever writes it. So it needs no service, and takes none of its streams. A restart of the
service leaves no gap and repeats nothing. An entry is seen once it is durable.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Annotated, Final

import typer

from overmind.cli import present
from overmind.cli.console import row
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import LAST_MAX, AsJson, DataDir, data_dir_of, journal_read_only
from overmind.cli.whole import whole_option
from overmind.core.model.brief_refusals import BriefRefusals
from overmind.core.model.events import Entry, OrderPlaced, PricesMarked, PricesMoved, SignalRefused
from overmind.core.model.ids import OrderId
from overmind.core.model.order import Order
from overmind.http.bounds import SEQ_MAX
from overmind.journal.catalogue.topics import signal_of
from overmind.journal.recovery import state_at
from overmind.journal.sqlite import SqliteJournal
from overmind.views.lines import Teller

POLL_S: Final = 0.2
LAST_DEFAULT: Final = 20
LIFE_ENTRIES_MAX: Final = 256  # read after a signal's first entry to find one of its orders


def events(
    as_json: AsJson = False,
    data_dir: DataDir = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new entries, until Ctrl-C.")] = False,
    after: Annotated[int | None, whole_option("--after", 0, SEQ_MAX, "Show all entries after this number.")] = None,
    last: Annotated[int, whole_option("--last", 0, LAST_MAX, "Without --after: number of entries to show.")] = (
        LAST_DEFAULT
    ),
    prices: Annotated[bool, typer.Option("--prices", help="Show entries of prices too. JSON always has them.")] = False,
) -> None:
    """Show the journal's entries, and follow it as it grows.

    With --json each entry is one line, as in the service's stream: {seq, at_ns, event{type, …}}. Begin again with
    --after and the last `seq` that you have: nothing is missing and nothing comes twice, also after restarts of the
    service. Times are UTC.
    """
    with journal_read_only(data_dir_of(data_dir)) as journal:
        if after is not None and after > journal.last_seq():
            present.complain(
                f"--after {after}: the journal ends at entry {journal.last_seq()}", "is this the right desk?"
            )
            raise typer.Exit(BAD_INPUT)
        show = _Shown(journal, as_json, prices or as_json)
        try:
            seq = show.newest(last) if after is None else after
            seq = show.after(seq)
            while follow:
                time.sleep(POLL_S)
                seq = show.after(seq)
        except KeyboardInterrupt:
            return  # This is how following ends.


class _Shown:
    def __init__(self, journal: SqliteJournal, as_json: bool, with_prices: bool) -> None:
        self._journal = journal
        self._as_json = as_json
        self._with_prices = with_prices
        self._day = ""  # of the last line; each day has a line of its own
        self._in_colour = present.out().color_system is not None
        self._teller: Teller | None = None  # made for the first entry that is told in words

    def newest(self, count: int) -> int:
        """Shows so many of the newest entries. Returns the number of the last one that was read."""
        end, window = self._journal.last_seq(), max(1, count)
        while True:
            start = max(0, end - window)
            found = deque((one for one in self._read(start, end) if self._is_shown(one)), maxlen=count)
            if len(found) == count or start == 0:
                break
            window *= 4
        for entry in found:
            self._show(entry)
        return end

    def after(self, seq: int) -> int:
        """Shows all later entries. Returns the number of the last one."""
        for entry in self._journal.read(seq):
            if self._is_shown(entry):
                self._show(entry)
            elif self._teller is not None:
                self._teller.skip(entry)
            seq = entry.seq
        return seq

    def _read(self, start: int, end: int) -> Iterator[Entry]:
        for entry in self._journal.read(start):
            if entry.seq > end:
                return
            yield entry

    def _is_shown(self, entry: Entry) -> bool:
        return self._with_prices or not isinstance(entry.event, PricesMarked | PricesMoved)

    def _show(self, entry: Entry) -> None:
        if self._as_json:
            present.emit_json(entry)
            return
        if self._teller is None:
            desk = state_at(self._journal, entry.seq - 1).desk
            self._teller = Teller(desk, {}, (), self._order, self._pattern)
        line = self._teller.tell(entry)
        if line.at[:10] != self._day:
            self._day = line.at[:10]
            present.emit_line(self._day)
        present.emit_line(f"{line.seq:>7} {row(self._in_colour, line)}")

    def _order(self, order_id: OrderId) -> Order | None:
        """An order that was placed before the first entry that is shown."""
        signal_id = signal_of(order_id)
        first = None if signal_id is None else self._journal.find(signal_id)
        if first is None:
            return None
        for entry in self._read(first - 1, first + LIFE_ENTRIES_MAX):
            if isinstance(entry.event, OrderPlaced) and entry.event.order.id == order_id:
                return entry.event.order
        return None

    def _pattern(self, seq: int) -> BriefRefusals | None:
        """The refusals in full that a later one is like."""
        event = self._journal.entry(seq).event
        return event.brief if isinstance(event, SignalRefused) else None

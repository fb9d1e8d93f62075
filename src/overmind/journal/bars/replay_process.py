"""Makes the bars of entries that were journaled while nobody drew them: a process beside the desk.

    python -m overmind.journal.bars.replay_process JOURNAL

It only reads the journal, and writes the file of the bars. It gives way to the desk: it has the lowest priority, and is
the first to be ended when memory runs out.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from overmind.core.books.apply import apply
from overmind.core.books.state import State, forget_changes
from overmind.core.model.units import NS
from overmind.journal.bars.bar import Bars, pnl_of, values_of
from overmind.journal.bars.store import BarStore
from overmind.journal.errors import JournalUnusable
from overmind.journal.recovery import kept_state
from overmind.journal.sqlite import SqliteJournal

PRIORITY: Final = 19
MEMORY_SCORE: Final = "1000"
REPLAYED_MAX: Final = 1_000_000  # entries, the newest: half a minute. Bars of an older time than that are not made.
BARS_HELD_MAX: Final = 20_000  # before they are written
SHORT_ENTRIES: Final = 300  # some ten milliseconds
SHORT_STATE_BYTES: Final = 1 << 17


def main(words: Sequence[str]) -> int:
    with contextlib.suppress(PermissionError):  # A container or a unit may forbid it.
        os.nice(PRIORITY)
    with contextlib.suppress(OSError):  # Only Linux has it.
        Path("/proc/self/oom_score_adj").write_text(MEMORY_SCORE, encoding="ascii")
    try:
        replay(Path(words[0]))
    except (JournalUnusable, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def is_short(path: Path) -> bool:
    """Whether so little is left to draw that a thread of the desk may do it. Raises JournalUnusable."""
    with contextlib.closing(SqliteJournal.open_read_only(path)) as journal:
        with contextlib.closing(BarStore.open(path, journal)) as store:
            kept = journal.snapshot_before(store.reached)
        seq, size = (0, 0) if kept is None else (kept.seq, len(kept.state))
        return journal.last_seq() - seq <= SHORT_ENTRIES and size <= SHORT_STATE_BYTES


def replay(path: Path, replayed_max: int = REPLAYED_MAX) -> None:
    """Adds the bars of all entries that the file does not reach. Raises JournalUnusable."""
    with contextlib.closing(SqliteJournal.open_read_only(path)) as journal:
        last = journal.last_seq()
        with contextlib.closing(BarStore.open(path, journal)) as store:
            after = max(store.reached, last - replayed_max)
            state = kept_state(journal, journal.snapshot_before(after))
            bars, drawn_s = Bars(), state.at_ns // NS
            for entry in journal.read(state.seq):
                at_s = entry.at_ns // NS
                if state.seq >= after and at_s > drawn_s:  # What was so until this second.
                    _draw(bars, state)
                    drawn_s = at_s
                    if len(bars) > BARS_HELD_MAX:
                        store.add(bars.take(), state.seq, journal)
                apply(state, entry)
                forget_changes(state)
            if state.seq > after:
                _draw(bars, state)
                store.add(bars.take(), state.seq, journal)


def _draw(bars: Bars, state: State) -> None:
    if state.desk is not None:
        bars.add(state.at_ns // NS, values_of(state) | pnl_of(state))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

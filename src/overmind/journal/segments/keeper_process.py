"""The keeper: a process beside the desk that reads its journal, makes snapshots and seals old entries.

    python -m overmind.journal.segments.keeper_process JOURNAL state SEQ
    python -m overmind.journal.segments.keeper_process JOURNAL seal ENTRIES_MIN ENTRIES_MAX
    python -m overmind.journal.segments.keeper_process JOURNAL keep

`state` writes the encoded state after an entry, `seal` a line for each sealed segment, and `keep` the line `more` if
further states are left to keep close together.

It only reads the journal, and what it writes to its output is taken over by the journal's writer. It gives way to the
desk: it has the lowest priority, and is the first to be ended when memory runs out.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from overmind.core.books.state import encode_state
from overmind.journal.errors import JournalUnusable
from overmind.journal.kept.keeping import keep_states
from overmind.journal.recovery import state_at
from overmind.journal.segments.sealing import sealed_segments
from overmind.journal.sqlite import SqliteJournal

PRIORITY: Final = 19
MEMORY_SCORE: Final = "1000"
MORE: Final = b"more\n"


def main(words: Sequence[str]) -> int:
    _give_way()
    path, task, numbers = Path(words[0]), words[1], [int(word) for word in words[2:]]
    try:
        if task == "state":
            sys.stdout.buffer.write(state_after(path, numbers[0]))
        elif task == "keep":
            sys.stdout.buffer.write(MORE if keep_states(path) else b"")
        else:
            for segment in sealed_segments(path, *numbers):
                sys.stdout.buffer.write(msgspec.json.encode(segment) + b"\n")
                sys.stdout.buffer.flush()
    except (JournalUnusable, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def state_after(path: Path, seq: int) -> bytes:
    """The encoded state after a durable entry. Raises JournalUnusable."""
    with contextlib.closing(SqliteJournal.open_read_only(path)) as journal:
        state = state_at(journal, seq)
    assert state.seq == seq, f"the journal ends at entry {state.seq}, before {seq}"
    return encode_state(state)


def _give_way() -> None:
    with contextlib.suppress(PermissionError):  # A container or a unit may forbid it.
        os.nice(PRIORITY)
    with contextlib.suppress(OSError):  # Only Linux has it.
        Path("/proc/self/oom_score_adj").write_text(MEMORY_SCORE, encoding="ascii")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

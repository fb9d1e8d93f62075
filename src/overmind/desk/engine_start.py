"""Begins an engine on the machine's clock: a clock that cannot be right is found before anything is journaled."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from overmind.clock.desk_clock import DeskClock
from overmind.clock.instants import instant_ns, iso_seconds
from overmind.core.model.commands import CommandRefused
from overmind.core.model.controls import CLOCK
from overmind.desk.engine import BOUNDS, Bounds, Engine
from overmind.desk.watches.clock_reference import read_reference
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Journal

EARLIEST_NS: Final = instant_ns("2025-01-01T00:00:00Z")  # This version is younger.


def begun(journal: Journal, clock: DeskClock, folder: Path, bounds: Bounds = BOUNDS) -> Engine:
    """`folder`: where a desk before this one may have left what time it is. Raises CommandRefused for a new journal at
    a time that cannot be.
    """
    engine = Engine(journal, clock, bounds, clock)
    state = engine.state
    if state.seq:
        booted_ns = read_reference(folder) if clock.of_machine else None
        clock.begin_after(state.at_ns, CLOCK in state.holds, booted_ns)
    elif clock.of_machine and clock.now_ns() < EARLIEST_NS:
        says = iso_seconds(clock.now_ns())
        raise CommandRefused(f"the machine's clock says {says}, which cannot be: set it right, then start again")
    return engine


def clock_folder(journal: Journal, data_dir: Path) -> Path | None:
    """Where a desk leaves what time it is; None: its journal is not on disk."""
    return data_dir if isinstance(journal, SqliteJournal) else None

"""Begins an engine on the machine's clock: a clock that cannot be right is found before anything is journaled."""

from __future__ import annotations

from typing import Final

from overmind.clock.desk_clock import DeskClock
from overmind.clock.instants import instant_ns, iso_seconds
from overmind.core.model.commands import CommandRefused
from overmind.core.model.controls import CLOCK
from overmind.desk.engine import Engine
from overmind.ports import Journal

EARLIEST_NS: Final = instant_ns("2025-01-01T00:00:00Z")  # This version is younger.


def begun(journal: Journal, clock: DeskClock) -> Engine:
    """Raises CommandRefused for a new journal at a time that cannot be."""
    engine = Engine(journal, clock, trust=clock)
    state = engine.state
    if state.seq:
        clock.begin_after(state.at_ns, CLOCK in state.holds)
    elif clock.of_machine and clock.now_ns() < EARLIEST_NS:
        says = iso_seconds(clock.now_ns())
        raise CommandRefused(f"the machine's clock says {says}, which cannot be: set it right, then start again")
    return engine

"""When the UTC day rolls: once, with the first marks of the new day, so that its losses count from those.

What the prices did before them belongs to the day before. Nobody waits for long: if the newest mark is stale no marks
come, and the day rolls before the next command, on the last marks that there are. The holds that end with the day, and
the counters, stay until then.

See specification §2.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from overmind.core.books.state import State
from overmind.core.control.holds import lift_expired
from overmind.core.model.commands import Attributed, Command, MarkPrices, Withdraw
from overmind.core.model.events import DayRolled, Event
from overmind.core.model.money import Mark
from overmind.core.model.units import DAY_NS


def is_over(state: State, at_ns: int) -> bool:
    """Whether the day that the books are in has ended."""
    return at_ns // DAY_NS > state.day and state.desk is not None


def roll_before(state: State, command: Command, at_ns: int) -> Iterator[DayRolled]:
    """Rolls the day unless its marks are about to come. A withdrawal counts in the cap of the day in which it is made.

    Only if `is_over`.
    """
    if isinstance(command, Attributed):
        command = command.command
    brings_marks = isinstance(command, MarkPrices) and _are_of_today(command.marks, at_ns)
    if not brings_marks and (isinstance(command, Withdraw) or not _marks_are_fresh(state, at_ns)):
        yield DayRolled(at_ns // DAY_NS)


def roll_with(state: State, believed: Iterable[Mark], at_ns: int) -> Iterator[Event]:
    """Rolls the day with these marks, which have just been journaled, if they are of the new day."""
    if is_over(state, at_ns) and (_are_of_today(believed, at_ns) or not _marks_are_fresh(state, at_ns)):
        yield DayRolled(at_ns // DAY_NS)
        yield from lift_expired(state, at_ns)


def _are_of_today(marks: Iterable[Mark], at_ns: int) -> bool:
    return any(mark.at_ns // DAY_NS >= at_ns // DAY_NS for mark in marks)


def _marks_are_fresh(state: State, at_ns: int) -> bool:
    newest_ns = max((mark.at_ns for mark in state.marks.values()), default=0)
    return at_ns - newest_ns <= state.settings.mark_age_max_ns

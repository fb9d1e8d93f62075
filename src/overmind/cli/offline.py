"""Sends a command to the journal of a desk that does not run."""

from __future__ import annotations

import asyncio
from pathlib import Path

from overmind.cli.opening import JOURNAL, journal_to_write
from overmind.cli.reasons import cli_author
from overmind.clock.clocks import SystemClock
from overmind.clock.desk_clock import DeskClock
from overmind.core.books.state import State
from overmind.core.model.commands import Command, CommandRefused, OperatorCommand, RecordAction, given_by
from overmind.desk.engine import Engine
from overmind.desk.engine_start import begun


def command_on_disk(directory: Path, command: OperatorCommand) -> State:
    """Raises JournalLocked while a service owns the journal, and CommandRefused."""
    require_journal(directory)
    return _handled(directory, given_by(command, cli_author()))


def record_on_disk(directory: Path, action: str, about: str, reason: str) -> int:
    """Journals who may do what from now on. A desk that never ran has no journal, and nobody to tell.

    Returns the desk's time, by which the desk will judge what ends then. Where the machine's clock jumped, it differs.
    """
    recorded_ns = 0
    if (directory / JOURNAL).exists():
        recorded_ns = _handled(directory, RecordAction(cli_author(), action, about, reason)).at_ns
    return recorded_ns or SystemClock().now_ns()


def _handled(directory: Path, command: Command) -> State:
    async def handle(engine: Engine) -> State:
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(engine.run())
            await engine.handle(command)
            await engine.close()
            writing.cancel()
        return engine.state

    with journal_to_write(directory) as journal:
        return asyncio.run(handle(begun(journal, DeskClock(SystemClock()), directory)))


def require_journal(directory: Path) -> None:
    if not (directory / JOURNAL).exists():
        raise CommandRefused(f"no journal at {directory / JOURNAL}: nothing was ever traded there")

"""`overmind accept-time`: end the hold of a clock that jumped and is right."""

from __future__ import annotations

import asyncio
from pathlib import Path

from overmind.cli import present
from overmind.cli.offline import require_journal
from overmind.cli.opening import AsJson, DataDir, data_dir_of, journal_to_write
from overmind.cli.reasons import Reason, cli_author, refuse_blank
from overmind.cli.remote import call_service
from overmind.clock.clocks import SystemClock
from overmind.clock.desk_clock import DeskClock
from overmind.clock.instants import iso_seconds
from overmind.desk.engine_start import begun
from overmind.desk.watches.clock_watch import ClockWatch
from overmind.ports import Journal


def accept_time(reason: Reason, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Say that the machine's clock is right after a jump.

    The desk holds entries when the clock jumps and nothing confirms the new time. If the clock is wrong, set it right
    instead: the hold then ends by itself. Once you accept a time, days and limits go by it. The journal's time cannot
    go back.
    """
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    answer = call_service(directory, "/v1/clock/accept", {"reason": reason})
    at = _accept_on_disk(directory, reason) if answer is None else answer["at"]
    if as_json:
        present.emit_json({"at": at, "reason": reason})
    else:
        present.say(f"accepted: it is {at}; entries go on")


def _accept_on_disk(directory: Path, reason: str) -> str:
    require_journal(directory)
    with journal_to_write(directory) as journal:
        return asyncio.run(_accept(directory, journal, reason))


async def _accept(directory: Path, journal: Journal, reason: str) -> str:
    clock = DeskClock(SystemClock())
    engine = begun(journal, clock, directory)
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(engine.run())
        watch = ClockWatch(engine, clock, None, 0, directory)
        await watch.accept(reason, cli_author())
        await engine.close()
        writing.cancel()
    return iso_seconds(clock.now_ns())

"""A journal folded into a report, with progress on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import takewhile
from pathlib import Path
from typing import Final

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import JOURNAL, instant_option, journal_at
from overmind.clock.instants import INSTANT_MAX_NS
from overmind.core.model.events import Entry
from overmind.journal.errors import JournalUnusable
from overmind.journal.sqlite import SqliteJournal
from overmind.views.account_rows import Period
from overmind.views.performance.record import Record
from overmind.views.performance.report import report_of
from overmind.views.performance.told import Report

ALWAYS: Final = Period(0, INSTANT_MAX_NS)
PROGRESS_EVERY: Final = 2_000  # entries


def period_of(from_: str | None, to: str | None) -> Period:
    """What the options ask for. Raises typer.Exit."""
    period = Period(instant_option("--from", from_, 0), instant_option("--to", to, INSTANT_MAX_NS))
    if period.from_ns >= period.to_ns:
        present.complain(f"--from {from_} is not before --to {to}", "name the earlier one first; --to is exclusive")
        raise typer.Exit(BAD_INPUT)
    return period


def journal_file(path: Path) -> Path:
    """Of a journal or of the folder that holds it. Raises JournalUnusable where there is none."""
    if path.is_dir():
        return journal_at(path)
    if not path.is_file():
        raise JournalUnusable(f"no journal at {path}: name a file {JOURNAL}, or the folder that holds it")
    return path


def report_on(path: Path, period: Period = ALWAYS, assumptions: Sequence[str] = ()) -> Report:
    """Beside whoever writes the journal. Raises JournalUnusable, and typer.Exit if nothing happened in that time."""
    with closing(SqliteJournal.open_read_only(path)) as journal, present.progress() as shown:
        last, record = journal.last_seq(), Record(period)
        task = shown.add_task("adding up entries", total=last)

        def told() -> Iterator[Entry]:
            for entry in takewhile(lambda entry: entry.seq <= last, journal.read()):
                if entry.seq % PROGRESS_EVERY == 0:
                    shown.update(task, completed=entry.seq)
                yield entry

        record.fold_all(told())
    if record.begin_ns is None:
        present.complain(f"{path}: nothing happened in this time", "name an earlier --from, or leave it out")
        raise typer.Exit(BAD_INPUT)
    return report_of(record, assumptions)

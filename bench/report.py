"""Measures the report of 20,000 round trips: folding its journal, and writing the page and the files."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from bench.explain import trading_entries
from bench.measure import Result
from overmind.clock.instants import INSTANT_MAX_NS
from overmind.core.model.events import Entry
from overmind.report.chart_code import chart_code, installed_file
from overmind.report.files import write_files, write_text
from overmind.report.page import page_of
from overmind.views.account_rows import Period
from overmind.views.performance.record import Record
from overmind.views.performance.report import report_of
from overmind.views.performance.told import Report

TRIPS: Final = 20_000
LOOK_EVERY: Final = 5_000  # entries
WRITES_S_MAX: Final = 5.0
PAGE_MB_MAX: Final = 5.0
MEGABYTE: Final = 1 << 20


def report() -> list[Result]:
    entries = list(_entries())
    folded, made = _timed(lambda: _folded(entries))
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        page = Path(scratch) / "report.html"
        written, _ = _timed(lambda: write_text(page, page_of(made, chart_code(installed_file()))))
        filed, _ = _timed(lambda: write_files(Path(scratch), made))
        size = page.stat().st_size / MEGABYTE
    note = f"{len(made.trades)} round trips"
    return [
        Result("write the page of a report", "< 5 s", written < WRITES_S_MAX, written, "s", note=note),
        Result("its size", "< 5 MB", size < PAGE_MB_MAX, size, "MiB", note=note),
        Result("write its CSV files", "", None, filed, "s", note=note),
        Result("fold its journal", "", None, folded, "s", note=f"{len(entries)} entries"),
    ]


def _entries() -> Iterator[Entry]:
    """Of as many round trips, and a few more."""
    record = Record(Period(0, INSTANT_MAX_NS))
    for entry in trading_entries():
        record.fold(entry)
        yield entry
        if entry.seq % LOOK_EVERY == 0 and len(record.closed_trips) >= TRIPS:
            return


def _folded(entries: list[Entry]) -> Report:
    record = Record(Period(0, INSTANT_MAX_NS))
    record.fold_all(entries)
    return report_of(record)


Done = TypeVar("Done")


def _timed(work: Callable[[], Done]) -> tuple[float, Done]:
    began = time.perf_counter()
    done = work()
    return time.perf_counter() - began, done

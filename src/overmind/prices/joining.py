"""Several files of one token: those of the same candles make one series, and of several lengths the shortest counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from overmind.clock.instants import iso_seconds
from overmind.core.model.units import NS
from overmind.prices.rows import BadRow
from overmind.prices.tape import Series

MINUTE_NS = 60 * NS


class Read(NamedTuple):
    """What a file says, and what had to be changed in it."""

    file: Path
    series: Series
    notes: list[str]


class Clash(Exception):
    """A file that contradicts another one of the same token."""

    def __init__(self, file: Path, bad: BadRow) -> None:
        super().__init__(bad.what)
        self.file = file
        self.bad = bad


def one_of(reads: Sequence[Read]) -> tuple[Series, list[str]]:
    """The series of a token and the notes to it. Raises Clash."""
    step_ns = min(one.series.step_ns for one in reads)
    chosen = sorted((one for one in reads if one.series.step_ns == step_ns), key=lambda one: one.series.start_ns)
    notes = [f"{one.file.name}: {note}" for one in chosen for note in one.notes]
    if len(chosen) < len(reads):
        steps = sorted({one.series.step_ns for one in reads})
        lengths = " and ".join(f"{step / MINUTE_NS:g}" for step in steps)
        notes.append(
            f"{chosen[0].file.name}: there are candles of {lengths} minutes; the shortest are played, and --timeframe "
            "chooses others"
        )
    first, *others = chosen
    series = first.series
    for other in others:
        series = _joined(first.file, series, other)
    if others:
        notes.append(f"{first.file.name}: joined with {len(others)} more files of the same candles")
    return series, notes


Columns = tuple[int, int, int, int, int, int]


def _joined(file: Path, series: Series, other: Read) -> Series:
    """Candles that both have must be equal."""
    added = other.series
    if (added.start_ns - series.start_ns) % series.step_ns:
        fix = "Export both from the same place, so that their candles begin at the same times"
        raise Clash(other.file, BadRow(f"its candles lie between those of {file.name}", fix))
    known = _columns(series)
    for closed_ns, columns in _columns(added).items():
        if known.setdefault(closed_ns, columns) != columns:
            at = iso_seconds(closed_ns - series.step_ns)
            fix = "Keep the right one of the two files"
            raise Clash(other.file, BadRow(f"other values than {file.name} for {at}", fix))
    closes = sorted(known)
    opens, highs, lows, ends, depths, ranges = zip(*(known[at_ns] for at_ns in closes), strict=True)
    start_ns = closes[0] - series.step_ns
    return Series(series.mint, start_ns, series.step_ns, tuple(closes), opens, highs, lows, ends, depths, ranges)


def _columns(of: Series) -> dict[int, Columns]:
    columns = (of.open_pico, of.high_pico, of.low_pico, of.close_pico, of.depth_micros, of.range_bps)
    return dict(zip(of.closed_at_ns, zip(*columns, strict=True), strict=True))

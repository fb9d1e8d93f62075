"""Two settings of a sweep against each other: the mean of a figure by both, over all others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from typing import Final

from overmind.core.model.numbers import number
from overmind.sweep.told import Cell, Heat, SettingRow

VALUES_MAX: Final = 12  # of one side; more are put into bins
BINS: Final = 8
MAPS_MAX: Final = 6


def heat_maps(rows: Sequence[SettingRow], varied: Sequence[str]) -> tuple[Heat, ...]:
    """Of each pair of settings, the first ones. Of a single setting a map with one row."""
    if len(varied) == 1:
        return (_map(rows, varied[0], ""),)
    return tuple(_map(rows, across, down) for across, down in list(combinations(varied, 2))[:MAPS_MAX])


def _map(rows: Sequence[SettingRow], across: str, down: str) -> Heat:
    columns, lines = _labels(rows, across), _labels(rows, down) if down else {}
    values: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        place = lines[row.settings[down]] if down else "", columns[row.settings[across]]
        if row.chosen_by is not None:
            values[place].append(row.chosen_by)
    names = tuple(dict.fromkeys(columns.values())), tuple(dict.fromkeys(lines.values())) or ("",)
    cells = tuple(tuple(_cell(values[line, column]) for column in names[0]) for line in names[1])
    return Heat(across, down, *names, cells)


def _cell(values: Sequence[float]) -> Cell:
    return Cell(sum(values) / len(values) if values else None, len(values))


def _labels(rows: Sequence[SettingRow], name: str) -> Mapping[str, str]:
    """Each value and how it stands in the map, in order. Of many numbers a bin."""
    known = list(dict.fromkeys(row.settings[name] for row in rows))
    numbers = {value: read for value in known if isinstance(read := number(value), Decimal)}
    if len(numbers) < len(known):
        return {value: value for value in known}
    known.sort(key=numbers.__getitem__)
    if len(known) <= VALUES_MAX:
        return {value: value for value in known}
    bins = [known[place * len(known) // BINS : (place + 1) * len(known) // BINS] for place in range(BINS)]
    return {value: f"{part[0]} to {part[-1]}" for part in bins for value in part}

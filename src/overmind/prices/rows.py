"""Rows of candles as people have them: CSV with or without a header, Binance's dumps, and freqtrade's JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Final, Protocol

import msgspec

COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
# Other names of the first column, in lower case. Only one of them may stand in a header.
TIME_COLUMNS: Final = ("timestamp", "open_time", "open time", "opentime", "date", "datetime", "time", "unix")
CSV_ENDS: Final = (".csv", ".txt")
JSON_END: Final = ".json"
BINARY_ENDS: Final = (".feather", ".parquet", ".arrow")
ENDS: Final = (*CSV_ENDS, JSON_END, *BINARY_ENDS)

DELIMITERS: Final = (",", ";", "\t")

Cells = tuple[str, ...]
Placed = tuple[int, Cells]  # line, or number of the row in JSON, and the cells in the order of COLUMNS


class BadRow(Exception):
    """What is wrong with a row, and how to fix it. Without a line: the row that is being read."""

    def __init__(self, what: str, fix: str, line: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.line = line


class CsvRows(Protocol):
    """What `csv.reader` returns."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


def rows_of(file: Path, text: str) -> Iterator[Placed]:
    """The rows of a file with their places. Raises BadRow, with its place."""
    if file.suffix.lower() == JSON_END:
        yield from _of_json(text)
        return
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        yield from _of_csv(rows)
    except csv.Error as error:
        raise BadRow(f"not CSV: {error}", "Export the candles again", rows.line_num) from None


def _delimiter(text: str) -> str:
    """What parts the first line: a comma, or what spreadsheets of some countries write."""
    first = text[: text.find("\n")]
    return max(DELIMITERS, key=first.count)


def _of_csv(rows: CsvRows) -> Iterator[Placed]:
    first = next(iter(rows), [])
    width = len(first)
    if _is_candle(first):  # No header: the first columns are the usual ones, as in Binance's dumps of twelve.
        cells_of: Callable[[list[str]], Cells] = itemgetter(*range(len(COLUMNS)))
        yield rows.line_num, cells_of(first)
    else:
        cells_of = _columns(first)
    for row in rows:
        if len(row) == width:
            yield rows.line_num, cells_of(row)
        elif row:  # A blank line is allowed, an incomplete one is not.
            raise BadRow(f"{len(row)} columns instead of {width}", "Complete the line, or remove it", rows.line_num)


def _is_candle(row: list[str]) -> bool:
    """Whether a first line is a candle and no header: it begins with a digit."""
    return len(row) >= len(COLUMNS) and row[0].strip()[:1].isdigit()


def _columns(header: list[str]) -> Callable[[list[str]], Cells]:
    return itemgetter(*column_places(header))


def column_places(header: list[str]) -> list[int]:
    """Where each of COLUMNS stands. Raises BadRow."""
    names = [name.strip().lower() for name in header]
    times = [name for name in TIME_COLUMNS if name in names]
    if len(times) == 1:
        names[names.index(times[0])] = COLUMNS[0]
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        what = f"no column {', '.join(missing)}" if header else "empty"
        raise BadRow(what, f"The first line must read {','.join(COLUMNS)}, or be a candle in this order", line=1)
    return [names.index(column) for column in COLUMNS]


def _of_json(text: str) -> Iterator[Placed]:
    """freqtrade's: a list of rows of numbers. Numbers are kept as they are written."""
    try:
        rows = msgspec.json.decode(text, type=list[list[msgspec.Raw]])
    except msgspec.DecodeError as error:
        fix = "It must be a list of rows [timestamp, open, high, low, close, volume], as freqtrade writes"
        raise BadRow(f"not a list of candles: {error}", fix, line=1) from None
    for number, row in enumerate(rows, 1):
        if len(row) != len(COLUMNS):
            raise BadRow(f"{len(row)} numbers instead of {len(COLUMNS)}", "Complete the row, or remove it", number)
        yield number, tuple(bytes(cell).decode() for cell in row)

"""Rows of candles from feather and parquet files, as freqtrade writes them. The package that reads them is optional."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from overmind.prices.rows import COLUMNS, BadRow, Placed, column_places

PACKAGE: Final = "pyarrow"
EXTRA: Final = "arrow"
INSTALL: Final = f'Install it with: pip install "overmind[{EXTRA}]", or export the candles as CSV'
PARQUET_END: Final = ".parquet"
UNITS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9}  # decimals of a second


class Reader(Protocol):
    """What a module of the package has."""

    def read_table(self, source: str) -> Any:
        """A table with `column_names` and `column(number)`."""


def arrow_rows(file: Path) -> Iterator[Placed]:
    """The rows with their numbers. Raises BadRow."""
    table = _table(file)
    places = column_places(table.column_names)
    times, *others = (table.column(places[column]) for column in range(len(COLUMNS)))
    cells = zip(_times(times), *(_numbers(one.to_pylist()) for one in others), strict=True)
    yield from enumerate(cells, 1)


def _table(file: Path) -> Any:
    module = "parquet" if file.suffix.lower() == PARQUET_END else "feather"
    try:
        reader: Reader = import_module(f"{PACKAGE}.{module}")  # type-checked by what it is used for
    except ImportError:
        raise BadRow(f"it needs the package {PACKAGE}, which is not installed", INSTALL) from None
    try:
        return reader.read_table(str(file))
    except (ValueError, OSError) as error:  # The package's own errors are ValueErrors.
        what = str(error).partition("\n")[0][:200]
        raise BadRow(f"not a {module} file: {what}", "Export the candles again, whole") from None


def _times(column: Any) -> Sequence[str]:
    """Instants as unix time in seconds; texts and numbers as they are."""
    unit = getattr(column.type, "unit", None)
    if unit not in UNITS:
        return _numbers(column.to_pylist())
    whole = column.cast("int64").to_pylist()
    return [_seconds(at, UNITS[unit]) if isinstance(at, int) else "" for at in whole]


def _seconds(units: int, decimals: int) -> str:
    digits = f"{units:0{decimals + 1}}"
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


def _numbers(values: Sequence[object]) -> list[str]:
    """As they would be written: of a float the shortest decimal that equals it; of none nothing."""
    return ["" if value is None else str(value) for value in values]
